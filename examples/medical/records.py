"""Breast cancer, Wisconsin: 569 patients, 30 measurements of cells of each, and the diagnosis.

Collected by Wolberg, Street and Mangasarian (UCI Machine Learning Repository, 1995), as scikit-learn ships it.
"""
import numpy as np
from sklearn.datasets import load_breast_cancer

CLASSES = ["malignant", "benign"]
TEST = 143


def _part(test):
    data = load_breast_cancer()
    places = np.random.RandomState(1995).permutation(len(data.target))
    places = places[:TEST] if test else places[TEST:]
    return data.data[places].astype(np.float32), data.target[places]


def training():
    """(float32 [426][30] as measured, classes)."""
    return _part(False)


def held_back():
    """(float32 [143][30] as measured, classes): patients that serve no training."""
    return _part(True)


def names():
    return [str(name) for name in load_breast_cancer().feature_names]


def standardised(record, mean, deviation):
    """What the network takes of a record. float32, operation by operation as the guest has it."""
    return (record - mean) / deviation
