"""A classifier of scikit-learn with one hidden layer as a float ONNX file; examples/strategy uses it, too."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write(classifier, path):
    """`features` [1][n] to `scores` [1][2]. The one logit z becomes -z / 2 and z / 2: their softmax is its logistic
    function."""
    (w1, w2), (b1, b2), halves = classifier.coefs_, classifier.intercepts_, np.array([-0.5, 0.5])
    constants = {"w1": w1, "b1": b1, "w2": w2 * halves, "b2": b2 * halves}
    nodes = [helper.make_node("Gemm", ["features", "w1", "b1"], ["sums"]), helper.make_node("Relu", ["sums"], ["hidden"]),
             helper.make_node("Gemm", ["hidden", "w2", "b2"], ["scores"])]
    graph = helper.make_graph(nodes, "perceptron",
                              [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, len(w1)])],
                              [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
                              [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
