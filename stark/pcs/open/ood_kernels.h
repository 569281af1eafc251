// The inner loops of out-of-domain evaluation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/pcs/open/minimal_polynomial.h"
#include "stark/poly/tile_matrix.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

// x / (zeta - x) = -x q(x) / m(x) by the minimal polynomial m = (X - zeta) q of zeta: inversions
// stay in F.
struct OodKernels {
  // out[k * kBlockRows + i] = coefficient k of x / (zeta - x), as a centred word, x = first *
  // powers[1]^i, i < count; powers: 1, w, .., w^16. count is a multiple of 16, at most kBlockRows.
  void (*weights)(const MinimalPolynomial& point, Fp first, const uint32_t powers[17], size_t count,
                  uint32_t* out);
  // sums[k * 16 + c] += sum over i < count of (row[i][c] - centre()) * weight (k, i), weights as
  // above.
  void (*accumulate)(const uint32_t* rows, const uint32_t* weights, size_t count,
                     uint32_t sums[80]);
};
ZKVM_SIMD_KERNELS(OodKernels, ood_kernels);

}  // namespace zkvm::stark
