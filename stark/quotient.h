// The quotient of a group: from the constraints' values to the two committed chunks and R.
// Protocol: stark/doc/protocol.md sections 7 and 9; why two chunks: stark/doc/choices.md.
#pragma once

#include <span>
#include <vector>

#include "stark/commitment.h"
#include "stark/random.h"
#include "stark/shape.h"
#include "stark/tile_matrix.h"

namespace zkvm::stark {

/// Columns of the quotient matrix: chunk a, chunk b, R.
inline constexpr uint32_t kChunkA = 0, kChunkB = 5, kBatchMask = 10;

/// The small coset that shows the quotient's coefficients beyond 2N: off H and off the LDE domain,
/// because 3 generates F* and neither 9^N nor (9/3)^(2N) is 1.
inline constexpr Fp kSmallShift = Fp::from(9);

/// Where the values of Q on LDE coset c stand before they are split: columns first.. of matrix
/// `matrix` of 2^log_blowup / 2.
struct QuotientPlace {
  size_t matrix;
  uint32_t first;
};
[[nodiscard]] constexpr QuotientPlace quotient_place(size_t coset, size_t cosets) {
  return {coset % (cosets / 2), coset < cosets / 2 ? 0u : 5u};
}

/// `values`: Q on the LDE cosets, at quotient_place(c) of matrices of ten columns.
/// `small`: values of Q (columns kChunkB..) on kSmallShift * H_M; null without zk.
/// Fills `cosets`, the committed columns on the LDE cosets, and returns the coefficients from N on
/// of every column, as masks: base + X^N tail = (base + tail) + (X^N - 1) tail.
[[nodiscard]] GroupMasks split_quotient(const Shape& shape, const GroupShape& group,
                                        const Randomness& randomness,
                                        std::span<const TileMatrix> values, const TileMatrix* small,
                                        std::span<TileMatrix> cosets);

}  // namespace zkvm::stark
