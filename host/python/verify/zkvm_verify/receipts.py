"""Is this receipt true, and what does it prove? Over the C functions of host/zkvm_verify_c.h.

This file stands in two packages, `zkvm` and `zkvm_verify`; each says in its `_library.py` where the functions are.
"""

from __future__ import annotations

import ctypes
import html
import os
import re
from dataclasses import dataclass, field, replace
from typing import Any, Iterable, Literal, Mapping, Protocol, Union

from . import _library


class HasBytes(Protocol):
    def __bytes__(self) -> bytes: ...


BytesLike = Union[bytes, bytearray, memoryview, HasBytes]


class Error(Exception):
    """Something was refused. `str()` of it is one line.

    Attributes:
        code: a stable name, for programs: "malformed-receipt", "wrong-program".
        where: the place: "receipt: segment 3"; may be empty.
        what: what is wrong there, or has another value than expected.
        expected: what should have stood there, or None.
        found: what stood there, or None.
    """

    def __init__(self, code: str, message: str):
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.expected: str | None = None
        self.found: str | None = None
        place = message
        if told := re.fullmatch(r"(.*?)(?:: |^)expected (.*), found (.*)", message, re.DOTALL):
            place, self.expected, self.found = told[1], told[2], told[3]
        self.where, self.what = place.rpartition(": ")[::2]

    def __str__(self) -> str:
        return self.message

    def _repr_html_(self) -> str:
        return f"<b>{html.escape(self.code)}</b>: {html.escape(self.message)}"


class InvalidReceipt(Error):
    """A receipt that does not prove what it should. `code` says why: "malformed-receipt" (no receipt of a known version),
    "invalid-receipt" (it proves nothing), "wrong-program", "insecure" (fewer bits than asked for); of `Model.verify` also
    "wrong-exit-code", "wrong-model-id", "wrong-input", "unfit-tensors" (a journal that is not such a model's)."""


class InvalidGuest(Error):
    """A file that is no guest, or a guest that cannot be proven: "malformed-elf", "unfit-elf"."""


class InvalidModel(Error):
    """A model, a description of one, its inputs or outputs that do not fit: "malformed-model", "wrong-model",
    "unfit-tensors", "malformed-array"."""


_ERRORS: dict[str, type[Error]] = {
    **dict.fromkeys(("malformed-receipt", "invalid-receipt", "wrong-program", "insecure"), InvalidReceipt),
    **dict.fromkeys(("malformed-elf", "unfit-elf"), InvalidGuest),
    **dict.fromkeys(("malformed-model", "wrong-model", "unfit-tensors", "malformed-array"), InvalidModel),
}


def error_of(code: str, message: str, of_receipt: bool = True) -> Exception:
    """The exception for a code of the library; `of_receipt`: there is a receipt that may be invalid."""
    if code == "out-of-memory":
        return MemoryError(message)
    if code == "bad-argument":
        return ValueError(message)
    kind = _ERRORS.get(code, Error)
    return (kind if of_receipt or kind is not InvalidReceipt else Error)(code, message)


class _Options(ctypes.Structure):
    _fields_ = [("security_bits", ctypes.c_double), ("regime", ctypes.c_int32)]


class _Verification(ctypes.Structure):
    _fields_ = [("journal", ctypes.c_void_p), ("journal_bytes", ctypes.c_size_t), ("security_bits", ctypes.c_double),
                ("exit_code", ctypes.c_int32), ("regime", ctypes.c_int32), ("segments", ctypes.c_uint32),
                ("has_model", ctypes.c_uint32), ("model", ctypes.c_ubyte * 32)]


class _Output(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("shape", ctypes.POINTER(ctypes.c_uint32)),
                ("axes", ctypes.c_size_t), ("values", ctypes.c_void_p), ("elements", ctypes.c_size_t),
                ("reals", ctypes.c_void_p), ("labels", ctypes.POINTER(ctypes.c_void_p)), ("label_count", ctypes.c_size_t),
                ("type", ctypes.c_int32), ("zero_point", ctypes.c_int32), ("scale", ctypes.c_float)]


class _Outputs(ctypes.Structure):
    _fields_ = [("outputs", ctypes.POINTER(_Output)), ("count", ctypes.c_size_t), ("batch", ctypes.c_uint32),
                ("model_id", ctypes.c_void_p), ("input_digest", ctypes.c_void_p)]


_Message = ctypes.c_char * 512
_PointerToVerification = ctypes.POINTER(_Verification)
_Letter = Literal["b", "B", "i", "f"]
# Of the C enumeration; memoryview's letters.
_TYPES: tuple[tuple[str, _Letter], ...] = (("int8", "b"), ("uint8", "B"), ("int32", "i"), ("float32", "f"))
_REGIMES = ("unique", "johnson")


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_library.PATH))
    library.zkvm_verify.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(_Options),
                                    ctypes.POINTER(ctypes.POINTER(_Verification)), ctypes.c_char_p]
    library.zkvm_verification_free.argtypes = [ctypes.POINTER(_Verification)]
    library.zkvm_verification_free.restype = None
    library.zkvm_read_outputs.argtypes = [ctypes.POINTER(_Verification), ctypes.c_char_p, ctypes.c_size_t,
                                          ctypes.POINTER(ctypes.POINTER(_Outputs)), ctypes.c_char_p]
    library.zkvm_outputs_free.argtypes = [ctypes.POINTER(_Outputs)]
    library.zkvm_outputs_free.restype = None
    library.zkvm_blake3.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
    library.zkvm_blake3.restype = None
    for name in ("zkvm_code_name", "zkvm_regime_name", "zkvm_regime_assumption"):
        getattr(library, name).argtypes = [ctypes.c_int]
        getattr(library, name).restype = ctypes.c_char_p
    library.zkvm_version.restype = ctypes.c_char_p
    return library


_C = _load()
_REGIME_TEXTS = [(_C.zkvm_regime_name(i).decode(), _C.zkvm_regime_assumption(i).decode()) for i in range(len(_REGIMES))]


def _error(code: int, message: ctypes.Array[ctypes.c_char]) -> Exception:
    return error_of(_C.zkvm_code_name(code).decode(), message.value.decode(errors="replace"))


@dataclass(frozen=True)
class Output:
    """An output of a model, as a journal has it.

    `values` and `reals` are views of any number of axes, which numpy takes as they are: `numpy.asarray(output.values)`.
    """

    name: str
    shape: tuple[int, ...]  #: the number of examples stands first where a run takes several
    type: str  #: of `values`: "int8", "uint8", "int32" or "float32"
    scale: float | None  #: real = scale * (value - zero_point)
    zero_point: int
    labels: tuple[str, ...] | None  #: of the greatest of each row; or of each element, where that is a label's number
    values_bytes: bytes
    reals_bytes: bytes | None

    @property
    def values(self) -> memoryview[Any]:
        """Elements as the guest has them."""
        return self._view(self.values_bytes, dict(_TYPES)[self.type])

    @property
    def reals(self) -> memoryview[Any] | None:
        """Elements as the model means them, in float32; None of integers without a scale."""
        return None if self.reals_bytes is None else self._view(self.reals_bytes, "f")

    def _view(self, elements: bytes, letter: _Letter) -> memoryview[Any]:
        return memoryview(elements).cast(letter, self.shape)


@dataclass(frozen=True)
class Verification:
    """What a true receipt proves: the program with this image id, on some input, committed this journal and ended by exit
    with this code, which need not be 0. Of the input it says nothing but what the journal does."""

    image_id: str  #: 64 hex digits
    exit_code: int
    journal: bytes
    security_bits: float  #: proven, of the whole receipt
    regime: str  #: in which they are proven: "unique decoding" or "Johnson"
    assumption: str  #: what that rests on beside the random oracle, in a line
    segments: int
    model: str | None  #: BLAKE3 of what the program says of its model, under the image id; None: it says nothing
    outputs: Mapping[str, Output] | None = field(default=None, hash=False)  #: by name, where a description of the model was given
    model_id: str | None = None  #: then: the commitment to private weights, 64 hex digits; None: they are public
    input_digest: str | None = None  #: then: BLAKE3 of the inputs; None: they are private

    def _repr_html_(self) -> str:
        return table("A true receipt", [
            ("program", self.image_id), ("exit code", str(self.exit_code)), ("journal", journal_text(self.journal)),
            ("security", f"{self.security_bits:.1f} bits, proven: {self.regime}"), ("segments", str(self.segments))])


def to_bytes(value: object, what: str) -> bytes:
    """What has bytes: bytes themselves, a buffer, or an object of `__bytes__`. Not a number, of which `bytes` makes zeros, nor
    a path, which has its name's. A subclass of bytes might lie about its length."""
    if type(value) is bytes:
        return value
    if not isinstance(value, (str, os.PathLike)):
        try:
            return memoryview(value).tobytes()  # type: ignore[arg-type]
        except TypeError:
            if hasattr(value, "__bytes__"):
                return to_bytes(value.__bytes__(), what)
    raise TypeError(f"{what}: expected bytes, found {type(value).__name__}")


def hex_digits(value: str | BytesLike, what: str) -> str:
    """Of 32 bytes or 64 hex digits, with or without 0x, 64 hex digits in lower case."""
    return _bytes32(value, what).hex()


def _bytes32(value: str | BytesLike, what: str) -> bytes:
    found = b""
    if not isinstance(value, str):
        found = to_bytes(value, what)
    elif len(value) == 64 or len(value) == 66 and value[:2] in ("0x", "0X"):
        try:
            found = bytes.fromhex(value[-64:])  # which passes over spaces: then there are fewer bytes
        except ValueError:
            pass
    if len(found) != 32:
        raise ValueError(f"{what}: expected 32 bytes or 64 hex digits, found {len(value) if isinstance(value, str) else len(found)} "
                         f"{'characters' if isinstance(value, str) else 'bytes'}")  # not which: a salt is secret
    return found


def blake3(data: BytesLike) -> str:
    """The BLAKE3 of these bytes, 64 hex digits: by it descriptions of models and public inputs are named."""
    data = to_bytes(data, "data")
    digest = ctypes.create_string_buffer(32)
    _C.zkvm_blake3(data, len(data), digest)
    return digest.raw.hex()


def verify(receipt: BytesLike, image_id: str | BytesLike, *, security_bits: float = 128, regime: str = "johnson",
           model: BytesLike | None = None) -> Verification:
    """Checks every byte of a receipt, from whomever it is. Any number of threads may do so at once.

    Args:
        receipt: its bytes. What can change meanwhile (a bytearray) is copied first.
        image_id: of the program that it must be of, which the caller knows: 32 bytes, or 64 hex digits as `zkvm id`
            prints them. Never take it from where the receipt comes from.
        security_bits: the least proven security that is accepted.
        regime: the widest in which it is accepted: "johnson", or "unique" (decoding), which needs longer receipts.
        model: what the program says of its model (`zkvm import` writes it as NAME.model.json), from anybody: it is held
            against the receipt. With it, `outputs` of the result are there. The program must have exited with 0 then.

    Raises:
        InvalidReceipt: it is not true, or not of this program, or not as secure.
        InvalidModel: `model` is not what the program says, or the journal is not what such a model writes.
        ValueError: an image id, a number of bits or a regime that is none.
        MemoryError: the answer is not known.
    """
    receipt = to_bytes(receipt, "receipt")
    wanted = _bytes32(image_id, "image id")
    if regime not in _REGIMES:
        raise ValueError(f"regime: expected one of {', '.join(_REGIMES)}, found {regime!r}")
    message, proven = _Message(), _PointerToVerification()
    code = _C.zkvm_verify(receipt, len(receipt), wanted, _Options(security_bits, _REGIMES.index(regime)), proven, message)
    if code != 0:
        raise _error(code, message)
    try:
        of = proven.contents
        regime_name, assumption = _REGIME_TEXTS[of.regime]
        verified = Verification(
            wanted.hex(), of.exit_code, ctypes.string_at(of.journal, of.journal_bytes), of.security_bits,
            regime_name, assumption, of.segments, bytes(of.model).hex() if of.has_model else None)
    finally:
        _C.zkvm_verification_free(proven)
    return verified if model is None else with_outputs(verified, to_bytes(model, "model"))


def with_outputs(proven: Verification, model: bytes) -> Verification:
    """The same, with the outputs in its journal by what the program says of its model.

    Raises:
        InvalidModel: `model` is not what the program says, or the journal is not what such a model writes."""
    held = ctypes.create_string_buffer(proven.journal, len(proven.journal) + 1)
    said = _Verification(ctypes.cast(held, ctypes.c_void_p), len(proven.journal), exit_code=proven.exit_code,
                         has_model=proven.model is not None)
    said.model[:] = bytes.fromhex(proven.model or "00" * 32)
    message, outputs = _Message(), ctypes.POINTER(_Outputs)()
    code = _C.zkvm_read_outputs(said, model, len(model), outputs, message)
    if code != 0:
        raise _error(code, message)

    def digest(at: int | None) -> str | None:
        return ctypes.string_at(at, 32).hex() if at else None

    try:
        of = outputs.contents
        all_of = [_output(of.outputs[i], of.batch) for i in range(of.count)]
        return replace(proven, outputs={output.name: output for output in all_of}, model_id=digest(of.model_id),
                       input_digest=digest(of.input_digest))
    finally:
        _C.zkvm_outputs_free(outputs)


def read_journal(journal: bytes, model: bytes) -> Mapping[str, Output]:
    """The outputs in a journal that nobody has proven, of a guest that exited with 0.

    Raises:
        InvalidModel: it is not what such a model writes."""
    said = Verification("", 0, journal, 0, "", "", 0, blake3(model))
    return with_outputs(said, model).outputs or {}


def _output(of: _Output, batch: int) -> Output:
    kind, letter = _TYPES[of.type]
    shape = tuple(of.shape[: of.axes]) if batch == 1 else (batch, *of.shape[: of.axes])
    known: dict[int, str] = {}  # a few labels stand in many places
    for at in of.labels[: of.label_count]:
        if at not in known:
            known[at] = ctypes.string_at(at).decode()
    labels = tuple(known[at] for at in of.labels[: of.label_count]) if of.label_count else None
    return Output(of.name.decode(), shape, kind, of.scale or None, of.zero_point, labels,
                  ctypes.string_at(of.values, of.elements * memoryview(b"").cast(letter).itemsize),
                  ctypes.string_at(of.reals, of.elements * 4) if of.reals else None)


def version() -> str:
    """Of the library, "0.1.0"."""
    return str(_C.zkvm_version().decode())


def journal_text(journal: bytes) -> str:
    """How long it is, and its first bytes."""
    if not journal:
        return "empty"
    shown = " ".join(journal[at: at + 4].hex() for at in range(0, min(len(journal), 32), 4))
    return f"{len(journal):,} bytes: {shown}{' ..' if len(journal) > 32 else ''}"


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table of two columns for notebooks."""
    body = "".join(f'<tr><th style="text-align:left">{html.escape(name)}</th>'
                   f'<td style="text-align:left"><code>{html.escape(value)}</code></td></tr>' for name, value in rows)
    return f"<table><caption><b>{html.escape(title)}</b></caption>{body}</table>"
