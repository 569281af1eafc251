// How fast proofs are: on a typical machine, and on this one as the last proof has shown.
#pragma once

#include <cstdint>
#include <optional>

#include "host/zkvm.h"

namespace zkvm {

// On a typical machine of 2 cores with AVX2, otherwise idle.
[[nodiscard]] double typical_seconds(uint64_t cells, uint64_t segments, uint8_t log_blowup);

// How many times as long as typical_seconds() the last whole proof of about this size took, from
// this user's cache folder; nothing where there was none. (A small proof, most of which is other than
// its cells, says little of a large one.)
[[nodiscard]] std::optional<double> last_slowness(uint64_t cells);
// Remembers it. That it cannot be kept does no harm.
void keep_slowness(uint64_t cells, double slowness);

}  // namespace zkvm
