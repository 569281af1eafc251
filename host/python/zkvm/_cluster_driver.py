"""The process that Ray calls the driver: it shares out the segments of one proof among a cluster's nodes.

It stands between the cluster, whose messages are pickles, and the process that asks for the proof, with which it exchanges
lines of JSON and bytes alone. From that one, on standard input:

    {"address": A, "threads": N, "wait": SECONDS, "wheel": FILE or null}, while the guest is being executed
    {"job": BYTES, "segments": [[cycles, cells, memory], ...], "missing": [...]}, then the job
    {"good": SEGMENT, "dropped": [...]}  or  {"bad": SEGMENT, "why": TEXT, "dropped": [...]}
and to it, on standard output:
    {"segment": I, "bytes": N, "worker": WHERE, "seconds": S}, then the part
    {"done": N, "fraction": F}, {"note": TEXT}, {"error": TEXT, "code": CODE}

When standard input ends, all that it has started ends with it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import os
import queue
import re
import signal
import socket
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Callable

from . import _cluster_worker

MOST_TRIES = 4  # of a segment that fails or is false
MOST_LOST = 12  # of a segment whose worker or node is lost
SLOW = 1.5  # times what is expected of a segment: then it is started again, if there is a core for it
MOST_SECONDS_TO_CONNECT = 60
_MEMORY_STEP = 256 << 20  # Ray keeps a queue for each shape of tasks: few of them


@dataclass
class _Running:
    segment: int
    begun: float | None = None  # as far as can be known: when a slot was free for it


@dataclass
class _State:
    cells: list[int]
    left: list[int]  # segments that wait, longest last
    good: set[int] = field(default_factory=set)
    tries: dict[int, int] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    failed_on: dict[int, set[str]] = field(default_factory=dict)  # nodes, by segment
    running: dict[Any, _Running] = field(default_factory=dict)  # by reference
    unchecked: dict[int, str] = field(default_factory=dict)  # segments whose parts are being verified, and whose they are
    bad_nodes: set[str] = field(default_factory=set)
    pace: list[float] = field(default_factory=list)  # seconds a cell, of all that have come


class Failed(Exception):
    """Why the proof ends, in a line; and a code."""

    def __init__(self, message: str, code: str = "cluster") -> None:
        super().__init__(message)
        self.code = code


class Driver:
    """One proof on a cluster that `ray` is connected to. `say(head, part)`: what is told to the process that asked;
    `told`: lines from it, None at their end."""

    def __init__(self, ray: Any, head: dict[str, Any], job: bytes, say: Callable[[dict[str, Any], bytes], None],
                 told: queue.Queue[dict[str, Any] | None], task: Callable[..., dict[str, Any]] = _cluster_worker.prove_part) -> None:
        self.ray, self.say, self.told = ray, say, told
        self.threads: int = head["threads"]
        self.wait: float = head["wait"]
        self.memory: list[int] = [segment[2] for segment in head["segments"]]
        self.name = _cluster_worker.digest(job)
        self.job = [ray.put(job)]
        self.task = ray.remote(task)
        cells = [segment[1] for segment in head["segments"]]
        self.state = _State(cells, sorted(head["missing"], key=lambda i: (cells[i], -i)))
        self.state.good = set(range(len(cells))) - set(head["missing"])
        self.slots, self.slots_known, self.without_slots, self.asked = 0, 0.0, time.monotonic(), False
        self.fit: set[str] = set()  # nodes that can prove a segment
        self.idle, self.idle_known = 0, 0.0  # how often, one after another, cores have idled when they were asked

    def run(self) -> None:
        state = self.state
        last_said = 0.0
        while len(state.good) < len(state.cells):
            self.count_slots()
            while state.left and len(state.running) < 2 * max(1, self.slots):
                self.submit(state.left.pop())
            self.begin()
            if not state.left:
                self.restart_stragglers()
            self.take_results()
            if not self.hear():
                return
            if time.monotonic() - last_said > 0.5:
                last_said = time.monotonic()
                self.say({"done": len(state.good), "fraction": self.fraction()}, b"")

    def memory_of(self, segment: int) -> int:
        return -(-self.memory[segment] // _MEMORY_STEP) * _MEMORY_STEP

    def submit(self, segment: int) -> None:
        # Not Ray's own retries, which do not count those for want of memory.
        options: dict[str, Any] = {"num_cpus": self.threads, "memory": self.memory_of(segment), "max_retries": 0,
                                   "name": f"zkvm segment {segment}"}
        avoided = self.state.bad_nodes | self.state.failed_on.get(segment, set())
        if avoided and self.fit - avoided:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(avoided))})"}
        reference = self.task.options(**options).remote(self.job, self.name, segment, self.threads)
        self.state.running[reference] = _Running(segment)

    def count_slots(self) -> None:
        """How many segments the cluster can prove at a time, had it nothing else to do."""
        now = time.monotonic()
        if now - self.slots_known < 2:
            return
        memory = max(self.memory_of(segment) for segment in range(len(self.memory)) if segment not in self.state.good)
        room = {node["NodeID"]: min(int(node["Resources"].get("CPU", 0) // self.threads),
                                    int(node["Resources"].get("memory", 0) // memory))
                for node in self.ray.nodes() if node["Alive"]}
        self.slots, self.fit = sum(room.values()), {node for node, slots in room.items() if slots}
        self.slots_known = now
        if self.slots:
            self.without_slots, self.asked = now, False
        elif now - self.without_slots >= self.wait:
            raise Failed(f"no node of the cluster has {self.threads} CPU and {memory / 2**30:.1f} GiB of memory for a segment: "
                         "a smaller memory_limit or segment_cycles makes smaller ones")
        elif not self.asked:
            self.asked = True
            self.say({"note": f"waiting for a node with {self.threads} CPU and {memory / 2**30:.1f} GiB of memory"}, b"")

    def begin(self) -> None:
        """Tasks begin in the order in which they were submitted, one in each slot."""
        room = self.slots - sum(1 for task in self.state.running.values() if task.begun)
        for task in self.state.running.values():
            if room <= 0:
                break
            if task.begun is None:
                task.begun = time.monotonic()
                room -= 1

    def expected(self, segment: int) -> float | None:
        pace = self.state.pace
        return statistics.median(pace) * self.state.cells[segment] if pace else None

    def restart_stragglers(self) -> None:
        """Where cores idle, which no other proof has use for either."""
        state, now = self.state, time.monotonic()
        if now - self.idle_known < 1:
            return
        self.idle_known = now
        free = min(self.slots - len(state.running), int(self.ray.available_resources().get("CPU", 0) // self.threads))
        self.idle = self.idle + 1 if free > 0 else 0
        if self.idle < 2:  # only for a moment, perhaps
            return
        for task in list(state.running.values()):
            expected = self.expected(task.segment)
            alone = sum(1 for other in state.running.values() if other.segment == task.segment) == 1
            if free <= 0 or expected is None:
                return
            if alone and task.begun and now - task.begun > SLOW * expected + 1:
                self.say({"note": f"segment {task.segment} takes long: it is started again"}, b"")
                self.submit(task.segment)
                free -= 1

    def take_results(self) -> None:
        state = self.state
        if not state.running:
            time.sleep(0.02)
            return
        ready, _ = self.ray.wait(list(state.running), num_returns=1, timeout=0.1, fetch_local=True)
        for reference in ready:
            segment = state.running.pop(reference).segment
            others = segment in state.good or segment in state.unchecked
            try:
                said = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                if not others:
                    self.again(segment, cause_of(error))
                continue
            except self.ray.exceptions.RayError as error:  # its process or its node is gone
                if not others:
                    self.state.lost[segment] = self.state.lost.get(segment, 0) + 1
                    if self.state.lost[segment] > MOST_LOST:
                        raise Failed(f"segment {segment}: lost {MOST_LOST} times: {cause_of(error)}") from None
                    self.wait_again(segment)
                continue
            if others:
                continue  # started twice: the other one was faster
            if not is_result(said, segment):
                self.again(segment, "a worker gave none of this program's results")
            elif "error" in said:
                if said["code"] in ("malformed-job", "unfit-elf", "malformed-elf"):
                    raise Failed(f"{said['worker']}: {said['error']}", said["code"])
                self.again(segment, f"{said['worker']}: {said['error']}", said["node"])
            elif _cluster_worker.digest(said["part"]) != said["digest"]:
                self.again(segment, f"{said['worker']}: its part has changed on the way", said["node"])
            else:
                self.state.unchecked[segment] = said["node"]
                self.state.pace.append(said["seconds"] / self.state.cells[segment])
                self.say({"segment": segment, "bytes": len(said["part"]), "worker": said["worker"],
                          "seconds": said["seconds"]}, said["part"])

    def again(self, segment: int, why: str, node: str = "") -> None:
        state = self.state
        state.tries[segment] = state.tries.get(segment, 0) + 1
        if node:
            state.failed_on.setdefault(segment, set()).add(node)
        if state.tries[segment] >= MOST_TRIES:
            raise Failed(f"segment {segment}: {why} (tried {MOST_TRIES} times)")
        self.say({"note": f"segment {segment}: {why}: proven again"}, b"")
        self.wait_again(segment)

    def wait_again(self, segment: int) -> None:
        if not any(task.segment == segment for task in self.state.running.values()):
            self.state.left.append(segment)

    def hear(self) -> bool:
        """What became of parts; False at the end of the lines."""
        state = self.state
        while True:
            try:
                line = self.told.get_nowait()
            except queue.Empty:
                return True
            if line is None:
                return False
            if "good" in line:
                segment = line["good"]
                state.good.add(segment)
                state.unchecked.pop(segment, None)
                for reference, task in list(state.running.items()):
                    if task.segment == segment:  # the slower one of two
                        self.ray.cancel(reference, force=True)
                        state.running.pop(reference)
            else:
                node = state.unchecked.pop(line["bad"], "")
                state.bad_nodes |= {node} if node else set()
                self.again(line["bad"], line["why"])
            for dropped in line.get("dropped", ()):
                state.good.discard(dropped)
                self.again(dropped, "its memory is not what its neighbours have")

    def fraction(self) -> float:
        state = self.state
        now, cells = time.monotonic(), float(sum(state.cells[i] for i in state.good))
        for segment in {task.segment for task in state.running.values()} - state.good:
            expected = self.expected(segment)
            begun = [task.begun for task in state.running.values() if task.segment == segment and task.begun]
            if expected and begun:
                cells += state.cells[segment] * min(0.95, (now - min(begun)) / expected)
        return cells / max(1, sum(state.cells))


def cause_of(error: BaseException) -> str:
    """In a line: what went wrong, and not where in Ray."""
    cause = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[-1] if cause is not error and lines else lines[0] if lines else 'no message'}"


def is_result(said: Any, segment: int) -> bool:
    """Of prove_part, in types that can be told on."""
    if not isinstance(said, dict) or type(said.get("segment")) is not int or said["segment"] != segment:
        return False
    texts = ("worker", "node", "error", "code") if "error" in said else ("worker", "node", "digest")
    if not all(type(said.get(key)) is str and len(said[key]) < 2000 for key in texts):
        return False
    return "error" in said or (type(said.get("part")) is bytes and type(said.get("seconds")) is float
                               and 0 < said["seconds"] < 1e9)


def _listen(stream: BinaryIO, told: queue.Queue[dict[str, Any] | None]) -> None:
    try:
        for line in stream:
            told.put(json.loads(line))
    finally:
        told.put(None)


def main(task: Callable[..., dict[str, Any]] = _cluster_worker.prove_part) -> None:
    """`python -m zkvm._cluster_driver`."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: Ray ends what belongs to a driver that is gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process hears it, and closes standard input
    out = os.fdopen(os.dup(1), "wb")
    # Ray's processes tell all drivers of each other's ends, at length. What matters comes by say(); Ray has the rest in its
    # logs.
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)

    def say(said: dict[str, Any], part: bytes) -> None:
        said = {key: value[:2000] if isinstance(value, str) else value for key, value in said.items()}
        out.write(json.dumps(said).encode() + b"\n" + part)
        out.flush()

    lines = sys.stdin.buffer
    settings = json.loads(lines.readline() or b"null")
    if settings is None:
        return
    if settings["address"] == "local":  # for this machine alone
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray: Any = None
    try:
        try:
            ray = importlib.import_module("ray")  # typed in part
        except ImportError as error:
            raise Failed(f"no Ray in this Python ({error}): pip install 'zkvm[cluster]'") from None
        connect(ray, settings, say)
        warm = [ray.remote(_cluster_worker.warm).options(num_cpus=settings["threads"]).remote()
                for _ in range(int(ray.cluster_resources().get("CPU", 0) // settings["threads"]))]
        head = json.loads(lines.readline() or b"null")
        job = lines.read(head["job"]) if head else b""
        if not head or len(job) != head["job"]:
            return
        told: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=_listen, args=(lines, told), daemon=True).start()
        driver = Driver(ray, {**settings, **head}, job, say, told, task)
        del warm
        driver.run()
    except Failed as error:
        say({"error": str(error), "code": error.code}, b"")
    except BrokenPipeError:
        pass  # nobody waits for it any more
    except Exception as error:
        say({"error": f"the driver: {cause_of(error)}", "code": "cluster"}, b"")
    finally:
        if ray is not None:
            ray.shutdown()


def connect(ray: Any, settings: dict[str, Any], say: Callable[[dict[str, Any], bytes], None]) -> None:
    def give_up() -> None:
        say({"error": f"no Ray cluster at {settings['address']!r}: no answer in {MOST_SECONDS_TO_CONNECT} s",
             "code": "cluster"}, b"")
        os._exit(1)

    # What has a port is asked here first.
    where = re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d{1,5})", settings["address"])
    if where:
        try:
            socket.create_connection((where[1], int(where[2])), 10).close()
        except (OSError, OverflowError) as error:
            raise Failed(f"no Ray cluster at {settings['address']!r}: {error}") from None
    late = threading.Timer(MOST_SECONDS_TO_CONNECT, give_up)  # Ray asks an address where nothing is for minutes
    late.daemon = True
    late.start()
    try:
        ray.init(address=settings["address"], log_to_driver=False, logging_level=logging.ERROR, namespace="zkvm",
                 runtime_env={"py_modules": [settings["wheel"]]} if settings["wheel"] else None,
                 **({"_node_ip_address": "127.0.0.1"} if settings["address"] == "local" else {}))
    except (ConnectionError, ValueError, RuntimeError) as error:
        token = "" if os.environ.get("RAY_AUTH_MODE") else " (does it ask for a token? RAY_AUTH_MODE=token)"
        raise Failed(f"no Ray cluster at {settings['address']!r}: {cause_of(error)}{token}") from None
    finally:
        late.cancel()


if __name__ == "__main__":
    from zkvm import _cluster_driver  # the module that workers know, not __main__

    _cluster_driver.main()
