// The prover's proof of work: finds the nonce that Transcript::check_grind accepts.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "stark/transcript/transcript.h"

namespace zkvm::stark {

/// Finds the smallest good nonce on all threads and absorbs it. bits = 0: 0 and no
/// message. Expected work: 2^bits hashes. nullopt only if `cancelled` became true; the transcript
/// is then of no more use.
[[nodiscard]] std::optional<uint64_t> grind(Transcript& transcript, std::string_view label,
                                            unsigned bits,
                                            const std::atomic<bool>* cancelled = nullptr);

}  // namespace zkvm::stark
