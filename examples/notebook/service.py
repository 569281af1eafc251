"""A service that receives a proof: which digit was read, by which program?   service.py RECEIPT MODEL.json < image id in hex"""

import pathlib
import sys

import zkvm_verify

receipt, model = (pathlib.Path(path).read_bytes() for path in sys.argv[1:])
try:
    proven = zkvm_verify.verify(receipt, sys.stdin.read().strip(), model=model)
except zkvm_verify.Error as error:
    sys.exit(f"not valid: {error.code}: {error}")
(output,) = proven.outputs.values()
print(f"valid, at {proven.security_bits:.1f} bits: {output.name} is {output.values.tolist()}")
