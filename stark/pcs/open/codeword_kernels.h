// Kernels over codewords in E: the DEEP batch (deep.h) and the fold of FRI (fri.h). Written once
// (deep.simd.cc, fri.simd.cc), compiled for each instruction set.
//
// A codeword lies in packs of 16 elements: coefficient c of element e at word
// 80 (e / 16) + 16 c + e % 16, 64-byte aligned. So an element's coefficients are lanes of
// five vectors, and the leaves of a FRI layer hash without transposition.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

inline constexpr size_t kCodewordPackWords = 5 * kPackLanes;

// ----------------------------------------------------------------------------------------------
// DEEP

/// The points x_i = first * root^i of a run of rows, or their inverses.
struct PointRun {
  Fp first;
  alignas(64) uint32_t powers[16];  // root^0 .. root^15
  Fp step;                          // root^16
};

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
  /// The minimal polynomial m of z over F: coefficients 0 to 4, monic.
  Fp minimal[5];
  /// m(X) / (X - z), coefficients 0 to 3, monic.
  Fp5 cofactor[4];
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

// ----------------------------------------------------------------------------------------------
// FRI

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
  /// into[e] += factor * from[e], `packs` packs; matrix as above, 25 words.
  void (*add_multiple)(const uint32_t* from, const uint32_t* matrix, const Fp5& constant,
                       size_t packs, uint32_t* into);
};
ZKVM_SIMD_KERNELS(FriKernels, fri_kernels);

}  // namespace zkvm::stark
