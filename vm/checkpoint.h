// Where an execution was between two segments: enough to go on from there without what is before.
#pragma once

#include <cstdint>
#include <vector>

#include "vm/system.h"

namespace zkvm::vm {

struct Checkpoint {
  uint64_t cycles = 0;  // instructions executed
  uint32_t pc = 0;
  Registers x = {};
  SystemState system;
  // Granules (address / kGranuleBytes), ascending, that are not as the program has them at its start, and
  // what they hold, kGranuleBytes each.
  std::vector<uint32_t> granules;
  std::vector<uint8_t> memory;
};

}  // namespace zkvm::vm
