"""Makes network.onnx, network_inputs.bin and network_outputs.bin: a small network of what only the tensor unit has
(groups, dilation, uneven padding, padded pools), and what ONNX Runtime computes for random inputs. Needs
examples/mnist/train/requirements.txt.

    python make_network.py .

int8 by int8, whose sums ONNX Runtime takes exactly on every CPU.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

SAMPLES = 32
rng = np.random.default_rng(7)
nodes, constants = [], []


def constant(name, value):
    constants.append(numpy_helper.from_array(np.asarray(value), name))
    return name


class Quantised:
    """A tensor between layers."""

    def __init__(self, name, scale, zero_point):
        self.name = name
        self.scale = constant(f"{name}_scale", np.float32(scale))
        self.zero = constant(f"{name}_zero", np.int8(zero_point))


def linear(op, x, y, shape, taps, domain="", **attributes):
    name, outputs = f"{y.name}_{op}", shape[0]
    weights = [constant(f"{name}_w", rng.integers(-127, 127, shape, np.int8, endpoint=True)),
               constant(f"{name}_ws", rng.uniform(0.5, 1.5, outputs).astype(np.float32) * np.float32(0.4 / taps**0.5)),
               constant(f"{name}_wz", np.zeros(outputs, np.int8))]  # fmt: skip
    bias = [constant(f"{name}_b", rng.integers(-3000, 3000, outputs, np.int32))]
    result = [y.scale, y.zero]
    inputs = [x.name, x.scale, x.zero, *weights, *(bias + result if op == "QGemm" else result + bias)]
    nodes.append(helper.make_node(op, inputs, [y.name], name, domain=domain, **attributes))


def conv(x, y, shape, pads=(0, 0, 0, 0), strides=(1, 1), dilations=(1, 1), group=1):
    linear("QLinearConv", x, y, shape, shape[1] * shape[2] * shape[3], kernel_shape=shape[2:], pads=pads, strides=strides,
           dilations=dilations, group=group)  # fmt: skip


def max_pool(x, y, kernel, strides, pads):
    nodes.append(helper.make_node("MaxPool", [x], [y], y, kernel_shape=kernel, strides=strides, pads=pads))


image, c1, c2, c3 = (Quantised(*q) for q in [("image", 0.02, 5), ("c1", 1, -128), ("c2", 50, 3), ("c3", 2000, -128)])
c4, logits = Quantised("c4", 20000, 17), Quantised("logits", 600000, -9)
conv(image, c1, (6, 3, 3, 3), pads=(1, 1, 1, 1), strides=(2, 2))  # [6][7][8], of a planar input
conv(c1, c2, (6, 1, 3, 3), pads=(1, 1, 1, 1), group=6)  # depthwise
conv(c2, c3, (10, 6, 1, 1))
max_pool("c3", "p3", [3, 3], [2, 2], [1, 1, 1, 1])  # [10][4][4]
p3 = c3
p3.name = "p3"
conv(p3, c4, (8, 5, 3, 3), pads=(2, 1, 2, 3), dilations=(2, 2), group=2)  # [8][4][4]
max_pool("c4", "p4", [2, 2], [2, 2], [0, 0, 0, 0])
nodes.append(helper.make_node("Flatten", ["p4"], ["flat"], "flatten"))
c4.name = "flat"
linear("QGemm", c4, logits, (24, 32), 32, "com.microsoft", transB=1)


def main():
    out = pathlib.Path(sys.argv[1])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    inputs = [helper.make_tensor_value_info("image", TensorProto.INT8, [1, 3, 14, 16])]
    # All tensors, to see that none is all one value; the file has the last one alone.
    every = [helper.make_tensor_value_info(n.output[0], TensorProto.INT8, None) for n in nodes]
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL

    def model(outputs):
        graph = helper.make_graph(nodes, "network", inputs, outputs, constants)
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    session = ort.InferenceSession(model(every).SerializeToString(), options, providers=["CPUExecutionProvider"])
    xs, ys = b"", b""
    for _ in range(SAMPLES):
        x = rng.integers(-128, 127, [1, 3, 14, 16], np.int8, endpoint=True)
        found = session.run(None, {"image": x})
        for node, y in zip(nodes, found):
            spread = len(np.unique(y))
            assert spread > 15, (node.name, spread, y)
        xs += (x ^ np.int8(-128)).tobytes()  # offset binary, as read_tensor reads it
        ys += found[-1].tobytes()
    onnx.save(model(every[-1:]), out / "network.onnx")
    (out / "network_inputs.bin").write_bytes(xs)
    (out / "network_outputs.bin").write_bytes(ys)


if __name__ == "__main__":
    main()
