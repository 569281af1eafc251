// The sums of the verifier's section "deep" on lanes: written once (deep.simd.cc),
// compiled for each instruction set.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

/// Up to 16 adjacent columns of the opened rows of one tree.
struct OpenedTile {
  const uint32_t* first;  // word of row 0; canonical words
  size_t row_words;       // from one row to the next
  size_t words;           // of each row
  /// Words from `first` on that may be read.
  size_t readable;
  /// Centred words of c, five a column, for 16 columns; 0 for the rest.
  const uint32_t* coefficients;
};

struct VerifierDeepKernels {
  /// sums[5 r ..]: sum c s(x) of row r, five canonical words, where s is shifted() of simd.h.
  void (*sums)(const OpenedTile* tiles, size_t tile_count, size_t rows, uint32_t* sums);
};

ZKVM_SIMD_KERNELS(VerifierDeepKernels, verifier_deep_kernels);

}  // namespace zkvm::stark
