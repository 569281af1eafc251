"""Proofs on a Ray cluster of four nodes: whatever happens on the way, the receipt is whole and verifies, or there is one clear
error; and nothing is left behind. More, on eight nodes: cluster_long.py."""

import json
import os
import pathlib
import signal
import sys
import threading
import time

import pytest
import zkvm
import zkvm.cluster
from conftest import QUICK, guest, words
from ray_nodes import Nodes, drivers, gone, run

# Some ten segments of 2^17 instructions.
X = words(4, 23)
OPTIONS = {"security_bits": QUICK, "segment_cycles": 1 << 17, "console": None}
HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def nodes():
    cluster = Nodes(4)
    yield cluster
    assert cluster.end() == [], "processes of the cluster are left"


@pytest.fixture
def prove(nodes, task):
    """zkvm.cluster.prove on the nodes, verified; what was noted on the way is in `prove.notes`."""

    def proves(**more):
        receipt = zkvm.cluster.prove(task, X, **{"address": nodes.address, "note": proves.notes.append, **OPTIONS, **more})
        assert zkvm.verify(receipt, task.image_id, security_bits=QUICK).exit_code == 0
        assert receipt.report.segments > 5
        return receipt

    proves.notes = []
    yield proves
    assert gone("_driver"), "a driver is left"
    assert gone("ray::zkvm segment"), "a segment is still being proven"


def evil(how, folder):
    return [sys.executable, str(HERE / "evil_driver.py"), how, str(folder)]


def test_proves(prove, nodes, tmp_path):
    seen = []
    receipt = prove(progress=seen.append, resume=tmp_path / "work")
    assert prove.notes == []
    fractions = [at.fraction for at in seen if at.segments]
    assert fractions and 0 <= min(fractions) and max(fractions) <= 1
    assert receipt.report.resumed == 0
    job = (tmp_path / "work/job").read_bytes()
    secret = job[len(b"zkvm job 1\n") + 8 + 1 + 32:][:32]
    assert job.count(secret) == 1 and nodes.files_with(secret) == [] and nodes.spilled() == []
    (nodes.folder / "control").write_bytes(job)
    assert nodes.files_with(secret) == [nodes.folder / "control"]


def test_a_lost_node_costs_its_segments(prove, nodes):
    def kill():
        end = time.monotonic() + 60
        while len(nodes.workers()) < 4 and time.monotonic() < end:
            time.sleep(0.02)
        lost.extend(nodes.workers())
        nodes.kill()

    lost = []
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    prove()
    killer.join()
    assert len(lost) == 4, "each node was at work when one was lost"
    nodes.nodes.append(nodes.add())


@pytest.mark.parametrize("how", ["garbage"])
def test_what_is_false_is_named_and_proven_again(prove, tmp_path, how):
    prove(_driver=evil(how, tmp_path))
    assert sum("a false part: " in note for note in prove.notes) == 2
    assert any("segment 1: " in note and "proven again" in note for note in prove.notes)
    assert len({note.split(": a false part")[0] for note in prove.notes if "a false part" in note}) == 2, "workers are named"


def test_a_driver_that_dies_is_replaced(prove):
    def kill(at):
        if at.segments and at.segment >= 2 and not killed:
            killed.extend(drivers())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    killed = []
    prove(progress=kill)
    assert killed and any("the driver has ended (-9)" in note for note in prove.notes)


def test_what_was_stopped_goes_on(prove, nodes, task, tmp_path):
    class Stop(Exception):
        pass

    def stop(at):
        if at.segments and at.segment >= 2:
            raise Stop

    with pytest.raises(Stop):
        prove(progress=stop, resume=tmp_path / "work")
    assert gone("ray::zkvm segment"), "cancelled, and still at work"
    receipt = prove(resume=tmp_path / "work")
    assert receipt.report.resumed >= 2
    with pytest.raises(zkvm.Error, match="one of another input"):
        zkvm.cluster.prove(task, words(4, 22), address=nodes.address, resume=tmp_path / "work", **OPTIONS)


def test_errors_are_clear(prove, nodes, task):
    with pytest.raises(zkvm.Error, match="no Ray cluster at '127.0.0.1:1'") as none:
        prove(address="127.0.0.1:1")
    assert none.value.code == "cluster"
    with pytest.raises(zkvm.Error, match="no node of the cluster has 3 CPU and"):
        prove(threads=3, wait=0)
    with pytest.raises(zkvm.Trapped):
        zkvm.cluster.prove(task, words(2), address=nodes.address, **OPTIONS)


def test_the_command(nodes, task, tmp_path):
    (tmp_path / "x").write_bytes(X)
    command = [sys.executable, "-m", "zkvm.cluster", "prove", str(guest("host_test")), "--address", nodes.address, "--input",
               str(tmp_path / "x"), "-o", str(tmp_path / "r"), "--security", str(QUICK), "--segment-cycles", str(1 << 17)]
    done = run(*command, "--resume", str(tmp_path / "work"), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["segments"] > 5 and said["receipt_bytes"] == (tmp_path / "r").stat().st_size
    assert list((tmp_path / "work").iterdir()) == [], "the secret does not outlive the proof"
    assert zkvm.verify(zkvm.Receipt.load(tmp_path / "r"), task.image_id, security_bits=QUICK).journal == bytes.fromhex(
        said["journal"])
    wrong = run(*command[:4], "/nothing", *command[5:])
    assert wrong.returncode == 2 and "zkvm.cluster: " in wrong.stderr and "Traceback" not in wrong.stderr


# A driver that somebody has taken over: one clear error, at once, whatever it says.
HOSTILE = {
    "no json": "print('x')",
    "deep": "print('[' * 60000)",
    "no object": "print(5)",
    "missing": "print('{\"segment\": 1}')",
    "no segment": "print('{\"segment\": 99999, \"worker\": \"\"}')",
    "text": "print('{\"segment\": \"1\", \"worker\": \"\"}')",
    "infinite": "print('{\"done\": Infinity, \"fraction\": 1}')",
    "nan": "print('{\"done\": 1, \"fraction\": NaN}')",
    "huge": "print('{\"segment\": 1, \"bytes\": 99999999999, \"worker\": \"\"}')",
    "negative": "print('{\"segment\": 1, \"bytes\": -1, \"worker\": \"\"}')",
    "error": "print('{\"error\": \"\\u001b[2Jevil\", \"code\": \"cluster\"}')",
    "nothing": "pass",
    "false for ever": "while True: print('{\"segment\": 0, \"worker\": \"w\"}', flush=True)",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_driver(task, what):
    """It never reads what it is told, and ends only when it is made to."""
    notes = []
    code = f"import sys, time\n{HOSTILE[what]}\nsys.stdout.flush()\n" + ("" if what == "nothing" else "time.sleep(100)")
    start = time.monotonic()
    with pytest.raises(zkvm.Error) as found:
        zkvm.cluster.prove(task, X + bytes(1 << 20), note=notes.append, _driver=[sys.executable, "-c", code], **OPTIONS)
    assert found.value.code == "cluster"
    assert "\x1b" not in str(found.value) and not any("\x1b" in note for note in notes)
    assert time.monotonic() - start < 30


def test_ctrl_c_does_not_wait_for_a_driver(task):
    """Which reads nothing and says nothing."""
    start = time.monotonic()
    threading.Timer(2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        zkvm.cluster.prove(task, X + bytes(1 << 20), _driver=[sys.executable, "-c", "import time; time.sleep(100)"], **OPTIONS)
    assert time.monotonic() - start < 30
