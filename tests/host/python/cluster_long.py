"""Eight nodes, and all that can go wrong with them: on demand, by tests/run.sh --long, or
`build/python-tests/bin/python -m pytest tests/host/python/cluster_long.py`."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
import zkvm
import zkvm.cluster
from conftest import QUICK, guest, words
from ray_nodes import Nodes, drivers, gone
from test_cluster import OPTIONS, evil

X = words(4, 25)  # some twenty segments of 2^17 instructions


@pytest.fixture(scope="module")
def nodes():
    cluster = Nodes(8, memory=2 << 30)
    yield cluster
    assert cluster.end() == [], "processes of the cluster are left"


@pytest.fixture
def prove(nodes, task):
    def proves(x=X, **more):
        receipt = zkvm.cluster.prove(task, x, **{"address": nodes.address, "note": proves.notes.append, **OPTIONS, **more})
        assert zkvm.verify(receipt, task.image_id, security_bits=QUICK).exit_code == 0
        return receipt

    proves.notes = []
    yield proves
    assert gone("_driver"), "a driver is left"
    assert gone("ray::zkvm segment"), "a segment is still being proven"
    assert nodes.spilled() == []


@pytest.mark.parametrize("how", ["truncated", "changed", "foreign", "corrupted", "nonsense", "raises", "dies", "sleeps"])
def test_whatever_a_worker_does(prove, tmp_path, how):
    prove(_driver=evil(how, tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{how}-1", f"{how}-3"], "it did wrong"
    if how in ("truncated", "changed", "foreign"):
        assert sum("a false part: " in note for note in prove.notes) == 2
        assert any("proven again" in note for note in prove.notes)
    elif how == "sleeps":
        assert sum("it is started again" in note for note in prove.notes) >= 2
    elif how != "dies":  # of which Ray takes care itself
        assert sum("proven again" in note for note in prove.notes) == 2


def test_workers_that_are_killed_again_and_again(prove, nodes):
    stop = threading.Event()
    dice = random.Random(1)

    def kill():
        for _ in range(6):
            if stop.wait(0.7):
                return
            for pid in dice.sample(nodes.workers(), min(1, len(nodes.workers()))):
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        prove()
    finally:
        stop.set()
        killer.join()


def test_nodes_that_are_lost_one_after_another(prove, nodes):
    def kill():
        for _ in range(3):
            time.sleep(2)
            nodes.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    prove()
    killer.join()
    while len(nodes.nodes) < 8:
        nodes.nodes.append(nodes.add())


def test_drivers_that_all_die(prove):
    def kill(at):
        for pid in drivers() if at.segments else ():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(zkvm.Error, match="has ended 3 times"):
        prove(progress=kill)


def test_the_process_that_asks_is_killed(nodes, tmp_path):
    (tmp_path / "x").write_bytes(X)
    command = [sys.executable, "-m", "zkvm.cluster", "prove", str(guest("host_test")), "--address", nodes.address, "--input",
               str(tmp_path / "x"), "-o", str(tmp_path / "r"), "--security", str(QUICK), "--segment-cycles", str(1 << 17),
               "--resume", str(tmp_path / "work"), "--json"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (tmp_path / "work/segment-2").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert gone("_cluster_driver") and gone("ray::zkvm segment"), "nothing is at work for nobody"
    assert not (tmp_path / "r").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert '"resumed_segments": 0' not in done.stdout


def test_ctrl_c(nodes, tmp_path):
    (tmp_path / "x").write_bytes(X)
    process = subprocess.Popen(
        [sys.executable, "-m", "zkvm.cluster", "prove", str(guest("host_test")), "--address", nodes.address, "--input",
         str(tmp_path / "x"), "-o", str(tmp_path / "r"), "--security", str(QUICK), "--segment-cycles", str(1 << 17)],
        stderr=subprocess.PIPE, text=True)
    while not nodes.workers():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err
    assert gone("_cluster_driver") and gone("ray::zkvm segment")


def test_two_proofs_share_the_cluster(prove, nodes, task):
    """The second one, which comes later, needs not wait for the first one's end."""
    ends = {}

    def one(name):
        zkvm.cluster.prove(task, X, address=nodes.address, **OPTIONS)
        ends[name] = time.monotonic()

    start = time.monotonic()
    one("alone")
    alone = ends["alone"] - start
    threads = [threading.Thread(target=one, args=(name,)) for name in ("first", "second")]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
        time.sleep(1)
    for thread in threads:
        thread.join()
    first, second = ends["first"] - begun, ends["second"] - begun
    print(f"alone {alone:.1f} s, first {first:.1f} s, second {second:.1f} s")
    assert second - first < 0.6 * first
    # Twice the work, and some twice: where nodes share two cores, those that seem to idle prove slow segments again.
    assert max(first, second) < 3 * alone + 3


def test_a_store_that_is_too_small(task):
    """Ray spills what does not fit, into its own folder; what it spilled is gone afterwards."""
    cluster = Nodes(1, store=75 << 20)
    try:
        x = words(4, 20) + os.urandom(120 << 20)  # a job of 120 MiB
        note = []
        try:
            receipt = zkvm.cluster.prove(task, x, address=cluster.address, note=note.append, **OPTIONS)
            assert zkvm.verify(receipt, task.image_id, security_bits=QUICK)
        except zkvm.Error as error:
            assert error.code == "cluster", error
        assert gone("_cluster_driver")
        end = time.monotonic() + 20
        while cluster.files_with(x[-64:]) and time.monotonic() < end:
            time.sleep(0.2)
        assert cluster.files_with(x[-64:]) == []
    finally:
        assert cluster.end() == []


def test_a_full_disk(prove, tmp_path):
    """Of the folder that keeps parts: one clear error."""
    if os.geteuid() != 0:
        pytest.skip("needs a file system of its own")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system of its own: {mounted.stderr.decode()}")
    try:
        with pytest.raises(zkvm.Error) as full:
            prove(resume=folder / "work")
        assert full.value.code == "unwritable" and "No space left" in str(full.value)
    finally:
        subprocess.run(["umount", str(folder)], check=True)

def ask(port, data=None, seconds=120):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=data, method="POST" if data is not None else "GET")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_service(nodes, task):
    """POST an input, get a receipt; with limits, and 503 where too many ask."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = subprocess.Popen(
        [sys.executable, "-m", "zkvm.cluster", "serve", str(guest("host_test")), "--address", nodes.address, "--port", str(port),
         "--security", str(QUICK), "--segment-cycles", str(1 << 17), "--proofs", "1", "--queue", "1", "--max-input", "1000"],
        stderr=subprocess.PIPE, text=True)
    try:
        for line in service.stderr:
            if f"zkvm.cluster: serving {task.image_id} at http://127.0.0.1:{port}/" in line:
                break
        assert service.poll() is None
        status, told = ask(port)
        assert status == 200 and json.loads(told)["image_id"] == task.image_id
        status, receipt = ask(port, words(4, 20))
        assert status == 200 and zkvm.verify(receipt, task.image_id, security_bits=QUICK).exit_code == 0
        assert ask(port, bytes(1001))[0] == 413
        status, told = ask(port, words(2))
        assert status == 422 and "read-only" in json.loads(told)["error"]
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(port, words(4, 20)))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _ in answers} == {200, 503}
        with socket.create_connection(("127.0.0.1", port)) as slow:  # keeps nobody from asking
            slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n")
            assert ask(port)[0] == 200
        with pytest.raises(TimeoutError):  # a client that goes away
            ask(port, words(4, 26), 2)
        assert gone("ray::zkvm segment"), "its segments are still being proven"
    finally:
        service.send_signal(signal.SIGTERM)
        threading.Thread(target=service.stderr.read, daemon=True).start()
        assert service.wait(60) == 0
    assert gone("_cluster_driver")
