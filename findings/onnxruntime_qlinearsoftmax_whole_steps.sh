#!/usr/bin/env bash
# onnxruntime 1.32.0: QLinearSoftmax takes only the whole part of 1 / output scale: a probability of 1 becomes 254.
#
# Behaviour: probabilities are multiplied by floor(1 / scale), where Softmax and QuantizeLinear divide by the scale. If
# that is no reciprocal of an integer, the fraction is lost: by 0.15 a probability of 1 becomes 6 steps, though 7 are
# nearer; by 0.6 it is 1 step, and equal halves become 0. The obvious scale for probabilities, 1/255, is such a one:
# the nearest float32 is a little more, its reciprocal less than 255, and everything is scaled by 254. A default session
# makes QLinearSoftmax of DequantizeLinear, Softmax, QuantizeLinear, so such a file's bytes change by optimisation.
#
# Seen (uint8, zero points 0, input scale 1; inputs 200 0 / 200 200); a default session's QDQ form is as the operator:
#   output scale    QLinearSoftmax        without optimisation
#   1/255           254 0 / 127 127       255 0 / 127 127
#   0.15            6 0 / 3 3             7 0 / 3 3
#   0.6             1 0 / 0 0             2 0 / 1 1
#   1/256           255 0 / 128 128       255 0 / 128 128
#
# zkvm follows QLinearSoftmax: cases softmax_op_scale_1_255 and softmax_qdq_scale_1_255 of tests/import/cases_test.cc.
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
cat >softmax.py <<'PYTHON'
import numpy
import onnxruntime
from onnx import TensorProto, helper

ONE = [helper.make_node("QLinearSoftmax", ["x", "sx", "z", "sy", "z"], ["y"], domain="com.microsoft", axis=-1,
                        opset=13)]
THREE = [helper.make_node("DequantizeLinear", ["x", "sx", "z"], ["a"]), helper.make_node("Softmax", ["a"], ["b"]),
         helper.make_node("QuantizeLinear", ["b", "sy", "z"], ["y"])]


def outputs(nodes, scale, level="ENABLE_ALL"):
    constants = [helper.make_tensor("sx", TensorProto.FLOAT, [], [1]),
                 helper.make_tensor("sy", TensorProto.FLOAT, [], [scale]),
                 helper.make_tensor("z", TensorProto.UINT8, [], [0])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.UINT8, [2, 2]) for name in "xy")
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "softmax", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=versions, ir_version=9).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, "ORT_" + level)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": numpy.array([[200, 0], [200, 200]], numpy.uint8)})[0].tolist()


for name, scale in ("1/255", 1 / 255), ("0.15", 0.15), ("0.6", 0.6), ("1/256", 1 / 256):
    print(name, outputs(ONE, scale), outputs(THREE, scale), outputs(THREE, scale, "DISABLE_ALL"))
PYTHON
cat >expected <<'TEXT'
1/255 [[254, 0], [127, 127]] [[254, 0], [127, 127]] [[255, 0], [127, 127]]
0.15 [[6, 0], [3, 3]] [[6, 0], [3, 3]] [[7, 0], [3, 3]]
0.6 [[1, 0], [0, 0]] [[1, 0], [0, 0]] [[2, 0], [1, 1]]
1/256 [[255, 0], [128, 128]] [[255, 0], [128, 128]] [[255, 0], [128, 128]]
TEXT
echo "onnxruntime 1.32.0, output scale: QLinearSoftmax, QDQ by a default session, QDQ without optimisation:"
venv/bin/python softmax.py >seen
cat seen
diff expected seen && echo "as stated: QLinearSoftmax multiplies by floor(1 / scale)"
