#!/usr/bin/env bash
# onnxruntime 1.32.0: averages of windows that ceil_mode lets reach beyond the padding change by optimisation.
#
# Behaviour: with count_include_pad an average is divided by the number of elements in the window, those of the padding
# too. Where ceil_mode adds a window that reaches beyond the padding, AveragePool of floats counts only what is inside
# the padded input, as onnx's reference does. QLinearAveragePool divides by the whole window. A default session makes
# QLinearAveragePool of DequantizeLinear, AveragePool, QuantizeLinear, so the same file gives two answers, that differ
# as much as the window sticks out: no rounding of 8 bits explains that. Without either of the attributes they agree.
#
# Seen (onnx 1.23.2; uint8, four elements 12, scales 1; window 3, stride 2, pads 1 and 1):
#   count_include_pad, ceil_mode    QLinearAveragePool    QDQ, default    QDQ, no optimisation    onnx.reference
#   1, 1                            8 12 4                8 12 4          8 12 6                  8 12 6
#   1, 0                            8 12                  8 12            8 12                    8 12
#   0, 1                            12 12 12              12 12 12        12 12 12                12 12 12
#
# zkvm follows QLinearAveragePool: cases averagepool_op_count_include_pad_ceil and the same with qdq of
# tests/import/cases_test.cc.
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
cat >average.py <<'PYTHON'
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

X = {"x": numpy.full((1, 1, 1, 4), 12, numpy.uint8)}
WINDOW = dict(kernel_shape=[1, 3], strides=[1, 2], pads=[0, 1, 0, 1])


def model_of(nodes):
    constants = [helper.make_tensor("s", TensorProto.FLOAT, [], [1]),
                 helper.make_tensor("z", TensorProto.UINT8, [], [0])]
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, X["x"].shape)
    y = helper.make_tensor_value_info("y", TensorProto.UINT8, [1, 1, 1, None])
    versions = [helper.make_opsetid("", 19), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(helper.make_graph(nodes, "average", [x], [y], constants), opset_imports=versions,
                             ir_version=9)


def run(model, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, "ORT_" + level)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, X)[0].ravel().tolist()


for include, ceil in (1, 1), (1, 0), (0, 1):
    options = dict(count_include_pad=include, ceil_mode=ceil, **WINDOW)
    one = model_of([helper.make_node("QLinearAveragePool", ["x", "s", "z", "s", "z"], ["y"], domain="com.microsoft",
                                     **options)])
    three = model_of([helper.make_node("DequantizeLinear", ["x", "s", "z"], ["a"]),
                      helper.make_node("AveragePool", ["a"], ["b"], **options),
                      helper.make_node("QuantizeLinear", ["b", "s", "z"], ["y"])])
    onnx.checker.check_model(three, full_check=True)
    print(include, ceil, run(one, "ENABLE_ALL"), run(three, "ENABLE_ALL"), run(three, "DISABLE_ALL"),
          ReferenceEvaluator(three).run(None, X)[0].ravel().tolist())
PYTHON
cat >expected <<'TEXT'
1 1 [8, 12, 4] [8, 12, 4] [8, 12, 6] [8, 12, 6]
1 0 [8, 12] [8, 12] [8, 12] [8, 12]
0 1 [12, 12, 12] [12, 12, 12] [12, 12, 12] [12, 12, 12]
TEXT
echo "onnxruntime 1.32.0, count_include_pad, ceil_mode: QLinearAveragePool, QDQ by default, unoptimised, reference:"
venv/bin/python average.py >seen
cat seen
diff expected seen && echo "as stated: the optimised average counts elements beyond the padding"
