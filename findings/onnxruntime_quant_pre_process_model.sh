#!/usr/bin/env bash
# onnxruntime 1.32.0: quant_pre_process fails on a ModelProto with constant shapes; on the same model's file it works.
#
# Behaviour: given a ModelProto, quant_pre_process takes the data out of its initializers, as if they stood in a file
# foo.bin, before it makes the session that optimises the model. Shape inference cannot read such a Reshape's shape, so
# the session fails ("Cannot parse data from external tensors"). That is logged, and the function goes on with the model
# that it has emptied, and ends with onnx's "Data of TensorProto .. should be stored in .. foo.bin, but it is not regular
# file". The caller's own ModelProto is left without its data, too. One Reshape by two constant numbers is enough.
#
# No report of it was found among the project's issues. zkvm.quantize gives it a file: host/python/zkvm/float_model.py.
#
# Needs python3 with venv, and network. Exit status 0: as stated; 1: it has changed; 77: the packages are not to be had.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6; } >log 2>&1 || {
  tail -5 log
  exit 77
}
cat >model.py <<'PYTHON'
import logging
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

logging.disable()


def model():
    shape = numpy_helper.from_array(np.array([512, 2], np.int64), "shape")
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, [2, 512]),
                                                            ("y", TensorProto.FLOAT, [512, 2]))]
    graph = helper.make_graph([helper.make_node("Reshape", ["x", "shape"], ["y"])], "g", ends[:1], ends[1:], [shape])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


onnx.save(model(), "model.onnx")
quant_pre_process("model.onnx", "of_file.onnx", skip_symbolic_shape=True)
print("of a file: works")
given = model()
try:
    quant_pre_process(given, "of_model.onnx", skip_symbolic_shape=True)
    failed = False
except onnx.checker.ValidationError as error:
    failed = "foo.bin" in str(error)
    print("of a ModelProto:", error)
emptied = given != model()
print("the caller's model has changed:", emptied)
sys.exit(not (failed and emptied))
PYTHON
venv/bin/python model.py
