"""Photographs for the age network, seeded: those it is calibrated on, and others that it is tried on.

    PYTHONPATH=examples/face python make_data.py FOLDER

writes FOLDER/calibration.npz and FOLDER/photographs.npz, float32 [..][1][12][56][56], for `zkvm.quantize`.
"""
import pathlib
import sys

import numpy as np

import photographs
from face_api import MEAN

SIZE = 112


def as_input(faces: np.ndarray) -> np.ndarray:
    return photographs.in_squares((faces - MEAN) / 255).astype(np.float32)[:, None]


def main(folder: str) -> None:
    calibration, *tried = photographs.chosen(SIZE, np.random.default_rng(18))
    np.savez(pathlib.Path(folder, "calibration.npz"), image=as_input(calibration))
    np.savez(pathlib.Path(folder, "photographs.npz"), image=as_input(np.concatenate(tried)))


if __name__ == "__main__":
    main(*sys.argv[1:])
