"""Crops of photographs that come inside scikit-image's wheel, all CC0 or in the public domain, as bytes.

A crop is a random square, scaled to 224 x 224 as nsfwjs scales what a browser gives it (bilinear, corners on corners).
"""
import numpy as np
import skimage.data

SIZE = 224
CALIBRATION = ["coffee", "rocket", "camera", "hubble_deep_field", "gravel", "clock", "retina"]
TEST = ["astronaut", "chelsea", "coins", "brick", "grass", "immunohistochemistry"]


def photograph(name):
    """uint8 [rows][columns][3]."""
    pixels = getattr(skimage.data, name)()
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def scaled(pixels, size=SIZE):
    """uint8 [size][size][3] of a square of any size."""
    at = np.linspace(0, pixels.shape[0] - 1, size)
    low = np.minimum(at.astype(int), pixels.shape[0] - 2)
    part = (at - low)[:, None, None]
    rows = pixels[low] * (1 - part) + pixels[low + 1] * part
    part = part.transpose(1, 0, 2)
    return np.rint(rows[:, low] * (1 - part) + rows[:, low + 1] * part).astype(np.uint8)


def crops(names, count, seed):
    """`count` crops, of one photograph after the other, half of them mirrored."""
    random = np.random.default_rng(seed)
    photographs = [photograph(name) for name in names]
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
