#!/usr/bin/env bash
# onnxruntime 1.32.0: QLinearAdd of the same two numbers differs with the number of elements, and turns around at 2^31.
#
# Behaviour, on a CPU with fma: the sum of a and b is made with two fused steps, one operand inside the other. Which one
# is inside depends on the shape: it is b, but a where a is constant along the inner dimensions while b is not, and
# also where both tensors have one element only. So tensors of one element can give another byte than longer tensors
# that hold the same numbers, and adding is not commutative. Results that do not fit in 32 bits become the *least* byte,
# also those that are far above the greatest one: large scales are legal, and saturation is what the name promises.
#
# Seen (int8; a = -16, scale 0.1, zero point 4; b = 5, scale 0.25, zero point 2; output scale 0.5, zero point 4):
#   shape [1, 1, 1, 1]   2
#   shape [1, 1, 1, 2]   1      also [1, 2, 1, 1] and [1, 1, 2, 1]
# a = 64 at scale 2^25 and b = 0, output scale 1, eight elements:
#   shape [1, 1, 1, 8]   -128   (127 at scale 2^24)
#
# Needs python3 with venv, network, and an x86-64 CPU with FMA. Exit status 0: as stated; 1: it has changed; 77: the
# packages, or the CPU, are not to be had.
set -euo pipefail
grep -qw fma /proc/cpuinfo || { echo "this CPU has no fma"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6; } >log 2>&1 || {
  tail -5 log
  exit 77
}
cat >add.py <<'PYTHON'
import numpy
import onnxruntime
from onnx import TensorProto, helper


def add(shape, a, b, scales, zeros):
    names = ["scale_a", "scale_b", "scale_y"], ["zero_a", "zero_b", "zero_y"]
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [x]) for name, x in zip(names[0], scales)]
    constants += [helper.make_tensor(name, TensorProto.INT8, [], [x]) for name, x in zip(names[1], zeros)]
    node = helper.make_node("QLinearAdd", ["a", "scale_a", "zero_a", "b", "scale_b", "zero_b", "scale_y", "zero_y"], ["y"],
                            domain="com.microsoft")
    tensors = {name: helper.make_tensor_value_info(name, TensorProto.INT8, shape) for name in "aby"}
    graph = helper.make_graph([node], "sum", [tensors["a"], tensors["b"]], [tensors["y"]], constants)
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=9).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    inputs = {name: numpy.full(shape, x, numpy.int8) for name, x in (("a", a), ("b", b))}
    return sorted({int(y) for y in session.run(None, inputs)[0].ravel()})


for shape in [1, 1, 1, 1], [1, 1, 1, 2], [1, 2, 1, 1], [1, 1, 2, 1]:
    print(shape, add(shape, -16, 5, [0.1, 0.25, 0.5], [4, 2, 4]))
for exponent in 24, 25:
    print(exponent, add([1, 1, 1, 8], 64, 0, [2.0**exponent, 1, 1], [0, 0, 0]))
PYTHON
cat >expected <<'TEXT'
[1, 1, 1, 1] [2]
[1, 1, 1, 2] [1]
[1, 2, 1, 1] [1]
[1, 1, 2, 1] [1]
24 [127]
25 [-128]
TEXT
venv/bin/python add.py >seen
cat seen
diff expected seen && echo "as stated"
