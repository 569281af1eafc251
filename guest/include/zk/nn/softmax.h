// QLinearSoftmax along the last axis, in integers.
#pragma once

#include <stdint.h>

#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "zk/nn/requantise.h"
#include "zk/nn/tensor.h"

namespace zk::nn {

// exponentials[255 - d] are the bits of the positive float32 that an element counts which lies d below the greatest
// of its row, the last one no less than 1; factor = floor(1 / output scale). host/import/constants.h makes both.
template <class Out>
struct SoftmaxParams {
  using Output = Out;
  int width;  // of a row
  uint32_t factor;
  int zero_point;
  std::array<uint32_t, 256> exponentials;
};

// A float32 that is not negative, as mantissa * 2^(exponent - 150).
struct PositiveFloat {
  uint32_t mantissa, exponent;
  static constexpr PositiveFloat of(uint32_t bits) {
    const uint32_t exponent = bits >> 23;
    return exponent == 0 ? PositiveFloat{bits, 1}
                         : PositiveFloat{(bits & 0x7fffff) | 0x800000, exponent};
  }
};

// float32(a + b) of the bits of two floats that are not negative, and whose sum is finite.
constexpr uint32_t add_positive(uint32_t a, uint32_t b) {
  if (a < b) std::swap(a, b);
  const PositiveFloat x = PositiveFloat::of(a), y = PositiveFloat::of(b);
  // Three more bits: the last one says whether anything was cut off.
  const uint32_t shift = x.exponent - y.exponent, low = y.mantissa << 3;
  uint32_t sum = x.mantissa << 3, exponent = x.exponent;
  if (shift < 27) {
    const uint32_t kept = low >> shift;
    sum += kept | (kept << shift != low);
  } else {
    sum += low != 0;
  }
  if (sum >= 1u << 27) {
    sum = sum >> 1 | (sum & 1);
    ++exponent;
  }
  const uint32_t rest = sum & 7, floor = sum >> 3;
  const uint32_t mantissa = floor + (rest > 4 || (rest == 4 && (floor & 1)));
  return mantissa < 0x800000 ? mantissa : (exponent << 23) + (mantissa - 0x800000);
}

// round_half_even(term factor / sum), exact. ONNX Runtime divides in float64, which rounds no quotient onto a tie that it
// is not: beside n + 1/2 it differs by 2^-46 at least, since the quotient's denominator is 2^shift times 24 bits.
// REQUIRES: term <= sum, sum is normal, factor <= 2^20.
template <uint32_t kFactor>
constexpr int32_t softmax_quotient(uint32_t term, uint32_t sum) {
  const PositiveFloat x = PositiveFloat::of(term), y = PositiveFloat::of(sum);
  const uint32_t shift = y.exponent - x.exponent;
  if (shift > 22) return 0;  // factor / 2^shift is less than a half
  if constexpr (kFactor <= 256) {
    const uint32_t above = x.mantissa * kFactor;
    const uint64_t below = static_cast<uint64_t>(y.mantissa) << shift;
    if (2 * static_cast<uint64_t>(above) <= below) return 0;
    if (below >> 32 != 0) return 1;
    const uint32_t divisor = static_cast<uint32_t>(below);
    const uint32_t floor = above / divisor, rest = above - floor * divisor;
    const uint32_t to_next = divisor - rest;
    return static_cast<int32_t>(floor + (rest > to_next || (rest == to_next && (floor & 1))));
  } else {
    const uint64_t above = static_cast<uint64_t>(x.mantissa) * kFactor;
    const uint64_t below = static_cast<uint64_t>(y.mantissa) << shift;
    if (2 * above <= below) return 0;
    const uint64_t floor = above / below, rest = above - floor * below;
    return static_cast<int32_t>(floor + (2 * rest > below || (2 * rest == below && (floor & 1))));
  }
}

// Rows of kParams.width elements. Source: com.microsoft.QLinearSoftmax, of the rows that the model's axis and version
// make.
template <const auto& kParams, Byte T, int... kDims>
auto softmax(const Tensor<T, kDims...>& x) {
  using Out = typename std::remove_cvref_t<decltype(kParams)>::Output;
  using Y = typename Out::Element;
  constexpr int kSize = Tensor<T, kDims...>::kSize;
  static_assert(Out::kSize == kSize && kSize % kParams.width == 0,
                "zk::nn::softmax: the sizes are not what the parameters say");
  static_assert(kParams.factor <= 1 << 20 && is_zero_point<Y>(kParams.zero_point),
                "zk::nn::softmax: expected a factor of at most 2^20, and a zero point of the type");
  static_assert(kParams.exponentials[255] >= 0x3f800000);
  Out y;
  for (int first = 0; first < kSize; first += kParams.width) {
    const T* const row = x.data + first;
    T greatest = row[0];
    for (int i = 1; i < kParams.width; ++i) greatest = greater(greatest, row[i]);
    const auto term = [=](int i) { return kParams.exponentials[255 - greatest + row[i]]; };
    uint32_t sum = 0;
    for (int i = 0; i < kParams.width; ++i) sum = add_positive(sum, term(i));
    for (int i = 0; i < kParams.width; ++i)
      y.data[first + i] =
          saturate<Y>(softmax_quotient<kParams.factor>(term(i), sum), kParams.zero_point);
  }
  return y;
}

}  // namespace zk::nn
