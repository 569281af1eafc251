"""How far two embeddings may be apart for a verdict "the same person": below 0.6, as face-api and dlib have it.

    python distance.py face.model.json limit.h      that, squared, in squares of the embedding's scale: what the guest asks
"""
import json
import math
import pathlib
import sys

LIMIT = 0.6


def squared_limit(model: dict) -> int:
    """The least sum of squared differences of bytes that is too far. `model`: what `zkvm import` says of it."""
    scale = model["outputs"][0]["scale"]
    return math.ceil((LIMIT / scale) ** 2)


def main(model: str, header: str) -> None:
    limit = squared_limit(json.loads(pathlib.Path(model).read_text()))
    pathlib.Path(header).write_text(f"#pragma once\n\n#include <cstdint>\n\nconstexpr uint32_t kLimit = {limit};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
