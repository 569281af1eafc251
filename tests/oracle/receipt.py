#!/usr/bin/env python3
"""A second verifier of receipts, written from host/doc/receipt.md and stark/doc/ (format.md: the image, the key and the
statement of a segment; soundness.md: the machine). Standard library only.

    receipt.py MACHINE_KEY RECEIPT IMAGE_ID [--security BITS]

What the chips assert it does not know: MACHINE_KEY, which `zkvm_machine_key` writes from the C++ chips, says it, and is
trusted as they are. Everything else is here: which chips a segment has, where they stand and what its proof must state.

Exit status 0: valid. 1: invalid; the reason is printed, its first word is its type (host/error.h). 2: a file cannot be read.
"""

import argparse
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import log2

from blake3 import blake3
from formats import Public, Reader, Refused, chip_bytes, key_bytes, make_statement, parse_key, read_params, require
from shape import JOHNSON, UNIQUE, bits_of, soundness
from verify import open_proof, verify

MAX_JOURNAL_WORDS = 1 << 24
MAX_ROWS = 1 << 26
ADDRESS_END = 0x3F000000
READ_ONLY_BASE = 0x3F800000 // 4
LEAST_HEIGHT, GREATEST_HEIGHT, GREATEST_DOMAIN = 14, 22, 24
LOG_BANK = 14
BANK_WORDS = 1 << LOG_BANK
BLANK, WHOLE, PARTIAL = range(3)  # kinds of banks
COLUMNS = {BLANK: 0, WHOLE: 2, PARTIAL: 4}  # of a bank, beside the four of blank ones
BLANK_COLUMNS, IMAGE_COLUMNS, VOLUME_COLUMNS = 4, 32, 64
MACHINE_BANK, LAYERS_BANK = 0, 0xFFFF  # of the first group of layers; the others' are the numbers below it
MOST_GROUPS = 64
BLAKE3_BANK = LAYERS_BANK - MOST_GROUPS  # of the chips of each hash
SHA256_BANK = BLAKE3_BANK - 1
BLAKE3_CHIPS = ["blake3 call", "blake3 block", "blake3 block whole", "blake3 round"]
SHA256_CHIPS = ["sha256 call", "sha256 block", "sha256 rounds"]
BYTE_TABLE, XOR_TABLE = "bytes", "xor table"  # which read the same columns
LAYER_CHIPS = ["layer call", "layer pair call", "layer read", "layer read wide", "layer product", "layer write bytes",
               "layer write bytes wide", "layer write words", "layer pool", "layer pair", "layer weights call",
               "layer read weights", "layer product memory", "layer bias"]
LAYER_TABLES = ["layers", "weights", "powers", "positions", "channels", "steps", "windows", "pairs", "pair bytes",
                "operands", "products", "many steps", "weights 64"]
LEAST_LAYERS_HEIGHT = 12
JOURNAL_BUS, EXIT_BUS = 10, 11
PROGRAM, CONSTANTS = "program", "constants"
BANKS = {(True, False): "bank from image", (True, True): "bank from image, kept",
         (False, False): "bank", (False, True): "bank, kept"}  # by (from image, kept)
NO_PROOF = {"Truncated", "Trailing", "Format", "NonCanonical"}


@contextmanager
def reasons(code=None):
    """Refusals of stark/ as those of host/: `code`, or by what was wrong with a proof."""
    try:
        yield
    except Refused as refused:
        raise Refused(code or ("MalformedReceipt" if refused.code in NO_PROOF else
                               "Insecure" if refused.code == "Security" else "InvalidReceipt"), refused) from refused


# Image (stark/doc/format.md)


@dataclass
class Bank:
    base: int  # place of its first word
    kind: int
    column: int  # its first one among the columns of banks; of a blank bank meaningless

    @property
    def constant(self):
        return self.base >= READ_ONLY_BASE

    @property
    def volume(self):
        """None: its columns stand in the slot `image`, or it has none."""
        in_image = self.kind == BLANK or self.column < IMAGE_COLUMNS
        return None if in_image else (self.column - IMAGE_COLUMNS) // VOLUME_COLUMNS

    @property
    def first(self):
        """Its first column in that slot."""
        return self.column if self.volume is None else (self.column - IMAGE_COLUMNS) % VOLUME_COLUMNS


@dataclass
class Roots:
    """Of the fixed trees of one rate."""
    log_blowup: int
    volumes: list  # (root, width)
    root: bytes
    layers: list  # of the tensor unit's fixed tables, by groups of layers


@dataclass
class Image:
    log_program: int
    banks: list  # bank 1, 2, ...
    width: int  # of the columns of banks in the slot `image`
    layers: list  # of each group of layers: heights of the tensor unit's fixed tables, 0 where there is none
    roots: list  # of one rate, or of two

    def roots_for(self, proof):
        """Those that this proof's key has."""
        return self.roots[-1 if params_of(proof).log_blowup > self.roots[0].log_blowup else 0]


def parse_image(data):
    reader = Reader(data, "image")
    reader.magic(b"ZKVI", 8)

    def ranged(what, value, low, high):
        require(low <= value <= high, "Format", f"image: {what}: expected {low}..{high}, found {value}")
        return value

    log_blowup = ranged("log_blowup", reader.uint(1), 1, 4)
    entry = reader.uint(4)
    require(entry % 4 == 0 and entry < ADDRESS_END, "Format", f"image: entry {entry:#x}")
    log_program = ranged("program", reader.uint(1), LEAST_HEIGHT, GREATEST_HEIGHT)
    banks, columns, end, last = [], BLANK_COLUMNS, 0, None
    for i in range(reader.uint(2)):
        base, count, kind = reader.uint(4), reader.uint(2), reader.uint(1)
        require(kind <= PARTIAL and count > 0, "Format", f"image: run {i}: kind {kind}, {count} banks")
        space = READ_ONLY_BASE if base >= READ_ONLY_BASE else 0
        require(base % BANK_WORDS == 0 and base + count * BANK_WORDS <= space + ADDRESS_END // 4, "Format",
                f"image: run {i}: {count} banks at word {base:#x}")
        require(base != space or kind == PARTIAL, "Format", f"image: run {i}: address 0 is declared")
        require(base > end or base == end and kind != last, "NonCanonical", f"image: run {i}: no longest ones in order")
        end, last = base + count * BANK_WORDS, kind
        width = COLUMNS[kind]
        if width:
            columns = -(-columns // width) * width
        banks += [Bank(base + j * BANK_WORDS, kind, columns + j * width) for j in range(count)]
        columns += count * width
    widths = [min(VOLUME_COLUMNS, columns - first) for first in range(IMAGE_COLUMNS, columns, VOLUME_COLUMNS)]

    flags = reader.uint(1)
    groups, model = flags & 1, flags & 2
    require(flags < 8 and (groups or not flags & 4), "NonCanonical", f"image: flags {flags}")
    if model:
        reader.bytes(32)  # the digest of what it says of its model, which is there to be hashed
    if flags & 4:
        groups = reader.uint(1)
        require(groups > 1, "NonCanonical", f"image: {groups} groups of layers")
        ranged("groups of layers", groups, 2, MOST_GROUPS)
    heights = [reader.uints(1, len(LAYER_TABLES)) for _ in range(groups)]

    def read_roots(log_blowup):
        volumes = [(reader.bytes(32), width) for width in widths]
        return Roots(log_blowup, volumes, reader.bytes(32), [reader.bytes(32) for _ in range(groups)])

    roots = [read_roots(log_blowup)]
    lower = reader.uint(1)
    require(lower <= 1, "NonCanonical", f"image: lower rate: {lower}")
    if lower:
        require(log_blowup < 4, "Format", "image: no rate below 1/16")
        roots.append(read_roots(log_blowup + 1))
    ranged("program", log_program, LEAST_HEIGHT, GREATEST_DOMAIN - roots[-1].log_blowup)
    for table, height in [pair for of_group in heights for pair in zip(LAYER_TABLES, of_group)]:
        if height or table == "layers":
            ranged(table, height, LEAST_LAYERS_HEIGHT, min(GREATEST_HEIGHT, GREATEST_DOMAIN - roots[-1].log_blowup))
    image = Image(log_program, banks, min(columns, IMAGE_COLUMNS), heights, roots)
    reader.end()
    return image


# Receipt (host/doc/receipt.md)


@dataclass
class Use:
    """What a segment does with a bank."""
    bank: int
    constant: bool = False
    before: int | None = None  # the last segment that used it; None: it is as in the image
    after: int | None = None  # the next one that does


@dataclass
class Segment:
    journal_begin: int
    journal_end: int
    uses: list  # bank 0 first
    starts: dict = field(default_factory=dict)  # root of the words that an earlier segment left, by that segment
    ends: dict = field(default_factory=dict)  # root of the words that are left for a later segment, by that segment
    proof: bytes = b""


@dataclass
class Receipt:
    image: bytes
    exit_code: int
    journal: list  # words
    segments: list = field(default_factory=list)


def parse_receipt(data):
    reader = Reader(data, "receipt")
    reader.magic(b"ZKVR", 4)
    image, exit_code, words = reader.bytes(reader.uint(4)), reader.uint(4), reader.uint(4)
    require(words <= MAX_JOURNAL_WORDS, "Format", f"journal: {words} words")
    receipt = Receipt(image, exit_code, reader.uints(4, words))
    position = 0
    count = reader.uint(4)
    require(count > 0, "Format", "no segments")
    for i in range(count):
        end = reader.uint(4)
        banks, constants = reader.uints(2, reader.uint(2)), reader.uints(2, reader.uint(2))
        require(position <= end <= words, "Format", f"segment {i}: journal position {end} of {position}..{words}")
        listed = [MACHINE_BANK, *banks, *constants]
        require(all(a < b for a, b in zip(listed, listed[1:])), "Format", f"segment {i}: banks out of order")
        uses = [Use(bank) for bank in (MACHINE_BANK, *banks)] + [Use(bank, constant=True) for bank in constants]
        receipt.segments.append(Segment(position, end, uses))
        position = end
    require(position == words, "Format", f"journal: {words} words, the segments have {position}")
    _read_roots(reader, receipt.segments)
    for segment in receipt.segments:
        segment.proof = reader.bytes(reader.uint(4))
    reader.end()
    return receipt


def _read_roots(reader, segments):
    """Banks of constants stay as they are in the image: nobody leaves them to anybody."""
    last = {}  # by bank: the segment that used it last, and its use
    for i, segment in enumerate(segments):
        for use in segment.uses:
            if use.constant:
                continue
            if use.bank in last:
                use.before, earlier = last[use.bank]
                earlier.after = i
            last[use.bank] = i, use
    for i, segment in enumerate(segments):
        for j in sorted({use.after for use in segment.uses} - {None}):
            segment.ends[j] = segments[j].starts[i] = reader.bytes(32)


# Key and statement of a segment (stark/doc/format.md)


def is_group(image, bank):
    return LAYERS_BANK - len(image.layers) < bank <= LAYERS_BANK


def has_words(image, bank):
    return bank not in (BLAKE3_BANK, SHA256_BANK) and not is_group(image, bank)


class Slots:
    """The slots of one segment, in order: `image`, those of groups of layers, volumes, words from before, words for later."""

    def __init__(self, image, segment):
        self.rows = []  # (root, {log_height: width}) of each slot; the root is None for a shared one
        banks = [image.banks[use.bank - 1] for use in segment.uses[1:] if has_words(image, use.bank)]
        roots = image.roots_for(segment.proof)
        self.image = self._add(roots.root, image.width)
        groups = [LAYERS_BANK - use.bank for use in segment.uses if is_group(image, use.bank)]
        self.layers = {group: self._add(roots.layers[group]) for group in groups}
        used = {bank.volume for bank in banks} - {None}
        self.volumes = {volume: self._add(*roots.volumes[volume]) for volume in sorted(used)}
        self.starts = {i: self._add(None) for i in sorted(segment.starts)}
        self.ends = {i: self._add(None) for i in sorted(segment.ends)}

    def _add(self, root, width=0):
        self.rows.append((root, {LOG_BANK: width} if width else {}))
        return len(self.rows) - 1

    def append(self, slot, log_height, width):
        """The next columns of a slot that is filled chip by chip."""
        rows = self.rows[slot][1]
        rows[log_height] = rows.get(log_height, 0) + width
        return slot, rows[log_height] - width

    def of_bank(self, image, use):
        if use.bank == MACHINE_BANK:
            places = [self.append(self.image, LOG_BANK, 2), self.append(self.image, LOG_BANK, 2)]
        else:
            bank = image.banks[use.bank - 1]
            slot, first = self.image if bank.volume is None else self.volumes[bank.volume], bank.first
            places = {BLANK: [(self.image, 0), (self.image, 2)],
                      WHOLE: [(self.image, 0), (slot, first)],
                      PARTIAL: [(slot, first), (slot, first + 2)]}[bank.kind]
        if use.before is not None:
            places.append(self.append(self.starts[use.before], LOG_BANK, 2))
        if use.after is not None:
            places.append(self.append(self.ends[use.after], LOG_BANK, 2))
        return places


def segment_key(machine, image, segment):
    for use in segment.uses:
        if not has_words(image, use.bank):
            require(use.constant, "Statement", "chips: not of the kind that the segment takes them for")
            continue
        require(use.bank <= len(image.banks), "Statement", f"bank {use.bank} of {len(image.banks)}")
        require(use.bank == MACHINE_BANK or use.constant == image.banks[use.bank - 1].constant, "Statement",
                f"bank {use.bank}: not of the kind that the segment takes it for")
    slots = Slots(image, segment)
    chips = {chip.name: chip for chip in machine.chips}
    placed = []  # (chip, its name here, its height, (slot, first column) of each of its slots, its base)
    for chip in machine.chips:
        if chip.name == CONSTANTS or chip.name in (*BANKS.values(), *BLAKE3_CHIPS, XOR_TABLE, *SHA256_CHIPS,
                                              *LAYER_CHIPS, *LAYER_TABLES):
            continue
        log_height = image.log_program if chip.name == PROGRAM else chip.log_height
        places = [slots.append(slots.image, log_height, width) for *_, width in chip.slots]
        placed.append((chip, chip.name, log_height, places, 0))
        if chip.name == BYTE_TABLE:
            of_bytes = places
    for use in segment.uses:
        if not has_words(image, use.bank):
            continue
        bank = None if use.bank == MACHINE_BANK else image.banks[use.bank - 1]
        chip = CONSTANTS if use.constant else BANKS[use.before is None, use.after is not None]
        placed.append((chips[chip], f"bank {use.bank}", LOG_BANK, slots.of_bank(image, use), bank.base if bank else 0))

    listed = {use.bank for use in segment.uses}
    if BLAKE3_BANK in listed:
        placed += [(chips[name], name, chips[name].log_height, [], 0) for name in BLAKE3_CHIPS]
        placed.append((chips[XOR_TABLE], XOR_TABLE, chips[XOR_TABLE].log_height, of_bytes, 0))
    if SHA256_BANK in listed:
        placed += [(chips[name], name, chips[name].log_height, [], 0) for name in SHA256_CHIPS]
    if slots.layers:
        placed += [(chips[name], name, chips[name].log_height, [], 0) for name in LAYER_CHIPS]
    for group, slot in slots.layers.items():
        for name, height in zip(LAYER_TABLES, image.layers[group]):
            if height:
                places = [slots.append(slot, height, width) for *_, width in chips[name].slots]
                placed.append((chips[name], f"layers {group}: {name}" if group else name, height, places, 0))

    widest = max(len(item.tuple) for chip, *_ in placed for item in chip.interactions)
    log_blowup = image.roots_for(segment.proof).log_blowup
    return parse_key(key_bytes(widest, log_blowup, slots.rows, [chip_bytes(*place) for place in placed]))


def limbs(word):
    return [word & 0xFFFF, word >> 16]


def segment_statement(image, receipt, index):
    segment = receipt.segments[index]
    publics = [Public(JOURNAL_BUS, -1, 1, [position, *limbs(receipt.journal[position])])
               for position in range(segment.journal_begin, segment.journal_end)]
    if index == len(receipt.segments) - 1:
        publics.append(Public(EXIT_BUS, -1, 1, limbs(receipt.exit_code)))
    slots = Slots(image, segment)
    shared = [(slots.starts[i], root) for i, root in segment.starts.items()]
    shared += [(slots.ends[i], root) for i, root in segment.ends.items()]
    return make_statement(publics, sorted(shared))


# All checks


def params_of(proof):
    return read_params(Reader(proof, "proof"))


def verify_receipt(machine, data, image_id, security=128.0, widest=JOHNSON):
    """`machine`: parse_key's, of the machine's key; `data`, `image_id`: bytes; `widest`: of soundness. Raises Refused with a code of host/error.h
    or returns (receipt, proven bits)."""
    with reasons("MalformedReceipt"):
        receipt = parse_receipt(data)
        image = parse_image(receipt.image)
    found = blake3(b"zkvm image" + receipt.image)
    require(found == image_id, "WrongProgram", f"expected {image_id.hex()}, found {found.hex()}")

    tasks, params, rate = [], None, 0  # (key, shape, statement) of each segment
    for index, segment in enumerate(receipt.segments):
        with reasons():
            found = params_of(segment.proof)
        params = params or found
        require(found == params, "InvalidReceipt", f"segment {index}: other parameters")
        with reasons():
            key = segment_key(machine, image, segment)
            shape = open_proof(key, segment.proof).shape
        rows = sum(len(group.tables) * group.height for group in shape.groups)
        require(rows <= MAX_ROWS, "InvalidReceipt", f"segment {index}: {rows} rows")
        rate = max(rate, shape.rate)
        tasks.append((key, shape, segment_statement(image, receipt, index)))

    extra = log2(len(receipt.segments))
    if len(receipt.segments) > 1:
        widest = UNIQUE
    for index, task in enumerate(tasks):
        found = bits_of(soundness(*task, rate, security + extra, widest))
        require(found >= security + extra, "Insecure", f"segment {index}: expected {security + extra} bits, found {found}")
    bits = []
    for (key, _, statement), segment in zip(tasks, receipt.segments):
        with reasons():
            rounds = verify(key, statement, segment.proof, security + extra, rate, widest)
        bits.append(bits_of(rounds))
    return receipt, min(bits) - extra


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machine_key")
    parser.add_argument("receipt")
    parser.add_argument("image_id", type=bytes.fromhex)
    parser.add_argument("--security", type=float, default=128.0, metavar="BITS")
    parser.add_argument("--regime", choices=[UNIQUE, JOHNSON], default=JOHNSON, help="the widest that is accepted")
    arguments = parser.parse_args()
    try:
        files = []
        for path in (arguments.machine_key, arguments.receipt):
            with open(path, "rb") as file:
                files.append(file.read())
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        receipt, bits = verify_receipt(parse_key(files[0]), files[1], arguments.image_id, arguments.security,
                                       arguments.regime)
    except Refused as refused:
        print(f"invalid: {refused}")
        return 1
    print(f"valid: exit code {receipt.exit_code}, {len(receipt.journal)} words, {len(receipt.segments)} segments, {bits:.2f} bits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
