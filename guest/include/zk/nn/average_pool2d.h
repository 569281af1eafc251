// QLinearAveragePool with any window.
#pragma once

#include <stdint.h>

#include <array>
#include <type_traits>

#include "zk/nn/pool.h"
#include "zk/nn/requantise.h"
#include "zk/nn/tensor.h"

namespace zk::nn {

// Rows, then columns; pads are top, left, bottom, right. `out` is the model's, whether it rounds down or up.
template <class Out>
struct AveragePool2dParams {
  using Output = Out;
  int channels;
  std::array<int, 2> in, out, kernel, strides, dilations;
  std::array<int, 4> pads;
  bool count_include_pad;
  Quantisation input, output;
};

template <const auto& kParams, Byte T>
struct AveragePool2d {
  using Out = typename std::remove_cvref_t<decltype(kParams)>::Output;
  using Y = typename Out::Element;
  static constexpr int kHeight = kParams.in[0], kWidth = kParams.in[1];
  static constexpr int kArea = kParams.kernel[0] * kParams.kernel[1];
  static constexpr int kUnit = 1 << kFractionBits;
  static_assert(is_scale(kParams.input.scale) && is_scale(kParams.output.scale),
                "zk::nn: every scale must be positive, and no infinity or NaN");
  static_assert(is_zero_point<T>(kParams.input.zero_point) &&
                    is_zero_point<Y>(kParams.output.zero_point),
                "zk::nn: zero points must be values of the element type");

  // ONNX Runtime computes a window that is the whole input as QLinearGlobalAveragePool, which is a function of the
  // integer sum.
  static constexpr bool kGlobal = kParams.kernel == kParams.in &&
                                  kParams.pads == std::array<int, 4>{} &&
                                  kParams.dilations == std::array{1, 1};
  static constexpr float global_scale() {
    const float divisor = kParams.output.scale * static_cast<float>(kArea);
    return kParams.input.scale / divisor;
  }

  // The mean of `count` elements by integers, as in pool.h; pre_shift -1: no bound is known, always exact().
  struct Rescale {
    int pre_shift;
    int32_t factor;
    int margin;
  };
  static constexpr Rescale rescale_of(int count) {
    const double ratio = static_cast<double>(kParams.input.scale) / kParams.output.scale;
    if (ratio < 1e-9 || ratio > 1e6) return {-1, 0, 0};
    const float scale = static_cast<float>(ratio / count);
    const FastRescale fast = FastRescale::of(scale, 255 * count);
    const double margin = 3 + (255 * ratio + 256) * (count + 4) * kUnit / (1 << 24);
    if (fast.pre_shift < 0 || margin >= kUnit / 4) return {-1, 0, 0};
    return {fast.pre_shift, fast.factor(scale), static_cast<int>(margin)};
  }
  static constexpr std::array<Rescale, kArea + 1> rescales() {
    std::array<Rescale, kArea + 1> all{};
    for (int count = 1; count <= kArea; ++count) all[count] = rescale_of(count);
    return all;
  }
  static constexpr std::array<Rescale, kArea + 1> kRescales = rescales();

  // The part of a window along one axis that lies inside the input: elements first, first + dilation...
  struct Range {
    int first, count;
  };
  template <int kAxis>
  static Range inside(int position) {
    constexpr int kSize = kParams.in[kAxis], kStep = kParams.dilations[kAxis];
    int first = position * kParams.strides[kAxis] - kParams.pads[kAxis];
    int count = kParams.kernel[kAxis];
    while (first < 0 && count > 0) first += kStep, --count;
    while (count > 0 && first + (count - 1) * kStep >= kSize) --count;
    return {first, count};
  }

  // Calls visit(element) in the runtime's order.
  template <class Visit>
  static void for_each(const T* plane, Range rows, Range columns, Visit&& visit) {
    constexpr int kDown = kParams.dilations[0] * kWidth, kRight = kParams.dilations[1];
    const T* row = plane + rows.first * kWidth + columns.first;
    for (int i = 0; i < rows.count; ++i, row += kDown) {
      const T* at = row;
      for (int j = 0; j < columns.count; ++j, at += kRight) visit(*at);
    }
  }

  // In float32, step by step; soft-float in a guest, hence only where integers cannot decide.
  [[gnu::noinline, gnu::cold]] static Y exact(const T* plane, Range rows, Range columns,
                                              int count) {
    float sum = 0;
    for_each(plane, rows, columns, [&](T x) {
      sum += kParams.input.scale * static_cast<float>(x - kParams.input.zero_point);
    });
    const float y = sum / static_cast<float>(count) / kParams.output.scale +
                    static_cast<float>(kParams.output.zero_point);
    const float clamped = lesser(greater(y, -1024.0f), 1024.0f);
    constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it leaves no bits for a fraction
    return saturate<Y>(static_cast<int32_t>((clamped + kRounder) - kRounder), 0);
  }

  // Of `sum`, the elements' less their zero points.
  [[gnu::always_inline]] static inline Y mean(int32_t sum, int count, Rescale rescale,
                                              const T* plane, Range rows, Range columns) {
    if constexpr (kGlobal) {
      constexpr FastRescale kFast = FastRescale::of(global_scale(), 255 * kArea);
      return requantise<Y, kFast.pre_shift>(sum, kFast.factor(global_scale()), global_scale(),
                                            kParams.output.zero_point);
    }
    if (rescale.pre_shift < 0) return exact(plane, rows, columns, count);
    const int64_t product = static_cast<int64_t>(sum << rescale.pre_shift) * rescale.factor;
    const int32_t h = static_cast<int32_t>(product >> 32) + kUnit / 2;
    const int32_t from_tie = h & (kUnit - 1);
    if (from_tie < rescale.margin || from_tie >= kUnit - rescale.margin) [[unlikely]]
      return exact(plane, rows, columns, count);
    return saturate<Y>(h >> kFractionBits, kParams.output.zero_point);
  }

  // A window that lies inside the input: its size is a constant.
  static Y mean_inside(const T* plane, int row, int column) {
    constexpr int kDown = kParams.dilations[0] * kWidth, kRight = kParams.dilations[1];
    const T* at = plane + row * kWidth + column;
    int32_t sum = -kParams.input.zero_point * kArea;
    for (int i = 0; i < kParams.kernel[0]; ++i, at += kDown) {
      for (int j = 0; j < kParams.kernel[1]; ++j) sum += at[j * kRight];
    }
    constexpr Rescale kRescale = kRescales[kArea];
    return mean(sum, kArea, kRescale, plane, {row, kParams.kernel[0]}, {column, kParams.kernel[1]});
  }
  static Y mean_at_border(const T* plane, Range rows, Range columns) {
    const int cells = rows.count * columns.count;
    int32_t sum = -kParams.input.zero_point * cells;
    for_each(plane, rows, columns, [&](T x) { sum += x; });
    const int count = kParams.count_include_pad ? kArea : cells;
    return mean(sum, count, kRescales[count], plane, rows, columns);
  }

  static void run(const T* x, Y* y) {
    constexpr int kReach = (kParams.kernel[1] - 1) * kParams.dilations[1];
    for (int channel = 0; channel < kParams.channels; ++channel, x += kHeight * kWidth) {
      for (int row = 0; row < kParams.out[0]; ++row) {
        const Range rows = inside<0>(row);
        const bool whole = rows.count == kParams.kernel[0];
        int left = -kParams.pads[1];
        for (int column = 0; column < kParams.out[1]; ++column, left += kParams.strides[1])
          *y++ = whole && left >= 0 && left + kReach < kWidth
                     ? mean_inside(x, rows.first, left)
                     : mean_at_border(x, rows, inside<1>(column));
      }
    }
  }
};

// The mean of each window. x: any tensor of [channels][height][width] elements. Every window has an element inside
// the input. Source: com.microsoft.QLinearAveragePool; the mean is of the elements inside the input, with
// count_include_pad of the whole window.
template <const auto& kParams, Byte T, int... kDims>
  requires requires { kParams.count_include_pad; }
auto average_pool(const Tensor<T, kDims...>& x) {
  using Pool = AveragePool2d<kParams, T>;
  static_assert(
      Tensor<T, kDims...>::kSize == kParams.channels * kParams.in[0] * kParams.in[1] &&
          Pool::Out::kSize == kParams.channels * kParams.out[0] * kParams.out[1],
      "zk::nn::average_pool: the input's or output's size is not what the parameters say");
  typename Pool::Out y;
  Pool::run(x.data, y.data);
  return y;
}

}  // namespace zk::nn
