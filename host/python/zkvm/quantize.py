"""Quantises a float ONNX model to 8 bits for `zkvm import`, and says what that costs in accuracy.

    python -m zkvm.quantize MODEL.onnx --data calibration.npz -o MODEL.int8.onnx

ONNX Runtime's own quantiser with the options that make its result exact: int8 by int8, which the runtime sums without
saturation on every CPU, in operator form, which every session computes alike; a scale for each channel of weights.
Before it, channels are brought to one size where the function stays the same; behind it, biases are corrected by what the
rounding of weights does to means.
"""

import argparse
import collections
import contextlib
import io
import json
import logging
import math
import operator
import os
import pathlib
import sys
import tempfile
import time
import types
from typing import NoReturn

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from . import accuracy, bias_correction, equalise, float_model
from .errors import Refused
from .examples import Examples, save_arrays

METHODS = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile,
           "entropy": CalibrationMethod.Entropy}
FORMS = {"operator": QuantFormat.QOperator, "qdq": QuantFormat.QDQ}
LEFT_AT_THE_END = ("Softmax", "LogSoftmax", "Sigmoid")
WITH_OWN_RANGE = ("Conv", "Gemm", "MatMul", "Add", "Mul", "AveragePool", "GlobalAveragePool")  # others keep their input's


class Progress:
    """One line on stderr: rewritten on a terminal, else written anew every ten seconds."""

    def __init__(self, is_quiet: bool):
        self.is_quiet, self.is_terminal = is_quiet, sys.stderr.isatty()
        self.last = time.monotonic()

    def show(self, what: str, done: int, count: int) -> None:
        now = time.monotonic()
        if self.is_quiet or now - self.last < (0.1 if self.is_terminal else 10):
            return
        self.last = now
        print(f"\r\x1b[K{what} {done} of {count}" if self.is_terminal else f"{what} {done} of {count}",
              end="" if self.is_terminal else "\n", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.is_terminal and not self.is_quiet:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Reader(CalibrationDataReader):
    """Hands examples out one by one: the calibrator keeps a range or a histogram of each tensor, and no tensor."""

    def __init__(self, examples: Examples, progress: Progress):
        self.examples, self.progress = examples, progress
        self.rows, self.done, self.left = iter(examples), 0, 0

    def __len__(self) -> int:
        return len(self.examples)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.left = end_index - start_index

    def get_next(self) -> dict[str, np.ndarray] | None:
        if self.left == 0:
            return None
        self.progress.show("calibrating: example", self.done + 1, len(self.examples))
        self.left, self.done = self.left - 1, self.done + 1
        return next(self.rows)


def left_in_float(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that stay as they are between DequantizeLinear and QuantizeLinear.

    The quantiser drops a Relu or Clip, as bytes saturate at the ends of a tensor's range. That is right where the node
    before it takes over the range of its output, and that contains 0; it drops others, too, and what they should have cut
    off comes through: findings/onnxruntime_quantize_drops_relu.sh.
    """
    outputs = {value.name for value in graph.output}
    constants = {tensor.name: numpy_helper.to_array(tensor).item() for tensor in graph.initializer
                 if math.prod(tensor.dims) == 1}
    writers = {name: node for node in graph.node for name in node.output}
    readers = collections.Counter(name for node in graph.node for name in node.input)

    def can_be_dropped(node: onnx.NodeProto) -> bool:
        name = node.input[0]
        if readers[name] > 1 or name in outputs or name in writers and writers[name].op_type not in WITH_OWN_RANGE:
            return False
        bounds = zip(node.input[1:], (operator.le, operator.ge))
        return all(not bound or bound in constants and reaches(constants[bound], 0) for bound, reaches in bounds)

    return [node.name for node in graph.node
            if node.op_type in LEFT_AT_THE_END and outputs.issuperset(node.output) or
            node.op_type in ("Relu", "Clip") and not can_be_dropped(node)]


def quantise(folded: pathlib.Path, target: pathlib.Path, reader: Reader, options: argparse.Namespace) -> None:
    """Writes the quantised form of a folded float model; the same file on each run."""
    extra = {"CalibStridedMinMax": 1, "CalibTensorRangeSymmetric": options.symmetric,
             "ActivationSymmetric": options.symmetric, "WeightSymmetric": True}
    if options.calibration == "percentile":
        extra["CalibPercentile"] = options.percentile
    with contextlib.redirect_stdout(io.StringIO()):  # the calibrators print
        quantize_static(folded, target, reader, quant_format=FORMS[options.form], per_channel=not options.per_tensor,
                        reduce_range=options.reduce_range, activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
                        nodes_to_exclude=left_in_float(onnx.load(folded).graph),
                        calibrate_method=METHODS[options.calibration], extra_options=extra)


def dimension(text: str) -> tuple[str, int]:
    name, _, size = text.rpartition("=")
    if not name or not size.isdecimal() or int(size) == 0:
        raise argparse.ArgumentTypeError(f"expected NAME=SIZE, found {text!r}")
    return name, int(size)


def percentile(text: str) -> float:
    value = float(text)
    if not 50 < value <= 100:
        raise argparse.ArgumentTypeError(f"expected a number above 50 and up to 100, found {text!r}")
    return value


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m zkvm.quantize", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Quantise a float ONNX model to 8 bits for `zkvm import`, and say what that costs in accuracy.",
        epilog="Weights and activations are int8, which ONNX Runtime sums exactly on every CPU. BatchNormalization is "
               "folded.\nA Softmax or Sigmoid that gives an output stays in float: `zkvm import` makes it part of "
               "the tail.\nExit status: 0, or 2 where an argument or a file is not as expected.\n\nExample:\n"
               "  python -m zkvm.quantize cats.onnx --data calibration.npz --test test.npz -o cats.int8.onnx\n"
               "  zkvm import cats.int8.onnx -o cats --output argmax")
    p.add_argument("model", metavar="MODEL", help="the float model, an ONNX file")
    p.add_argument("--data", required=True, metavar="FILE.npz",
                   help="examples to calibrate on: an array for each input, by its name, with an axis of examples first; "
                        "some 100 that are like what the model will see")
    p.add_argument("-o", "--output", required=True, metavar="FILE.onnx", help="the quantised model")
    p.add_argument("--test", metavar="FILE.npz", help="examples to compare both models on; default: those of --data")
    p.add_argument("--calibration", choices=METHODS, default="minmax",
                   help="a tensor's range: all that it took (the default), all but outliers, or what loses least of its "
                        "distribution")
    p.add_argument("--percentile", type=percentile, default=99.999, metavar="P",
                   help="how much of the values --calibration percentile keeps; default: %(default)s")
    p.add_argument("--symmetric", action="store_true", help="activations with zero point 0")
    p.add_argument("--per-tensor", action="store_true", help="one scale for all weights of a layer")
    p.add_argument("--reduce-range", action="store_true", help="weights of 7 bits, within 64")
    p.add_argument("--no-equalise", dest="equalise", action="store_false",
                   help="leave channels as they are: some networks are the better for it; try both")
    p.add_argument("--form", choices=FORMS, default="operator",
                   help="operators on bytes (the default), or DequantizeLinear, float operator, QuantizeLinear, which ONNX "
                        "Runtime computes alike only with session.qdqisint8allowed=1 and "
                        "session.disable_double_qdq_remover=1")
    p.add_argument("--dim", type=dimension, action="append", default=[], metavar="NAME=SIZE",
                   help="size of a dimension that the model names; an open first one is 1")
    p.add_argument("--expected", metavar="FILE.npz",
                   help="write the first 32 compared examples with the quantised model's outputs, for `zkvm import --check`")
    p.add_argument("--layers", type=int, default=8, metavar="N", help="how many of the worst layers to show; default: 8")
    p.add_argument("--json", action="store_true", help="the report as one JSON object on stdout, with all layers")
    p.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    return p


def run(options: argparse.Namespace) -> accuracy.Report:
    progress = Progress(options.quiet)
    model = float_model.read(options.model, dict(options.dim))
    ports = float_model.ports(options.model, model)
    calibration = Examples(options.data, ports)
    test = Examples(options.test, ports) if options.test else calibration
    output = pathlib.Path(options.output)
    for path in (output, pathlib.Path(options.expected or output)):
        if not path.parent.is_dir():
            raise Refused(f"{path}: no such folder")
    with tempfile.TemporaryDirectory(prefix="zkvm.quantize.") as folder, \
         tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as beside:
        folded, written = pathlib.Path(folder, "folded.onnx"), pathlib.Path(beside, output.name)
        float_model.prepare(model, folded)
        del model
        if options.equalise:
            equalise.equalise(folded, calibration, progress.show)
        quantise(folded, written, Reader(calibration, progress), options)
        bias_correction.correct(folded, written, calibration, progress.show)
        report = accuracy.compare(folded, written, test, progress.show, options.expected)
        progress.clear()
        os.replace(written, output)
    return report


def quantize(model: str | os.PathLike, data: str | os.PathLike | dict[str, np.ndarray], output: str | os.PathLike, *,
             test: str | os.PathLike | dict[str, np.ndarray] | None = None, progress: bool = False,
             **options: object) -> accuracy.Report:
    """What the command does, for programs: `zkvm.quantize("cats.onnx", {"image": examples}, "cats.int8.onnx")`.

    Args:
        model, output: ONNX files: a float model, and where its form in 8 bits is written.
        data, test: examples, an .npz or arrays by the names of the inputs, with an axis of examples first.
        progress: one line on stderr.
        options: the command's, with _ for -: `per_tensor=True`, `calibration="entropy"`, `dim={"N": 1}`.

    Returns:
        how far both models are apart, layer by layer; a notebook shows it.

    Raises:
        zkvm.InvalidModel: a model or examples that cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="zkvm.quantize.") as folder:
        arguments = [os.fspath(model), "-o", os.fspath(output)] + ([] if progress else ["--quiet"])
        for name, examples in (("data", data), ("test", test)):
            if isinstance(examples, dict):
                path = os.path.join(folder, f"{name}.npz")
                save_arrays(path, examples)
                examples = path
            arguments += [] if examples is None else [f"--{name}", os.fspath(examples)]
        for name, value in options.items():
            if name not in known_options():
                raise TypeError(f"quantize: expected one of {', '.join(known_options())}, found {name!r}")
            option = f"--{name.replace('_', '-')}"
            if isinstance(value, dict):
                arguments += [word for key, size in value.items() for word in (option, f"{key}={size}")]
            elif name == "equalise":
                arguments += [] if value else ["--no-equalise"]
            elif value is True:
                arguments.append(option)
            elif value is not False and value is not None:
                arguments += [option, str(value)]
        known = parser()
        known.exit_on_error = False

        def refuse(message: str) -> NoReturn:
            raise ValueError(f"quantize: {message}")

        known.error = refuse
        try:
            parsed = known.parse_args(arguments)
        except argparse.ArgumentError as error:
            raise ValueError(f"quantize: {error}") from None
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)  # the quantiser advises, at length
        try:
            report = run(parsed)
        except Refused as error:
            try:
                from .receipts import InvalidModel
            except ImportError:  # beside a source tree there is no native module
                raise error from None
            raise InvalidModel("malformed-model", str(error)) from None
        finally:
            logging.disable(level)
    return report


def known_options() -> list[str]:
    """Of the command, what the function takes, too."""
    taken = ("help", "model", "data", "output", "test", "json", "quiet")
    return [action.dest for action in parser()._actions if action.dest not in taken]


class _CallableModule(types.ModuleType):
    """`zkvm.quantize(...)` is the function, however the module was imported."""

    def __call__(self, *arguments: object, **options: object) -> accuracy.Report:
        return quantize(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule


def main(arguments: list[str] | None = None) -> int:
    logging.disable(logging.WARNING)  # the quantiser advises, at length
    options = parser().parse_args(arguments)
    try:
        report = run(options)
    except Refused as error:
        print(f"zkvm.quantize: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"zkvm.quantize: {error.filename or options.output}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime."):  # of a type for each of its status codes
            raise
        print(f"zkvm.quantize: ONNX Runtime: {float_model.line(error)}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(report.as_json()))
    else:
        print(report.text(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
