// LeNet-5 whose weights are read, and an attention: one text for the guest and the host.
#pragma once

#include <zk/nn.h>
#include <zk/nn/input.h>

#include <type_traits>

#include "lenet5_layers.h"
#include "memory_words.h"
#include "tests/examples/memory/attention.h"

namespace memory {

extern "C" const std::byte zk_layers_memory[];

template <const auto& kFixed>
using Fixed = std::remove_cvref_t<decltype(kFixed)>;
template <int kNumber, const auto& kFixed>
inline constexpr zk::nn::UnitWeights<zk_layers_memory, kNumber, typename Fixed<kFixed>::Input,
                                     zk::nn::Weights<kWords[kNumber]>,
                                     typename Fixed<kFixed>::Output>
    kLayer{};
template <int kNumber, const auto& kFixed>
inline constexpr zk::nn::UnitLayer<zk_layers_memory, kNumber, typename Fixed<kFixed>::Input,
                                   typename Fixed<kFixed>::Output>
    kPool{};
inline constexpr zk::nn::UnitMatMul<zk_layers_memory, 7, attention::Query, attention::Key,
                                    attention::Scores>
    kScores{};
inline constexpr zk::nn::UnitMatMul<zk_layers_memory, 8, attention::Scores, attention::Key,
                                    attention::Result>
    kValues{};

// weights(n): a reference to those of layer n.
template <class Weights>
zk::nn::Tensor<int8_t, 10> infer(const lenet5::Image& digit, Weights&& weights) {
  using namespace lenet5;
  const auto c1 = zk::nn::conv2d<kLayer<0, kConv1>>(digit, weights(kLayer<0, kConv1>));
  const auto p1 = zk::nn::max_pool<kPool<1, kMaxPool1>>(c1);
  const auto c2 = zk::nn::conv2d<kLayer<2, kConv2>>(p1, weights(kLayer<2, kConv2>));
  const auto p2 = zk::nn::max_pool<kPool<3, kMaxPool2>>(c2);
  const auto d1 = zk::nn::dense<kLayer<4, kDense1>>(p2, weights(kLayer<4, kDense1>));
  const auto d2 = zk::nn::dense<kLayer<5, kDense2>>(d1, weights(kLayer<5, kDense2>));
  return zk::nn::dense<kLayer<6, kDense3>>(d2, weights(kLayer<6, kDense3>));
}

inline auto attend(const attention::Query& query, const attention::Key& key,
                   const attention::Key& values) {
  return zk::nn::mat_mul<kValues>(zk::nn::mat_mul<kScores>(query, key), values);
}

// In the order of [token][channel].
inline zk::nn::Tensor<int8_t, attention::kTokens, attention::kWidth> elements(
    const attention::Result& y) {
  zk::nn::Tensor<int8_t, attention::kTokens, attention::kWidth> out;
  int8_t* next = out.data;
  for (int token = 0; token < attention::kTokens; ++token)
    for (int channel = 0; channel < attention::kWidth; ++channel) *next++ = y(channel, 0, token);
  return out;
}

}  // namespace memory
