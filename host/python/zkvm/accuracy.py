"""A float model beside its quantised form: outputs, and how much of each layer's signal is left."""

import argparse
import dataclasses
import html
import math
import os
import pathlib
from collections.abc import Callable

import numpy as np
import onnx
from onnx import numpy_helper

from .examples import Examples, save_arrays
from .session import open_session

EXPECTED = 32  # examples in the file for `zkvm import --check`
OF_LAYERS = 100  # examples whose inner tensors are compared, which takes longer than computing them
SUFFIXES = ("_quantized", "_QuantizeLinear_Output")  # of the quantiser: operator form, QDQ
EXACT = ("session.qdqisint8allowed", "session.disable_double_qdq_remover")  # entries of sessions
CLAMPS = ("Relu", "Clip")
SILENT = 1e-30  # a power below all that float32 activations have


@dataclasses.dataclass
class Layer:
    """A quantised tensor beside the float one that it stands for; sums over all examples."""

    name: str
    operator: str
    of_float: str
    scale: float
    zero_point: int
    inputs: list[str] = dataclasses.field(default_factory=list)
    signal: float = 0
    noise: float = 0
    clipped: int = 0
    elements: int = 0

    def add(self, real: np.ndarray, codes: np.ndarray) -> None:
        least, most = (np.float32((limit - self.zero_point) * self.scale) for limit in (-128.5, 127.5))
        error = (codes.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale) - real
        self.signal += float(np.vdot(real, real))
        self.noise += float(np.vdot(error, error))
        self.clipped += int(np.count_nonzero(real < least) + np.count_nonzero(real > most))
        self.elements += real.size

    @property
    def relative_noise(self) -> float:
        return self.noise / max(self.signal, SILENT)

    @property
    def decibels(self) -> float:
        return decibels(self.relative_noise)


@dataclasses.dataclass
class Output:
    """An output of both models over all examples."""

    name: str
    same_greatest: int = 0
    sum_difference: float = 0
    greatest_difference: float = 0
    signal: float = 0
    noise: float = 0
    elements: int = 0

    def add(self, real: np.ndarray, found: np.ndarray) -> None:
        real, found = real.astype(np.float64).ravel(), found.astype(np.float64).ravel()
        difference = np.abs(real - found)
        self.same_greatest += int(real.argmax() == found.argmax())
        self.sum_difference += float(difference.sum())
        self.greatest_difference = max(self.greatest_difference, float(difference.max()))
        self.signal += float(np.square(real).sum())
        self.noise += float(np.square(difference).sum())
        self.elements += real.size


@dataclasses.dataclass
class Report:
    """What `compare` found."""

    examples: int
    outputs: list[Output]
    layers: list[Layer]  # in the model's order

    def lost(self, layer: Layer) -> float:
        """Noise, relative to the signal, beyond that of the layer's noisiest input."""
        by_name = {other.name: other for other in self.layers}
        return layer.relative_noise - max((by_name[name].relative_noise for name in layer.inputs), default=0)

    def worst(self, count: int) -> list[Layer]:
        return sorted(self.layers, key=self.lost, reverse=True)[:count]

    def as_json(self) -> dict:
        return {
            "examples": self.examples,
            "outputs": [{"name": o.name, "same_greatest": o.same_greatest,
                         "mean_difference": o.sum_difference / o.elements, "greatest_difference": o.greatest_difference,
                         "decibels": decibels(o.noise / max(o.signal, SILENT))} for o in self.outputs],
            "layers": [{"name": l.of_float, "operator": l.operator, "decibels": l.decibels,
                        "relative_noise_added": self.lost(l), "clipped": l.clipped / l.elements,
                        "scale": l.scale, "zero_point": l.zero_point} for l in self.layers],
        }

    def _repr_html_(self) -> str:
        def row(cells: tuple[str, ...], tag: str = "td") -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{html.escape(c)}</{tag}>' for c in cells) + "</tr>"

        outputs = [row((o.name, f"{o.same_greatest} of {self.examples}", f"{o.greatest_difference:.3g}",
                        f"{decibels(o.noise / max(o.signal, SILENT)):.1f} dB")) for o in self.outputs]
        layers = [row((l.of_float, l.operator, f"{l.decibels:.1f} dB", f"{l.clipped / l.elements:.3%}"))
                  for l in self.worst(8)]
        return ("<table>" + row(("output", "same greatest", "greatest difference", "signal to noise"), "th") + "".join(outputs)
                + "</table><table>" + row(("tensor", "operator", "signal to noise", "out of range"), "th") + "".join(layers)
                + "</table>")

    def text(self, options: argparse.Namespace) -> str:
        of_calibration = "" if options.test else ", those of the calibration"
        lines = [f"{options.output}: beside {options.model} on {self.examples} examples{of_calibration}"]
        for o in self.outputs:
            greatest = f"same greatest element {o.same_greatest} of {self.examples}; " if o.elements > self.examples else ""
            lines.append(f"  output {o.name}: {greatest}difference {o.sum_difference / o.elements:.3g} on average, "
                         f"{o.greatest_difference:.3g} at most; {decibels(o.noise / max(o.signal, SILENT)):.1f} dB")
        if options.layers > 0 and self.layers:
            lines.append(f"  of {len(self.layers)} quantised tensors these add most of the noise:")
            lines.append(f"    {'signal to noise':>15}{'of its inputs':>15}{'out of range':>14}  tensor")
            lines += [f"    {l.decibels:>12.1f} dB{self._inputs_decibels(l):>15}{l.clipped / l.elements:>14.3%}  "
                      f"{l.of_float} ({l.operator})" for l in self.worst(options.layers)]
        return "\n".join(lines + ["What to try:"] + [f"  - {line}" for line in self.advice(options)])

    def _inputs_decibels(self, layer: Layer) -> str:
        by_name = {other.name: other for other in self.layers}
        return f"{min(by_name[n].decibels for n in layer.inputs):.1f} dB" if layer.inputs else "float"

    def advice(self, options: argparse.Namespace) -> list[str]:
        """What would lose less, in the order of the effort that it takes."""
        good = all(decibels(o.noise / max(o.signal, SILENT)) > 25 and
                   (o.elements == self.examples or o.same_greatest >= 0.995 * self.examples) for o in self.outputs)
        lines = [] if options.test else ["--test with examples that served no calibration: these may flatter"]
        if good:
            return lines or ["nothing: the outputs are those of the float model to within what 8 bits can say"]
        if self.examples < 100:
            lines.append(f"more examples: {self.examples} say little about one in a hundred")
        lines += [f"without --{flag.replace('_', '-')}, which costs accuracy and is not needed for exactness here"
                  for flag in ("per_tensor", "reduce_range", "symmetric") if getattr(options, flag)]
        if clipped := [l for l in self.worst(options.layers) if l.clipped > 1e-3 * l.elements]:
            lines.append(f"calibration examples that reach what the test's do, or a wider range: {clipped[0].of_float} and "
                         f"{len(clipped) - 1} more of the tensors above are cut off")
        lines.append("another calibration: " + ", ".join(
            f"--calibration {other}" for other in ("minmax", "percentile --percentile 99.99", "entropy")
            if not other.startswith(options.calibration)) + "; minmax suffers from outliers, the others cut them off")
        lines.append("training on with quantisation simulated (QAT), from the layers above on; a layer cannot be left in "
                     "float: the proof is of integers")
        return lines


def decibels(relative_noise: float) -> float:
    return -10 * math.log10(max(relative_noise, SILENT))


def compare(float_path: pathlib.Path, quantised_path: pathlib.Path, examples: Examples,
            progress: Callable[[str, int, int], None], expected_path: str | None = None) -> Report:
    """Runs both on all examples, one at a time. Writes the first of them with the quantised model's outputs.

    Layers are compared on the first OF_LAYERS examples, outputs on all.
    """
    real, quantised = onnx.load(float_path), onnx.load(quantised_path)
    layers = _layers(real, quantised)
    report = Report(len(examples), [Output(value.name) for value in real.graph.output], list(layers))
    outputs = report.outputs
    names, inputs = [output.name for output in outputs], {port.name for port in examples.ports}
    float_session = open_session(real, [layer.of_float for layer in layers], EXACT)
    byte_session = open_session(quantised, [layer.name for layer in layers], EXACT)
    float_names = list(dict.fromkeys(names + [layer.of_float for layer in layers if layer.of_float not in inputs]))
    byte_names = names + [layer.name for layer in layers]
    shown = names + _before_tail(quantised, layers)
    rows: dict[str, list[np.ndarray]] = {}
    for number, feeds in enumerate(examples):
        progress("comparing: example", number + 1, len(examples))
        if number == OF_LAYERS:
            layers, float_names, byte_names = [], names, names
            float_session, byte_session = open_session(real, [], EXACT), open_session(quantised, [], EXACT)
        wanted = feeds | dict(zip(float_names, float_session.run(float_names, feeds)))
        found = dict(zip(byte_names, byte_session.run(byte_names, feeds)))
        for output in outputs:
            output.add(wanted[output.name], found[output.name])
        for layer in layers:
            layer.add(wanted[layer.of_float], found[layer.name])
        if number < EXPECTED:
            for name, array in (feeds | {name: found[name] for name in shown}).items():
                rows.setdefault(name, []).append(array)
    if expected_path:
        temporary = f"{expected_path}.{os.getpid()}.npz"
        save_arrays(temporary, {name: np.stack(arrays) for name, arrays in rows.items()})
        os.replace(temporary, expected_path)
    return report


def _layers(real: onnx.ModelProto, quantised: onnx.ModelProto) -> list[Layer]:
    """The quantised activations, in the graph's order."""
    constants = {tensor.name: tensor for tensor in quantised.graph.initializer}
    kept = {node.name for node in quantised.graph.node}
    known = {name for node in real.graph.node for name in node.output} | {value.name for value in real.graph.input}
    layers: dict[str, Layer] = {}
    behind: dict[str, list[str]] = {}  # of each tensor the quantised ones that it is made of
    for node in quantised.graph.node:
        sources = list(dict.fromkeys(layer for name in node.input for layer in behind.get(name, [])))
        for name in node.output:
            behind[name] = sources
            stem = next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), None)
            scale = constants.get(f"{stem}_scale")
            if stem not in known or scale is None or math.prod(scale.dims) != 1:
                continue
            zero_point = constants[f"{stem}_zero_point"]
            layers[name] = Layer(name, node.op_type, _clamped(real, stem, kept), float(numpy_helper.to_array(scale).item()),
                                 int(numpy_helper.to_array(zero_point).item()), sources)
            behind[name] = [name]
    return list(layers.values())


def _before_tail(quantised: onnx.ModelProto, layers: list[Layer]) -> list[str]:
    """The last quantised tensors of outputs that are more than dequantised: what `zkvm import --check` compares."""
    writers = {name: node for node in quantised.graph.node for name in node.output}
    names = {layer.name for layer in layers}
    waiting = [value.name for value in quantised.graph.output
               if value.name in writers and writers[value.name].op_type != "DequantizeLinear"]
    found = []
    while waiting:
        name = waiting.pop()
        if name in names:
            found.append(name)
        elif name in writers:
            waiting += writers[name].input
    return list(dict.fromkeys(found))


def _clamped(real: onnx.ModelProto, name: str, kept: set[str]) -> str:
    """The float tensor behind Relu or Clip, where the quantised one has these in its range."""
    while True:
        readers = [node for node in real.graph.node if name in node.input]
        if len(readers) != 1 or readers[0].op_type not in CLAMPS or readers[0].name in kept:
            return name
        name = readers[0].output[0]
