// The smallest tree that compares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/onnx/model.h"

namespace zkvm::import_test {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Texts = std::vector<std::string>;

// One branch on feature 0 in a mode, leaves 1 (true) and 2.
inline onnx_file::Node one_branch(const std::string& mode, float threshold, bool missing) {
  return {.name = "trees",
          .op_type = "TreeEnsembleRegressor",
          .domain = "ai.onnx.ml",
          .inputs = {"x"},
          .outputs = {"y"},
          .attributes = {{"nodes_treeids", Ints{0, 0, 0}},
                         {"nodes_nodeids", Ints{0, 1, 2}},
                         {"nodes_featureids", Ints{0, 0, 0}},
                         {"nodes_modes", Texts{mode, "LEAF", "LEAF"}},
                         {"nodes_values", Floats{threshold, 0, 0}},
                         {"nodes_truenodeids", Ints{1, 0, 0}},
                         {"nodes_falsenodeids", Ints{2, 0, 0}},
                         {"nodes_missing_value_tracks_true", Ints{missing, 0, 0}},
                         {"target_treeids", Ints{0, 0}},
                         {"target_nodeids", Ints{1, 2}},
                         {"target_ids", Ints{0, 0}},
                         {"target_weights", Floats{1, 2}},
                         {"n_targets", int64_t{1}}}};
}

}  // namespace zkvm::import_test
