"""The face recognition network as a float ONNX file: a photograph of 150 x 150, 0 ... 255, to 128 numbers.

    python make_model.py PACKAGE FILE.onnx

Each `scale` layer becomes part of its convolution, the mean colour part of the first: nothing there is padded.
"""
import pathlib
import sys

import numpy as np
import onnx

from face_api import MEAN, Graph, read_weights

SIZE = 150
BLOCKS = [32] * 3 + ["64_down"] + [64] * 3 + ["128_down"] + [128] * 2 + ["256_down"] + [256] * 2 + ["256_down_out"]


class Network(Graph):
    def __init__(self, weights: dict[str, np.ndarray]):
        super().__init__(SIZE)
        self.weights = weights

    def scaled(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Filters and biases of (x * filters + bias) * weights + biases as one convolution, in float64."""
        filters, bias, scale, offset = (
            self.weights[f"{name}/{part}"].astype(np.float64)
            for part in ("conv/filters", "conv/bias", "scale/weights", "scale/biases"))
        return filters * scale, bias * scale + offset

    def first_conv(self) -> str:
        filters, bias = self.scaled("conv32_down")
        return self.conv_of_squares("conv32_down", filters / 255, bias - np.einsum("hwio,i->o", filters, MEAN) / 255)

    def scaled_conv(self, x: str, name: str, stride: int, pads: int) -> str:
        return self.conv(x, name.replace("/", "_"), *self.scaled(name), stride, (pads,) * 4)

    def block(self, x: str, name: str, side: int, channels: int) -> tuple[str, int, int]:
        """Two convolutions and what goes past them. `x`: [channels][side][side]. Returns the output, its side, channels."""
        down = "down" in name
        flat = name.replace("/", "_")
        outputs = self.weights[f"{name}/conv1/conv/filters"].shape[3]
        y = self.relu(self.scaled_conv(x, f"{name}/conv1", 2 if down else 1, 0 if down else 1))
        y = self.scaled_conv(y, f"{name}/conv2", 1, 1)
        if down:
            convolved, pooled = (side - 3) // 2 + 1, side // 2
            x = self.pooled(x, flat, channels, outputs)
            if convolved != pooled:  # a row and a column of zeros
                pads = self.constant(flat + "_pads", np.array([0] * 6 + [pooled - convolved] * 2, np.int64))
                y = self.node("Pad", [y, pads], flat + "_padded")
            side = pooled
        return self.relu(self.add(y, x, flat)), side, outputs

    def pooled(self, x: str, name: str, channels: int, outputs: int) -> str:
        """Averages of 2 x 2, and zeros for further channels: a convolution, which the tensor unit computes."""
        return self.conv(x, name + "_pool", np.broadcast_to(np.eye(channels, outputs) / 4, (2, 2, channels, outputs)), None, 2)


def make_model(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    network = Network(weights)
    x = network.relu(network.first_conv())
    x = network.node("MaxPool", [x], "max_pool", kernel_shape=[3, 3], strides=[2, 2])
    side, channels, count = 35, 32, {}
    for block in BLOCKS:
        count[block] = count.get(block, 0) + 1
        name = f"conv{block}" if "down" in str(block) else f"conv{block}_{count[block]}"
        x, side, channels = network.block(x, name, side, channels)
    x = network.node("GlobalAveragePool", [x], "mean")
    x = network.node("Flatten", [x], "features")
    x = network.node("MatMul", [x, network.constant("fc_w", weights["fc"])], "embedding")
    return network.model("face", x, [1, 128])


if __name__ == "__main__":
    package, file = sys.argv[1:]
    pathlib.Path(file).write_bytes(make_model(read_weights(pathlib.Path(package), "face_recognition")).SerializeToString())
