"""Trains a perceptron 30-16-2 on the breast cancer data that scikit-learn ships, and writes it as a float ONNX file.

    python train.py FOLDER

writes FOLDER/float.onnx: `features` [1][30], standardised, to `scores` [1][2], of malignant and benign; training.npz and
test.npz, examples for the quantiser; and what becomes of a record: mean.npy and deviation.npy, of the training set. Seeded.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

import records


def float_model(weights, biases):
    """The classifier's one logit z becomes two scores, -z / 2 and z / 2: their softmax is its logistic function."""
    first, second = (w.astype(np.float32) for w in weights)
    constants = {"w1": first, "b1": biases[0], "w2": second * np.float32([-0.5, 0.5]), "b2": biases[1] * [-0.5, 0.5]}
    nodes = [helper.make_node("Gemm", ["features", "w1", "b1"], ["sums"]), helper.make_node("Relu", ["sums"], ["hidden"]),
             helper.make_node("Gemm", ["hidden", "w2", "b2"], ["scores"])]
    graph = helper.make_graph(
        nodes, "medical", [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, len(first)])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(folder):
    folder = pathlib.Path(folder)
    (x, y), (test_x, test_y) = records.training(), records.held_back()
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    np.save(folder / "mean.npy", mean)
    np.save(folder / "deviation.npy", deviation)
    standard, test_standard = (records.standardised(r, mean, deviation) for r in (x, test_x))

    classifier = MLPClassifier((16,), alpha=1, solver="lbfgs", max_iter=5000, random_state=1)
    classifier.fit(standard, y)
    onnx.save(float_model(classifier.coefs_, classifier.intercepts_), folder / "float.onnx")
    np.savez(folder / "training.npz", features=standard[:, None])
    np.savez(folder / "test.npz", features=test_standard[:, None])
    print(f"  trained on {len(x)} patients; of {len(test_x)} others {np.mean(classifier.predict(test_standard) == test_y):.1%} right "
          f"(always benign: {np.mean(test_y == 1):.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
