"""Rounded weights move the mean of what a layer computes; its bias moves it back.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.2, with the means
of calibration examples. A depthwise channel has nine weights, and their rounding errors meet much the same activation: in
MobileNetV2 most of the loss in accuracy is of that kind, and costs nothing to undo.
"""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .examples import Examples
from .session import open_session

ERROR = "/mean of the error"


@dataclasses.dataclass
class Linear:
    """A Conv or Gemm of the float model whose bias is an int32 constant of the quantised one."""

    node: onnx.NodeProto
    error: np.ndarray  # of the weights: what the bytes stand for, less the float ones
    bias: str  # in the quantised model
    bias_scale: np.ndarray
    sum: np.ndarray | float = 0.0


def correct(float_path: pathlib.Path, quantised_path: pathlib.Path, examples: Examples,
            progress: Callable[[str, int, int], None]) -> None:
    """Replaces the biases of the model at `quantised_path`, made of the one at `float_path`."""
    real, quantised = onnx.load(float_path), onnx.load(quantised_path)
    layers = _layers(real, quantised)
    if not layers:
        return
    session = _session(real, layers)
    names = [layer.node.output[0] + ERROR for layer in layers]
    for number, feeds in enumerate(examples):
        progress("correcting biases: example", number + 1, len(examples))
        for layer, mean in zip(layers, session.run(names, feeds)):
            layer.sum = layer.sum + mean.astype(np.float64)
    constants = {tensor.name: tensor for tensor in quantised.graph.initializer}
    limits = np.iinfo(np.int32)
    for layer in layers:
        bias = numpy_helper.to_array(constants[layer.bias]).astype(np.float64)
        moved = np.rint(bias - layer.sum / len(examples) / layer.bias_scale)
        corrected = np.clip(moved, limits.min, limits.max).astype(np.int32)
        constants[layer.bias].CopyFrom(numpy_helper.from_array(corrected, layer.bias))
    onnx.save(quantised, quantised_path)


def _session(real: onnx.ModelProto, layers: list[Linear]) -> onnxruntime.InferenceSession:
    """Beside each layer one of its weights' errors, and of what that gives the mean of each channel."""
    model = onnx.ModelProto()
    model.CopyFrom(real)
    del model.graph.output[:]
    for layer in layers:
        name = layer.node.output[0] + ERROR
        weights, output = name + "/weights", name + "/output"
        model.graph.initializer.append(numpy_helper.from_array(layer.error, weights))
        twin = onnx.NodeProto()
        twin.CopyFrom(layer.node)
        twin.name = name
        del twin.input[1:], twin.output[:]
        twin.input.append(weights)
        twin.output.append(output)
        axes = [0, *range(2, layer.error.ndim)]
        model.graph.node.append(twin)
        model.graph.node.append(_mean(model, output, name, axes))
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return open_session(model)


def _mean(model: onnx.ModelProto, x: str, name: str, axes: list[int]) -> onnx.NodeProto:
    """ReduceMean, whose axes became an operand in opset 18."""
    if next(i.version for i in model.opset_import if i.domain in ("", "ai.onnx")) < 18:
        return helper.make_node("ReduceMean", [x], [name], axes=axes, keepdims=0)
    model.graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), name + "/axes"))
    return helper.make_node("ReduceMean", [x, name + "/axes"], [name], keepdims=0)


def _layers(real: onnx.ModelProto, quantised: onnx.ModelProto) -> list[Linear]:
    weights = {tensor.name: tensor for tensor in real.graph.initializer}
    constants = {tensor.name: tensor for tensor in quantised.graph.initializer}
    scales = _bias_scales(quantised, constants)
    biases = [node.input[2] for node in real.graph.node if node.op_type in ("Conv", "Gemm") and len(node.input) > 2]
    layers = []
    for node in real.graph.node:
        if node.op_type not in ("Conv", "Gemm") or len(node.input) < 3 or biases.count(node.input[2]) > 1:
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        stem, bias = node.input[1], node.input[2] + "_quantized"
        if stem not in weights or stem + "_quantized" not in constants or bias not in scales:
            continue
        if attributes.get("alpha", 1) != 1 or attributes.get("transA", 0) != 0:
            continue
        axis = 0 if node.op_type == "Conv" or attributes.get("transB", 0) else 1
        codes, scale, zero_point = (numpy_helper.to_array(constants[stem + suffix]).astype(np.float64)
                                    for suffix in ("_quantized", "_scale", "_zero_point"))
        along = [-1 if i == axis else 1 for i in range(codes.ndim)]
        stands_for = (codes - zero_point.reshape(along)) * scale.reshape(along)
        error = (stands_for - numpy_helper.to_array(weights[stem])).astype(np.float32)
        layers.append(Linear(node, error, bias, scales[bias]))
    return layers


def _bias_scales(quantised: onnx.ModelProto, constants: dict[str, onnx.TensorProto]) -> dict[str, np.ndarray]:
    """Of each int32 bias what a step of it is worth."""
    places = {"QLinearConv": (1, 4, 8), "QGemm": (1, 4, 6)}  # of the scales and the bias among the operands
    scales = {}
    for node in quantised.graph.node:
        names = node.input
        if node.op_type in places and len(names) > max(places[node.op_type]):
            of_x, of_weights, bias = (names[i] for i in places[node.op_type])
            worth = [numpy_helper.to_array(constants[name]).astype(np.float64).ravel() for name in (of_x, of_weights)]
            scales[bias] = worth[0] * worth[1]
        elif node.op_type == "DequantizeLinear" and names[0] in constants and \
                constants[names[0]].data_type == TensorProto.INT32:
            scales[names[0]] = numpy_helper.to_array(constants[names[1]]).astype(np.float64).ravel()
    return scales
