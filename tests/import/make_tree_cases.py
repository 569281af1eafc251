#!/usr/bin/env python3
"""Writes tree_cases.bin: small ONNX files of trees, rows of features, and ONNX Runtime's results of each row.

    python3 -m venv v && v/bin/pip install -r tests/import/requirements.txt
    v/bin/python tests/import/make_tree_cases.py

Features lie at thresholds, next to them, at the infinities and both zeros, and are NaN. A case has one sample: all its
rows. Its outputs are the classes as numbers (of classifiers) and the scores before a post transform, as the guest
commits them: those come from the same file without one, and here it is checked that the file's own are their
transform. The runtime has one thread: with more it adds in another order. Seeds are names.
"""
import pathlib
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper

import container
import runtime
from container import Case

FILE = pathlib.Path(__file__).parent / "tree_cases.bin"
ROWS = 32
NAN = float("nan")
V5_MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"]


class Branch:
    def __init__(self, feature, mode, value, missing, truth, falsehood):
        self.feature, self.mode, self.value, self.missing = feature, mode, value, missing
        self.truth, self.falsehood = truth, falsehood


class Leaf:
    def __init__(self, weights):
        self.weights = weights  # (target, weight)


def grow(rng, depth, features, modes, values, missing, leaf):
    if depth == 0 or (depth < 3 and rng.random() < 0.2):
        return leaf()
    children = [grow(rng, depth - 1, features, modes, values, missing, leaf) for _ in range(2)]
    mode = str(rng.choice(modes))
    value = members(rng) if mode == "BRANCH_MEMBER" else float(np.float32(rng.choice(values)))
    return Branch(int(rng.integers(features)), mode, value, bool(missing and rng.random() < 0.5), *children)


def members(rng):
    """A set as the runtime looks it up exactly, or one for which it rounds features towards 0."""
    if rng.random() < 0.5:
        return [float(x) for x in rng.choice([0, 1, 1.5, 2, 3, 5, 8, 30], rng.integers(1, 5), replace=False)]
    return [float(x) for x in rng.choice([-3, -1, 0, 2, 3, 31, 100], rng.integers(3, 6), replace=False)] + [1000.0]


def numbered(tree):
    """Nodes of a tree in the order of a file, parents first."""
    nodes, stack = [], [tree]
    while stack:
        node = stack.pop()
        if any(node is other for other in nodes):
            continue
        nodes.append(node)
        if isinstance(node, Branch):
            stack += [node.falsehood, node.truth]
    return nodes


def by_ids(kind, trees, **attributes):
    """TreeEnsembleClassifier or TreeEnsembleRegressor."""
    a = {f"nodes_{x}": [] for x in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids",
                                    "falsenodeids", "missing_value_tracks_true")}
    prefix = "class_" if kind == "TreeEnsembleClassifier" else "target_"
    w = {prefix + x: [] for x in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(trees):
        nodes = numbered(tree)
        place = {id(node): i for i, node in enumerate(nodes)}
        for i, node in enumerate(nodes):
            branch = isinstance(node, Branch)
            row = (number, i, node.feature if branch else 0, node.mode if branch else "LEAF",
                   node.value if branch else 0.0, place[id(node.truth)] if branch else 0,
                   place[id(node.falsehood)] if branch else 0, int(branch and node.missing))
            for key, value in zip(a, row):
                a[key].append(value)
            if not branch:
                for target, weight in node.weights:
                    for key, value in zip(w, (number, i, target, weight)):
                        w[key].append(value)
    if not any(a["nodes_missing_value_tracks_true"]):
        del a["nodes_missing_value_tracks_true"]
    return dict(kind=kind, ml=3 if kind != "TreeEnsembleClassifier" or "as_tensor" in str(attributes) else 1,
                attributes={**a, **w, **attributes})


def by_places(trees, **attributes):
    """TreeEnsemble of ai.onnx.ml 5."""
    branches, leaves, roots, sets = [], [], [], []
    for tree in trees:
        if isinstance(tree, Leaf):  # the standard's way of saying that
            tree = Branch(0, "BRANCH_LEQ", 0.0, False, tree, tree)
        nodes = numbered(tree)
        roots.append(len(branches))
        branches += [node for node in nodes if isinstance(node, Branch)]
        leaves += [node for node in nodes if isinstance(node, Leaf)]
    place = {id(node): i for i, node in enumerate(branches)} | {id(node): i for i, node in enumerate(leaves)}
    for node in branches:
        if node.mode == "BRANCH_MEMBER":
            sets += node.value + [NAN]

    def tensor(name, values, kind=TensorProto.FLOAT):
        return helper.make_tensor(name, kind, [len(values)], values)

    a = dict(tree_roots=roots, nodes_featureids=[node.feature for node in branches],
             nodes_truenodeids=[place[id(node.truth)] for node in branches],
             nodes_falsenodeids=[place[id(node.falsehood)] for node in branches],
             nodes_trueleafs=[int(isinstance(node.truth, Leaf)) for node in branches],
             nodes_falseleafs=[int(isinstance(node.falsehood, Leaf)) for node in branches],
             nodes_missing_value_tracks_true=[int(node.missing) for node in branches],
             nodes_modes=tensor("modes", [V5_MODES.index(node.mode) for node in branches], TensorProto.UINT8),
             nodes_splits=tensor("splits", [0.0 if node.mode == "BRANCH_MEMBER" else node.value for node in branches]),
             leaf_targetids=[leaf.weights[0][0] for leaf in leaves],
             leaf_weights=tensor("weights", [leaf.weights[0][1] for leaf in leaves]))
    if sets:
        a["membership_values"] = tensor("members", sets)
    return dict(kind="TreeEnsemble", ml=5, attributes={**a, **attributes})


def model_of(trees, features, before=(), fixed=1):
    """`before`: nodes that lead from X to the last one's output. `fixed`: rows, or None."""
    has_class = trees["kind"] == "TreeEnsembleClassifier"
    name = before[-1].output[0] if before else "X"
    node = helper.make_node(trees["kind"], [name], ["label", "scores"] if has_class else ["scores"], name="trees",
                            domain="ai.onnx.ml", **trees["attributes"])
    constants = [c for b in before for c in getattr(b, "constants", [])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)]
    if has_class:
        kind = TensorProto.STRING if "classlabels_strings" in trees["attributes"] else TensorProto.INT64
        outputs.insert(0, helper.make_tensor_value_info("label", kind, None))
    graph = helper.make_graph([*[b for b in before], node], "trees",
                              [helper.make_tensor_value_info("X", TensorProto.FLOAT, [fixed, features])], outputs,
                              INITIALISERS.get(id(before), []))
    opsets = [helper.make_opsetid("ai.onnx.ml", trees["ml"]), helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="")


INITIALISERS = {}


def arithmetic(*steps):
    """Sub, Add, Mul, Div by constants: (operator, constants, whether those are the first operand)."""
    nodes, constants, last = [], [], "X"
    for i, (operator, values, reversed_) in enumerate(steps):
        constants.append(onnx.numpy_helper.from_array(np.array(values, np.float32), f"c{i}"))
        nodes.append(helper.make_node(operator, [f"c{i}", last] if reversed_ else [last, f"c{i}"], [f"x{i}"],
                                      name=f"step{i}"))
        last = f"x{i}"
    INITIALISERS[id(nodes)] = constants
    return nodes


def scaler(offset, scale):
    return [helper.make_node("Scaler", ["X"], ["scaled"], name="scaler", domain="ai.onnx.ml",
                             offset=[float(x) for x in offset], scale=[float(x) for x in scale])]


def rows_of(rng, trees, features, inverse=None):
    """Features where something happens; `inverse` leads from a threshold to about the feature."""
    pools = [[NAN, -NAN, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38, 0.5, 2.5, -1.5, 31.0, 99.5] for _ in range(features)]
    for node in (node for tree in trees for node in numbered(tree) if isinstance(node, Branch)):
        for value in node.value if isinstance(node.value, list) else [node.value]:
            at = np.float32(value)
            if inverse is not None and np.isfinite(at):
                at = np.float32(inverse(node.feature, float(at)))
            for direction in (np.inf, -np.inf):
                near = at
                for _ in range(4 if inverse is not None else 2):
                    pools[node.feature].append(near)
                    near = np.nextafter(near, np.float32(direction))
    # Special values one time in seven: else most rows would be NaN somewhere.
    def pick(pool):
        special, near = pool[:14], pool[14:] or pool
        return rng.choice(special) if rng.random() < 1 / 7 else rng.choice(near)
    return np.array([[pick(pool) for pool in pools] for _ in range(ROWS)], np.float32)


def logistic(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def softmax(x):
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def case(name, trees, features, x, before=(), post="NONE", single=False):
    """`single`: the runtime makes both scores of one sum."""
    # The runtime's numbers; the standard's are the other way round.
    post_attribute = {"NONE": 0, "LOGISTIC": 1, "SOFTMAX": 2}[post] if trees["ml"] == 5 else post
    own = model_of({**trees, "attributes": {**trees["attributes"], "post_transform": post_attribute}}, features, before)
    plain = model_of(trees, features, before, fixed=None)
    results = runtime.session(plain, qdq=False).run(None, {"X": x})
    one_by_one = [runtime.session(own, qdq=False).run(None, {"X": row[None]}) for row in x]
    scores = results[-1].astype(np.float32)
    if post == "LOGISTIC" and single and scores.shape[1] == 2:
        scores = np.stack([-scores[:, 1], scores[:, 1]], axis=1)
    expected = scores
    if post == "LOGISTIC" and scores.shape[1] > 1:
        expected = logistic(scores)
    elif post == "SOFTMAX" and scores.shape[1] > 1 and not single:
        expected = softmax(scores)
    found = np.concatenate([row[-1].reshape(1, -1) for row in one_by_one])
    if post == "NONE":
        if expected.tobytes() != found.tobytes():
            raise ValueError(f"{name}: rows together and alone differ")
    elif not np.allclose(expected, found, atol=1e-6):
        raise ValueError(f"{name}: {post} is not what the runtime makes of the scores")
    outputs, values = ["scores"], [scores.tobytes()]
    if len(results) == 2:
        attributes = trees["attributes"]
        labels = attributes.get("classlabels_strings") or attributes["classlabels_int64s"]
        classes = set(attributes["class_ids"])
        if "classlabels_strings" not in attributes and len(labels) == 2 and len(classes) == 2:
            labels = [0, 1]  # what the runtime writes there, whatever the labels
        together = [label.decode() if isinstance(label, bytes) else label for label in results[0].ravel().tolist()]
        alone = [row[0].ravel().tolist()[0] for row in one_by_one]
        if together != alone:
            raise ValueError(f"{name}: classes differ by the post transform")
        outputs.insert(0, "label")
        values.insert(0, np.array([labels.index(label) for label in together], np.int32).tobytes())
    return Case(name, "exact", own.SerializeToString(deterministic=True), 0, ["X"], outputs, [([x.tobytes()], values)])


LEAVES = {
    "positive": lambda rng: abs(float(np.float32(rng.normal()))) / 4,
    "signed": lambda rng: float(np.float32(rng.normal())),
    "halves": lambda rng: float(rng.choice([0.0, 0.125, 0.25, 0.5])),  # sums at exactly 0.5
    "ties": lambda rng: float(rng.choice([-0.5, -0.25, 0.0, 0.25, 0.5])),
    "wide": lambda rng: float(np.float32(rng.normal() * 2.0 ** rng.integers(-30, 30))),
    "huge": lambda rng: float(np.float32(rng.choice([3e38, -3e38, 1e-42, -1e-42, 1.0]))),
    "zeros": lambda rng: float(rng.choice([-0.0, 0.0])),
}
THRESHOLDS = [-2.5, -1.0, -0.0, 0.0, 0.1, 0.5, 1.0, 1 / 3, 2.0, 3.0, 1e-40, 1e20, np.inf, -np.inf]
INTEGERS = [0, 1, 2, 3, 5, 30, 31, 32, -1]
ORDER = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]
ALL = ORDER + ["BRANCH_EQ", "BRANCH_NEQ"]


def cases():
    def make(name, count, depth, features, form, leaves="signed", modes=("BRANCH_LEQ",), values=THRESHOLDS,
             missing=False, targets=(0,), every=False, before=None, inverse=None, post="NONE", single=False, shape=None,
             **attributes):
        """`targets`: of each leaf one by chance, or with `every` all; a list of lists: of each tree."""
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        trees = []
        for tree in range(count):
            own = targets[tree % len(targets)] if isinstance(targets[0], (list, tuple)) else targets

            def leaf(own=own):
                chosen = own if every else [int(rng.choice(own))]
                return Leaf([(t, LEAVES[leaves](rng)) for t in chosen])
            grown = grow(rng, depth, features, list(modes), values, missing, leaf)
            trees.append(shape(rng, grown) if shape else grown)
        what = by_places(trees, **attributes) if form == "v5" else by_ids(form, trees, **attributes)
        x = rows_of(rng, trees, features, inverse)
        return case(name, what, features, x, before or (), post, single)

    classifier, regressor = "TreeEnsembleClassifier", "TreeEnsembleRegressor"
    two = dict(classlabels_int64s=[5, 7])
    names = dict(classlabels_strings=["bad", "good"])
    three = dict(classlabels_int64s=[3, 4, 9])

    # Comparisons.
    for mode in ORDER:
        yield make(f"mode_{mode[7:].lower()}", 3, 3, 2, regressor, modes=[mode], n_targets=1)
        yield make(f"mode_{mode[7:].lower()}_missing", 3, 3, 2, regressor, modes=[mode], missing=True, n_targets=1)
    yield make("modes_mixed", 4, 3, 3, regressor, modes=ORDER, missing=True, n_targets=1)
    yield make("modes_equal", 3, 3, 2, regressor, modes=["BRANCH_EQ", "BRANCH_NEQ"], values=INTEGERS, missing=True,
               n_targets=1)
    yield make("modes_all", 4, 3, 3, regressor, modes=ALL, values=INTEGERS, missing=True, n_targets=1)

    def chained(missing):
        def shape(rng, tree):
            """Three BRANCH_EQ with one true node before the tree, as LightGBM's converter writes a set."""
            truth = Leaf([(0, 100.0)])
            for value in rng.choice(INTEGERS, 3, replace=False):
                tree = Branch(0, "BRANCH_EQ", float(value), missing, truth, tree)
            return tree
        return shape
    yield make("equal_chain", 3, 2, 2, regressor, values=INTEGERS, n_targets=1, shape=chained(False))
    yield make("equal_chain_missing", 3, 2, 2, regressor, values=INTEGERS, n_targets=1, shape=chained(True))
    yield make("one_leaf", 1, 0, 2, regressor, n_targets=1)

    # Aggregates, in float32 and in order.
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        low = aggregate.lower()
        yield make(f"{low}_one", 7, 2, 2, regressor, "wide", n_targets=1, aggregate_function=aggregate)
        yield make(f"{low}_base", 5, 2, 2, regressor, "wide", n_targets=1, base_values=[0.3], aggregate_function=aggregate)
        yield make(f"{low}_three", 5, 2, 2, regressor, targets=(0, 1, 2), every=True, n_targets=3,
                   aggregate_function=aggregate)
        yield make(f"{low}_sparse", 3, 1, 2, regressor, targets=(0, 1, 2), n_targets=3, base_values=[0.5, -1.5, 2.5],
                   aggregate_function=aggregate)
    yield make("average_tiny", 3, 1, 2, regressor, "huge", targets=(0, 1), every=True, n_targets=2,
               aggregate_function="AVERAGE")
    yield make("sum_huge", 5, 2, 2, regressor, "huge", n_targets=1)
    yield make("max_zeros", 3, 2, 2, regressor, "zeros", n_targets=1, aggregate_function="MAX")
    yield make("regressor_logistic", 3, 2, 2, regressor, targets=(0, 1), every=True, n_targets=2, post="LOGISTIC")
    yield make("regressor_logistic_one", 3, 2, 2, regressor, n_targets=1, post="LOGISTIC", single=True)

    # Two classes. As scikit-learn's forests are written: the weights are of class 0, and mean the second.
    yield make("forest_two", 5, 3, 3, classifier, "positive", **two)
    yield make("forest_two_halves", 3, 2, 2, classifier, "halves", **two)
    yield make("forest_two_names", 3, 2, 2, classifier, "halves", **names)
    yield make("boosted_two", 5, 3, 3, classifier, "signed", modes=["BRANCH_LT"], missing=True, base_values=[-0.25],
               post="LOGISTIC", single=True, **two)
    yield make("boosted_two_ties", 3, 2, 2, classifier, "ties", post="LOGISTIC", single=True, **two)
    yield make("signed_two", 3, 2, 2, classifier, "ties", base_values=[0.25], **two)
    yield make("softmax_one_weight", 3, 2, 2, classifier, "ties", post="SOFTMAX", single=True, **two)
    yield make("second_class", 3, 2, 2, classifier, "halves", targets=(1,), **two)
    yield make("second_class_base", 3, 2, 2, classifier, "ties", targets=(1,), base_values=[0.25], post="SOFTMAX", **two)
    yield make("both_classes", 3, 2, 2, classifier, "ties", targets=(0, 1), every=True, base_values=[0.25], **two)
    yield make("both_classes_names", 3, 2, 2, classifier, "halves", targets=(0, 1), every=True, post="LOGISTIC", **names)
    # Three.
    yield make("forest_three", 5, 3, 3, classifier, "halves", targets=(0, 1, 2), every=True, **three)
    yield make("boosted_three", 6, 2, 3, classifier, "ties", targets=([0], [1], [2]), base_values=[0.25, -0.25, 0.0],
               post="SOFTMAX", **three)
    yield make("sparse_three", 2, 1, 2, classifier, "ties", targets=(0, 1, 2), **three)
    yield make("sparse_three_base", 2, 1, 2, classifier, "ties", targets=(0, 1, 2), base_values=[-0.0, 0.25, -0.5], **three)

    # Steps before the trees.
    offset, scale = [0.1, -3.0], [1 / 3, 7.3]
    yield make("scaler", 4, 3, 2, classifier, "positive", before=scaler(offset, scale),
               inverse=lambda f, t: t / scale[f] + offset[f], **two)
    yield make("scaler_falling", 3, 3, 2, regressor, modes=ALL, values=INTEGERS, missing=True, n_targets=1,
               before=scaler([0.5, 2.0], [-0.37, -1e3]), inverse=lambda f, t: t / [-0.37, -1e3][f] + [0.5, 2.0][f])
    yield make("scaler_one", 3, 3, 2, regressor, n_targets=1, before=scaler([100.0], [1e-3]),
               inverse=lambda f, t: t / 1e-3 + 100)
    yield make("scaler_coarse", 3, 3, 2, regressor, modes=ALL, values=INTEGERS, n_targets=1,
               before=scaler([1e7], [1.0]), inverse=lambda f, t: t + 1e7)
    yield make("arithmetic", 3, 3, 2, regressor, modes=ORDER, missing=True, n_targets=1,
               before=arithmetic(("Sub", [[0.3, 1.7]], False), ("Div", [[0.7, -3.1]], False), ("Mul", [2.3], False),
                                 ("Sub", [1.0], True), ("Add", [[0.1, 0.2]], True)),
               inverse=lambda f, t: (1.0 - (t - [0.1, 0.2][f])) / 2.3 * [0.7, -3.1][f] + [0.3, 1.7][f])

    # ai.onnx.ml 5.
    yield make("v5_modes", 4, 3, 3, "v5", modes=ALL, values=INTEGERS, missing=True, n_targets=1)
    yield make("v5_member", 4, 3, 2, "v5", modes=["BRANCH_MEMBER"], missing=True, n_targets=1)
    yield make("v5_member_mixed", 4, 3, 2, "v5", modes=ALL + ["BRANCH_MEMBER"], values=INTEGERS, n_targets=1)
    yield make("v5_member_scaled", 3, 2, 2, "v5", modes=["BRANCH_MEMBER"], missing=True, n_targets=1,
               before=scaler([2.0], [-0.9]), inverse=lambda f, t: t / -0.9 + 2.0)
    yield make("v5_average", 3, 2, 2, "v5", targets=(0, 1), n_targets=2, aggregate_function=0)
    yield make("v5_max", 3, 2, 2, "v5", targets=([0], [1]), n_targets=2, aggregate_function=3)
    yield make("v5_logistic", 3, 2, 2, "v5", targets=([0], [1]), n_targets=2, post="LOGISTIC")


def main():
    written = list(cases())
    FILE.write_bytes(container.encode(written))
    print(f"{len(written)} cases, {sum(len(c.samples[0][0][0]) for c in written) // 4} features, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
