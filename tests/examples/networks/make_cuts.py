"""Writes the networks of networks_test.cc: small cuts of those that examples prove, of random weights, by zkvm.quantize.

    PYTHONPATH=host/python:tests/python python tests/examples/networks/make_cuts.py

NAME.int8.onnx; NAME.inputs.u8: images as the guest reads them, an int8 x as x + 128; NAME.outputs.i8: the last quantised
tensor that ONNX Runtime computes of each.
"""

import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime

import quantize_test
from zkvm import quantize

HERE, SIZE, IMAGES = pathlib.Path(__file__).parent, 32, 4


def images(count, seed):
    return quantize_test.images(count, seed, SIZE // 4)


def make(name, model, output):
    """`output`: the last quantised tensor."""
    target = HERE / f"{name}.int8.onnx"
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/float.onnx")
        np.savez(f"{folder}/calibration.npz", x=images(24, 0))
        if quantize.main([f"{folder}/float.onnx", "--data", f"{folder}/calibration.npz", "-o", str(target), "-q"]):
            raise SystemExit(1)
    quantised = onnx.load(target)
    names = ["x_quantized", output]
    quantised.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names)
    session = onnxruntime.InferenceSession(quantised.SerializeToString())
    inputs, outputs = zip(*(session.run(names, {"x": x[None]}) for x in images(IMAGES, 1)))
    (HERE / f"{name}.inputs.u8").write_bytes((np.concatenate(inputs).astype(np.int16) + 128).astype(np.uint8).tobytes())
    (HERE / f"{name}.outputs.i8").write_bytes(np.concatenate(outputs).tobytes())
    print(name, *np.concatenate(outputs).argmax(axis=1))


if __name__ == "__main__":
    make("mobilenet_cut", quantize_test.network(shape=[1, 3, SIZE, SIZE], stride=2), "t19_quantized")
