// Sums and products of two tensors, of one quantisation or several. On the tensor unit: unit.h.
#pragma once

#include <stdint.h>

#include <type_traits>

#include "zk/nn/tensor.h"
#include "zk/nn/unit.h"

namespace zk::nn {

// Any function of two elements, as 64 KiB: table[256 a + b] is the result, all three as the bytes that
// they are in memory.
template <Byte T>
struct PairParams {
  using Element = T;
  uint8_t table[1 << 16];
};

// Each element of a with the one of b in its place. Shapes are the same, or one is [channels][1][1] and
// serves all elements of its channels in the other, [channels][height][width].
template <const auto& kParams, Byte T, int... kA, int... kB>
auto pairwise(const Tensor<T, kA...>& a, const Tensor<T, kB...>& b) {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using A = Tensor<T, kA...>;
  using B = Tensor<T, kB...>;
  static_assert(std::is_same_v<T, typename Params::Element>,
                "zk::nn: the inputs' type is not what the parameters say");
  const auto look_up = [](T x, T y) {
    return static_cast<T>(kParams.table[static_cast<uint8_t>(x) << 8 | static_cast<uint8_t>(y)]);
  };
  if constexpr (std::is_same_v<A, B>) {
    A y;
    for (int i = 0; i < A::kSize; ++i) y.data[i] = look_up(a.data[i], b.data[i]);
    return y;
  } else {
    constexpr bool kOfA = A::kSize < B::kSize;  // a has the pixel
    constexpr int kShapeA[] = {kA...}, kShapeB[] = {kB...};
    constexpr int kChannels = kShapeA[0];
    static_assert(sizeof...(kA) == 3 && sizeof...(kB) == 3 && kChannels == kShapeB[0] &&
                      (kOfA ? A::kSize : B::kSize) == kChannels,
                  "zk::nn: expected inputs of one shape, or one of them [channels][1][1]");
    std::conditional_t<kOfA, B, A> y;
    constexpr int kPlane = decltype(y)::kSize / kChannels;
    for (int channel = 0, i = 0; channel < kChannels; ++channel) {
      for (int end = i + kPlane; i < end; ++i)
        y.data[i] = look_up(a.data[kOfA ? channel : i], b.data[kOfA ? i : channel]);
    }
    return y;
  }
}

// QLinearAdd and QLinearMul (com.microsoft), of the model's inputs in their order. `kParams` says all that
// they compute.
template <const auto& kParams, Byte T, int... kA, int... kB>
  requires(!OnUnit<kParams>)
auto add(const Tensor<T, kA...>& a, const Tensor<T, kB...>& b) {
  return pairwise<kParams>(a, b);
}
template <const auto& kParams, Byte T, int... kA, int... kB>
  requires(!OnUnit<kParams>)
auto mul(const Tensor<T, kA...>& a, const Tensor<T, kB...>& b) {
  return pairwise<kParams>(a, b);
}

}  // namespace zk::nn
