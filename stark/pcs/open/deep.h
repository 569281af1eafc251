// The prover's section "deep": the batch codeword of a group, in one pass over all its columns.
// Protocol: stark/doc/protocol.md section 10; the verifier's counterpart: stark/verifier/deep.h.
#pragma once

#include <span>

#include "stark/field/field.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

/// The low-degree extension of one group's columns in one tree, coset by coset: row r of coset c is
/// the row of index 2^b r + c. Columns beyond the shape's width are ignored; empty if the group has
/// none in that tree.
using TreeLde = std::vector<const TileMatrix*>;

/// B_N(e) = R(x) + sum c_i (f_i(x) - y_i)/(x - zeta) + sum d_i (f_i(x) - z_i)/(x - w zeta) at every
/// index e of the group's domain. `lde`: one for each tree of the shape. `opened` and
/// `coefficients`: the group's opened values and its part of squeeze "batch", in the order of
/// section 8. zeta is not in F. All threads.
[[nodiscard]] Codeword deep_batch(const Shape& shape, const GroupShape& group,
                                  std::span<const TreeLde> lde, const Fp5& zeta,
                                  std::span<const Fp5> opened, std::span<const Fp5> coefficients);

}  // namespace zkvm::stark
