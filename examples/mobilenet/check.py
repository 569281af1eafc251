"""Runs the guest on photographs and holds the class that it commits against the one of ONNX Runtime.

    python check.py EXPECTED.npz ZKVM ELF COUNT      exit status 1 where one differs

EXPECTED.npz: `image`, float32 [examples][1][3][224][224], and `probabilities`, as `zkvm.quantize --expected` wrote them.
"""
import subprocess
import sys
import tempfile

import numpy as np


def committed_class(zkvm, elf, image):
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/image.npy", image)
        subprocess.run([zkvm, "encode", elf, f"{folder}/image.npy", "-o", f"{folder}/input"], check=True,
                       capture_output=True)
        done = subprocess.run([zkvm, "run", elf, "--input", f"{folder}/input", "--journal", "-"], check=True,
                              capture_output=True)
    return int.from_bytes(done.stdout[:4], "little")


def main(expected, zkvm, elf, count):
    with np.load(expected) as arrays:
        images, probabilities = arrays["image"][:int(count)], arrays["probabilities"][:int(count)]
    equal = sum(committed_class(zkvm, elf, image) == wanted.argmax() for image, wanted in zip(images, probabilities))
    print(f"  the class that the guest commits is ONNX Runtime's: {equal} of {len(images)} photographs")
    return 0 if equal == len(images) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
