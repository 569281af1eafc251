"""What follows from key, parameters and tables alone: columns, masks, degrees, layers (stark/doc/protocol.md, sections 5, 6,
9, 10), and how much they prove (stark/doc/soundness.md)."""

from dataclasses import dataclass, field
from itertools import groupby
from math import log2

from field import DEGREE, P
from formats import FREE_HEIGHT, MAX_LOG_HEIGHT, SEND, AffineForm, require

SALT_WORDS = 5
PHASES = ["main", "aux", "quotient"]  # those in which a proof commits a tree of its own, after the slots'
MAX_NODES = 1 << 22  # of the expressions of all tables
MAX_TERMS = 1 << 22  # of their affine forms, and one a form
QUOTIENT_OPENED = 2 * DEGREE  # chunks a and b


@dataclass
class Table:
    chip: object
    columns: list  # chip column -> (tree, column of the group's row in that tree)


@dataclass
class GroupInteraction:
    bus: int
    sign: int
    max_multiplicity: int
    multiplicity: AffineForm  # columns are (tree, column)
    tuple: list


@dataclass
class Group:
    log_height: int
    tables: list
    masks: list  # per tree, per column; R is counted among the quotient's
    next: list  # (tree, column), in the order in which they are opened
    interactions: list
    salted: list  # per tree
    split: int = 0  # m
    bound: int = 0  # B

    @property
    def height(self):
        return 1 << self.log_height

    @property
    def pairs(self):
        return (len(self.interactions) + 1) // 2

    @property
    def constraints(self):
        return sum(len(table.chip.asserts) for table in self.tables) + self.pairs + 1

    def width(self, tree):
        return len(self.masks[tree])

    def row_words(self, tree):
        return self.width(tree) + (SALT_WORDS if self.salted[tree] else 0)


@dataclass
class FriLayer:
    log_size: int
    log_arity: int
    joins: list = field(default_factory=list)  # (group, log of the arity of its fold), tallest first

    @property
    def log_rows(self):
        return self.log_size - self.log_arity

    @property
    def parts(self):
        return 2**self.log_arity + sum(2**log_arity for _, log_arity in self.joins)

    @property
    def row_words(self):
        folded = [self.log_arity] + [log_arity for _, log_arity in self.joins if log_arity > 0]
        return DEGREE * sum(2**log_arity for log_arity in folded)


@dataclass
class Shape:
    params: object
    slots: list  # present ones, in key order
    trees: list  # "fixed" and "shared" for the slots, then the phases
    log_strides: list  # per tree: index e of a domain is row e 2^stride of the tree
    groups: list  # tallest first
    layers: list = field(default_factory=list)
    log_final_size: int = 0
    final_bound: int = 0

    @property
    def phases(self):
        return self.trees[len(self.slots):]

    def tree(self, phase):
        return self.trees.index(phase)

    def log_rows(self, tree, group):
        """Log of the rows that a tree has of a group: a fixed one may be of a larger blowup."""
        return self.log_domain(group) + self.log_strides[tree]

    def log_domain(self, group):
        return group.log_height + self.params.log_blowup

    @property
    def rate(self):
        return self.final_bound / 2**self.log_final_size

    def opened_columns(self, group):
        """(tree, column) of everything opened at zeta, then of everything opened at w zeta."""
        quotient = self.tree("quotient")
        return [(tree, column) for tree in range(len(self.trees))
                for column in range(QUOTIENT_OPENED if tree == quotient else group.width(tree))], group.next

    def openings(self, group):
        return sum(map(len, self.opened_columns(group)))


def make_shape(key, params, tables):
    _check_tables(key, tables)
    slots = _present_slots(key, tables)
    trees = ["fixed" if key.slots[slot] else "shared" for slot in slots] + PHASES
    strides = [(key.slot_blowups[slot] or params.log_blowup) - params.log_blowup for slot in slots] + [0] * len(PHASES)
    require(min(strides) >= 0, "Params", f"log_blowup {params.log_blowup} exceeds that of a fixed slot")
    shape = Shape(params, slots, trees, strides, [])
    by_height = [(n, [key.chips[chip] for chip, _ in members]) for n, members in groupby(tables, key=lambda t: t[1])]
    for i, (n, chips) in enumerate(by_height):
        shape.groups.append(_make_group(key, shape, n, chips, smallest=i == len(by_height) - 1))
    for group in shape.groups:
        for tree in range(len(trees)):
            require(not group.width(tree) or shape.log_rows(tree, group) <= 24, "Tables",
                    f"domain 2^{shape.log_rows(tree, group)}: at most 2^24")
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


def _make_group(key, shape, n, chips, smallest):
    params, trees = shape.params, shape.trees
    once, twice = params.mask_for_one_opening, params.mask_for_two
    main, aux = shape.tree("main"), shape.tree("aux")
    group = Group(n, [Table(chip, []) for chip in chips], [[] for _ in trees], [], [], [])

    # Slots' columns stand where the key says, main columns table after table; a chip's own numbering has its slots first.
    for tree, slot in enumerate(shape.slots):
        width = key.slot_widths[slot].get(n, 0)
        group.masks[tree] = [0 if trees[tree] == "fixed" else twice] * width
    for table in group.tables:
        chip = table.chip
        for slot, first, width in chip.slots:
            table.columns += [(shape.slots.index(slot), first + i) for i in range(width)]
        for _ in range(chip.main_width):
            group.masks[main].append(twice if len(table.columns) in chip.next else once)
            table.columns.append((main, len(group.masks[main]) - 1))
    group.next = sorted({table.columns[column] for table in group.tables for column in table.chip.next})

    for table in group.tables:
        for item in table.chip.interactions:
            group.interactions.append(GroupInteraction(
                item.bus, 1 if item.kind == SEND else -1, item.max_multiplicity,
                *(_in_group(item.multiplicity, table), [_in_group(form, table) for form in item.tuple])))
    if params.zk:
        _add_implicit_columns(group, main, once, smallest)

    longest = max(max(masks, default=0) for masks in group.masks)
    group.masks[aux] = [once] * (DEGREE * group.pairs) + [twice] * DEGREE
    group.next += [(aux, DEGREE * group.pairs + j) for j in range(DEGREE)]
    group.masks[shape.tree("quotient")] = [once] * QUOTIENT_OPENED + ([0] * DEGREE if params.zk else [])
    group.salted = [bool(params.zk and kind != "fixed" and 0 < group.width(tree) < SALT_WORDS)
                    for tree, kind in enumerate(trees)]
    size = group.height
    group.split = size + (3 * longest - once + 1) // 2
    group.bound = max(size + twice, group.split + once)
    least = 1
    while least < 3 * longest:
        least *= 2
    require(least <= size, "Tables", f"height {size}: at least {least} for masks of {longest} coefficients")
    return group


def _in_group(form, table):
    return AffineForm(form.constant, [(table.columns[column], k) for column, k in form.terms])


def _add_implicit_columns(group, main, once, smallest):
    def new_column():
        group.masks[main].append(once)
        return AffineForm(0, [((main, len(group.masks[main]) - 1), 1)])

    group.interactions.append(GroupInteraction(0, 1, 1, AffineForm(1, []), [new_column()]))
    if smallest:
        value, count = new_column(), new_column()
        group.interactions.append(GroupInteraction(0, -1, 0, count, [value]))


def _add_layers(shape):
    groups, params = shape.groups, shape.params
    log_size, bound, joined = shape.log_domain(groups[0]), groups[0].bound, 1
    while log_size > params.log_final or joined < len(groups):
        layer = FriLayer(log_size, min(3, log_size))
        shape.layers.append(layer)
        log_size = layer.log_rows
        bound = -(-bound // 2**layer.log_arity)
        while joined < len(groups) and shape.log_domain(groups[joined]) >= log_size:
            log_arity = shape.log_domain(groups[joined]) - log_size
            layer.joins.append((joined, log_arity))
            bound = max(bound, -(-groups[joined].bound // 2**log_arity))
            joined += 1
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


def soundness(key, shape, statement, least_rate=0):
    """(round, bits) of every round; the proof has the least of them. `least_rate`: rho is taken no smaller."""
    params, log_field = shape.params, 5 * log2(P)
    rho = max(shape.rate, least_rate)
    if rho >= 1:
        return [("degree", 0.0)]
    theta = (1 - rho) / 2

    def gap(log_size):
        return theta * 2**log_size + 1

    interactions = len(statement.publics) + sum(len(g.interactions) * g.height for g in shape.groups)
    bound = rho * 2**shape.log_domain(shape.groups[0])
    rounds = [
        ("logup", log_field - log2(max(1, interactions) * (key.tuple_width + 2)) + params.grind_round),
        ("alpha", log_field - log2(sum(g.constraints for g in shape.groups))),
        ("zeta", log2(P**5 - P) - log2(3 * (bound + 1) + bound - 1) + params.grind_round),
        ("batch", log_field - log2(sum(gap(shape.log_domain(g)) for g in shape.groups)) + params.grind_round)]
    for i, layer in enumerate(shape.layers):
        error = (layer.parts - 1) * max(gap(layer.log_size), 2**layer.log_rows)
        rounds.append((f"fold {i}", log_field - log2(error) + params.grind_round))
    rounds.append(("queries", -params.queries * log2(1 - theta) + params.grind_query))
    return rounds
