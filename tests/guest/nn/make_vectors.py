"""Makes layers.onnx, inputs.bin and outputs.bin: single layers with random parameters and inputs, and what ONNX
Runtime computes for them; and written/layers_layers.h: the same parameters as a guest without a model file has
them. Needs examples/mnist/train/requirements.txt.

    python make_vectors.py .

Inputs and outputs stand sample by sample, in the order of LAYERS, each tensor in ONNX's element order. The script
checks ONNX Runtime against the formula of zk/nn/requantise.h in NumPy's float32, so that a kernel that saturates
(ONNX Runtime's AVX2 kernels may, with weights beyond 7 bits) cannot slip into the vectors: where weights are wide,
inputs are kept small.
"""

import pathlib
import sys
import textwrap

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

SAMPLES = 16
rng = np.random.default_rng(5)
nodes, constants, inputs, outputs, generators, references, written = [], [], [], [], [], [], []


def constant(name, value):
    constants.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def round_clamp(real, zero, dtype):
    info = np.iinfo(dtype)
    return np.clip(np.rint(real).astype(np.int64) + zero, info.min, info.max).astype(dtype)


def requantised(acc, scale, zero, dtype):
    assert np.abs(acc).max() < 2**31
    return round_clamp(acc.astype(np.float32) * scale.astype(np.float32), zero, dtype)


def layer(op, dtype, shape, domain, make_inputs, attributes, low, high, reference, batch=True):
    i = len(nodes)
    x, y = f"x{i}", f"y{i}"
    nodes.append(helper.make_node(op, make_inputs(x, i), [y], f"layer{i}", domain=domain, **attributes))
    kind = TensorProto.INT8 if dtype == np.int8 else TensorProto.UINT8
    inputs.append(helper.make_tensor_value_info(x, kind, [1, *shape]))
    outputs.append(helper.make_tensor_value_info(y, kind, None))
    generators.append(lambda: rng.integers(low, high, [1, *shape], dtype, endpoint=True))
    references.append(reference)


def write(name, kind, values):
    """C++ text of kNAMEn: a struct `kind` with `values` as its members."""
    number = 1 + sum(line.split(" k")[1].startswith(name) for line in written)

    def text(value):
        if isinstance(value, np.ndarray) and value.ndim:
            return "{" + textwrap.fill(", ".join(map(text, value.flat)), 118) + "}"
        return f"{float(value).hex()}f" if isinstance(value, np.floating) else str(int(value))

    def member(value):
        return f"{{{text(value[0])}, {text(value[1])}}}" if isinstance(value, tuple) else text(value)

    members = ",\n".join(f"    .{member_name} = {member(value)}" for member_name, value in values.items())
    written.append(f"inline constexpr zk::nn::{kind} k{name}{number}{{\n{members}}};\n")


def element(dtype):
    return "int8_t" if dtype == np.int8 else "uint8_t"


def weights_and_scales(shape, channels, limit, bias):
    w = np.clip(np.rint(rng.normal(0, limit / 2.5, shape)), -limit, limit).astype(np.int8)
    scales = rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.01)
    return w, scales, rng.integers(-bias, bias, channels, np.int32, endpoint=True)


def conv(dtype, shape, outs, kernel, pad, stride, x_zero, y_zero, y_scale, limit=64, low=None, high=None):
    info = np.iinfo(dtype)
    low, high = info.min if low is None else low, info.max if high is None else high
    w, scales, bias = weights_and_scales((outs, shape[0], *kernel), outs, limit, 3000)
    x_scale, y_scale = np.float32(0.03), np.float32(y_scale)

    def make_inputs(x, i):
        return [x, constant(f"xs{i}", x_scale), constant(f"xz{i}", dtype(x_zero)), constant(f"w{i}", w),
                constant(f"ws{i}", scales), constant(f"wz{i}", np.zeros(outs, np.int8)), constant(f"ys{i}", y_scale),
                constant(f"yz{i}", dtype(y_zero)), constant(f"b{i}", bias)]  # fmt: skip

    def reference(x):
        x = np.pad(x[0].astype(np.int64), ((0, 0), (pad, pad), (pad, pad)), constant_values=x_zero) - x_zero
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))[:, ::stride, ::stride]
        acc = np.einsum("chwij,ocij->ohw", windows, w.astype(np.int64)) + bias[:, None, None]
        return requantised(acc, (x_scale * scales / y_scale)[:, None, None], y_zero, dtype)[None]

    write("Conv", f"Conv2dParams<{element(dtype)}, {outs}, {shape[0]}, {kernel[0]}, {kernel[1]}, {pad}, {stride}>",
          dict(weights=w, bias=bias, weight_scales=scales, input=(x_scale, x_zero), output=(y_scale, y_zero)))  # fmt: skip
    attributes = dict(kernel_shape=kernel, pads=[pad] * 4, strides=[stride] * 2)
    layer("QLinearConv", dtype, shape, "", make_inputs, attributes, low, high, reference)


def dense(op, dtype, ins, outs, x_zero, y_zero, y_scale, limit=64, low=None, high=None, w=None):
    info = np.iinfo(dtype)
    low, high = info.min if low is None else low, info.max if high is None else high
    random, scales, bias = weights_and_scales((outs, ins), outs, limit, 3000)
    w = random if w is None else w
    x_scale, y_scale = np.float32(0.02), np.float32(y_scale)
    bias = bias if op == "QGemm" else np.zeros_like(bias)

    def make_inputs(x, i):
        a = [x, constant(f"xs{i}", x_scale), constant(f"xz{i}", dtype(x_zero)),
             constant(f"w{i}", w if op == "QGemm" else w.T.copy()), constant(f"ws{i}", scales),
             constant(f"wz{i}", np.zeros(outs, np.int8))]  # fmt: skip
        b = [constant(f"b{i}", bias)] if op == "QGemm" else []
        return [*a, *b, constant(f"ys{i}", y_scale), constant(f"yz{i}", dtype(y_zero))]

    def reference(x):
        acc = (x.astype(np.int64) - x_zero) @ w.T.astype(np.int64) + bias
        return requantised(acc, x_scale * scales / y_scale, y_zero, dtype)

    write("Dense", f"DenseParams<{element(dtype)}, {outs}, {ins}>",
          dict(weights=w, bias=bias, weight_scales=scales, input=(x_scale, x_zero), output=(y_scale, y_zero)))  # fmt: skip
    domain, attributes = ("com.microsoft", dict(transB=1)) if op == "QGemm" else ("", {})
    layer(op, dtype, [ins], domain, make_inputs, attributes, low, high, reference)


def average_pool(dtype, shape, kernel, stride, x_scale, x_zero, y_scale, y_zero):
    info = np.iinfo(dtype)
    x_scale, y_scale = np.float32(x_scale), np.float32(y_scale)

    def make_inputs(x, i):
        return [x, constant(f"xs{i}", x_scale), constant(f"xz{i}", dtype(x_zero)), constant(f"ys{i}", y_scale),
                constant(f"yz{i}", dtype(y_zero))]  # fmt: skip

    def reference(x):
        windows = np.lib.stride_tricks.sliding_window_view(x[0].astype(np.int32), (kernel, kernel), axis=(1, 2))
        windows = windows[:, ::stride, ::stride]
        total = np.zeros(windows.shape[:3], np.float32)
        for i in range(kernel):
            for j in range(kernel):
                total += x_scale * (windows[..., i, j] - x_zero).astype(np.float32)
        real = total / np.float32(kernel * kernel) / y_scale + np.float32(y_zero)
        return round_clamp(real, 0, dtype)[None]

    write("AveragePool", "AveragePoolParams", dict(input=(x_scale, x_zero), output=(y_scale, y_zero)))
    attributes = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2)
    layer("QLinearAveragePool", dtype, shape, "com.microsoft", make_inputs, attributes, info.min, info.max, reference)


def max_pool(dtype, shape, kernel, stride):
    def reference(x):
        windows = np.lib.stride_tricks.sliding_window_view(x[0], (kernel, kernel), axis=(1, 2))
        return windows[:, ::stride, ::stride].max((3, 4))[None]

    write("MaxPool", "MaxPoolParams", dict(kernel=kernel, stride=stride))
    info, attributes = np.iinfo(dtype), dict(kernel_shape=[kernel] * 2, strides=[stride] * 2)
    layer("MaxPool", dtype, shape, "", lambda x, i: [x], attributes, info.min, info.max, reference)


# LAYERS, which tests/guest/nn/layers.h runs by these numbers.
conv(np.int8, (3, 7, 9), 5, (3, 3), 1, 1, 5, -7, 0.03)  # kConv1: odd channels, all zero points
conv(np.int8, (4, 9, 9), 6, (3, 3), 0, 2, -128, -128, 0.04)  # kConv2: stride 2, ReLU
conv(np.uint8, (2, 6, 10), 7, (5, 3), 2, 1, 0, 131, 0.05, limit=127, high=127)  # kConv3: wide weights
conv(np.uint8, (1, 8, 8), 4, (5, 5), 2, 1, 3, 0, 0.05)  # kConv4: uint8, one channel
dense("QLinearMatMul", np.int8, 13, 7, -3, 11, 0.02)  # kDense1: left-over lanes
dense("QGemm", np.uint8, 63, 25, 128, 120, 0.03)  # kDense2
dense("QGemm", np.int8, 30, 9, -128, -128, 0.03, limit=127, high=-1)  # kDense3: wide weights
extreme = np.where(np.arange(3 * 2048).reshape(3, 2048) % 31 == 0, 63, 64).astype(np.int8) * np.array([[1], [-1], [1]])
dense("QGemm", np.uint8, 2048, 3, 0, 128, 60.0, low=200, w=extreme.astype(np.int8))  # kDense4: |acc| > 2^24
average_pool(np.int8, (2, 6, 8), 2, 2, 0.25, -5, 0.25, 3)  # kAveragePool1: ties everywhere
average_pool(np.uint8, (3, 7, 7), 3, 2, 0.07, 0, 0.051, 17)  # kAveragePool2
average_pool(np.uint8, (1, 8, 8), 2, 2, 0.011, 9, 0.022, 0)  # kAveragePool3: ties that float32 moves
max_pool(np.int8, (2, 7, 9), 3, 2)


def main():
    out = pathlib.Path(sys.argv[1])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "layers", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    xs, ys = b"", b""
    for _ in range(SAMPLES):
        feed = {f"x{i}": make() for i, make in enumerate(generators)}
        for i, y in enumerate(session.run(None, feed)):
            expected = references[i](feed[f"x{i}"])
            assert y.shape == expected.shape and (y == expected).all(), (i, (y != expected).mean(), y, expected)
            spread = len(np.unique(y))
            assert spread > 2, (i, spread)
            xs += feed[f"x{i}"].tobytes()
            ys += y.tobytes()
    onnx.save(model, out / "layers.onnx")
    (out / "written").mkdir(exist_ok=True)
    (out / "written/layers_layers.h").write_text(
        "// The layers of layers.onnx as parameters; made by make_vectors.py.\n// clang-format off\n#pragma once\n\n"
        "#include <zk/nn.h>\n\nnamespace layers {\n\n" + "".join(written) + "\n}  // namespace layers\n"
    )
    (out / "inputs.bin").write_bytes(xs)
    (out / "outputs.bin").write_bytes(ys)


if __name__ == "__main__":
    main()
