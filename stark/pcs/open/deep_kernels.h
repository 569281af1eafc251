// The inner loops of the DEEP batch (deep.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/pcs/open/minimal_polynomial.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

/// A column that is also opened at w z.
struct DeepNext {
  uint32_t lane;             // of the tile
  uint32_t coefficients[5];  // centred words of d / w
};

struct DeepTile {
  const uint32_t* rows;  // the run's first row
  /// Centred words of c, five for each of the first 4 * quads columns; 0 for those not opened.
  const uint32_t* coefficients;
  size_t quads;
  const DeepNext* next;
  size_t next_count;
};

inline constexpr size_t kMaxDeepPacks = 64;  // of 16 rows: what one batch inversion spans

/// sum c (f(x) - y)/(x - z) + sum d (f(x) - y')/(x - w z) + R(x) at the rows of a run, x_(r+1) = w
/// x_r.
struct DeepRun {
  size_t packs;  // of 16 rows, at most kMaxDeepPacks
  /// The points from 16 rows before the run on: 1/(x_r - w z) = 1/(x_(r-1) - z) / w.
  const PointRun* points;
  MinimalPolynomial z;
  const DeepTile* tiles;
  size_t tile_count;
  /// centre() * sum c - sum c y, and of d / w; see shifted() in simd.h.
  Fp5 constant, next_constant;
  /// The tile that holds R's five columns, from word blinding_first on; null if there is no R.
  const uint32_t* blinding_tile;
  size_t blinding_first;
  uint32_t* out;  // packs * kCodewordPackWords: the batch at these rows
};

struct DeepKernels {
  void (*batch)(const DeepRun& run);
};
ZKVM_SIMD_KERNELS(DeepKernels, deep_kernels);

}  // namespace zkvm::stark
