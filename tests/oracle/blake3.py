"""BLAKE3 in plain Python, from the paper (O'Connor et al., 2020, section 2). Default mode, extended output; and the two
uses that the Merkle trees make of its compression function (stark/doc/protocol.md, section 2).

    python3 tests/oracle/blake3.py      checks tests/vectors/blake3.json
"""

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


def compress(cv, block, counter, length, flags):
    """All 16 output words; the new chaining value is the first eight. `block` is 16 words."""
    v = [*cv, *IV[:4], counter & MASK, counter >> 32, length, flags]
    for round_ in SCHEDULE:
        for a, b, c, d, x, y in round_:
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = (va + vb + block[x]) & MASK
            vd ^= va
            vd = vd >> 16 | (vd & 0xFFFF) << 16
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = vb >> 12 | (vb & 0xFFF) << 20
            va = (va + vb + block[y]) & MASK
            vd ^= va
            vd = vd >> 8 | (vd & 0xFF) << 24
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = vb >> 7 | (vb & 0x7F) << 25
            v[a], v[b], v[c], v[d] = va, vb, vc, vd
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ cv[i] for i in range(8)]


def to_words(data):
    return [int.from_bytes(data[i:i + 4], "little") for i in range(0, len(data), 4)]


def to_bytes(words):
    return b"".join(word.to_bytes(4, "little") for word in words)


def _block(data):
    return to_words(data.ljust(64, b"\0"))


def _node_of(data, first_chunk):
    """The last compression of the subtree over `data`, not yet done: (cv, block, counter, length, flags)."""
    if len(data) <= 1024:
        cv, start = IV, CHUNK_START
        while len(data) > 64:
            cv = compress(cv, _block(data[:64]), first_chunk, 64, start)[:8]
            data, start = data[64:], 0
        return cv, _block(data), first_chunk, len(data), start | CHUNK_END
    chunks = (len(data) - 1) // 1024  # full chunks, the last byte left for the right side
    left_chunks = 1 << (chunks.bit_length() - 1)
    split = 1024 * left_chunks
    left = compress(*_node_of(data[:split], first_chunk))[:8]
    right = compress(*_node_of(data[split:], first_chunk + left_chunks))[:8]
    return IV, left + right, 0, 64, PARENT


def blake3_words(data):
    """The output of BLAKE3(data) as an endless stream of 32-bit words."""
    cv, block, _, length, flags = _node_of(data, 0)
    counter = 0
    while True:
        yield from compress(cv, block, counter, length, flags | ROOT)
        counter += 1


def blake3(data, length=32):
    """The first `length` bytes of the output."""
    words = blake3_words(data)
    return to_bytes(next(words) for _ in range(-(-length // 4)))[:length]


def row_hash(words):
    """32 bytes: the chain of compressions over a table row, zero-padded to whole blocks."""
    blocks = max(1, -(-len(words) // 16))
    words = list(words) + [0] * (16 * blocks - len(words))
    cv = IV
    for i in range(blocks):
        flags = (CHUNK_START if i == 0 else 0) | (CHUNK_END | ROOT if i == blocks - 1 else 0)
        cv = compress(cv, words[16 * i:16 * i + 16], 0, 64, flags)[:8]
    return to_bytes(cv)


def node_hash(left, right):
    """32 bytes: a Merkle node over two digests."""
    return to_bytes(compress(IV, to_words(left + right), 0, 64, PARENT | CHUNK_START | CHUNK_END | ROOT)[:8])


def _self_test():
    import json
    import pathlib
    path = pathlib.Path(__file__).parents[1] / "vectors" / "blake3.json"
    cases = json.loads(path.read_text())["cases"]
    for case in cases:
        data = bytes(i % 251 for i in range(case["input_len"]))
        assert blake3(data, 131).hex() == case["hash"], case["input_len"]
    print(f"{len(cases)} vectors pass")


if __name__ == "__main__":
    _self_test()
