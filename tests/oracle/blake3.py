"""BLAKE3 in plain Python, from the paper (O'Connor et al., 2020, section 2). Default mode, extended output; and the two
uses that the Merkle trees make of its compression function (stark/doc/protocol.md, section 2).

A vector is an int that holds a word in the low half of each 64 bits: Python adds and shifts hundreds of words as fast as one.

    python3 tests/oracle/blake3.py      checks tests/vectors/blake3.json
"""

import struct

CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
COLUMNS_THEN_DIAGONALS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
MASK = 0xFFFFFFFF


def _schedule():
    order = tuple(range(16))
    for _ in range(7):
        yield tuple(cell + order[2 * i:2 * i + 2] for i, cell in enumerate(COLUMNS_THEN_DIAGONALS))
        order = tuple(order[p] for p in PERMUTATION)


SCHEDULE = tuple(_schedule())


def compress(cv, block, counter, length, flags, ones=1):
    """All 16 output words; the new chaining value is the first eight. `block` is 16 words. With a
    vector of ones, chaining values and blocks are vectors as long, and counter is one of 64 bits each."""
    mask = MASK * ones
    v = [*cv, *(word * ones for word in IV[:4]), counter & mask, counter >> 32 & mask, length * ones, flags * ones]
    for round_ in SCHEDULE:
        for a, b, c, d, x, y in round_:
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = (va + vb + block[x]) & mask
            vd ^= va
            vd = (vd >> 16 | vd << 16) & mask
            vc = (vc + vd) & mask
            vb ^= vc
            vb = (vb >> 12 | vb << 20) & mask
            va = (va + vb + block[y]) & mask
            vd ^= va
            vd = (vd >> 8 | vd << 24) & mask
            vc = (vc + vd) & mask
            vb ^= vc
            vb = (vb >> 7 | vb << 25) & mask
            v[a], v[b], v[c], v[d] = va, vb, vc, vd
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ cv[i] for i in range(8)]


def to_vector(words):
    return int.from_bytes(struct.pack(f"<{len(words)}Q", *words), "little")


def from_vectors(vectors, count):
    """For each of `count` places, the words of all vectors there."""
    return list(zip(*(struct.unpack(f"<{count}Q", vector.to_bytes(8 * count, "little")) for vector in vectors)))


def to_words(data):
    return struct.unpack(f"<{len(data) // 4}I", data)


def to_bytes(words):
    return struct.pack(f"<{len(words)}I", *words)


def _block(data):
    return to_words(data.ljust(64, b"\0"))


def _last_compression(chunk, number):
    """Of a chunk, not yet done: (cv, block, counter, length, flags)."""
    cv, start = IV, CHUNK_START
    while len(chunk) > 64:
        cv = compress(cv, _block(chunk[:64]), number, 64, start)[:8]
        chunk, start = chunk[64:], 0
    return cv, _block(chunk), number, len(chunk), start | CHUNK_END


def _of_full_chunks(data, count):
    """The chaining values of its first `count` chunks."""
    words, ones = struct.unpack(f"<{256 * count}I", data[:1024 * count]), to_vector([1] * count)
    cv, numbers = [word * ones for word in IV], to_vector(range(count))
    for i in range(16):
        block = [to_vector(words[16 * i + j::256]) for j in range(16)]
        flags = (CHUNK_START if i == 0 else 0) | (CHUNK_END if i == 15 else 0)
        cv = compress(cv, block, numbers, 64, flags, ones)[:8]
    return from_vectors(cv, count)


def _node_of(data):
    """The last compression over `data`, not yet done."""
    full = max(0, len(data) - 1) // 1024  # chunks before the last one
    last = _last_compression(data[1024 * full:], full)
    if full == 0:
        return last
    nodes = [*_of_full_chunks(data, full), tuple(compress(*last)[:8])]
    while len(nodes) > 2:
        pairs = [left + right for left, right in zip(nodes[::2], nodes[1::2])]
        nodes = [*_nodes_over(pairs, PARENT), *nodes[2 * len(pairs):]]  # an odd one waits for a node of its height
    return IV, nodes[0] + nodes[1], 0, 64, PARENT


def _nodes_over(pairs, flags):
    """The chaining value over each of some pairs, of 16 words each."""
    ones = to_vector([1] * len(pairs))
    block = [to_vector(column) for column in zip(*pairs)]
    return from_vectors(compress([word * ones for word in IV], block, 0, 64, flags, ones)[:8], len(pairs))


def blake3_words(data):
    """The output of BLAKE3(data) as an endless stream of 32-bit words."""
    cv, block, _, length, flags = _node_of(data)
    counter = 0
    while True:
        yield from compress(cv, block, counter, length, flags | ROOT)
        counter += 1


def blake3(data, length=32):
    """The first `length` bytes of the output."""
    words = blake3_words(data)
    return to_bytes([next(words) for _ in range(-(-length // 4))])[:length]


def row_hashes(rows):
    """32 bytes of each row of a table: the chain of compressions over it, zero-padded to whole blocks."""
    columns = [to_vector(column) for column in zip(*rows)]
    blocks = max(1, -(-len(columns) // 16))
    columns += [0] * (16 * blocks - len(columns))
    ones = to_vector([1] * len(rows))
    cv = [word * ones for word in IV]
    for i in range(blocks):
        flags = (CHUNK_START if i == 0 else 0) | (CHUNK_END | ROOT if i == blocks - 1 else 0)
        cv = compress(cv, columns[16 * i:16 * i + 16], 0, 64, flags, ones)[:8]
    return [to_bytes(digest) for digest in from_vectors(cv, len(rows))]


def node_hashes(pairs):
    """32 bytes of each pair of digests, left and right: the Merkle node over them."""
    words = [struct.unpack("<16I", left + right) for left, right in pairs]
    return [to_bytes(digest) for digest in _nodes_over(words, PARENT | CHUNK_START | CHUNK_END | ROOT)]


def _self_test():
    import itertools
    import json
    import pathlib
    path = pathlib.Path(__file__).parents[1] / "vectors" / "blake3.json"
    cases = json.loads(path.read_text())["cases"]
    for case in cases:
        data = bytes(i % 251 for i in range(case["input_len"]))
        assert blake3(data, 131).hex() == case["hash"], case["input_len"]
    rows = [[(i * j * 0x9E3779B1 + j) & MASK for j in range(37)] for i in range(5)]
    for row, digest in zip(rows, row_hashes(rows)):  # a chunk of whole blocks is a message of BLAKE3
        assert digest == blake3(to_bytes(row + [0] * 11))
    digests = row_hashes(rows)
    pairs = list(itertools.product(digests, digests))
    assert node_hashes(pairs) == [node_hashes([pair])[0] for pair in pairs]
    print(f"{len(cases)} vectors pass, and rows and nodes alone hash as among others")


if __name__ == "__main__":
    _self_test()
