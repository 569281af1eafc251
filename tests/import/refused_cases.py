"""Models that `import` refuses, and what the line of the error has in it."""

import numpy as np
from onnx import TensorProto, helper

from graph import MICROSOFT, Graph, Quantised
from linear_cases import weights

ML = "ai.onnx.ml"


def network(name, function, dims=(1, 2, 4, 4), dtype="u8", floats=True, declared=None, **options):
    """`function` stands between DequantizeLinear and QuantizeLinear."""
    graph = Graph(name, **options)
    x = graph.input(dims, dtype, 0.05, declared=declared, floats=floats)
    graph.output(graph.q(function(graph, graph.dq(x)), dtype, 0.05))
    return graph


def node(op_type, *more, domain="", name="culprit", **attributes):
    return lambda g, v: g.node(op_type, [v, *[g.floats(m) for m in more]], domain=domain, name=name, **attributes)


def convolution(
    graph,
    x,
    scale=0.02,
    zero=0,
    zeros_type=np.int8,
    y_scale=0.1,
    bias=None,
    name="culprit",
    dims=(3, 2, 3, 3),
    kind=np.int8,
    **attributes,
):
    """Operator form; whatever is wrong with its constants."""
    ins = graph.operand(x) + [
        graph.const(weights(graph, dims, "s8").astype(kind)),
        graph.floats(scale),
        graph.const(zero, zeros_type),
        graph.floats(y_scale),
        graph.zero_point("u8", 100),
    ]
    if bias is not None:
        ins.append(graph.const(*bias))
    graph.form = "op"
    graph.output(Quantised(graph.node("QLinearConv", ins, name=name, **attributes), "u8", 0.1, 100))
    return graph


def wrong_convolution(name, dims=(1, 2, 5, 5), **what):
    graph = Graph(name)
    return convolution(graph, graph.input(dims, "u8", 0.05, floats=False), **what)


def with_zero_point(name, value, kind):
    graph = Graph(name)
    x = graph.input((1, 4), "u8", 0.05, floats=False)
    v = graph.node("DequantizeLinear", [x, graph.floats(0.05), graph.const(value, kind)], name="culprit")
    graph.output(graph.q(v))
    return graph


def float_model():
    graph = Graph("float_model")
    graph.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 4, 4)))
    v = graph.node("Conv", ["x", graph.floats(graph.rng.normal(0, 1, (3, 2, 3, 3)))], name="culprit")
    graph.result(v, TensorProto.FLOAT, cut=False)
    return graph


def dynamically_quantised():
    graph = Graph("dynamically_quantised")
    graph.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 8)))
    q, scale, zero = graph.node("DynamicQuantizeLinear", ["x"], outputs=3, name="culprit")
    s = graph.node("MatMulInteger", [q, graph.const(weights(graph, (8, 4), "s8")), zero, graph.const(0, np.int8)])
    s = graph.node("Cast", [s], to=TensorProto.FLOAT)
    graph.result(graph.node("Mul", [s, graph.node("Mul", [scale, graph.floats(0.02)])]), TensorProto.FLOAT, cut=False)
    return graph


def integer_chain():
    """MatMulInteger of quantised bytes, then Cast and Mul by hand: the runtime's own fusions differ."""
    graph = Graph("dynamic_quantize_matmul")
    graph.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 8)))
    graph.result(
        graph.node(
            "DynamicQuantizeMatMul",
            ["x", graph.const(weights(graph, (8, 4), "s8")), graph.floats(0.02)],
            domain=MICROSOFT,
            name="culprit",
        ),
        TensorProto.FLOAT,
        cut=False,
    )
    return graph


def with_subgraph(name, op_type):
    graph = Graph(name)
    x = graph.input((1, 4), "u8")
    v = graph.dq(x)
    body = helper.make_graph(
        [helper.make_node("Identity", [v], ["inner"])],
        "body",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, (1, 4))],
    )
    if op_type == "If":
        y = graph.node("If", [graph.const(True, np.bool_)], name="culprit", then_branch=body, else_branch=body)
    else:
        inputs = [
            helper.make_tensor_value_info("i", TensorProto.INT64, ()),
            helper.make_tensor_value_info("c", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("t", TensorProto.FLOAT, (1, 4)),
        ]
        body = helper.make_graph(
            [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Relu", ["t"], ["t2"])],
            "body",
            inputs,
            [
                helper.make_tensor_value_info("c2", TensorProto.BOOL, ()),
                helper.make_tensor_value_info("t2", TensorProto.FLOAT, (1, 4)),
            ],
        )
        y = graph.node("Loop", [graph.ints(3), graph.const(True, np.bool_), v], name="culprit", body=body)
    graph.output(graph.q(y))
    return graph


def three_tensors():
    graph = Graph("three_tensors_between")
    a, b, c = (graph.dq(graph.input((1, 8), "u8", 0.05)) for _ in range(3))
    v = graph.node("Mul", [graph.node("Add", [a, b], name="sum"), c], name="culprit")
    graph.output(graph.q(v, name="culprit_quantised"))
    return graph


def changed(name, change, base=None):
    """A sound model, spoilt in its protobuf."""
    graph = base or network(
        name, lambda g, v: g.node("Conv", [v, g.dq_constant(weights(g, (3, 2, 3, 3), "s8"), 0.02, 0)], name="culprit")
    )
    model = graph.model()
    change(model)
    return name, model.SerializeToString(deterministic=True)


def convolved(graph, v):
    w = graph.dq_constant(weights(graph, (2, 2, 3, 3), "s8"), 0.02, 0)
    return graph.node("Conv", [v, w], pads=[1, 1, 1, 1], name="culprit")


def normalised(graph, v):
    return graph.node("BatchNormalization", [convolved(graph, v), *[graph.floats([1, 2])] * 4])


def floats_between():
    """The runtime computes these in float32, between quantised tensors: there is no exact integer."""
    behind = "float_behind_convolution_"
    yield network(behind + "hard_swish", lambda g, v: g.node("HardSwish", [convolved(g, v)])), ["culprit"]
    yield network(behind + "sigmoid", lambda g, v: g.node("Sigmoid", [convolved(g, v)])), ["culprit"]
    yield network(behind + "batch_normalisation", normalised), ["culprit"]
    yield network(behind + "residual", lambda g, v: g.node("Add", [convolved(g, v), v])), ["culprit"]
    before = "float_before_"
    yield network(
        before + "average_pool",
        lambda g, v: g.node("AveragePool", [g.node("Tanh", [v])], kernel_shape=[2, 2], name="culprit"),
    ), ["culprit", "Tanh"]
    yield network(
        before + "softmax", lambda g, v: g.node("Softmax", [g.node("Mul", [v, g.floats(0.3)])], name="culprit")
    ), ["culprit", "Mul"]
    yield network(before + "convolution", lambda g, v: convolved(g, g.node("Tanh", [v]))), ["culprit", "Tanh"]


def machine_learning(name, op_type, **attributes):
    graph = Graph(name)
    graph.imports[ML] = 3
    graph.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4)))
    graph.result(graph.node(op_type, ["x"], domain=ML, name="culprit", **attributes), TensorProto.FLOAT, cut=False)
    return graph


def local_function(model):
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("mine", 1))
    conv = next(n for n in model.graph.node if n.op_type == "Conv")
    model.graph.node.append(helper.make_node("Twice", [conv.output[0]], ["twice"], name="doubled", domain="mine"))


def external(model):
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def of(model, op_type):
    return next(n for n in model.graph.node if n.op_type == op_type)


def add_cycle(model):
    relu = helper.make_node("Relu", ["back"], ["forth"], name="round")
    model.graph.node.extend([relu, helper.make_node("Relu", ["forth"], ["back"], name="about")])
    of(model, "QuantizeLinear").input[0] = "back"


def shape_beyond(model):
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for d in dims:
        d.dim_value = 2**33


def huge_constant(model):
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.dims[:] = [2**31, 2**31, 4]


def string_input():
    graph = Graph("string_input")
    graph.inputs.append(helper.make_tensor_value_info("words", TensorProto.STRING, (1, 4)))
    graph.result(graph.node("Identity", ["words"]), TensorProto.STRING, cut=False)
    return graph


def float16():
    graph = Graph("float16_model", opset=19)
    graph.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT16, (1, 4)))
    scale = graph.const(0.05, np.float16)
    q = graph.node("QuantizeLinear", ["x", scale, graph.zero_point("u8", 128)], name="culprit")
    graph.result(q, TensorProto.UINT8)
    return graph


def int4_weights():
    graph = Graph("int4_weights", opset=21)
    x = graph.input((1, 4), "s8")
    tensor = helper.make_tensor("w4", TensorProto.INT4, (4, 2), [1, -2, 3, -4, 5, -6, 7, 0])
    graph.initialisers.append(tensor)
    w = graph.node("DequantizeLinear", ["w4", graph.floats(0.1)])
    graph.output(graph.q(graph.node("MatMul", [graph.dq(x), w]), "s8"))
    return graph


def int16_activations():
    graph = Graph("int16_activations", opset=21)
    graph.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4)))
    q = graph.node("QuantizeLinear", ["x", graph.floats(0.001), graph.const(0, np.int16)], name="culprit")
    graph.result(
        graph.node("DequantizeLinear", [q, graph.floats(0.001), graph.const(0, np.int16)]), TensorProto.FLOAT, cut=False
    )
    return graph


def blocked_weights():
    graph = Graph("blocked_weights", opset=21)
    x = graph.input((1, 4), "s8")
    w = graph.node(
        "DequantizeLinear",
        [graph.const(weights(graph, (4, 2), "s8")), graph.floats(np.full((2, 2), 0.02))],
        axis=0,
        block_size=2,
        name="culprit",
    )
    graph.output(graph.q(graph.node("MatMul", [graph.dq(x), w]), "s8"))
    return graph


def computed_scale():
    graph = Graph("computed_scale")
    x = graph.input((1, 4), "u8")
    graph.inputs.append(helper.make_tensor_value_info("s", TensorProto.FLOAT, ()))
    v = graph.node("DequantizeLinear", [x, "s", graph.zero_point("u8", 128)], name="culprit")
    graph.output(graph.q(v))
    return graph


def middle_float_input():
    """A second input that nobody quantises, in the middle of the graph."""
    graph = Graph("float_input_in_the_middle")
    x = graph.input((1, 4), "u8")
    graph.inputs.append(helper.make_tensor_value_info("extra", TensorProto.FLOAT, (1, 4)))
    graph.output(graph.q(graph.node("Add", [graph.dq(x), "extra"], name="culprit")))
    return graph


def convolution_qdq(name, weight_dims, dims=(1, 2, 4, 4), **attributes):
    return network(
        name,
        lambda g, v: g.node(
            "Conv", [v, g.dq_constant(weights(g, weight_dims, "s8"), 0.02, 0)], name="culprit", **attributes
        ),
        dims,
    )


def resize(mode, **attributes):
    return lambda g, v: g.node("Resize", [v, "", g.floats([1, 1, 2, 2])], mode=mode, name="culprit", **attributes)


def recurrent(graph, v):
    w, r = graph.floats(graph.rng.normal(0, 1, (1, 12, 4))), graph.floats(graph.rng.normal(0, 1, (1, 12, 3)))
    return graph.node(
        "LSTM", [graph.node("Reshape", [v, graph.ints([1, 1, 4])]), w, r], outputs=2, name="culprit", hidden_size=3
    )[0]


def models():
    """(graph, parts of the line)"""
    culprit = ["culprit"]
    yield float_model(), ["quantise"]
    yield dynamically_quantised(), ["culprit", "DynamicQuantizeLinear"]
    yield integer_chain(), ["culprit", "DynamicQuantizeMatMul"]
    relu = node("Relu")
    yield network("dynamic_width", relu, declared=(1, 2, 4, "width")), ["width"]
    yield network("dynamic_unnamed", relu, declared=(1, 2, None, 4)), ["x0"]
    yield network("unknown_operator", node("Frobnicate")), ["culprit", "Frobnicate"]
    yield network("unknown_domain", node("Relu", domain="org.example")), ["culprit", "org.example"]
    yield network("lstm", recurrent, (1, 4)), ["culprit", "LSTM"]
    yield network("einsum", lambda g, v: g.node("Einsum", [v], equation="bchw->bwhc", name="culprit")), [
        "culprit",
        "Einsum",
    ]
    yield network("random", node("RandomNormalLike")), ["culprit", "RandomNormalLike"]
    yield network("non_zero", node("NonZero"), (1, 4)), ["culprit", "NonZero"]
    yield with_subgraph("if_with_graphs", "If"), ["culprit", "If"]
    yield with_subgraph("loop_with_graph", "Loop"), ["culprit", "Loop"]
    yield string_input(), ["words"]
    yield float16(), ["float16"]
    yield int4_weights(), ["w4"]
    yield int16_activations(), ["culprit", "int16"]
    yield blocked_weights(), ["culprit", "block"]
    yield computed_scale(), ["culprit"]
    yield middle_float_input(), ["extra"]
    for what, value in (("negative", -0.02), ("nan", np.nan), ("infinite", np.inf), ("zero", 0.0)):
        yield wrong_convolution(f"{what}_scale_op", scale=value), ["culprit", "QLinearConv"]
        yield network(
            f"{what}_scale_qdq",
            lambda g, v, s=value: g.node(
                "DequantizeLinear",
                [
                    g.node("QuantizeLinear", [v, g.floats(s), g.zero_point("u8", 1)], name="culprit"),
                    g.floats(0.1),
                    g.zero_point("u8", 1),
                ],
            ),
        ), culprit
    yield wrong_convolution("zero_output_scale", y_scale=0.0), culprit
    yield wrong_convolution("one_nan_scale_of_three", scale=[0.1, np.nan, 0.1], zero=[0, 0, 0]), culprit
    yield wrong_convolution("scales_of_wrong_length", scale=[0.1, 0.2], zero=[0, 0]), culprit
    yield wrong_convolution("zero_points_of_wrong_length", scale=[0.1, 0.2, 0.3], zero=[0, 0]), culprit
    yield wrong_convolution("zero_point_of_wrong_type", zeros_type=np.uint8), culprit
    yield wrong_convolution("zero_point_of_32_bits", zero=3000, zeros_type=np.int32), culprit
    yield wrong_convolution("weights_in_floats", kind=np.float32), culprit
    yield wrong_convolution("bias_of_wrong_length", bias=(np.zeros(4), np.int32)), culprit
    yield wrong_convolution("bias_in_floats", bias=(np.zeros(3), np.float32)), culprit
    yield wrong_convolution("channels_contradict", dims=(1, 3, 5, 5)), culprit
    yield wrong_convolution("kernel_shape_contradicts", kernel_shape=[2, 2]), culprit
    yield wrong_convolution("window_too_large", dims=(1, 2, 2, 2)), culprit
    yield wrong_convolution("zero_stride", strides=[0, 1]), culprit
    yield wrong_convolution("negative_pads", pads=[-1, 0, 0, 0]), culprit
    yield wrong_convolution("huge_pads", pads=[2**40, 0, 0, 0]), culprit
    yield wrong_convolution("huge_dilation", dilations=[2**40, 1]), culprit
    yield wrong_convolution("no_groups", group=0), culprit
    yield wrong_convolution("groups_do_not_divide", group=2, dims=(1, 2, 5, 5)), culprit
    yield wrong_convolution("unknown_attribute", sparkle=3), ["culprit", "sparkle"]
    yield wrong_convolution("unknown_auto_pad", auto_pad="SAME_SIDEWAYS"), ["culprit", "SAME_SIDEWAYS"]
    yield wrong_convolution("strides_are_text", strides="two"), ["culprit", "strides"]
    yield with_zero_point("zero_point_in_another_type", 3, np.int8), culprit
    yield with_zero_point("zero_points_along_an_activation", [1, 2, 3, 4], np.uint8), culprit
    yield network("resize_linear", resize("linear")), ["culprit", "linear"]
    yield network("resize_cubic", resize("cubic")), ["culprit", "cubic"]
    yield three_tensors(), ["culprit"]
    yield convolution_qdq("convolution_3d", (3, 2, 1, 2, 2), (1, 2, 2, 3, 3)), culprit
    yield network(
        "batch_of_2",
        lambda g, v: g.node("Conv", [v, g.dq_constant(weights(g, (3, 2, 3, 3), "s8"), 0.02, 0)], name="culprit"),
        (2, 2, 4, 4),
    ), culprit
    yield network("reshape_contradicts", lambda g, v: g.node("Reshape", [v, g.ints([1, 7])], name="culprit")), culprit
    yield network(
        "reshape_two_unknowns", lambda g, v: g.node("Reshape", [v, g.ints([-1, -1])], name="culprit")
    ), culprit
    yield network("transpose_no_permutation", node("Transpose", perm=[0, 1, 1, 2])), culprit
    yield network(
        "gather_out_of_range", lambda g, v: g.node("Gather", [v, g.ints([9])], axis=1, name="culprit")
    ), culprit
    yield network(
        "concat_contradicts",
        lambda g, v: g.node("Concat", [v, g.floats(np.ones((1, 2, 3, 4)))], axis=1, name="culprit"),
    ), culprit
    yield network("squeeze_of_more", lambda g, v: g.node("Squeeze", [v, g.ints([1])], name="culprit")), culprit
    yield network(
        "split_contradicts", lambda g, v: g.node("Split", [v, g.ints([1, 3])], outputs=2, axis=1, name="culprit")[0]
    ), culprit
    yield network("add_contradicts", lambda g, v: g.node("Add", [v, g.floats(np.ones(3))], name="culprit")), culprit
    yield network(
        "gemm_contradicts",
        lambda g, v: g.node("Gemm", [v, g.dq_constant(weights(g, (5, 3), "s8"), 0.1, 0)], name="culprit"),
        (1, 4),
    ), culprit
    yield network("unknown_attribute_of_relu", node("Relu", slope=0.5)), ["culprit", "slope"]
    yield network("axis_out_of_range", node("Softmax", axis=7)), culprit
    yield network(
        "expand_without_end", lambda g, v: g.node("Expand", [v, g.ints([2**20, 2**20, 2, 4, 4])], name="culprit")
    ), culprit
    yield network(
        "tile_without_end", lambda g, v: g.node("Tile", [v, g.ints([1, 2**40, 2**40, 1])], name="culprit")
    ), culprit
    yield network(
        "pad_without_end", lambda g, v: g.node("Pad", [v, g.ints([0, 0, 0, 2**62, 0, 0, 0, 0])], name="culprit")
    ), culprit
    yield network(
        "resize_without_end",
        lambda g, v: g.node("Resize", [v, "", g.floats([1, 1, 1e9, 1e9])], mode="nearest", name="culprit"),
    ), culprit
    yield network(
        "constant_of_shape_without_end",
        lambda g, v: g.node("Add", [v, g.node("ConstantOfShape", [g.ints([2**40, 2**20])], name="culprit")]),
    ), culprit
    yield from floats_between()
    yield network(
        "conv_transpose",
        lambda g, v: g.node(
            "ConvTranspose", [v, g.dq_constant(weights(g, (2, 3, 2, 2), "s8"), 0.02, 0)], name="culprit"
        ),
    ), ["culprit", "ConvTranspose"]
    yield network("group_normalisation", node("GroupNormalization", [1.0, 1.0], [0.0, 0.0], num_groups=1), opset=21), [
        "culprit",
        "GroupNormalization",
    ]
    yield machine_learning("linear_classifier", "LinearRegressor", coefficients=[1.0, 2.0, 3.0, 4.0]), [
        "LinearRegressor"
    ]
    yield machine_learning("linear_svm", "SVMRegressor", coefficients=[1.0]), ["SVMRegressor"]
    yield machine_learning("normaliser", "Normalizer", norm="L2"), ["Normalizer"]


def spoilt():
    """(name, bytes, parts of the line)"""

    def constant(model, op_type, at):
        name = of(model, op_type).input[at]
        model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == name))
        return name

    for opset in (9, 28):
        yield *changed(f"opset_{opset}", lambda m, o=opset: setattr(m.opset_import[0], "version", o)), [str(opset)]
    yield *changed("ir_version_14", lambda m: setattr(m, "ir_version", 14)), ["14"]
    yield *changed("no_opset", lambda m: m.ClearField("opset_import")), ["opset"]
    yield *changed("local_function", local_function), ["doubled", "Twice"]
    yield *changed("external_data", external), ["another file"]
    yield *changed("cycle", add_cycle), ["depends on what it writes"]
    yield *changed("missing_initialiser", lambda m: constant(m, "QuantizeLinear", 1)), ["q1"]
    yield *changed("dims_overflow", shape_beyond), ["x0"]
    yield *changed("constant_overflows", huge_constant), ["elements"]
    yield *changed(
        "raw_data_too_short",
        lambda m: setattr(max(m.graph.initializer, key=lambda t: len(t.raw_data)), "raw_data", b"abc"),
    ), ["constant"]
    yield *changed("output_missing", lambda m: setattr(m.graph.output[0], "name", "nowhere")), ["nowhere"]
    yield *changed(
        "output_written_twice",
        lambda m: m.graph.node.append(
            helper.make_node("Relu", [of(m, "Conv").input[0]], [of(m, "Conv").output[0]], name="again")
        ),
    ), ["again"]
    yield *changed("input_too_many", lambda m: of(m, "Conv").input.extend(["x0", "x0"])), ["culprit"]
    yield *changed("input_too_few", lambda m: of(m, "Conv").input.pop()), ["culprit"]
    yield *changed("no_nodes", lambda m: m.graph.ClearField("node")), ["output"]
    yield *changed("no_outputs", lambda m: m.graph.ClearField("output")), ["outputs"]
    yield "empty_file", b"", ["ONNX"]
    yield "no_protobuf", b"\x7fELF" + bytes(60), ["ONNX"]
    whole = network("truncated", node("Relu")).model().SerializeToString(deterministic=True)
    yield "truncated", whole[: len(whole) // 2], ["ONNX"]


def cases():
    """(name, bytes, parts of the error line)"""
    for graph, parts in models():
        yield graph.name, graph.model().SerializeToString(deterministic=True), parts
    yield from spoilt()
