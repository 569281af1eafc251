// Pooling, ReLU and arg max on tensors of bytes.
#pragma once

#include <stdint.h>

#include <type_traits>

#include "zk/nn/requantise.h"
#include "zk/nn/tensor.h"
#include "zk/nn/unit.h"

namespace zk::nn {

// The greatest element of each kKernel x kKernel window. x [channels][height][width]; returns
// [channels][(height - kKernel) / kStride + 1][likewise]: rows and columns left over are dropped,
// as ONNX MaxPool does. Quantisation is the input's.
template <int kKernel, int kStride = kKernel, Byte T, int kChannels, int kHeight, int kWidth>
auto max_pool(const Tensor<T, kChannels, kHeight, kWidth>& x) {
  static_assert(kKernel >= 1 && kStride >= 1, "zk::nn::max_pool: window and stride are at least 1");
  static_assert(kHeight >= kKernel && kWidth >= kKernel,
                "zk::nn::max_pool: the window is larger than the input");
  constexpr int kOutH = (kHeight - kKernel) / kStride + 1, kOutW = (kWidth - kKernel) / kStride + 1;
  Tensor<T, kChannels, kOutH, kOutW> y;
  for (int channel = 0; channel < kChannels; ++channel) {
    for (int row = 0; row < kOutH; ++row) {
      for (int column = 0; column < kOutW; ++column) {
        const T* window = &x(channel, row * kStride, column * kStride);
        T greatest = *window;
        for (int i = 0; i < kKernel; ++i) {
          for (int j = 0; j < kKernel; ++j) greatest = greater(greatest, window[i * kWidth + j]);
        }
        y(channel, row, column) = greatest;
      }
    }
  }
  return y;
}

// The same, of a model's max pool that does not follow a convolution: on the tensor unit, a descriptor.
struct MaxPoolParams {
  int kernel, stride;
};
template <const auto& kParams, Byte T, int kChannels, int kHeight, int kWidth>
  requires(!OnUnit<kParams>)
auto max_pool(const Tensor<T, kChannels, kHeight, kWidth>& x) {
  return max_pool<kParams.kernel, kParams.stride>(x);
}

struct AveragePoolParams {
  Quantisation input, output;
};

template <const auto& kParams, Byte T, int kKernel, int kWidth>
struct AveragePoolWindow {
  static constexpr int kCount = kKernel * kKernel;

  // ONNX Runtime's own steps, in float32 and in its order; soft-float in a guest, hence only where
  // the fast path cannot decide. Rounding is half to even, after the zero point is added.
  [[gnu::noinline, gnu::cold]] static T exact(const T* window) {
    float sum = 0;
    for (int i = 0; i < kKernel; ++i) {
      for (int j = 0; j < kKernel; ++j) {
        sum += kParams.input.scale *
               static_cast<float>(window[i * kWidth + j] - kParams.input.zero_point);
      }
    }
    const float y = sum / static_cast<float>(kCount) / kParams.output.scale +
                    static_cast<float>(kParams.output.zero_point);
    const float clamped = lesser(greater(y, -1024.0f), 1024.0f);
    constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it leaves no bits for a fraction
    return saturate<T>(static_cast<int32_t>((clamped + kRounder) - kRounder), 0);
  }
};

// The mean of each kKernel x kKernel window, stride kStride, no padding, requantised. `kParams` is
// a constexpr AveragePoolParams. Shapes as in max_pool. Source: ONNX Runtime's
// com.microsoft.QLinearAveragePool.
//
// As in requantise.h, an integer estimate decides the rounding unless it lies next to a tie. In
// units of 2^-11 of the output, ONNX Runtime's float steps err by at most (count + 3) roundings of
// 2^-24 relative to the greatest possible magnitude, 255 * input.scale / output.scale + 256, and
// the estimate by 1.25.
template <int kKernel, const auto& kParams, int kStride = kKernel, Byte T, int kChannels,
          int kHeight, int kWidth>
auto average_pool(const Tensor<T, kChannels, kHeight, kWidth>& x) {
  static_assert(kKernel >= 1 && kStride >= 1,
                "zk::nn::average_pool: window and stride are at least 1");
  static_assert(kHeight >= kKernel && kWidth >= kKernel,
                "zk::nn::average_pool: the window is larger than the input");
  static_assert(is_scale(kParams.input.scale) && is_scale(kParams.output.scale),
                "zk::nn: every scale must be positive, and no infinity or NaN");
  static_assert(
      is_zero_point<T>(kParams.input.zero_point) && is_zero_point<T>(kParams.output.zero_point),
      "zk::nn: zero points must be values of the element type");
  constexpr int kOutH = (kHeight - kKernel) / kStride + 1, kOutW = (kWidth - kKernel) / kStride + 1;
  using Window = AveragePoolWindow<kParams, T, kKernel, kWidth>;
  constexpr double kRatio = static_cast<double>(kParams.input.scale) / kParams.output.scale;
  constexpr FastRescale kRescale =
      FastRescale::of(static_cast<float>(kRatio / Window::kCount), 255 * Window::kCount);
  constexpr int32_t kFactor = kRescale.factor(static_cast<float>(kRatio / Window::kCount));
  constexpr int kUnit = 1 << kFractionBits;
  constexpr int kMargin =
      3 + static_cast<int>((255 * kRatio + 256) * (Window::kCount + 4) * kUnit / (1 << 24));
  constexpr bool kFast = kRescale.pre_shift >= 0 && kMargin < kUnit / 4;

  Tensor<T, kChannels, kOutH, kOutW> y;
  for (int channel = 0; channel < kChannels; ++channel) {
    for (int row = 0; row < kOutH; ++row) {
      for (int column = 0; column < kOutW; ++column) {
        const T* window = &x(channel, row * kStride, column * kStride);
        T& out = y(channel, row, column);
        if constexpr (kFast) {
          int32_t sum = -kParams.input.zero_point * Window::kCount;
          for (int i = 0; i < kKernel; ++i) {
            for (int j = 0; j < kKernel; ++j) sum += window[i * kWidth + j];
          }
          const int64_t product = static_cast<int64_t>(sum << kRescale.pre_shift) * kFactor;
          const int32_t h = static_cast<int32_t>(product >> 32) + kUnit / 2;
          const int32_t from_tie = h & (kUnit - 1);
          out = from_tie < kMargin || from_tie >= kUnit - kMargin
                    ? Window::exact(window)
                    : saturate<T>(h >> kFractionBits, kParams.output.zero_point);
        } else {
          out = Window::exact(window);
        }
      }
    }
  }
  return y;
}

// A constant number that is a value of T; another one does not compile.
template <Byte T>
struct ZeroPoint {
  consteval ZeroPoint(int zero_point) : value(static_cast<T>(zero_point)) {
    if (!is_zero_point<T>(zero_point)) zero_points_must_be_values_of_the_element_type();
  }
  T value;

 private:
  static void zero_points_must_be_values_of_the_element_type();  // never defined: the message
};

// max(x, zero_point): ReLU between layers that share a quantisation. Layers whose output's zero
// point is the least T need none. The zero point is a constant, such as kParams.output.zero_point.
template <Byte T, int... kDims>
auto relu(const Tensor<T, kDims...>& x, std::type_identity_t<ZeroPoint<T>> zero_point) {
  Tensor<T, kDims...> y;
  for (int i = 0; i < x.kSize; ++i) y.data[i] = greater(x.data[i], zero_point.value);
  return y;
}

// Index of the first greatest element, as ONNX ArgMax and QLinearSoftmax's order have it.
template <Byte T, int... kDims>
int arg_max(const Tensor<T, kDims...>& x) {
  const T *next = x.data, *greatest = next;
  while (++next != x.data + x.kSize)
    if (*greatest < *next) greatest = next;
  return static_cast<int>(greatest - x.data);
}

}  // namespace zk::nn
