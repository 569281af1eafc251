"""Writes the networks of networks_test.cc: small cuts of those that examples prove, of random weights, by zkvm.quantize.

    PYTHONPATH=host/python:tests/python:examples/face python tests/examples/networks/make_cuts.py

NAME.int8.onnx; NAME.inputs.u8: images as the guest reads them, an int8 x as x + 128; NAME.outputs.i8: the last quantised
tensor that ONNX Runtime computes of each.
"""

import importlib.util
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime

import quantize_test
from zkvm import quantize

HERE, SIZE, IMAGES = pathlib.Path(__file__).parent, 32, 4
EXAMPLES = HERE.parents[2] / "examples"


def images(count, seed):
    return quantize_test.images(count, seed, SIZE // 4)


def squares(count, seed):
    """Images as examples/face/photographs.py has them: a position for 2 x 2 pixels."""
    side = SIZE // 2
    return images(count, seed).reshape(count, 3, side, 2, side, 2).transpose(0, 3, 5, 1, 2, 4).reshape(count, 12, side, side)


def make(name, model, output, images):
    """`output`: the last quantised tensor."""
    target, port = HERE / f"{name}.int8.onnx", model.graph.input[0].name
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/float.onnx")
        np.savez(f"{folder}/calibration.npz", **{port: images(24, 0)})
        if quantize.main([f"{folder}/float.onnx", "--data", f"{folder}/calibration.npz", "-o", str(target), "-q"]):
            raise SystemExit(1)
    quantised = onnx.load(target)
    names = [f"{port}_quantized", output]
    quantised.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names)
    session = onnxruntime.InferenceSession(quantised.SerializeToString())
    inputs, outputs = zip(*(session.run(names, {port: x[None]}) for x in images(IMAGES, 1)))
    (HERE / f"{name}.inputs.u8").write_bytes((np.concatenate(inputs).astype(np.int16) + 128).astype(np.uint8).tobytes())
    (HERE / f"{name}.outputs.i8").write_bytes(np.concatenate(outputs).tobytes())
    print(name, *np.concatenate(outputs).argmax(axis=1))


def writer(example, weights):
    """The example's own writer of a network, for images of SIZE."""
    spec = importlib.util.spec_from_file_location(f"{example}_model", EXAMPLES / example / "make_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SIZE = SIZE
    return module.Network(weights)


def normal(*shape):
    """Of a variance that keeps that of what the weights are summed over, all axes but the last."""
    return random.normal(0, (shape[-1] / np.prod(shape)) ** 0.5, shape)


def face_cut():
    """The first convolution and a block that halves sides and doubles channels: the mean of 2 x 2 goes past it, padded."""
    weights = {}
    for name, side, inputs, outputs in (("conv32_down", 5, 3, 8), ("conv_down/conv1", 3, 8, 16), ("conv_down/conv2", 3, 16, 16)):
        weights |= {f"{name}/conv/filters": normal(side, side, inputs, outputs),
                    f"{name}/conv/bias": random.normal(0, 0.1, outputs),
                    f"{name}/scale/weights": random.uniform(0.5, 2, outputs),
                    f"{name}/scale/biases": random.normal(0, 0.3, outputs)}
    network = writer("face", weights)
    x, side, channels = network.block(network.relu(network.first_conv()), "conv_down", 14, 8)
    x = network.node("Flatten", [network.node("GlobalAveragePool", [x], "mean")], "features")
    weights = network.constant("fc_w", normal(channels, 8).astype(np.float32))
    return network.model("face_cut", network.node("MatMul", [x, weights], "embedding"), [1, 8])


def age_cut():
    """The first convolution and a block with separable ones, a max pool and a sum; the exit."""
    weights = {"entry_flow/conv_in/filters": normal(3, 3, 3, 8), "entry_flow/conv_in/bias": random.normal(0, 0.1, 8),
               "flow/block/expansion_conv/filters": normal(1, 1, 8, 16), "flow/block/expansion_conv/bias": np.zeros(16)}
    for name, inputs, outputs in (("block/separable_conv0", 8, 16), ("block/separable_conv1", 16, 16), ("last", 16, 24)):
        weights |= {f"flow/{name}/depthwise_filter": random.normal(0, 1 / 3, (3, 3, inputs, 1)),
                    f"flow/{name}/pointwise_filter": normal(1, 1, inputs, outputs),
                    f"flow/{name}/bias": random.normal(0, 0.1, outputs)}
    network = writer("age", weights)
    x = network.relu(network.first_conv())
    x, relu_of_x = network.sum(*network.reduction_block(x, x, "flow/block"), "sum")
    x = network.add(x, relu_of_x, "both")
    x = network.relu(network.separable(x, "flow/last"))
    x = network.node("Flatten", [network.node("GlobalAveragePool", [x], "mean")], "features")
    parts = [network.constant("age_w", normal(24, 2).astype(np.float32)), network.constant("age_b", np.zeros(2, np.float32))]
    return network.model("age_cut", network.node("Gemm", [x, *parts], "ages"), [1, 2])


if __name__ == "__main__":
    random = np.random.default_rng(9)
    make("mobilenet_cut", quantize_test.network(shape=[1, 3, SIZE, SIZE], stride=2), "t19_quantized", images)
    make("face_cut", face_cut(), "embedding_quantized", lambda count, seed: 255 * squares(count, seed))
    make("age_cut", age_cut(), "ages_quantized", squares)
