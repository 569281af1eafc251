#!/usr/bin/env python3
"""A second verifier, written from stark/doc/protocol.md, format.md and soundness.md alone: scalar, in the order of the
protocol's section 11. Standard library only.

    verify.py KEY STATEMENT PROOF [--security BITS] [--regime unique|johnson]

Exit status 0: valid. 1: invalid; the reason is printed, its first word is its type (stark/protocol/error.h). 2: a file cannot be read.
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import zip_longest
from operator import mul

from blake3 import blake3, node_hashes, row_hashes
from field import DEGREE, E, P, ONE, ZERO, evaluate, from_wire, join, powers, root, weighted_sum
from formats import (ADD, COLUMN, CONST, LATE, MAX_POWER, NEXT, SUB, Reader, Refused, parse_key, parse_statement, read_head,
                     read_params, read_tables, require)
from shape import JOHNSON, UNIQUE, bits_of, check_multiplicities, check_statement, make_shape, soundness
from transcript import Transcript


def check_room(key, tables, reader):
    """Whether the opened values that the tables promise can follow: one a main or late column, five a pair of
    interactions. (Columns of slots may be several chips'.)"""
    chips = [key.chips[chip] for chip, _ in tables if chip < len(key.chips)]
    values = sum(chip.main_width + chip.late_width + 5 * (len(chip.interactions) // 2) for chip in chips)
    require(20 * values <= len(reader.data) - reader.position, "Truncated", f"proof: no room for {values} opened values")


@dataclass
class Opening:
    """A proof read up to the query nonce."""
    reader: Reader  # stands behind it
    shape: object
    table_bytes: bytes
    head: object
    head_bytes: "HeadBytes"


def open_proof(key, proof):
    reader = Reader(proof, "proof")
    params = read_params(reader)
    tables, table_bytes = read_tables(reader)
    check_room(key, tables, reader)
    shape = make_shape(key, params, tables)
    start = reader.position
    head = read_head(reader, shape)
    return Opening(reader, shape, table_bytes, head, HeadBytes(proof[start:reader.position], shape))


def verify(key, statement, proof, security=128.0, least_rate=0, widest=JOHNSON):
    """`key`: parse_key's; `statement`: parse_statement's; `proof`: bytes; `least_rate`, `widest`: of soundness. Raises
    Refused, or returns the rounds' bits."""
    opening = open_proof(key, proof)
    shape, head = opening.shape, opening.head
    check_statement(key, shape, statement)

    rounds = soundness(key, shape, statement, least_rate, security, widest)
    bits = bits_of(rounds)
    require(bits >= security, "Security", f"expected {security} bits, found {bits:.2f}")
    check_multiplicities(shape, statement)

    slot_roots = [key.slots[slot] or statement.shared[slot] for slot in shape.slots]
    drawn = replay(key, statement, opening, slot_roots)
    require(not drawn.zeta.in_base_field(), "Challenge", "zeta lies in the base field")

    check_sums(statement, head, drawn)
    opened = place_openings(shape, head)
    for number, group in enumerate(shape.groups):
        check_constraints(shape, group, head.sums[number], opened[number], drawn)

    trees = read_trees(opening.reader, shape, drawn.indices)
    roots = [*slot_roots, *head.roots.values(), *(layer.root for layer in head.layers)]
    for number, (tree, merkle_root) in enumerate(zip(trees, roots)):
        tree.check(merkle_root, f"tree {number}")

    check_queries(shape, head, opened, drawn, trees)
    return rounds


# Transcript (section 8)


class HeadBytes:
    """The serialised sums, openings and final coefficients, which the transcript absorbs as they lie in the proof."""

    def __init__(self, data, shape):
        element, nonce = 4 * DEGREE, 8 if shape.params.grind_round else 0
        reader = Reader(data, "head")
        reader.bytes(32 * len(shape.phases))
        self.sums = reader.bytes(element * len(shape.groups))
        reader.bytes(nonce * len(shape.challenges))
        self.openings = reader.bytes(element * shape.openings)
        reader.bytes((32 + nonce) * len(shape.layers))
        self.final = reader.bytes(element * shape.final_bound)


@dataclass
class Challenges:
    late: list  # powers of lambda and of mu, if there are late columns
    fingerprints: "Fingerprints"  # gamma and beta
    alpha: E
    zeta: E
    batch: list  # one per opened stack
    folds: list  # of each layer, one beta a halving
    indices: list


def replay(key, statement, opening, slot_roots):
    shape, head, head_bytes = opening.shape, opening.head, opening.head_bytes
    params, transcript = shape.params, Transcript()

    def grind(label, bits, nonce):
        require(transcript.check_grind(label, bits, nonce), "Nonce", f"{label}: {bits} bits are not zero")

    def squeeze(label, count):
        return [E.from_wire(words) for words in transcript.squeeze_extension(label, count)]

    transcript.absorb("params", params.bytes)
    transcript.absorb("key", blake3(key.bytes))
    transcript.absorb("statement", statement.bytes)
    transcript.absorb("tables", opening.table_bytes)
    transcript.absorb("slots", b"".join(slot_roots))
    transcript.absorb("main", head.roots["main"])
    late = []
    if shape.late:
        grind("grind late", params.grind_round, head.nonces["late"])
        late = [powers(challenge, MAX_POWER + 1) for challenge in squeeze("late", 2)]
        transcript.absorb("late", head.roots["late"])
    grind("grind logup", params.grind_round, head.nonces["logup"])
    gamma, beta = squeeze("logup", 2)
    transcript.absorb("aux", head.roots["aux"])
    transcript.absorb("sums", head_bytes.sums)
    alpha, = squeeze("alpha", 1)
    transcript.absorb("quotient", head.roots["quotient"])
    grind("grind zeta", params.grind_round, head.nonces["zeta"])
    zeta, = squeeze("zeta", 1)
    transcript.absorb("openings", head_bytes.openings)
    grind("grind batch", params.grind_round, head.nonces["batch"])
    batch = squeeze("batch", sum(len(group.stacks + group.next) for group in shape.groups))
    folds = []
    with transcript.scope("fri"):
        for i, (layer, sent) in enumerate(zip(shape.layers, head.layers)):
            with transcript.scope(f"layer {i}"):
                transcript.absorb("root", sent.root)
                grind("grind", params.grind_round, sent.nonce)
                folds.append(squeeze("fold", layer.log_arity))
        transcript.absorb("final", head_bytes.final)
    grind("grind query", params.grind_query, head.query_nonce)
    indices = transcript.squeeze_indices("queries", shape.log_domain, params.queries)
    return Challenges(late, Fingerprints(key.tuple_width, gamma, beta), alpha, zeta, batch, folds, indices)


# LogUp and constraints (sections 6 and 7)


class Fingerprints:
    def __init__(self, key_width, gamma, beta):
        self.gamma, self.powers = gamma, [ONE]
        for _ in range(key_width):
            self.powers.append(self.powers[-1] * beta)

    def of(self, bus, entries):
        """`entries` in E."""
        result = self.gamma + self.powers[-1].scale(bus)
        for power, entry in zip(self.powers, entries):
            result = result + power * entry
        return result


def check_sums(statement, head, drawn):
    total = ZERO
    for s in head.sums:
        total = total + s
    for i, item in enumerate(statement.publics):
        f = drawn.fingerprints.of(item.bus, [E.of(entry) for entry in item.tuple])
        require(f != ZERO, "Challenge", f"the fingerprint of public interaction {i} is zero")
        total = total + f.inverse().scale(item.sign * item.multiplicity)
    require(total == ZERO, "BusSum", f"expected 0, found {tuple(total)}")


@dataclass
class Opened:
    """The opened values of a group, by (tree, column)."""
    at_zeta: dict
    at_next: dict

    def extension(self, tree, first, values=None):
        """The value of a column in E that is five base columns."""
        values = values or self.at_zeta
        return join([values[tree, first + j] for j in range(DEGREE)])


def place_openings(shape, head):
    values, result = iter(head.openings), []
    for group in shape.groups:
        at_zeta, at_next = ({(stack.tree, column): next(values) for stack in stacks for column in stack.columns}
                            for stacks in (group.stacks, group.next))
        result.append(Opened(at_zeta, at_next))
    return result


def evaluate_nodes(table, opened, late):
    values = []
    for op, a, b in table.chip.nodes:
        if op == CONST:
            values.append(E.of(a))
        elif op == COLUMN:
            values.append(opened.at_zeta[table.columns[a]])
        elif op == NEXT:
            values.append(opened.at_next[table.columns[a]])
        elif op == LATE:
            values.append(E.of(late[a // DEGREE][b][a % DEGREE]))
        elif op == ADD:
            values.append(values[a] + values[b])
        elif op == SUB:
            values.append(values[a] - values[b])
        else:
            values.append(values[a] * values[b])
    return values


def evaluate_form(form, opened):
    result = E.of(form.constant)
    for ref, coefficient in form.terms:
        result = result + opened.at_zeta[ref].scale(coefficient)
    return result


def group_constraints(shape, group, total, opened, drawn):
    """Every C_i at zeta, in order."""
    aux = shape.tree("aux")
    for table in group.tables:
        nodes = evaluate_nodes(table, opened, drawn.late)
        yield from (nodes[i] for i in table.chip.asserts)

    terms = [(evaluate_form(item.multiplicity, opened).scale(item.sign),
              drawn.fingerprints.of(item.bus, [evaluate_form(form, opened) for form in item.tuple]))
             for item in group.interactions]
    sum_of_pairs = ZERO
    for pair in range(group.pairs):
        h = opened.extension(aux, DEGREE * pair)
        sum_of_pairs = sum_of_pairs + h
        if 2 * pair + 1 == len(terms):
            m, f = terms[2 * pair]
            yield h * f - m
        else:
            (m1, f1), (m2, f2) = terms[2 * pair:2 * pair + 2]
            yield h * f1 * f2 - (m1 * f2 + m2 * f1)

    acc = group.acc
    step = opened.extension(aux, acc, opened.at_next) - opened.extension(aux, acc)
    yield step - sum_of_pairs + total.scale(pow(group.height, -1, P))


def check_constraints(shape, group, total, opened, drawn):
    combined, power = ZERO, ONE
    for value in group_constraints(shape, group, total, opened, drawn):
        combined = combined + power * value
        power = power * drawn.alpha
    quotient = shape.tree("quotient")
    q = opened.extension(quotient, 0) + drawn.zeta.power(group.split) * opened.extension(quotient, DEGREE)
    require(combined == (drawn.zeta.power(group.height) - ONE) * q, "Constraints",
            f"the identity fails for height 2^{group.log_height}")


# Openings (section 3)


class OpenedTree:
    """What a tree shows at some indices of its domain: rows as wire words, and the digests of the multi-proof."""

    def __init__(self, reader, log_rows, row_words, indices, log_stride=0):
        self.log_rows, self.log_stride = log_rows, log_stride
        self.rows = {i: reader.words(row_words) for i in sorted({self.place(e) for e in indices})}
        count, expected = reader.uint(4), self.missing()
        require(count == expected, "Format", f"digests: expected {expected}, found {count}")
        self.digests = [reader.bytes(32) for _ in range(count)]

    def place(self, e):
        return (e << self.log_stride) % (1 << self.log_rows)

    def row(self, e):
        """At index e of the tree's domain, or of a taller one."""
        return self.rows[self.place(e)]

    def missing(self):
        """The number of digests that these indices need."""
        count, known = 0, set(self.rows)
        for m in reversed(range(self.log_rows)):
            parents = {i % (1 << m) for i in known}
            count += 2 * len(parents) - len(known)
            known = parents
        return count

    def check(self, merkle_root, where):
        digests = iter(self.digests)
        known = dict(zip(self.rows, row_hashes(tuple(map(tuple, self.rows.values())))))
        for m in reversed(range(self.log_rows)):
            parents = sorted({i % (1 << m) for i in known})
            pairs = tuple(tuple(known[j] if j in known else next(digests) for j in (i, i + (1 << m))) for i in parents)
            known = dict(zip(parents, node_hashes(pairs)))
        require(known[0] == merkle_root, "Merkle", f"{where}: expected root {merkle_root.hex()}, found {known[0].hex()}")


def read_trees(reader, shape, indices):
    trees = [OpenedTree(reader, tree.log_rows, tree.row_words, indices, tree.log_blowup - shape.params.log_blowup)
             for tree in shape.trees]
    trees += [OpenedTree(reader, layer.log_rows, DEGREE << layer.log_arity, indices) for layer in shape.layers]
    reader.end()
    return trees


# DEEP batch and FRI (section 10)


@dataclass
class BatchPart:
    """(sum c F(x_h) - sum c V(x_h)) / (x_n - point), over stacks of one group."""
    log_height: int  # n
    point: E
    words: list  # (tree, word) of each F
    coordinates: list  # of all c: five lists
    values: dict  # by the stacks' height: coefficients of sum c V


def batch_parts(shape, opened, drawn):
    coefficients, parts = iter(drawn.batch), []
    for group, values in zip(shape.groups, opened):
        w_zeta = drawn.zeta.scale(root(group.log_height))
        for point, stacks, at_point in ((drawn.zeta, group.stacks, values.at_zeta), (w_zeta, group.next, values.at_next)):
            chosen, sums = [next(coefficients) for _ in stacks], {}
            for c, stack in zip(chosen, stacks):
                terms = [c * at_point[stack.tree, column] for column in stack.columns]
                h = stack.log_height
                sums[h] = [a + b for a, b in zip_longest(sums.get(h, []), terms, fillvalue=ZERO)]
            words = [(stack.tree, stack.word) for stack in stacks]
            parts.append(BatchPart(group.log_height, point, words, list(zip(*chosen)), sums))
    return parts


def batch_at(shape, parts, trees, e):
    """B(e), from the opened rows."""
    cells = [list(map(from_wire, tree.row(e))) for tree in trees]
    value = E(cells[-1][shape.r_word:][:DEGREE]) if shape.params.zk else ZERO
    for part in parts:
        found = [cells[tree][word] for tree, word in part.words]
        numerator = E(sum(map(mul, coordinate, found)) % P for coordinate in part.coordinates)
        for log_height, expected in part.values.items():
            numerator = numerator - evaluate(expected, shape.point(log_height, e))
        value = value + numerator * (E.of(shape.point(part.log_height, e)) - part.point).inverse()
    return value


def fold(values, log_size, e, betas):
    """F_(i+1) at index e, from F_i at the indices e + j n_i/2^t: sum of b_u G_u, b_u the product of the betas of u's bits,
    where x^u G_u = 2^-t sum over j of root(t)^(-ju) F_i(x root(t)^j), x = root(log_size)^e."""
    count = len(values)
    w, inverse_x = pow(root(count.bit_length() - 1), -1, P), pow(root(log_size), -e, P)
    result = ZERO
    for u in range(count):
        factor = ONE.scale(pow(count, -1, P) * pow(inverse_x, u, P) % P)
        for bit, beta in enumerate(betas):
            if u >> bit & 1:
                factor = factor * beta
        result = result + factor * weighted_sum(values, [pow(w, j * u, P) for j in range(count)])
    return result


def check_queries(shape, head, opened, drawn, trees):
    parts = batch_parts(shape, opened, drawn)
    columns, layers = trees[:len(shape.trees)], trees[len(shape.trees):]
    for e in sorted(set(drawn.indices)):
        value, code = batch_at(shape, parts, columns, e), "Deep"
        for i, (layer, tree, betas) in enumerate(zip(shape.layers, layers, drawn.folds)):
            row, words = e % (1 << layer.log_rows), tree.row(e)
            fibre = [E.from_wire(words[j:j + DEGREE]) for j in range(0, len(words), DEGREE)]
            found = fibre[e % (1 << layer.log_size) >> layer.log_rows]
            require(found == value, code, f"query {e}: layer {i}: expected {value}, found {found}")
            value, code = fold(fibre, layer.log_size, row, betas), "Fold"
        found = evaluate(head.final, pow(root(shape.log_final_size), e, P))
        require(found == value, "Final", f"query {e}: expected {value}, found {found}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("key")
    parser.add_argument("statement")
    parser.add_argument("proof")
    parser.add_argument("--security", type=float, default=128.0, metavar="BITS")
    parser.add_argument("--regime", choices=[UNIQUE, JOHNSON], default=JOHNSON, help="the widest that is accepted")
    arguments = parser.parse_args()
    try:
        files = []
        for path in (arguments.key, arguments.statement, arguments.proof):
            with open(path, "rb") as file:
                files.append(file.read())
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        rounds = verify(parse_key(files[0]), parse_statement(files[1]), files[2], arguments.security,
                        widest=arguments.regime)
    except Refused as refused:
        print(f"invalid: {refused}")
        return 1
    name, bits = min(rounds, key=lambda item: item[1])
    print(f"valid: {bits:.2f} bits ({name})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
