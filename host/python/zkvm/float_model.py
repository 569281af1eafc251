"""A float model from an ONNX file, with fixed shapes, as the quantiser wants it: folded, every node named."""

import pathlib

import google.protobuf.message
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from .errors import Refused
from .examples import Port

OPSETS = (13, 27)  # from 13 on weights have scales of channels; the pinned runtime knows no later quantisation than 27's
QUANTISED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinear", "ConvInteger", "MatMulInteger")
INPUTS = {TensorProto.FLOAT: np.dtype(np.float32), TensorProto.INT64: np.dtype(np.int64),
          TensorProto.INT32: np.dtype(np.int32)}
LARGEST = 2**31 - 1  # bytes of a protocol buffer


def read(path: str, sizes: dict[str, int]) -> onnx.ModelProto:
    """The model at `path`, with all of its weights, `sizes` in place of dimensions so named. Raises Refused."""
    try:
        model = onnx.load(path)
    except FileNotFoundError as error:
        raise Refused(f"{path}: no such file" if not pathlib.Path(path).exists() else
                      f"{path}: weights in another file that is not there: {error}") from error
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error
    except (google.protobuf.message.DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise Refused(f"{path}: expected an ONNX model: {line(error)}") from error
    if not model.graph.node:
        raise Refused(f"{path}: expected an ONNX model, found no operators")
    if model.ByteSize() > LARGEST:
        raise Refused(f"{path}: expected less than 2 GiB with all weights, found {model.ByteSize():,} bytes")
    _refuse_quantised(path, model)
    _fix_shapes(path, model, sizes)
    return _with_fitting_opset(path, model)


def ports(path: str, model: onnx.ModelProto) -> list[Port]:
    """The inputs of a model of fixed shapes."""
    found = []
    for value in _inputs(model):
        element = value.type.tensor_type.elem_type
        if element not in INPUTS:
            raise Refused(f"{path}: input {value.name}: expected float32, int32 or int64, found "
                          f"{TensorProto.DataType.Name(element)}")
        shape = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        found.append(Port(value.name, shape, INPUTS[element]))
    return found


def prepare(model: onnx.ModelProto, path: pathlib.Path) -> None:
    """Writes the model to `path` with constants and BatchNormalization folded and all shapes inferred. Raises Refused."""
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:  # of a type for each of the runtime's status codes
        raise Refused(f"ONNX Runtime cannot run the model: {line(error)}") from error
    onnx.save(model, path)  # given a model and not a file, it loses shapes that are constants
    quant_pre_process(path, path, skip_symbolic_shape=True)
    folded = onnx.load(path)
    for number, node in enumerate(folded.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
        _give_bias(folded, node)
    onnx.save(folded, path)


def _give_bias(model: onnx.ModelProto, node: onnx.NodeProto) -> None:
    """Of zeros to a Conv that has none: there is room for a correction."""
    weights = next((tensor for tensor in model.graph.initializer if node.op_type == "Conv" and tensor.name == node.input[1]),
                   None)
    if weights is not None and (len(node.input) < 3 or not node.input[2]):
        name = f"{node.name}/no bias"
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(weights.dims[0], np.float32), name))
        node.input[2:] = [name]


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    constants = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in constants]


def _refuse_quantised(path: str, model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type.startswith(QUANTISED):
            raise Refused(f"{path}: expected a float model, found {node.op_type} ({node.name or node.output[0]}): it is "
                          "quantised already, and `zkvm import` takes it as it is")


def _fix_shapes(path: str, model: onnx.ModelProto, sizes: dict[str, int]) -> None:
    """An open first dimension is a batch of 1, as for `zkvm import`."""
    unused = set(sizes)
    for value in _inputs(model):
        if not value.type.tensor_type.HasField("shape"):
            raise Refused(f"{path}: input {value.name}: expected a shape, found none")
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_value > 0:
                continue
            unused.discard(dim.dim_param)
            size = sizes.get(dim.dim_param, 1 if axis == 0 else 0)
            if size < 1:
                raise Refused(f"{path}: input {value.name}: dimension {axis} has no fixed size" +
                              (f"; say it: --dim {dim.dim_param}=SIZE" if dim.dim_param else ""))
            dim.dim_value = size
    if unused:
        raise Refused(f"{path}: --dim {unused.pop()}: no input has a dimension of that name")
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def _with_fitting_opset(path: str, model: onnx.ModelProto) -> onnx.ModelProto:
    opset = next((i.version for i in model.opset_import if i.domain in ("", "ai.onnx")), 0)
    if opset > OPSETS[1]:
        raise Refused(f"{path}: expected an opset up to {OPSETS[1]}, found {opset}; export it again with one of these")
    if opset >= OPSETS[0]:
        return model
    try:
        return onnx.version_converter.convert_version(model, OPSETS[0])
    except Exception as error:  # C++'s, of any kind
        raise Refused(f"{path}: opset {opset} cannot be converted to {OPSETS[0]}: {line(error)}") from error


def line(error: Exception) -> str:
    """What it says, without line breaks and not at any length."""
    return " ".join(str(error).split())[:300]
