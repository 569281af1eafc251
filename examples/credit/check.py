"""Runs both guests on the loans held back from training and holds them against ONNX Runtime.

    python check.py FOLDER ZKVM            all of them; exit status 1 where a class or a score differs
    python check.py FOLDER ZKVM NUMBER     writes FOLDER/applicant.npy, the features of one, and prints what is known

A guest commits the class and two float32 scores. The forest's are the runtime's probabilities, bit for bit; the boosted
model's are the sums of its leaves, of which the runtime's probabilities are the logistic function.
"""
import pathlib
import struct
import subprocess
import sys

import numpy as np
import onnxruntime

import credit


def run(zkvm, elf, row):
    done = subprocess.run([zkvm, "run", elf, "--input", "-", "--journal", "-"], input=row.tobytes(), check=True,
                          capture_output=True)
    label, *scores = struct.unpack("<iff", done.stdout)
    return label, np.array(scores, np.float32)


def differences(folder, zkvm, name, rows):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # with more, sums are made in another order
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx", options, providers=["CPUExecutionProvider"])
    classes = scores = 0
    furthest = 0.0
    for row in rows:
        label, found = run(zkvm, folder / name / f"build/guests/{name}.elf", row)
        expected_label, probabilities = session.run(None, {"X": row[None]})
        expected = expected_label[0]  # the forest's are text
        classes += label != (credit.CLASSES.index(expected) if isinstance(expected, str) else expected)
        if name == "forest":
            scores += found.tobytes() != probabilities.tobytes()
        else:
            away = np.abs(1 / (1 + np.exp(-found.astype(np.float64))) - probabilities[0]).max()
            furthest = max(furthest, away)
            scores += away > 1e-6
    print(f"  {name:<8} classes identical to ONNX Runtime's: {len(rows) - classes} of {len(rows)}; scores: "
          f"{len(rows) - scores} of {len(rows)}" + (f", as probabilities within {furthest:.1g}" if furthest else ", bit for bit"))
    return classes + scores


def main(folder, zkvm, number=None):
    folder = pathlib.Path(folder)
    rows = np.load(folder / "applicants.npy")
    if number is not None:
        place = int(number)
        if not 0 <= place < len(rows):
            raise SystemExit(f"check.py: expected an applicant from 0 to {len(rows) - 1}, found {number}")
        np.save(folder / "applicant.npy", rows[place:place + 1])
        for known in (folder / "applicants.txt").read_text().splitlines()[place].split("; "):
            key, value = known.split(": ", 1)
            print(f"  {key.replace('_', ' '):<56} {value}" if key != credit.TARGET else f"  (in the end: {value})")
        return 0
    return 1 if sum(differences(folder, zkvm, name, rows) for name in ("forest", "boosted")) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
