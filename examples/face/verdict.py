"""What a guest that commits one verdict says; of this example and of examples/age."""
import subprocess

import numpy as np


def guest_verdict(zkvm: str, elf: str, data: bytes) -> bool:
    """Of the guest with this input, on the VM."""
    done = subprocess.run([zkvm, "run", elf, "--input", "-", "--journal", "-"], input=data, check=True, capture_output=True)
    return bool(np.frombuffer(done.stdout[:4], "<u4")[0])
