#!/usr/bin/env python3
"""Makes numpy.json: files as numpy itself writes them, in hex, with what is in them.

    pip install numpy; make_numpy_vectors.py > numpy.json
"""
import io
import json
import warnings

import numpy as np


def npy(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=version)
    return out.getvalue()


def contents(array):
    return {"type": array.dtype.name, "shape": array.shape, "bytes": np.ascontiguousarray(array).tobytes().hex()}


def entry(array, **more):
    return {"file": npy(array, **more).hex()} | contents(array)


warnings.simplefilter("ignore")  # of versions 2 and 3, which other programs may not know
grid = np.arange(24).reshape(2, 3, 4)
files = {name: entry(grid.astype(name)) for name in
         "int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64".split()}
files["bool"] = entry(grid % 3 == 0)
files["Fortran order"] = entry(np.asfortranarray(grid.astype("<f4")))
files["Fortran order, bytes"] = entry(np.asfortranarray(grid.astype("u1")[0]))
files["version 2"] = entry(grid.astype("<f4"), version=(2, 0))
files["version 3"] = entry(grid.astype("<i2"), version=(3, 0))
files["a scalar"] = entry(np.array(-7, dtype="<i8"))
files["a vector"] = entry(np.array([1.5, np.inf, np.nan], dtype="<f4"))
files["nothing"] = entry(np.zeros((2, 0, 3), dtype="<f4"))
refused = {"big-endian": npy(grid.astype(">f4")), "complex": npy(grid.astype("<c8")), "text": npy(np.array(["ab"])),
           "records": npy(np.zeros(2, dtype=[("a", "<i4")])), "objects": npy(np.array([None, {}], dtype=object)),
           "dates": npy(np.array(["2020-01-01"], dtype="datetime64[D]"))}

arrays = {"x": grid.astype("<f4"), "a/b c": np.zeros(600, dtype="i1"), "empty": np.zeros((0,), dtype="<i4")}
archives = {}
for name, save in ("stored", np.savez), ("deflated", np.savez_compressed):
    out = io.BytesIO()
    save(out, **(arrays if name == "deflated" else arrays | {"a/b c": np.ones(50, dtype="i1")}))
    archives[name] = {"file": out.getvalue().hex(),
                      "arrays": {n: contents(a) for n, a in np.load(io.BytesIO(out.getvalue())).items()}}


def lines(entries):
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in entries.items()) + "\n }"


print(f"""{{
 "numpy": "{np.__version__}",
 "files": {lines(files)},
 "refused": {lines({name: file.hex() for name, file in refused.items()})},
 "archives": {lines(archives)}
}}""")
