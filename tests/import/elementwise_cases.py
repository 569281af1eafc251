"""Sums, products and functions of one tensor, in both forms; softmax and normalisations."""

import itertools

import numpy as np

from graph import MICROSOFT, TYPES, Graph, Quantised, limits

ALL = {"u8": [range(256)], "s8": [range(-128, 128)]}


def low_plus(dtype, offset):
    return limits(dtype)[0] + offset


def scales(graph, count, ties):
    if ties:
        return [float(2.0 ** graph.rng.integers(-6, -3)) for _ in range(count)]
    return [float(np.float32(graph.rng.uniform(0.02, 0.07))) for _ in range(count)]


def pair(
    name,
    op="Add",
    form="op",
    a_dims=(1, 3, 6, 6),
    b_dims=None,
    dtype="u8",
    ties=False,
    constant=None,
    zeros=None,
    samples=2,
    after=None,
    one_scale=False,
    out_floats=None,
    **options,
):
    """`constant`: None, or which operand (0, 1) is one."""
    graph = Graph(name, **options)
    graph.form = form
    sa, sb, sy = scales(graph, 3, ties)
    za, zb, zy = (low_plus(dtype, z) for z in (zeros or (117, 131, 101)))
    if one_scale:
        sa = sb = sy
    if op == "Mul":
        sy = sy if ties else float(np.float32(sa * sb * 90))
    b_dims = a_dims if b_dims is None else b_dims
    operands = []
    for at, (dims, scale, zero) in enumerate(((a_dims, sa, za), (b_dims, sb, zb))):
        if constant == at:
            low, high = limits(dtype)
            values = graph.rng.integers(low, high + 1, dims).astype(TYPES[dtype])
            operands.append(Quantised(graph.const(values), dtype, scale, zero, dims))
        else:
            operands.append(graph.input(dims, dtype, scale, zero, floats=form == "qdq"))
    if form == "op":
        ins = [x for operand in operands for x in graph.operand(operand)]
        ins += [graph.floats(sy), graph.zero_point(dtype, zy)]
        y = Quantised(graph.node("QLinear" + op, ins, domain=MICROSOFT), dtype, sy, zy)
    else:
        v = graph.node(op, [graph.dq(operand) for operand in operands])
        if after:
            v = after(graph, v)
        y = graph.q(v, dtype, sy, zy)
    graph.output(y, out_floats)
    return graph, samples


def pair_cases():
    for op, form in itertools.product(("Add", "Mul"), ("op", "qdq")):
        p = f"{op.lower()}_{form}_"
        yield pair(p + "same_shape", op, form)
        yield pair(p + "s8", op, form, dtype="s8")
        yield pair(p + "ties", op, form, ties=True, samples=4)
        yield pair(p + "ties_s8", op, form, ties=True, dtype="s8", samples=4)
        yield pair(p + "equal_scales", op, form, one_scale=True, zeros=(0, 0, 0))
        yield pair(p + "zeros_at_ends", op, form, zeros=(0, 255, 128))
        yield pair(p + "pixel_second", op, form, (1, 4, 3, 5), (1, 4, 1, 1))
        yield pair(p + "pixel_first", op, form, (1, 4, 1, 1), (1, 4, 3, 5))
        yield pair(p + "pixel_first_s8_ties", op, form, (1, 4, 1, 1), (1, 4, 3, 5), dtype="s8", ties=True)
        yield pair(p + "row", op, form, (1, 3, 4, 5), (5,))
        yield pair(p + "row_first", op, form, (5,), (1, 3, 4, 5), ties=True)
        yield pair(p + "both_broadcast", op, form, (1, 3, 1, 5), (1, 1, 4, 5))
        yield pair(p + "scalar_constant", op, form, (1, 2, 8, 8), (), constant=1)
        yield pair(p + "scalar_constant_first", op, form, (), (1, 2, 8, 8), constant=0)
        yield pair(p + "channel_constant", op, form, (1, 4, 3, 3), (1, 4, 1, 1), constant=1)
        yield pair(p + "channel_constant_first", op, form, (1, 4, 1, 1), (1, 4, 3, 3), constant=0, dtype="s8")
        yield pair(p + "channel_constant_of_three_axes", op, form, (1, 4, 3, 3), (4, 1, 1), constant=1)
        yield pair(p + "last_axis_constant", op, form, (1, 3, 6), (6,), constant=1)
        yield pair(p + "last_axis_constant_first", op, form, (6,), (1, 3, 6), constant=0, ties=True)
        yield pair(p + "one_element_tensor", op, form, (1, 2, 8, 8), (1,), constant=1)
    for op in ("Sub", "Div"):
        p = f"{op.lower()}_qdq_"
        yield pair(p + "constant", op, "qdq", (1, 4, 8), (1,), constant=1, dtype="s8")
        yield pair(p + "channel_constant", op, "qdq", (1, 3, 8), (1, 3, 1), constant=1)
    yield pair("sub_qdq_tensors", "Sub", "qdq")
    yield pair("sub_qdq_constant_first", "Sub", "qdq", (), (1, 4, 9), constant=0)
    yield pair("add_qdq_then_relu", "Add", "qdq", after=lambda g, v: g.node("Relu", [v]), zeros=(117, 131, 0))
    yield pair("add_qdq_then_relu_middle", "Add", "qdq", after=lambda g, v: g.node("Relu", [v]))
    yield pair(
        "add_qdq_then_clip",
        "Add",
        "qdq",
        dtype="s8",
        after=lambda g, v: g.node("Clip", [v, g.floats(-1), g.floats(1.7)]),
    )
    yield pair("mul_qdq_then_hard_sigmoid", "Mul", "qdq", after=lambda g, v: g.node("HardSigmoid", [v]), dtype="s8")
    yield pair("max_qdq", "Max", "qdq")
    yield pair("min_qdq_s8", "Min", "qdq", dtype="s8")
    for opset in (10, 13, 21, 27):
        yield pair(
            f"add_qdq_opset{opset}",
            "Add",
            "qdq",
            (1, 2, 3, 3),
            opset=opset,
            constants="node" if opset == 13 else "initialiser",
        )


def with_float_constants(
    name,
    function,
    dims=(1, 4, 8),
    dtype="u8",
    sx=0.05,
    sy=0.06,
    zx=110,
    zy=120,
    samples=2,
    values=None,
    bytes_in=False,
    **options,
):
    """Any chain of floats between DequantizeLinear and QuantizeLinear."""
    graph = Graph(name, **options)
    x = graph.input(dims, dtype, sx, low_plus(dtype, zx), values=values, floats=not bytes_in)
    graph.output(graph.q(function(graph, graph.dq(x)), dtype, sy, low_plus(dtype, zy)))
    return graph, samples


def unary(name, function, dtype="u8", sx=0.05, sy=0.04, zx=128, zy=20, **options):
    return with_float_constants(name, function, (1, 256), dtype, sx, sy, zx, zy, 1, ALL[dtype], **options)


def node(op_type, **attributes):
    domain = attributes.pop("domain", "")
    return lambda graph, v: graph.node(op_type, [v], domain=domain, **attributes)


def clip(low, high):
    return lambda graph, v: graph.node("Clip", [v, graph.floats(low), graph.floats(high)])


def times_function(op_type, **attributes):
    return lambda graph, v: graph.node("Mul", [v, graph.node(op_type, [v], **attributes)])


def hard_swish_written_out(graph, v):
    t = graph.node("Add", [v, graph.floats(3)])
    t = graph.node("Clip", [t, graph.floats(0), graph.floats(6)])
    return graph.node("Div", [graph.node("Mul", [v, t]), graph.floats(6)])


def gelu_written_out(graph, v):
    t = graph.node("Erf", [graph.node("Div", [v, graph.floats(np.sqrt(2))])])
    t = graph.node("Mul", [v, graph.node("Add", [t, graph.floats(1)])])
    return graph.node("Mul", [t, graph.floats(0.5)])


def quantised_sigmoid_product(name, gate, dtype="s8", **attributes):
    """x * gate(x) with the gate quantised on its way, as quantize_static writes it."""
    graph = Graph(name)
    x = graph.input((1, 256), dtype, 0.05, low_plus(dtype, 100), values=ALL[dtype])
    g = graph.q(graph.node(gate, [graph.dq(x)], **attributes), dtype, 1 / 256, low_plus(dtype, 0))
    y = graph.q(graph.node("Mul", [graph.dq(x), graph.dq(g)]), dtype, 0.04, low_plus(dtype, 40))
    graph.output(y)
    return graph, 1


def microsoft_unary(name, op_type, dtype="u8", sx=0.05, sy=1 / 256, zx=128, zy=0, **attributes):
    graph = Graph(name, opset=attributes.pop("opset", 17))
    graph.form = "op"
    x = graph.input((1, 256), dtype, sx, low_plus(dtype, zx), floats=False, values=ALL[dtype])
    y = Quantised("y", dtype, sy, low_plus(dtype, zy))
    graph.node(op_type, graph.operand(x) + graph.parameters(y), domain=MICROSOFT, out=["y"], **attributes)
    graph.output(y)
    return graph, 1


def prelu(name, slope_dims, quantised=False, **options):
    graph = Graph(name, **options)
    x = graph.input((1, 4, 8), "s8", 0.05, -5)
    slope = graph.rng.uniform(-0.5, 0.9, slope_dims)
    if quantised:
        slope = graph.dq_constant(np.round(slope * 100), 0.01, 0)
    else:
        slope = graph.floats(slope)
    graph.output(graph.q(graph.node("PRelu", [graph.dq(x), slope]), "s8", 0.04, -20))
    return graph, 3


def unary_cases():
    yield microsoft_unary("qlinear_sigmoid_u8", "QLinearSigmoid")
    yield microsoft_unary("qlinear_sigmoid_s8", "QLinearSigmoid", "s8", zx=140)
    yield microsoft_unary("qlinear_sigmoid_ties", "QLinearSigmoid", sx=0.0625, sy=1 / 128, opset=10)
    yield microsoft_unary("qlinear_leaky_relu_u8", "QLinearLeakyRelu", sy=0.05, zy=33, alpha=0.1)
    yield microsoft_unary("qlinear_leaky_relu_s8", "QLinearLeakyRelu", "s8", sy=0.03125, zy=90)
    yield microsoft_unary("qlinear_leaky_relu_ties", "QLinearLeakyRelu", "s8", sx=0.0625, sy=0.03125, zy=90, alpha=0.5)
    for dtype in ("u8", "s8"):
        p = f"{dtype}_"
        yield unary(f"relu_{p}qdq", node("Relu"), dtype)
        yield unary(f"relu_{p}qdq_other_scale", node("Relu"), dtype, sy=0.05, zy=128, zx=128)
        yield unary(f"leaky_relu_{p}qdq", node("LeakyRelu", alpha=0.2), dtype, zy=60)
        yield unary(f"sigmoid_{p}qdq", node("Sigmoid"), dtype, sy=1 / 256, zy=0)
        yield unary(f"tanh_{p}qdq", node("Tanh"), dtype, sy=1 / 127, zy=128)
        yield unary(f"hard_sigmoid_{p}qdq", node("HardSigmoid", alpha=1 / 6, beta=0.5), dtype, sy=1 / 255, zy=0)
        yield unary(f"hard_swish_{p}qdq", node("HardSwish"), dtype)
        yield unary(f"erf_{p}qdq", node("Erf"), dtype, sy=1 / 127, zy=128, sx=0.02)
        yield unary(f"gelu_{p}written_out", gelu_written_out, dtype)
    yield unary("clip_qdq", clip(-1, 2.5), zy=40)
    yield unary("clip_opset6_attributes", node("Clip", min=-0.5, max=6.0), opset=10)
    yield unary("relu6_qdq", clip(0, 6), "s8", sy=6 / 255, zy=0)
    yield unary("hard_sigmoid_defaults", node("HardSigmoid"), sy=1 / 255, zy=0)
    yield unary("hard_swish_as_product", times_function("HardSigmoid", alpha=1 / 6, beta=0.5), "s8")
    yield unary("hard_swish_written_out", hard_swish_written_out)
    yield unary("gelu_op", node("Gelu"), opset=20)
    yield unary("gelu_op_tanh", node("Gelu", approximate="tanh"), "s8", opset=20)
    yield unary("gelu_microsoft", node("Gelu", domain=MICROSOFT), "s8")
    yield unary("silu_as_product", times_function("Sigmoid"))
    yield quantised_sigmoid_product("silu_quantised_gate", "Sigmoid")
    yield quantised_sigmoid_product("silu_quantised_gate_u8", "Sigmoid", "u8")
    yield quantised_sigmoid_product("hard_swish_quantised_gate", "HardSigmoid", alpha=1 / 6, beta=0.5)
    yield unary("elu_qdq", node("Elu", alpha=0.8), zy=30)
    yield unary("softplus_qdq", node("Softplus"), "s8")
    yield unary("exp_qdq", node("Exp"), zx=250)
    yield unary("sqrt_of_abs", lambda g, v: g.node("Sqrt", [g.node("Abs", [v])]), sy=1 / 64, zy=0)
    yield unary("neg_qdq", node("Neg"), "s8", zy=120)
    yield unary(
        "chain_of_five",
        lambda g, v: g.node(
            "Neg", [g.node("Tanh", [g.node("Mul", [g.node("Add", [v, g.floats(0.25)]), g.floats(1.5)])])]
        ),
        sy=1 / 120,
        zy=128,
    )
    yield unary(
        "chain_around_a_move",
        lambda g, v: g.node("Mul", [g.node("Transpose", [g.node("Sigmoid", [v])]), g.floats(2)]),
        sy=0.01,
        zy=10,
    )
    yield unary("relu_without_zero_points", node("Relu"), zx=0, zy=0, constants="node")
    # Of bytes: where Q, DQ, Q, DQ follow one another, a default session drops a pair, and its scale with it.
    yield unary("scale_only", lambda g, v: v, sx=0.05, sy=0.03, zy=99, bytes_in=True)
    yield unary("scale_only_ties", lambda g, v: v, sx=0.0625, sy=0.125, zy=99, bytes_in=True)
    yield prelu("prelu_channels", (4, 1))
    yield prelu("prelu_scalar", (1,))
    yield prelu("prelu_last_axis", (8,))
    yield prelu("prelu_quantised_slope", (4, 1), quantised=True)
    yield with_float_constants(
        "channel_affine",
        lambda g, v: g.node(
            "Add",
            [g.node("Mul", [v, g.floats(g.rng.uniform(0.3, 1.9, (4, 1)))]), g.floats(g.rng.uniform(-2, 2, (4, 1)))],
        ),
    )
    yield with_float_constants("div_float_constant", lambda g, v: g.node("Div", [v, g.floats(3)]), sy=0.02)
    yield with_float_constants("constant_div_tensor", lambda g, v: g.node("Div", [g.floats(2), v]), zx=-0, sy=0.2)
    yield with_float_constants("pow_2", lambda g, v: g.node("Pow", [v, g.floats(2)]), sy=0.2, zy=0)


def softmax(name, dims=(1, 10), axis=-1, form="op", dtype="u8", opset=13, sx=0.08, sy=1 / 256, zx=128, samples=5):
    graph = Graph(name, opset=opset)
    graph.form = form
    x = graph.input(dims, dtype, sx, low_plus(dtype, zx), floats=form == "qdq")
    zy = low_plus(dtype, 0)
    if form == "op":
        y = Quantised("y", dtype, sy, zy)
        graph.node(
            "QLinearSoftmax",
            graph.operand(x) + graph.parameters(y),
            domain=MICROSOFT,
            out=["y"],
            axis=axis,
            opset=opset,
        )
    else:
        y = graph.q(graph.node("Softmax", [graph.dq(x)], axis=axis), dtype, sy, zy)
    graph.output(y)
    return graph, samples


def softmax_cases():
    for form in ("op", "qdq"):
        p = f"softmax_{form}_"
        yield softmax(p + "row", form=form)
        yield softmax(p + "s8", form=form, dtype="s8")
        yield softmax(p + "rows", (1, 4, 6), form=form)
        yield softmax(p + "scale_1_255", form=form, sy=float(np.float32(1 / 255)))
        yield softmax(p + "small_scale", form=form, sx=0.01, sy=1 / 512)
        yield softmax(p + "opset11_axis_1", (1, 3, 4), 1, form=form, opset=11, sy=1 / 512)
        yield softmax(p + "opset13_axis_1", (1, 3, 4), 1, form=form)
        yield softmax(p + "four_axes", (1, 2, 3, 5), -1, form=form, dtype="s8")


def normalisation_cases():
    def layer_norm(graph, v):
        return graph.node(
            "LayerNormalization",
            [v, graph.floats(graph.rng.uniform(0.5, 1.5, 16)), graph.floats(graph.rng.uniform(-1, 1, 16))],
            epsilon=1e-5,
        )

    yield with_float_constants("layer_normalisation", layer_norm, (1, 4, 16), sy=0.03, samples=4)
    yield with_float_constants("layer_normalisation_s8", layer_norm, (1, 4, 16), "s8", sy=0.03, samples=4)
    yield with_float_constants(
        "layer_normalisation_no_bias",
        lambda g, v: g.node("LayerNormalization", [v, g.floats(g.rng.uniform(0.5, 1.5, 16))], axis=-1),
        (1, 4, 16),
        sy=0.03,
        samples=4,
    )

    def layer_norm_written_out(graph, v):
        mean = graph.node("ReduceMean", [v], axes=[-1])
        d = graph.node("Sub", [v, mean])
        variance = graph.node("ReduceMean", [graph.node("Pow", [d, graph.floats(2)])], axes=[-1])
        t = graph.node("Sqrt", [graph.node("Add", [variance, graph.floats(1e-5)])])
        t = graph.node("Div", [d, t])
        t = graph.node("Mul", [t, graph.floats(graph.rng.uniform(0.5, 1.5, 16))])
        return graph.node("Add", [t, graph.floats(graph.rng.uniform(-1, 1, 16))])

    yield with_float_constants(
        "layer_normalisation_written_out", layer_norm_written_out, (1, 4, 16), sy=0.03, samples=4
    )
    for dtype in ("u8", "s8"):
        yield with_float_constants(
            f"reduce_mean_{dtype}",
            lambda g, v: g.node("ReduceMean", [v], axes=[2, 3]),
            (1, 8, 4, 5),
            dtype,
            sy=0.02,
            samples=4,
        )
    yield with_float_constants(
        "reduce_mean_last_axis",
        lambda g, v: g.node("ReduceMean", [v], axes=[-1], keepdims=0),
        (1, 8, 5),
        sy=0.03,
        samples=4,
    )
    yield with_float_constants(
        "reduce_mean_opset18",
        lambda g, v: g.node("ReduceMean", [v, g.ints([1])], keepdims=1),
        (1, 5, 8),
        sy=0.03,
        samples=4,
        opset=18,
    )
    yield with_float_constants(
        "reduce_mean_ties",
        lambda g, v: g.node("ReduceMean", [v], axes=[-1]),
        (1, 30, 4),
        sx=0.0625,
        sy=0.0625,
        samples=4,
    )


def cases():
    return itertools.chain(pair_cases(), unary_cases(), softmax_cases(), normalisation_cases())
