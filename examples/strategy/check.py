"""The guest's decisions beside those of ONNX Runtime, on all days from 2000 on; for who has the weights.

    python check.py WHEEL FOLDER ZKVM ELF         exit status 1 where a decision is not that of the runtime's bytes
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnxruntime

import bars

DAYS = 250  # in a run


def guest_decisions(zkvm, elf, weights, days):
    done = subprocess.run([zkvm, "run", elf, "--quiet", "--input", "-", "--journal", "-"], check=True, capture_output=True,
                          input=weights + days.tobytes())
    return np.frombuffer(done.stdout[64:64 + len(days)], np.uint8)


def main(wheel, folder, zkvm, elf):
    folder, market = pathlib.Path(folder), bars.Bars(wheel)
    session, exact = (onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"])
                      for name in ("rule.int8.onnx", "float.onnx"))
    weights = (folder / "network/rule.weights").read_bytes()
    rows = np.concatenate([bars.features(market, market.decided(held_back)) for held_back in (False, True)])
    codes = bars.quantised(rows, folder / "network/rule.model.json")
    of_runtime, of_float = (np.array([up > flat for flat, up in (s.run(None, {"features": r[None]})[0][0] for r in rows)])
                            for s in (session, exact))
    of_guest = np.concatenate([guest_decisions(zkvm, elf, weights, codes[i:i + DAYS]) for i in range(0, len(codes), DAYS)])
    equal = np.sum(of_guest == of_runtime)
    print(f"  in 8 bits {np.sum(of_runtime == of_float)} of {len(rows)} decisions are the float network's")
    print(f"  the guest: {equal} of {len(rows)} decisions are those of ONNX Runtime's bytes")
    return 0 if equal == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
