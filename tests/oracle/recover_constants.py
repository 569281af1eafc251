"""Fixed columns are public: reads a program's constants from ordinary receipts of it (stark/doc/zero_knowledge.md, "What
still shows"). Of the program it knows nothing but its receipts and the pages.

    python3 tests/oracle/recover_constants.py ZKVM_MACHINE_KEY ZKVM GUEST SECRET

GUEST holds the file SECRET among its constants. Exit status 0: they were read, byte for byte. If this fails because fixed
columns are masked, the pages that say "public: the program with all its constants" are no longer true: README.md,
zero_knowledge.md, `zkvm inspect` and what else `grep -rn "enough receipts"` finds.
"""

import pathlib
import subprocess
import sys
import tempfile

from field import P, from_wire, root
from formats import parse_key
from receipt import parse_image, parse_receipt, segment_key, segment_statement
from verify import open_proof, read_trees, replay

LOW, HIGH = 2, 3  # of the chip's columns: place, declared, value lo, value hi, time
SPARE = 8         # opened points that are not used to read the constants, but to tell that they were read
MOST_RECEIPTS = 24  # twice as many as the guest takes


def opened_constants(machine, data):
    """The height of the first bank of constants, and its opened values: x -> (lo, hi)."""
    receipt, points = parse_receipt(data), {}
    image = parse_image(receipt.image)
    for index, segment in enumerate(receipt.segments):
        key, statement = segment_key(machine, image, segment), segment_statement(image, receipt, index)
        opening = open_proof(key, segment.proof)
        shape = opening.shape
        slot_roots = [key.slots[slot] or statement.shared[slot] for slot in shape.slots]
        trees = read_trees(opening.reader, shape, replay(key, statement, opening, slot_roots).indices)
        first = next(f"bank {use.bank}" for use in segment.uses if use.constant)
        group, table = next((group, table) for group in shape.groups for table in group.tables if table.chip.name == first)
        tree = trees[table.columns[LOW][0]]  # that of `image`: all of it is 2^14 rows, so each column is a word
        for row, words in tree.rows.items():
            x = shape.point(group.log_height, row >> tree.log_stride)
            points[x] = [from_wire(words[table.columns[c][1]]) for c in (LOW, HIGH)]
    return group.height, points


def product(x, roots):
    result = 1
    for a in roots:
        result = result * (x - a) % P
    return result


class Columns:
    """Two columns of `height` rows, of which all behind the first `used` hold 0. Each is K A, where K vanishes on those rows and
    is known, and A has degree below `used`, so that as many opened values determine it."""

    def __init__(self, height, points):
        """`points`: x -> their values there, for as many x as there are used rows."""
        self.height, self.xs = height, list(points)
        w = root(height.bit_length() - 1)
        self.rows = [pow(w, i, P) for i in range(len(points))]
        self.places = {row: i for i, row in enumerate(self.rows)}
        self.coefficients = []  # of the As, in Newton's form: for each i, of the product of X - x over the first i of the xs
        for x in self.xs:
            scale = pow(product(x, self.xs[:len(self.coefficients)]), -1, P)
            unknown = pow(self.known(x), -1, P)
            self.coefficients.append(
                [(value * unknown - so_far) * scale % P for value, so_far in zip(points[x], self.quotients(x))])

    def known(self, x):
        """K at x: (X^height - 1) divided by the product of X - row over the used rows."""
        if x not in self.places:
            return (pow(x, self.height, P) - 1) * pow(product(x, self.rows), -1, P) % P
        place = self.places[x]
        return self.height * pow(x * product(x, self.rows[:place] + self.rows[place + 1:]), -1, P) % P

    def quotients(self, x):
        """Both As at x."""
        low = high = 0
        for i in reversed(range(len(self.coefficients))):
            factor, (a, b) = x - self.xs[i], self.coefficients[i]
            low, high = (low * factor + a) % P, (high * factor + b) % P
        return low, high

    def at(self, x):
        known = self.known(x)
        return [known * quotient % P for quotient in self.quotients(x)]


def recover(height, points):
    """The words of the bank, None if these points do not tell."""
    xs = list(points)
    used = len(xs) - SPARE
    columns = Columns(height, {x: points[x] for x in xs[:used]})
    if any(columns.at(x) != points[x] for x in xs[used:]):
        return None
    limbs = [columns.at(row) for row in columns.rows]
    return b"".join(limb.to_bytes(2, "little") for low_and_high in limbs for limb in low_and_high)


def main():
    machine_key, zkvm, guest, secret_file = sys.argv[1:]
    machine = parse_key(subprocess.run([machine_key], capture_output=True, check=True).stdout)
    secret = pathlib.Path(secret_file).read_bytes()
    points = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "input").write_bytes(bytes(4))
        for count in range(1, MOST_RECEIPTS + 1):
            subprocess.run([zkvm, "prove", guest, "--input", folder / "input", "--output", folder / "receipt"],
                           capture_output=True, check=True)
            height, opened = opened_constants(machine, (folder / "receipt").read_bytes())
            points |= opened
            words = recover(height, points)
            if words is not None:
                break
        else:
            print(f"{len(points)} values of {MOST_RECEIPTS} receipts do not determine the constants")
            return 1
    at = words.find(secret)
    print(f"{count} receipts opened {len(points)} of the values of a column of {height} rows: they determine {len(words)} bytes, "
          f"the secret {'at byte ' + str(at) if at >= 0 else 'not among them'}")
    return 0 if at >= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
