"""Networks of the npm package @vladmandic/face-api as ONNX: its weights, and a writer of graphs for them."""
import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN = np.array([122.782, 117.001, 104.298])  # red, green, blue: what both networks subtract, before they divide by 255


def read_weights(package: pathlib.Path, model: str) -> dict[str, np.ndarray]:
    """The float32 tensors of the package's model/MODEL_model; those that it keeps as bytes are byte * scale + min."""
    folder = package / "model"
    tensors = {}
    for group in json.loads((folder / f"{model}_model-weights_manifest.json").read_text()):
        data, offset = b"".join((folder / path).read_bytes() for path in group["paths"]), 0
        for entry in group["weights"]:
            kept = entry.get("quantization")
            kind = np.dtype(kept["dtype"] if kept else entry["dtype"]).newbyteorder("<")
            values = np.frombuffer(data, kind, int(np.prod(entry["shape"])), offset)
            offset += values.nbytes
            if kept:
                values = values * np.float32(kept["scale"]) + np.float32(kept["min"])
            tensors[entry["name"]] = values.astype(np.float32).reshape(entry["shape"])
        if offset != len(data):
            raise SystemExit(f"{folder}: expected {offset} bytes of {model}, found {len(data)}")
    return tensors


class Graph:
    """An ONNX graph under way. Each method adds a node and returns its output.

    The input, `image`, is a photograph by squares of 2 x 2 pixels, [1][12][size / 2][size / 2] (photographs.in_squares): so
    the first convolution, which has steps of 2, is one in steps of 1, of which the tensor unit computes no position in vain.
    """

    def __init__(self, size: int):
        self.nodes, self.constants = [], []
        self.input = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 12, size // 2, size // 2])

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op_type: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x: str, name: str, filters: np.ndarray, bias: np.ndarray | None, stride: int = 1,
             pads: tuple[int, ...] = (0, 0, 0, 0), group: int = 1) -> str:
        """filters: [height][width][in / group][out]; pads: top, left, bottom, right."""
        inputs = [x, self.constant(name + "_w", filters.transpose(3, 2, 0, 1).astype(np.float32))]
        if bias is not None:
            inputs.append(self.constant(name + "_b", bias.astype(np.float32)))
        return self.node("Conv", inputs, name, kernel_shape=filters.shape[:2], strides=[stride] * 2, pads=pads, group=group)

    def conv_of_squares(self, name: str, filters: np.ndarray, bias: np.ndarray, pads: tuple[int, ...] = (0, 0, 0, 0)) -> str:
        """A convolution of the photograph in steps of 2; filters: [odd][odd][3][out]; pads: of the squares."""
        side = (filters.shape[0] + 1) // 2
        filters = np.pad(filters, ((0, 1), (0, 1), (0, 0), (0, 0))).reshape(side, 2, side, 2, 3, -1)
        filters = filters.transpose(0, 2, 1, 3, 4, 5).reshape(side, side, 12, -1)
        return self.conv("image", name, filters, bias, pads=pads)

    def relu(self, x: str) -> str:
        return self.node("Relu", [x], x + "_relu")

    def add(self, a: str, b: str, name: str) -> str:
        return self.node("Add", [a, b], name)

    def model(self, name: str, output: str, shape: list[int]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, name, [self.input],
                                  [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model
