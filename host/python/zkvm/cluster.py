"""Proofs on a Ray cluster: each segment is a task of Ray's, on whatever node has a core and memory for it.

    receipt = zkvm.cluster.prove(model, x, address="auto")
    python -m zkvm.cluster prove model.elf --input x.bin -o receipt.zkr      # the same
    python -m zkvm.cluster serve model.elf                                   # POST an input, get a receipt

It wants the extra of the package, `pip install 'zkvm[cluster]'`, here and on all nodes, with this very build of zkvm.

Whom one trusts: workers see `x`, and the secret that masks come from. They need not be trusted to prove truly: every part is
verified as it comes, and the receipt as a whole, by this process. It takes no part in the cluster, because Ray's messages are
pickles: who can send them can run code in whoever reads them. That one is a process of its own, the driver, from which this
one takes bytes alone. host/python/cluster.md says more.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Callable, Iterator, NoReturn

from .inputs import Input
from .proving import RATES, Elsewhere, Hear, Progress, Receipt, prove_elsewhere
from .receipts import Error
from .running import MAX_CYCLES, Console, Trapped, count, write_console

if TYPE_CHECKING:
    from .model import Model, Source

MOST_DRIVERS = 3  # that may die, one after another
MOST_SECONDS_TO_END = 10  # of a driver that is told to
MOST_SECONDS_OF_SILENCE = 120  # of one that speaks twice a second, once it has connected
MOST_LINES_UNREAD = 10_000
MOST_LINE_BYTES = 1 << 16
MOST_FALSE = 100  # parts, and two for each segment
_MOST_PART_BYTES = 1 << 30


def print_note(text: str) -> None:
    print(f"zkvm.cluster: {text}", file=sys.stderr, flush=True)


class _Cluster:
    """What `zkvm.prove` calls to have segments proven elsewhere. The driver starts at once: it connects while the guest is
    executed."""

    def __init__(self, settings: dict[str, Any], note: Callable[[str], object], driver: list[str] | None) -> None:
        self.hear: Hear | None = None
        self.note = note
        self.settings = json.dumps(settings).encode() + b"\n"
        self.command = driver or [sys.executable, "-m", "zkvm._cluster_driver"]
        self.driver: _Driver | None = None
        self.done: list[_Driver] = []  # that have nothing more to do than to leave the cluster

    def __enter__(self) -> _Cluster:
        self.driver = _Driver(self.command, self.settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for driver in self.done:
            driver.end()
        if self.driver:
            # One that has failed, or says nonsense, is not waited for.
            self.driver.end(1 if kind and issubclass(kind, Error) else MOST_SECONDS_TO_END)

    def elsewhere(self, hear: Hear | None) -> Elsewhere:
        self.hear = hear
        return self._prove

    def _prove(self, job: bytes, segments: list[tuple[int, int, int]], missing: Callable[[], list[int]],
               add: Callable[[bytes], tuple[int, list[int]]]) -> bool:
        self.cycles, self.segments = sum(segment[0] for segment in segments), len(segments)
        for drivers in range(1, MOST_DRIVERS + 1):
            driver = self.driver or _Driver(self.command, self.settings)
            self.driver = driver
            head = {"job": len(job), "segments": segments, "missing": missing()}
            driver.give(head, job)
            self._take(driver, missing, add)
            if not missing():
                driver.finish()  # it takes a second to leave the cluster: meanwhile the receipt is made
                self.done.append(driver)
                self.driver = None
                return True
            status = driver.end()
            self.driver = None
            self.note(f"the driver has ended ({status}), {len(missing())} of {self.segments} segments are missing"
                      + ("" if drivers == MOST_DRIVERS else ": a new one is started"))
        raise Error("cluster", f"the process that shares out work has ended {MOST_DRIVERS} times")

    def _take(self, driver: _Driver, missing: Callable[[], list[int]], add: Callable[[bytes], tuple[int, list[int]]]) -> None:
        false_ones = 0
        for said, part in driver.frames():
            if "segment" in said:
                segment, worker = int(_number(said, "segment", self.segments - 1)), _text(said, "worker")
                dropped: list[int] = []
                try:
                    found, dropped = add(part)
                    if found != segment:  # true, but no answer
                        raise Error("invalid-segment", f"segment {segment}: the part is segment {found}'s")
                except Error as error:
                    if error.code != "invalid-segment":
                        raise
                    false_ones += 1
                    if false_ones > MOST_FALSE + 2 * self.segments:
                        raise Error("cluster", f"{false_ones} false parts: the last one of {worker}") from None
                    self.note(f"{worker}: a false part: {error}")
                    driver.line({"bad": segment, "why": str(error), "dropped": dropped})
                else:
                    driver.line({"good": segment, "dropped": dropped})
                if not missing():
                    return
            elif "fraction" in said:
                done, fraction = int(_number(said, "done", self.segments)), _number(said, "fraction", 1e9)
                if self.hear:
                    self.hear(Progress(min(1.0, fraction), min(done, self.segments - 1), self.segments, self.cycles, "segments"))
            elif "note" in said:
                self.note(_text(said, "note"))
            else:
                raise Error(_text(said, "code"), _text(said, "error"))


class _Driver:
    """The process; it is gone after end(), with all that it has started. Nothing that it does, or does not do, keeps this one
    from going on."""

    def __init__(self, command: list[str], settings: bytes) -> None:
        # In a session of its own: a terminal's Ctrl-C is for this process, which then ends that one.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdin and self.process.stdout
        self.pipe: IO[bytes] = self.process.stdin
        self.out: IO[bytes] = self.process.stdout
        self.said: queue.Queue[bytes | None] = queue.Queue(MOST_LINES_UNREAD)
        self.given = False  # a job
        self.waiting: float | None = None  # for its next word, since when
        for target in (self._write, self._watch):
            threading.Thread(target=target, daemon=True).start()
        self.say(settings)

    def _write(self) -> None:
        """By a thread, as the driver may be slow to read."""
        try:
            for data in iter(self.said.get, None):
                self.pipe.write(data)
                self.pipe.flush()
        except (OSError, ValueError):
            pass  # its end is seen where it is read
        finally:
            try:
                self.pipe.close()
            except OSError:
                pass

    def _watch(self) -> None:
        while self.process.poll() is None:
            since = self.waiting
            if since is not None and time.monotonic() - since > MOST_SECONDS_OF_SILENCE:
                self.process.kill()
            time.sleep(1)

    def say(self, data: bytes) -> None:
        try:
            self.said.put_nowait(data)
        except queue.Full:
            raise Error("cluster", "the driver does not read what it is told") from None

    def line(self, said: dict[str, Any]) -> None:
        self.say(json.dumps(said).encode() + b"\n")

    def give(self, head: dict[str, Any], job: bytes) -> None:
        self.line(head)
        self.say(job)
        self.given = True

    def frames(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Lines of JSON, each with the bytes behind it; they end with the process, wherever it was."""
        while True:
            self.waiting = time.monotonic()
            line = self.out.readline(MOST_LINE_BYTES)
            if not line.endswith(b"\n"):
                break
            try:
                said = json.loads(line)
                size = count("bytes", said.get("bytes", 0), 0, _MOST_PART_BYTES)
            except (ValueError, AttributeError, TypeError, RecursionError):
                raise _nonsense() from None
            part = self.out.read(size)
            if len(part) < size:
                break
            self.waiting = None
            yield said, part
        self.waiting = None

    def finish(self) -> None:
        """The end of its standard input tells it to cancel what runs, and to end; and it may be writing."""
        try:
            self.said.put_nowait(None)
        except queue.Full:
            self.process.kill()
        self.out.close()

    def end(self, seconds: float = MOST_SECONDS_TO_END) -> int:
        """Within so many seconds."""
        try:
            self.finish()
            self.process.wait(seconds if self.given else 1)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.process.kill()  # also where Ctrl-C comes once more
            self.process.wait()
        return self.process.returncode


def _nonsense() -> Error:
    return Error("cluster", "the driver said what none of this program says")


def _text(said: dict[str, Any], key: str) -> str:
    """To be shown: one line without control characters, whoever wrote it."""
    value = said.get(key)
    if not isinstance(value, str):
        raise _nonsense()
    return "".join(c if c.isprintable() else "?" for c in value[:500])


def _number(said: dict[str, Any], key: str, most: float) -> float:
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise _nonsense()
    return value


def _named_by_content(wheel: str | os.PathLike[str] | None, folder: str) -> str | None:
    """A copy of the wheel, with a hash in its name: nodes that have one of a name do not ask for it again."""
    if wheel is None:
        return None
    path = pathlib.Path(wheel)
    parts = path.name.split("-")
    if path.suffix != ".whl" or len(parts) not in (5, 6):
        raise ValueError(f"wheel: expected NAME-VERSION-PYTHON-ABI-PLATFORM.whl, found '{path.name}'")
    build = "0h" + hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return str(shutil.copy(path, pathlib.Path(folder, "-".join([*parts[:2], build, *parts[-3:]]))))


def prove(guest: Model | Source, x: Input = b"", *, address: str = "auto", threads: int = 1,
          progress: bool | Callable[[Progress], object] = False, rate: str = "auto", security_bits: float = 128,
          regime: str = "johnson", segment_cycles: int = 0, memory_limit: int | str | None = None,
          resume: str | os.PathLike[str] | None = None, max_cycles: int = MAX_CYCLES, console: Console | None = write_console,
          wheel: str | os.PathLike[str] | None = None, wait: float = 600, note: Callable[[str], object] = print_note,
          _driver: list[str] | None = None) -> Receipt:
    """`zkvm.prove`, on a Ray cluster. It executes here, and has segments proven there: the longest first, each with its core
    and its memory; those whose node is lost are proven again by others, those that take much longer than the rest, too, where
    cores idle. Every part is verified here when it comes, and the receipt as a whole. Ctrl-C ends it, and what runs there.

    Args:
        address: of the cluster: "auto" is the one that this machine is a node of (or $RAY_ADDRESS), "local" a new one of this
            machine alone, "ray://HOST:10001" one that is elsewhere.
        threads: cores of each segment's proof.
        memory_limit: of each segment's proof: bytes, or "6G"; None: half of what this machine has.
        resume: a folder that keeps the job and the parts that have come, for the same call to go on with.
        wheel: a wheel of this package, which Ray gives to nodes that do not have it.
        wait: so many seconds for a node that can prove a segment.
        note: hears what goes wrong on the way, in lines; by default they are printed to standard error.

    Raises:
        Error: "cluster": there is none, no node has the memory, or a segment failed again and again; "malformed-job": a node
            has another build of zkvm. All others are those of `zkvm.prove`.
    """
    if not 0 <= wait < float("inf"):
        raise ValueError(f"wait: expected seconds, found {wait!r}")
    settings = {"address": address, "threads": count("threads", threads, 1, 1024), "wait": float(wait)}
    with tempfile.TemporaryDirectory(prefix="zkvm-wheel-") as folder, \
            _Cluster({**settings, "wheel": _named_by_content(wheel, folder)}, note, _driver) as cluster:
        return prove_elsewhere(cluster.elsewhere, guest, x, progress=progress, rate=rate, security_bits=security_bits,
                               regime=regime, segment_cycles=segment_cycles, memory_limit=memory_limit, threads=0,
                               resume=resume, max_cycles=max_cycles, console=console)


# ------------------------------------------------------------------------------------------------- the command line


def _prove_command(options: argparse.Namespace) -> int:
    from .model import Model

    model = Model(options.elf)
    x = pathlib.Path(options.input).read_bytes() if options.input else b""
    receipt = prove(model, x, address=options.address, threads=options.threads, rate=options.rate,
                    security_bits=options.security, regime=options.regime, segment_cycles=options.segment_cycles,
                    memory_limit=options.memory_limit, resume=options.resume, wheel=options.wheel, wait=options.wait,
                    progress=sys.stderr.isatty())
    receipt.save(options.output)
    if options.resume:
        for file in sorted(pathlib.Path(options.resume).iterdir()):  # the secret first
            if file.name == "job" or file.match("job.*.partial") or file.match("segment-*"):
                file.unlink()
    report = receipt.report
    assert report
    if options.json:
        print(json.dumps({"receipt": options.output, "receipt_bytes": len(receipt), "exit_code": report.run.exit_code,
                          "cycles": report.run.cycles, "seconds": report.seconds, "segments": report.segments,
                          "resumed_segments": report.resumed, "image_id": report.image_id,
                          "security_bits": report.security_bits, "regime": report.regime,
                          "journal": report.run.journal.hex()}))
    else:
        print(f"{options.output}: {len(receipt):,} bytes, {report.segments} segments, exit {report.run.exit_code} after "
              f"{report.run.cycles:,} cycles, proven in {report.seconds:.1f} s, verified in {report.verify_seconds:.2f} s",
              file=sys.stderr)
    return 0 if report.run.exit_code == 0 else 1


def _serve_command(options: argparse.Namespace) -> int:
    from ._cluster_service import serve_command

    return serve_command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m zkvm.cluster", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (("prove", _prove_command, "execute a guest here, prove it on a cluster, write the receipt"),
                            ("serve", _serve_command, "a service on Ray Serve: POST an input, get a receipt")):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("elf", help="the guest")
        command.add_argument("--address", default="auto", help="of the cluster: auto, local, or ray://HOST:10001")
        command.add_argument("--threads", type=int, default=1, help="cores of each segment's proof (1)")
        command.add_argument("--rate", choices=RATES, default="auto", help="of the code")
        command.add_argument("--security", type=float, default=128, help="bits (128)")
        command.add_argument("--regime", choices=("johnson", "unique"), default="johnson")
        command.add_argument("--segment-cycles", type=int, default=0, help="the most instructions of a segment")
        command.add_argument("--memory-limit", help="of each segment's proof: 6G (half of what this machine has)")
        if name == "prove":
            command.add_argument("--wheel", help="of this package, for nodes that do not have it")
        command.add_argument("--wait", type=float, default=600, help="seconds for a node with enough memory (600)")
        if name == "prove":
            command.add_argument("-i", "--input", help="the file that the guest reads")
            command.add_argument("-o", "--output", required=True, help="the receipt")
            command.add_argument("--resume", help="a folder that keeps the job and parts; it is secret until the end")
            command.add_argument("--json", action="store_true", help="one JSON object on standard output")
        else:
            command.add_argument("--host", default="127.0.0.1")
            command.add_argument("--port", type=int, default=8000)
            command.add_argument("--proofs", type=int, default=2, help="at a time (2)")
            command.add_argument("--queue", type=int, default=8, help="requests that wait; more get 503 (8)")
            command.add_argument("--max-input", type=int, default=16 << 20, help="bytes; longer ones get 413 (16 MiB)")
    return parser


def main() -> NoReturn:
    options = _parser().parse_args()
    try:
        status: int = options.run(options)
    except Trapped as error:
        print_note(str(error))
        status = 1
    except (Error, MemoryError, ValueError, OSError) as error:
        print_note(str(error))
        status = 2
    except KeyboardInterrupt:
        print_note("interrupted" + (f": finished segments are in '{options.resume}'" if getattr(options, "resume", None) else ""))
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
