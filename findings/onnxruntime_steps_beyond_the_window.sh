#!/usr/bin/env bash
# onnxruntime 1.32.0: auto_pad SAME with steps beyond the window means other things by operator, element type and opset.
#
# Behaviour: where the stride is longer than the window, windows may reach the end too early, and the number of elements
# that auto_pad asks to add is negative. MaxPool of bytes, and AveragePool since opset 19, leave out so many elements at
# the edges. MaxPool of floats, and AveragePool before, refuse to run: "padding values must be non-negative". Conv takes
# the places that it would by leaving out one element less. So the element type or the opset decides whether the same
# pool runs at all, and a pool takes other places than the convolution beside it. A window of 1 with a stride of 2 on an
# even size is enough for the refusal. Where elements are left out, SAME_LOWER can begin before SAME_UPPER, though it is
# the one that pads more in front.
#
# Seen (opset 21 where none is said; one dimension, elements 1, 2, 3, ..; Conv takes the first element of its window):
#                            8 elements, window 2, stride 4     12 elements, window 1, stride 4
#                            SAME_UPPER     SAME_LOWER          SAME_UPPER     SAME_LOWER
#   Conv                     1 5            1 5                 2 6 10         1 5 9
#   MaxPool, uint8           3 7            2 6                 2 6 10         2 6 10
#   MaxPool, float           refused        refused             refused        refused
#   AveragePool              2.5 6.5        1.5 5.5             2 6 10         2 6 10
#   AveragePool, opset 18    refused        refused             refused        refused
#
# zkvm refuses such pools: tests/import/lower_test.cc, Lower.RefusesPoolsThatTheRuntimeCrops.
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
cat >windows.py <<'PYTHON'
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper


def outputs(op, kind, opset, size, window, step, auto_pad):
    weights = [helper.make_tensor("w", kind, [1, 1, window], [1] + [0] * (window - 1))] if op == "Conv" else []
    node = helper.make_node(op, ["x"] + [w.name for w in weights], ["y"], kernel_shape=[window], strides=[step],
                            auto_pad=auto_pad)
    x = helper.make_tensor_value_info("x", kind, [1, 1, size])
    y = helper.make_tensor_value_info("y", kind, [1, 1, size // step])
    graph = helper.make_graph([node], "windows", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    elements = numpy.arange(1, size + 1, dtype=helper.tensor_dtype_to_np_dtype(kind))[None, None]
    try:
        return session.run(None, {"x": elements})[0].ravel().tolist()
    except Exception as error:
        return "refused" if "padding values must be non-negative" in str(error) else str(error)


POOLS = [("Conv", "FLOAT", 21), ("MaxPool", "UINT8", 21), ("MaxPool", "FLOAT", 21), ("AveragePool", "FLOAT", 21),
         ("AveragePool", "FLOAT", 18)]
for size, window, step in (8, 2, 4), (12, 1, 4), (8, 1, 2):
    for op, kind, opset in POOLS:
        print(size, window, step, op, kind.lower(), opset,
              *(outputs(op, getattr(TensorProto, kind), opset, size, window, step, pad)
                for pad in ("SAME_UPPER", "SAME_LOWER")))
PYTHON
cat >expected <<'TEXT'
8 2 4 Conv float 21 [1.0, 5.0] [1.0, 5.0]
8 2 4 MaxPool uint8 21 [3, 7] [2, 6]
8 2 4 MaxPool float 21 refused refused
8 2 4 AveragePool float 21 [2.5, 6.5] [1.5, 5.5]
8 2 4 AveragePool float 18 refused refused
12 1 4 Conv float 21 [2.0, 6.0, 10.0] [1.0, 5.0, 9.0]
12 1 4 MaxPool uint8 21 [2, 6, 10] [2, 6, 10]
12 1 4 MaxPool float 21 refused refused
12 1 4 AveragePool float 21 [2.0, 6.0, 10.0] [2.0, 6.0, 10.0]
12 1 4 AveragePool float 18 refused refused
8 1 2 Conv float 21 [1.0, 3.0, 5.0, 7.0] [1.0, 3.0, 5.0, 7.0]
8 1 2 MaxPool uint8 21 [1, 3, 5, 7] [1, 3, 5, 7]
8 1 2 MaxPool float 21 refused refused
8 1 2 AveragePool float 21 [1.0, 3.0, 5.0, 7.0] [1.0, 3.0, 5.0, 7.0]
8 1 2 AveragePool float 18 refused refused
TEXT
echo "onnxruntime 1.32.0, size, window, stride, operator, type, opset, outputs by SAME_UPPER, by SAME_LOWER:"
venv/bin/python windows.py >seen
cat seen
diff expected seen && echo "as stated: one auto_pad, other places or none"
