"""Proofs of machine-learning inference.

    import zkvm
    model = zkvm.Model("cats.elf")                # a guest; `zkvm.import_onnx` makes one of an ONNX model
    receipt = model.prove(image, progress=True)   # a numpy array, a PIL image, or bytes for any other guest
    outputs = model.verify(receipt)               # named arrays, or zkvm.InvalidReceipt
    zkvm.verify(receipt, model.image_id)          # what a service does, without the guest

`python -m zkvm` is the command line. The package `zkvm_verify` verifies, and does nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._native import release_memory
    from .commitment import Commitment, commit
    from .importing import Project, import_onnx
    from .model import Description, Model, Outputs, Tensor
    from .proving import Progress, Receipt, Report, prove
    from .quantize import quantize
    from .receipts import (Error, InvalidGuest, InvalidModel, InvalidReceipt, Output, Verification, blake3, verify)
    from .running import Cost, Layer, Profile, Run, Spot, Trap, Trapped, profile, run

    __version__: str

# Each is imported when it is first asked for: `import zkvm` takes milliseconds, and `zkvm.quantize` needs no native module.
_MODULES = {
    "_native": ("release_memory",),
    "commitment": ("Commitment", "commit"),
    "importing": ("Project", "import_onnx"),
    "model": ("Description", "Model", "Outputs", "Tensor"),
    "proving": ("Progress", "Receipt", "Report", "prove"),
    "receipts": ("Error", "InvalidGuest", "InvalidModel", "InvalidReceipt", "Output", "Verification", "blake3", "verify"),
    "running": ("Cost", "Layer", "Profile", "Run", "Spot", "Trap", "Trapped", "profile", "run"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted([*_MODULE_OF, "__version__"])  # not quantize, which wants packages that need not be there


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = importlib.import_module(".receipts", __name__).version()
    elif name == "quantize":  # a module that can be called
        value = importlib.import_module(".quantize", __name__)
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
