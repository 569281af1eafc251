"""Photographs for the network, seeded: those it is calibrated on, and others that it is tried on.

    python make_data.py FOLDER

writes FOLDER/calibration.npz, for `zkvm.quantize`, and FOLDER/photographs.npz: `subject`, one person 20 times, and
`strangers`, 50 others, uint8 [..][12][75][75].
"""
import pathlib
import sys

import numpy as np

import photographs

SIZE = 150


def main(folder: str) -> None:
    calibration, subject, strangers = photographs.chosen(SIZE, np.random.default_rng(16))
    np.savez(pathlib.Path(folder, "calibration.npz"), image=photographs.in_squares(calibration).astype(np.float32)[:, None])
    np.savez(pathlib.Path(folder, "photographs.npz"),
             subject=photographs.in_squares(subject), strangers=photographs.in_squares(strangers))


if __name__ == "__main__":
    main(*sys.argv[1:])
