// Products of two matrices that are both computed. On the tensor unit: unit.h.
#pragma once

#include <stdint.h>

#include <limits>
#include <type_traits>

#include "zk/nn/requantise.h"
#include "zk/nn/tensor.h"
#include "zk/nn/unit.h"

namespace zk::nn {

// [batch][rows][inner] times [batch][inner][columns]; scale is float32(float32(sa sb) / sy).
template <class Out>
struct MatMulParams {
  using Output = Out;
  int batch, rows, inner, columns;
  int zero_point_a, zero_point_b, zero_point;
  float scale;
};

template <const auto& kParams, Byte A, Byte B>
struct MatMul {
  using Out = typename std::remove_cvref_t<decltype(kParams)>::Output;
  using Y = typename Out::Element;
  static constexpr int kRows = kParams.rows, kInner = kParams.inner, kColumns = kParams.columns;
  static constexpr int kZeroA = kParams.zero_point_a, kZeroB = kParams.zero_point_b;
  static_assert(is_zero_point<A>(kZeroA) && is_zero_point<B>(kZeroB) &&
                    is_zero_point<Y>(kParams.zero_point),
                "zk::nn: zero points must be values of the element type");
  static_assert(kParams.scale >= std::numeric_limits<float>::min() && is_scale(kParams.scale),
                "zk::nn::mat_mul: the scale must be a positive normal float32");

  template <Byte T>
  static constexpr int64_t greatest(int zero) {
    return greater(std::numeric_limits<T>::max() - zero, zero - std::numeric_limits<T>::min());
  }
  static constexpr int64_t kBound = kInner * greatest<A>(kZeroA) * greatest<B>(kZeroB);
  static_assert(kBound <= std::numeric_limits<int32_t>::max(),
                "zk::nn::mat_mul: sums must fit 32 bits");
  static constexpr FastRescale kRescale = FastRescale::of(kParams.scale, kBound);

  // kHigh x kWide neighbouring results, whose sums stay in registers.
  template <int kHigh, int kWide>
  static void tile(const A* a, const B* b, Y* y) {
    int32_t sums[kHigh][kWide] = {};
#pragma GCC unroll 1
    for (int k = 0; k < kInner; ++k, ++a, b += kColumns) {
      int32_t right[kWide];
#pragma GCC unroll 8
      for (int j = 0; j < kWide; ++j) right[j] = b[j] - kZeroB;
#pragma GCC unroll 8
      for (int i = 0; i < kHigh; ++i) {
        const int32_t left = a[i * kInner] - kZeroA;
#pragma GCC unroll 8
        for (int j = 0; j < kWide; ++j) sums[i][j] += left * right[j];
      }
    }
    for (int i = 0; i < kHigh; ++i) {
      for (int j = 0; j < kWide; ++j)
        y[i * kColumns + j] = requantise<Y, kRescale.pre_shift>(
            sums[i][j], kRescale.factor(kParams.scale), kParams.scale, kParams.zero_point);
    }
  }

  template <int kHigh>
  static void band(const A* a, const B* b, Y* y) {
    constexpr int kWide = lesser(4, kColumns);
    for (int next = 0; next < kColumns; next += kWide) {
      const int column =
          lesser(next, kColumns - kWide);  // the last tile may overlap the one before
      tile<kHigh, kWide>(a, b + column, y + column);
    }
  }

  static void run(const A* a, const B* b, Y* y) {
    constexpr int kHigh = lesser(4, kRows);
    for (int matrix = 0; matrix < kParams.batch; ++matrix) {
      for (int next = 0; next < kRows; next += kHigh) {
        const int row = lesser(next, kRows - kHigh);
        band<kHigh>(a + row * kInner, b, y + row * kColumns);
      }
      a += kRows * kInner, b += kInner * kColumns, y += kRows * kColumns;
    }
  }
};

// a and b: any tensors of as many elements as the parameters say. Source: ONNX QLinearMatMul.
template <const auto& kParams, Byte A, int... kA, Byte B, int... kB>
  requires(!OnUnit<kParams>)
auto mat_mul(const Tensor<A, kA...>& a, const Tensor<B, kB...>& b) {
  using Product = MatMul<kParams, A, B>;
  static_assert(Tensor<A, kA...>::kSize == kParams.batch * kParams.rows * kParams.inner &&
                    Tensor<B, kB...>::kSize == kParams.batch * kParams.inner * kParams.columns &&
                    Product::Out::kSize == kParams.batch * kParams.rows * kParams.columns,
                "zk::nn::mat_mul: the sizes are not what the parameters say");
  typename Product::Out y;
  Product::run(a.data, b.data, y.data);
  return y;
}

}  // namespace zk::nn
