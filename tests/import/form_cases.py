"""One small network in every form that files have it: names, data fields, order, shapes of scales, what stands before the
first QuantizeLinear and on the way from weights."""

import dataclasses

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from graph import Graph, Quantised, TYPES
from linear_cases import weights


def network(name, spoil=None, **options):
    """Conv with Relu, MaxPool, Gemm; `spoil` changes the graph once it is there."""
    graph = Graph(name, **options)
    x = graph.input((1, 2, 5, 5), "u8", 0.04, 9)
    conv = graph.dq_constant(weights(graph, (3, 2, 2, 2), "s8"), 0.02, 0)

    def bias(count, worth):
        return graph.dq_constant(graph.rng.integers(-900, 900, count), worth, 0, "s32")

    v = graph.q(graph.node("Relu", [graph.node("Conv", [graph.dq(x), conv, bias(3, 0.04 * 0.02)])]), "u8", 0.05, 0)
    v = graph.q(graph.node("MaxPool", [graph.dq(v)], kernel_shape=[2, 2], strides=[2, 2]), "u8", 0.05, 0)
    v = graph.q(graph.node("Flatten", [graph.dq(v)]), "u8", 0.05, 0)
    dense = graph.dq_constant(weights(graph, (4, 12), "s8"), 0.03, 0)
    graph.output(graph.q(graph.node("Gemm", [graph.dq(v), dense, bias(4, 0.05 * 0.03)], transB=1), "u8", 0.2, 120))
    if spoil:
        spoil(graph)
    return graph, 2


def without_names(graph):
    for node in graph.nodes:
        node.ClearField("name")


def backwards(graph):
    graph.nodes.reverse()


def listed_data(graph):
    """float_data and int32_data instead of raw bytes."""
    for i, tensor in enumerate(graph.initialisers):
        values = numpy_helper.to_array(tensor)
        graph.initialisers[i] = helper.make_tensor(
            tensor.name, tensor.data_type, values.shape, values.flatten().tolist()
        )


def scales_of_one_axis(graph):
    for tensor in graph.initialisers:
        if not tensor.dims:
            tensor.dims.append(1)


def value_attributes(graph):
    """Constants by value_float instead of a tensor."""
    scalars = [t for t in graph.initialisers if t.data_type == TensorProto.FLOAT and not t.dims]
    graph.initialisers = [t for t in graph.initialisers if t not in scalars]
    for tensor in scalars:
        value = float(numpy_helper.to_array(tensor))
        graph.nodes.insert(0, helper.make_node("Constant", [], [tensor.name], value_float=value))


def one_scale_for_all(graph):
    """Tensors of equal contents are one initialiser."""
    first = {}
    names = {}
    for tensor in graph.initialisers:
        key = (tensor.data_type, tuple(tensor.dims), tensor.raw_data)
        names[tensor.name] = first.setdefault(key, tensor).name
    graph.initialisers = list(first.values())
    for node in graph.nodes:
        node.input[:] = [names.get(n, n) for n in node.input]


def forms():
    yield network("form_plain")
    yield network("form_without_names", without_names)
    yield network("form_backwards", backwards)
    yield network("form_listed_data", listed_data)
    yield network("form_scales_of_one_axis", scales_of_one_axis)
    yield network("form_value_attributes", value_attributes)
    yield network("form_one_scale_for_all", one_scale_for_all)
    for opset, ir in ((10, 3), (11, 6), (19, 9), (23, 11), (27, 13)):
        yield network(f"form_opset{opset}_ir{ir}", opset=opset, ir=ir, constants="input" if ir == 3 else "initialiser")


def weights_on_their_way(name, op, way, stored, dims=(1, 6), per_channel=False, axis=0, attributes=None, samples=3):
    """Weights that move between DequantizeLinear and the layer."""
    graph = Graph(name)
    x = graph.input(dims, "s8", 0.05, 3)
    scale = np.array(graph.rng.uniform(0.01, 0.03, stored[axis] if per_channel else ()), np.float32)
    w = graph.dq_constant(
        weights(graph, stored, "s8"), scale, np.zeros_like(scale, np.int8), axis=axis if per_channel else None
    )
    v = graph.node(op, [graph.dq(x), way(graph, w)], **(attributes or {}))
    graph.output(graph.q(v, "s8", 0.08, 5))
    return graph, samples


def ways():
    def turned(graph, w):
        return graph.node("Transpose", [w], perm=[1, 0])

    yield weights_on_their_way("weights_transposed_matmul", "MatMul", turned, (5, 6))
    yield weights_on_their_way("weights_transposed_matmul_per_channel", "MatMul", turned, (5, 6), per_channel=True)
    yield weights_on_their_way("weights_transposed_gemm", "Gemm", turned, (5, 6))
    yield weights_on_their_way("weights_transposed_rows", "MatMul", turned, (5, 6), (1, 3, 6))
    yield weights_on_their_way(
        "weights_reshaped_conv", "Conv", lambda g, w: g.node("Reshape", [w, g.ints([3, 2, 2, 2])]), (3, 8), (1, 2, 4, 4)
    )
    yield weights_on_their_way(
        "weights_unsqueezed_conv", "Conv", lambda g, w: g.node("Unsqueeze", [w, g.ints([-1])]), (3, 2), (1, 2, 7)
    )
    yield weights_on_their_way("weights_identity", "MatMul", lambda g, w: g.node("Identity", [w]), (6, 5))


def before_the_first(name, function, dims=(1, 4, 4, 2), dtype="u8", floats=False, samples=3, after=None, zero=120):
    """The model's own input, then `function`, then QuantizeLinear and a convolution."""
    graph = Graph(name)
    x = graph.input(dims, dtype, 0.05, zero, floats=False)
    if floats:
        graph.inputs[-1] = helper.make_tensor_value_info(x.name, TensorProto.FLOAT, dims)
        graph.feeds[-1] = dataclasses.replace(graph.feeds[-1], scale=0.05)
    v = graph.q(function(graph, x.name), "u8", 0.05, 120)
    w = graph.dq_constant(weights(graph, (3, 2, 2, 2), "s8"), 0.02, 0)
    graph.output(graph.q(graph.node("Conv", [graph.dq(v), w]), "u8", 0.09, 120))
    return graph, samples


def befores():
    yield before_the_first(
        "input_floats_transposed", lambda g, v: g.node("Transpose", [v], perm=[0, 3, 1, 2]), floats=True
    )
    yield before_the_first(
        "input_bytes_scaled",
        lambda g, v: g.node("Mul", [g.node("Cast", [v], to=TensorProto.FLOAT), g.floats(1 / 32)]),
        (1, 2, 4, 4),
    )
    yield before_the_first(
        "input_bytes_normalised",
        lambda g, v: g.node(
            "Div",
            [
                g.node("Sub", [g.node("Cast", [v], to=TensorProto.FLOAT), g.floats([[[100]], [[130]]])]),
                g.floats([[[20]], [[25]]]),
            ],
        ),
        (1, 2, 4, 4),
    )
    yield before_the_first(
        "input_bytes_transposed_scaled",
        lambda g, v: g.node(
            "Mul",
            [g.node("Cast", [g.node("Transpose", [v], perm=[0, 3, 1, 2])], to=TensorProto.FLOAT), g.floats(1 / 32)],
        ),
    )


def two_quantisations(name):
    """A result that is quantised twice, by other scales."""
    graph = Graph(name)
    x = graph.input((1, 2, 4, 4), "s8", 0.05, 3)
    v = graph.node("Conv", [graph.dq(x), graph.dq_constant(weights(graph, (3, 2, 2, 2), "s8"), 0.02, 0)])
    graph.output(graph.q(v, "s8", 0.09, 0))
    graph.output(graph.q(v, "s8", 0.05, 7))
    return graph, 3


def straight_through(name):
    """An output that is the quantised input."""
    graph = Graph(name)
    x = graph.input((1, 5), "s8", 0.05, 3)
    graph.output(x)
    return graph, 1


def bytes_in_between(name):
    """Operator form that moves bytes from one quantised layer to the next without naming their scale."""
    graph = Graph(name)
    graph.form = "op"
    x = graph.input((1, 2, 4, 4), "u8", 0.05, 100, floats=False)
    w = graph.const(weights(graph, (3, 2, 2, 2), "s8"))
    out = [graph.floats(0.09), graph.zero_point("u8", 90)]
    y = graph.node("QLinearConv", graph.operand(x) + [w, graph.floats(0.02), graph.const(0, TYPES["s8"]), *out])
    y = graph.node("Transpose", [graph.node("MaxPool", [y], kernel_shape=[2, 2])], perm=[0, 2, 3, 1])
    m = graph.const(weights(graph, (3, 4), "s8"))
    last = [graph.floats(0.3), graph.zero_point("u8", 120)]
    y = graph.node("QLinearMatMul", [y, *out, m, graph.floats(0.02), graph.const(0, TYPES["s8"]), *last])
    graph.output(Quantised(y, "u8", 0.3, 120))
    return graph, 3


def cases():
    yield from forms()
    yield from ways()
    yield from befores()
    yield two_quantisations("network_two_quantisations")
    yield straight_through("network_straight_through")
    yield bytes_in_between("network_bytes_in_between")
