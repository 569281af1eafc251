// Number-theoretic transforms of the columns of a TileMatrix, after the two-pass four-step
// algorithm (Bailey 1990).
//
// A column of N = 2^a * 1024 rows is seen as 2^a blocks of 1024 consecutive rows. One pass
// transforms across the blocks (row j of every block, for each j < 1024: "columns" of the block
// picture), the other within each block. Either touches memory once, in pieces that fit the L2
// cache. Values are in natural order; coefficients, in bit-reversed order: position r holds
// coefficient bit_reverse(r). So neither direction permutes anything.
//
// A coset shift costs nothing: the value of f on s H_N is the transform of f_i s^i, and the powers
// of s are merged into the twiddles of each layer.
#pragma once

#include <cstddef>

#include "stark/field/bit_reverse.h"
#include "stark/field/field.h"
#include "stark/poly/ntt_kernels.h"
#include "stark/poly/tile_matrix.h"

namespace zkvm::stark {

// Values on shift * H_N, row r at shift * w_N^r, to coefficients in bit-reversed order; in place.
// REQUIRES: log_rows >= 1, shift != 0.
void interpolate(TileMatrix& matrix, Fp shift = Fp::one());
// The same out of place. REQUIRES: as many rows and tiles.
void interpolate(const TileMatrix& values, TileMatrix& coefficients, Fp shift);

// The inverse of interpolate().
void evaluate(TileMatrix& matrix, Fp shift = Fp::one());

// ------------------------------------------- the parts, for interpolate(), evaluate() and the LDE

// The twiddles of one pass.
class NttTwiddles {
 public:
  // Bare: twiddle (l, j) is root_of_unity(l + 1)^j, or its inverse. REQUIRES: 0 <= log_rows <= 14.
  static NttTwiddles bare(int log_rows, bool inverse);
  // Room for the twiddles of `plan`.
  explicit NttTwiddles(const NttPlan& plan);

  // *this = `bare` with layer l multiplied by bases[l]. REQUIRES: equal plans.
  void scale_from(const NttTwiddles& bare, const ShoupFactor* bases);

  const NttPlan& plan() const { return plan_; }
  NttTwiddlesView view() const { return {words_.data(), words_.data() + plan_.twiddle_words}; }

 private:
  NttPlan plan_;
  AlignedWords words_;  // all w, then all w_mu
};

constexpr int log_block_rows(int log_rows) {
  return log_rows < kLogBlockRows ? log_rows : kLogBlockRows;
}

// The pass within blocks: everything of an NttPass but where, and how many columns.
class BlockTransform {
 public:
  // Values on shift * H_N to coefficients times N.
  static BlockTransform inverse(int log_rows, Fp shift);
  // Coefficients to the values on shift * H_N of `scale` times the polynomial.
  static BlockTransform forward(int log_rows, Fp shift, Fp scale);

  // REQUIRES: *this outlives the result.
  NttPass pass(const uint32_t* src, uint32_t* dst, uint32_t* scratch, size_t used_words) const;

 private:
  explicit BlockTransform(NttTwiddles twiddles) : twiddles_(std::move(twiddles)) {}

  NttTwiddles twiddles_;
  bool bare_first_step_ = false;
  bool has_first_factors_ = false;
  ShoupFactor first_factors_[1 << NttPlan::kMaxRadixLog];
};

// The pass across blocks, of all tiles, by all threads. REQUIRES: equal shapes; dst may be src.
// Without blocks (N <= 1024) nothing is done, dst is left as it is.
void inverse_across_blocks(const TileMatrix& src, TileMatrix& dst, Fp shift);
void forward_across_blocks(TileMatrix& matrix, Fp shift);

}  // namespace zkvm::stark
