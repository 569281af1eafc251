// The constraint stage of the prover: the quotient's values on a coset (protocol.md section 7).
//
//   rows of slots, main, late, aux on a coset  ->  sum_i alpha^i C_i(x) / Z_H(x), an element of E per row
//
// Asserts are evaluated by the chips' own SIMD code (assert_kernels.h), pair equations and the
// running sum from tables, as in the LogUp stage. On a coset s * <root> of H or of a subgroup,
// Z_H(x) = x^N - 1 = s^N - 1 is one number, so it is multiplied into the powers of alpha.
#pragma once

#include <span>

#include "stark/air/circuit.h"
#include "stark/field/field.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/late.h"
#include "stark/protocol/shape.h"
#include "stark/prover/stages/logup.h"

namespace zkvm::stark {

/// The columns of a group on one coset.
struct CosetColumns {
  /// Per tree of the shape (slots, main, late, aux; the rest is not read) the matrix on the coset,
  /// natural order. All of one height, a power of two.
  std::span<const TileMatrix* const> trees;
  /// The same on root(log_height) times the coset; only tiles with next columns are read. Empty:
  /// the coset has 2^log_height rows, so the next row is the row after, and the first after the
  /// last.
  std::span<const TileMatrix* const> next_trees;
};

struct ConstraintChallenges {
  const LatePowers& late;
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

}  // namespace zkvm::stark
