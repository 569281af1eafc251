"""Proofs in parts: what `zkvm plan`, `zkvm prove-segment` and `zkvm assemble` do, for whoever shares out work.

    job = zkvm.jobs.plan(model, x)          # bytes, secret: who has them can read x
    part = zkvm.jobs.Job(job).prove(3)      # anywhere, in any order; whoever proves it again gets the same bytes
    whole = zkvm.jobs.Job(job)              # where they come together
    whole.add(part)                         # each is verified alone
    receipt = whole.assemble()

`zkvm.cluster` does it on Ray.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from . import _native
from .inputs import Input
from .proving import Progress, Receipt, planning
from .receipts import BytesLike, to_bytes
from .running import MAX_CYCLES, Console, Trapped, callback, count, run_of, write_console

if TYPE_CHECKING:
    from .model import Model, Source


@dataclass(frozen=True)
class Segment:
    """What a segment takes."""

    cycles: int  #: instructions
    cells: int  #: committed: the time of its proof is about in proportion
    memory: int  #: bytes of a process that proves it, at its peak


def plan(guest: Model | Source, x: Input = b"", *, progress: Callable[[Progress], object] | None = None, rate: str = "auto",
         security_bits: float = 128, regime: str = "johnson", segment_cycles: int = 0, memory_limit: int | str | None = None,
         max_cycles: int = MAX_CYCLES, console: Console | None = write_console) -> bytes:
    """Executes a guest, and gives the job from which its proof is made in parts, on any machine with this very build of zkvm.
    It is secret: it has `x`, and the secret that masks come from. Arguments and exceptions are those of `zkvm.prove`."""
    model, _, planned = planning(guest, x, progress or False, rate, security_bits, regime, segment_cycles, memory_limit,
                                 max_cycles, console)
    told = _native.plan(**planned)
    run = run_of(model, told["run"])
    if run.trap:
        raise Trapped(run.trap)
    job: bytes = told["job"]
    return job


class Job:
    """A job that is open: one process may prove parts of it and put them together, one thread at a time.

    Raises:
        Error: "malformed-job": these bytes are none, or of another build of zkvm.
    """

    def __init__(self, job: BytesLike) -> None:
        self._job = _native.Job(to_bytes(job, "job"))
        #: What each segment takes.
        self.segments = tuple(Segment(*segment) for segment in self._job.segments())

    @property
    def image_id(self) -> str:
        return self._job.image_id().hex()

    @property
    def missing(self) -> list[int]:
        """Segments whose parts have not been added."""
        return self._job.missing()

    def prove(self, segment: int, *, threads: int = 0, progress: Callable[[float, str], object] | None = None) -> bytes:
        """Executes up to the segment, and proves it. The part tells no more than the receipt.

        Args:
            threads: at most so many; 0: one for each core.
            progress: called now and then with the part of the work that is done, 0 .. 1, and what comes next.
        """
        number = count("segment", segment)
        if number >= len(self.segments):
            raise IndexError(f"segment: expected one below {len(self.segments)}, found {number}")
        return self._job.prove(number, count("threads", threads, 0, 2**32 - 1), callback("progress", progress))

    def add(self, part: BytesLike) -> tuple[int, list[int]]:
        """Verifies a part alone: which segment it proves, and which parts that had been added have now turned out false, by
        roots of memory, and are missing again.

        Raises:
            Error: "invalid-segment": it is of another job, or false.
        """
        segment, dropped = self._job.add(to_bytes(part, "part"))
        return segment, dropped

    def assemble(self) -> Receipt:
        """The receipt, which is verified before it is returned."""
        return Receipt(self._job.assemble())
