"""What make_network.py and make_residual.py share: a network of quantised operators that is put together node by node,
with random weights, and saved beside random inputs and what ONNX Runtime computes for them."""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper


class Quantised:
    """A tensor between layers: itself, scale and zero point as a node's inputs."""

    def __init__(self, network, name, scale, zero_point):
        self.scale = scale
        self.inputs = [name, network.constant(f"{name}_scale", np.float32(scale)),
                       network.constant(f"{name}_zero", np.int8(zero_point))]  # fmt: skip


class Network:
    """`shape`: of its input "image"; `bound`: of |weights|; scales(x, y, outputs, taps, rng): those of weights, float32."""

    def __init__(self, name, seed, shape, bound, scales):
        self.name, self.shape, self.bound, self.scales = name, shape, bound, scales
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], []

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def tensor(self, name, scale, zero_point):
        return Quantised(self, name, scale, zero_point)

    def node(self, op, inputs, output, name, domain=None, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name, domain=domain, **attributes))

    def linear(self, op, x, y, shape, domain="", **attributes):
        outputs, taps, rng = shape[0], int(np.prod(shape[1:])), self.rng
        name = f"{y.inputs[0]}_{op}"
        weights = [self.constant(f"{name}_w", rng.integers(-self.bound, self.bound, shape, np.int8, endpoint=True)),
                   self.constant(f"{name}_ws", self.scales(x, y, outputs, taps, rng)),
                   self.constant(f"{name}_wz", np.zeros(outputs, np.int8))]  # fmt: skip
        bias = [self.constant(f"{name}_b", rng.integers(-3000, 3000, outputs, np.int32))]
        result = y.inputs[1:]
        inputs = [*x.inputs, *weights, *(bias + result if op == "QGemm" else result + bias)]
        self.node(op, inputs, y.inputs[0], name, domain, **attributes)

    def save(self, folder, samples, least_of_each, least_of_all):
        """NAME.onnx, NAME_inputs.bin, NAME_outputs.bin. Every tensor must have more than so many different values."""
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        inputs = [helper.make_tensor_value_info("image", TensorProto.INT8, self.shape)]
        # All tensors, to see that none is all one value; the file has the last one alone.
        every = [helper.make_tensor_value_info(n.output[0], TensorProto.INT8, None) for n in self.nodes]
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL

        def model(outputs):
            graph = helper.make_graph(self.nodes, self.name, inputs, outputs, self.constants)
            return helper.make_model(graph, opset_imports=opsets, ir_version=8)

        session = ort.InferenceSession(model(every).SerializeToString(), options, providers=["CPUExecutionProvider"])
        xs, ys = b"", b""
        values = {node.name: set() for node in self.nodes}
        for _ in range(samples):
            x = self.rng.integers(-128, 127, self.shape, np.int8, endpoint=True)
            found = session.run(None, {"image": x})
            for node, y in zip(self.nodes, found):
                different = set(y.flatten().tolist())
                assert len(different) > least_of_each, (node.name, different)
                values[node.name] |= different
            xs += (x ^ np.int8(-128)).tobytes()  # offset binary, as read_tensor reads it
            ys += found[-1].tobytes()
        for name, different in values.items():
            print(name, len(different))
            assert len(different) > least_of_all, (name, different)
        onnx.save(model(every[-1:]), folder / f"{self.name}.onnx")
        (folder / f"{self.name}_inputs.bin").write_bytes(xs)
        (folder / f"{self.name}_outputs.bin").write_bytes(ys)
