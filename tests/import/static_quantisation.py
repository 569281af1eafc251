"""Float networks of a few layers, quantised by onnxruntime.quantization.quantize_static."""

import itertools
import logging
import pathlib
import tempfile
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from graph import Feed, Graph

logging.getLogger().setLevel(logging.ERROR)  # quantize_static advises, at length
NAMES = {TensorProto.UINT8: "u8", TensorProto.INT8: "s8"}


class Ready:
    """A model that somebody else wrote: its inputs, and the quantised tensors that its outputs are made of."""

    def __init__(self, name, proto, form="qdq", cuts=None):
        self.name, self.proto, self.form, self.sums, self.moved = name, proto, form, {}, {}
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.constants = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
        self.writers = {out: node for node in proto.graph.node for out in node.output}
        self.feeds = [self._feed(i) for i in proto.graph.input if i.name not in self.constants]
        self.cuts = cuts or list(dict.fromkeys(c for o in proto.graph.output for c in self._bytes_behind(o.name)))

    def _feed(self, info):
        dims = tuple(max(1, d.dim_value) for d in info.type.tensor_type.shape.dim)
        element = info.type.tensor_type.elem_type
        if element != TensorProto.FLOAT:
            zero = 0
            return Feed(info.name, dims, NAMES[element], None, zero)
        for node in self.proto.graph.node:
            if node.op_type == "QuantizeLinear" and node.input[0] == info.name:
                zero = self.constants[node.input[2]]
                return Feed(
                    info.name,
                    dims,
                    "u8" if zero.dtype == np.uint8 else "s8",
                    float(self.constants[node.input[1]]),
                    int(zero),
                )
        raise ValueError(f"{self.name}: {info.name} is not quantised")

    def _bytes_behind(self, name):
        node = self.writers[name]
        if node.op_type == "DequantizeLinear":
            return [node.input[0]] if node.input[0] in self.writers else []
        if node.op_type.startswith("Q"):
            return [name]
        return [cut for i in node.input if i in self.writers for cut in self._bytes_behind(i)]

    def model(self, shapes=None, extra=()):
        copy = onnx.ModelProto()
        copy.CopyFrom(self.proto)
        copy.graph.output.extend(onnx.ValueInfoProto(name=n) for n in extra)
        return copy


class Random(CalibrationDataReader):
    def __init__(self, inputs, rng):
        self.rows = iter([{n: rng.uniform(-1.5, 1.5, d).astype(np.float32) for n, d in inputs} for _ in range(4)])

    def get_next(self):
        return next(self.rows, None)


def quantise(
    name, graph, inputs, form="qdq", activation="u8", weight="s8", per_channel=False, reduce_range=True, **options
):
    """`graph` is in floats."""
    types = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "float.onnx"), pathlib.Path(folder, "bytes.onnx")
        onnx.save(graph.model(), source)
        quantize_static(
            source,
            target,
            Random(inputs, graph.rng),
            per_channel=per_channel,
            reduce_range=reduce_range,
            quant_format=QuantFormat.QDQ if form == "qdq" else QuantFormat.QOperator,
            activation_type=types[activation],
            weight_type=types[weight],
            calibrate_method=CalibrationMethod.MinMax,
            **options,
        )
        return Ready(name, onnx.load(target), form)


def floats(name, dims, opset=17):
    graph = Graph(name, opset=opset)
    graph.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, dims))
    return graph


def result(graph, name):
    graph.result(name, TensorProto.FLOAT, cut=False)
    return graph


def weight(graph, *dims):
    return graph.floats(graph.rng.normal(0, 1 / np.sqrt(np.prod(dims[1:])), dims))


def bias(graph, count):
    return graph.floats(graph.rng.normal(0, 0.1, count))


def convolution(graph, v, inputs, outputs, size=3, **attributes):
    group = attributes.get("group", 1)
    return graph.node(
        "Conv",
        [v, weight(graph, outputs, inputs // group, size, size), bias(graph, outputs)],
        kernel_shape=[size, size],
        **attributes,
    )


def gemm(graph, v, inputs, outputs):
    return graph.node("Gemm", [v, weight(graph, outputs, inputs), bias(graph, outputs)], transB=1)


def cnn(name):
    g = floats(name, (1, 2, 6, 6))
    v = g.node("Relu", [convolution(g, "x", 2, 4, pads=[1, 1, 1, 1])])
    v = g.node("MaxPool", [v], kernel_shape=[2, 2], strides=[2, 2])
    v = g.node("Relu", [convolution(g, v, 4, 6, 2)])
    v = g.node("Flatten", [v])
    return result(g, gemm(g, v, 24, 5)), [("x", (1, 2, 6, 6))]


def residual(name):
    g = floats(name, (1, 4, 5, 5))
    a = g.node("Relu", [convolution(g, "x", 4, 4, pads=[1, 1, 1, 1])])
    b = convolution(g, a, 4, 4, pads=[1, 1, 1, 1])
    v = g.node("Relu", [g.node("Add", [b, a])])
    v = g.node("GlobalAveragePool", [v])
    return result(g, gemm(g, g.node("Flatten", [v]), 4, 3)), [("x", (1, 4, 5, 5))]


def inverted_residual(name):
    g = floats(name, (1, 4, 4, 4))
    v = g.node("Clip", [convolution(g, "x", 4, 8, 1), g.floats(0), g.floats(6)])
    v = g.node("Clip", [convolution(g, v, 8, 8, 3, pads=[1, 1, 1, 1], group=8), g.floats(0), g.floats(6)])
    return result(g, g.node("Add", ["x", convolution(g, v, 8, 4, 1)])), [("x", (1, 4, 4, 4))]


def squeeze_and_excite(name):
    g = floats(name, (1, 4, 4, 4))
    v = g.node("HardSwish", [convolution(g, "x", 4, 8, 1)])
    s = g.node("GlobalAveragePool", [v])
    s = g.node("Relu", [convolution(g, s, 8, 4, 1)])
    s = g.node("Sigmoid", [convolution(g, s, 4, 8, 1)])
    return result(g, convolution(g, g.node("Mul", [v, s]), 8, 3, 1)), [("x", (1, 4, 4, 4))]


def branches(name):
    g = floats(name, (1, 3, 5, 5))
    a = g.node("Relu", [convolution(g, "x", 3, 3, 1)])
    b = g.node("AveragePool", ["x"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    c = g.node("LeakyRelu", [convolution(g, "x", 3, 2, 3, pads=[1, 1, 1, 1])], alpha=0.1)
    v = g.node("Concat", [a, b, c], axis=1)
    v = g.node("Resize", [v, "", g.floats([1, 1, 2, 2])], mode="nearest")
    return result(g, g.node("Softmax", [convolution(g, v, 8, 3, 2, strides=[2, 2])], axis=1)), [("x", (1, 3, 5, 5))]


def convolutions_and_norms(name):
    g = floats(name, (1, 2, 5, 5))
    v = convolution(g, "x", 2, 4)
    v = g.node(
        "BatchNormalization",
        [v, g.floats(g.rng.uniform(0.5, 1.5, 4)), bias(g, 4), bias(g, 4), g.floats(g.rng.uniform(0.5, 1.5, 4))],
    )
    v = g.node("Relu", [v])
    return result(g, convolution(g, v, 4, 3, 1)), [("x", (1, 2, 5, 5))]


def transformer(name):
    g = floats(name, (1, 4, 8))

    def project(v, inputs, outputs):
        return g.node(
            "Add", [g.node("MatMul", [v, g.floats(g.rng.normal(0, inputs**-0.5, (inputs, outputs)))]), bias(g, outputs)]
        )

    def heads(v, perm):
        return g.node("Transpose", [g.node("Reshape", [v, g.ints([1, 4, 2, 4])])], perm=perm)

    def norm(v):
        return g.node("LayerNormalization", [v, g.floats(g.rng.uniform(0.5, 1.5, 8)), bias(g, 8)], axis=-1)

    q, k, u = (heads(project("x", 8, 8), p) for p in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    scores = g.node("Div", [g.node("MatMul", [q, k]), g.floats(2)])
    v = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), u])
    v = g.node("Reshape", [g.node("Transpose", [v], perm=[0, 2, 1, 3]), g.ints([1, 4, 8])])
    v = norm(g.node("Add", ["x", project(v, 8, 8)]))
    t = project(v, 8, 12)
    t = g.node(
        "Mul",
        [
            g.node("Mul", [t, g.floats(0.5)]),
            g.node("Add", [g.node("Erf", [g.node("Div", [t, g.floats(2**0.5)])]), g.floats(1)]),
        ],
    )
    return result(g, norm(g.node("Add", [v, project(t, 12, 8)]))), [("x", (1, 4, 8))]


def cases():
    for form, activation, per_channel in (
        ("op", "u8", False),
        ("op", "s8", True),
        ("qdq", "u8", False),
        ("qdq", "u8", True),
        ("qdq", "s8", False),
        ("qdq", "s8", True),
    ):
        name = f"static_cnn_{form}_{activation}{'_per_channel' if per_channel else ''}"
        yield quantise(name, *cnn(name), form, activation, per_channel=per_channel), 2
    for form, activation, weights in (("op", "u8", "u8"), ("qdq", "u8", "u8")):
        name = f"static_cnn_full_range_{form}_{activation}_{weights}"
        yield quantise(name, *cnn(name), form, activation, weights, reduce_range=False), 2
    name = "static_cnn_symmetric"
    yield quantise(
        name, *cnn(name), "qdq", "s8", extra_options={"ActivationSymmetric": True, "WeightSymmetric": True}
    ), 2
    name = "static_cnn_microsoft_domain"
    yield quantise(name, *cnn(name), "qdq", "u8", extra_options={"UseQDQContribOps": True}), 2
    for network, form in itertools.product(
        (residual, inverted_residual, squeeze_and_excite, branches, convolutions_and_norms), ("op", "qdq")
    ):
        name = f"static_{network.__name__}_{form}"
        yield quantise(name, *network(name), form, "u8" if form == "op" else "s8"), 2
    name = "static_transformer"
    yield quantise(name, *transformer(name), "qdq", "s8"), 4
