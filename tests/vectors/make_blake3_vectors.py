#!/usr/bin/env python3
"""Writes blake3.json with the PyPI package `blake3` (the reference implementation of BLAKE3's authors).

    python3 -m venv v && v/bin/pip install blake3 && v/bin/python tests/vectors/make_blake3_vectors.py [OFFICIAL]

Inputs, key and context are those of the official test_vectors.json (github.com/BLAKE3-team/BLAKE3, CC0; byte i is i mod
251). Given that file, it refuses to write if one of its cases differs or is missing.
"""
import json
import pathlib
import sys

import blake3

LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 2048, 2049, 3072, 3073,
           4096, 4097, 5120, 5121, 6144, 6145, 7168, 7169, 8192, 8193, 16384, 31744, 102400]
KEY = b"whats the Elvish word for friend"
CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context"

cases = []
for length in LENGTHS:
    data = bytes(i % 251 for i in range(length))
    cases.append({"input_len": length,
                  "hash": blake3.blake3(data).digest(length=131).hex(),
                  "keyed_hash": blake3.blake3(data, key=KEY).digest(length=64).hex(),
                  "derive_key": blake3.blake3(data, derive_key_context=CONTEXT).digest(length=64).hex()})

if len(sys.argv) > 1:
    official = json.loads(pathlib.Path(sys.argv[1]).read_text())
    assert official["key"].encode() == KEY and official["context_string"] == CONTEXT
    ours = {case["input_len"]: case for case in cases}
    for case in official["cases"]:
        for mode in ("hash", "keyed_hash", "derive_key"):
            if not case[mode].startswith(ours[case["input_len"]][mode]):
                raise SystemExit(f"length {case['input_len']}: {mode} differs from the official vector")

path = pathlib.Path(__file__).with_name("blake3.json")
lines = ",\n".join("  " + json.dumps(case) for case in cases)
path.write_text('{"source": "make_blake3_vectors.py", "cases": [\n' + lines + "\n]}\n")
