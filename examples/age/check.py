"""The age network in 8 bits beside its float original, and the guest beside the former, on photographs.

    PYTHONPATH=examples/face python check.py FOLDER ZKVM ELF   exit status 1 where a verdict is not that of ONNX Runtime's bytes
    PYTHONPATH=examples/face python check.py FOLDER NUMBER     writes FOLDER/photograph.input, one of them, for the guest
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime

from photographs import as_memory
from verdict import guest_verdict


def outputs(model: pathlib.Path, photographs: np.ndarray) -> np.ndarray:
    """[n][2]: the limit and the age, by ONNX Runtime."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": x})[0] for x in photographs])


def for_guest(folder: pathlib.Path, photograph: np.ndarray) -> bytes:
    """As QuantizeLinear has it, an int8 as it is stored: plus 128."""
    port = json.loads((folder / "network/age.model.json").read_text())["inputs"][0]
    codes = np.rint(photograph / np.float32(port["scale"])) + port["zero_point"]
    return as_memory((np.clip(codes, -128, 127) + 128).astype(np.uint8))


def compare(folder: pathlib.Path, photographs: np.ndarray, zkvm: str, elf: str) -> int:
    exact, ours = (outputs(folder / f"age{form}.onnx", photographs) for form in ("", ".int8"))
    of_exact, of_ours = (x[:, 1] > x[:, 0] for x in (exact, ours))
    apart = np.abs(exact[:, 1] - ours[:, 1])
    print(f"  {len(exact)} photographs: in float from {exact[:, 1].min():.1f} to {exact[:, 1].max():.1f} years, {np.sum(of_exact)} "
          f"older than {exact[0, 0]:.0f}; in 8 bits off by {apart.mean():.2f} years, at most {apart.max():.2f}; same verdict "
          f"{np.sum(of_exact == of_ours)}")
    equal = sum(guest_verdict(zkvm, elf, for_guest(folder, x)) == verdict for x, verdict in zip(photographs, of_ours))
    print(f"  the guest: {equal} of {len(exact)} verdicts are those of ONNX Runtime's bytes")
    return 0 if equal == len(exact) else 1


def main(folder: str, *arguments: str) -> int:
    with np.load(pathlib.Path(folder, "photographs.npz")) as arrays:
        photographs = arrays["image"]
    if len(arguments) != 1:
        return compare(pathlib.Path(folder), photographs, *arguments)
    number = int(arguments[0])
    if not 0 <= number < len(photographs):
        raise SystemExit(f"check.py: expected a photograph from 0 to {len(photographs) - 1}, found {number}")
    pathlib.Path(folder, "photograph.input").write_bytes(for_guest(pathlib.Path(folder), photographs[number]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
