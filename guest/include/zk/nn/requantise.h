// Requantisation, bit-exact with ONNX Runtime's QLinearMatMul, QLinearConv and QGemm:
//
//     y = clamp(round_half_even(float32(float32(acc) * scale)) + zero_point)
//
// where scale = float32(float32(input_scale * weight_scale) / output_scale), both float32 steps
// round to nearest even, and clamp saturates to T. Integers only, no float at run time.
#pragma once

#include <stdint.h>

#include <bit>
#include <limits>

#include "zk/nn/tensor.h"

namespace zk::nn {

// A positive normal float32 as mantissa * 2^exponent with 2^23 <= mantissa < 2^24.
struct Multiplier {
  uint32_t mantissa;
  int exponent;
};

constexpr Multiplier multiplier_of(float scale) {
  const uint32_t bits = std::bit_cast<uint32_t>(scale);
  return {(bits & 0x7fffff) | 0x800000, static_cast<int>(bits >> 23) - 150};
}

// The scale of the formula above, in ONNX Runtime's order of operations.
constexpr float output_scale(float input, float weight, float output) {
  return input * weight / output;
}

// Whether output_scale() of these is a positive normal float32, as multiplier_of() requires. In
// double, so that a compiler has no overflow to complain of.
constexpr bool is_output_scale(float input, float weight, float output) {
  const double product = static_cast<double>(input) * weight;
  const double scale = product / output;
  constexpr double kLeast = std::numeric_limits<float>::min();
  constexpr double kGreatest = std::numeric_limits<float>::max();
  return product >= kLeast && product <= kGreatest && scale >= kLeast && scale <= kGreatest;
}

// x / 2^shift, rounded half to even; shift in [0, 63].
constexpr uint64_t shift_right_half_even(uint64_t x, int shift) {
  if (shift == 0) return x;
  const uint64_t floor = x >> shift, half = uint64_t{1} << (shift - 1);
  const uint64_t rest = x - (floor << shift);
  return floor + (rest > half || (rest == half && (floor & 1)) ? 1 : 0);
}

// Rounds x to a significand of 24 bits, half to even: what a conversion to float32 does. The result
// may be 2^24 times a power of two, which is a float32 as well.
constexpr uint64_t round_to_float(uint64_t x) {
  const int excess = static_cast<int>(std::bit_width(x)) - 24;
  return excess <= 0 ? x : shift_right_half_even(x, excess) << excess;
}

// round_half_even(float32(float32(acc) * m)), saturated to +-2^20: the definition, step by step.
constexpr int32_t rescale(int32_t acc, Multiplier m) {
  constexpr uint64_t kLimit = 1 << 20;
  const uint64_t magnitude = acc < 0 ? -static_cast<uint64_t>(acc) : static_cast<uint64_t>(acc);
  const uint64_t product = round_to_float(round_to_float(magnitude) * m.mantissa);  // <= 2^55
  uint64_t y = 0;
  if (m.exponent >= 0) {
    y = product == 0 ? 0 : kLimit;  // |acc| * 2^23 and more
  } else if (m.exponent > -64) {
    y = shift_right_half_even(product, -m.exponent);
  }
  const int32_t saturated = static_cast<int32_t>(y < kLimit ? y : kLimit);
  return acc < 0 ? -saturated : saturated;
}

// For the few accumulators that the fast path below cannot decide.
[[gnu::noinline, gnu::cold]] inline int32_t rescale_undecided(int32_t acc, float scale) {
  return rescale(acc, multiplier_of(scale));
}

// Saturates y + zero_point to T; REQUIRES: |y| <= 2^20.
template <Byte T>
constexpr T saturate(int32_t y, int zero_point) {
  constexpr int kMin = std::numeric_limits<T>::min();
  int32_t above_min = y + (zero_point - kMin);
  if (static_cast<uint32_t>(above_min) > 255) above_min = ~(above_min >> 31) & 255;
  return static_cast<T>(above_min + kMin);
}

// The fast path: h = floor(acc * 2^pre_shift * factor / 2^32) is acc * scale in units of 2^-11, and
// that decides the rounding unless it lies next to a tie.
//
// Why it is exact. Let r = float32(float32(acc) * scale), where it may lie inside the clamp: |r| <=
// 257. In units of 2^-11, r differs from acc * scale by less than 257 * 2^-23 * 2^11 < 0.07 (two
// roundings of relative error 2^-24), factor's rounding moves h by at most 1/4 (|acc * 2^pre_shift|
// < 2^31), the floor by less than 1: h - 0.32 < 2^11 r < h + 1.32. With t = (h + 2^10 + 1) mod 2^11
// >= 2, the interval lies strictly between two ties, and r rounds to floor((h + 2^10 + 1) / 2^11).
// Outside the clamp both saturate, because h is monotone. t < 2, one in a thousand, goes the slow
// way.
inline constexpr int kFractionBits = 11;

// What the fast path needs to know of a layer, for accumulators with |acc| <= bound.
struct FastRescale {
  int pre_shift;  // -1: the scales or the bound are too large, take the slow way always

  static constexpr FastRescale of(float largest_scale, int64_t bound) {
    const FastRescale least{least_pre_shift(largest_scale)};
    return least.fits(largest_scale, bound) ? least : FastRescale{-1};
  }

  // The smallest shift for which factor() of the scale, hence of smaller ones, is below 2^31.
  static constexpr int least_pre_shift(float scale) {
    const int shift = multiplier_of(scale).exponent + 24 + kFractionBits + 1;
    return shift < 0 ? 0 : shift;
  }

  // Whether an output of this scale whose accumulators are |acc| <= bound may go the fast way.
  constexpr bool fits(float scale, int64_t bound) const {
    return pre_shift >= least_pre_shift(scale) && pre_shift < 31 &&
           bound <= (int64_t{0x7fffffff} >> pre_shift);
  }

  // round(scale * 2^(32 + kFractionBits - pre_shift)), in [0, 2^31).
  constexpr int32_t factor(float scale) const {
    if (pre_shift < 0) return 0;
    const Multiplier m = multiplier_of(scale);
    const int shift = m.exponent + 32 + kFractionBits - pre_shift;  // <= 7
    if (shift >= 0) return static_cast<int32_t>(m.mantissa << shift);
    return shift < -32 ? 0 : static_cast<int32_t>(shift_right_half_even(m.mantissa, -shift));
  }
};

// Requantises acc; factor = FastRescale{kPreShift}.factor(scale), REQUIRES: |acc| within its bound.
template <Byte T, int kPreShift>
inline T requantise(int32_t acc, int32_t factor, float scale, int zero_point) {
  if constexpr (kPreShift < 0) {
    return saturate<T>(rescale_undecided(acc, scale), zero_point);
  } else {
    const int64_t product = static_cast<int64_t>(acc << kPreShift) * factor;
    constexpr int32_t kUnit = 1 << kFractionBits;
    const int32_t h = static_cast<int32_t>(product >> 32) + kUnit / 2 + 1;
    int32_t y = h >> kFractionBits;
    if ((h & (kUnit - 2)) == 0) [[unlikely]]
      y = rescale_undecided(acc, scale);
    return saturate<T>(y, zero_point);
  }
}

}  // namespace zk::nn
