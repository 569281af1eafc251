// The inner loops of FRI (fri.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

/// The fold of a codeword of 2^log_arity * 16 * out_packs elements, packs [first, first + count)
/// of the result.
struct FoldRun {
  const uint32_t* in;
  uint32_t* out;
  size_t out_packs;
  size_t first, count;
  const PointRun* inverse_points;  // 1/y of the elements from pack `first` on
  /// Multiplication by beta^u / arity as matrices over F: [u][k][i], centred words: coefficient k
  /// of the product takes coefficient i of the factor this many times.
  const uint32_t* matrices;
  Fp5 constant;  // centre() * (sum over u, i of the above)
};

struct FriKernels {
  /// log_arity 1, 2, 3: fold[log_arity - 1].
  void (*fold[3])(const FoldRun& run);
};
ZKVM_SIMD_KERNELS(FriKernels, fri_kernels);

}  // namespace zkvm::stark
