// A network on the host, by plain loops over the definitions: what guests and plans are tested against. Shares no code
// with guests or the VM, but the constants of constants.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/import/network.h"

namespace zkvm::importer {

// The bytes of every value, as Network::values counts them: elements in ONNX's order, as they are in memory
// (an int8 in two's complement), int32 and float32 little-endian. Errors: an input whose size is not its dims',
// an operand that no operator wrote, an index of Gather out of range, a sum beyond int32 where the sums are the result.
[[nodiscard]] Result<std::vector<std::vector<uint8_t>>> evaluate_all(
    const Network& network, std::span<const std::vector<uint8_t>> inputs);

// The same, of network.outputs only.
[[nodiscard]] Result<std::vector<std::vector<uint8_t>>> evaluate(
    const Network& network, std::span<const std::vector<uint8_t>> inputs);

}  // namespace zkvm::importer
