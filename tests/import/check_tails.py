#!/usr/bin/env python3
"""check_tails.py CASES FOLDER: the functions in Python that write_tails wrote there, against ONNX Runtime's outputs.

Ends with status 77 where numpy is not installed.
"""

import importlib.util
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    print("no numpy: nothing checked")
    sys.exit(77)

import container

RELATIVE = 1e-6  # as tail_test.cc says it


def outputs_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.outputs


def worst(got, want):
    """The greatest distance, in units of what is allowed."""
    got, want = got.astype(np.float64).ravel(), want.astype(np.float64)
    return float((np.abs(got - want) / (RELATIVE * np.maximum(1, np.abs(want)))).max())


def check(case, folder, number):
    function = outputs_of(folder / f"tail_{number}_outputs.py")
    journal = (folder / f"tail_{number}.journal").read_bytes()
    most = 0.0
    for example, (_, wanted) in enumerate(case.samples):
        made = function(journal, example)
        if list(made) != case.outputs:
            return f"outputs {list(made)}"
        for name, want in zip(case.outputs, wanted):
            got = made[name]
            size = len(want) // max(1, got.size)
            kind = {1: got.dtype, 4: np.float32, 8: np.int64}.get(size)
            if kind is None or size * got.size != len(want) or (size == 4 and got.dtype != np.float32):
                return f"{name}: {got.dtype} {got.shape}"
            most = max(most, worst(got, np.frombuffer(want, kind)))
    try:
        function(journal, len(case.samples))
        return "an example behind the last one"
    except ValueError:
        pass
    print(f"{case.name}: at most {most:.3g} of what is allowed")
    return None if most <= 1 else f"{most} times what is allowed"


def main():
    cases = container.decode(pathlib.Path(sys.argv[1]).read_bytes())
    failed = False
    for number, case in enumerate(cases):
        problem = check(case, pathlib.Path(sys.argv[2]), number)
        if problem:
            failed = True
            print(f"{case.name}: {problem}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
