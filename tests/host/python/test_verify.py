"""`verify`: what it takes, what it gives, what it refuses; in many threads, many times."""

import concurrent.futures
import copy
import os
import pickle
import random
import resource

import numpy
import pytest
import zkvm
import zkvm_verify
from conftest import words

PACKAGES = pytest.mark.parametrize("package", [zkvm, zkvm_verify], ids=lambda package: package.__name__)


@PACKAGES
def test_what_is_proven(package, hello, sums):
    proven = package.verify(bytes(sums), hello.image_id)
    assert proven.journal == words(28, 7)
    assert (proven.exit_code, proven.segments, proven.model, proven.outputs) == (0, 1, None, None)
    assert 128 <= proven.security_bits < 200
    assert proven.regime == "Johnson" and "DKT26" in proven.assumption
    assert hello.image_id in proven._repr_html_()


@PACKAGES
def test_bytes_of_every_kind(package, hello, sums):
    data = bytes(sums)
    expected = package.verify(data, hello.image_id)
    for receipt in (bytearray(data), memoryview(data), memoryview(bytearray(data)), numpy.frombuffer(data, numpy.uint8), sums):
        assert package.verify(receipt, hello.image_id) == expected
    for image_id in (bytes.fromhex(hello.image_id), hello.image_id.upper(), f"0x{hello.image_id}",
                     bytearray.fromhex(hello.image_id)):
        assert package.verify(data, image_id) == expected


@PACKAGES
@pytest.mark.parametrize("image_id", ["", "00", "0x", "g" * 64, "0" * 63, "0" * 65, b"", bytes(31), bytes(33), " " + "0" * 63])
def test_image_ids_that_are_none(package, sums, image_id):
    with pytest.raises(ValueError, match="image id: expected 32 bytes or 64 hex digits"):
        package.verify(bytes(sums), image_id)


@PACKAGES
@pytest.mark.parametrize("wrong", [None, 5, 5.0, "text", [1, 2], object()])
def test_what_has_no_bytes(package, hello, sums, wrong):
    with pytest.raises(TypeError, match="receipt: expected bytes"):
        package.verify(wrong, hello.image_id)
    if not isinstance(wrong, str):
        with pytest.raises(TypeError, match="image id: expected bytes"):
            package.verify(bytes(sums), wrong)


@PACKAGES
def test_what_only_seems_to_have_bytes(package, hello, sums, tmp_path):
    class Long(bytes):
        def __len__(self):
            return 1 << 40

    assert package.blake3(Long(b"abc")) == package.blake3(b"abc")
    path = tmp_path / "a.zkr"
    sums.save(path)
    for name in (path, str(path)):  # not the bytes of a name
        with pytest.raises(TypeError, match="expected bytes"):
            package.verify(name, hello.image_id)
        with pytest.raises(TypeError, match="expected bytes"):
            package.blake3(name)


@PACKAGES
def test_options_that_are_none(package, hello, sums):
    for bits in (-1, float("nan"), float("-inf")):
        with pytest.raises(ValueError):
            package.verify(sums, hello.image_id, security_bits=bits)
    for regime in ("", "Johnson", "list", None):
        with pytest.raises(ValueError, match="regime"):
            package.verify(sums, hello.image_id, regime=regime)
    with pytest.raises(package.InvalidReceipt) as refused:
        package.verify(sums, hello.image_id, security_bits=200)
    assert refused.value.code == "insecure"
    with pytest.raises(package.InvalidReceipt):
        package.verify(sums, hello.image_id, regime="unique")


@PACKAGES
def test_garbage(package, hello, sums):
    random_bytes = random.Random(1)
    for garbage in (b"", b"\0", b"ZKVR", os.devnull.encode(), hello.elf, bytes(1 << 20), random_bytes.randbytes(1000),
                    bytes(sums)[:-1], bytes(sums) + b"\0", bytes(sums) * 2, pickle.dumps(sums)):
        with pytest.raises(package.InvalidReceipt) as refused:
            package.verify(garbage, hello.image_id)
        assert refused.value.code == "malformed-receipt"
        assert "malformed-receipt" in refused.value._repr_html_()
    with pytest.raises(package.InvalidReceipt) as refused:
        package.verify(sums, bytes(32))
    error = refused.value
    assert (error.code, error.where, error.what) == ("wrong-program", "receipt", "program")
    assert (error.expected, error.found) == ("00" * 32, hello.image_id)


@PACKAGES
def test_values_can_be_pickled_and_copied(package, hello, sums):
    proven = package.verify(sums, hello.image_id)
    assert pickle.loads(pickle.dumps(proven)) == copy.deepcopy(proven) == proven
    with pytest.raises(package.InvalidReceipt) as refused:
        package.verify(b"", hello.image_id)
    again = pickle.loads(pickle.dumps(refused.value))
    assert (type(again), again.code, str(again), again.found) == (
        type(refused.value), refused.value.code, str(refused.value), refused.value.found)


@PACKAGES
def test_memory_stays_flat(package, hello, sums):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def some(count):
        for _ in range(count):
            package.verify(data, hello.image_id)
            with pytest.raises(package.InvalidReceipt):
                package.verify(broken, hello.image_id)

    data = bytes(sums)
    broken = data[:-1] + bytes([data[-1] ^ 1])
    some(50)
    before = resident()
    some(200)
    assert resident() - before < 1 << 20


@PACKAGES
def test_threads_verify_at_once(package, hello, sums):
    data = bytes(sums)
    wrong = bytearray(data)
    wrong[len(wrong) // 2] ^= 1

    def verdict(receipt):
        try:
            return package.verify(receipt, hello.image_id).journal
        except package.InvalidReceipt as error:
            return error.code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(verdict, [data, bytes(wrong)] * 40))
    assert found == [words(28, 7), "invalid-receipt"] * 40


def test_the_small_package_needs_no_other():
    import subprocess
    import sys
    code = "import sys, zkvm_verify; print(sorted({name.split('.')[0] for name in sys.modules} & {'numpy', 'zkvm', 'tqdm'}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_blake3():
    assert zkvm.blake3(b"") == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
