// The constraint stage of the prover: the quotient's values on a coset (protocol.md section 7).
//
//   rows of slots, main, aux on a coset  ->  sum_i alpha^i C_i(x) / Z_H(x), an element of E per row
//
// Asserts are evaluated by the chips' own SIMD code (assert_kernels.h), pair equations and the
// running sum from tables, as in the LogUp stage. On a coset s * <root> of H or of a subgroup,
// Z_H(x) = x^N - 1 = s^N - 1 is one number, so it is multiplied into the powers of alpha.
#pragma once

#include <span>

#include "stark/air/circuit.h"
#include "stark/field/field.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"
#include "stark/prover/interactions.h"
#include "stark/prover/logup.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

/// The columns of a group on one coset.
struct CosetColumns {
  /// Per tree of the shape (slots, main, aux; the rest is not read) the matrix on the coset,
  /// natural order. All of one height, a power of two.
  std::span<const TileMatrix* const> trees;
  /// The same on root(log_height) times the coset; only tiles with next columns are read. Empty:
  /// the coset has 2^log_height rows, so the next row is the row after, and the first after the
  /// last.
  std::span<const TileMatrix* const> next_trees;
};

struct ConstraintChallenges {
  LogupChallenges logup;
  Fp5 alpha;
  Fp5 sum;  // S of the group
};

/// Writes the five columns of the quotient's values to columns first_column.. of `out`, which must
/// lie in one tile: first_column % 16 <= 11. inverse_vanishing: 1 / Z_H on the coset.
/// The other columns of `out` are left as they are.
void evaluate_quotient(const Circuit& circuit, const Shape& shape, const GroupShape& group,
                       const ConstraintChallenges& challenges, Fp inverse_vanishing,
                       const CosetColumns& columns, TileMatrix& out, uint32_t first_column);

// The kernels' side of it.

struct ChipPlan {
  AssertKernel kernel;
  uint32_t asserts;
  uint32_t width;
  const uint32_t* columns;  // places in the buffer; null: consecutive, from first_column on
  uint32_t first_column;
  struct NextColumn {
    uint32_t column;  // of the chip
    uint32_t place;   // in the buffer of next rows
  };
  const NextColumn* next;
  uint32_t next_count;
};

/// alpha^i (h f1 f2 - m1 f2 - m2 f1) = (h F1 - alpha^i m1) f2 - m2 F1 with F1 = alpha^i f1, which
/// costs no more than f1 does; so the power of alpha is free. Single: h F1 - alpha^i m1.
struct ConstraintPair {
  bool single;
  Fingerprint scaled_first, second;
  PackedForm multiplicity[2];  // with the sign
  uint32_t minus_alpha[5];     // -alpha^i, Montgomery words
};

struct ConstraintPlan {
  InteractionView interactions;
  const ConstraintPair* pairs;
  uint32_t pair_count;
  const ChipPlan* chips;
  uint32_t chip_count;
  const uint32_t (*assert_powers)[5];  // centred words, over all chips
  uint32_t running_sum_matrix[5][5];   // multiplication by alpha^i of the running sum
  uint32_t constant[5];                // added to each row's result
  uint32_t tiles, columns;             // of the current row
  uint32_t next_tiles, next_columns;
  uint32_t h;         // place of the first pair's column; acc follows the last
  uint32_t next_acc;  // place of acc's five columns, in the buffer of next rows
  uint32_t gathered;  // widest chip
  uint32_t values;    // most asserts of a chip
};

struct ConstraintChunk {
  const uint32_t* const* tiles;       // per tile its first row of the chunk
  const uint32_t* const* next_tiles;  // per tile the next row of the first row
  const uint32_t* const* next_tails;  // per tile the next row of the last row
  uint32_t rows;                      // a multiple of the lanes
  uint32_t* out;                      // first word of the first row; rows are 16 words apart
  uint32_t* scratch;                  // scratch_words(plan), 64-byte aligned
};

struct ConstraintKernels {
  uint32_t lanes;
  size_t (*scratch_words)(const ConstraintPlan& plan);
  void (*evaluate_chunk)(const ConstraintPlan& plan, const ConstraintChunk& chunk);
};
ZKVM_SIMD_KERNELS(ConstraintKernels, constraint_kernels);

}  // namespace zkvm::stark
