"""The Fiat-Shamir transcript (stark/doc/protocol.md, section 4).

    python3 tests/oracle/transcript.py      prints the golden challenges that tests/stark/transcript/transcript_test.cc expects
"""

import contextlib

from blake3 import blake3, blake3_words

P = 2**31 - 2**24 + 1


class Transcript:
    def __init__(self):
        self.state = blake3(b"zkvm transcript v1")
        self.buffer = b""
        self.path = ""
        self.log = []  # (kind, label, bytes)

    @contextlib.contextmanager
    def scope(self, name):
        outer, self.path = self.path, f"{self.path}{name}/"
        yield
        self.path = outer

    def absorb(self, label, data):
        """`data`: bytes."""
        self._append(label, data)
        self._record("absorb", label, data)

    def squeeze_field(self, label, count):
        """`count` base field elements, as wire words."""
        stream = self._open(label)
        words = []
        while len(words) < count:
            word = next(stream) & 0x7FFFFFFF
            if word < P:
                words.append(word)
        self._close(label, words)
        return words

    def squeeze_extension(self, label, count):
        """`count` extension field elements, each a tuple of five wire words."""
        words = self.squeeze_field(label, 5 * count)
        return [tuple(words[i:i + 5]) for i in range(0, len(words), 5)]

    def squeeze_indices(self, label, log_size, count):
        stream = self._open(label)
        indices = [next(stream) & ((1 << log_size) - 1) for _ in range(count)]
        self._close(label, indices)
        return indices

    def check_grind(self, label, bits, nonce):
        """True if the nonce is good; the transcript then holds it."""
        if bits == 0:
            return nonce == 0
        self._flush()
        return self._finish_grind(label, bits, nonce)

    def grind(self, label, bits):
        """Finds the smallest good nonce (for tests)."""
        if bits == 0:
            return 0
        self._flush()
        nonce = 0
        while not self._finish_grind(label, bits, nonce):
            nonce += 1
        return nonce

    def _finish_grind(self, label, bits, nonce):
        data = nonce.to_bytes(8, "little")
        if int.from_bytes(blake3(self.state + data, 8), "little") % (1 << bits) != 0:
            return False
        self._append(label, data)
        self._record("grind", label, data)
        return True

    def _label(self, label):
        text = (self.path + label).encode()
        return len(text).to_bytes(1, "little") + text

    def _append(self, label, data):
        self.buffer += self._label(label) + len(data).to_bytes(8, "little") + data

    def _flush(self):
        self.state, self.buffer = blake3(self.state + self.buffer), b""

    def _open(self, label):
        self._flush()
        return blake3_words(self.state + self._label(label))

    def _close(self, label, words):
        self._append(label, b"")
        self._record("squeeze", label, b"".join(word.to_bytes(4, "little") for word in words))

    def _record(self, kind, label, data):
        self.log.append((kind, self.path + label, data))


def _golden():
    """A conversation with every kind of message."""
    t = Transcript()
    t.absorb("params", bytes(range(7)))
    t.absorb("root", bytes((7 * i) % 256 for i in range(32)))
    print("one", t.squeeze_extension("one", 1))
    with t.scope("fri"):
        for layer in range(2):
            with t.scope(f"layer {layer}"):
                t.absorb("root", bytes([layer] * 32))
                print("nonce", t.grind("grind", 6 + layer))
                print("beta", t.squeeze_extension("beta", 1))
        t.absorb("final", bytes(i % 251 for i in range(3000)))
    print("no grind", t.grind("off", 0))
    print("batch", t.squeeze_field("batch", 500)[-5:], "of 500 words")  # long enough for rejected words
    print("queries", t.squeeze_indices("queries", 10, 8))
    print("queries", t.squeeze_indices("queries", 10, 8))
    for kind, label, data in t.log:
        print(f"{kind:8} {label:20} {len(data):6} {blake3(data).hex()[:16]}")


if __name__ == "__main__":
    _golden()
