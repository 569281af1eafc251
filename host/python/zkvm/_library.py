"""Where the C functions are: the native module shows them, too."""

import pathlib

from . import _native

PATH = pathlib.Path(_native.__file__)
