// Where tensors of a large network lie in its guest's memory: what is not needed at one time shares bytes.
#pragma once

#include <cstdint>
#include <map>

#include "host/import/plan.h"

namespace zkvm::importer {

struct Places {
  // Byte of the memory at which each tensor that has a place begins, a multiple of 4; all others are variables of
  // their own.
  std::map<ValueId, uint64_t> offsets;
  uint64_t bytes = 0;  // of the memory; 0: no tensor has a place
};

// What is worth it: memory is proven in banks of 64 KiB.
struct PlaceLimits {
  uint64_t tensor = 1024;       // bytes of a tensor, at least
  uint64_t together = 1 << 16;  // and of all of those, more than
};

// Of the plan's inputs and of what its operators write, within the limits.
[[nodiscard]] Places place_tensors(const Plan& plan, const PlaceLimits& limits);

}  // namespace zkvm::importer
