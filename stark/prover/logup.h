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
#include "stark/prover/interactions.h"
#include "stark/simd/simd_dispatch.h"

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

// The kernels' side of it.

struct LogupPair {
  bool single;  // the second interaction does not exist
  Fingerprint fingerprint[2];
  PackedForm multiplicity[2];  // with the sign
};

struct LogupPlan {
  InteractionView interactions;
  const LogupPair* pairs;
  uint32_t pair_count;
  uint32_t tiles;    // tiles that the interactions read
  uint32_t columns;  // 16 * tiles
  uint32_t aux_tiles;
};

struct LogupChunk {
  const uint32_t* const* tiles;  // per tile its first row of the chunk; rows follow one another
  uint32_t* const* aux_tiles;    // likewise, to be written
  uint32_t rows;                 // a multiple of the lanes
  Fp5* total;                    // sum of h over the chunk
  uint32_t* scratch;             // scratch_words(plan, rows), 64-byte aligned
};

struct LogupKernels {
  uint32_t lanes;
  size_t (*scratch_words)(const LogupPlan& plan, uint32_t rows);
  /// Writes h, and acc as if the chunk's first row were the first of all and S were 0.
  void (*logup_chunk)(const LogupPlan& plan, const LogupChunk& chunk);
  /// Row r of a tile += start + r * step; start and step have 16 words.
  void (*add_line)(uint32_t* rows, uint32_t count, const uint32_t* start, const uint32_t* step);
};
ZKVM_SIMD_KERNELS(LogupKernels, logup_kernels);

}  // namespace zkvm::stark
