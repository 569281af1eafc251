// The prover's section "deep": the batch codeword, in one pass over all columns.
// Protocol: stark/doc/protocol.md section 10; the verifier's counterpart: stark/verifier/deep.h.
//
// Stacks are not made for it. With f = 2^s columns in a stack, what a group adds is
//   sum_u x^u A_u(x_n),   A_u = sum c (f_u - y_u)/(x_n - zeta) + sum d (f_u - z_u)/(x_n - w zeta),
// over the stacks' columns of place u: f words on the group's own domain. Two of them at height n are
// one at height n + 1, A_u(Y^2) + Y A_(u + f/2)(Y^2): so the groups are added from the lowest up, and
// all that they add is lifted together.
#pragma once

#include <span>
#include <vector>

#include "stark/field/field.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

/// The low-degree extension of one group's columns in one tree, coset by coset: row r of coset c is
/// the row of index 2^b r + c. Columns beyond the shape's width are ignored; empty if the group has
/// none in that tree.
using TreeLde = std::vector<const TileMatrix*>;

/// B at every index of the common domain. `lde`: of each group, one for each tree of the shape.
/// `opened`: all opened values, `coefficients`: shape.batched() challenges, in the orders of
/// sections 8 and 10. zeta is not in F. All threads.
[[nodiscard]] Codeword deep_batch(const Shape& shape, std::span<const std::vector<TreeLde>> lde,
                                  const Fp5& zeta, std::span<const Fp5> opened,
                                  std::span<const Fp5> coefficients);

}  // namespace zkvm::stark
