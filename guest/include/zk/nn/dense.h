// Dense (fully connected) layers, bit-exact with ONNX Runtime's QGemm and QLinearMatMul.
#pragma once

#include <stdint.h>

#include <array>
#include <cstring>
#include <limits>

#include "zk/nn/layer.h"
#include "zk/nn/unit.h"

namespace zk::nn {

// Parameters of a dense layer as ONNX has them; weights[output * kInputs + input], zero point 0,
// one scale per output; bias in units of input.scale * weight scale. A ReLU needs no step of its
// own where output.zero_point is the least T: the clamp is the ReLU.
template <Byte T, int kOutputs_, int kInputs>
struct DenseParams {
  using Element = T;
  static constexpr int kOutputs = kOutputs_, kTaps = kInputs;

  std::array<int8_t, kOutputs * kInputs> weights;
  std::array<int32_t, kOutputs> bias;
  std::array<float, kOutputs> weight_scales;
  Quantisation input, output;
};

// Lanes of a dense layer's input. Pairs stand two apart, (0, 2), (1, 3), (4, 6) ..., because a word
// of four bytes falls apart like that with one mask; up to three left-over elements pair with their
// neighbours.
template <int kInputs>
struct DenseOrder {
  template <int kLanes>
  struct Of {
    static constexpr int kQuads = kLanes == 2 ? kInputs / 4 : 0;
    static constexpr int kWords = 2 * kQuads + (kInputs - 4 * kQuads + kLanes - 1) / kLanes;

    static constexpr int tap(int word, int lane) {
      if (word < 2 * kQuads) return word / 2 * 4 + word % 2 + 2 * lane;
      const int tap = 4 * kQuads + (word - 2 * kQuads) * kLanes + lane;
      return tap < kInputs ? tap : -1;
    }
  };
};

template <const auto& kParams>
struct DenseLayer {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using T = typename Params::Element;
  static constexpr int kInputs = Params::kTaps;
  using Base = Layer<kParams, DenseOrder<kInputs>::template Of, 12>;
  static constexpr int kWords = Base::kWords;
  static constexpr int kMin = std::numeric_limits<T>::min();

  static void lay_out(const T (&x)[kInputs], uint32_t (&words)[kWords]) {
    if constexpr (Base::Taps::kLanes == 1) {
      for (int i = 0; i < kInputs; ++i) words[i] = static_cast<uint32_t>(x[i]);
    } else {
      constexpr int kQuads = Base::Words::kQuads;
      for (int i = 0; i < kQuads; ++i) {
        uint32_t quad;
        memcpy(&quad, __builtin_assume_aligned(x + 4 * i, 4), 4);
        if constexpr (kMin != 0) quad ^= 0x80808080;  // x - kMin in each byte
        words[2 * i] = (quad & 0x00ff00ff) + 1;
        words[2 * i + 1] = (quad >> 8 & 0x00ff00ff) + 1;
      }
      const auto lane = [&x](int word, int which) {
        const int tap = Base::Words::tap(word, which);
        return tap < 0 ? 0u : static_cast<uint32_t>(x[tap] - kMin);
      };
      for (int word = 2 * kQuads; word < kWords; ++word) {
        words[word] = lane(word, 0) + 1 + (lane(word, 1) << 16);
      }
    }
  }

  static void run(const T (&x)[kInputs], T (&y)[Base::kOutputs]) {
    uint32_t words[kWords];
    lay_out(x, words);
    Base::for_each_block([&]<int kSize>(int first) {
      int32_t acc[kSize];
      accumulate<kSize>(words, first, acc);
#pragma GCC unroll 1
      for (int i = 0; i < kSize; ++i) y[first + i] = Base::requantised(first + i, acc[i]);
    });
  }

  // acc[i] = start + dot product of output `first` + i: kSize accumulators that stay in registers.
  template <int kSize>
  static void accumulate(const uint32_t (&words)[kWords], int first, int32_t (&result)[kSize]) {
    constexpr int kStep = kWords % 2 == 0 ? 2 : 1;
    const auto* weight = Base::weights(first);
    int32_t acc[kSize];
#pragma GCC unroll 16
    for (int i = 0; i < kSize; ++i) acc[i] = Base::start(first + i);
#pragma GCC unroll 1
    for (const uint32_t* word = words; word != words + kWords; word += kStep) {
#pragma GCC unroll 16
      for (int step = 0; step < kStep; ++step) {
        const uint32_t lanes = word[step];
#pragma GCC unroll 16
        for (int i = 0; i < kSize; ++i) acc[i] += Base::Taps::product(lanes, *weight++);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kSize; ++i) result[i] = acc[i];
  }
};

// y = requantised(weights x + bias). x [inputs], any tensor of that many elements; returns
// [outputs]. Source: ONNX QLinearMatMul, com.microsoft.QGemm with transB = 1.
template <const auto& kParams, Byte T, int... kDims>
  requires(!OnUnit<kParams>)
auto dense(const Tensor<T, kDims...>& x) {
  using L = DenseLayer<kParams>;
  static_assert(std::is_same_v<T, typename L::T> && Tensor<T, kDims...>::kSize == L::kInputs,
                "zk::nn::dense: the input's type or size is not what the parameters say");
  Tensor<T, L::Base::kOutputs> y;
  L::run(x.data, y.data);
  return y;
}

}  // namespace zk::nn
