#!/usr/bin/env bash
# onnxruntime 1.32.0: TreeEnsemble has SOFTMAX and LOGISTIC the other way round than the standard.
#
# Behaviour: the attribute post_transform of ai.onnx.ml 5's TreeEnsemble is a number. The standard, as the onnx package
# says it of the operator, has SOFTMAX for 1 and LOGISTIC for 2; the runtime computes the logistic function for 1 and
# softmax for 2. TreeEnsembleRegressor of ai.onnx.ml 3, whose attribute is a name, does as its names say, so a file
# that is converted from 3 to 5 by the standard gives other outputs, of the same shape and range. Nothing complains.
#
# Seen (onnx 1.23.2; three trees whose scores are 0, 1 and 2):
#   TreeEnsemble, 1                    0.5000 0.7311 0.8808    by the standard softmax
#   TreeEnsemble, 2                    0.0900 0.2447 0.6652    by the standard the logistic function
#   TreeEnsembleRegressor, SOFTMAX     0.0900 0.2447 0.6652
#   TreeEnsembleRegressor, LOGISTIC    0.5000 0.7311 0.8808
#
# zkvm follows the runtime: tests/import/lower_test.cc, Lower.TakesTheTransformsOfTreesByTheRuntimesNumbers.
#
# Needs python3 with venv, and network. Exit status 0: as stated; 1: it has changed; 77: the packages are not to be had.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6; } >log 2>&1 || {
  tail -5 log
  exit 77
}
cat >trees.py <<'PYTHON'
import re

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper

# Each tree asks whether x <= 0, and gives one class its number or, which never happens here, 9.
SCORES = [0.0, 9.0, 1.0, 9.0, 2.0, 9.0]
CLASSES = [0, 0, 1, 1, 2, 2]


def places(transform):
    return helper.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=3, aggregate_function=1, tree_roots=[0, 1, 2],
        nodes_featureids=[0] * 3, nodes_modes=helper.make_tensor("modes", TensorProto.UINT8, [3], [0] * 3),
        nodes_splits=helper.make_tensor("splits", TensorProto.FLOAT, [3], [0.0] * 3),
        nodes_truenodeids=[0, 2, 4], nodes_trueleafs=[1] * 3, nodes_falsenodeids=[1, 3, 5], nodes_falseleafs=[1] * 3,
        leaf_targetids=CLASSES, leaf_weights=helper.make_tensor("weights", TensorProto.FLOAT, [6], SCORES),
        post_transform=transform)


def names(transform):
    return helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=3,
        nodes_treeids=[0] * 3 + [1] * 3 + [2] * 3, nodes_nodeids=[0, 1, 2] * 3, nodes_featureids=[0] * 9,
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * 3, nodes_values=[0.0] * 9, nodes_truenodeids=[1, 0, 0] * 3,
        nodes_falsenodeids=[2, 0, 0] * 3, target_treeids=CLASSES, target_nodeids=[1, 2] * 3, target_ids=CLASSES,
        target_weights=SCORES, post_transform=transform)


def outputs(node, version):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)]
    model = helper.make_model(helper.make_graph([node], "trees", [x], [y]), opset_imports=versions, ir_version=10)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return *(f"{float(v):.4f}" for v in session.run(None, {"x": numpy.array([[-1]], numpy.float32)})[0][0]),


said = onnx.defs.get_schema("TreeEnsemble", 5, "ai.onnx.ml").attributes["post_transform"].description
print("standard", *(f"{number}={name}" for name, number in sorted(re.findall(r"'(LOGISTIC|SOFTMAX)' \((\d)\)", said))))
for transform in 1, 2:
    print("TreeEnsemble", transform, *outputs(places(transform), 5))
for transform in "SOFTMAX", "LOGISTIC":
    print("TreeEnsembleRegressor", transform, *outputs(names(transform), 3))
PYTHON
cat >expected <<'TEXT'
standard 2=LOGISTIC 1=SOFTMAX
TreeEnsemble 1 0.5000 0.7311 0.8808
TreeEnsemble 2 0.0900 0.2447 0.6652
TreeEnsembleRegressor SOFTMAX 0.0900 0.2447 0.6652
TreeEnsembleRegressor LOGISTIC 0.5000 0.7311 0.8808
TEXT
echo "onnxruntime 1.32.0, onnx 1.23.2, post_transform of trees with scores 0, 1 and 2:"
venv/bin/python trees.py >seen
cat seen
diff expected seen && echo "as stated: the runtime's 1 is the logistic function, and its 2 is softmax"
