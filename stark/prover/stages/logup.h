// The LogUp stage of the prover: pair columns and running sum of a group (protocol.md section 6).
//
//   rows of slots and main  ->  h of each pair of interactions, acc, S
//
// Rows are cut into chunks. A chunk computes all its fingerprints, inverts the pairs' denominators
// together, and sums h from its own first row on; when all chunk totals are known, S is, and a
// second pass over the columns of acc adds to each row what lies before its chunk, minus r * S / N.
#pragma once

#include <span>

#include "stark/field/field.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

struct LogupChallenges {
  Fp5 gamma, beta;
};

/// Fills the aux columns of a group, padding columns of its last tile included, and returns S.
/// trees: per tree of the shape the group's matrix on the trace domain (2^log_height rows in
/// natural order); only present slots and main are read. aux: width[aux_tree] columns, as many
/// rows. tuple_width: K of the key. With probability N * pairs / 2^154 a fingerprint is 0 and the
/// result is wrong: the proof would not verify.
[[nodiscard]] Fp5 fill_logup(const Shape& shape, const GroupShape& group, uint32_t tuple_width,
                             const LogupChallenges& challenges,
                             std::span<const TileMatrix* const> trees, TileMatrix& aux);

}  // namespace zkvm::stark
