// The statement: what is proven, beside the key. Format: stark/doc/format.md; meaning:
// stark/doc/protocol.md section 5.
#pragma once

#include <cstdint>
#include <vector>

#include "stark/hash/blake3.h"
#include "stark/protocol/error.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

/// What the verifier itself adds to a bus: sign * multiplicity / fingerprint(tuple).
struct PublicInteraction {
  uint16_t bus;
  int8_t sign;            // +1 as a sender, -1 as a receiver
  uint32_t multiplicity;  // wire form
  std::vector<uint32_t> tuple;
  bool operator==(const PublicInteraction&) const = default;
};

struct SharedRoot {
  uint16_t slot;
  Digest root;
  bool operator==(const SharedRoot&) const = default;
};

/// What is proven, beside the key: protocol.md section 5.
struct Statement {
  std::vector<PublicInteraction> publics;
  std::vector<SharedRoot> shared;  // slots ascending; exactly the shared slots that are present

  [[nodiscard]] std::vector<uint8_t> serialise() const;
};

/// Statement against key and shape: buses, widths, shared roots. Errors: kStatement, kNonCanonical.
[[nodiscard]] Result<void> check_statement(const VerifyingKey& key, const Shape& shape,
                                           const Statement& statement);

/// SOUNDNESS: LogUp proves equality of multiplicities mod p, so no bus may be able to carry p
/// tuples. Errors: kMultiplicities.
[[nodiscard]] Result<void> check_multiplicities(const Shape& shape, const Statement& statement);

}  // namespace zkvm::stark
