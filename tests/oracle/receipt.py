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
from formats import Public, Reader, Refused, chip_bytes, key_bytes, make_statement, parse_key, require
from shape import soundness
from verify import open_proof, verify

MAX_JOURNAL_WORDS = 1 << 24
MAX_ROWS = 1 << 26
ADDRESS_END = 0x3F000000
LEAST_HEIGHT, GREATEST_HEIGHT, GREATEST_DOMAIN = 14, 22, 24
MACHINE_BANK = 0
JOURNAL_BUS, EXIT_BUS = 10, 11
IMAGE_SLOT = 0  # of the machine's key and of every segment's
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
class Image:
    log_blowup: int
    log_program: int
    log_constants: list
    log_bank: int
    bank_roots: list  # of bank 1, 2, ...
    root: bytes


def parse_image(data):
    reader = Reader(data, "image")
    reader.magic(b"ZKVI")

    def ranged(what, value, low, high):
        require(low <= value <= high, "Format", f"image: {what}: expected {low}..{high}, found {value}")
        return value

    log_blowup = ranged("log_blowup", reader.uint(1), 1, 4)
    highest = min(GREATEST_HEIGHT, GREATEST_DOMAIN - log_blowup)
    entry = reader.uint(4)
    require(entry % 4 == 0 and entry < ADDRESS_END, "Format", f"image: entry {entry:#x}")
    log_program = ranged("program", reader.uint(1), LEAST_HEIGHT, highest)
    log_constants = [ranged("constants", reader.uint(1), LEAST_HEIGHT, highest)
                     for _ in range(ranged("banks of constants", reader.uint(1), 0, 64))]
    log_bank = ranged("bank", reader.uint(1), LEAST_HEIGHT, highest)
    bank_roots, last = [], -1
    for _ in range(ranged("banks", reader.uint(2), 0, 256)):
        base = reader.uint(4)
        require(base % (1 << log_bank) == 0 and last < base < ADDRESS_END // 4, "Format", f"image: bank at word {base:#x}")
        bank_roots.append(reader.bytes(32))
        last = base
    image = Image(log_blowup, log_program, log_constants, log_bank, bank_roots, reader.bytes(32))
    reader.end()
    return image


# Receipt (host/doc/receipt.md)


@dataclass
class Use:
    """What a segment does with a bank."""
    bank: int
    start: bytes | None = None  # root of its words; None: the image's
    end: bytes | None = None    # None: no later segment uses it


@dataclass
class Segment:
    journal_begin: int
    journal_end: int
    uses: list  # bank 0 first
    proof: bytes = b""


@dataclass
class Receipt:
    image: bytes
    exit_code: int
    journal: list  # words
    segments: list = field(default_factory=list)


def parse_receipt(data):
    reader = Reader(data, "receipt")
    reader.magic(b"ZKVR")
    image, exit_code, words = reader.bytes(reader.uint(4)), reader.uint(4), reader.uint(4)
    require(words <= MAX_JOURNAL_WORDS, "Format", f"journal: {words} words")
    receipt = Receipt(image, exit_code, reader.uints(4, words))
    position = 0
    count = reader.uint(4)
    require(count > 0, "Format", "no segments")
    for i in range(count):
        end, banks = reader.uint(4), reader.uints(2, reader.uint(2))
        require(position <= end <= words, "Format", f"segment {i}: journal position {end} of {position}..{words}")
        require(all(a < b for a, b in zip([MACHINE_BANK, *banks], banks)), "Format", f"segment {i}: banks out of order")
        receipt.segments.append(Segment(position, end, [Use(bank) for bank in (MACHINE_BANK, *banks)]))
        position = end
    require(position == words, "Format", f"journal: {words} words, the segments have {position}")
    _read_roots(reader, receipt.segments)
    for segment in receipt.segments:
        segment.proof = reader.bytes(reader.uint(4))
    reader.end()
    return receipt


def _read_roots(reader, segments):
    last_user = {use.bank: i for i, segment in enumerate(segments) for use in segment.uses}
    roots = {}
    for i, segment in enumerate(segments):
        for use in segment.uses:
            use.start = roots.get(use.bank)
            if i < last_user[use.bank]:
                use.end = roots[use.bank] = reader.bytes(32)


# Key and statement of a segment (stark/doc/format.md)


def segment_slots(image, uses):
    """[(root, None if shared)], and the slots of each use: (fixed, in, out), None where it has none."""
    roots, places = [image.root], []

    def add(root):
        roots.append(root)
        return len(roots) - 1

    for use in uses:
        fixed = IMAGE_SLOT if use.bank == MACHINE_BANK else add(image.bank_roots[use.bank - 1])
        places.append((fixed, None if use.start is None else add(None), None if use.end is None else add(None)))
    return roots, places


def segment_key(machine, image, uses):
    for use in uses:
        require(use.bank <= len(image.bank_roots), "Statement", f"bank {use.bank} of {len(image.bank_roots)}")
    roots, places = segment_slots(image, uses)
    chips = {chip.name: chip for chip in machine.chips}
    placed = []  # (chip, its name here, its height, its slots)
    for chip in machine.chips:
        if chip.name == CONSTANTS or chip.name in BANKS.values():
            continue
        log_height = image.log_program if chip.name == PROGRAM else chip.log_height
        placed.append((chip, chip.name, log_height, [slot for slot, _ in chip.slots]))
    for i, log_height in enumerate(image.log_constants):
        placed.append((chips[CONSTANTS], f"constants {i}", log_height, [IMAGE_SLOT]))
    for use, slots in zip(uses, places):
        chip = chips[BANKS[use.start is None, use.end is not None]]
        log_height = LEAST_HEIGHT if use.bank == MACHINE_BANK else image.log_bank
        placed.append((chip, f"bank {use.bank}", log_height, [slot for slot in slots if slot is not None]))

    widest = max(len(item.tuple) for chip, *_ in placed for item in chip.interactions)
    return parse_key(key_bytes(widest, image.log_blowup, roots, [
        chip_bytes(name, log_height, [(slot, width) for slot, (_, width) in zip(slots, chip.slots, strict=True)], chip.rest)
        for chip, name, log_height, slots in placed]))


def limbs(word):
    return [word & 0xFFFF, word >> 16]


def segment_statement(image, receipt, index):
    segment = receipt.segments[index]
    publics = [Public(JOURNAL_BUS, -1, 1, [position, *limbs(receipt.journal[position])])
               for position in range(segment.journal_begin, segment.journal_end)]
    if index == len(receipt.segments) - 1:
        publics.append(Public(EXIT_BUS, -1, 1, limbs(receipt.exit_code)))
    shared = []
    for use, (_, start, end) in zip(segment.uses, segment_slots(image, segment.uses)[1]):
        shared += [(slot, root) for slot, root in ((start, use.start), (end, use.end)) if slot is not None]
    return make_statement(publics, shared)


# All checks


def verify_receipt(machine, data, image_id, security=128.0):
    """`machine`: parse_key's, of the machine's key; `data`, `image_id`: bytes. Raises Refused with a code of host/error.h
    or returns (receipt, proven bits)."""
    with reasons("MalformedReceipt"):
        receipt = parse_receipt(data)
        image = parse_image(receipt.image)
    found = blake3(b"zkvm image" + receipt.image)
    require(found == image_id, "WrongProgram", f"expected {image_id.hex()}, found {found.hex()}")

    tasks, params, rate = [], None, 0  # (key, shape, statement) of each segment
    for index, segment in enumerate(receipt.segments):
        with reasons():
            key = segment_key(machine, image, segment.uses)
            shape = open_proof(key, segment.proof).shape
        params = params or shape.params
        require(shape.params == params, "InvalidReceipt", f"segment {index}: other parameters")
        rows = sum(len(group.tables) * group.height for group in shape.groups)
        require(rows <= MAX_ROWS, "InvalidReceipt", f"segment {index}: {rows} rows")
        rate = max(rate, shape.rate)
        tasks.append((key, shape, segment_statement(image, receipt, index)))

    extra = log2(len(receipt.segments))
    for index, task in enumerate(tasks):
        found = min(bits for _, bits in soundness(*task, rate))
        require(found >= security + extra, "Insecure", f"segment {index}: expected {security + extra} bits, found {found}")
    bits = []
    for (key, _, statement), segment in zip(tasks, receipt.segments):
        with reasons():
            rounds = verify(key, statement, segment.proof, security + extra, rate)
        bits.append(min(found for _, found in rounds))
    return receipt, min(bits) - extra


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machine_key")
    parser.add_argument("receipt")
    parser.add_argument("image_id", type=bytes.fromhex)
    parser.add_argument("--security", type=float, default=128.0, metavar="BITS")
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
        receipt, bits = verify_receipt(parse_key(files[0]), files[1], arguments.image_id, arguments.security)
    except Refused as refused:
        print(f"invalid: {refused}")
        return 1
    print(f"valid: exit code {receipt.exit_code}, {len(receipt.journal)} words, {len(receipt.segments)} segments, {bits:.2f} bits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
