#!/usr/bin/env bash
# onnxruntime 1.32.0: two quantisations in a row become one, whose scale can be one that the file does not have.
#
# Behaviour: a default session takes QuantizeLinear, DequantizeLinear, QuantizeLinear, DequantizeLinear with constant
# parameters for one pair. It intersects the ranges of both and makes a scale and a zero point for what is left, so a
# pair of fine steps takes the place of a pair of coarse ones, whichever comes first. Values are off by up to half a
# coarse step, and where zero points differ no output need be a multiple of any scale of the file. What the file says is
# to round to the coarse steps, too; so does a session with the entry session.disable_double_qdq_remover=1.
#
# Seen (int8; scale/zero point of the first and of the second pair; inputs 0.3 3.4 12.6 100):
#   1/0     0.125/0     0.25 3.375 12.625 15.875            with the entry: 0 3 13 15.875
#   0.125/0     1/0     0.25 3.375 12.625 15.875            with the entry: 0 3 13 16
#   0.5/0  0.5/-128     0.24902 3.4863 12.7 63.5            with the entry: 0.5 3.5 12.5 63.5
# The steps of the last are 63.5 / 255.
#
# zkvm computes what the file says, and warns: tests/import/lower_test.cc, Lower.KeepsTwoQuantisationsInARow.
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
cat >quantise.py <<'PYTHON'
import numpy
import onnxruntime
from onnx import TensorProto, helper

X = numpy.array([0.3, 3.4, 12.6, 100], numpy.float32)


def rounded(pairs, entries):
    nodes, constants, value = [], [], "x"
    for i, (scale, zero) in enumerate(pairs):
        constants += [helper.make_tensor(f"scale{i}", TensorProto.FLOAT, [], [scale]),
                      helper.make_tensor(f"zero{i}", TensorProto.INT8, [], [zero])]
        nodes += [helper.make_node("QuantizeLinear", [value, f"scale{i}", f"zero{i}"], [f"bytes{i}"]),
                  helper.make_node("DequantizeLinear", [f"bytes{i}", f"scale{i}", f"zero{i}"], [f"y{i}"])]
        value = f"y{i}"
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, X.shape) for name in ("x", value))
    graph = helper.make_graph(nodes, "pairs", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    for entry in entries:
        options.add_session_config_entry(entry, "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return *(f"{float(v):.5g}" for v in session.run(None, {"x": X})[0]),


for pairs in [(1, 0), (0.125, 0)], [(0.125, 0), (1, 0)], [(0.5, 0), (0.5, -128)]:
    print(*pairs, "default:", *rounded(pairs, []))
    print(*pairs, "entry:", *rounded(pairs, ["session.disable_double_qdq_remover"]))
PYTHON
cat >expected <<'TEXT'
(1, 0) (0.125, 0) default: 0.25 3.375 12.625 15.875
(1, 0) (0.125, 0) entry: 0 3 13 15.875
(0.125, 0) (1, 0) default: 0.25 3.375 12.625 15.875
(0.125, 0) (1, 0) entry: 0 3 13 16
(0.5, 0) (0.5, -128) default: 0.24902 3.4863 12.7 63.5
(0.5, 0) (0.5, -128) entry: 0.5 3.5 12.5 63.5
TEXT
echo "onnxruntime 1.32.0, two pairs of QuantizeLinear and DequantizeLinear in a row, inputs 0.3 3.4 12.6 100:"
venv/bin/python quantise.py >seen
cat seen
diff expected seen && echo "as stated: the default session makes one pair of both, with steps of its own"
