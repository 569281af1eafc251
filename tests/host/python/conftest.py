"""What the tests share: a build folder with guests (ZKVM_BUILD), models, and receipts that are made once."""

import os
import pathlib
import struct

import pytest
import zkvm

ROOT = pathlib.Path(__file__).parents[3]
BUILD = pathlib.Path(os.environ.get("ZKVM_BUILD", ROOT / "build/release")).resolve()
QUICK = 30  # bits: enough for what is not about security


def words(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def guest(name):
    return BUILD / f"guests/{name}.elf"


@pytest.fixture(scope="session")
def hello():
    return zkvm.Model(guest("hello"))


@pytest.fixture(scope="session")
def task():
    """Its first input word says what it does: tests/host/guest.cc."""
    return zkvm.Model(guest("host_test"))


@pytest.fixture(scope="session")
def columns():
    """Sums of a picture's columns, two examples a run: tests/host/model_guest.json."""
    return zkvm.Model(guest("host_model"))


@pytest.fixture(scope="session")
def sums(hello):
    """A receipt of hello's, at full security."""
    return hello.prove(words(*range(8)), console=None)
