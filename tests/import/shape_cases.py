"""Pools, and what moves elements without computing: in QDQ form, or on bytes as in operator form."""

import itertools

import numpy as np
from onnx import TensorProto

from elementwise_cases import low_plus
from graph import MICROSOFT, TYPES, Graph, Quantised, limits


def pool(
    name,
    op="MaxPool",
    dims=(1, 2, 5, 6),
    form="qdq",
    dtype="u8",
    kernel=(2, 2),
    sy=None,
    zy=None,
    samples=3,
    opset=17,
    zx=120,
    sx=0.05,
    **attributes,
):
    """`form` "op": of bytes, QLinearAveragePool for the average."""
    graph = Graph(name, opset=opset)
    graph.form = form
    x = graph.input(dims, dtype, sx, low_plus(dtype, zx), floats=form == "qdq")
    average = op == "AveragePool"
    sy = x.scale if sy is None else sy
    zy = x.zero if zy is None else low_plus(dtype, zy)
    y = Quantised("", dtype, sy, zy)
    if form == "qdq":
        y = graph.q(graph.node(op, [graph.dq(x)], kernel_shape=list(kernel), **attributes), dtype, sy, zy)
    elif average:
        y.name = graph.node(
            "QLinearAveragePool",
            graph.operand(x) + graph.parameters(y),
            domain=MICROSOFT,
            kernel_shape=list(kernel),
            **attributes,
        )
    else:
        y.name = graph.node(op, [x], kernel_shape=list(kernel), **attributes)
    graph.output(y)
    return graph, samples


def pool_behind_relu(name, op, **attributes):
    """Nothing quantises what the Relu gives."""
    graph = Graph(name)
    x = graph.input((1, 4, 5, 5), "s8", 0.05, 3)
    v = graph.node(op, [graph.node("Relu", [graph.dq(x)])], **attributes)
    graph.output(graph.q(v, "s8", 0.1, 5))
    return graph, 3


def pool_cases():
    for op, form in itertools.product(("MaxPool", "AveragePool"), ("op", "qdq")):
        p = f"{op.lower()}_{form}_"
        yield pool(p + "plain", op, form=form)
        yield pool(p + "stride", op, form=form, strides=[2, 2], dtype="u8" if (op, form) != ("MaxPool", "op") else "s8")
        yield pool(p + "pads", op, form=form, kernel=(3, 3), pads=[1, 1, 1, 1], strides=[2, 1])
        yield pool(p + "pads_uneven", op, form=form, kernel=(3, 2), pads=[0, 1, 2, 0])
        yield pool(p + "ceil", op, form=form, dims=(1, 1, 6, 7), kernel=(3, 2), strides=[2, 2], ceil_mode=1)
        yield pool(
            p + "ceil_pads",
            op,
            form=form,
            dims=(1, 1, 6, 7),
            kernel=(3, 3),
            strides=[2, 2],
            ceil_mode=1,
            pads=[1, 0, 1, 1],
        )
        for pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            yield pool(
                f"{p}{pad.lower()}", op, form=form, dims=(1, 1, 5, 6), kernel=(2, 3), strides=[2, 1], auto_pad=pad
            )
        yield pool(p + "one_dimension", op, form=form, dims=(1, 3, 9), kernel=(3,), strides=[2], pads=[1, 1])
    yield pool("maxpool_op_dilations", form="op", dims=(1, 1, 6, 6), dilations=[2, 3])
    yield pool("maxpool_qdq_dilations", dims=(1, 1, 6, 6), dilations=[2, 1], pads=[1, 0, 1, 0], kernel=(3, 2))
    yield pool("maxpool_qdq_s8", dtype="s8", opset=10)
    yield pool("maxpool_qdq_other_scale", sy=0.08, zy=90)
    yield pool("maxpool_op_whole", form="op", kernel=(5, 6))
    for form in ("op", "qdq"):
        p = f"averagepool_{form}_"
        yield pool(p + "other_scale", "AveragePool", form=form, sy=0.031, zy=77, kernel=(3, 3))
        yield pool(p + "ties", "AveragePool", form=form, sx=0.0625, sy=0.0625, dims=(1, 2, 8, 8), samples=4)
        yield pool(
            p + "count_include_pad", "AveragePool", form=form, kernel=(3, 3), pads=[1, 1, 1, 1], count_include_pad=1
        )
        yield pool(
            p + "count_include_pad_ceil",
            "AveragePool",
            form=form,
            dims=(1, 1, 6, 6),
            kernel=(3, 3),
            pads=[1, 1, 1, 1],
            strides=[2, 2],
            count_include_pad=1,
            ceil_mode=1,
        )
    yield pool_behind_relu("float_relu_and_average_pool", "AveragePool", kernel_shape=[2, 2])
    yield pool_behind_relu("float_relu_and_global_average_pool", "GlobalAveragePool")
    yield pool_behind_relu("relu_and_max_pool", "MaxPool", kernel_shape=[2, 2])
    yield pool("averagepool_qdq_s8", "AveragePool", dtype="s8", kernel=(3, 2))
    yield pool("averagepool_qdq_opset10", "AveragePool", opset=10)
    yield global_pool("global_average_pool_op")
    yield global_pool("global_average_pool_op_s8", dtype="s8")
    yield global_pool("global_average_pool_op_ties", sx=0.0625, sy=0.0625, dims=(1, 40, 2, 2))
    yield global_pool("global_average_pool_op_one_dimension", dims=(1, 4, 7))
    yield global_pool("global_average_pool_op_other_scale", sy=0.02, zy=100)
    yield global_pool("global_average_pool_qdq", form="qdq")
    yield global_pool("global_average_pool_qdq_s8", form="qdq", dtype="s8", sy=0.02)
    yield global_pool("global_average_pool_qdq_ties", form="qdq", sx=0.0625, sy=0.0625, dims=(1, 40, 2, 2))
    yield moved("global_max_pool", lambda g, v: g.node("GlobalMaxPool", [v]), (1, 3, 4, 4))


def global_pool(name, form="op", dims=(1, 5, 4, 5), dtype="u8", sx=0.05, sy=0.05, zx=120, zy=120):
    graph = Graph(name)
    graph.form = form
    x = graph.input(dims, dtype, sx, low_plus(dtype, zx), floats=form == "qdq")
    if form == "op":
        y = Quantised("y", dtype, sy, low_plus(dtype, zy))
        graph.node(
            "QLinearGlobalAveragePool",
            graph.operand(x) + graph.parameters(y),
            domain=MICROSOFT,
            out=["y"],
            channels_last=0,
        )
    else:
        y = graph.q(graph.node("GlobalAveragePool", [graph.dq(x)]), dtype, sy, low_plus(dtype, zy))
    graph.output(y)
    return graph, 4


def moved(name, function, dims=(1, 2, 3, 4), dtype="u8", samples=1, form="qdq", same=True, zx=117, **options):
    """`function` moves elements: quantisation stays (`same`), or is another."""
    graph = Graph(name, **options)
    graph.form = form
    x = graph.input(dims, dtype, 0.05, low_plus(dtype, zx), floats=form == "qdq")
    if form == "op":
        y = Quantised(function(graph, x.name), dtype, x.scale, x.zero)
    else:
        y = graph.q(function(graph, graph.dq(x)), dtype, x.scale if same else 0.07, x.zero)
    graph.output(y)
    return graph, samples


def resize(graph, v, scales=None, sizes=None, **attributes):
    ins = [v, "", graph.floats(scales) if scales else ""]
    if sizes:
        ins.append(graph.ints(sizes))
    return graph.node("Resize", ins, mode="nearest", **attributes)


def sliced(graph, v, starts, ends, axes=None, steps=None):
    ins = [v, graph.ints(starts), graph.ints(ends)]
    ins += [graph.ints(axes) if axes is not None else ""] if axes is not None or steps is not None else []
    ins += [graph.ints(steps)] if steps is not None else []
    return graph.node("Slice", ins)


def both(name, function, dims=(1, 2, 3, 4), **options):
    yield moved(name + "_op", function, dims, form="op", dtype="u8", **options)
    yield moved(name + "_qdq", function, dims, dtype="s8", **options)


def move_cases():
    def n(op, **attributes):
        return lambda g, v: g.node(op, [v], **attributes)

    yield from both("transpose", n("Transpose", perm=[0, 2, 3, 1]))
    yield from both("transpose_default", n("Transpose"), (2, 3, 4))
    yield from both("flatten", n("Flatten"))
    yield moved("flatten_axis_2", n("Flatten", axis=2))
    yield moved("flatten_axis_0", n("Flatten", axis=0))
    yield moved("flatten_axis_negative", n("Flatten", axis=-1))
    yield from both("reshape", lambda g, v: g.node("Reshape", [v, g.ints([1, 6, 4])]))
    yield moved("reshape_minus_1", lambda g, v: g.node("Reshape", [v, g.ints([1, -1])]))
    yield moved("reshape_0", lambda g, v: g.node("Reshape", [v, g.ints([0, 0, -1])]))
    yield moved("reshape_constant_node", lambda g, v: g.node("Reshape", [v, g.ints([0, 12, 2])]), constants="node")
    yield moved("reshape_other_scale", lambda g, v: g.node("Reshape", [v, g.ints([0, 12, 2])]), same=False, form="qdq")
    yield moved("squeeze_opset11", n("Squeeze", axes=[0, 2]), (1, 5, 1, 3), opset=11)
    yield moved("squeeze_opset13", lambda g, v: g.node("Squeeze", [v, g.ints([-2])]), (1, 5, 1, 3))
    yield moved("squeeze_all", n("Squeeze"), (1, 5, 1, 3))
    yield moved("unsqueeze_opset11", n("Unsqueeze", axes=[0, 3]), (5, 3), opset=11)
    yield moved("unsqueeze_opset13", lambda g, v: g.node("Unsqueeze", [v, g.ints([-1, 1])]), (1, 5, 3))
    yield moved("identity", n("Identity"))
    yield moved("dropout", n("Dropout"))
    yield moved("dropout_opset10", n("Dropout", ratio=0.3), opset=10)
    yield from both("slice", lambda g, v: sliced(g, v, [1, 0], [3, 2], [2, 1]))
    yield moved("slice_steps", lambda g, v: sliced(g, v, [0, 1], [9, 9], [2, 3], [2, 2]), (1, 2, 5, 6))
    yield moved("slice_negative", lambda g, v: sliced(g, v, [-1, -2], [-99, 2**31 - 1], [2, -1], [-1, 1]))
    yield moved("slice_no_axes", lambda g, v: sliced(g, v, [0, 1, 0, 1], [1, 2, 3, 3]))
    yield moved("slice_opset11_backwards", lambda g, v: sliced(g, v, [2**31 - 1], [-(2**31)], [3], [-2]), opset=11)
    yield from both("pad_constant", lambda g, v: g.node("Pad", [v, g.ints([0, 0, 1, 0, 0, 0, 2, 1])]))
    yield moved("pad_constant_value", lambda g, v: g.node("Pad", [v, g.ints([0, 0, 1, 0, 0, 1, 0, 1]), g.floats(1.5)]))
    yield moved("pad_reflect", lambda g, v: g.node("Pad", [v, g.ints([0, 0, 1, 2, 0, 0, 2, 1])], mode="reflect"))
    yield moved("pad_edge", lambda g, v: g.node("Pad", [v, g.ints([0, 0, 1, 2, 0, 0, 0, 1])], mode="edge"))
    yield moved("pad_negative", lambda g, v: g.node("Pad", [v, g.ints([0, 0, -1, 0, 0, 0, 1, -2])]))
    yield moved("pad_opset10", n("Pad", pads=[0, 0, 1, 0, 0, 0, 2, 1], value=0.0), opset=10)
    yield moved("pad_axes_opset18", lambda g, v: g.node("Pad", [v, g.ints([1, 2]), "", g.ints([3])]), opset=18)
    yield from both("gather_constant", lambda g, v: g.node("Gather", [v, g.ints([2, 0, -1])], axis=2))
    yield moved("gather_one", lambda g, v: g.node("Gather", [v, g.ints(1)], axis=1))
    yield from both("depth_to_space", n("DepthToSpace", blocksize=2), (1, 8, 2, 3))
    yield moved("depth_to_space_crd", n("DepthToSpace", blocksize=2, mode="CRD"), (1, 8, 2, 3))
    yield moved("space_to_depth", n("SpaceToDepth", blocksize=2), (1, 2, 4, 6))
    yield moved("expand", lambda g, v: g.node("Expand", [v, g.ints([1, 3, 4])]), (1, 3, 1))
    yield moved("tile", lambda g, v: g.node("Tile", [v, g.ints([1, 2, 1, 3])]))
    yield from both("resize_2", lambda g, v: resize(g, v, [1, 1, 2, 2]))
    for transform, nearest in (
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
        ("align_corners", "round_prefer_ceil"),
        ("pytorch_half_pixel", "ceil"),
    ):
        yield moved(
            f"resize_{transform}",
            lambda g, v, t=transform, m=nearest: resize(
                g, v, [1, 1, 1.7, 2.5], coordinate_transformation_mode=t, nearest_mode=m
            ),
            (1, 1, 3, 4),
        )
    yield moved(
        "resize_sizes",
        lambda g, v: resize(
            g, v, sizes=[1, 2, 5, 3], coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        ),
    )
    yield moved(
        "resize_down",
        lambda g, v: resize(g, v, [1, 1, 0.5, 0.5], coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        (1, 2, 6, 4),
    )
    yield moved("resize_opset10", lambda g, v: g.node("Resize", [v, g.floats([1, 1, 2, 3])], mode="nearest"), opset=10)
    yield moved(
        "resize_opset11_roi",
        lambda g, v: g.node(
            "Resize",
            [v, g.floats([]), g.floats([1, 1, 2, 2])],
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        ),
        opset=11,
    )
    yield moved("channel_shuffle", channel_shuffle, (1, 6, 2, 3))
    yield moved("two_moves", lambda g, v: g.node("Flatten", [g.node("Transpose", [v], perm=[0, 3, 1, 2])]))


def channel_shuffle(graph, v):
    t = graph.node("Reshape", [v, graph.ints([1, 2, 3, 2, 3])])
    t = graph.node("Transpose", [t], perm=[0, 2, 1, 3, 4])
    return graph.node("Reshape", [t, graph.ints([1, 6, 2, 3])])


def concat(
    name,
    form="qdq",
    dims=((1, 2, 3, 3), (1, 3, 3, 3)),
    axis=1,
    scales=(0.05, 0.05),
    zeros=(120, 120),
    sy=0.05,
    zy=120,
    dtype="u8",
    constant=False,
    **options,
):
    graph = Graph(name, **options)
    graph.form = form
    xs = [graph.input(d, dtype, s, low_plus(dtype, z), floats=form == "qdq") for d, s, z in zip(dims, scales, zeros)]
    if constant:
        values = graph.rng.integers(*limits(dtype), dims[0]).astype(TYPES[dtype])
        xs.append(Quantised(graph.const(values), dtype, 0.05, low_plus(dtype, 120)))
    y = Quantised("y", dtype, sy, low_plus(dtype, zy))
    if form == "op":
        graph.node(
            "QLinearConcat",
            graph.parameters(y) + [n for x in xs for n in graph.operand(x)],
            domain=MICROSOFT,
            out=["y"],
            axis=axis,
        )
    elif form == "bytes":
        graph.node("Concat", xs, out=["y"], axis=axis)
    else:
        y = graph.q(graph.node("Concat", [graph.dq(x) for x in xs], axis=axis), dtype, sy, y.zero)
    graph.output(y, form == "qdq")
    return graph, 2


def split(name, sizes=None, axis=1, opset=17, form="qdq", parts=2, num_outputs=None, dims=(1, 6, 2, 2), dtype="u8"):
    graph = Graph(name, opset=opset)
    graph.form = form
    x = graph.input(dims, dtype, 0.05, low_plus(dtype, 100), floats=form == "qdq")
    source = graph.dq(x) if form == "qdq" else x.name
    attributes = {"axis": axis}
    ins = [source]
    if sizes and opset < 13:
        attributes["split"] = sizes
    elif sizes:
        ins.append(graph.ints(sizes))
    if num_outputs:
        attributes["num_outputs"] = num_outputs
    outs = graph.node("Split", ins, outputs=parts, **attributes)
    for out in outs:
        graph.output(graph.q(out, dtype, 0.05, x.zero) if form == "qdq" else Quantised(out, dtype, 0.05, x.zero))
    return graph, 1


def gather_embedding(name, dims=(1, 4), per_row=False, dtype=TensorProto.INT64, form="qdq", quantised="u8", **options):
    graph = Graph(name, **options)
    graph.form = form
    ids = graph.indices(dims, 10, dtype=dtype)
    low, high = limits(quantised)
    table = graph.rng.integers(low, high + 1, (10, 6)).astype(TYPES[quantised])
    zero = low_plus(quantised, 120)
    if form == "qdq":
        values = graph.node("Gather", [graph.dq_constant(table, 0.04, zero, quantised), ids])
        y = graph.q(values, quantised, 0.04, zero)
    else:
        y = Quantised(graph.node("Gather", [graph.const(table), ids], axis=0), quantised, 0.04, zero)
    graph.output(y)
    return graph, 3


def arg_max(
    name,
    op="ArgMax",
    form="qdq",
    dims=(1, 8),
    axis=1,
    keepdims=0,
    samples=5,
    cast=None,
    dtype="u8",
    opset=17,
    **attributes,
):
    graph = Graph(name, opset=opset)
    graph.form = form
    values = graph.rng.integers(0, 5, (samples, *dims)) + low_plus(dtype, 100)  # few values: many ties
    x = graph.input(dims, dtype, 0.05, low_plus(dtype, 100), floats=form == "qdq", values=list(values))
    source = graph.dq(x) if form == "qdq" else x.name
    y = graph.node(op, [source], axis=axis, keepdims=keepdims, **attributes)
    if cast:
        graph.cuts.append(y)
        graph.result(graph.node("Cast", [y], to=cast), cast, cut=False)
    else:
        graph.result(y, TensorProto.INT64)
    return graph, samples


def top_k(name, k=3, axis=-1, dims=(1, 9), form="qdq", dtype="u8", opset=17, **attributes):
    graph = Graph(name, opset=opset)
    graph.form = form
    values = graph.rng.integers(0, 6, (4, *dims)) + low_plus(dtype, 100)
    x = graph.input(dims, dtype, 0.05, low_plus(dtype, 100), values=list(values))
    best, at = graph.node("TopK", [graph.dq(x), graph.ints([k])], outputs=2, axis=axis, **attributes)
    graph.output(graph.q(best, dtype, 0.05, x.zero))
    graph.result(at, TensorProto.INT64)
    return graph, 4


def other_cases():
    yield concat("concat_qdq_same")
    yield concat("concat_qdq_other_scales", scales=(0.05, 0.031), zeros=(120, 99), sy=0.06, zy=111)
    yield concat(
        "concat_qdq_s8_last_axis",
        dims=((1, 2, 3), (1, 2, 2), (1, 2, 1)),
        axis=-1,
        scales=(0.05, 0.05, 0.04),
        zeros=(128, 128, 100),
        zy=128,
        dtype="s8",
    )
    yield concat("concat_qdq_constant", constant=True)
    yield concat("concat_bytes", form="bytes", axis=2, dims=((1, 2, 3, 3), (1, 2, 1, 3)))
    yield concat("concat_op_other_scales", form="op", scales=(0.05, 0.031), zeros=(120, 99), sy=0.06, zy=111)
    yield concat("concat_op_same", form="op")
    yield concat("concat_op_ties", form="op", scales=(0.0625, 0.125), sy=0.25, zeros=(120, 121), dtype="s8")
    yield concat("concat_op_constant", form="op", constant=True, scales=(0.05, 0.031))
    yield split("split_even_opset13")
    yield split("split_sizes_opset13", [2, 4])
    yield split("split_opset11", [1, 5], opset=11)
    yield split("split_num_outputs_opset18", opset=18, parts=4, num_outputs=4, dims=(1, 7, 2))
    yield split("split_bytes", [4, 2], form="op", opset=18)
    yield gather_embedding("gather_embedding")
    yield gather_embedding("gather_embedding_int32", dtype=TensorProto.INT32, quantised="s8")
    yield gather_embedding("gather_embedding_bytes", form="op")
    yield gather_embedding("gather_embedding_one", dims=(1,), constants="node")
    yield arg_max("arg_max")
    yield arg_max("arg_max_keepdims", keepdims=1, dims=(1, 3, 6), axis=-1, dtype="s8")
    yield arg_max("arg_max_channels", dims=(1, 4, 2, 3), axis=1)
    yield arg_max("arg_max_last_index", select_last_index=1)
    yield arg_max("arg_min", "ArgMin", dtype="s8")
    yield arg_max("arg_max_bytes", form="op", opset=13)
    yield arg_max("arg_max_cast", cast=TensorProto.INT32)
    yield arg_max("arg_max_cast_float", cast=TensorProto.FLOAT)
    yield top_k("top_k")
    yield top_k("top_k_least", largest=0, dtype="s8")
    yield top_k("top_k_rows", dims=(1, 3, 5), k=2)
    yield top_k("top_k_opset10", opset=10)
    yield top_k("top_k_axis_1", dims=(1, 5, 3), axis=1, k=2)


def cases():
    return itertools.chain(pool_cases(), move_cases(), other_cases())
