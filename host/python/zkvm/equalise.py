"""Channels of a tensor brought nearer to one size, so that one scale of bytes serves all.

The outputs of a layer may be divided by anything, channel by channel, if what reads them multiplies: with factors on the
weights alone, and the same function. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction" (2019), section 4.1, here with the ranges that calibration examples give, and for all tensors of a chain of
residual additions together. Relu lets a factor pass; Clip does not.
"""

import pathlib
from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .examples import Examples
from .session import open_session

PASSED = ("Add", "Relu", "LeakyRelu")
RANGE = "/range of channels"
LEAST = 1e-3  # of the factors: a channel that hardly varies stays small


def equalise(path: pathlib.Path, examples: Examples, progress: Callable[[str, int, int], None]) -> None:
    """Changes weights of the float model at `path`."""
    model = onnx.load(path)
    groups = _groups(model)
    if not groups:
        return
    ranges = _ranges(model, sorted({name for group in groups for name in group}), examples, progress)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for group in groups:
        channels = np.max([ranges[name] for name in group], axis=0)
        if channels.max() == 0:
            continue
        factors = np.maximum(channels / channels.max(), LEAST)
        for node in model.graph.node:
            if node.op_type != "Conv":
                continue
            if node.output[0] in group:
                _multiply(constants, node.input[1], 1 / factors, 0)
                _multiply(constants, node.input[2], 1 / factors, 0)
            if node.input[0] in group:
                of_channels = _attribute(node, "group", 1) == 1
                _multiply(constants, node.input[1], factors, 1 if of_channels else 0)
    onnx.save(model, path)


def _groups(model: onnx.ModelProto) -> list[set[str]]:
    """Sets of tensors that must share their factors, and may have any: what computes and reads them is linear."""
    constants = {tensor.name for tensor in model.graph.initializer}
    used = [name for node in model.graph.node for name in node.input]
    groups = {node.output[0]: {node.output[0]} for node in model.graph.node if node.op_type in ("Conv", *PASSED)}
    for node in model.graph.node:
        if node.op_type in PASSED:
            joined = set(node.output).union(*(groups.get(name, {name}) for name in node.input)) | groups[node.output[0]]
            for name in joined:
                groups[name] = joined
    fixed = {value.name for value in [*model.graph.output, *model.graph.input]} | constants
    for node in model.graph.node:
        if node.op_type == "Conv":
            own = [name for name in node.input[1:] if name]
            depth = _attribute(node, "group", 1)
            if len(own) < 2 or not constants.issuperset(own) or any(used.count(name) > 1 for name in own):
                fixed.update([node.input[0], node.output[0]])
            elif depth > 1 and next(t for t in model.graph.initializer if t.name == own[0]).dims[:2] != [depth, 1]:
                fixed.add(node.input[0])
        elif node.op_type not in PASSED:
            fixed.update([*node.input, *node.output])
    found = {id(group): group for group in groups.values()}
    return [group for group in found.values() if not group & fixed]


def _ranges(model: onnx.ModelProto, names: list[str], examples: Examples,
            progress: Callable[[str, int, int], None]) -> dict[str, np.ndarray]:
    session = open_session(model, names)
    ranges: dict[str, np.ndarray] = {}
    for number, feeds in enumerate(examples):
        progress("equalising: example", number + 1, len(examples))
        for name, array in zip(names, session.run(names, feeds)):
            found = np.abs(array).max(axis=(0, *range(2, array.ndim))).astype(np.float64)
            ranges[name] = np.maximum(ranges.get(name, found), found)
    return ranges


def _multiply(constants: dict[str, onnx.TensorProto], name: str, factors: np.ndarray, axis: int) -> None:
    array = numpy_helper.to_array(constants[name])
    along = [-1 if i == axis else 1 for i in range(array.ndim)]
    product = (array * factors.reshape(along)).astype(np.float32)
    constants[name].CopyFrom(numpy_helper.from_array(product, name))


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)
