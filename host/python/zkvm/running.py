"""Executing a guest without a proof: what it does, what a proof would cost, where its cycles go."""

from __future__ import annotations

import base64
import operator
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Union

from . import _native
from .inputs import Input
from .model import Model, Outputs, Source
from .receipts import Error, InvalidModel, journal_text, read_journal, table

if TYPE_CHECKING:
    Guest = Union[Model, Source]

#: Gets what the guest writes to its standard output (1) and error (2), as it comes.
Console = Callable[[int, bytes], None]
MAX_CYCLES = 1 << 36


@dataclass(frozen=True)
class Layer:
    """A layer of a network that the guest called in the tensor unit."""

    name: str
    calls: int
    products: int  #: multiply-accumulates of a call
    weights: int  #: of a call


@dataclass(frozen=True)
class Trap:
    """A fault that ended a guest."""

    kind: str  #: a stable name: "store-access"
    pc: int
    message: str
    where: tuple[tuple[str, str, int, bool], ...]  #: function, file, line, inlined into the next; innermost first


class Trapped(Error):
    """The guest ended by a fault, of which there is no proof. `trap` has its place."""

    def __init__(self, trap: Trap):
        super().__init__("trapped", f"guest: {trap.message}")
        self.trap = trap

    def __reduce__(self) -> tuple[Any, ...]:
        return Trapped, (self.trap,)


@dataclass(frozen=True)
class Cost:
    """What a proof would take, by default and on a typical machine of two cores: an estimate."""

    seconds: float
    memory: int  #: bytes
    receipt_bytes: int
    segments: int
    cells: int


@dataclass(frozen=True)
class Run:
    """What a guest did. Nobody has to believe it: `zkvm.prove` makes a proof of it."""

    exit_code: int  #: 0 where a trap ended it
    trap: Trap | None
    cycles: int  #: instructions
    classes: dict[str, int]  #: the same by class, most frequent first
    layers: tuple[Layer, ...]
    journal: bytes  #: what the guest committed
    memory_touched: int  #: bytes
    seconds: float  #: of execution
    proof: Cost | None
    outputs: Outputs | None  #: of a guest that says what its model is and exited with 0

    def _repr_html_(self) -> str:
        rows = [("ended", f"trap: {self.trap.message}" if self.trap else f"exit {self.exit_code}"),
                ("cycles", f"{self.cycles:,}"), ("journal", journal_text(self.journal)),
                ("memory touched", f"{self.memory_touched:,} bytes")]
        if self.proof:
            rows.append(("a proof", f"about {self.proof.seconds:.2g} s, {self.proof.memory / 2**30:.2g} GiB, "
                         f"{self.proof.receipt_bytes / 1e6:.2g} MB"))
        return table("A run", rows) + (self.outputs._repr_html_() if self.outputs else "")


@dataclass(frozen=True)
class Spot:
    """Cycles of a function, or of a line of source."""

    function: str
    file: str  #: empty: unknown
    line: int  #: of a function, where it starts; 0: unknown
    self: int
    total: int  #: with all that it called


@dataclass(frozen=True)
class Profile:
    """Where a run's cycles went: every instruction, not a sample. A notebook shows the flame graph."""

    run: Run
    functions: tuple[Spot, ...]  #: hottest first; an inlined one is a function of its own
    lines: tuple[Spot, ...]
    flamegraph: str = field(repr=False)  #: SVG, with a script to zoom and search
    pprof: bytes = field(repr=False)  #: for `go tool pprof`

    def _repr_html_(self) -> str:
        return image(self.flamegraph.encode(), "Flame graph")


def image(svg: bytes, title: str) -> str:
    """For notebooks. An image runs no script and asks for no other file, however hostile the names in it are."""
    return f'<img style="width:100%" alt="{title}" src="data:image/svg+xml;base64,{base64.b64encode(svg).decode()}">'


def write_console(file: int, text: bytes) -> None:
    """Where a guest's console goes by default: to Python's own."""
    stream = sys.stdout if file == 1 else sys.stderr
    stream.write(text.decode(errors="replace"))
    stream.flush()


def count(name: str, value: Any, least: int = 0, most: int = 2**64 - 1) -> int:
    """An integer of any type, numpy's too."""
    if isinstance(value, bool) or not least <= operator.index(value) <= most:
        raise ValueError(f"{name}: expected an integer from {least} to {most}, found {value!r}")
    return operator.index(value)


def callback(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise TypeError(f"{name}: expected something to call, or None, found {type(value).__name__}")
    return value


def guest_of(guest: Guest) -> Model:
    return guest if isinstance(guest, Model) else Model(guest)


def run_of(model: Model, told: dict[str, Any]) -> Run:
    trap = told["trap"] and Trap(told["trap"]["kind"], told["trap"]["pc"], told["trap"]["message"],
                                 tuple(map(tuple, told["trap"]["where"])))
    proof = told["proof"] and Cost(**told["proof"])
    return Run(told["exit_code"], trap, told["cycles"], told["classes"], tuple(Layer(**of) for of in told["layers"]),
               told["journal"], told["memory_touched"], told["seconds"], proof, _outputs(model, told))


def _outputs(model: Model, told: dict[str, Any]) -> Outputs | None:
    if model.description is None or told["trap"] or told["exit_code"] != 0:
        return None
    try:
        return Outputs(read_journal(told["journal"], model.description.section))
    except InvalidModel:  # it says one thing and does another
        return None


def run(guest: Guest, x: Input = b"", *, max_cycles: int = MAX_CYCLES, console: Console | None = write_console,
        progress: Callable[[int], object] | None = None) -> Run:
    """Executes a guest, however hostile. A trap or another exit code than 0 is part of the result. Ctrl-C ends it.

    Args:
        guest: a `Model`, or an ELF file, its name or its bytes.
        x: what it reads: as `Model.encode` takes it.
        max_cycles: a run that is longer traps with "cycle-limit".
        console: gets what it prints; None: nobody does.
        progress: called now and then with the cycles so far; its exceptions end the run.

    Raises:
        InvalidGuest: the file is no guest.
        InvalidModel: `x` does not fit what the guest says of its inputs.
    """
    model = guest_of(guest)
    return run_of(model, _native.run(model.elf, model.encode(x), count("max_cycles", max_cycles, 1), True,
                                     callback("progress", progress), callback("console", console)))


def profile(guest: Guest, x: Input = b"", *, max_cycles: int = MAX_CYCLES, console: Console | None = write_console,
            progress: Callable[[int], object] | None = None) -> Profile:
    """Executes a guest and counts every instruction by its place in the source. Arguments and errors: as of `run`."""
    model = guest_of(guest)
    told = _native.profile(model.elf, model.encode(x), model.name or "guest", count("max_cycles", max_cycles, 1),
                           callback("progress", progress), callback("console", console))
    return Profile(run_of(model, told["run"]), tuple(Spot(*row) for row in told["functions"]),
                   tuple(Spot(*row) for row in told["lines"]), told["flamegraph"], told["pprof"])
