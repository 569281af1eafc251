"""`python -m zkvm.quantize` on small networks: what it writes, that it can be imported, what it refuses.

    ZKVM=build/release/bin/zkvm PYTHONPATH=host/python python tests/python/quantize_test.py
"""

import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import zkvm
from zkvm import bias_correction, equalise, float_model, quantize
from zkvm.examples import Examples

ZKVM = os.environ.get("ZKVM")
SHAPE = [1, 3, 12, 12]


def network(opset=17, clip=True, shape=SHAPE, element=TensorProto.FLOAT, softmax=True, stride=1):
    """An inverted residual, as MobileNetV2 has them: BatchNormalization, depthwise, Add, global average."""
    random = np.random.default_rng(7)
    nodes, constants = [], []

    def constant(array):
        constants.append(numpy_helper.from_array(np.asarray(array, np.float32), f"c{len(constants)}"))
        return constants[-1].name

    def node(op_type, *operands, **attributes):
        nodes.append(helper.make_node(op_type, operands, [f"t{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def convolution(x, inputs, outputs, size, groups=1, active=True, stride=1):
        weights = random.normal(0, (inputs // groups * size * size) ** -0.5, (outputs, inputs // groups, size, size))
        weights *= np.exp(random.normal(0, 1, (outputs, 1, 1, 1)))
        y = node("Conv", x, constant(weights), kernel_shape=[size, size], group=groups, strides=[stride] * 2,
                 pads=[size // 2] * 4)
        parts = random.uniform(0.5, 2, outputs), *random.normal(0, 0.3, (2, outputs)), random.uniform(0.5, 2, outputs)
        y = node("BatchNormalization", y, *map(constant, parts))
        if not active:
            return y
        return node("Clip", y, constant(0), constant([6])) if clip else node("Relu", y)

    x = convolution(convolution("x", 3, 8, 3, stride=stride), 8, 6, 1, active=False)
    y = convolution(convolution(convolution(x, 6, 24, 1), 24, 24, 3, groups=24), 24, 6, 1, active=False)
    y = node("GlobalAveragePool", convolution(node("Add", x, y), 6, 32, 1))
    y = node("Gemm", node("Flatten", y), constant(random.normal(0, 1, (32, 5))), constant(np.zeros(5)))
    if softmax:
        y = node("Softmax", y, axis=1)
    nodes[-1].output[0] = "y"
    graph = helper.make_graph(nodes, "network", [helper.make_tensor_value_info("x", element, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def branches():
    """Of each Relu or Clip the input has another reader, or is an output, too, or comes from a MaxPool, or 0 is cut off."""
    random = np.random.default_rng(8)
    constants = [numpy_helper.from_array(np.float32(value), name) for name, value in
                 (("zero", 0), ("half", 0.5), ("two", 2))]

    def convolution(x, inputs, y):
        weights = random.normal(0, inputs ** -0.5, (4, inputs, 1, 1)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"{y}/weights"))
        return helper.make_node("Conv", [x, constants[-1].name], [y])

    nodes = [convolution("x", 3, "a"), helper.make_node("Relu", ["a"], ["b"]), convolution("b", 4, "c"),
             helper.make_node("Add", ["a", "c"], ["d"]), helper.make_node("Clip", ["d", "zero", "two"], ["e"]),
             convolution("e", 4, "f"), helper.make_node("MaxPool", ["f"], ["g"], kernel_shape=[2, 2], strides=[2, 2]),
             helper.make_node("Relu", ["g"], ["h"]), convolution("h", 4, "i"),
             helper.make_node("Clip", ["i", "half", "two"], ["j"]), convolution("j", 4, "k")]
    graph = helper.make_graph(nodes, "branches", [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "dk"], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def images(count, seed, cells=3):
    """Neighbouring pixels are alike, as in photographs, and their mean is not 0."""
    random = np.random.default_rng(seed)
    low = random.uniform(0, 1, (count, 3, cells, cells)).repeat(4, axis=2).repeat(4, axis=3)
    return (low + random.normal(0, 0.05, low.shape)).astype(np.float32)


class QuantizeTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.model, self.data, self.output = (str(self.folder / n) for n in ("m.onnx", "data.npz", "out/int8.onnx"))
        (self.folder / "out").mkdir()
        onnx.save(network(), self.model)
        np.savez(self.data, x=images(24, 0))

    def run_command(self, *extra, seed="0"):
        command = [sys.executable, "-m", "zkvm.quantize", self.model, "--data", self.data, "-o", self.output, *extra]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": seed})

    def quantised(self, *extra, seed="0"):
        done = self.run_command(*extra, seed=seed)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, text, *extra):
        done = self.run_command(*extra)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_output_is_int8_and_the_same_on_each_run(self):
        text = self.quantised(seed="1")
        first = pathlib.Path(self.output).read_bytes()
        self.quantised(seed="2")
        self.assertEqual(pathlib.Path(self.output).read_bytes(), first)
        self.assertEqual([p.name for p in (self.folder / "out").iterdir()], ["int8.onnx"])
        model = onnx.load(self.output)
        operators = {node.op_type for node in model.graph.node}
        self.assertEqual(operators, {"QuantizeLinear", "QLinearConv", "QLinearAdd", "QLinearGlobalAveragePool", "Flatten",
                                     "QGemm", "DequantizeLinear", "Softmax"})
        types = {t.data_type for t in model.graph.initializer if t.name.endswith("_quantized")}
        self.assertEqual(types, {TensorProto.INT8, TensorProto.INT32})
        self.assertIn("same greatest element", text)

    def test_int8_is_near_float(self):
        for form in ("operator", "qdq"):
            for calibration in quantize.METHODS:
                with self.subTest(form=form, calibration=calibration):
                    np.savez(self.folder / "test.npz", x=images(40, 1))
                    self.quantised("--form", form, "--calibration", calibration, "--test", str(self.folder / "test.npz"))
                    options = onnxruntime.SessionOptions()
                    options.add_session_config_entry("session.qdqisint8allowed", "1")
                    both = [onnxruntime.InferenceSession(path, options) for path in (self.model, self.output)]
                    away = [np.abs(np.subtract(*(s.run(None, {"x": x[None]})[0] for s in both))).mean()
                            for x in images(40, 1)]
                    self.assertLess(np.mean(away), 0.02)

    @unittest.skipUnless(ZKVM, "ZKVM names no command")
    def test_import_computes_the_same(self):
        for extra in ([], ["--form", "qdq"], ["--symmetric", "--reduce-range", "--per-tensor"]):
            for softmax in (True, False):
                with self.subTest(extra=extra, softmax=softmax):
                    onnx.save(network(softmax=softmax), self.model)
                    expected = str(self.folder / "expected.npz")
                    self.quantised("--expected", expected, *extra)
                    done = subprocess.run([ZKVM, "import", self.output, "-o", str(self.folder / "guest"), "--force",
                                           "--check", expected], capture_output=True, text=True)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn("120 of 120 elements are the runtime's", done.stdout)

    def test_keeps_what_saturation_does_not_cut_off(self):
        onnx.save(branches(), self.model)
        expected = str(self.folder / "expected.npz")
        for form in quantize.FORMS:
            with self.subTest(form=form):
                self.quantised("--form", form, "--expected", expected)
                whole, made = onnxruntime.InferenceSession(self.model), np.load(expected)
                for name in ("d", "k"):
                    values = np.stack([whole.run([name], {"x": x[None]})[0] for x in images(24, 0)])
                    self.assertLess(np.abs(made[name] - values).max(), 0.03)
                if ZKVM:
                    done = subprocess.run([ZKVM, "import", self.output, "-o", str(self.folder / "guest"), "--force",
                                           "--check", expected], capture_output=True, text=True)
                    self.assertIn("k: 3,456 of 3,456 elements are the runtime's", done.stdout)

    def test_from_python(self):
        self.quantised("--per-tensor", "--calibration", "entropy")
        first = pathlib.Path(self.output).read_bytes()
        level = logging.root.manager.disable
        for data in ({"x": images(24, 0)}, self.data):
            report = zkvm.quantize(self.model, data, self.output, per_tensor=True, calibration="entropy")
            self.assertEqual(pathlib.Path(self.output).read_bytes(), first)
        self.assertEqual(report.examples, 24)
        self.assertIn("<table>", report._repr_html_())
        self.assertEqual(logging.root.manager.disable, level)
        for wrong in ({"help": True}, {"json": True}, {"nothing": 1}):
            self.assertRaises(TypeError, zkvm.quantize, self.model, self.data, self.output, **wrong)
        self.assertRaises(ValueError, zkvm.quantize, self.model, self.data, self.output, calibration="none")
        with self.assertRaisesRegex(Exception, "expected"):
            zkvm.quantize(self.model, {"y": images(2, 0)}, self.output)

    def test_other_opsets(self):
        for opset in (11, 13, 21):
            with self.subTest(opset=opset):
                onnx.save(network(opset=opset), self.model)
                self.quantised()

    def test_constant_shapes(self):
        nodes = [helper.make_node("Reshape", ["x", "shape"], ["flat"]), helper.make_node("Gemm", ["flat", "w"], ["y"])]
        constants = [numpy_helper.from_array(np.array([1, -1], np.int64), "shape"),
                     numpy_helper.from_array(np.random.default_rng(1).normal(0, 1, (432, 4)).astype(np.float32), "w")]
        graph = helper.make_graph(nodes, "flat", [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])], constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), self.model)
        self.quantised()

    def test_equalising_keeps_the_function(self):
        for clip in (True, False):
            path = self.folder / "folded.onnx"
            model = float_model.read(self.model, {}) if clip else network(clip=False)
            float_model.prepare(model, path)
            before = onnx.load(path)
            equalise.equalise(path, Examples(self.data, float_model.ports("", model)), lambda *_: None)
            x = images(1, 5)
            values = [onnxruntime.InferenceSession(m.SerializeToString()).run(None, {"x": x})[0]
                      for m in (before, onnx.load(path))]
            np.testing.assert_allclose(*values, atol=1e-5)
            changed = [t.name for t, u in zip(before.graph.initializer, onnx.load(path).graph.initializer) if t != u]
            self.assertGreater(len(changed), 4)

    def test_corrected_biases_bring_means_back(self):
        """A depthwise layer whose weights cancel out over an even image: its errors all have the image's sign."""
        random = np.random.default_rng(3)
        weights = random.normal(0, 1, (3, 1, 3, 3)).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], ["y"], group=3, kernel_shape=[3, 3])], "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 10, 10])], [numpy_helper.from_array(weights, "w")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), self.model)
        model = float_model.read(self.model, {})
        examples = Examples(self.data, float_model.ports(self.model, model))
        folded, made = self.folder / "folded.onnx", self.folder / "int8.onnx"
        float_model.prepare(model, folded)
        options = quantize.parser().parse_args([self.model, "--data", self.data, "-o", str(made), "--reduce-range"])
        quantize.quantise(folded, made, quantize.Reader(examples, quantize.Progress(True)), options)

        def mean_errors():
            both = [onnxruntime.InferenceSession(path) for path in (folded, made)]
            values = [np.mean([s.run(None, x)[0] for x in examples], axis=(0, 1, 3, 4)) for s in both]
            return np.abs(values[0] - values[1])

        before = mean_errors()
        bias_correction.correct(folded, made, examples, lambda *_: None)
        self.assertLess(mean_errors().max(), before.max() / 3)

    def test_refuses_what_is_no_example(self):
        np.savez(self.data, z=images(2, 0))
        self.refused("expected arrays named as the model's inputs ['x'], found ['z']")
        np.savez(self.data, x=images(2, 0), z=images(2, 0))
        self.refused("found ['x', 'z']")
        np.savez(self.data, x=images(2, 0).astype(np.float64))
        self.refused("x: expected float32, found float64")
        np.savez(self.data, x=images(2, 0)[..., :11])
        self.refused("expected the shape ['examples', 1, 3, 12, 12], found [2, 3, 12, 11]")
        np.savez(self.data, x=images(0, 0))
        self.refused("expected examples, found none")
        np.savez(self.data, x=np.full((2, 3, 12, 12), np.inf, np.float32))
        self.refused("expected finite numbers")
        np.savez(self.data, x=np.array([{}], dtype=object))
        self.refused("expected float32, found object")
        whole = pathlib.Path(self.data).read_bytes()
        for text in (b"", b"text", whole[:-30]):
            pathlib.Path(self.data).write_bytes(text)
            self.refused("expected numpy's .npz file")
        os.remove(self.data)
        self.refused("No such file")

    def test_refuses_models_that_cannot_be_quantised(self):
        self.quantised()
        os.replace(self.output, self.model)
        self.refused("found QuantizeLinear (x_QuantizeLinear): it is quantised already")
        for model, text in ((network(shape=[1, 3, "rows", 12]), "dimension 2 has no fixed size; say it: --dim rows=SIZE"),
                            (network(shape=[1, 3, None, 12]), "dimension 2 has no fixed size\n"),
                            (network(element=TensorProto.FLOAT16), "input x: expected float32, int32 or int64"),
                            (network(opset=28), "expected an opset up to 27, found 28")):
            onnx.save(model, self.model)
            self.refused(text)
        onnx.save(network(shape=[1, 3, "rows", 12]), self.model)
        self.refused("--dim columns: no input has a dimension of that name", "--dim", "columns=3", "--dim", "rows=12")
        onnx.save(network(), self.model, save_as_external_data=True, location="weights", size_threshold=0)
        os.remove(self.folder / "weights")
        self.refused("weights")
        for data in (b"", b"text", os.urandom(300)):
            pathlib.Path(self.model).write_bytes(data)
            self.refused("expected an ONNX model")
        os.remove(self.model)
        self.refused("no such file")

    def test_refuses_files_that_it_cannot_write(self):
        self.refused("nowhere/e.npz: no such folder", "--expected", "nowhere/e.npz")
        self.refused("/dev/null/int8.onnx: no such folder", "-o", "/dev/null/int8.onnx")

    def test_open_dimensions(self):
        onnx.save(network(shape=["batch", 3, "rows", 12]), self.model)
        self.quantised("--dim", "rows=12")
        shape = onnx.load(self.output).graph.input[0].type.tensor_type.shape
        self.assertEqual([dim.dim_value for dim in shape.dim], SHAPE)

    def test_examples_are_those_that_numpy_wrote(self):
        ports = float_model.ports(self.model, onnx.load(self.model))
        for write in (np.savez, np.savez_compressed):
            write(self.data, x=images(5, 0))
            read = np.concatenate([example["x"] for example in Examples(self.data, ports)])
            np.testing.assert_array_equal(read, images(5, 0))


if __name__ == "__main__":
    unittest.main()
