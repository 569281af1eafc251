"""Graphs as tools write them: PyTorch's exporter, Brevitas, shape arithmetic, floats at the end."""

import numpy as np
from onnx import TensorProto

from graph import TYPES, Graph, Quantised
from linear_cases import weights


def torch_convolution(name, per_channel=True, bias="div_cast", weight_form="floats", x="u8", **options):
    """torch.onnx: weights in floats through Q and DQ, scales in Constant nodes, biases as Div, Cast, DQ."""
    graph = Graph(name, constants="node", prefix="/layer1/layer1.0/", **options)
    xq = graph.input((1, 2, 5, 5), x, 0.0471, None, name="input")
    sw = graph.rng.uniform(0.01, 0.03, 4 if per_channel else ()).astype(np.float32)
    values = weights(graph, (4, 2, 3, 3), "s8")
    axis = {"axis": 0} if per_channel else {}
    zeros = graph.const(np.zeros_like(sw, np.int8))
    scales = graph.floats(sw)
    if weight_form == "floats":
        f = values * sw.reshape(-1, 1, 1, 1) if per_channel else values * sw
        q = graph.node("QuantizeLinear", [graph.floats(f), scales, zeros], **axis)
    else:
        q = graph.const(values, np.int8)
    wf = graph.node("DequantizeLinear", [q, scales, zeros], **axis)
    b = graph.rng.normal(0, 1, 4).astype(np.float32)
    if bias == "div_cast":
        bias_scale = graph.node("Mul", [scales, graph.floats(xq.scale)])
        shape = graph.node("Shape", [bias_scale])
        zero = graph.node("Cast", [graph.node("ConstantOfShape", [shape])], to=TensorProto.INT32)
        bq = graph.node("Cast", [graph.node("Div", [graph.floats(b), bias_scale])], to=TensorProto.INT32)
        bf = graph.node("DequantizeLinear", [bq, bias_scale, zero], **axis)
    else:
        bf = graph.floats(b)
    v = graph.node(
        "Conv",
        [graph.dq(xq), wf, bf],
        dilations=[1, 1],
        group=1,
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        strides=[1, 1],
    )
    graph.output(graph.q(graph.node("Relu", [v]), x, 0.05, 0 if x == "u8" else -128))
    return graph, 2


def brevitas(name, bits=8, float_weights=False, per_channel=True, signed=False, with_bias=True):
    """QCDQ: QuantizeLinear, Clip of integers, DequantizeLinear; narrow ranges, less than 8 bits too."""
    graph = Graph(name, opset=17, constants="node", prefix="/conv/")
    dtype = "s8" if signed else "u8"
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    clip = lambda x, lo, hi, t: graph.node("Clip", [x, graph.const(lo, TYPES[t]), graph.const(hi, TYPES[t])])
    xq = graph.input((1, 2, 4, 4), dtype, 4 / 2**bits, 0, name="inp.1")
    clipped = Quantised(clip(xq.name, low, high, dtype), dtype, xq.scale, 0)
    sw = graph.rng.uniform(0.01, 0.03, 3 if per_channel else ()).astype(np.float32)
    values = np.clip(weights(graph, (3, 2, 3, 3), "s8"), 1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)
    scales, zeros = graph.floats(sw), graph.const(np.zeros_like(sw, np.int8))
    axis = {"axis": 0} if per_channel else {}
    if float_weights:
        f = values * sw.reshape(-1, 1, 1, 1) if per_channel else values * sw
        q = graph.node("QuantizeLinear", [graph.floats(f), scales, zeros], **axis)
    else:
        q = graph.const(values, np.int8)
    wf = graph.node(
        "DequantizeLinear", [clip(q, 1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1, "s8"), scales, zeros], **axis
    )
    ins = [graph.dq(clipped), wf]
    if with_bias:
        bias_scale = sw * np.float32(xq.scale)
        ins.append(
            graph.dq_constant(
                graph.rng.integers(-900, 900, 3),
                bias_scale,
                np.zeros_like(bias_scale, np.int32),
                "s32",
                axis=0 if per_channel else None,
            )
        )
    v = graph.node("Relu", [graph.node("Conv", ins, kernel_shape=[3, 3], pads=[1, 1, 1, 1])])
    y = graph.q(v, dtype, 12 / 2**bits, 0)
    graph.output(Quantised(clip(y.name, low, high, dtype), dtype, y.scale, 0))
    return graph, 3


def reshaped_by_arithmetic(name, target, dims=(1, 3, 4, 4), declared=None, opset=17, constants="node"):
    graph = Graph(name, opset=opset, constants=constants, prefix="/")
    x = graph.input(dims, "u8", 0.04, 110, declared=declared)
    v = graph.dq(x)
    graph.output(graph.q(target(graph, v), "u8", 0.04, 110))
    return graph, 1


def view_of_batch(graph, v):
    """x.view(x.size(0), -1)"""
    size = graph.node("Gather", [graph.node("Shape", [v]), graph.ints(0)], axis=0)
    batch = graph.node("Unsqueeze", [size, graph.ints([0])])
    return graph.node("Reshape", [v, graph.node("Concat", [batch, graph.ints([-1])], axis=0)], allowzero=0)


def view_opset11(graph, v):
    size = graph.node("Gather", [graph.node("Shape", [v]), graph.ints(0)], axis=0)
    batch = graph.node("Unsqueeze", [size], axes=[0])
    rest = graph.node("Unsqueeze", [graph.ints(-1)], axes=[0])
    return graph.node("Reshape", [v, graph.node("Concat", [batch, rest], axis=0)])


def halves(graph, v):
    """x.view(n, c // 3, -1, 2): Gather, Div, Mul, Cast."""
    shape = graph.node("Shape", [v])
    at = lambda i: graph.node("Gather", [shape, graph.ints([i])], axis=0)
    third = graph.node("Div", [at(1), graph.ints([3])])
    third = graph.node("Cast", [graph.node("Cast", [third], to=TensorProto.INT64)], to=TensorProto.INT64)
    return graph.node("Reshape", [v, graph.node("Concat", [at(0), third, graph.ints([-1]), graph.ints([2])], axis=0)])


def upsampled(graph, v):
    """Interpolation as it was exported: sizes from Shape, Slice, Cast, Mul, Floor, Concat."""
    shape = graph.node("Shape", [v])
    space = graph.node("Slice", [shape, graph.ints([2]), graph.ints([4]), graph.ints([0])])
    space = graph.node("Mul", [graph.node("Cast", [space], to=TensorProto.FLOAT), graph.floats([2, 1.5])])
    space = graph.node("Cast", [graph.node("Floor", [space])], to=TensorProto.INT64)
    front = graph.node("Slice", [shape, graph.ints([0]), graph.ints([2]), graph.ints([0])])
    sizes = graph.node("Concat", [front, space], axis=0)
    return graph.node(
        "Resize", [v, "", "", sizes], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )


def expanded(graph, v):
    """Expand to a shape made of ConstantOfShape, Equal and Where."""
    want = graph.ints([-1, 3, 4, 4])
    ones = graph.node(
        "ConstantOfShape",
        [graph.ints([4])],
        value=__import__("onnx").helper.make_tensor("one", TensorProto.INT64, [1], [1]),
    )
    here = graph.node("Where", [graph.node("Equal", [want, graph.ints([-1])]), ones, want])
    return graph.node("Expand", [v, here])


def tail(name, function, dims=(1, 6), moved=(), **options):
    """Gemm, quantised, and floats behind it: the graph is cut at the bytes, behind what only moves them."""
    graph = Graph(name, **options)
    x = graph.input(dims, "s8", 0.05, 3)
    values = weights(graph, (dims[-1], 5), "s8")
    v = graph.node("Gemm", [graph.dq(x), graph.dq_constant(values, 0.02, 0)])
    y = graph.q(v, "s8", 0.06, -7)
    outs = np.atleast_1d(function(graph, graph.dq(y)))
    if moved:
        graph.moved = {n: y for n in moved}
    graph.cuts.extend(moved or [y.name])
    for out in outs:
        graph.result(str(out), TensorProto.FLOAT, cut=False)
    return graph, 3


def two_heads(name):
    graph = Graph(name)
    x = graph.input((1, 6), "s8", 0.05, 3)
    for _ in range(2):
        values = weights(graph, (6, 4), "s8")
        v = graph.node("Gemm", [graph.dq(x), graph.dq_constant(values, 0.02, 0)])
        y = graph.q(v, "s8", 0.06, -7)
        graph.cuts.append(y.name)
        graph.result(graph.node("Softmax", [graph.dq(y)], axis=-1), TensorProto.FLOAT, cut=False)
    return graph, 3


def boxes(graph, v):
    centre, size = graph.node("Split", [v, graph.ints([2, 3])], outputs=2, axis=1)
    return graph.node("Concat", [graph.node("Sigmoid", [centre]), graph.node("Exp", [size])], axis=1)


def two_inputs(name):
    graph = Graph(name)
    a = graph.input((1, 2, 3, 3), "u8", 0.05, 3, name="image")
    b = graph.input((1, 4), "s8", 0.02, 0, name="extra")
    va = graph.q(
        graph.node(
            "Flatten",
            [
                graph.node(
                    "Relu",
                    [graph.node("Conv", [graph.dq(a), graph.dq_constant(weights(graph, (2, 2, 2, 2), "s8"), 0.02, 0)])],
                )
            ],
        ),
        "s8",
        0.08,
        -128,
    )
    joined = graph.node("Concat", [graph.dq(va), graph.dq(b)], axis=1)
    q = graph.q(joined, "s8", 0.08, -100)
    v = graph.node("Gemm", [graph.dq(q), graph.dq_constant(weights(graph, (3, 12), "s8"), 0.02, 0)], transB=1)
    graph.output(graph.q(v, "s8", 0.2, 0))
    return graph, 3


def shared_weights(name):
    """One DequantizeLinear of weights, and one of activations, with two readers each."""
    graph = Graph(name)
    x = graph.dq(graph.input((1, 3, 4, 4), "s8", 0.05, 3))
    w = graph.dq_constant(weights(graph, (3, 3, 1, 1), "s8"), 0.02, 0)
    a = graph.q(graph.node("Conv", [x, w]), "s8", 0.1, 0)
    b = graph.q(graph.node("Conv", [graph.dq(a), w]), "s8", 0.1, 5)
    graph.output(graph.q(graph.node("Add", [graph.dq(b), x]), "s8", 0.12, 1))
    return graph, 3


def two_outputs(name):
    """A tensor that is a result and goes on."""
    graph = Graph(name)
    x = graph.input((1, 3, 4, 4), "s8", 0.05, 3)
    v = graph.node("Conv", [graph.dq(x), graph.dq_constant(weights(graph, (2, 3, 2, 2), "s8"), 0.02, 0)])
    y = graph.q(v, "s8", 0.1, 0)
    graph.output(y)
    graph.output(graph.q(graph.node("MaxPool", [graph.dq(y)], kernel_shape=[3, 3]), "s8", 0.1, 0))
    return graph, 2


def cases():
    yield torch_convolution("torch_convolution")
    yield torch_convolution("torch_convolution_per_tensor", per_channel=False)
    yield torch_convolution("torch_convolution_s8", x="s8", opset=13)
    yield torch_convolution("torch_convolution_float_bias", bias="float", weight_form="bytes")
    yield brevitas("brevitas_8_bits")
    yield brevitas("brevitas_4_bits", bits=4)
    yield brevitas("brevitas_float_weights", float_weights=True, signed=True)
    yield brevitas("brevitas_per_tensor_no_bias", per_channel=False, with_bias=False)
    yield reshaped_by_arithmetic("shape_view", view_of_batch)
    yield reshaped_by_arithmetic("shape_view_batch_by_name", view_of_batch, declared=("batch", 3, 4, 4))
    yield reshaped_by_arithmetic("shape_view_batch_unknown", view_of_batch, declared=(None, 3, 4, 4))
    yield reshaped_by_arithmetic("shape_view_opset11", view_opset11, opset=11)
    yield reshaped_by_arithmetic("shape_halves", halves)
    yield reshaped_by_arithmetic("shape_halves_initialisers", halves, constants="initialiser")
    yield reshaped_by_arithmetic("shape_upsampled", upsampled)
    yield reshaped_by_arithmetic("shape_expanded", expanded, dims=(1, 3, 1, 4))
    yield reshaped_by_arithmetic(
        "shape_with_start",
        lambda g, v: g.node(
            "Reshape", [v, g.node("Concat", [g.node("Shape", [v], start=0, end=2), g.ints([-1])], axis=0)]
        ),
        opset=15,
    )
    yield tail("tail_softmax", lambda g, v: g.node("Softmax", [v], axis=-1))
    yield tail("tail_log_softmax_opset11", lambda g, v: g.node("LogSoftmax", [v], axis=1), opset=11)
    yield tail("tail_sigmoid", lambda g, v: g.node("Sigmoid", [v]), constants="node")
    yield tail("tail_boxes", boxes, moved=("split1", "split1:1"))
    yield tail(
        "tail_arithmetic", lambda g, v: g.node("Mul", [g.node("Sub", [v, g.floats(0.5)]), g.floats([1, 2, 3, 4, 5])])
    )
    yield tail("tail_two_outputs", lambda g, v: [g.node("Softmax", [v], axis=-1), g.node("Tanh", [v])])
    yield tail("tail_identity_and_dropout", lambda g, v: g.node("Dropout", [g.node("Identity", [v])]))
    yield two_heads("tail_two_heads")
    yield two_inputs("network_two_inputs")
    yield shared_weights("network_shared_weights")
    yield two_outputs("network_two_outputs")
