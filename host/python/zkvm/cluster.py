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
import json
import os
import pathlib
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Callable, Iterator, NoReturn

from .inputs import Input
from .proving import RATES, Elsewhere, Hear, Progress, Receipt, prove_elsewhere
from .receipts import Error
from .running import MAX_CYCLES, Console, Trapped, count, write_console

if TYPE_CHECKING:
    from .model import Model, Source

MOST_DRIVERS = 3  # that may die, one after another
MOST_SECONDS_TO_END = 20  # of a driver that is told to
_MOST_PART_BYTES = 1 << 30


def _note(text: str) -> None:
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

    def __enter__(self) -> _Cluster:
        self.driver = _Driver(self.command, self.settings)
        return self

    def __exit__(self, *_: object) -> None:
        if self.driver:
            self.driver.end()

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
            driver.writer.write(json.dumps(head).encode() + b"\n" + job)
            self._take(driver.out, driver.writer, missing, add)
            status = driver.end()
            self.driver = None
            if not missing():
                return True
            self.note(f"the driver has ended ({status}), {len(missing())} of {self.segments} segments are missing"
                      + ("" if drivers == MOST_DRIVERS else ": a new one is started"))
        raise Error("cluster", f"the process that shares out work has ended {MOST_DRIVERS} times")

    def _take(self, out: IO[bytes], writer: _Writer, missing: Callable[[], list[int]],
              add: Callable[[bytes], tuple[int, list[int]]]) -> None:
        for said, part in _frames(out):
            if "segment" in said:
                segment = said["segment"]
                try:
                    found, dropped = add(part)
                    if found != segment:  # true, but no answer
                        raise Error("invalid-segment", f"segment {segment}: the part is segment {found}'s")
                except Error as error:
                    if error.code != "invalid-segment":
                        raise
                    self.note(f"{said['worker']}: a false part: {error}")
                    writer.line({"bad": segment, "why": str(error)})
                    continue
                writer.line({"good": segment, "dropped": dropped})
                if not missing():
                    return
            elif "fraction" in said:
                if self.hear:
                    done = min(int(said["done"]), self.segments - 1)
                    self.hear(Progress(min(1.0, float(said["fraction"])), done, self.segments, self.cycles, "segments"))
            elif "note" in said:
                self.note(str(said["note"]))
            else:
                raise Error(str(said["code"]), str(said["error"]))


class _Writer:
    """Writes to a pipe whose reader may be slow, or gone."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []

    def write(self, data: bytes) -> None:
        thread = threading.Thread(target=self._write, args=(data, self.threads[-1] if self.threads else None), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _write(self, data: bytes, after: threading.Thread | None) -> None:
        if after:
            after.join()
        try:
            self.pipe.write(data)
            self.pipe.flush()
        except (OSError, ValueError):
            pass  # its end is seen where it is read

    def line(self, said: dict[str, Any]) -> None:
        self.write(json.dumps(said).encode() + b"\n")

    def close(self) -> None:
        try:
            self.pipe.close()
        except OSError:
            pass


class _Driver:
    """The process; it is gone after end(), with all that it has started."""

    def __init__(self, command: list[str], settings: bytes) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin and self.process.stdout
        self.out: IO[bytes] = self.process.stdout
        # Threads, as the driver reads while it starts, and writes what it has to say.
        self.writer = _Writer(self.process.stdin)
        self.writer.write(settings)

    def end(self) -> int:
        self.writer.close()  # it cancels what runs, and ends
        try:
            self.process.wait(MOST_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.process.kill()  # also where Ctrl-C comes once more
            self.process.wait()
            self.out.close()
        return self.process.returncode


def _frames(stream: IO[bytes]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Lines of JSON, each with the bytes behind it; they end with the process, wherever it was."""
    while True:
        line = stream.readline(1 << 16)
        if not line.endswith(b"\n"):
            return
        try:
            said = json.loads(line)
            size = count("bytes", said.get("bytes", 0), 0, _MOST_PART_BYTES)
        except (ValueError, AttributeError, TypeError):
            raise Error("cluster", "the driver said what none of this program says") from None
        part = stream.read(size)
        if len(part) < size:
            return
        yield said, part


def prove(guest: Model | Source, x: Input = b"", *, address: str = "auto", threads: int = 1,
          progress: bool | Callable[[Progress], object] = False, rate: str = "auto", security_bits: float = 128,
          regime: str = "johnson", segment_cycles: int = 0, memory_limit: int | str | None = None,
          resume: str | os.PathLike[str] | None = None, max_cycles: int = MAX_CYCLES, console: Console | None = write_console,
          wheel: str | os.PathLike[str] | None = None, wait: float = 600, note: Callable[[str], object] = _note,
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
    settings = {"address": address, "threads": count("threads", threads, 1, 1024), "wait": float(wait),
                "wheel": None if wheel is None else str(pathlib.Path(wheel).resolve(strict=True))}

    with _Cluster(settings, note, _driver) as cluster:
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
        _note(str(error))
        status = 1
    except (Error, MemoryError, ValueError, OSError) as error:
        _note(str(error))
        status = 2
    except KeyboardInterrupt:
        _note("interrupted" + (f": finished segments are in '{options.resume}'" if getattr(options, "resume", None) else ""))
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
