"""Crops of photographs that come inside scikit-image's wheel, all CC0, in the public domain or free of known rights.

    python photographs.py FOLDER                 FOLDER/calibration.npz and FOLDER/test.npz, other crops each
    python photographs.py FOLDER PHOTOGRAPH      FOLDER/image.npy: the middle of a photograph, for `zkvm encode`; the name
                                                 of one of them, or an image file

A crop is a random square, scaled to 224 x 224 as nsfwjs scales what a browser gives it (bilinear, corners on corners), and
rounded to bytes.
"""
import pathlib
import sys

import numpy as np
import skimage.data
import skimage.io

SIZE = 224
PHOTOGRAPHS = ["astronaut", "brick", "camera", "chelsea", "clock", "coffee", "coins", "grass", "gravel",
               "hubble_deep_field", "immunohistochemistry", "retina", "rocket"]
CALIBRATION, TEST = 8 * len(PHOTOGRAPHS), 500


def photograph(name):
    """uint8 [rows][columns][3], of a name above or a file."""
    pixels = getattr(skimage.data, name)() if name in PHOTOGRAPHS else skimage.io.imread(name)
    if pixels.dtype != np.uint8 or min(pixels.shape[:2]) < 2:
        raise SystemExit(f"photographs.py: {name}: expected 8 bits a channel and 2 x 2 pixels or more")
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels[..., :3]


def scaled(pixels, size=SIZE):
    """uint8 [size][size][3] of a square of any size."""
    at = np.linspace(0, pixels.shape[0] - 1, size)
    low = np.minimum(at.astype(int), pixels.shape[0] - 2)
    part = (at - low)[:, None, None]
    rows = pixels[low] * (1 - part) + pixels[low + 1] * part
    part = part.transpose(1, 0, 2)
    return np.rint(rows[:, low] * (1 - part) + rows[:, low + 1] * part).astype(np.uint8)


def middle(pixels):
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return scaled(pixels[top:top + side, left:left + side])


def crops(count, seed):
    """`count` crops, of one photograph after the other, half of them mirrored."""
    random = np.random.default_rng(seed)
    photographs = [photograph(name) for name in PHOTOGRAPHS]
    for number in range(count):
        pixels = photographs[number % len(photographs)]
        least = min(pixels.shape[:2])
        side = int(random.integers(least // 2, least + 1))
        top, left = (int(random.integers(length - side + 1)) for length in pixels.shape[:2])
        crop = scaled(pixels[top:top + side, left:left + side])
        yield crop[:, ::-1] if random.integers(2) else crop


def as_input(pixels):
    """What the network reads: float32 [3][224][224], pixels / 255."""
    return (pixels.transpose(2, 0, 1) / np.float32(255)).astype(np.float32)


def main(folder, name=None):
    folder = pathlib.Path(folder)
    if name:
        np.save(folder / "image.npy", as_input(middle(photograph(name)))[None])
        return
    for part, (count, seed) in {"calibration": (CALIBRATION, 0), "test": (TEST, 1)}.items():
        np.savez(folder / f"{part}.npz", image=np.stack([as_input(crop) for crop in crops(count, seed)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
