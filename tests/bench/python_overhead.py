"""What the Python package adds to the calls of C++, in one process, by turns: `zkvm.verify` over `zkvm_verify` of
host/zkvm_verify_c.h with its arguments made beforehand, `Model.prove` over the call of `zkvm::prove` in it; and the time of
`import zkvm`.

    build/python-tests/bin/python tests/bench/python_overhead.py [ROUNDS]     after tests/host/python/run.sh
"""

import ctypes
import pathlib
import statistics
import subprocess
import sys
import time

import numpy
import zkvm
from zkvm import receipts

ROOT = pathlib.Path(__file__).parents[2]
GUESTS = ROOT / "build/release/guests"


def raw_verifier(receipt, image_id):
    """A call of the C function, without anything that Python makes of it."""
    function, free = receipts._C.zkvm_verify, receipts._C.zkvm_verification_free
    message, options = ctypes.create_string_buffer(512), receipts._Options(128, 1)
    proven = ctypes.POINTER(receipts._Verification)()
    arguments = (receipt, len(receipt), bytes.fromhex(image_id), ctypes.byref(options), ctypes.byref(proven), message)

    def call():
        assert function(*arguments) == 0
        free(proven)
    return call


def seconds(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def by_turns(rounds, ours, theirs):
    """Medians of both, and of the quotients of neighbours."""
    pairs = [(seconds(ours), seconds(theirs)) if turn % 2 else (seconds(theirs), seconds(ours))[::-1] for turn in range(rounds)]
    return [statistics.median(column) for column in zip(*pairs)] + [statistics.median(a / b for a, b in pairs) - 1]


def main(rounds):
    digit = numpy.fromfile(ROOT / "examples/mnist/data/digits.u8", numpy.uint8)[:784].tobytes()
    for name, data in (("hello", bytes(32)), ("mnist_lenet5", digit)):
        model = zkvm.Model(GUESTS / f"{name}.elf")
        receipt = bytes(model.prove(data, console=None))
        ours, theirs, more = by_turns(20 * rounds, lambda: zkvm.verify(receipt, model.image_id),
                                      raw_verifier(receipt, model.image_id))
        print(f"{name}: verify {1e3 * ours:.3f} ms, the C function {1e3 * theirs:.3f} ms: {more:+.2%}")
        inner = []
        prove = zkvm._native.prove
        zkvm._native.prove = lambda *arguments: inner.append(prove(*arguments)) or inner[-1]
        walls = [seconds(lambda: model.prove(data, console=None)) for _ in range(rounds)]
        zkvm._native.prove = prove
        quotients = [wall / told["call_seconds"] - 1 for wall, told in zip(walls, inner)]
        print(f"{name}: prove {1e3 * statistics.median(walls):.1f} ms: {statistics.median(quotients):+.2%} over zkvm::prove")
    for statement in ("import zkvm", "import zkvm; zkvm.verify", "import zkvm; zkvm.Model"):
        times = [seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))
                 for _ in range(rounds) for code in (statement, "pass")]
        print(f"{statement}: {1e3 * (statistics.median(times[::2]) - statistics.median(times[1::2])):.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
