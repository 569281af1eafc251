// Means and normalisation along the last axis: integer rules of our own (host/import/rules.md), since the runtime has no
// integer kernels for them and its float ones depend on the CPU.
#pragma once

#include <stdint.h>

#include <array>
#include <bit>
#include <type_traits>

#include "zk/nn/requantise.h"
#include "zk/nn/tensor.h"

namespace zk::nn {

template <class Out>
struct ReduceMeanParams {
  using Output = Out;
  int width;  // of a row
  Quantisation input, output;
};

// round_half_even(sum(x - zx) sx / (width sy)) + zy, the quotient as it is in the rational numbers.
template <const auto& kParams, Byte T>
struct ReduceMean {
  using Out = typename std::remove_cvref_t<decltype(kParams)>::Output;
  using Y = typename Out::Element;
  static constexpr int kWidth = kParams.width, kZero = kParams.output.zero_point;
  static constexpr int kLeast = std::numeric_limits<Y>::min();
  static_assert(kWidth >= 1 && kWidth < 1 << 23, "zk::nn::reduce_mean: rows are too long");
  static_assert(is_scale(kParams.input.scale) && is_scale(kParams.output.scale) &&
                    kParams.input.scale >= std::numeric_limits<float>::min() &&
                    kParams.output.scale >= std::numeric_limits<float>::min(),
                "zk::nn: every scale must be a positive normal float32");
  static_assert(is_zero_point<T>(kParams.input.zero_point) && is_zero_point<Y>(kZero),
                "zk::nn: zero points must be values of the element type");

  // The least sum whose mean is y or more: sums grow with means, so these are all that there is to know.
  // With n = y - zy it is the least s with  s sx >= (n - 1/2) width sy,  and more than that where n is odd.
  static constexpr int32_t least_sum(int y) {
    constexpr int64_t kLimit = int64_t{255} * kWidth + 1;  // beyond all sums
    constexpr Multiplier kX = multiplier_of(kParams.input.scale);
    constexpr Multiplier kY = multiplier_of(kParams.output.scale);
    constexpr int kShift = kY.exponent - kX.exponent;
    const int n = y - kZero;
    int64_t above = int64_t{2 * n - 1} * kWidth * kY.mantissa, below = int64_t{2} * kX.mantissa;
    if (kShift >= 0) {
      const int64_t room = kShift > 62 ? 0 : (int64_t{1} << 62) >> kShift;
      if (above > room || -above > room) return static_cast<int32_t>(above < 0 ? -kLimit : kLimit);
      above *= int64_t{1} << kShift;
    } else {
      below <<= lesser(-kShift, 36);  // more than `above` at 36
    }
    int64_t floor = above / below;
    if (floor * below > above) --floor;
    const bool exact = floor * below == above;
    const int64_t least = exact && n % 2 == 0 ? floor : floor + 1;
    return static_cast<int32_t>(lesser(greater(least, -kLimit), kLimit));
  }
  static constexpr std::array<int32_t, 255> least_sums() {
    std::array<int32_t, 255> all{};
    for (int i = 0; i < 255; ++i) all[i] = least_sum(kLeast + 1 + i);
    return all;
  }
  static constexpr std::array<int32_t, 255> kLeastSums = least_sums();

  static Y of(int32_t sum) {
    int count = 0;  // thresholds that the sum reaches
#pragma GCC unroll 8
    for (int step = 128; step > 0; step /= 2)
      if (sum >= kLeastSums[count + step - 1]) count += step;
    return static_cast<Y>(kLeast + count);
  }
};

// The mean of each row of kParams.width elements.
template <const auto& kParams, Byte T, int... kDims>
auto reduce_mean(const Tensor<T, kDims...>& x) {
  using Mean = ReduceMean<kParams, T>;
  static_assert(Tensor<T, kDims...>::kSize == Mean::Out::kSize * kParams.width,
                "zk::nn::reduce_mean: the sizes are not what the parameters say");
  typename Mean::Out y;
  const T* next = x.data;
  for (auto& mean : y.data) {
    int32_t sum = -kParams.input.zero_point * kParams.width;
    for (int i = 0; i < kParams.width; ++i) sum += *next++;
    mean = Mean::of(sum);
  }
  return y;
}

// What host/import/constants.h makes of scale, bias and epsilon; the rule stands there.
template <class Out, int kWidth_>
struct LayerNormalizationParams {
  using Output = Out;
  static constexpr int kWidth = kWidth_;
  uint64_t epsilon;
  int shift;
  std::array<int32_t, kWidth> gains;
  std::array<int64_t, kWidth> offsets;
};

// floor(sqrt(x)) for x >= 2^62: bit by bit, on the 32 bits of the root.
constexpr uint32_t square_root(uint64_t x) {
  uint32_t root = 1u << 31;
  uint64_t rest = x - (uint64_t{1} << 62);
  for (int bit = 30; bit >= 0; --bit) {
    const uint64_t step = ((static_cast<uint64_t>(root) << 1) + (uint64_t{1} << bit)) << bit;
    if (rest >= step) {
      rest -= step;
      root |= 1u << bit;
    }
  }
  return root;
}

// Each row of kWidth elements, normalised to mean 0 and variance 1, times scale, plus bias.
template <const auto& kParams, Byte T, int... kDims>
auto layer_normalization(const Tensor<T, kDims...>& x) {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using Out = typename Params::Output;
  using Y = typename Out::Element;
  constexpr int kSize = Tensor<T, kDims...>::kSize, kWidth = Params::kWidth;
  static_assert(kWidth <= 1 << 15, "zk::nn::layer_normalization: rows are too long");
  static_assert(Out::kSize == kSize && kSize % kWidth == 0,
                "zk::nn::layer_normalization: the sizes are not what the parameters say");
  static_assert(kParams.shift >= 32 && kParams.shift <= 52);
  Out y;
  for (int first = 0; first < kSize; first += kWidth) {
    const T* const row = x.data + first;
    int32_t sum = 0;
    uint32_t squares = 0;
    for (int i = 0; i < kWidth; ++i) {
      sum += row[i];
      squares += static_cast<uint32_t>(row[i] * row[i]);
    }
    const uint64_t variance =
        static_cast<uint64_t>(squares) * kWidth - static_cast<uint64_t>(int64_t{sum} * sum);
    const uint64_t w = (variance << 16) + kParams.epsilon;
    const int shift = w == 0 ? 0 : std::countl_zero(w) / 2 * 2;
    const int64_t inverse =
        w == 0 ? 0 : static_cast<int64_t>((~uint64_t{0} >> 1) / square_root(w << shift));
    for (int i = 0; i < kWidth; ++i) {
      const int32_t deviation = row[i] * kWidth - sum;
      const int32_t t = static_cast<int32_t>((deviation * inverse) >> (33 - shift / 2));
      const int64_t result = (int64_t{t} * kParams.gains[i] + kParams.offsets[i]) >> kParams.shift;
      y.data[first + i] = saturate<Y>(static_cast<int32_t>(result), 0);
    }
  }
  return y;
}

}  // namespace zk::nn
