"""Where the C functions are."""

import pathlib

PATH = pathlib.Path(__file__).parent / "libzkvm_verify.so"
