#!/usr/bin/env python3
"""Writes commitment.json by guest/doc/commitment.md and the PyPI package `blake3`, with no code of ours.

    python3 -m venv v && v/bin/pip install blake3 && v/bin/python tests/vectors/make_commitment_vectors.py

Salt: byte i is 3 i + 1. Data: byte i is i mod 251, as many as type and shape say. type 0: a file of `bytes` bytes.
"""
import json
import math
import pathlib
import struct

import blake3

BYTES = [0, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 1]
SALT = bytes(3 * i + 1 for i in range(32))


def commitment(kind, type, shape, data):
    prefix = SALT + bytes([kind, type, len(shape), 0]) + struct.pack(f"<Q{len(shape)}I", len(data), *shape)
    prefix += bytes(-len(prefix) % 64)
    return blake3.blake3(prefix + data, derive_key_context="zkvm 2026-11-29 commitment v1").hexdigest()


def pattern(count):
    return bytes(i % 251 for i in range(count))


cases = [{"type": 0, "bytes": n, "commitment": commitment(0, 0, [], pattern(n))}
         for n in (0, 1, 6, 63, 64, 65, 960, 961, 1024, 1025, 5000)]
for type, shape in [*((t, [2, 3]) for t in range(1, 13)), (1, []), (1, [6]), (1, [3, 2]), (1, [1, 6]), (2, [0]),
                    (2, [0, 5]), (5, [7, 11, 13]), (1, [1, 2, 3, 4, 5]), (1, [1, 2, 3, 4, 5, 2]),
                    (10, [2] * 8), (2, [64, 49])]:
    data = pattern(BYTES[type] * math.prod(shape))
    cases.append({"type": type, "shape": shape, "bytes": len(data), "commitment": commitment(1, type, shape, data)})

path = pathlib.Path(__file__).with_name("commitment.json")
lines = ",\n".join("  " + json.dumps(case) for case in cases)
path.write_text('{"source": "make_commitment_vectors.py", "cases": [\n' + lines + "\n]}\n")
