"""Makes residual.onnx, residual_inputs.bin and residual_outputs.bin: a small network with sums and products of two
tensors (residual addition; squeeze and excite, its pixel as first and as second input; a tensor with itself), and what
ONNX Runtime computes for random inputs. Needs examples/mnist/train/requirements.txt, and a CPU with FMA.

    python make_residual.py .

int8 by int8 within [-64, 64], whose sums ONNX Runtime takes exactly on every CPU.
"""

import pathlib
import sys

import numpy as np
from networks import Network


def scales(x, y, outputs, taps, rng):
    """So that y has a standard deviation of about 40 of its scale."""
    return (rng.uniform(0.5, 1.5, outputs) * (y.scale / (x.scale * 37 * taps**0.5))).astype(np.float32)


network = Network("residual", 11, [1, 3, 8, 8], 64, scales)


def pair(op, a, b, y):
    network.node(op, [*a.inputs, *b.inputs, *y.inputs[1:]], y.inputs[0], y.inputs[0], "com.microsoft")


def conv(x, y, shape, **attributes):
    network.linear("QLinearConv", x, y, shape, **attributes)


image, c1, c2 = (network.tensor(*q) for q in [("image", 0.02, 5), ("c1", 0.03, -7), ("c2", 0.03, 3)])
a1, squeezed, m1 = (network.tensor(*q) for q in [("a1", 0.041, 11), ("squeezed", 0.021, -90), ("m1", 0.05, 0)])
a2, a3 = network.tensor("a2", 0.1, -3), network.tensor("a3", 0.11, 1)
m2, logits = network.tensor("m2", 0.1, 60), network.tensor("logits", 0.2, -9)
conv(image, c1, (6, 3, 3, 3), pads=[1, 1, 1, 1])  # [6][8][8]
conv(c1, c2, (6, 6, 3, 3), pads=[1, 1, 1, 1])
pair("QLinearAdd", c2, c1, a1)  # ties: equal scales
conv(a1, squeezed, (6, 6, 8, 8))  # [6][1][1]
pair("QLinearMul", squeezed, a1, m1)
pair("QLinearAdd", m1, m1, a2)
pair("QLinearAdd", squeezed, a2, a3)
pair("QLinearMul", a3, squeezed, m2)
network.node("Flatten", m2.inputs[:1], "flat", "flatten")
m2.inputs[0] = "flat"
network.linear("QGemm", m2, logits, (24, 384), "com.microsoft", transB=1)

if __name__ == "__main__":
    network.save(pathlib.Path(sys.argv[1]), samples=16, least_of_each=0, least_of_all=40)
