"""Trains a perceptron 30-16-2 on the breast cancer data that scikit-learn ships, and writes it as a float ONNX file.

    python train.py FOLDER

writes FOLDER/float.onnx: `features` [1][30], standardised, to `scores` [1][2], of malignant and benign; training.npz and
test.npz, examples for the quantiser; and what becomes of a record: mean.npy and deviation.npy, of the training set. Seeded.
"""
import pathlib
import sys

import numpy as np
from sklearn.neural_network import MLPClassifier

import perceptron
import records


def main(folder):
    folder = pathlib.Path(folder)
    (x, y), (test_x, test_y) = records.training(), records.held_back()
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    np.save(folder / "mean.npy", mean)
    np.save(folder / "deviation.npy", deviation)
    standard, test_standard = (records.standardised(r, mean, deviation) for r in (x, test_x))

    classifier = MLPClassifier((16,), alpha=1, solver="lbfgs", max_iter=5000, random_state=1)
    classifier.fit(standard, y)
    perceptron.write(classifier, folder / "float.onnx")
    np.savez(folder / "training.npz", features=standard[:, None])
    np.savez(folder / "test.npz", features=test_standard[:, None])
    print(f"  trained on {len(x)} patients; of {len(test_x)} others {classifier.score(test_standard, test_y):.1%} right "
          f"(always benign: {np.mean(test_y == 1):.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
