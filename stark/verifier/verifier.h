// The verifier. Read it beside prover.cc: replay() has its messages, section by section.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stark/protocol/error.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"
#include "stark/protocol/soundness.h"
#include "stark/protocol/statement.h"
#include "stark/transcript/transcript.h"

namespace zkvm::stark {

struct VerifyOptions {
  double security_bits = kDefaultSecurityBits;  // the least that is accepted
  double least_rate = 0;                        // of soundness(): for proofs that share a tree
  Regime widest = Regime::kJohnson;             // in which it may have them; kUnique: in that alone
  TranscriptLog* log = nullptr;                 // sees every message
};

/// What a good proof also tells: callers that link proofs compare these.
struct Verified {
  Digest key;  // BLAKE3 of the verifying key's bytes
  Params params;
  std::vector<TableSpec> tables;
  Soundness soundness;
};

/// Checks that `proof` proves `statement` for `key` (which must be consistent: VerifyingKey::check)
/// with at least options.security_bits of proven soundness. Any bytes are safe: it never throws or
/// aborts, and what it allocates is bounded by the lengths of proof and key. Errors: every
/// ErrorCode but kKey, with what, where, expected and found.
[[nodiscard]] Result<Verified> verify(const VerifyingKey& key, const Statement& statement,
                                      std::span<const uint8_t> proof,
                                      const VerifyOptions& options = {});

}  // namespace zkvm::stark
