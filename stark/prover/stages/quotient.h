// The quotient of a group: from the constraints' values to the two committed chunks and R.
// Protocol: stark/doc/protocol.md sections 7 and 9; why two chunks: stark/doc/choices.md.
#pragma once

#include <span>
#include <vector>

#include "stark/pcs/commit/committed_tree.h"
#include "stark/pcs/commit/randomness.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

/// Columns of the quotient matrix: chunk a, chunk b, and, in the tallest group, those of R, which
/// blinds the batch, in one with short masks those that fill the chunks' stack.
inline constexpr uint32_t kChunkA = 0, kChunkB = 5, kBlinding = 10;

/// The extra coset that shows the quotient's coefficients beyond 2N: off H and off the LDE domain,
/// because 3 generates F* and neither 9^N nor (9 / lde_shift)^(2N) = 3^(4N - 2^25) is 1.
inline constexpr Fp kExtraShift = Fp::from(9);

/// `values`: Q on two LDE cosets: columns 0..4 on the first, 5..9 on that at half of their number;
/// overwritten. `extra`: values of Q (columns kChunkB..) on kExtraShift * H_M; null without zk.
/// Fills `cosets`, the committed columns on the LDE cosets, and returns the coefficients from N on
/// of every column, as masks: base + X^N tail = (base + tail) + (X^N - 1) tail.
[[nodiscard]] GroupMasks split_quotient(const Shape& shape, const GroupShape& group,
                                        const Randomness& randomness, TileMatrix& values,
                                        const TileMatrix* extra, std::span<TileMatrix> cosets);

}  // namespace zkvm::stark
