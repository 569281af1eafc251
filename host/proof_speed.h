// How fast proofs are: on a typical machine, and on this one as the last proof has shown.
#pragma once

#include <cstdint>
#include <optional>

#include "host/zkvm.h"

namespace zkvm {

// On a typical machine of 2 cores with AVX2, otherwise idle.
[[nodiscard]] double typical_seconds(uint64_t cells, uint64_t segments, uint8_t log_blowup);

// How many times as long as typical_seconds() the last whole proof took, from this user's cache
// folder; nothing where there was none.
[[nodiscard]] std::optional<double> last_slowness();
// Remembers it. That it cannot be kept does no harm.
void keep_slowness(double slowness);

}  // namespace zkvm
