"""Makes residual.onnx, residual_inputs.bin and residual_outputs.bin: a small network with sums and products of two
tensors (residual addition; squeeze and excite, its pixel as first and as second input; a tensor with itself), and what
ONNX Runtime computes for random inputs. Needs examples/mnist/train/requirements.txt, and a CPU with FMA.

    python make_residual.py .

int8 by int8 within [-64, 64], whose sums ONNX Runtime takes exactly on every CPU.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

SAMPLES = 16
SHAPE = [1, 3, 8, 8]
rng = np.random.default_rng(11)
nodes, constants = [], []


def constant(name, value):
    constants.append(numpy_helper.from_array(np.asarray(value), name))
    return name


class Quantised:
    """A tensor between layers, of standard deviation about 40 scale."""

    def __init__(self, name, scale, zero_point):
        self.name = name
        self.scale_value = scale
        self.inputs = [name, constant(f"{name}_scale", np.float32(scale)), constant(f"{name}_zero", np.int8(zero_point))]


def linear(op, x, y, shape, domain="", **attributes):
    name, outputs, taps = f"{y.name}_{op}", shape[0], np.prod(shape[1:])
    scale = y.scale_value / (x.scale_value * 37 * taps**0.5)
    weights = [constant(f"{name}_w", rng.integers(-64, 64, shape, np.int8, endpoint=True)),
               constant(f"{name}_ws", (rng.uniform(0.5, 1.5, outputs) * scale).astype(np.float32)),
               constant(f"{name}_wz", np.zeros(outputs, np.int8))]  # fmt: skip
    bias = [constant(f"{name}_b", rng.integers(-3000, 3000, outputs, np.int32))]
    result = y.inputs[1:]
    inputs = [*x.inputs, *weights, *(bias + result if op == "QGemm" else result + bias)]
    nodes.append(helper.make_node(op, inputs, [y.name], name, domain=domain, **attributes))


def pair(op, a, b, y):
    nodes.append(helper.make_node(op, [*a.inputs, *b.inputs, *y.inputs[1:]], [y.name], y.name, domain="com.microsoft"))


image, c1, c2, a1 = (Quantised(*q) for q in [("image", 0.02, 5), ("c1", 0.03, -7), ("c2", 0.03, 3), ("a1", 0.041, 11)])
squeezed, m1, a2, a3 = (Quantised(*q) for q in [("squeezed", 0.021, -90), ("m1", 0.05, 0), ("a2", 0.1, -3), ("a3", 0.11, 1)])
m2, logits = Quantised("m2", 0.1, 60), Quantised("logits", 0.2, -9)
linear("QLinearConv", image, c1, (6, 3, 3, 3), pads=[1, 1, 1, 1])  # [6][8][8]
linear("QLinearConv", c1, c2, (6, 6, 3, 3), pads=[1, 1, 1, 1])
pair("QLinearAdd", c2, c1, a1)  # ties: equal scales
linear("QLinearConv", a1, squeezed, (6, 6, 8, 8))  # [6][1][1]
pair("QLinearMul", squeezed, a1, m1)
pair("QLinearAdd", m1, m1, a2)
pair("QLinearAdd", squeezed, a2, a3)
pair("QLinearMul", a3, squeezed, m2)
nodes.append(helper.make_node("Flatten", ["m2"], ["flat"], "flatten"))
m2.inputs[0] = "flat"
linear("QGemm", m2, logits, (24, 384), "com.microsoft", transB=1)


def main():
    out = pathlib.Path(sys.argv[1])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    inputs = [helper.make_tensor_value_info("image", TensorProto.INT8, SHAPE)]
    # All tensors, to see that none is all one value; the file has the last one alone.
    every = [helper.make_tensor_value_info(n.output[0], TensorProto.INT8, None) for n in nodes]
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL

    def model(outputs):
        graph = helper.make_graph(nodes, "residual", inputs, outputs, constants)
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    session = ort.InferenceSession(model(every).SerializeToString(), options, providers=["CPUExecutionProvider"])
    xs, ys = b"", b""
    spreads = {node.name: set() for node in nodes}
    for _ in range(SAMPLES):
        x = rng.integers(-128, 127, SHAPE, np.int8, endpoint=True)
        found = session.run(None, {"image": x})
        for node, y in zip(nodes, found):
            spreads[node.name] |= set(y.flatten().tolist())
        xs += (x ^ np.int8(-128)).tobytes()  # offset binary, as read_tensor reads it
        ys += found[-1].tobytes()
    for name, values in spreads.items():
        print(name, len(values))
        assert len(values) > 40, (name, values)
    onnx.save(model(every[-1:]), out / "residual.onnx")
    (out / "residual_inputs.bin").write_bytes(xs)
    (out / "residual_outputs.bin").write_bytes(ys)


if __name__ == "__main__":
    main()
