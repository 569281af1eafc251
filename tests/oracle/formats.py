"""Verifying key, statement and proof as bytes (stark/doc/format.md), and what a key must satisfy to mean anything.
receipt.py makes keys and statements itself, and writes them.

Every reader raises Refused, and nothing else, on bytes that are not canonical.
"""

import struct
from dataclasses import dataclass

from field import DEGREE, P, E, from_wire, to_wire

KEY_VERSION, PROOF_VERSION = 3, 4
FREE_HEIGHT = 255
MAX_LOG_HEIGHT = 22
MAX_DEGREE = 3
MAX_COLUMNS = 4096
MAX_SLOT_COLUMNS = 1 << 18  # of all slots
MAX_TUPLE = 32
MAX_TABLES = 8192
MAX_POWER = 64  # of a late challenge
MAX_LATE_DEGREE = 1024
FIXED, SHARED = 0, 1
SEND, RECEIVE, ANSWER = 0, 1, 2
CONST, COLUMN, NEXT, ADD, SUB, MUL, LATE = range(7)
FORMAT_OF_SIZE = {1: "B", 2: "H", 4: "I", 8: "Q"}  # of struct


class Refused(Exception):
    """`code` is a name of stark/protocol/error.h without its k."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


def require(condition, code, message):
    if not condition:
        raise Refused(code, message)


class Reader:
    def __init__(self, data, what):
        self.data, self.what, self.position = data, what, 0

    def bytes(self, count):
        if count > len(self.data) - self.position:  # the message of a require() takes longer than all else here
            raise Refused("Truncated", f"{self.what}: {count} bytes at offset {self.position}, found {len(self.data) - self.position}")
        self.position += count
        return self.data[self.position - count:self.position]

    def uint(self, size):
        return int.from_bytes(self.bytes(size), "little")

    def uints(self, size, count):
        data = self.bytes(size * count)
        return list(struct.unpack(f"<{count}{FORMAT_OF_SIZE[size]}", data))

    def words(self, count):
        """`count` elements of F, in wire form."""
        start, words = self.position, self.uints(4, count)
        if max(words, default=0) >= P:
            raise Refused("NonCanonical", f"{self.what}: a word of {count} from offset {start} on is not below p")
        return words

    def field(self):
        return from_wire(self.words(1)[0])

    def extensions(self, count):
        words = self.words(5 * count)
        return [E.from_wire(words[i:i + 5]) for i in range(0, len(words), 5)]

    def magic(self, expected, version):
        require(self.bytes(4) == expected, "Format", f"{self.what}: magic: expected {expected}")
        found = self.uint(4)
        require(found == version, "Format", f"{self.what}: version: expected {version}, found {found}")

    def end(self):
        left = len(self.data) - self.position
        require(left == 0, "Trailing", f"{self.what}: {left} bytes after the end")


# Verifying key


@dataclass
class AffineForm:
    """constant + sum of coefficient * column."""
    constant: int
    terms: list  # (column, coefficient)


@dataclass
class Interaction:
    bus: int
    kind: int
    max_multiplicity: int  # 0 for an answer
    multiplicity: AffineForm
    tuple: list


@dataclass
class Chip:
    name: str
    log_height: int
    slots: list  # (slot, first, width): columns [first, first + width) of the slot's row
    main_width: int
    late_width: int
    late_degree: int  # of what a row adds in the late challenges
    next: list
    nodes: list  # (op, a, b); of a late one: 5 i + c, power
    asserts: list
    interactions: list
    rest: bytes  # of the chip, from the main width to the asserts: all that place it nowhere

    @property
    def columns(self):
        return self.columns_before_late + self.late_width

    @property
    def columns_before_late(self):
        return sum(width for *_, width in self.slots) + self.main_width


@dataclass
class Key:
    bytes: bytes
    tuple_width: int
    slots: list  # root of a fixed slot, None for a shared one
    slot_blowups: list  # log_blowup of a fixed slot, None for a shared one
    slot_widths: list  # {log_height: width of the slot's row}
    chips: list
    bus_width: dict


def _form(reader):
    constant = reader.field()
    terms = [(reader.uint(2), reader.field()) for _ in range(reader.uint(2))]
    return AffineForm(constant, terms)


def _node(reader):
    op = reader.uint(1)
    require(op <= LATE, "Key", f"unknown operation {op}")
    if op == CONST:
        return op, reader.field(), 0
    if op in (COLUMN, NEXT):
        return op, reader.uint(2), 0
    if op == LATE:
        return op, reader.uint(1), reader.uint(1)
    return op, reader.uint(4), reader.uint(4)


def _interaction(reader):
    bus, kind, most = reader.uint(2), reader.uint(1), reader.uint(4)
    multiplicity = _form(reader)
    return Interaction(bus, kind, most, multiplicity, [_form(reader) for _ in range(reader.uint(1))])


def _chip(reader):
    name, log_height = reader.bytes(reader.uint(1)).decode("latin-1"), reader.uint(1)
    slots = [(reader.uint(2), reader.uint(2), reader.uint(2)) for _ in range(reader.uint(1))]
    start = reader.position
    chip = Chip(
        name, log_height, slots,
        main_width=reader.uint(2),
        late_width=reader.uint(2),
        late_degree=reader.uint(4),
        next=reader.uints(2, reader.uint(2)),
        nodes=[_node(reader) for _ in range(reader.uint(4))],
        asserts=reader.uints(4, reader.uint(4)),
        interactions=[], rest=reader.data[start:reader.position])
    chip.interactions = [_interaction(reader) for _ in range(reader.uint(2))]
    return chip


def parse_key(data):
    reader = Reader(data, "key")
    reader.magic(b"ZKVK", KEY_VERSION)
    tuple_width = reader.uint(1)
    slots, blowups, widths = [], [], []
    for _ in range(reader.uint(2)):
        kind = reader.uint(1)
        require(kind in (FIXED, SHARED), "Key", f"unknown kind of slot {kind}")
        blowups.append(reader.uint(1) if kind == FIXED else None)
        slots.append(reader.bytes(32) if kind == FIXED else None)
        rows = [(reader.uint(1), reader.uint(2)) for _ in range(reader.uint(1))]
        require(rows and _ascending([-n for n, _ in rows]) and all(w > 0 for _, w in rows), "Key",
                "rows of a slot: heights not descending or width out of range")
        widths.append(dict(rows))
    chips = [_chip(reader) for _ in range(reader.uint(2))]
    reader.end()
    require(chips, "Key", "no chips")
    require(all(blowup is None or 1 <= blowup <= 4 for blowup in blowups), "Key", "log_blowup of a slot out of range")
    bus_width = {}
    for chip in chips:
        _check_columns(chip, widths)
        _check_shared_next(chip, slots)
        _check_nodes(chip)
        _check_interactions(chip, bus_width)
    require(sum(w for rows in widths for w in rows.values()) <= MAX_SLOT_COLUMNS, "Key", "columns of all slots")
    used = {(slot, chip.log_height) for chip in chips for slot, *_ in chip.slots}
    require(all((slot, n) in used for slot, rows in enumerate(widths) for n in rows), "Key", "rows of a slot that no chip reads")
    widest = max([1, *bus_width.values()])
    require(widest <= MAX_TUPLE, "Key", f"a tuple of {widest} entries")
    require(tuple_width == widest, "NonCanonical", f"tuple width: expected {widest}, found {tuple_width}")
    return Key(data, tuple_width, slots, blowups, widths, chips, bus_width)


def chip_bytes(chip, name, log_height, slots, base):
    """`chip` placed: `slots` [(slot, first)]; `base` is added to the first value of each of its tuples."""
    text = name.encode("latin-1")
    places = [_u(2, slot) + _u(2, first) + _u(2, width) for (slot, first), (*_, width) in zip(slots, chip.slots, strict=True)]
    interactions = []
    for item in chip.interactions:
        place, *others = item.tuple
        place = AffineForm((place.constant + base) % P, place.terms)
        interactions.append(b"".join([_u(2, item.bus), _u(1, item.kind), _u(4, item.max_multiplicity),
                                      _form_bytes(item.multiplicity), _u(1, len(item.tuple)),
                                      *map(_form_bytes, [place, *others])]))
    return b"".join([_u(1, len(text)), text, _u(1, log_height), _u(1, len(slots)), *places, chip.rest,
                     _u(2, len(interactions)), *interactions])


def _form_bytes(form):
    return b"".join([_u(4, to_wire(form.constant)), _u(2, len(form.terms)),
                     *(_u(2, column) + _u(4, to_wire(k)) for column, k in form.terms)])


def key_bytes(tuple_width, log_blowup, slots, chips):
    """`slots`: [(root, {log_height: width})], the root None for a shared one; `log_blowup`: of the fixed ones; `chips`:
    chip_bytes."""
    return b"".join([b"ZKVK", _u(4, KEY_VERSION), _u(1, tuple_width), _u(2, len(slots)),
                     *((_u(1, SHARED) if root is None else _u(1, FIXED) + _u(1, log_blowup) + root) + _u(1, len(rows)) +
                       b"".join(_u(1, n) + _u(2, rows[n]) for n in sorted(rows, reverse=True)) for root, rows in slots),
                     _u(2, len(chips)), *chips])


def _u(size, value):
    return value.to_bytes(size, "little")


def _ascending(items):
    return all(a < b for a, b in zip(items, items[1:]))


def _check_columns(chip, widths):
    require(chip.name, "Key", "a chip has no name")
    require(bool(chip.slots) == (chip.log_height != FREE_HEIGHT), "Key",
            f"{chip.name}: a height is fixed if and only if there are slot columns")
    require(not chip.slots or chip.log_height <= MAX_LOG_HEIGHT, "Key", f"{chip.name}: height out of range")
    places = [(slot, first) for slot, first, _ in chip.slots]
    require(_ascending(places) and all(slot < len(widths) and 0 < width and first + width <= widths[slot].get(chip.log_height, 0)
                                       for slot, first, width in chip.slots),
            "Key", f"{chip.name}: slot columns out of range or order")
    require(chip.main_width > 0 and chip.columns <= MAX_COLUMNS, "Key", f"{chip.name}: number of columns")
    require(_ascending(chip.next) and all(c < chip.columns for c in chip.next), "Key",
            f"{chip.name}: next columns out of range or order")


def _check_shared_next(chip, slots):
    first = 0
    for slot, _, width in chip.slots:
        shared = slots[slot] is None
        require(not shared or not any(first <= c < first + width for c in chip.next), "Key",
                f"{chip.name}: a shared column is read on the next row")
        first += width


def _check_nodes(chip):
    degrees, next_columns = [], set(chip.next)
    for i, (op, a, b) in enumerate(chip.nodes):
        where = f"{chip.name}: node {i}"
        if op == COLUMN:
            require(a < chip.columns, "Key", f"{where}: column {a}")
        elif op == NEXT:
            require(a in next_columns, "Key", f"{where}: column {a} is not a next column")
        elif op == LATE:
            require(a < 2 * DEGREE and 1 <= b <= MAX_POWER, "Key", f"{where}: coordinate {a}, power {b}")
            require(chip.late_width > 0, "Key", f"{where}: a late challenge, but there are no late columns")
        elif op != CONST:
            require(a < i and b < i, "Key", f"{where}: operand is not an earlier node")
        degrees.append(0 if op in (CONST, LATE) else 1 if op in (COLUMN, NEXT) else
                       degrees[a] + degrees[b] if op == MUL else max(degrees[a], degrees[b]))
        require(degrees[i] <= MAX_DEGREE, "Key", f"{where}: degree {degrees[i]}")
    require(all(node < len(chip.nodes) for node in chip.asserts), "Key", f"{chip.name}: assert of no node")
    late = []  # degrees in the late challenges
    for op, a, b in chip.nodes:
        late.append(b if op == LATE else min(late[a] + late[b], MAX_LATE_DEGREE + 1) if op == MUL else
                    max(late[a], late[b]) if op in (ADD, SUB) else 0)
    least = max([1, *(late[node] for node in chip.asserts)]) if chip.late_width else 0
    require(least <= chip.late_degree <= (MAX_LATE_DEGREE if chip.late_width else 0), "Key",
            f"{chip.name}: late degree {chip.late_degree}")


def _check_interactions(chip, bus_width):
    for i, item in enumerate(chip.interactions):
        where = f"{chip.name}: interaction {i}"
        require(item.bus != 0 and item.kind in (SEND, RECEIVE, ANSWER), "Key", f"{where}: bus or kind")
        require((item.kind == ANSWER) == (item.max_multiplicity == 0) and item.max_multiplicity < P, "Key",
                f"{where}: greatest multiplicity")
        require(item.tuple, "Key", f"{where}: empty tuple")
        require(bus_width.setdefault(item.bus, len(item.tuple)) == len(item.tuple), "Key",
                f"{where}: width {len(item.tuple)}, others on bus {item.bus} have {bus_width[item.bus]}")
        for form in [item.multiplicity, *item.tuple]:
            columns = [column for column, _ in form.terms]
            end = chip.columns_before_late if form is item.multiplicity else chip.columns
            require(all(c < end for c in columns), "Key", f"{where}: no such column, or a late multiplicity")
            require(_ascending(columns) and all(k != 0 for _, k in form.terms), "NonCanonical",
                    f"{where}: columns not ascending or coefficient zero")


# Statement


@dataclass
class Public:
    bus: int
    sign: int
    multiplicity: int
    tuple: list


@dataclass
class Statement:
    bytes: bytes
    publics: list
    shared: dict  # slot -> root


def parse_statement(data):
    reader = Reader(data, "statement")
    publics, shared = [], {}
    for i in range(reader.uint(4)):
        bus, sign = reader.uint(2), reader.uint(1)
        require(sign in (1, 0xFF), "Statement", f"public interaction {i}: sign")
        publics.append(Public(bus, 1 if sign == 1 else -1, reader.field(),
                              [from_wire(word) for word in _tuple_words(reader)]))
    last = -1
    for _ in range(reader.uint(2)):
        slot = reader.uint(2)
        require(slot > last, "Statement", "shared slots are not ascending")
        shared[slot], last = reader.bytes(32), slot
    reader.end()
    return Statement(data, publics, shared)


def make_statement(publics, shared):
    """`shared`: (slot, root), slots ascending."""
    data = b"".join([_u(4, len(publics)), *map(_public_bytes, publics),
                     _u(2, len(shared)), *(_u(2, slot) + root for slot, root in shared)])
    return Statement(data, publics, dict(shared))


def _public_bytes(item):
    return b"".join([_u(2, item.bus), _u(1, item.sign % 256), _u(4, to_wire(item.multiplicity)), _u(1, len(item.tuple)),
                     *(_u(4, to_wire(entry)) for entry in item.tuple)])


def _tuple_words(reader):
    return reader.words(reader.uint(1))


# Proof


@dataclass
class Params:
    bytes: bytes
    zk: int
    log_blowup: int
    queries: int
    grind_query: int
    grind_round: int
    log_final: int
    log_stack: int

    @property
    def mask_for_one_opening(self):
        return self.queries + 6 if self.zk else 0

    @property
    def mask_for_two(self):
        return 2 * self.queries + 11 if self.zk else 0


def read_params(reader):
    reader.magic(b"ZKPF", PROOF_VERSION)
    start = reader.position
    zk, log_blowup, queries = reader.uint(1), reader.uint(1), reader.uint(2)
    rest = reader.uints(1, 4)  # grind_query, grind_round, log_final, log_stack
    params = Params(reader.data[start:reader.position], zk, log_blowup, queries, *rest)
    for name, low, high in (("zk", 0, 1), ("log_blowup", 1, 4), ("queries", 1, 4096), ("grind_query", 0, 30),
                            ("grind_round", 0, 30), ("log_final", 0, 12), ("log_stack", 0, 4)):
        found = getattr(params, name)
        require(low <= found <= high, "Params", f"{name}: expected {low}..{high}, found {found}")
    return params


def read_tables(reader):
    """(chip, log height) of each table, and the bytes of the list."""
    start, count = reader.position, reader.uint(2)
    require(1 <= count <= MAX_TABLES, "Tables", f"tables: expected 1..{MAX_TABLES}, found {count}")
    tables = [(reader.uint(2), reader.uint(1)) for _ in range(count)]
    return tables, reader.data[start:reader.position]


@dataclass
class Layer:
    root: bytes
    nonce: int


@dataclass
class Head:
    """A proof up to the query nonce: all that the query indices depend on."""
    roots: dict  # by phase: main, late, aux, quotient
    sums: list
    nonces: dict  # by challenge: late, logup, zeta, batch; 0 if there is no grinding
    openings: list
    layers: list
    final: list
    query_nonce: int


def read_head(reader, shape):
    params = shape.params

    def nonce(bits):
        return reader.uint(8) if bits > 0 else 0

    return Head(
        roots={phase: reader.bytes(32) for phase in shape.phases},
        sums=reader.extensions(len(shape.groups)),
        nonces={challenge: nonce(params.grind_round) for challenge in shape.challenges},
        openings=reader.extensions(shape.openings),
        layers=[Layer(reader.bytes(32), nonce(params.grind_round)) for _ in shape.layers],
        final=reader.extensions(shape.final_bound),
        query_nonce=nonce(params.grind_query))
