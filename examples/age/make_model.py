"""The age network as a float ONNX file: (photograph - mean colour) / 255, 112 x 112, to two numbers, 18 and an age.

    PYTHONPATH=examples/face python make_model.py PACKAGE FILE.onnx

So the greater of both, of equals the first, is the verdict. The network's other output, which guesses the sex, is left
out.
"""
import pathlib
import sys

import numpy as np
import onnx

from face_api import Graph, read_weights

SIZE, LIMIT = 112, 18
REDUCTION_BLOCKS = 2  # before the main ones
MAIN_BLOCKS = 2


class Network(Graph):
    def __init__(self, weights: dict[str, np.ndarray]):
        super().__init__(SIZE)
        self.weights = weights

    def first_conv(self) -> str:
        filters, bias = (self.weights[f"entry_flow/conv_in/{part}"] for part in ("filters", "bias"))
        return self.conv_of_squares("conv_in", filters, bias, (0, 0, 1, 1))

    def plain(self, x: str, name: str, stride: int, pads: tuple[int, ...]) -> str:
        filters, bias = (self.weights[f"{name}/{part}"] for part in ("filters", "bias"))
        return self.conv(x, name.split("/", 1)[1].replace("/", "_"), filters, bias, stride, pads)

    def separable(self, x: str, name: str) -> str:
        """A convolution of each channel, and one of 1 x 1, with nothing between them: so one convolution.

        It has more products, which the tensor unit does not mind, and no tensor in the middle, which it would.
        """
        depthwise, pointwise, bias = (
            self.weights[f"{name}/{part}"] for part in ("depthwise_filter", "pointwise_filter", "bias"))
        return self.conv(x, name.split("/", 1)[1].replace("/", "_"), depthwise.astype(np.float64) * pointwise, bias,
                         pads=(1,) * 4)

    def reduction_block(self, x: str, relu_of_x: str, name: str) -> tuple[str, str]:
        """The two tensors whose sum is the block's output."""
        y = self.separable(relu_of_x, name + "/separable_conv0")
        y = self.separable(self.relu(y), name + "/separable_conv1")
        # All sides are even here, so "same" pads at the end alone.
        y = self.node("MaxPool", [y], y + "_max_pool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
        return y, self.plain(x, name + "/expansion_conv", 2, (0,) * 4)

    def main_block(self, x: str, relu_of_x: str, name: str) -> tuple[str, str]:
        """The two tensors whose sum is the block's output."""
        y = self.separable(relu_of_x, f"{name}/separable_conv0")
        for i in (1, 2):
            y = self.separable(self.relu(y), f"{name}/separable_conv{i}")
        return y, x

    def sum(self, a: str, b: str, name: str) -> tuple[str, str]:
        """a + b, and its ReLU. Two sums: a ReLU of the bytes of one would take instructions for each byte.

        In another order, or an optimiser makes them one.
        """
        return self.add(a, b, name), self.relu(self.add(b, a, name + "_positive"))


def make_model(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    network = Network(weights)
    x = relu_of_x = network.relu(network.first_conv())
    for i in range(REDUCTION_BLOCKS):
        x, relu_of_x = network.sum(*network.reduction_block(x, relu_of_x, f"entry_flow/reduction_block_{i}"), f"reduction{i}")
    for i in range(MAIN_BLOCKS):
        x, relu_of_x = network.sum(*network.main_block(x, relu_of_x, f"middle_flow/main_block_{i}"), f"main{i}")
    x = network.add(*network.reduction_block(x, relu_of_x, "exit_flow/reduction_block"), "reduction_exit")
    x = network.relu(network.separable(x, "exit_flow/separable_conv"))
    x = network.node("GlobalAveragePool", [x], "mean")  # of the whole 7 x 7
    x = network.node("Flatten", [x], "features")
    of_age = weights["fc/age/weights"]
    x = network.node("Gemm", [x, network.constant("age_w", np.hstack([np.zeros_like(of_age), of_age])),
                              network.constant("age_b", np.append(np.float32(LIMIT), weights["fc/age/bias"]))], "ages")
    return network.model("age", x, [1, 2])


if __name__ == "__main__":
    package, file = sys.argv[1:]
    pathlib.Path(file).write_bytes(make_model(read_weights(pathlib.Path(package), "age_gender")).SerializeToString())
