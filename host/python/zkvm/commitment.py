"""Commitments to private data, as guests open them: guest/doc/commitment.md."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

from . import _native
from .inputs import array_parts
from .receipts import BytesLike, hex_digits, to_bytes

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class Commitment:
    """32 bytes to publish, which say nothing of the data, and which no other data have."""

    digest: str  #: 64 hex digits
    salt: bytes = field(repr=False)  #: secret as the data are, and needed for each proof of them
    data: bytes = field(repr=False)  #: what was committed to, an array's elements in C order

    @property
    def input(self) -> bytes:
        """What a guest's zk::read_committed reads: salt and data. Secret."""
        of = self.salt + self.data
        return of + bytes(-len(of) % 4)


def commit(data: Union[BytesLike, "numpy.ndarray[Any, Any]"], salt: Union[str, BytesLike, None] = None) -> Commitment:
    """A commitment to bytes, or to an array with its type and shape.

    Args:
        data: private.
        salt: 32 bytes or 64 hex digits, uniform, and of this commitment alone: two with one salt tell whether their data
            are the same. None: fresh ones.

    Raises:
        InvalidModel: an array that has no commitment: of more than 8 axes, or of a type that is no number.
    """
    secret = secrets.token_bytes(32) if salt is None else bytes.fromhex(hex_digits(salt, "salt"))
    if isinstance(data, (bytes, bytearray, memoryview)):
        data = to_bytes(data, "data")
        return Commitment(_native.commit_bytes(data, secret).hex(), secret, data)
    _, kind, shape, elements = array_parts("", data, None)
    return Commitment(_native.commit_array(kind, shape, elements, secret).hex(), secret, elements)
