"""What follows from key, parameters and tables alone: columns, masks, degrees, layers (stark/doc/protocol.md, sections 5, 6,
9, 10), and how much they prove (stark/doc/soundness.md)."""

from dataclasses import dataclass, field
from itertools import groupby
from math import log2, sqrt

from field import DEGREE, G, P, root
from formats import FREE_HEIGHT, MAX_LOG_HEIGHT, SEND, AffineForm, require

SALT_WORDS = 5
SALT_STACKS = 5  # trees whose tallest group has fewer that hide a row are salted
SHORT_LIFT = 5  # groups that are so much lower than the tallest may have short masks, in stacks
MIN_LOG_SHORT_STACK, MAX_LOG_SHORT_STACK, LOG_ACC_STACK, LOG_CHUNK_STACK = 4, 6, 3, 5
MAX_LOG_ROWS = 24
MAX_NODES = 1 << 22  # of the expressions of all tables
MAX_TERMS = 1 << 22  # of their affine forms, and one a form
UNIQUE, JOHNSON = "unique", "johnson"  # regimes
MAX_MULTIPLICITY = 4096  # m
QUOTIENT_OPENED = 2 * DEGREE  # chunks a and b


@dataclass
class Table:
    chip: object
    columns: list  # chip column -> (tree, column of the group in that tree)


@dataclass
class GroupInteraction:
    bus: int
    sign: int
    max_multiplicity: int
    multiplicity: AffineForm  # columns are (tree, column)
    tuple: list


@dataclass
class Tree:
    kind: str  # "fixed" or "shared" for a slot's, or the phase in which the proof commits it
    log_height: int
    log_blowup: int
    row_words: int = 0
    tallest_group: int | None = None  # with columns in it
    hiding_words: int | None = None  # of that group: those without next columns, R's not counted

    @property
    def log_rows(self):
        return self.log_height + self.log_blowup


@dataclass
class Stack:
    """Columns of a group that are one word of a tree's row."""
    tree: int
    columns: range
    word: int
    log_height: int  # of the domain on which it is one polynomial


@dataclass
class Group:
    log_height: int
    tables: list
    interactions: list
    stacks: list  # of every tree in order; R's are not among them
    next: list  # those of them that are opened at w zeta, too
    short_masks: bool = False
    acc: int = 0  # its first column in aux
    split: int = 0  # m
    bound: int = 0  # B_N

    @property
    def height(self):
        return 1 << self.log_height

    @property
    def pairs(self):
        return (len(self.interactions) + 1) // 2

    @property
    def constraints(self):
        return sum(len(table.chip.asserts) for table in self.tables) + self.pairs + 1


@dataclass
class FriLayer:
    log_size: int
    log_arity: int

    @property
    def log_rows(self):
        return self.log_size - self.log_arity


@dataclass
class Shape:
    params: object
    slots: list  # present ones, in key order
    phases: list  # those in which the proof commits a tree of its own
    trees: list  # the slots', then the phases'
    groups: list  # tallest first
    r_word: int = 0  # of the quotient tree's row; only with zk
    layers: list = field(default_factory=list)
    log_final_size: int = 0
    final_bound: int = 0

    def tree(self, phase):
        return len(self.slots) + self.phases.index(phase)

    @property
    def late(self):
        return "late" in self.phases

    @property
    def challenges(self):
        """Those before FRI that a nonce precedes."""
        return ["late"] * self.late + ["logup", "zeta", "batch"]

    @property
    def log_domain(self):
        """Of the batch."""
        return self.trees[-1].log_rows

    def point(self, log_height, e):
        """x of index e at a height."""
        return pow(G, 1 << (24 - log_height), P) * pow(root(log_height + self.params.log_blowup), e, P) % P

    @property
    def rate(self):
        longer = 2**(self.trees[-1].log_height - self.groups[-1].log_height) - 1  # than its quotient, a stack is
        return self.final_bound / 2**self.log_final_size + longer / 2**self.log_domain

    @property
    def openings(self):
        return sum(len(stack.columns) for group in self.groups for stack in group.stacks + group.next)


def make_shape(key, params, tables):
    _check_tables(key, tables)
    slots = _present_slots(key, tables)
    trees = [Tree("fixed" if key.slots[slot] else "shared", max(key.slot_widths[slot]),
                  key.slot_blowups[slot] or params.log_blowup) for slot in slots]
    late = any(key.chips[chip].late_width for chip, _ in tables)
    phases = ["main"] + ["late"] * late + ["aux", "quotient"]
    trees += [Tree(phase, tables[0][1] + params.log_stack, params.log_blowup) for phase in phases]
    require(all(tree.log_blowup >= params.log_blowup for tree in trees), "Params",
            f"log_blowup {params.log_blowup} exceeds that of a fixed slot")
    for tree in trees:
        require(tree.log_rows <= MAX_LOG_ROWS, "Tables", f"domain 2^{tree.log_rows}: at most 2^{MAX_LOG_ROWS}")
    shape = Shape(params, slots, phases, trees, [])
    for n, members in groupby(tables, key=lambda table: table[1]):
        _add_group(key, shape, n, [key.chips[chip] for chip, _ in members], smallest=n == tables[-1][1])
    if params.zk:
        for tree in trees:
            if tree.kind != "fixed" and tree.hiding_words < SALT_STACKS:
                tree.row_words += SALT_WORDS
    _add_layers(shape)
    return shape


def _check_tables(key, tables):
    nodes = terms = 0
    for i, (chip, n) in enumerate(tables):
        require(chip < len(key.chips), "Tables", f"table {i}: no chip {chip}")
        nodes += len(key.chips[chip].nodes)
        require(nodes <= MAX_NODES, "Tables", f"table {i}: more than {MAX_NODES} nodes in all")
        terms += sum(1 + len(form.terms) for item in key.chips[chip].interactions
                     for form in (item.multiplicity, *item.tuple))
        require(terms <= MAX_TERMS, "Tables", f"table {i}: more than {MAX_TERMS} affine forms and terms in all")
        fixed = key.chips[chip].log_height
        require(fixed in (FREE_HEIGHT, n), "Tables", f"table {i}: height: expected 2^{fixed}, found 2^{n}")
        require(n <= MAX_LOG_HEIGHT, "Tables", f"table {i}: height 2^{n}: at most 2^{MAX_LOG_HEIGHT}")
        if i > 0:
            before, height = tables[i - 1]
            require((-height, before) <= (-n, chip), "NonCanonical", f"table {i} is out of order")


def _present_slots(key, tables):
    uses = [0] * len(key.chips)
    for chip, _ in tables:
        uses[chip] += 1
    counts = {}  # by slot: how often each chip with columns in it occurs
    for chip, count in zip(key.chips, uses):
        for slot in {slot for slot, *_ in chip.slots}:
            counts.setdefault(slot, set()).add(count)
    for slot, found in counts.items():
        require(found in ({0}, {1}), "Tables", f"slot {slot}: its chips occur {found} times")
    return sorted(slot for slot, found in counts.items() if found == {1})


def _add_group(key, shape, n, chips, smallest):
    params, main, aux, quotient = shape.params, *map(shape.tree, ("main", "aux", "quotient"))
    group = Group(n, [Table(chip, []) for chip in chips], [], [], [])
    shape.groups.append(group)

    # Slots' columns stand where the key says, main and late ones table after table; a chip's own numbering has its slots
    # first.
    widths = [key.slot_widths[slot].get(n, 0) for slot in shape.slots] + [0] * len(shape.phases)
    for table in group.tables:
        chip = table.chip
        for slot, first, width in chip.slots:
            table.columns += [(shape.slots.index(slot), first + i) for i in range(width)]
        for phase, width in (("main", chip.main_width), ("late", chip.late_width)):
            if width:
                tree = shape.tree(phase)
                table.columns += [(tree, widths[tree] + i) for i in range(width)]
                widths[tree] += width
    read_next = {table.columns[column] for table in group.tables for column in table.chip.next}

    for table in group.tables:
        for item in table.chip.interactions:
            group.interactions.append(GroupInteraction(
                item.bus, 1 if item.kind == SEND else -1, item.max_multiplicity,
                *(_in_group(item.multiplicity, table), [_in_group(form, table) for form in item.tuple])))
    if params.zk:
        blind, value, count = (AffineForm(0, [((main, widths[main] + i), 1)]) for i in range(3))
        group.interactions.append(GroupInteraction(0, 1, 1, AffineForm(1, []), [blind]))
        if smallest:
            group.interactions.append(GroupInteraction(0, -1, 0, count, [value]))
        widths[main] += 3 if smallest else 1

    masked_twice = [width and tree.kind == "shared" for tree, width in zip(shape.trees, widths)]
    group.short_masks = (params.zk and n + SHORT_LIFT <= shape.groups[0].log_height and not any(masked_twice)
                         and group.height >= params.mask_for_one_opening
                         and group.height << params.log_blowup >= 4 * params.queries)

    for tree, width in enumerate(widths):
        _add_stacks(shape, group, tree, 0, width, least=MIN_LOG_SHORT_STACK)
    group.acc = _add_stacks(shape, group, aux, 0, DEGREE * group.pairs, least=MIN_LOG_SHORT_STACK)
    _add_stacks(shape, group, aux, group.acc, DEGREE, least=LOG_ACC_STACK)
    _add_stacks(shape, group, quotient, 0, QUOTIENT_OPENED, least=LOG_CHUNK_STACK)
    if params.zk and len(shape.groups) == 1:
        shape.r_word = shape.trees[quotient].row_words
        shape.trees[quotient].row_words += DEGREE
    read_next |= {(aux, group.acc + i) for i in range(DEGREE)}
    group.next = [stack for stack in group.stacks if any((stack.tree, c) in read_next for c in stack.columns)]

    for index, tree in enumerate(shape.trees):
        words = sum(stack.tree == index for stack in group.stacks)
        if words and tree.hiding_words is None:
            tree.hiding_words = words - sum(stack.tree == index for stack in group.next)
        if words and group.short_masks and tree.tallest_group != shape.groups[0].log_height:
            tree.hiding_words = 0

    longest, of_acc, of_chunks = _masks(shape, group, any(masked_twice))
    size = group.height
    group.split = size + (3 * longest - of_chunks + 1) // 2
    group.bound = max(size + of_acc, group.split + of_chunks)
    least = 1 << max(0, 3 * longest - 1, of_acc - 1).bit_length()
    require(least <= size, "Tables", f"height {size}: at least {least} for masks of {longest} coefficients")


def _in_group(form, table):
    return AffineForm(form.constant, [(table.columns[column], k) for column, k in form.terms])


def _add_stacks(shape, group, index, first, count, least):
    """Those of `count` columns from `first` on, the first of which begins a new one: the next words of the tree's row. Of
    short masks the last has 2^least places or more, and fillers in those that are left. The column behind all."""
    tree, lift = shape.trees[index], shape.groups[0].log_height - group.log_height
    short = group.short_masks and index >= len(shape.slots)
    if count and tree.tallest_group is None:
        tree.tallest_group = group.log_height
    while count > 0:
        log = min(lift, MAX_LOG_SHORT_STACK) if short else tree.log_height - group.log_height
        if short and count < 1 << log:
            log = min(log, max(least, (count - 1).bit_length()))
        size = 1 << log if short else min(1 << log, count)
        group.stacks.append(Stack(index, range(first, first + size), tree.row_words, group.log_height + log))
        first, count, tree.row_words = first + size, count - size, tree.row_words + 1
    return first


def _masks(shape, group, any_shared):
    """Lengths of masks: the longest but acc's, acc's, the chunks'."""
    params, slots, aux = shape.params, len(shape.slots), shape.tree("aux")
    acc = [stack for stack in group.next if stack.tree == aux]
    of_next = [stack for stack in group.next if slots <= stack.tree < aux]
    if not group.short_masks:
        # Others in a stack have its longer masks, too, which changes no degree.
        once, twice = params.mask_for_one_opening, params.mask_for_two
        return twice if any_shared or of_next else once, twice, once

    def short(stack, points):
        return -(-params.queries // len(stack.columns)) + 1 + 5 * points

    once = [short(stack, 1) for stack in group.stacks if slots <= stack.tree <= aux and stack not in group.next]
    return max(once + [short(stack, 2) for stack in of_next]), short(acc[0], 2), 6


def _add_layers(shape):
    log_size = shape.log_domain
    bound = max(group.bound << (shape.trees[-1].log_height - group.log_height) for group in shape.groups)
    while log_size > shape.params.log_final:
        layer = FriLayer(log_size, min(3, log_size))
        shape.layers.append(layer)
        log_size = layer.log_rows
        bound = -(-bound // 2**layer.log_arity)
    shape.log_final_size, shape.final_bound = log_size, bound


def check_statement(key, shape, statement):
    for i, item in enumerate(statement.publics):
        require(key.bus_width.get(item.bus) == len(item.tuple), "Statement", f"public interaction {i}: bus or width")
    expected = [slot for slot in shape.slots if key.slots[slot] is None]
    require(list(statement.shared) == expected, "Statement",
            f"shared slots: expected {expected}, found {list(statement.shared)}")


def check_multiplicities(shape, statement):
    carried = {}
    for group in shape.groups:
        for item in group.interactions:
            carried[item.bus] = carried.get(item.bus, 0) + group.height * item.max_multiplicity
    for item in statement.publics:
        carried[item.bus] = carried.get(item.bus, 0) + item.multiplicity
    for bus, count in carried.items():
        require(count < P, "Multiplicities", f"bus {bus}: up to {count} tuples")


@dataclass
class Decoding:
    """What the queries show: `agreement` alpha, `lists` L, and of a word of n points and polynomials of fewer than
    `bound` coefficients the `exceptions`."""
    agreement: float
    lists: float
    exceptions: object


def unique_decoding(rho):
    theta = (1 - rho) / 2
    return Decoding(1 - theta, 1, lambda n, bound: theta * n + 1)


def johnson_decoding(rho, m):
    agreement = sqrt(rho) * (1 + 1 / (2 * m))

    def exceptions(n, bound):
        degree, t = max(bound - 1, 1), m + 1 / 2
        mu, h = t / sqrt(degree / n), t * t / (3 * degree / n)
        return ((2 * mu - 1) * h + (n - degree) / (agreement * n - degree) * (h + mu + 4 * degree * mu * h)
                + (n - degree - 1) * mu)

    return Decoding(agreement, (agreement - rho) / (agreement**2 - rho), exceptions)


def soundness_with(decoding, key, shape, statement, rho):
    params, log_field = shape.params, 5 * log2(P)
    rate = shape.final_bound / 2**shape.log_final_size

    def exceptions(log_size):
        return decoding.exceptions(2**log_size, rate * 2**log_size)

    interactions = len(statement.publics) + sum(len(g.interactions) * g.height for g in shape.groups)
    bound = rho * 2**(shape.groups[0].log_height + params.log_blowup)
    among = log_field - log2(decoding.lists)
    rounds = []
    if shape.late:
        degree = sum(table.chip.late_degree * g.height for g in shape.groups for table in g.tables)
        rounds.append(("late", among - log2(degree) + params.grind_round))
    rounds += [
        ("logup", among - log2(max(1, interactions) * (key.tuple_width + 2)) + params.grind_round),
        ("alpha", among - log2(sum(g.constraints for g in shape.groups))),
        ("zeta", log2(P**5 - P) - log2(decoding.lists) - log2(3 * (bound + 1) + bound - 1) + params.grind_round),
        ("batch", log_field - log2(exceptions(shape.log_domain)) + params.grind_round)]
    for i, layer in enumerate(shape.layers):
        rounds.append((f"fold {i}", log_field - log2(layer.log_arity * exceptions(layer.log_rows)) + params.grind_round))
    rounds.append(("queries", -params.queries * log2(decoding.agreement) + params.grind_query))
    return rounds


def bits_of(rounds):
    return min(bits for _, bits in rounds)


def soundness(key, shape, statement, least_rate=0, needed=0, widest=JOHNSON):
    """(round, bits) of every round; the proof has the least of them. `least_rate`: rho is taken no smaller. In unique
    decoding if that has the bits `needed` or `widest` is UNIQUE, else in the Johnson regime with the best m."""
    rho = max(shape.rate, least_rate)
    if rho >= 1:
        return [("degree", 0.0)]
    unique = soundness_with(unique_decoding(rho), key, shape, statement, rho)
    shared = any(tree.kind == "shared" for tree in shape.trees)
    if bits_of(unique) >= needed or widest == UNIQUE or shared or shape.final_bound < 2:
        return unique
    best = unique
    for m in range(3, MAX_MULTIPLICITY + 1):
        if sqrt(rho) * (1 + 1 / (2 * m)) > 1:
            return best
        found = soundness_with(johnson_decoding(rho, m), key, shape, statement, rho)
        if bits_of(found) > bits_of(best):
            best = found
        elif found[-1][1] > bits_of(found):  # more m only take bits from the round that has least
            break
    return best
