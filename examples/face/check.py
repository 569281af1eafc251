"""The network in 8 bits beside its float original, on all pairs of photographs; the guest on some of them.

    python check.py FOLDER ZKVM ELF     exit status 1 where the guest's verdict is not that of ONNX Runtime's bytes
    python check.py FOLDER A B          writes FOLDER/pair.input for the guest; A, B: 0 ... 19 the subject, 20 ... 69 strangers
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime

from distance import LIMIT, squared_limit
from photographs import as_memory
from verdict import guest_verdict


def embeddings(model: pathlib.Path, photographs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": x[None].astype(np.float32)})[0] for x in photographs])


def distances(embedding: np.ndarray) -> np.ndarray:
    return np.linalg.norm(embedding[:, None].astype(np.float64) - embedding, axis=2)


def show(title: str, exact: np.ndarray, ours: np.ndarray) -> None:
    difference = np.abs(exact - ours)
    equal = np.sum((exact < LIMIT) == (ours < LIMIT))
    print(f"  {title:<30}{len(exact):>6,} pairs; distance in float {exact.min():.3f} ... {exact.max():.3f}; in 8 bits off by "
          f"{difference.mean():.4f}, at most {difference.max():.4f}; same verdict {equal:,}")


def compare(folder: pathlib.Path, photographs: np.ndarray, subjects: int, zkvm: str, elf: str) -> int:
    model = json.loads((folder / "network/face.model.json").read_text())
    of_bytes, limit = model["outputs"][0], squared_limit(model)
    exact = distances(embeddings(folder / "face.onnx", photographs))
    ours = embeddings(folder / "face.int8.onnx", photographs)
    codes = np.rint(ours / np.float32(of_bytes["scale"])).astype(int)  # less the zero point
    ours = distances(ours)

    a, b = np.triu_indices(len(photographs), 1)
    for title, chosen in (("one person", b < subjects), ("that person and a stranger", (a < subjects) & (b >= subjects)),
                          ("two strangers", a >= subjects)):
        show(title, exact[a[chosen], b[chosen]], ours[a[chosen], b[chosen]])

    others = range(1, len(photographs))
    equal = sum(guest_verdict(zkvm, elf, as_memory(photographs[[0, i]])) == (np.sum((codes[0] - codes[i])**2) < limit)
                for i in others)
    print(f"  the guest, the original photograph and each other one: {equal} of {len(others)} verdicts are those of ONNX "
          "Runtime's bytes")
    return 0 if equal == len(others) else 1


def main(folder: str, *arguments: str) -> int:
    with np.load(pathlib.Path(folder, "photographs.npz")) as arrays:
        subject, strangers = arrays["subject"], arrays["strangers"]
    photographs = np.concatenate([subject, strangers])
    if all(argument.isdecimal() for argument in arguments):
        pair = [int(argument) for argument in arguments]
        if len(pair) != 2 or max(pair) >= len(photographs):
            raise SystemExit(f"check.py: expected two photographs from 0 to {len(photographs) - 1}, found {pair}")
        pathlib.Path(folder, "pair.input").write_bytes(as_memory(photographs[pair]))
        return 0
    return compare(pathlib.Path(folder), photographs, len(subject), *arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
