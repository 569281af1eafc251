"""Runs the guest on the images of make_model.py and holds its outputs against ONNX Runtime's.

    python check.py FOLDER ZKVM ELF       all of them; exit status 1 where a byte differs
    python check.py FOLDER NUMBER         writes FOLDER/image.npy, one of them, for `zkvm encode`
"""
import pathlib
import subprocess
import sys

import numpy as np


def run(zkvm, elf, image):
    stored = (image.astype(np.int16) + 128).astype(np.uint8)  # as zk::nn::read_tensor reads an int8
    done = subprocess.run([zkvm, "run", elf, "--input", "-", "--journal", "-"], input=stored.tobytes(), check=True,
                          capture_output=True)
    return np.frombuffer(done.stdout, np.int8)


def main(folder, *arguments):
    folder = pathlib.Path(folder)
    with np.load(folder / "images.npz") as arrays:
        images, outputs = (arrays[name] for name in ("image", "dense3"))
    if len(arguments) == 1:
        number = int(arguments[0])
        if not 0 <= number < len(images):
            raise SystemExit(f"check.py: expected an image from 0 to {len(images) - 1}, found {number}")
        np.save(folder / "image.npy", images[number:number + 1])
        print(f"  image {number}; ONNX Runtime's outputs: {' '.join(map(str, outputs[number]))}")
        return 0
    zkvm, elf = arguments
    equal = sum(np.array_equal(run(zkvm, elf, image)[:len(output)], output) for image, output in zip(images, outputs))
    print(f"  outputs identical to ONNX Runtime's: {equal} of {len(images)} images")
    return 0 if equal == len(images) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
