"""Writes the MobileNetV2 of the npm package nsfwjs as a float ONNX model, and holds it against numpy.

    python make_model.py PACKAGE_FOLDER FOLDER      PACKAGE_FOLDER/package is the unpacked package

writes FOLDER/float.onnx: `image` [1][3][224][224], pixels / 255, to `probabilities` [1][5].
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import keras_model
import photographs

SIZE = photographs.SIZE


class Writer:
    """Keras's layers as ONNX's nodes. A tensor has the name of its layer."""

    def __init__(self, layers, weights):
        self.weights, self.nodes, self.constants = weights, [], []
        self.names = {}  # of layers: their tensors
        self.pads = {}  # of layers that only pad: what the convolution behind them pads
        for layer in layers:
            getattr(self, "add_" + layer["class_name"])(layer["config"], *keras_model.inputs_of(layer))

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype=np.float32), name))
        return name

    def node(self, op_type, config, operands, **attributes):
        name = config["name"]
        self.names[name] = name
        self.nodes.append(helper.make_node(op_type, operands, [name], name=name, **attributes))

    def add_InputLayer(self, config):
        self.names[config["name"]] = "image"

    def add_ZeroPadding2D(self, config, x):
        (top, bottom), (left, right) = config["padding"]
        self.pads[config["name"]] = [top, left, bottom, right]
        self.names[config["name"]] = self.names[x]

    def convolution(self, config, x, kernel, groups):
        rows, columns = config["kernel_size"]
        same = [rows // 2, columns // 2] * 2 if config["padding"] == "same" else [0] * 4
        if config["padding"] == "same" and (config["strides"] != [1, 1] or rows % 2 == 0 or columns % 2 == 0):
            raise ValueError(f"{config['name']}: padding 'same' with stride 1 and odd windows only")
        self.node("Conv", config, [self.names[x], self.constant(config["name"] + "/kernel", kernel)], group=groups,
                  kernel_shape=[rows, columns], strides=config["strides"], pads=self.pads.get(x, same))

    def add_Conv2D(self, config, x):
        self.convolution(config, x, self.weights[config["name"] + "/kernel"].transpose(3, 2, 0, 1), 1)

    def add_DepthwiseConv2D(self, config, x):
        kernel = self.weights[config["name"] + "/depthwise_kernel"].transpose(2, 3, 0, 1)
        self.convolution(config, x, kernel, kernel.shape[0])

    def add_BatchNormalization(self, config, x):
        parts = [f"{config['name']}/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]
        self.node("BatchNormalization", config, [self.names[x]] + [self.constant(p, self.weights[p]) for p in parts],
                  epsilon=config["epsilon"])

    def add_ReLU(self, config, x):
        bounds = [self.constant(config["name"] + "/least", 0), self.constant(config["name"] + "/most", config["max_value"])]
        self.node("Clip", config, [self.names[x]] + bounds)

    def add_Add(self, config, x, y):
        self.node("Add", config, [self.names[x], self.names[y]])

    def add_AveragePooling2D(self, config, x):
        self.node("GlobalAveragePool", config, [self.names[x]])  # its window is all that is left: 7 x 7

    def add_Flatten(self, config, x):
        self.node("Flatten", config, [self.names[x]])  # of one pixel: the order of channels is both libraries'

    def add_Dropout(self, config, x):
        self.names[config["name"]] = self.names[x]

    def add_Dense(self, config, x):
        name = config["name"]
        kernel, bias = (self.constant(f"{name}/{part}", self.weights[f"{name}/{part}"]) for part in ("kernel", "bias"))
        self.node("Gemm", {"name": name + "/sums"}, [self.names[x], kernel, bias])
        if config["activation"] == "softmax":
            self.node("Softmax", {"name": "probabilities"}, [name + "/sums"], axis=1)
        else:
            self.node("Relu", config, [name + "/sums"])

    def model(self):
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
        result = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, len(keras_model.CLASSES)])
        graph = helper.make_graph(self.nodes, "mobilenet", [image], [result], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(package_folder, folder):
    layers, weights = keras_model.read(package_folder)
    model = Writer(layers, weights).model()
    onnx.checker.check_model(model, full_check=True)
    path = pathlib.Path(folder, "float.onnx")
    onnx.save(model, path)
    print(f"  {sum(w.size for w in weights.values()):,} weights in {len(layers)} layers of Keras -> {path}")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for image in photographs.crops(2, seed=2):
        (found,), = session.run(None, {"image": photographs.as_input(image)[None]})
        wanted = keras_model.evaluate(layers, weights, image / 255)
        away = np.abs(found - wanted).max()
        print(f"  ONNX Runtime beside numpy in float64, layer by layer: probabilities within {away:.1e}")
        if away > 1e-4:
            raise SystemExit("make_model.py: that is not the same network")


if __name__ == "__main__":
    main(*sys.argv[1:])
