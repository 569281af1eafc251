"""Trains a perceptron 16-16-2 to say whether the S&P 500 closes higher the next day, and writes it as a float ONNX file.

    python train.py WHEEL FOLDER

of the bars of 2000 to 2017 (a decision needs those of the year before). Writes FOLDER/float.onnx: `features` [1][16] to
`scores` [1][2], of flat and long; FOLDER/training.npz and FOLDER/test.npz, examples for the quantiser. Seeded.
"""
import pathlib
import sys

import numpy as np
from sklearn.neural_network import MLPClassifier

import bars
import perceptron


def main(wheel, folder):
    folder, market = pathlib.Path(folder), bars.Bars(wheel)
    x, test_x = (bars.features(market, market.decided(held_back)) for held_back in (False, True))
    y = market.next_return[market.decided(False)] > 0
    classifier = MLPClassifier((16,), alpha=10, solver="lbfgs", max_iter=5000, random_state=1).fit(x, y)
    perceptron.write(classifier, folder / "float.onnx")
    np.savez(folder / "training.npz", features=x[:, None])
    np.savez(folder / "test.npz", features=test_x[:, None])
    print(f"  trained on {len(x)} days, {classifier.score(x, y):.1%} of them right (always up: {y.mean():.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
