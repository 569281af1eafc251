"""Proofs of a guest's run."""

from __future__ import annotations

import math
import os
import pathlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from . import _native
from .inputs import Input
from .receipts import BytesLike, journal_text, table
from .running import MAX_CYCLES, Console, Run, Trapped, callback, count, guest_of, run_of, write_console

if TYPE_CHECKING:
    from .model import Model, Source

RATES = ("auto", "1/2", "1/4", "1/8", "smallest", "fastest")


@dataclass(frozen=True)
class Progress:
    """How far a proof is."""

    fraction: float  #: of the whole work, 0 .. 1
    segment: int  #: the one that is being proven, from 0
    segments: int  #: 0 as long as that is not known
    cycles: int  #: of the execution
    stage: str  #: what comes next: "LDE of main"


@dataclass(frozen=True)
class Report:
    """What a proof took."""

    image_id: str
    run: Run
    seconds: float  #: of execution and proof
    verify_seconds: float  #: of the check of what it made
    peak_memory: int  #: resident bytes of this process so far
    segments: int
    resumed: int  #: segments that were found in the folder of `resume`
    rate: str  #: of the code: "1/4"
    security_bits: float
    regime: str
    stages: tuple[tuple[str, float], ...]  #: name, seconds
    chips: tuple[tuple[str, int, int, int], ...]  #: name, rows, rows with padding, cells; most cells first


@dataclass(frozen=True)
class Receipt:
    """A receipt: bytes that prove a run, for `Model.verify`, `zkvm.verify` and everybody else's verifier. It is what
    `bytes(receipt)` gives; no more of it is proven than what these say of them.

    Attributes:
        report: what the proof took, and the run: more than others should know; None of a receipt from elsewhere. It is not
            pickled.
    """

    data: bytes = field(repr=False)
    report: Report | None = field(default=None, compare=False, repr=False)

    def __bytes__(self) -> bytes:
        return self.data

    def __len__(self) -> int:
        return len(self.data)

    def __reduce__(self) -> tuple[type[Receipt], tuple[bytes]]:
        return Receipt, (self.data,)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file as a whole or not at all."""
        target = pathlib.Path(path)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with open(beside, "xb") as file:
                file.write(self.data)
            os.replace(beside, target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Receipt:
        return Receipt(pathlib.Path(path).read_bytes())

    def __repr__(self) -> str:
        return f"Receipt({len(self.data):,} bytes)"

    def _repr_html_(self) -> str:
        rows = [("size", f"{len(self.data):,} bytes")]
        if self.report:
            of = self.report
            rows += [("program", of.image_id), ("exit code", str(of.run.exit_code)), ("journal", journal_text(of.run.journal)),
                     ("cycles", f"{of.run.cycles:,}"), ("security", f"{of.security_bits:.1f} bits, proven: {of.regime}"),
                     ("proven in", f"{of.seconds:.2f} s"), ("verified in", f"{1000 * of.verify_seconds:.1f} ms"),
                     ("rate", of.rate)]
        return table("A receipt", rows)


def _size(limit: int | str | None) -> int:
    """Bytes of 512M, 6G."""
    if limit is None:
        return 0
    if not isinstance(limit, str):
        return count("memory_limit", limit, 1)
    units = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    number, unit = (limit, "") if limit[-1:].isdecimal() else (limit[:-1], limit[-1:].upper())
    if not (number.isascii() and number.isdecimal()) or unit not in units:
        raise ValueError(f"memory_limit: expected a size as 512M or 6G, found {limit!r}")
    return count("memory_limit", int(number) * units[unit], 1)


def _folder(path: str | os.PathLike[str] | None) -> bytes:
    name = b"" if path is None else os.fsencode(path)
    if b"\0" in name:
        raise ValueError("resume: expected a folder's name, found one with a zero in it")
    return name


class _Bar:
    """tqdm's, in the terminal or in a notebook; closed however the proof ends."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped, unused-ignore]

        self.bar = tqdm(total=1.0, desc="proving", bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}")

    def __call__(self, at: Progress) -> None:
        self.bar.set_postfix_str(at.stage if at.segments < 2 else f"{at.segment + 1} of {at.segments}: {at.stage}", False)
        self.bar.update(max(0.0, at.fraction - self.bar.n))

    def fill(self) -> None:
        self.bar.set_postfix_str("", False)
        self.bar.update(1.0 - self.bar.n)


Hear = Callable[[Progress], object]
#: Proves segments elsewhere: elsewhere(job, segments, missing, add), as `ProveOptions::elsewhere` of host/zkvm.h says.
Elsewhere = Callable[[bytes, "list[tuple[int, int, int]]", Callable[[], "list[int]"],
                      Callable[[bytes], "tuple[int, list[int]]"]], bool]


def planning(guest: Model | Source, x: Input, progress: bool | Callable[[Progress], object], rate: str, security_bits: float,
             regime: str, segment_cycles: int, memory_limit: int | str | None, max_cycles: int, console: Console | None) -> tuple[Model, Hear | None, dict[str, Any]]:
    """What a proof and a plan share, checked: the guest, who hears of progress, and arguments of the native functions."""
    if rate not in RATES:
        raise ValueError(f"rate: expected one of {', '.join(RATES)}, found {rate!r}")
    if regime not in ("unique", "johnson"):
        raise ValueError(f"regime: expected unique or johnson, found {regime!r}")
    if not 1 <= security_bits < math.inf:
        raise ValueError(f"security_bits: expected at least 1, found {security_bits!r}")
    model = guest_of(guest)
    hear: Hear | None = callback("progress", None if progress is False else _Bar() if progress is True else progress)
    return model, hear, {
        "elf": model.elf, "input": model.encode(x), "security_bits": security_bits, "unique": regime == "unique", "rate": rate,
        "segment_cycles": count("segment_cycles", segment_cycles), "memory_limit": _size(memory_limit),
        "max_cycles": count("max_cycles", max_cycles, 1), "console": callback("console", console),
        "progress": None if hear is None else lambda *at: hear(Progress(*at))}


def prove(guest: Model | Source, x: Input = b"", *, progress: bool | Callable[[Progress], object] = False,
          rate: str = "auto", security_bits: float = 128, regime: str = "johnson", segment_cycles: int = 0,
          memory_limit: int | str | None = None, threads: int = 0, resume: str | os.PathLike[str] | None = None,
          max_cycles: int = MAX_CYCLES, console: Console | None = write_console) -> Receipt:
    """Executes a guest and proves that it ended as it did. The receipt says what the guest committed and its exit code, which
    need not be 0. It is verified before it is returned. Other Python threads run meanwhile, and may prove, too. Ctrl-C ends it
    between two stages of the proof.

    Args:
        guest: a `Model`, or an ELF file, its name or its bytes.
        x: what it reads, which stays private: as `Model.encode` takes it. Arrays of floats are quantised as the model says.
        progress: True: tqdm's bar; or what is called now and then with a `Progress`. Its exceptions end the proof.
        rate: of the code, "1/2", "1/4", "1/8": lower ones make shorter receipts and take longer; "smallest" and "fastest"
            choose all that there is to choose for bytes or for seconds; "auto": 1/4 where that pays.
        security_bits: the least proven security of the receipt.
        regime: the widest that it may be proven in: "johnson", or "unique" (decoding), with longer receipts.
        segment_cycles: prove at most so many instructions at a time; 0: as many as fit `memory_limit`.
        memory_limit: bytes, or "6G": segments are cut for it; None: half of what the machine has.
        threads: at most so many; 0: one for each core. Of proofs at once in one process the least counts.
        resume: a folder that keeps finished segments, so that the same call goes on where one that was ended had stopped. It
            is secret: who reads it may learn `x`. It is kept as it is afterwards.
        max_cycles, console: as `zkvm.run` has them.

    Raises:
        Trapped: the guest ended by a fault, of which there is no proof.
        InvalidGuest: the file is no guest, or one that cannot be proven at this rate.
        InvalidModel: `x` does not fit what the guest says of its inputs.
        MemoryError: it needs more memory than the limit or than there is.
        Error: "insecure", where nothing gives so many bits; "other-proof", "unreadable", "unwritable" for `resume`.
    """
    return prove_elsewhere(None, guest, x, progress=progress, rate=rate, security_bits=security_bits, regime=regime,
                           segment_cycles=segment_cycles, memory_limit=memory_limit, threads=threads, resume=resume,
                           max_cycles=max_cycles, console=console)


def prove_elsewhere(elsewhere: Callable[[Hear | None], Elsewhere] | None, guest: Model | Source, x: Input, *,
                    progress: bool | Callable[[Progress], object], rate: str, security_bits: float, regime: str,
                    segment_cycles: int, memory_limit: int | str | None, threads: int,
                    resume: str | os.PathLike[str] | None, max_cycles: int, console: Console | None) -> Receipt:
    """`prove`, whose segments another one proves: what `elsewhere` makes of the function that hears of progress."""
    model, hear, planned = planning(guest, x, progress, rate, security_bits, regime, segment_cycles, memory_limit, max_cycles,
                                    console)
    try:
        told = _native.prove(**planned, resume_folder=_folder(resume), threads=count("threads", threads, 0, 2**32 - 1),
                             elsewhere=elsewhere and elsewhere(hear))
        receipt = _receipt(model, told)
        if isinstance(hear, _Bar):
            hear.fill()
        return receipt
    finally:
        if isinstance(hear, _Bar):
            hear.bar.close()


def _receipt(model: Model, told: dict[str, Any]) -> Receipt:
    run = run_of(model, told["run"])
    if run.trap:
        raise Trapped(run.trap)
    return Receipt(told["receipt"], Report(
        model.image_id, run, told["seconds"], told["verify_seconds"], told["peak_memory"], told["segments"], told["resumed"],
        told["rate"], told["security_bits"], told["regime"], tuple(told["stages"]), tuple(told["chips"])))
