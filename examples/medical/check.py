"""The guest's verdicts beside those of ONNX Runtime on the patients held back from training; and one patient's record.

    python check.py FOLDER ZKVM ELF   all of them: exit status 1 where a verdict is not that of the runtime's bytes
    python check.py FOLDER NUMBER     writes FOLDER/record.npy, what the hospital keeps of one, float32 as measured
"""
import pathlib
import struct
import subprocess
import sys

import numpy as np
import onnxruntime

import records


def runtime_verdicts(folder, x):
    """1 where the score of malignant is not below that of benign."""
    session = onnxruntime.InferenceSession(folder / "medical.int8.onnx", providers=["CPUExecutionProvider"])
    mean, deviation = np.load(folder / "mean.npy"), np.load(folder / "deviation.npy")
    scores = [session.run(None, {"features": records.standardised(r, mean, deviation)[None]})[0][0] for r in x]
    return np.array([malignant >= benign for malignant, benign in scores])


def guest_verdict(zkvm, elf, weights, record):
    salt = bytes(32)  # any will do where nothing is published
    done = subprocess.run([zkvm, "run", elf, "--quiet", "--input", "-", "--journal", "-"], check=True, capture_output=True,
                          input=weights + salt + record.tobytes())
    return struct.unpack("<32s32sI", done.stdout)[-1]


def compare(folder, zkvm, elf):
    x, y = records.held_back()
    of_runtime = runtime_verdicts(folder, x)
    weights = (folder / "network/medical.weights").read_bytes()
    equal = sum(guest_verdict(zkvm, elf, weights, r) == verdict for r, verdict in zip(x, of_runtime))
    sick = y == records.CLASSES.index("malignant")
    missed, alarms = np.sum(sick & ~of_runtime), np.sum(~sick & of_runtime)
    print(f"  in 8 bits {np.mean(of_runtime == sick):.1%} right; of {sick.sum()} malignant it misses {missed}, "
          f"of {np.sum(~sick)} benign it takes {alarms} for malignant")
    print(f"  the guest: {equal} of {len(x)} verdicts are those of ONNX Runtime's bytes")
    return 0 if equal == len(x) else 1


def main(folder, *arguments):
    folder = pathlib.Path(folder)
    if len(arguments) != 1:
        return compare(folder, *arguments)
    x, y = records.held_back()
    number = int(arguments[0])
    if not 0 <= number < len(x):
        raise SystemExit(f"check.py: expected a patient from 0 to {len(x) - 1}, found {number}")
    np.save(folder / "record.npy", x[number])
    for name, value in list(zip(records.names(), x[number]))[:4]:
        print(f"  {name:<16} {value:g}")
    print(f"  ... and {x.shape[1] - 4} more; the diagnosis, in the end: {records.CLASSES[y[number]]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
