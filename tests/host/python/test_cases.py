"""Of every case of tests/host/verify_cases.h Python says what C++ has said: both packages."""

import os
import pathlib
import struct
import subprocess

import pytest
import zkvm
import zkvm_verify
from conftest import BUILD

MUTATIONS = os.environ.get("ZKVM_MUTATIONS", "2000")
CODES = ["ok", "out-of-memory", "bad-argument", "malformed-receipt", "invalid-receipt", "wrong-program", "insecure"]
REGIMES = ["unique decoding", "Johnson"]


class Reader:
    def __init__(self, data):
        self.data, self.at = memoryview(data), 0

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data)
        return bytes(self.data[self.at - count: self.at])

    def number(self, form="I"):
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def bytes(self):
        return self.take(self.number())


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    path = tmp_path_factory.mktemp("cases") / "cases"
    subprocess.run([BUILD / "bin/host_verify_cases", path, "2", MUTATIONS], check=True)
    return path.read_bytes()


def every(data):
    reader = Reader(data)
    assert reader.take(4) == b"ZKVC"
    good = reader.bytes()
    for index in range(reader.number()):
        image_id, bits, regime = reader.take(32), reader.number("d"), ("unique", "johnson")[reader.number()]
        prefix, suffix = reader.number(), reader.number()
        receipt = good[:prefix] + reader.bytes() + good[len(good) - suffix:]
        code, message = CODES[reader.number()], reader.bytes().decode(errors="replace")
        proven = None
        if code == "ok":
            proven = (reader.number("i"), reader.number("d"), REGIMES[reader.number()], reader.number(), reader.bytes(),
                      reader.bytes().hex() or None)
        yield index, receipt, image_id, bits, regime, code, message, proven
    assert reader.at == len(reader.data)


@pytest.mark.parametrize("package", [zkvm, zkvm_verify], ids=lambda package: package.__name__)
def test_the_verdict_is_that_of_cxx(cases, package):
    seen = set()
    for index, receipt, image_id, bits, regime, code, message, proven in every(cases):
        try:
            found = package.verify(receipt, image_id, security_bits=bits, regime=regime)
            assert code == "ok", f"case {index}: expected {code}: {message}, found a true receipt"
            assert (found.exit_code, found.security_bits, found.regime, found.segments, found.journal, found.model) == proven
            assert found.image_id == image_id.hex()
        except package.InvalidReceipt as error:
            assert (error.code, str(error)[:500]) == (code, message[:500]), f"case {index}"
            assert error.where.startswith("receipt") and error.what, message
            if ": expected " in message:
                assert error.expected and error.found
                assert message == f"{error.where}: {error.what}: expected {error.expected}, found {error.found}"
        seen.add(code)
    assert seen == {"ok", "malformed-receipt", "invalid-receipt", "wrong-program", "insecure"}


def test_both_packages_hold_one_file():
    files = [pathlib.Path(package.__file__).parent / "receipts.py" for package in (zkvm, zkvm_verify)]
    assert files[0].read_bytes() == files[1].read_bytes()
