"""Makes network.onnx, network_inputs.bin and network_outputs.bin: a small network of what only the tensor unit has
(groups, dilation, uneven padding, padded pools), and what ONNX Runtime computes for random inputs. Needs
examples/mnist/train/requirements.txt.

    python make_network.py .

int8 by int8, whose sums ONNX Runtime takes exactly on every CPU.
"""

import pathlib
import sys

import numpy as np
from networks import Network


def scales(_x, _y, outputs, taps, rng):
    return rng.uniform(0.5, 1.5, outputs).astype(np.float32) * np.float32(0.4 / taps**0.5)


network = Network("network", 7, [1, 3, 14, 16], 127, scales)


def conv(x, y, shape, pads=(0, 0, 0, 0), strides=(1, 1), dilations=(1, 1), group=1):
    network.linear("QLinearConv", x, y, shape, kernel_shape=shape[2:], pads=pads, strides=strides, dilations=dilations,
                   group=group)  # fmt: skip


def max_pool(x, name, kernel, strides, pads):
    network.node("MaxPool", x.inputs[:1], name, name, kernel_shape=kernel, strides=strides, pads=pads)
    x.inputs[0] = name


image, c1, c2, c3 = (network.tensor(*q) for q in [("image", 0.02, 5), ("c1", 1, -128), ("c2", 50, 3), ("c3", 2000, -128)])
c4, logits = network.tensor("c4", 20000, 17), network.tensor("logits", 600000, -9)
conv(image, c1, (6, 3, 3, 3), pads=(1, 1, 1, 1), strides=(2, 2))  # [6][7][8], of a planar input
conv(c1, c2, (6, 1, 3, 3), pads=(1, 1, 1, 1), group=6)  # depthwise
conv(c2, c3, (10, 6, 1, 1))
max_pool(c3, "p3", [3, 3], [2, 2], [1, 1, 1, 1])  # [10][4][4]
conv(c3, c4, (8, 5, 3, 3), pads=(2, 1, 2, 3), dilations=(2, 2), group=2)  # [8][4][4]
max_pool(c4, "p4", [2, 2], [2, 2], [0, 0, 0, 0])
network.node("Flatten", c4.inputs[:1], "flat", "flatten")
c4.inputs[0] = "flat"
network.linear("QGemm", c4, logits, (24, 32), "com.microsoft", transB=1)

if __name__ == "__main__":
    network.save(pathlib.Path(sys.argv[1]), samples=32, least_of_each=15, least_of_all=15)
