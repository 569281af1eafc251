"""The container of the cases, written and read; cases.h reads the same. All integers are little-endian.

    file:    "ZKIMPORT" | count u32 | case...
    case:    name | kind | distance u8 | model | names of inputs: list | names of outputs: list | samples
    samples: count u32 | sample...
    sample:  list of inputs | list of outputs
    list:    count u32 | string...
    name, kind, model, each element of a list: length u32 | bytes

Inputs are what a guest gets, in the order of the model's inputs: quantised bytes, row-major in ONNX's order, where the
model has floats that it quantises itself; indices as int32. Outputs are the tensors at which `import` cuts the graph:
quantised bytes; int32 of ArgMax, of TopK's indices, and of sums. A kind is "exact", "differs: REASON", with the
greatest distance allowed, or "refused: PARTS OF THE ERROR LINE", divided by " & ", without samples.
"""

import dataclasses
import struct

MAGIC = b"ZKIMPORT"


@dataclasses.dataclass
class Case:
    name: str
    kind: str
    model: bytes
    distance: int = 0
    inputs: list[str] = dataclasses.field(default_factory=list)
    outputs: list[str] = dataclasses.field(default_factory=list)
    samples: list[tuple[list[bytes], list[bytes]]] = dataclasses.field(default_factory=list)


def _string(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(value)) + value


def _list(values):
    return struct.pack("<I", len(values)) + b"".join(map(_string, values))


def encode(cases):
    parts = [MAGIC, struct.pack("<I", len(cases))]
    for case in cases:
        parts += [
            _string(case.name),
            _string(case.kind),
            struct.pack("<B", case.distance),
            _string(case.model),
            _list(case.inputs),
            _list(case.outputs),
            struct.pack("<I", len(case.samples)),
        ]
        parts += [_list(side) for sample in case.samples for side in sample]
    return b"".join(parts)


def decode(data):
    at = 0

    def take(count):
        nonlocal at
        at += count
        if at > len(data):
            raise ValueError("the container ends early")
        return data[at - count : at]

    def number():
        return struct.unpack("<I", take(4))[0]

    def string():
        return take(number())

    def many():
        return [string() for _ in range(number())]

    if take(8) != MAGIC:
        raise ValueError("no container of cases")
    cases = []
    for _ in range(number()):
        case = Case(string().decode(), string().decode(), b"")
        case.distance = take(1)[0]
        case.model = string()
        case.inputs = [name.decode() for name in many()]
        case.outputs = [name.decode() for name in many()]
        case.samples = [(many(), many()) for _ in range(number())]
        cases.append(case)
    if at != len(data):
        raise ValueError("bytes behind the last case")
    return cases
