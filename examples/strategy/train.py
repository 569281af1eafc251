"""Trains a perceptron 16-16-2 to say whether the S&P 500 closes higher the next day, and writes it as a float ONNX file.

    python train.py WHEEL FOLDER

of the bars of 2000 to 2017 (a decision needs those of the year before). Writes FOLDER/float.onnx: `features` [1][16] to
`scores` [1][2], of flat and long; FOLDER/training.npz and FOLDER/test.npz, examples for the quantiser. Seeded.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

import bars


def float_model(weights, biases):
    """The classifier's one logit z becomes two scores, -z / 2 and z / 2."""
    first, second = (w.astype(np.float32) for w in weights)
    constants = {"w1": first, "b1": biases[0], "w2": second * np.float32([-0.5, 0.5]), "b2": biases[1] * [-0.5, 0.5]}
    nodes = [helper.make_node("Gemm", ["features", "w1", "b1"], ["sums"]), helper.make_node("Relu", ["sums"], ["hidden"]),
             helper.make_node("Gemm", ["hidden", "w2", "b2"], ["scores"])]
    graph = helper.make_graph(
        nodes, "rule", [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, len(first)])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(wheel, folder):
    folder, market = pathlib.Path(folder), bars.Bars(wheel)
    x, test_x = (bars.features(market, market.decided(held_back)) for held_back in (False, True))
    y = market.next_return[market.decided(False)] > 0
    classifier = MLPClassifier((16,), alpha=10, solver="lbfgs", max_iter=5000, random_state=1).fit(x, y)
    onnx.save(float_model(classifier.coefs_, classifier.intercepts_), folder / "float.onnx")
    np.savez(folder / "training.npz", features=x[:, None])
    np.savez(folder / "test.npz", features=test_x[:, None])
    print(f"  trained on {len(x)} days, {classifier.score(x, y):.1%} of them right (always up: {y.mean():.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
