// From an ONNX model to a network in integers.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "host/import/network.h"

namespace zkvm::importer {

struct LowerOptions {
  // Of dimensions that the model's inputs name instead of saying their size: {"sequence", 128}. A first dimension
  // without a number, and without an entry here, is a batch of 1.
  std::map<std::string, uint32_t> dims = {};
};

// What the integers mean stands in rules.md. The graph is cut at its last quantised tensors; what follows is
// Network::tail. Deterministic: the network depends on the model and the options alone.
// Errors, each one line: kUnsupported for what has no integer meaning here (the node, its operator, what was found,
// what would work), kMalformed for a model that contradicts itself, kTooLarge for tensors beyond 2^28 elements.
[[nodiscard]] Result<Network> lower(const onnx_file::Model& model, const LowerOptions& options);

}  // namespace zkvm::importer
