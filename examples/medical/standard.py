"""How the guest makes the network's bytes of a record, as a header: constants of the program, so public.

    python standard.py FOLDER      of mean.npy, deviation.npy and network/medical.model.json: FOLDER/network/standard.h
"""
import json
import pathlib
import sys

import numpy as np


def literal(number):
    return float(np.float32(number)).hex() + "f"


def main(folder):
    folder = pathlib.Path(folder)
    port = json.loads((folder / "network/medical.model.json").read_text())["inputs"][0]
    lines = ["// Made by standard.py: a feature is ((x - mean) / deviation) / scale + zero point, as a byte.",
             "#pragma once", ""]
    for name in ("mean", "deviation"):
        array = np.load(folder / f"{name}.npy")
        lines.append(f"inline constexpr float k{name.capitalize()}[] = {{{', '.join(map(literal, array))}}};")
    lines += [f"inline constexpr float kScale = {literal(port['scale'])};",
              f"inline constexpr int kZeroPoint = {port['zero_point']};"]
    (folder / "network/standard.h").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
