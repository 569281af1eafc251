"""What a guest reads, from what people have: numpy's arrays, pictures, bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence, Union

from . import _native
from .receipts import BytesLike, InvalidModel, to_bytes

if TYPE_CHECKING:
    from .model import Description, Tensor

#: Bytes as they are; an array (or what numpy makes one of), or a PIL image, of the only input; a tuple or list, or a mapping by
#: name, of them for several.
Input = Union[BytesLike, Any, Sequence[Any], Mapping[str, Any]]


def is_picture(x: object) -> bool:
    """Of PIL, which need not be there."""
    return any(base.__module__.startswith("PIL.") for base in type(x).__mro__)


def pixels(picture: Any, tensor: Tensor) -> Any:
    """A picture of 8 bits (modes 1, L, P, RGB) and of the size that the input has, in 0 .. 1, or 0 .. 255 where the model has
    bytes: grey or RGB as the input has one channel or three, which stand before the rows or behind."""
    import numpy

    if picture.mode not in ("1", "L", "P", "RGB") or "transparency" in picture.info:
        raise InvalidModel("unfit-tensors", f"input '{tensor.name}': picture: expected mode 1, L, P or RGB, found {picture.mode}"
                           f"{' with transparency' if 'transparency' in picture.info else ''}: convert it, or pass an array")

    shape = tensor.shape
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) == 2:
        height, width, channels, first = *shape, 1, True
    elif len(shape) == 3 and shape[0] in (1, 3):
        channels, height, width, first = *shape, True
    elif len(shape) == 3 and shape[2] in (1, 3):
        height, width, channels, first = *shape, False
    else:
        raise InvalidModel("unfit-tensors", f"input '{tensor.name}': picture: expected an input of rows and columns in one "
                           f"channel or three, found shape {'x'.join(map(str, tensor.shape))}")
    if picture.size != (width, height):
        raise InvalidModel("unfit-tensors", f"input '{tensor.name}': picture: expected {width}x{height} pixels, found "
                           f"{picture.size[0]}x{picture.size[1]}: picture.resize(({width}, {height}))")
    found = numpy.asarray(picture.convert("L" if channels == 1 else "RGB")).reshape(height, width, channels)
    if first:
        found = found.transpose(2, 0, 1)
    found = found.reshape(tensor.shape)
    return found if tensor.model_type == "uint8" else found.astype(numpy.float32) / 255


def array_parts(name: str, x: Any, tensor: Tensor | None) -> tuple[str, str, list[int], bytes]:
    """Its name, type, shape and elements, as the native module takes them."""
    import numpy

    if tensor is not None and is_picture(x):
        x = pixels(x, tensor)
    where = f"input '{name or (tensor.name if tensor else '')}'"
    if isinstance(x, numpy.ma.MaskedArray):
        raise InvalidModel("unfit-tensors", f"{where}: expected an array, found a masked one: x.filled(...)")
    array = numpy.asarray(x)
    if tensor is not None and tensor.scale is not None and array.dtype.kind == "f" and numpy.isnan(array).any():
        raise InvalidModel("unfit-tensors", f"{where}: expected numbers, found NaN, which no integer stands for")
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and not numpy.little_endian):
        array = array.astype(array.dtype.newbyteorder("<"))
    return name, array.dtype.name, list(array.shape), array.tobytes()


def encode(model: Description | None, x: Input, weights: bytes, inputs_alone: bool = False) -> bytes:
    if isinstance(x, (bytes, bytearray, memoryview)):
        return to_bytes(x, "input")  # a copy of what can change meanwhile
    if model is None:
        if hasattr(x, "dtype"):
            raise InvalidModel("malformed-model", "input: expected bytes, as this guest does not say what its inputs are, found "
                               "an array: x.tobytes() are its elements")
        return to_bytes(x, "input")
    if isinstance(x, Mapping):
        tensors = {tensor.name: tensor for tensor in model.inputs}
        if not all(isinstance(name, str) for name in x):
            raise TypeError("input: expected names of inputs, found other keys")
        arrays = [array_parts(name, value, tensors.get(name)) for name, value in x.items()]
    elif isinstance(x, (tuple, list)) and (len(model.inputs) > 1 or any(map(is_picture, x))):
        arrays = [array_parts("", value, model.inputs[i % len(model.inputs)] if model.inputs else None) for i, value in enumerate(x)]
    else:
        arrays = [array_parts("", x, model.inputs[0] if len(model.inputs) == 1 else None)]
    return _native.encode_input(model.section, arrays, weights, inputs_alone)
