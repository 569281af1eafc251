#!/usr/bin/env python3
"""Writes tail_cases.bin: models with float32 behind their last quantised tensors, and ONNX Runtime's own outputs.

    python3 -m venv v && v/bin/pip install -r tests/import/requirements.txt
    v/bin/python tests/import/make_tail_cases.py

The container is that of container.py, but outputs are the model's own: float32, or int64. A sample's inputs are the
bytes of the model's inputs. Runtime and options: as make_cases.py has them.
"""

import pathlib

import numpy as np
import runtime
from onnx import TensorProto

import container
from container import Case
from graph import MICROSOFT, Graph

FILE = pathlib.Path(__file__).parent / "tail_cases.bin"
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def leaf(graph, dims, dtype="s8", scale=0.05, zero=0, name=None):
    return graph.dq(graph.input(dims, dtype, scale, zero, floats=False, name=name))


def rows():
    for name, op, opset, dims, attributes in (
        ("softmax", "Softmax", 17, (1, 10), {}),
        ("softmax_axis", "Softmax", 13, (1, 3, 4, 2), {"axis": 1}),
        ("softmax_coerced", "Softmax", 11, (1, 3, 4), {}),
        ("softmax_coerced_axis", "Softmax", 12, (2, 3, 4), {"axis": 2}),
        ("log_softmax", "LogSoftmax", 17, (3, 10), {}),
        ("log_softmax_axis", "LogSoftmax", 13, (2, 5, 3), {"axis": -2}),
    ):
        graph = Graph(f"tail_{name}", opset)
        graph.result(graph.node(op, [leaf(graph, dims, "u8", 0.07, 131)], **attributes), FLOAT)
        yield graph
    graph = Graph("tail_reduce_old")
    x = leaf(graph, (1, 3, 4, 5))
    for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"):
        graph.result(graph.node(op, [x], axes=[1, -1], keepdims=int(op != "ReduceMax")), FLOAT)
    graph.result(graph.node("ReduceSum", [x, graph.ints([2])]), FLOAT)
    graph.result(graph.node("ReduceSum", [x], keepdims=0), FLOAT)
    yield graph
    graph = Graph("tail_reduce_new", 20)
    x = graph.node("Relu", [leaf(graph, (2, 3, 5), "u8", 0.1, 3)])
    for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSum"):
        graph.result(graph.node(op, [x, graph.ints([0, 2])], keepdims=0), FLOAT)
    graph.result(graph.node("ReduceMean", [x]), FLOAT)
    yield graph
    for name, attributes in (("first", {}), ("last", {"select_last_index": 1, "keepdims": 0, "axis": 1})):
        graph = Graph(f"tail_arg_{name}", 13)
        x = graph.node("Exp", [leaf(graph, (2, 9, 3), "s8", 0.01)])
        for op in ("ArgMax", "ArgMin"):
            graph.result(graph.node(op, [x], **attributes), INT64)
        yield graph


UNARY = (
    ("Relu", {}), ("Sigmoid", {}), ("Tanh", {}), ("Exp", {}), ("Neg", {}), ("Abs", {}), ("Erf", {}), ("Softplus", {}),
    ("Softsign", {}), ("Floor", {}), ("Ceil", {}), ("Round", {}), ("HardSwish", {}), ("LeakyRelu", {}),
    ("LeakyRelu", {"alpha": 0.3}), ("Elu", {"alpha": 0.7}), ("HardSigmoid", {}), ("HardSigmoid", {"alpha": 0.1, "beta": 0.6}),
)


def elementwise():
    graph = Graph("tail_unary", 15)
    x = leaf(graph, (16,), "s8", 0.06, 5)
    for op, attributes in UNARY:
        graph.result(graph.node(op, [x], **attributes), FLOAT)
    yield graph
    graph = Graph("tail_gelu", 20)
    x = leaf(graph, (1, 9), "u8", 0.04, 120)
    graph.result(graph.node("Gelu", [x]), FLOAT)
    graph.result(graph.node("Gelu", [x], approximate="tanh"), FLOAT)
    graph.result(graph.node("Gelu", [x], domain=MICROSOFT), FLOAT)
    graph.result(graph.node("QuickGelu", [x], domain=MICROSOFT, alpha=1.5), FLOAT)
    yield graph
    graph = Graph("tail_positive")
    x = graph.node("Abs", [leaf(graph, (12,), "s8", 0.3, 10)])
    y = graph.node("Add", [x, graph.floats(0.25)])
    for op in ("Sqrt", "Log", "Reciprocal"):
        graph.result(graph.node(op, [y]), FLOAT)
    for exponent in (2, 0.5, -1.5):
        graph.result(graph.node("Pow", [y, graph.floats(exponent)]), FLOAT)
    yield graph
    graph = Graph("tail_clip")
    x = leaf(graph, (10,), "s8", 0.1)
    graph.result(graph.node("Clip", [x, graph.floats(-1.5), graph.floats(2)]), FLOAT)
    graph.result(graph.node("Clip", [x, "", graph.floats(0.5)]), FLOAT)
    graph.result(graph.node("Clip", [x, graph.floats(-0.25)]), FLOAT)
    yield graph
    graph = Graph("tail_clip_attributes", 10)
    x = leaf(graph, (10,), "s8", 0.1)
    graph.result(graph.node("Clip", [x], min=-1.5, max=2.0), FLOAT)
    yield graph
    graph = Graph("tail_binary")
    x, y = leaf(graph, (2, 3, 4), "s8", 0.1, -7), leaf(graph, (3, 1), "u8", 0.05, 0)
    for op in ("Add", "Sub", "Mul", "Min", "Max"):
        graph.result(graph.node(op, [x, y]), FLOAT)
    positive = graph.node("Add", [y, graph.floats(1)])
    graph.result(graph.node("Div", [x, positive]), FLOAT)
    graph.result(graph.node("Pow", [positive, graph.node("Mul", [x, graph.floats(0.1)])]), FLOAT)
    graph.result(graph.node("Sub", [graph.floats([[0.5], [-2], [1e-3]]), x]), FLOAT)
    graph.result(graph.node("Mul", [x, graph.floats([-0.5])]), FLOAT)
    graph.result(graph.node("Max", [x, y, graph.floats(0.1)]), FLOAT)
    graph.result(graph.node("PRelu", [x, graph.floats([[0.1], [0.2], [-0.3]])]), FLOAT)
    yield graph


def moves():
    graph = Graph("tail_moves")
    x = graph.node("Sigmoid", [leaf(graph, (1, 6, 4))])
    graph.result(graph.node("Transpose", [x], perm=[0, 2, 1]), FLOAT)
    graph.result(graph.node("Transpose", [x]), FLOAT)
    graph.result(graph.node("Reshape", [x, graph.ints([0, 2, -1])]), FLOAT)
    graph.result(graph.node("Flatten", [x]), FLOAT)
    graph.result(graph.node("Squeeze", [x, graph.ints([0])]), FLOAT)
    graph.result(graph.node("Unsqueeze", [x, graph.ints([0, -1])]), FLOAT)
    for part in graph.node("Split", [x, graph.ints([1, 3, 2])], outputs=3, axis=1):
        graph.result(part, FLOAT)
    graph.result(graph.node("Slice", [x, graph.ints([1, 3]), graph.ints([5, -5]), graph.ints([1, 2]), graph.ints([2, -1])]), FLOAT)
    graph.result(graph.node("Slice", [x, graph.ints([0, -3]), graph.ints([1, 1 << 62])]), FLOAT)
    graph.result(graph.node("Gather", [x, graph.ints([[0, 5], [-2, 2]])], axis=1), FLOAT)
    graph.result(graph.node("Gather", [x, graph.ints(1)], axis=2), FLOAT)
    graph.result(graph.node("Concat", [x, graph.node("Neg", [x]), graph.floats([[[1, 2, 3, 4]]])], axis=1), FLOAT)
    graph.result(graph.node("Expand", [graph.node("ReduceMean", [x], axes=[1]), graph.ints([3, 2, 4])]), FLOAT)
    graph.result(graph.node("Identity", [x]), FLOAT)
    yield graph
    graph = Graph("tail_moves_old", 11)
    x = graph.node("Tanh", [leaf(graph, (1, 1, 6))])
    graph.result(graph.node("Squeeze", [x], axes=[0]), FLOAT)
    graph.result(graph.node("Squeeze", [x]), FLOAT)
    graph.result(graph.node("Unsqueeze", [x], axes=[1]), FLOAT)
    for part in graph.node("Split", [x], outputs=2, axis=-1, split=[4, 2]):
        graph.result(part, FLOAT)
    yield graph
    graph = Graph("tail_split_equally", 18)
    x = graph.node("Tanh", [leaf(graph, (1, 7))])
    for part in graph.node("Split", [x], outputs=3, axis=1, num_outputs=3):
        graph.result(part, FLOAT)
    yield graph


def networks():
    # Boxes of a detector: distances to an anchor, times a stride; classes by Sigmoid.
    graph = Graph("tail_boxes")
    boxes = graph.input((1, 4, 6), "u8", 0.05, 100, floats=False, name="boxes")
    classes = graph.input((1, 3, 6), "s8", 0.09, -3, floats=False, name="classes")
    near, far = graph.node("Split", [graph.dq(boxes), graph.ints([2, 2])], outputs=2, axis=1)
    anchors = graph.floats([[[0.5, 1.5, 2.5, 0.5, 1.5, 2.5], [0.5, 0.5, 0.5, 1.5, 1.5, 1.5]]])
    low, high = graph.node("Sub", [anchors, near]), graph.node("Add", [anchors, far])
    centre = graph.node("Div", [graph.node("Add", [low, high]), graph.floats(2)])
    size = graph.node("Sub", [high, low])
    scaled = graph.node("Mul", [graph.node("Concat", [centre, size], axis=1), graph.floats(8)])
    all_of_it = graph.node("Concat", [scaled, graph.node("Sigmoid", [graph.dq(classes)])], axis=1)
    graph.result(graph.node("Transpose", [all_of_it], perm=[0, 2, 1]), FLOAT)
    yield graph
    # A layer whose float result nothing quantises: the journal has sums.
    graph = Graph("tail_behind_gemm")
    x = leaf(graph, (1, 5), "u8", 0.02, 128)
    weights = graph.dq_constant(graph.rng.integers(-60, 61, (3, 5)), [0.01, 0.02, 0.03], axis=0)
    y = graph.node("Gemm", [x, weights], transB=1)
    graph.result(graph.node("Softmax", [y]), FLOAT)
    yield graph
    # Outputs of several kinds: bytes as they are, bytes dequantised, a tail.
    graph = Graph("tail_and_others")
    x = graph.input((1, 8), "s8", 0.1, 4, floats=False, name="x")
    y = graph.node("Softmax", [graph.dq(x)])
    graph.result(y, FLOAT)
    graph.output(x, dequantise=True)
    graph.result(graph.node("ArgMax", [y], axis=1), INT64)
    z = graph.input((1, 4), "u8", 0.5, 7, floats=False, name="z")
    graph.output(graph.q(graph.node("Relu", [graph.dq(z)]), "u8", 0.25, 0), dequantise=False)
    yield graph
    # Names that are none of C++ or Python.
    graph = Graph("tail_names")
    x = graph.dq(graph.input((1, 4), "s8", 0.1, 0, floats=False, name='for"; */ \\'))
    y = graph.node("Exp", [x], name="n\\\nimport os", out=["std::abort()\n#define x"])
    graph.result(graph.node("Neg", [y], out=["\u00e9'\"\\"]), FLOAT)
    graph.result(graph.node("Abs", [y], out=["class"]), FLOAT)
    graph.result(graph.node("Tanh", [y], out=["Class?"]), FLOAT)
    yield graph


def case_of(graph, samples):
    model = graph.model()
    session = runtime.session(model)
    shapes, values = {}, []
    for sample in range(samples):
        given = [runtime.random_values(feed, sample, graph.rng) for feed in graph.feeds]
        made = session.run(None, {feed.name: v for feed, v in zip(graph.feeds, given)})
        shapes = {name: v.shape for (name, _), v in zip(graph.outputs, made)}
        values.append(([v.tobytes() for v in given], [v.tobytes() for v in made]))
        if any(v.dtype == np.float32 and not np.isfinite(v).all() for v in made):
            raise ValueError(f"{graph.name}: no number")
    names = [name for name, _ in graph.outputs]
    model = graph.model(shapes).SerializeToString(deterministic=True)
    return Case(graph.name, "exact", model, 0, [feed.name for feed in graph.feeds], names, values)


def main():
    cases = [case_of(graph, 3) for family in (rows, elementwise, moves, networks) for graph in family()]
    data = container.encode(cases)
    FILE.write_bytes(data)
    print(f"{len(cases)} cases in {len(data)} bytes")


if __name__ == "__main__":
    main()
