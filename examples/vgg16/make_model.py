"""Makes a VGG16 for images of 32 x 32 in 8 bits, and images for it, from a seed: ONNX and numpy files.

    python make_model.py FOLDER

writes FOLDER/vgg16.onnx and FOLDER/images.npz: 20 images, and the outputs that ONNX Runtime computes of them.

Nothing here is trained: the network knows no image. It has the shapes of the real one, and numbers like those of one:
weights of each channel normal, of another size for each; sums of each channel standardised and then scaled and moved, as
batch normalisation that was folded into the convolutions leaves them; scales of activations by what synthetic images,
whose spectrum falls as that of photographs does, give. Int8 weights and activations: ONNX Runtime sums those exactly on
every CPU.
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE, CLASSES, IMAGES, CALIBRATION = 32, 10, 20, 32
POOL = "pool"
FEATURES = [64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512, POOL, 512, 512, 512, POOL]
CLASSIFIER = [512, 512, CLASSES]
IMAGE_SCALE = 1 / 64  # of an int8 with zero point 0: a pixel's byte, less 128


def make_images(random, count):
    """int8 [count][3][32][32]: random phases, amplitudes that fall with the frequency; the colours mostly agree."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    amplitude = 1 / np.maximum(frequency, 1 / SIZE)

    def fields(channels):
        spectrum = random.standard_normal((2, count, channels, SIZE, SIZE // 2 + 1))
        x = np.fft.irfft2((spectrum[0] + 1j * spectrum[1]) * amplitude, s=(SIZE, SIZE))
        return x / x.std(axis=(1, 2, 3), keepdims=True)

    contrast = random.uniform(25, 65, (count, 1, 1, 1))
    x = (fields(1) + 0.35 * fields(3)) * contrast + random.uniform(-30, 30, (count, 1, 1, 1))
    return np.clip(np.rint(x), -128, 127).astype(np.int8)


def windows(x):
    """[n][c][h][w] -> [n][h][w][9 c]: of each pixel the 3 x 3 around it, zeros beyond."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))  # [n][c][h][w][3][3]
    return np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(*view.shape[:1], *view.shape[2:4], -1)


class Writer:
    """Layers as ONNX's nodes. Goes along with the calibration images in float32, which give it the scales."""

    def __init__(self, random, images):
        self.random = random
        self.x = images.astype(np.float32) * IMAGE_SCALE
        self.name, self.scale, self.zero_point = "image", IMAGE_SCALE, 0
        self.nodes, self.constants, self.lines = [], [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def quantisation(self, name, scale, zero_point):
        return [self.constant(name + "_scale", np.array(scale, np.float32)),
                self.constant(name + "_zero_point", np.array(zero_point, np.int8))]

    def linear(self, name, op_type, rows, outputs, relu, **attributes):
        """rows: float32 [..][inputs], what each output's weights meet. Returns the outputs, channels last."""
        random, inputs = self.random, rows.shape[-1]
        w = random.standard_normal((outputs, inputs)) * np.exp(0.4 * random.standard_normal((outputs, 1)))
        w = (w / np.sqrt(inputs)).astype(np.float32)
        sums = rows.reshape(-1, inputs) @ w.T
        mean, deviation = sums.mean(axis=0), sums.std(axis=0)
        gain = np.exp(0.25 * random.standard_normal(outputs)) / deviation
        offset = random.normal(-0.2 if relu else 0, 0.3, outputs) - mean * gain
        w, y = w * gain[:, None].astype(np.float32), sums * gain.astype(np.float32) + offset.astype(np.float32)

        w_scale = (np.abs(w).max(axis=1) / 127).astype(np.float32)
        w_bytes = np.rint(w / w_scale[:, None]).astype(np.int8)
        bias = np.rint(offset / (self.scale * w_scale)).astype(np.int32)
        if relu:  # is the clamp, since the least byte is 0
            y = np.maximum(y, 0)
            scale, zero_point = np.quantile(y, 0.9998) / 255, -128
        else:
            scale, zero_point = np.abs(y).max() * 1.1 / 127, 0
        scale = np.float32(scale)
        of_x = self.quantisation(name + "_in", self.scale, self.zero_point)
        of_w = [self.constant(name + "_w_scale", w_scale), self.constant(name + "_w_zero_point", np.zeros(outputs, np.int8))]
        of_y = self.quantisation(name + "_out", scale, zero_point)
        shape = (outputs, inputs // 9, 3, 3) if op_type == "QLinearConv" else (outputs, inputs)
        weights = [self.constant(name + "_w", w_bytes.reshape(shape))] + of_w
        bias = [self.constant(name + "_bias", bias)]
        operands = [self.name] + of_x + weights + (of_y + bias if op_type == "QLinearConv" else bias + of_y)
        self.nodes.append(helper.make_node(op_type, operands, [name], name=name, **attributes))
        self.lines.append((name, w_bytes.size, w_bytes.size * np.prod(rows.shape[1:-1], dtype=int)))
        self.name, self.scale, self.zero_point = name, scale, zero_point
        return y.reshape(*rows.shape[:-1], outputs)

    def convolution(self, name, outputs):
        y = self.linear(name, "QLinearConv", windows(self.x), outputs, True, kernel_shape=[3, 3], pads=[1] * 4)
        self.x = y.transpose(0, 3, 1, 2)

    def dense(self, name, outputs, relu):
        self.x = self.linear(name, "QGemm", self.x, outputs, relu, domain="com.microsoft", transB=1)

    def pool(self, name):
        self.nodes.append(helper.make_node("MaxPool", [self.name], [name], name=name, kernel_shape=[2, 2], strides=[2, 2]))
        n, c, h, w = self.x.shape
        self.x, self.name = self.x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5)), name

    def flatten(self):
        self.nodes.append(helper.make_node("Flatten", [self.name], ["flat"], name="flat"))
        self.x, self.name = self.x.reshape(len(self.x), -1), "flat"


def make_model(writer):
    convolutions = pools = 0
    for layer in FEATURES:
        if layer == POOL:
            pools += 1
            writer.pool(f"pool{pools}")
        else:
            convolutions += 1
            writer.convolution(f"conv{convolutions}", layer)
    writer.flatten()
    for i, outputs in enumerate(CLASSIFIER):
        writer.dense(f"dense{i + 1}", outputs, relu=i + 1 < len(CLASSIFIER))
    graph = helper.make_graph(
        writer.nodes, "vgg16", [helper.make_tensor_value_info("image", TensorProto.INT8, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(writer.name, TensorProto.INT8, [1, CLASSES])], writer.constants)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def activations(model, images):
    """Of each layer its output bytes for all images, by ONNX Runtime."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node if node.op_type != "Flatten"]
    for name in names[:-1]:
        probe.graph.output.append(helper.make_tensor_value_info(name, TensorProto.INT8, None))
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    runs = [dict(zip(names, session.run(names, {"image": image[None]}))) for image in images]
    return {name: np.concatenate([run[name] for run in runs]) for name in names}


def main(folder):
    folder = pathlib.Path(folder)
    random = np.random.default_rng(16)
    writer = Writer(random, make_images(random, CALIBRATION))
    model = make_model(writer)
    onnx.checker.check_model(model)
    (folder / "vgg16.onnx").write_bytes(model.SerializeToString())

    images = make_images(random, IMAGES)
    layers = activations(model, images)
    output = model.graph.output[0].name
    np.savez(folder / "images.npz", image=images, **{output: layers[output]})

    print(f"{sum(line[1] for line in writer.lines):,} weights, {sum(line[2] for line in writer.lines):,} products of an "
          f"inference; bytes that ONNX Runtime gives, of {IMAGES} images that served no calibration:")
    for name, weights, products in writer.lines:
        y = layers[name]
        channels = np.moveaxis(y, 1, 0).reshape(y.shape[1], -1)
        print(f"  {name:<8}{weights:>10,} weights{products:>12,} products; least byte {np.mean(y == -128):6.1%}, "
              f"greatest {np.mean(y == 127):6.2%}; channels that never change {np.sum(np.ptp(channels, axis=1) == 0)}")
    print("  classes:", *layers[output].argmax(axis=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
