"""The verifier of zkvm's receipts, alone: no prover, no virtual machine, no other package.

    import zkvm_verify
    proven = zkvm_verify.verify(receipt, image_id)      # raises InvalidReceipt, or says what is proven
    proven.journal, proven.exit_code, proven.security_bits
"""

from .receipts import (Error, InvalidModel, InvalidReceipt, Output, Verification, blake3, verify, version)

__version__ = version()
__all__ = ["Error", "InvalidModel", "InvalidReceipt", "Output", "Verification", "blake3", "verify", "__version__"]
