// How many of a network's outputs are the runtime's, on arrays of examples.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "host/error.h"
#include "host/import/network.h"
#include "host/model_info.h"
#include "host/npy.h"

namespace zkvm::importer {

struct CheckedOutput {
  std::string name;
  uint64_t elements = 0, equal = 0;
  double furthest =
      0;  // of two elements that differ: in steps of the output's scale, or as they are
};
struct CheckReport {
  uint64_t examples = 0;
  std::vector<CheckedOutput> outputs;
};

// `arrays`: by the names of the model's inputs, and of its outputs as the runtime computed them, with an axis of
// examples before the model's own (or in place of a batch of 1). Outputs that are not there are not compared, but one at
// least must be. A float32 array of an output that is bytes here holds what DequantizeLinear makes of it. `info`: of one
// example. Errors: kUnfitTensors.
[[nodiscard]] zkvm::Result<CheckReport> check(const Network& network, const ModelInfo& info,
                                              const std::map<std::string, Array>& arrays);

}  // namespace zkvm::importer
