// Greatest and least elements along the last axis, and where they are.
#pragma once

#include <stdint.h>

#include <type_traits>

#include "zk/nn/tensor.h"

namespace zk::nn {

// Of each row of `width` elements the greatest (`least`: the least), of equals the first (`last`: the last). Out has a
// number for each row.
template <class Out>
struct ArgMaxParams {
  using Output = Out;
  int width;
  bool least, last;
};

// Source: ONNX ArgMax and ArgMin.
template <const auto& kParams, Byte T, int... kDims>
auto arg_max(const Tensor<T, kDims...>& x) {
  using Out = typename std::remove_cvref_t<decltype(kParams)>::Output;
  static_assert(Tensor<T, kDims...>::kSize == Out::kSize * kParams.width,
                "zk::nn::arg_max: the sizes are not what the parameters say");
  Out y;
  const T* row = x.data;
  for (auto& best : y.data) {
    int at = 0;
    for (int i = 1; i < kParams.width; ++i) {
      const bool better = kParams.least ? row[i] < row[at] : row[i] > row[at];
      if (better || (kParams.last && row[i] == row[at])) at = i;
    }
    best = at;
    row += kParams.width;
  }
  return y;
}

// Of each row of `width` elements the `count` greatest (`least`: least), in order, of equals the first first.
template <class Values_, class Indices_>
struct TopKParams {
  using Values = Values_;
  using Indices = Indices_;
  int width, count;
  bool least;
};
template <class Values, class Indices>
struct TopK {
  Values values;
  Indices indices;
};

// Source: ONNX TopK, sorted.
template <const auto& kParams, Byte T, int... kDims>
auto top_k(const Tensor<T, kDims...>& x) {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using Result = TopK<typename Params::Values, typename Params::Indices>;
  constexpr int kCount = kParams.count, kRows = Tensor<T, kDims...>::kSize / kParams.width;
  static_assert(kCount <= kParams.width && Tensor<T, kDims...>::kSize == kRows * kParams.width &&
                    Params::Values::kSize == kRows * kCount &&
                    Params::Indices::kSize == kRows * kCount,
                "zk::nn::top_k: the sizes are not what the parameters say");
  Result result;
  if constexpr (kCount > 0) {
    for (int row = 0; row < kRows; ++row) {
      const T* const from = x.data + row * kParams.width;
      auto* const values = result.values.data + row * kCount;
      auto* const indices = result.indices.data + row * kCount;
      int size = 0;
      for (int i = 0; i < kParams.width; ++i) {
        const auto before = [&](T y) { return kParams.least ? y > from[i] : y < from[i]; };
        if (size == kCount && !before(values[kCount - 1])) continue;
        int place = size < kCount ? size++ : kCount - 1;
        for (; place > 0 && before(values[place - 1]); --place) {
          values[place] = values[place - 1];
          indices[place] = indices[place - 1];
        }
        values[place] = from[i];
        indices[place] = i;
      }
    }
  }
  return result;
}

// The places of the kCount greatest elements of a tensor, in order, of equals the first first.
template <int kCount, Byte T, int... kDims>
Tensor<int32_t, kCount> top(const Tensor<T, kDims...>& x) {
  constexpr int kSize = Tensor<T, kDims...>::kSize;
  static_assert(kCount <= kSize, "zk::nn::top: the tensor has fewer elements");
  static constexpr TopKParams<Tensor<T, kCount>, Tensor<int32_t, kCount>> kParams{kSize, kCount,
                                                                                  false};
  return top_k<kParams>(x).indices;
}

}  // namespace zk::nn
