"""`prove`, `run` and `profile` as parts of a Python program: threads, interruption, progress, exceptions."""

import contextlib
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy
import pytest
import zkvm
from conftest import QUICK, guest, words

LONG = words(4, 36)  # minutes of proof


def test_two_threads_prove_at_once(task):
    receipts = {}
    ticks = 0

    def prove(number):
        receipts[number] = task.prove(words(4, 14 + number), security_bits=QUICK)

    threads = [threading.Thread(target=prove, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        ticks += 1  # the interpreter is free meanwhile
        time.sleep(0.001)
    assert ticks > 20
    journals = [task.verify(receipts[number], security_bits=QUICK).verification.journal for number in range(2)]
    assert journals == [task.run(words(4, 14 + number)).journal for number in range(2)] and journals[0] != journals[1]


@pytest.mark.parametrize("call", [
    "prove(words)", "prove(words, progress=True)", "run(loop)", "profile(loop)", "prove(loop)",
])
def test_ctrl_c(call):
    code = (f"import zkvm, sys; m = zkvm.Model({str(guest('host_test'))!r}); words = {LONG!r}; loop = {words(3)!r}\n"
            f"print('begun', flush=True)\ntry: m.{call}\nexcept KeyboardInterrupt: print('interrupted', flush=True)\n"
            "print(len(m.run(bytes(4), console=None).journal))")  # it goes on
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert out == "interrupted\n4\n" and process.returncode == 0, err
    assert time.monotonic() - begun < 10
    assert "Traceback" not in err


def test_progress_is_told(task):
    seen = []
    task.prove(words(4, 16), security_bits=QUICK, segment_cycles=1 << 14, progress=seen.append)
    assert seen and all(isinstance(at, zkvm.Progress) for at in seen)
    fractions = [at.fraction for at in seen]
    assert fractions == sorted(fractions) and 0 <= fractions[0] and 0.3 < fractions[-1] <= 1
    assert seen[-1].segments > 1 and seen[-1].cycles > 1 << 15 and seen[-1].stage


def test_progress_as_a_bar(task):
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        task.prove(words(4, 16), security_bits=QUICK, progress=True)
    assert "proving: 100%" in err.getvalue()
    err = io.StringIO()
    with contextlib.redirect_stderr(err), pytest.raises(zkvm.Trapped):
        task.prove(words(2), progress=True)
    assert "100%" not in err.getvalue()


@pytest.mark.parametrize("long", [words(3), LONG])
def test_an_exception_of_a_callback_ends_the_proof(task, long):
    def raise_it(at):
        raise LookupError(f"at {at.cycles >= 0}")

    begun = time.monotonic()
    with pytest.raises(LookupError, match="at True"):
        task.prove(long, progress=raise_it)
    with pytest.raises(ZeroDivisionError):
        task.run(words(3), progress=lambda cycles: cycles // 0)
    with pytest.raises(LookupError):
        task.run(words(0), console=lambda file, text: {}[file])
    assert time.monotonic() - begun < 20


def test_the_console(task, capsys):
    heard = []
    run = task.run(words(0), console=lambda file, text: heard.append((file, text)))
    assert b"".join(text for file, text in heard if file == 1) == b"to standard output\n"
    assert b"".join(text for file, text in heard if file == 2) == b"to standard error\n"
    assert run.journal == words(0x04030201)
    assert capsys.readouterr() == ("", "")
    task.prove(words(0), security_bits=QUICK)
    assert capsys.readouterr() == ("to standard output\n", "to standard error\n")
    task.profile(words(0), console=None)
    assert capsys.readouterr() == ("", "")


def test_traps(task):
    run = task.run(words(2))
    assert run.trap.kind == "store-access" or run.trap.kind.startswith("store")
    assert run.trap.where[0][0] == "(anonymous)::write_to" or "write_to" in run.trap.where[0][0]
    with pytest.raises(zkvm.Trapped) as trapped:
        task.prove(words(2))
    assert trapped.value.trap == run.trap and trapped.value.code == "trapped" and "store" in str(trapped.value)
    assert "trap" in run._repr_html_()
    limit = task.run(words(3), max_cycles=10_000)
    assert limit.trap.kind == "cycle-limit" and limit.cycles <= 10_000


def test_run_and_profile(task):
    run = task.run(words(4, 12))
    assert run.exit_code == 0 and sum(run.classes.values()) == run.cycles > 1000
    assert run.proof.seconds > 0 and run.proof.receipt_bytes > 100_000 and "a proof" in run._repr_html_()
    profile = task.profile(words(4, 12))
    assert sum(spot.self for spot in profile.functions) == profile.run.cycles == run.cycles
    assert profile.functions[0].self >= profile.functions[1].self
    assert any("fibonacci" in spot.function and spot.file.endswith("guest.cc") for spot in profile.functions)
    assert profile.flamegraph.lstrip().startswith("<") and "fibonacci" in profile.flamegraph
    assert profile.pprof[:2] == b"\x1f\x8b"
    html = profile._repr_html_()
    assert html.startswith("<img") and "<script" not in html


def test_options(task, tmp_path):
    receipt = task.prove(words(4, 12), security_bits=QUICK, rate="1/2", threads=1, memory_limit="2G", resume=tmp_path / "work")
    assert receipt.report.rate == "1/2" and receipt.report.security_bits >= QUICK and receipt.report.resumed == 0
    assert receipt.report.stages and receipt.report.chips and receipt.report.peak_memory > 0
    again = task.prove(words(4, 12), security_bits=QUICK, rate="1/2", memory_limit=2 << 30, resume=tmp_path / "work")
    assert again.report.resumed == again.report.segments == 1
    with pytest.raises(zkvm.Error) as other:
        task.prove(words(4, 13), security_bits=QUICK, resume=tmp_path / "work")
    assert other.value.code == "other-proof"
    for wrong in ({"rate": "1/3"}, {"regime": "none"}, {"security_bits": 0}, {"security_bits": float("nan")},
                  {"memory_limit": "much"}, {"memory_limit": "0G"}, {"memory_limit": ""}):
        with pytest.raises(ValueError):
            task.prove(words(0), **wrong)
    with pytest.raises(zkvm.Error) as insecure:
        task.prove(words(0), security_bits=100_000, console=None)
    assert insecure.value.code == "insecure"
    for wrong in ({"threads": -1}, {"threads": 2**32}, {"max_cycles": 0}, {"max_cycles": True}, {"memory_limit": -5},
                  {"memory_limit": True}, {"memory_limit": "99999999999T"}, {"resume": "a\0b"}, {"security_bits": float("inf")}):
        with pytest.raises(ValueError):
            task.prove(words(0), **wrong)
    for wrong in ({"threads": 1.5}, {"max_cycles": 1e6}, {"progress": "bar"}, {"console": 1}, {"resume": 5}):
        with pytest.raises(TypeError):
            task.prove(words(0), **wrong)
    assert task.prove(words(0), threads=numpy.int8(1), memory_limit=numpy.int64(1 << 31), resume=os.fsencode(tmp_path / "b"),
                      security_bits=QUICK, console=None)
    with pytest.raises(MemoryError):
        task.prove(words(4, 12), memory_limit=1)


def _in_child(queue):
    task = zkvm.Model(guest("host_test"))
    queue.put(bytes(task.prove(words(4, 10), security_bits=QUICK)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_process_proves(task, method):
    task.prove(words(4, 10), security_bits=QUICK)  # its threads are not in the child
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    receipt = queue.get(timeout=60)
    child.join(10)
    assert child.exitcode == 0
    assert task.verify(receipt, security_bits=QUICK).verification.exit_code == 0


def test_commitments(tmp_path):
    import json

    import numpy
    from conftest import ROOT

    vectors = json.loads((ROOT / "tests/vectors/commitment.json").read_text())
    assert vectors
    a = zkvm.commit(b"data", bytes(32))
    assert a == zkvm.commit(b"data", "00" * 32) and a != zkvm.commit(b"data")
    assert a.input == bytes(32) + b"data" and "salt" not in repr(a)
    x = numpy.arange(6, dtype=numpy.int16).reshape(2, 3)
    numpy.save(tmp_path / "x.npy", x)
    said = json.loads(subprocess.run([sys.executable, "-m", "zkvm", "commit", tmp_path / "x.npy", "--salt", "11" * 32, "--json"],
                                     capture_output=True, check=True, text=True).stdout)
    assert zkvm.commit(x, "11" * 32).digest == said["commitment"]
    assert zkvm.commit(numpy.asfortranarray(x), "11" * 32).digest == said["commitment"]
    for other in (x.T, x.astype(numpy.uint16), x.reshape(-1)):
        assert zkvm.commit(other, "11" * 32).digest != said["commitment"]
    with pytest.raises(ValueError, match="salt: expected 32 bytes"):
        zkvm.commit(b"data", "00")
    with pytest.raises(zkvm.InvalidModel):
        zkvm.commit(numpy.zeros((1,) * 9, numpy.int8))


@pytest.mark.parametrize("call", ["run(loop, progress=lambda cycles: None)", "prove(words)", "run(printing)",
                                  "run(printing, console=lambda file, text: None)"])
def test_a_thread_that_still_works_when_the_interpreter_ends(call):
    code = (f"import zkvm, threading, time; m = zkvm.Model({str(guest('host_test'))!r}); words = {LONG!r}; loop = {words(3)!r}\n"
            f"printing = {words(0)!r}\n"
            f"def work():\n  while True: m.{call}\n"
            "threading.Thread(target=work, daemon=True).start(); time.sleep(0.5)")
    for _ in range(10 if "printing" in call else 3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stderr.replace("to standard error\n", "") == ""


def test_a_proof_when_the_interpreter_ends():
    code = f"import atexit, zkvm; m = zkvm.Model({str(guest('hello'))!r}); atexit.register(lambda: print(len(m.prove(bytes(32)).data) > 0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("True\n") and done.returncode == 0, done.stderr


def test_other_threads_may_change_the_environment(hello):
    code = ("import os, threading, time, zkvm\n"
            f"elf = open({str(guest('hello'))!r}, 'rb').read()\n"
            "def change():\n"
            "  for i in range(100_000_000):\n"
            "    os.environ[f'K{i % 5000}'] = 'x' * (i % 300)\n"
            "threading.Thread(target=change, daemon=True).start()\n"
            "end = time.monotonic() + 3\n"
            "while time.monotonic() < end: zkvm.Model(elf)\n")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0


def test_nothing_is_left_open(task):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        task.profile(words(4, 8))
        task.prove(words(0), security_bits=QUICK, console=None)
    assert len(os.listdir("/proc/self/fd")) == before
