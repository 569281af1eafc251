"""A guest that knows its model: proved and verified in the model's own terms."""

from __future__ import annotations

import html
import json
import os
import pathlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Union

from . import _native, receipts
from .inputs import Input, encode
from .receipts import BytesLike, InvalidModel, InvalidReceipt, Output, Verification

if TYPE_CHECKING:
    import numpy

    from .proving import Receipt
    from .running import Profile, Run

Source = Union[str, "os.PathLike[str]", BytesLike]


def bytes_of(source: Source) -> bytes:
    """Of a file's name the file's bytes."""
    if isinstance(source, (str, os.PathLike)):
        return pathlib.Path(source).read_bytes()
    return receipts.to_bytes(source, "guest")


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model."""

    name: str
    shape: tuple[int, ...]
    type: str  #: as the guest has it: "int8", "uint8", "int32", "float32"
    model_type: str  #: as the model has it: "float32", "int64"
    scale: float | None = None  #: real = scale * (x - zero_point)
    zero_point: int = 0
    labels: tuple[str, ...] = ()
    index: bool = False  #: elements are numbers of labels


@dataclass(frozen=True)
class Description:
    """What a guest says of its model."""

    section: bytes  #: as it stands under the image id, in JSON
    name: str
    batch: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    private_weights: int  #: bytes of weights that are input; 0: they are constants of the program
    public_input: bool  #: the journal ends with the BLAKE3 of the inputs


def describe(elf: bytes) -> Description | None:
    found = _native.description(elf)
    if found is None:
        return None
    section, text = found
    told = json.loads(text)

    def tensors(of: list[dict[str, Any]]) -> tuple[Tensor, ...]:
        return tuple(Tensor(t["name"], tuple(t["shape"]), t["type"], t.get("model_type", t["type"]), t.get("scale"),
                            t.get("zero_point", 0), tuple(t.get("labels", ())), t.get("index", False)) for t in of)

    return Description(section, told["name"], told.get("batch", 1), tensors(told["inputs"]), tensors(told["outputs"]),
                       told.get("private_weights", {}).get("bytes", 0), told.get("public_input", False))


class Outputs(Mapping[str, "numpy.ndarray[Any, Any]"]):
    """A model's outputs by name, as numpy arrays (to read): in the model's own numbers where it has a scale, else as they
    stand. A guest that says nothing of a model has none.

    Attributes:
        details: by name also the guest's integers, scales and labels.
        verification: of what receipt they are; None: of a run that nobody proved.
    """

    def __init__(self, details: Mapping[str, Output], verification: Verification | None = None):
        self.details = details
        self.verification = verification

    def __getitem__(self, name: str) -> "numpy.ndarray[Any, Any]":
        import numpy

        output = self.details[name]
        return numpy.asarray(output.values if output.reals is None else output.reals)

    def __iter__(self) -> Iterator[str]:
        return iter(self.details)

    def __len__(self) -> int:
        return len(self.details)

    def labels(self, name: str | None = None) -> tuple[str, ...]:
        """Of the greatest element of each row of an output, or, of labels' numbers, of each element; of the only output that
        has some, where none is named. Empty: it has none."""
        if name is not None:
            return self.details[name].labels or ()
        labelled = [output.labels for output in self.details.values() if output.labels]
        return labelled[0] if len(labelled) == 1 else ()

    def __repr__(self) -> str:
        return f"Outputs({', '.join(f'{name}={self[name].tolist()}' for name in self)})"

    def _repr_html_(self) -> str:
        rows = []
        for name, output in self.details.items():
            values = self[name].ravel()
            form = ".4g" if values.dtype.kind == "f" else ""
            shown = " ".join(f"{value:{form}}" for value in values[:12]) + (" .." if values.size > 12 else "")
            rows.append((name, f"{'x'.join(map(str, output.shape)) or 'scalar'} {output.type}", shown,
                         " ".join((output.labels or ())[:16])))
        body = "".join("<tr>" + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row) + "</tr>"
                       for row in rows)
        head = "".join(f'<th style="text-align:left">{title}</th>' for title in ("output", "type", "values", "label"))
        proven = ""
        if self.verification is not None:
            of = self.verification
            proven = (f"<p>Proven, at {of.security_bits:.1f} bits, of program <code>{of.image_id}</code>: exit code "
                      f"{of.exit_code}, journal {html.escape(receipts.journal_text(of.journal))}</p>")
        return (f"<table><tr>{head}</tr>{body}</table>" if rows else "") + proven

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outputs) and (self.details, self.verification) == (other.details, other.verification)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Model:
    """A guest: a program that computes a model, or anything else. Pickled, it is both files, private weights too.

    Args:
        elf: the ELF file, its name or its bytes.
        weights: of a model with private ones, the file NAME.weights of `zkvm import --private-weights`, its name or its
            bytes. Who only verifies has none.

    Raises:
        InvalidGuest: the file is no guest.
        InvalidModel: what it says of its model is no such description.
    """

    elf: bytes = field(repr=False)
    weights: bytes = field(default=b"", repr=False)
    image_id: str = field(init=False)  #: 64 hex digits, by which receipts name the program
    description: Description | None = field(init=False, repr=False)  #: None: it says nothing of a model

    def __init__(self, elf: Source, weights: Source = b""):
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("elf", bytes_of(elf))
        put("weights", bytes_of(weights))
        put("image_id", _native.image_id(self.elf).hex())
        put("description", describe(self.elf))

    @property
    def name(self) -> str:
        return self.description.name if self.description else ""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return self.description.inputs if self.description else ()

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return self.description.outputs if self.description else ()

    def encode(self, x: Input) -> bytes:
        """The guest's input: bytes as they are; anything else by what the guest says of its model. Floats are numbers of the
        model, and are quantised by the input's scale as ONNX's QuantizeLinear does it; NaN is refused. Integers of the guest's
        own type are taken as they are, as codes. Axes of length 1 in front may be missing; N examples a run stand behind each
        other on a first axis. A PIL image has the input's size, and becomes 0 .. 1 (0 .. 255 of a model that takes uint8). With
        private weights these stand in it."""
        return encode(self.description, x, self.weights)

    def run(self, x: Input = b"", **options: Any) -> Run:
        """`zkvm.run` of this model."""
        from .running import run

        return run(self, x, **options)

    def prove(self, x: Input = b"", **options: Any) -> Receipt:
        """`zkvm.prove` of this model."""
        from .proving import prove

        return prove(self, x, **options)

    def profile(self, x: Input = b"", **options: Any) -> Profile:
        """`zkvm.profile` of this model."""
        from .running import profile

        return profile(self, x, **options)

    def verify(self, receipt: BytesLike, *, exit_code: int | None = 0, model_id: str | BytesLike | None = None,
               input_is: Input | None = None, security_bits: float = 128, regime: str = "johnson") -> Outputs:
        """The outputs that a receipt proves of this model.

        Args:
            receipt: from anybody.
            exit_code: that the program must have ended with; None: any. One that says what its model is has outputs after 0
                alone.
            model_id: of private weights that it must have been: `zkvm.import_onnx` and `zkvm model-id` say it. Without it
                the receipt may be of any weights; `.verification.model_id` says of which.
            input_is: of public input, what it must have been: arrays as `encode` takes them.
            security_bits, regime: as `zkvm.verify` has them.

        Raises:
            InvalidReceipt: it does not prove that: see its `code`.
        """
        of = self.description
        if of is None and (model_id is not None or input_is is not None):
            raise ValueError("model_id, input_is: expected a guest that says what its model is, found none")
        proven = receipts.verify(receipt, self.image_id, security_bits=security_bits, regime=regime)
        if exit_code is not None and proven.exit_code != exit_code:
            raise InvalidReceipt("wrong-exit-code", f"receipt: exit code: expected {exit_code}, found {proven.exit_code}")
        if of is not None and proven.exit_code == 0:
            try:
                proven = receipts.with_outputs(proven, of.section)
            except InvalidModel as error:  # a true receipt of a run that did not end as the model's do
                raise InvalidReceipt(error.code, f"receipt: {error.message}") from None
        if model_id is not None:
            _expect("wrong-model-id", "model id", receipts.hex_digits(model_id, "model id"), proven.model_id)
        if of is not None and input_is is not None:
            _expect("wrong-input", "inputs", receipts.blake3(encode(of, input_is, b"", inputs_alone=True)),
                    proven.input_digest)
        return Outputs(proven.outputs or {}, proven)

    def __reduce__(self) -> tuple[type[Model], tuple[bytes, bytes]]:
        return Model, (self.elf, self.weights)

    def _repr_html_(self) -> str:
        def tensors(of: tuple[Tensor, ...]) -> str:
            return "; ".join(f"{t.name}: {'x'.join(map(str, t.shape)) or 'scalar'} {t.model_type}" for t in of) or "-"

        return receipts.table(self.name or "A guest", [("image id", self.image_id), ("inputs", tensors(self.inputs)),
                                                       ("outputs", tensors(self.outputs)), ("program", f"{len(self.elf):,} bytes")])


def _expect(code: str, what: str, expected: str, found: str | None) -> None:
    if found != expected:
        raise InvalidReceipt(code, f"receipt: {what}: expected {expected}, found {found or 'a journal without it'}")
