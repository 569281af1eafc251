"""MobileNetV2's layers (width 1, 224 x 224, 1,000 classes; no softmax) with random weights, for tests/bench/mobilenet_v2.sh.

    python mobilenet_v2.py make FOLDER               FOLDER/mobilenet_v2.onnx, int8, and FOLDER/images.npz: two images of
                                                     noise, and what ONNX Runtime computes of them
    python mobilenet_v2.py check FOLDER ZKVM ELF     runs the guest on these; exit status 1 where a byte differs. Writes
                                                     FOLDER/image.input, the first image as the guest reads it

Sizes are those of the real network, and so is what a proof costs; outputs mean nothing.
"""
import logging
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

SIZE, CLASSES, IMAGES = 224, 1000, 2
# Of inverted residuals: expansion, channels, repetitions, stride of the first.
BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


class Images(CalibrationDataReader):
    def __init__(self, images):
        self.images = iter(images)

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"image": image[None]}


def float_model(random):
    nodes, constants = [], []

    def constant(name, array):
        constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def convolution(x, inputs, outputs, kernel, stride=1, groups=1, clipped=True):
        name = f"conv{sum(node.op_type == 'Conv' for node in nodes) + 1}"
        taps = inputs // groups * kernel * kernel
        w = random.standard_normal((outputs, inputs // groups, kernel, kernel)) * np.sqrt(2 / taps)
        b = random.standard_normal(outputs) * 0.1
        operands = [x, constant(name + "_w", w), constant(name + "_b", b)]
        nodes.append(helper.make_node("Conv", operands, [name], name=name, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                                      pads=[kernel // 2] * 4, group=groups))
        if not clipped:
            return name
        bounds = [constant(name + "_least", np.float32(0)), constant(name + "_greatest", np.float32(6))]
        nodes.append(helper.make_node("Clip", [name] + bounds, [name + "_relu6"], name=name + "_relu6"))
        return name + "_relu6"

    x, channels = convolution("image", 3, 32, 3, stride=2), 32
    for expansion, outputs, repetitions, first_stride in BLOCKS:
        for stride in [first_stride] + [1] * (repetitions - 1):
            wide = channels * expansion
            y = convolution(x, channels, wide, 1) if expansion > 1 else x
            y = convolution(y, wide, wide, 3, stride=stride, groups=wide)
            y = convolution(y, wide, outputs, 1, clipped=False)
            if stride == 1 and channels == outputs:
                name = f"add{sum(node.op_type == 'Add' for node in nodes) + 1}"
                nodes.append(helper.make_node("Add", [x, y], [name], name=name))
                y = name
            x, channels = y, outputs
    x = convolution(x, channels, 1280, 1)
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["means"], name="means"))
    nodes.append(helper.make_node("Flatten", ["means"], ["flat"], name="flat"))
    w = constant("dense_w", random.standard_normal((CLASSES, 1280)) * 0.03)
    nodes.append(helper.make_node("Gemm", ["flat", w, constant("dense_b", np.zeros(CLASSES))], ["logits"], name="dense", transB=1))
    graph = helper.make_graph(nodes, "mobilenet_v2",
                              [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def without_float_ends(model):
    """The bytes between the first QuantizeLinear and the last DequantizeLinear are input and output."""
    graph = model.graph
    first = next(node for node in graph.node if node.op_type == "QuantizeLinear")
    last = next(node for node in graph.node if node.op_type == "DequantizeLinear")
    graph.input[0].CopyFrom(helper.make_tensor_value_info(first.output[0], TensorProto.INT8, [1, 3, SIZE, SIZE]))
    graph.output[0].CopyFrom(helper.make_tensor_value_info(last.input[0], TensorProto.INT8, [1, CLASSES]))
    graph.node.remove(first)
    graph.node.remove(last)
    return model


def make(folder):
    logging.disable()  # advice for models that were trained
    random = np.random.default_rng(2)
    images = random.standard_normal((2 + IMAGES, 3, SIZE, SIZE)).astype(np.float32)
    with tempfile.TemporaryDirectory() as temporary:
        paths = [f"{temporary}/{name}.onnx" for name in ("float", "bytes")]
        onnx.save(float_model(random), paths[0])
        quantize_static(*paths, Images(images[:2]), quant_format=QuantFormat.QOperator, activation_type=QuantType.QInt8,
                        weight_type=QuantType.QInt8, per_channel=True)
        model = without_float_ends(onnx.load(paths[1]))
    onnx.save(model, folder / "mobilenet_v2.onnx")
    session = onnxruntime.InferenceSession(folder / "mobilenet_v2.onnx", providers=["CPUExecutionProvider"])
    (x,), (y,) = session.get_inputs(), session.get_outputs()
    images = np.clip(np.rint(images[2:] * 32), -128, 127).astype(np.int8)
    outputs = np.concatenate([session.run(None, {x.name: image[None]})[0] for image in images])
    np.savez(folder / "images.npz", **{x.name: images, y.name: outputs})


def check(folder, zkvm, elf):
    with np.load(folder / "images.npz") as arrays:
        images, outputs = (arrays[name] for name in arrays.files)
    equal = 0
    for number, (image, output) in enumerate(zip(images, outputs)):
        stored = (image.astype(np.int16) + 128).astype(np.uint8).tobytes()  # as zk::nn::read_tensor reads an int8
        if number == 0:
            (folder / "image.input").write_bytes(stored)
        done = subprocess.run([zkvm, "run", elf, "--input", "-", "--journal", "-"], input=stored, check=True,
                              capture_output=True)
        equal += np.array_equal(np.frombuffer(done.stdout, np.int8), output)
    print(f"outputs identical to ONNX Runtime's: {equal} of {len(images)} images")
    return 0 if equal == len(images) else 1


def main(command, folder, *arguments):
    return {"make": make, "check": check}[command](pathlib.Path(folder), *arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
