// The inner loops of the DEEP batch (deep.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/pcs/open/minimal_polynomial.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

/// A sum of columns, four at a time: column 16 t + i is word i of tile t. Coefficients are centred
/// words, five a column; those of columns that only fill a four up are 0.
struct DeepSum {
  const uint32_t* columns;
  const uint32_t* coefficients;
  size_t quads;
  Fp5 constant;  // centre() * sum c - sum c y; see shifted() in simd.h
};

/// What has one place in the stacks: A_u of deep.h.
struct DeepPlace {
  DeepSum at_z;              // sum c (f - y)
  DeepSum at_next;           // sum d / w (f - y')
  const uint32_t* blinding;  // the columns of R's five coordinates, or null
  uint32_t* out;             // packs * kCodewordPackWords: A_u at these rows
};

inline constexpr size_t kMaxDeepPacks = 64;  // of 16 rows: what one batch inversion spans

/// sum c (f(x) - y)/(x - z) + sum d (f(x) - y')/(x - w z) + R(x) at the rows of a run, x_(r+1) = w
/// x_r.
struct DeepRun {
  size_t packs;  // of 16 rows, at most kMaxDeepPacks
  /// The points from 16 rows before the run on: 1/(x_r - w z) = 1/(x_(r-1) - z) / w.
  const PointRun* points;
  MinimalPolynomial z;
  const uint32_t* const* tiles;  // the run's first row in each
  size_t tile_count;
  const DeepPlace* places;
  size_t place_count;
  uint32_t* scratch;  // 16 * kPackLanes words a tile, 64-byte aligned
};

struct DeepKernels {
  void (*batch)(const DeepRun& run);
  /// to[i] += from[i], words of F, 16 a pack.
  void (*add)(const uint32_t* from, size_t packs, uint32_t* to);
  /// low, high = low + y high, low - y high, packs of a codeword; y: points of the pack from `low`
  /// on.
  void (*lift)(uint32_t* low, uint32_t* high, size_t packs, const PointRun* points);
};
ZKVM_SIMD_KERNELS(DeepKernels, deep_kernels);

}  // namespace zkvm::stark
