"""Conv, Gemm and MatMul, in both forms."""

import itertools

import numpy as np
from onnx import TensorProto

from graph import MICROSOFT, TYPES, Graph, Quantised, limits


def weights(graph, dims, dtype, small=True):
    """Within [-64, 64] around the middle: the runtime's sums are right then on every CPU."""
    if dtype == "s8":
        low, high = (-64, 64) if small else (-127, 127)
    else:
        low, high = (64, 192) if small else (0, 255)
    return graph.rng.integers(low, high + 1, dims).astype(TYPES[dtype])


def output_scale(x, weight_scale, terms, spread=70.0):
    return float(np.float32(x.scale * float(np.mean(weight_scale)) * np.sqrt(terms) * spread * 37 / 55))


def scale_of(graph, ties=False):
    if ties:
        return float(2.0 ** graph.rng.integers(-7, -3))
    return float(np.float32(graph.rng.uniform(0.01, 0.09)))


def weight_scales(graph, outputs, per_channel, ties=False):
    if not per_channel:
        return scale_of(graph, ties)
    return [scale_of(graph, ties) for _ in range(outputs)]


def conv(
    name,
    form="op",
    dims=(1, 2, 5, 5),
    outputs=3,
    kernel=(3, 3),
    groups=1,
    bias="s32",
    x="u8",
    w="s8",
    zx=None,
    zw=None,
    zy=None,
    per_channel=False,
    ties=False,
    after=None,
    samples=3,
    out_floats=None,
    axis=0,
    x_floats=None,
    fewer_zeros=False,
    weight_name=None,
    full=False,
    **options,
):
    attributes = options.pop("attributes", {})
    graph = Graph(name, **options)
    graph.form = form
    xq = graph.input(dims, x, scale_of(graph, ties), zx, floats=form == "qdq" if x_floats is None else x_floats)
    shape = (outputs, dims[1] // groups, *kernel)
    values = weights(graph, shape, w, small=not full)
    scales = weight_scales(graph, outputs, per_channel, ties)
    zero = (0 if w == "s8" else 128) if zw is None else zw
    if w == "u8" and zw is not None:
        values = np.clip(values.astype(int) - 128 + zw, 0, 255).astype(np.uint8)
    zeros = [zero] * outputs if per_channel else zero
    sy = output_scale(xq, scales, np.prod(shape[1:]))
    if ties:
        sy = float(2.0 ** np.round(np.log2(sy)))
    bias_values = graph.rng.integers(-3000, 3000, outputs)
    low, _ = limits(x)
    zy = (low + 128) if zy is None else zy
    if form == "op":
        ins = graph.operand(xq) + [
            graph.const(values, name=weight_name),
            graph.floats(scales),
            graph.const(zeros, TYPES[w]),
            graph.floats(sy),
            graph.zero_point(x, zy),
        ]
        if bias:
            ins.append(graph.const(bias_values, np.int32))
        y = Quantised(
            (
                graph.node("QLinearConv", ins, group=groups, **attributes)
                if groups > 1
                else graph.node("QLinearConv", ins, **attributes)
            ),
            x,
            sy,
            zy,
        )
    else:
        f = graph.dq(xq, no_zero=fewer_zeros)
        wf = graph.dq_constant(
            values, scales, None if fewer_zeros else zeros, w, axis=axis if per_channel else None, name=weight_name
        )
        ins = [f, wf]
        if bias == "s32":
            scale = (np.float32(xq.scale) * np.array(scales, np.float32)).astype(np.float32)
            ins.append(
                graph.dq_constant(
                    bias_values,
                    scale,
                    None if fewer_zeros else np.zeros_like(scale, np.int32),
                    "s32",
                    axis=0 if per_channel else None,
                )
            )
        elif bias == "float":
            ins.append(graph.floats(bias_values * np.array(scales) * xq.scale))
        if groups > 1:
            attributes = {**attributes, "group": groups}
        v = graph.node("Conv", ins, **attributes)
        if after:
            v = after(graph, v)
        y = graph.q(v, x, sy, zy, no_zero=fewer_zeros)
    graph.output(y, out_floats)
    return graph, samples


def conv_cases():
    for form in ("op", "qdq"):
        p = f"conv_{form}_"
        for k in (1, 2, 3, 4, 5):
            yield conv(f"{p}kernel{k}", form, dims=(1, 2, 5, 6), kernel=(k, k), attributes={"kernel_shape": [k, k]})
        yield conv(p + "kernel_3x2", form, kernel=(3, 2))
        yield conv(p + "stride2", form, dims=(1, 3, 7, 6), attributes={"strides": [2, 2]})
        # In blocks of 2 x 2 pixels, with padding.
        yield conv(
            p + "stride2_padded",
            form,
            dims=(1, 9, 8, 10),
            outputs=5,
            per_channel=True,
            zx=99,
            attributes={"strides": [2, 2], "pads": [1, 1, 1, 1]},
        )
        yield conv(
            p + "stride2_depthwise",
            form,
            dims=(1, 6, 10, 8),
            outputs=6,
            groups=6,
            per_channel=True,
            x="s8",
            zx=-3,
            attributes={"strides": [2, 2], "pads": [0, 0, 1, 1]},
        )
        yield conv(p + "stride_1x3", form, dims=(1, 1, 5, 9), attributes={"strides": [1, 3]})
        yield conv(p + "pads", form, dims=(1, 2, 4, 4), attributes={"pads": [1, 1, 1, 1]}, zx=117)
        yield conv(
            p + "pads_uneven",
            form,
            dims=(1, 2, 4, 5),
            attributes={"pads": [0, 1, 2, 1], "strides": [2, 1]},
            x="s8",
            zx=-128,
        )
        for pad in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
            yield conv(
                f"{p}{pad.lower()}",
                form,
                dims=(1, 2, 5, 4),
                kernel=(3, 2),
                attributes={
                    "auto_pad": pad,
                    "strides": [2, 1],
                    "kernel_shape": [3, 2],
                    **({"pads": [1, 0, 1, 1]} if pad == "NOTSET" else {}),
                },
                zx=3,
            )
        yield conv(p + "dilation", form, dims=(1, 2, 6, 6), attributes={"dilations": [2, 2], "pads": [1, 1, 1, 1]})
        yield conv(
            p + "dilation_same",
            form,
            dims=(1, 1, 6, 6),
            kernel=(2, 2),
            attributes={"dilations": [3, 1], "auto_pad": "VALID"},
        )
        yield conv(p + "groups", form, dims=(1, 4, 4, 4), outputs=6, groups=2, per_channel=True)
        yield conv(p + "depthwise", form, dims=(1, 6, 4, 4), outputs=6, groups=6, per_channel=True, x="s8")
        yield conv(p + "depthwise_times_2", form, dims=(1, 3, 4, 4), outputs=6, groups=3, attributes={"pads": [1] * 4})
        yield conv(p + "one_dimension", form, dims=(1, 3, 9), kernel=(3,), outputs=4, attributes={"pads": [1, 1]})
        yield conv(
            p + "one_dimension_stride",
            form,
            dims=(1, 2, 9),
            kernel=(4,),
            outputs=2,
            x="s8",
            attributes={"strides": [2], "dilations": [2], "pads": [3, 2]},
        )
        yield conv(p + "no_bias", form, bias=None)
        yield conv(p + "s8_s8", form, x="s8", full=True, zx=-7, zy=11)
        yield conv(p + "s8_s8_per_channel", form, x="s8", full=True, per_channel=True, bias=None)
        yield conv(p + "s8_zero_at_ends", form, x="s8", zx=127, zy=-128, full=True)
        yield conv(p + "u8_zero_at_ends", form, zx=0, zy=255)
        yield conv(p + "u8_zero_255_0", form, zx=255, zy=0)
        yield conv(p + "u8_weights", form, w="u8", full=True, zw=128)
        yield conv(p + "u8_weights_zero_3", form, w="u8", zw=3)
        yield conv(p + "u8_weights_zero_255", form, w="u8", zw=255, bias=None)
        yield conv(p + "ties", form, ties=True, x="s8", dims=(1, 2, 9, 9), samples=4)
        yield conv(p + "ties_per_channel", form, ties=True, per_channel=True, dims=(1, 2, 9, 9), samples=4)
        yield conv(p + "many_channels", form, dims=(1, 33, 2, 3), outputs=5, kernel=(1, 1), per_channel=True)
        yield conv(p + "window_is_all", form, dims=(1, 3, 4, 5), kernel=(4, 5))
        for opset, ir in ((10, 3), (11, 4), (13, 7), (19, 9), (21, 10), (23, 11), (25, 12), (27, 13)):
            per_channel = form == "op" or opset >= 13
            constants = "input" if ir == 3 else "node" if opset in (13, 21, 27) else "initialiser"
            yield conv(
                f"{p}opset{opset}_ir{ir}",
                form,
                dims=(1, 2, 4, 4),
                opset=opset,
                ir=ir,
                constants=constants,
                per_channel=per_channel,
                x="s8" if opset % 2 else "u8",
                samples=2,
            )


def relu(graph, v):
    return graph.node("Relu", [v])


def clip_with_inputs(low, high):
    return lambda graph, v: graph.node("Clip", [v, graph.floats(low), graph.floats(high)])


def clip_with_attributes(low, high):
    return lambda graph, v: graph.node("Clip", [v], min=low, max=high)


def batch_normalisation(channels, **attributes):
    def after(graph, v):
        rng = graph.rng
        ins = [
            graph.floats(rng.uniform(0.5, 1.5, channels)),
            graph.floats(rng.uniform(-2, 2, channels)),
            graph.floats(rng.uniform(-1, 1, channels)),
            graph.floats(rng.uniform(0.5, 2, channels)),
        ]
        return graph.node("BatchNormalization", [v] + ins, **attributes)

    return after


def conv_and_more_cases():
    p = "conv_qdq_then_"
    yield conv(p + "relu_at_least_zero", "qdq", after=relu, zy=0)
    yield conv(p + "relu_s8", "qdq", after=relu, x="s8", zy=-128, per_channel=True)
    yield conv(p + "clip_0_6", "qdq", after=clip_with_inputs(0, 6), zy=0)
    yield conv(p + "clip_opset10", "qdq", after=clip_with_attributes(0.0, 6.0), zy=0, opset=10)
    yield conv(p + "float_bias", "qdq", bias="float")
    yield conv(p + "float_bias_per_channel", "qdq", bias="float", per_channel=True, x="s8")
    yield conv("conv_qdq_bytes_in_and_out", "qdq", x="u8", x_floats=False, out_floats=False, samples=3)
    yield conv("conv_qdq_without_zero_points", "qdq", fewer_zeros=True, zx=0, zy=0)
    yield conv("conv_qdq_microsoft_domain", "qdq", domain=MICROSOFT, x="u8")
    yield conv("conv_qdq_microsoft_domain_s8", "qdq", domain=MICROSOFT, x="s8", opset=11)
    yield conv("conv_qdq_torch_names", "qdq", prefix="/features/0/", constants="node", x="u8", opset=17)
    yield conv("conv_qdq_negative_axis", "qdq", per_channel=True, axis=-4)


def conv_middle(name, middle, x="u8", zero=120, outputs=3, samples=3, **options):
    """Conv, quantised; then `middle` between DQ and Q."""
    graph = Graph(name, **options)
    xq = graph.input((1, 2, 4, 4), x, 0.04)
    values = weights(graph, (outputs, 2, 3, 3), "s8")
    v = graph.node("Conv", [graph.dq(xq), graph.dq_constant(values, 0.02, 0)], pads=[1, 1, 1, 1])
    low, _ = limits(x)
    y = graph.q(v, x, 0.1, low + zero)
    f = middle(graph, graph.dq(y))
    graph.output(graph.q(f, x, 0.07, low + 100))
    return graph, samples


def conv_middle_cases():
    p = "conv_then_"
    yield conv_middle(p + "relu", relu)
    yield conv_middle(p + "clip", clip_with_inputs(-1.5, 3.25), x="s8")
    yield conv_middle(p + "clip_lower_only", lambda g, v: g.node("Clip", [v, g.floats(-0.7)]))
    yield conv_middle(p + "clip_upper_only", lambda g, v: g.node("Clip", [v, "", g.floats(2.1)]))
    yield conv_middle(p + "batch_normalisation", batch_normalisation(3, epsilon=1e-3))
    yield conv_middle(p + "batch_normalisation_s8", batch_normalisation(3), x="s8", opset=13)
    yield conv_middle(p + "batch_normalisation_relu", lambda g, v: relu(g, batch_normalisation(3, momentum=0.8)(g, v)))


def gemm(
    name,
    form="op",
    rows=1,
    k=8,
    n=5,
    x="u8",
    w="s8",
    alpha=1.0,
    beta=1.0,
    trans_b=0,
    bias="n",
    per_channel=False,
    zx=None,
    zy=None,
    zw=None,
    ties=False,
    samples=4,
    floats_out=False,
    trans_a=0,
    full=False,
    **options,
):
    graph = Graph(name, **options)
    graph.form = form
    xq = graph.input((k, rows) if trans_a else (rows, k), x, scale_of(graph, ties), zx, floats=form == "qdq")
    shape = (n, k) if trans_b else (k, n)
    values = weights(graph, shape, w, small=not full)
    zero = (0 if w == "s8" else 128) if zw is None else zw
    if w == "u8":
        values = np.clip(values.astype(int) - 128 + zero, 0, 255).astype(np.uint8)
    scales = weight_scales(graph, n, per_channel, ties)
    zeros = [zero] * n if per_channel else zero
    sy = output_scale(xq, scales, k) * alpha
    if ties:
        sy = float(2.0 ** np.round(np.log2(sy)))
    zy = limits(x)[0] + 128 if zy is None else zy
    count = {"n": (n,), "1": (1,), "1n": (1, n), "rows": (rows, 1), "all": (rows, n), None: None, "": ()}[bias]
    bias_values = None if count is None else graph.rng.integers(-2000, 2000, count)
    attributes = {
        key: value
        for key, value, plain in (("alpha", float(alpha), 1.0), ("transB", trans_b, 0), ("transA", trans_a, 0))
        if value != plain
    }
    if form == "op":
        ins = graph.operand(xq) + [
            graph.const(values),
            graph.floats(scales),
            graph.const(zeros, TYPES[w]),
            graph.const(bias_values, np.int32) if count is not None else "",
        ]
        if not floats_out:
            ins += [graph.floats(sy), graph.zero_point(x, zy)]
        while ins[-1] == "":
            ins.pop()
        y = graph.node("QGemm", ins, domain=MICROSOFT, **attributes)
    else:
        axis = (0 if trans_b else 1) if per_channel else None
        ins = [graph.dq(xq), graph.dq_constant(values, scales, zeros, w, axis=axis)]
        if count is not None:
            scale = (np.float32(xq.scale) * np.array(scales, np.float32)).astype(np.float32)
            ins.append(
                graph.dq_constant(
                    bias_values,
                    scale,
                    np.zeros_like(scale, np.int32),
                    "s32",
                    axis=len(count) - 1 if per_channel else None,
                )
            )
        if beta != 1.0:
            attributes["beta"] = float(beta)
        v = graph.node("Gemm", ins, **attributes)
        y = graph.q(v, x, sy, zy).name
    graph.output(Quantised(y, x, sy, zy))
    return graph, samples


def gemm_cases():
    for form in ("op", "qdq"):
        p = f"gemm_{form}_"
        yield gemm(p + "plain", form)
        yield gemm(p + "trans_b", form, trans_b=1, x="s8", full=True)
        yield gemm(p + "per_channel", form, per_channel=True, trans_b=1, x="s8")
        yield gemm(p + "per_channel_columns", form, per_channel=True)
        yield gemm(p + "alpha", form, alpha=0.75)
        yield gemm(p + "no_bias", form, bias=None, trans_b=1)
        yield gemm(p + "rows", form, rows=4, x="s8")
        yield gemm(p + "u8_weights", form, w="u8", zw=121, full=True)
        yield gemm(p + "ends", form, zx=0, zy=0)
        yield gemm(p + "bias_1n", form, bias="1n")
        yield gemm(p + "ties", form, ties=True, k=16, n=20, x="s8", samples=5)
        yield gemm(p + "ties_alpha", form, ties=True, k=16, n=20, alpha=0.3, samples=3)
    yield gemm("gemm_op_one_bias", "op", bias="1")
    yield gemm("gemm_op_bias_of_each_row", "op", bias="rows", rows=3)
    yield gemm("gemm_qdq_beta", "qdq", beta=0.5)
    yield gemm("gemm_qdq_alpha_beta", "qdq", alpha=1.5, beta=2.0, x="s8")
    yield gemm("gemm_qdq_bias_of_all", "qdq", bias="all", rows=2)
    yield gemm("gemm_qdq_trans_a", "qdq", trans_a=1, rows=1)
    for opset in (10, 13, 21, 27):
        yield gemm(f"gemm_qdq_opset{opset}", "qdq", opset=opset, constants="node" if opset > 20 else "initialiser")


def matmul(
    name,
    form="op",
    dims=(1, 8),
    n=5,
    x="s8",
    w="s8",
    per_channel=False,
    bias=False,
    ties=False,
    zx=None,
    zy=None,
    zw=None,
    samples=4,
    batches=(),
    one_axis_weights=False,
    full=False,
    **options,
):
    graph = Graph(name, **options)
    graph.form = form
    xq = graph.input(dims, x, scale_of(graph, ties), zx, floats=form == "qdq")
    values = weights(graph, batches + ((dims[-1],) if one_axis_weights else (dims[-1], n)), w, small=not full)
    scales = weight_scales(graph, n, per_channel, ties)
    zero = (0 if w == "s8" else 128) if zw is None else zw
    zeros = [zero] * n if per_channel else zero
    sy = output_scale(xq, scales, dims[-1])
    if ties:
        sy = float(2.0 ** np.round(np.log2(sy)))
    zy = limits(x)[0] + 128 if zy is None else zy
    if form == "op":
        ins = graph.operand(xq) + [
            graph.const(values),
            graph.floats(scales),
            graph.const(zeros, TYPES[w]),
            graph.floats(sy),
            graph.zero_point(x, zy),
        ]
        y = Quantised(graph.node("QLinearMatMul", ins), x, sy, zy)
    else:
        wf = graph.dq_constant(values, scales, zeros, w, axis=1 if per_channel else None)
        v = graph.node("MatMul", [graph.dq(xq), wf])
        if bias:
            y1 = graph.q(v, x, sy, zy)
            b = graph.dq_constant(graph.rng.integers(-100, 100, n), sy / 3, 0, "s8")
            v = graph.node("Add", [graph.dq(y1), b])
        y = graph.q(v, x, sy, zy)
    graph.output(y)
    return graph, samples


def matmul_dynamic(name, form, a_dims, b_dims, a="u8", b="u8", ties=False, transposed=False, samples=3, **options):
    graph = Graph(name, **options)
    graph.form = form
    aq = graph.input(a_dims, a, scale_of(graph, ties), None if a == "s8" else 97, floats=form == "qdq")
    bq = graph.input(b_dims, b, scale_of(graph, ties), None if b == "s8" else 140, floats=form == "qdq")
    sy = float(np.float32(aq.scale * bq.scale * np.sqrt(a_dims[-1]) * 50))
    if ties:
        sy = float(2.0 ** np.round(np.log2(sy)))
    zy = 0 if a == "s8" else 120
    if form == "op":
        ins = graph.operand(aq) + graph.operand(bq) + [graph.floats(sy), graph.zero_point(a, zy)]
        y = Quantised(graph.node("QLinearMatMul", ins), a, sy, zy)
    else:
        right = graph.dq(bq)
        if transposed:
            right = graph.node("Transpose", [right], perm=[*range(len(b_dims) - 2), len(b_dims) - 1, len(b_dims) - 2])
            right = graph.dq(graph.q(right, b, bq.scale, bq.zero))
        y = graph.q(graph.node("MatMul", [graph.dq(aq), right]), a, sy, zy)
    graph.output(y)
    return graph, samples


def matmul_cases():
    for form in ("op", "qdq"):
        p = f"matmul_{form}_"
        yield matmul(p + "one_row", form)
        yield matmul(p + "u8_activations", form, x="u8")
        yield matmul(p + "many_rows", form, dims=(5, 8), full=True)
        yield matmul(p + "batched_rows", form, dims=(1, 3, 8))
        yield matmul(p + "four_axes", form, dims=(1, 2, 3, 4), n=6)
        yield matmul(p + "u8_u8", form, x="u8", w="u8", zw=130, zx=11)
        yield matmul(p + "per_channel", form, per_channel=True)
        yield matmul(p + "ties", form, ties=True, dims=(4, 16), n=16)
        yield matmul(p + "vector", form, dims=(8,), n=4)
        yield matmul(p + "vector_weights", form, dims=(3, 8), one_axis_weights=True)
        yield matmul(p + "batched_weights", form, dims=(1, 2, 3, 4), n=2, batches=(1, 2))
        yield matmul_dynamic(p + "dynamic", form, (3, 4), (4, 5))
        yield matmul_dynamic(p + "dynamic_batched", form, (1, 2, 3, 4), (1, 2, 4, 3), a="s8", b="s8")
        yield matmul_dynamic(p + "dynamic_broadcast", form, (1, 2, 3, 4), (4, 3))
        yield matmul_dynamic(p + "dynamic_ties", form, (4, 8), (8, 8), ties=True, samples=5)
    yield matmul("matmul_qdq_then_bias", "qdq", dims=(1, 2, 6), n=4, bias=True)
    yield matmul_dynamic(
        "matmul_qdq_dynamic_transposed", "qdq", (1, 2, 3, 4), (1, 2, 3, 4), a="s8", b="s8", transposed=True
    )


def matmul_and_bias(name, dims=(1, 3, 6), float_bias=True, bias_first=False, per_channel=False, x="s8", samples=4):
    """nn.Linear of tensors of three axes as PyTorch exports it: nothing quantises the product before the sum."""
    graph = Graph(name)
    xq = graph.input(dims, x, 0.05, 3)
    scales = np.array(weight_scales(graph, 5, per_channel), np.float32)
    zeros = np.zeros_like(scales, np.int8)
    wf = graph.dq_constant(weights(graph, (dims[-1], 5), "s8"), scales, zeros, axis=1 if per_channel else None)
    if float_bias:
        b = graph.floats(graph.rng.normal(0, 2, 5))
    else:
        b = graph.dq_constant(
            graph.rng.integers(-900, 900, 5),
            np.float32(xq.scale) * scales,
            np.zeros_like(scales, np.int32),
            "s32",
            axis=0 if per_channel else None,
        )
    v = graph.node("MatMul", [graph.dq(xq), wf])
    v = graph.node("Add", [b, v] if bias_first else [v, b])
    graph.output(graph.q(v, x, 0.13, 5))
    return graph, samples


def matmul_and_bias_cases():
    yield matmul_and_bias("matmul_qdq_add_float_bias")
    yield matmul_and_bias("matmul_qdq_add_float_bias_first", bias_first=True, x="u8")
    yield matmul_and_bias("matmul_qdq_add_int32_bias", (1, 6), float_bias=False)
    yield matmul_and_bias("matmul_qdq_add_bias_per_channel", float_bias=False, per_channel=True)


def sums(name, op="Gemm", per_channel=False, with_bias=True, then=None, form="qdq", x="s8", alpha=1.0, **options):
    """A last layer whose result nobody quantises."""
    graph = Graph(name, **options)
    graph.form = form
    dims, shape = {"Gemm": ((1, 6), (4, 6)), "Conv": ((1, 2, 3, 3), (4, 2, 2, 2)), "MatMul": ((1, 3, 6), (6, 4))}[op]
    xq = graph.input(dims, x, 0.05, 7, floats=form == "qdq")
    scales = np.array(weight_scales(graph, 4, per_channel), np.float32)
    values, biases = weights(graph, shape, "s8"), graph.rng.integers(-900, 900, 4)
    worth = np.float32(xq.scale) * scales
    zeros = np.zeros_like(scales, np.int8)
    if form == "op":
        ins = graph.operand(xq) + [
            graph.const(values),
            graph.floats(scales),
            graph.const(zeros),
            graph.const(biases, np.int32),
        ]
        y = graph.node("QGemm", ins, domain=MICROSOFT, transB=1, alpha=alpha)
        worth = np.float32(alpha) * worth
    else:
        axis = (1 if op == "MatMul" else 0) if per_channel else None
        ins = [graph.dq(xq), graph.dq_constant(values, scales, zeros, axis=axis)]
        if with_bias:
            ins.append(
                graph.dq_constant(biases, worth, np.zeros_like(worth, np.int32), "s32", axis=0 if per_channel else None)
            )
        y = graph.node(op, ins, **({"transB": 1} if op == "Gemm" else {}))
    if then:
        graph.sums[y] = worth
        graph.cuts.append(y)
        graph.result(then(graph, y), TensorProto.FLOAT, cut=False)
    else:
        graph.sums_output(y, worth)
    return graph, 3


def sums_cases():
    yield sums("sums_gemm_op", form="op")
    yield sums("sums_gemm_op_alpha", form="op", alpha=0.5, per_channel=True)
    yield sums("sums_gemm_qdq")
    yield sums("sums_gemm_qdq_per_channel", per_channel=True, x="u8")
    yield sums("sums_gemm_no_bias", with_bias=False)
    yield sums("sums_conv", "Conv", per_channel=True)
    yield sums("sums_matmul", "MatMul", with_bias=False)
    yield sums("sums_gemm_softmax", then=lambda g, v: g.node("Softmax", [v], axis=-1))
    yield sums("sums_conv_then_moves", "Conv", then=lambda g, v: g.node("Sigmoid", [g.node("Flatten", [v])]))


def float_network(name, function, dims, x="s8", y="s8", sy=0.08, samples=6):
    """Where the runtime does not fuse, it computes in float32, with scales that make ties: 0.05 * 0.02 / 0.08 is 1/80."""
    graph = Graph(name)
    xq = graph.input(dims, x, 0.05, 3)
    graph.output(graph.q(function(graph, graph.dq(xq)), y, sy, 5))
    return graph, samples


def float_network_cases():
    def conv(graph, v):
        return graph.node("Conv", [v, graph.dq_constant(weights(graph, (3, 2, 3, 3), "s8"), 0.02, 0)])

    def flatten_and_gemm(graph, v):
        w = graph.dq_constant(weights(graph, (40, 18), "s8"), 0.02, 0)
        return graph.node("Gemm", [graph.node("Flatten", [v]), w], transB=1)

    yield float_network("float_conv_u8_to_s8", conv, (1, 2, 8, 8), "u8")
    yield float_network("float_conv_and_flatten", lambda g, v: g.node("Flatten", [conv(g, v)]), (1, 2, 8, 8))
    yield float_network("float_flatten_and_gemm", flatten_and_gemm, (1, 2, 3, 3))
    yield float_network(
        "float_conv_and_constant",
        lambda g, v: g.node("Add", [conv(g, v), g.floats(g.rng.normal(0, 1, (3, 1, 1)))]),
        (1, 2, 8, 8),
    )


def cases():
    return itertools.chain(
        float_network_cases(),
        sums_cases(),
        matmul_and_bias_cases(),
        conv_cases(),
        conv_and_more_cases(),
        conv_middle_cases(),
        gemm_cases(),
        matmul_cases(),
    )
