"""Models that others made: the 8-bit node tests of the onnx package, and files that failed before."""

import pathlib
import re
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

import runtime
from container import Case
from static_quantisation import Ready

NODE_TESTS = "onnx/backend/test/data/node/"
EIGHT_BITS = re.compile(
    r"test_(qlinear|quantizelinear|dequantizelinear|matmulinteger|convinteger|dynamicquantizelinear)"
)
# Written with other operators, or types that one file of each kind is refused for.
LEFT_OUT = re.compile("_expanded|_adjusted|e5m2|e4m3fn_|quantizelinear_(e4m3fn|u?int2|uint4|uint16|float4)")
NOT_FINITE = {"inf_scale", "nan_scale", "negative_scale"}


def previous_failures(folder):
    """(graph or Case, samples): what is right there is what the runtime computes."""
    for path in sorted(pathlib.Path(folder).glob("*.onnx")):
        name = "failed_before_" + path.stem
        if path.stem in NOT_FINITE:
            yield Case(name, "refused: conv & scale", path.read_bytes()), 0
            continue
        proto = onnx.load(path)
        yield Ready(name, proto, "op" if proto.graph.node[0].op_type != "DequantizeLinear" else "qdq"), 3


def _tensor(data):
    tensor = TensorProto()
    tensor.ParseFromString(data)
    return tensor


def _reason(proto, inputs):
    """Parts of the error line, where such a model is out of range."""
    node = proto.graph.node[0]
    kinds = {TensorProto.DataType.Name(t.data_type) for t in inputs}
    for kind in sorted(kinds):
        if kind.startswith(("FLOAT8", "FLOAT4", "INT4", "UINT4", "INT2", "UINT2")):
            return kind.lower()
    for kind in ("FLOAT16", "INT16", "UINT16"):
        if kind in kinds:
            return kind.lower()
    if any(n.op_type == "DynamicQuantizeLinear" for n in proto.graph.node):
        return "DynamicQuantizeLinear"
    if any(a.name == "block_size" for a in node.attribute):
        return "block"
    return None


def node_tests(wheel):
    """Cases. What stands among the inputs there, scales, zero points, weights, are initialisers here."""
    with zipfile.ZipFile(wheel) as archive:
        names = sorted({n.split("/")[5] for n in archive.namelist() if n.startswith(NODE_TESTS)})
        for name in filter(EIGHT_BITS.match, names):
            if LEFT_OUT.search(name):
                continue
            read = lambda file, n=name: archive.read(f"{NODE_TESTS}{n}/{file}")
            proto = onnx.ModelProto()
            proto.ParseFromString(read("model.onnx"))
            inputs = [_tensor(read(f"test_data_set_0/input_{i}.pb")) for i in range(len(proto.graph.input))]
            expected = numpy_helper.to_array(_tensor(read("test_data_set_0/output_0.pb")))
            yield from _node_test("onnx_" + name, proto, inputs, expected)


def _node_test(name, proto, inputs, expected):
    node = proto.graph.node[0]
    reason = _reason(proto, inputs)
    for info, tensor in zip(proto.graph.input[1:], inputs[1:]):
        tensor.name = info.name
        proto.graph.initializer.append(tensor)
    model = proto.SerializeToString(deterministic=True)
    if reason:
        yield Case(name, f"refused: {reason}", model)
        return
    x = numpy_helper.to_array(inputs[0])
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        if numpy_helper.to_array(inputs[1]).size > 1:  # activations of several scales
            yield Case(name, f"refused: {node.op_type}", model)
            return
        x = expected = (
            x if node.op_type == "DequantizeLinear" else expected
        )  # cut at its input; its output is the input
    if x.ndim and x.shape[0] != 1 and node.op_type == "ConvInteger":
        raise ValueError(f"{name}: a batch")
    yield Case(
        name,
        "exact",
        model,
        0,
        [proto.graph.input[0].name],
        [proto.graph.output[0].name],
        [([x.tobytes()], [expected.tobytes()])],
    )


def disagreement(case):
    """What the runtime has against a node test's own outputs; nothing where it gives the same."""
    session = runtime.session(case.model)
    info = session.get_inputs()[0]
    if "tensor(float)" in (info.type, session.get_outputs()[0].type):
        return None
    kind = {"tensor(uint8)": np.uint8, "tensor(int8)": np.int8}[info.type]
    inputs, outputs = case.samples[0]
    try:
        found = session.run(None, {info.name: np.frombuffer(inputs[0], kind).reshape(info.shape)})[0]
    except runtime.Fail as error:
        return str(error)
    return None if found.tobytes() == outputs[0] else f"expected {outputs[0].hex()}, found {found.tobytes().hex()}"
