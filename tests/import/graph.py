"""Small quantised graphs, written with onnx.helper."""

import dataclasses
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
TYPES = {"u8": np.uint8, "s8": np.int8, "s32": np.int32}
ONNX_TYPES = {
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.bool_): TensorProto.BOOL,
}
# The IR version that came with an opset.
IR_VERSIONS = {
    9: 4,
    10: 5,
    11: 6,
    12: 7,
    13: 7,
    14: 7,
    15: 8,
    16: 8,
    17: 8,
    18: 8,
    19: 9,
    20: 9,
    21: 10,
    22: 10,
    23: 11,
    24: 12,
    25: 12,
    26: 13,
    27: 13,
    28: 13,
}


def limits(dtype):
    info = np.iinfo(TYPES[dtype])
    return int(info.min), int(info.max)


@dataclasses.dataclass
class Quantised:
    """A tensor of bytes: element x means scale (x - zero)."""

    name: str
    dtype: str
    scale: float
    zero: int
    dims: tuple = ()


@dataclasses.dataclass
class Feed:
    """An input: what the model wants, and what our guest gets."""

    name: str
    dims: tuple
    dtype: str  # u8, s8; s64: indices below `rows`
    scale: float | None = None  # of a float input that the model quantises
    zero: int = 0
    rows: int = 0
    values: list | None = None  # of all samples, instead of random ones


class Graph:
    """`constants`: "initialiser"; "node": outputs of Constant nodes; "input": initialisers that are inputs too, as IR 3
    wants it. `domain` is that of QuantizeLinear and DequantizeLinear. `prefix` makes names as PyTorch's exporter does.
    """

    def __init__(self, name, opset=17, ir=None, constants="initialiser", domain="", prefix=""):
        self.name, self.opset, self.constants, self.domain, self.prefix = name, opset, constants, domain, prefix
        self.ir = ir or IR_VERSIONS[opset]
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes, self.initialisers, self.inputs, self.outputs = [], [], [], []
        self.feeds, self.cuts = [], []
        self.sums = {}  # of a cut that is a float made of whole sums: what one of them is worth
        self.moved = {}  # of a cut that is a float made of a quantised tensor's elements: that tensor
        self.imports = {"": opset}
        self.form = "qdq"
        self.counts = {}

    def fresh(self, stem):
        self.counts[stem] = self.counts.get(stem, 0) + 1
        return f"{self.prefix}{stem}{self.counts[stem]}"

    def const(self, value, dtype=None, name=None):
        array = np.array(value, dtype=dtype)
        name = name or self.fresh("k")
        tensor = numpy_helper.from_array(array, name)
        if self.constants == "node":
            tensor.ClearField("name")
            self.nodes.append(helper.make_node("Constant", [], [name], name=name + "_node", value=tensor))
            return name
        self.initialisers.append(tensor)
        if self.constants == "input":
            self.inputs.append(helper.make_tensor_value_info(name, tensor.data_type, array.shape))
        return name

    def floats(self, value):
        return self.const(value, np.float32)

    def ints(self, value):
        return self.const(value, np.int64)

    def node(self, op_type, inputs, outputs=1, domain="", name=None, out=None, **attributes):
        """The name of its output, or their list."""
        name = name or self.fresh({"QuantizeLinear": "q", "DequantizeLinear": "dq"}.get(op_type, op_type.lower()))
        if domain:
            self.imports.setdefault(domain, 1)
        outs = out or [f"{name}:{i}" if i else name for i in range(outputs)]
        inputs = [x.name if isinstance(x, Quantised) else x for x in inputs]
        self.nodes.append(helper.make_node(op_type, inputs, outs, name=name, domain=domain, **attributes))
        return outs[0] if len(outs) == 1 else outs

    def input(self, dims, dtype="u8", scale=0.05, zero=None, floats=True, name=None, values=None, declared=None):
        """Quantised by the model (`floats`), or bytes as they are. `declared`: dimensions as the model says them."""
        name = name or f"x{len(self.feeds)}"
        zero = (128 if dtype == "u8" else 0) if zero is None else zero
        feed = Feed(name, tuple(dims), dtype, scale if floats else None, zero, values=values)
        self.feeds.append(feed)
        element = TensorProto.FLOAT if floats else ONNX_TYPES[np.dtype(TYPES[dtype])]
        self.inputs.append(helper.make_tensor_value_info(name, element, dims if declared is None else declared))
        if floats:
            return dataclasses.replace(self.q(name, dtype, scale, zero), dims=tuple(dims))
        return Quantised(name, dtype, scale, zero, tuple(dims))

    def indices(self, dims, rows, name="ids", dtype=TensorProto.INT64):
        self.feeds.append(Feed(name, tuple(dims), "s64", rows=rows))
        self.inputs.append(helper.make_tensor_value_info(name, dtype, dims))
        return name

    def zero_point(self, dtype, zero):
        return self.const(zero, TYPES[dtype])

    def q(self, x, dtype="u8", scale=0.05, zero=None, name=None, no_zero=False):
        zero = (128 if dtype == "u8" else 0) if zero is None else zero
        ins = [x, self.floats(scale)] + ([] if no_zero else [self.zero_point(dtype, zero)])
        return Quantised(self.node("QuantizeLinear", ins, domain=self.domain, name=name), dtype, float(scale), zero)

    def dq(self, x, no_zero=False):
        ins = [x.name, self.floats(x.scale)] + ([] if no_zero else [self.zero_point(x.dtype, x.zero)])
        return self.node("DequantizeLinear", ins, domain=self.domain)

    def parameters(self, x):
        """Scale and zero point as names: of operators that take them after the tensor."""
        return [self.floats(x.scale), self.zero_point(x.dtype, x.zero)]

    def operand(self, x):
        return [x.name] + self.parameters(x)

    def dq_constant(self, values, scale, zero=None, dtype="s8", axis=None, name=None):
        """A constant through DequantizeLinear; `scale` and `zero` may be lists along `axis`."""
        ins = [self.const(values, TYPES[dtype], name=name), self.floats(scale)]
        if zero is not None:
            ins.append(self.const(zero, TYPES[dtype]))
        attributes = {} if axis is None else {"axis": axis}
        return self.node("DequantizeLinear", ins, domain=self.domain, **attributes)

    def output(self, x, dequantise=None, name=None):
        """A quantised tensor that is a result: in QDQ form its float is the model's output."""
        if dequantise is None:
            dequantise = self.form == "qdq"
        self.cuts.append(x.name)
        if dequantise:
            self.outputs.append((self.dq(x), TensorProto.FLOAT))
        else:
            self.outputs.append((x.name, ONNX_TYPES[np.dtype(TYPES[x.dtype])]))

    def sums_output(self, name, worth):
        """A float output of a linear operator: the graph is cut at its integer sums."""
        self.sums[name] = np.asarray(worth, np.float32)
        self.result(name, TensorProto.FLOAT)

    def result(self, name, element, cut=True):
        """Any other output of the model; `cut`: it is where the graph is cut."""
        self.outputs.append((name, element))
        if cut:
            self.cuts.append(name)

    def model(self, shapes=None, extra=()):
        shapes = shapes or {}
        outputs = [helper.make_tensor_value_info(n, t, shapes.get(n)) for n, t in self.outputs]
        outputs += [onnx.ValueInfoProto(name=n) for n in extra]
        graph = helper.make_graph(self.nodes, self.name, self.inputs, outputs, self.initialisers)
        imports = [helper.make_opsetid(d, v) for d, v in self.imports.items()]
        return helper.make_model(graph, opset_imports=imports, ir_version=self.ir, producer_name="")
