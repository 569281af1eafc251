// Sizes and quantisations of an attention whose sizes are no multiples of 4: scores = query key^T, result = scores
// values; all are int8.
#pragma once

#include <zk/nn/features.h>

#include <cstdint>

namespace attention {

struct Product {
  int zero_a, zero_b, zero_y;
  float scale;
};
inline constexpr int kTokens = 13, kWidth = 10;
inline constexpr Product kScores{3, -5, -128, 0.01f}, kValues{-128, -5, 7, 0.002f};

// What stands beyond the last channel weighs nothing in the product that reads it as a first factor.
inline constexpr zk::nn::Layout kOfQuery{false, kTokens, 0, 0, -1, kScores.zero_a + 128};
// Four at a time are read of a second factor.
inline constexpr zk::nn::Layout kOfKey{false, kTokens, 0, 3, -1};
inline constexpr zk::nn::Layout kOfScores{false, kTokens, 0, 0, -1, kValues.zero_a + 128};
inline constexpr zk::nn::Layout kOfResult{false, kTokens, 0, 0, -1};

using Query = zk::nn::Features<int8_t, kWidth, 1, kTokens, kOfQuery>;
using Key = zk::nn::Features<int8_t, kWidth, 1, kTokens, kOfKey>;  // and values
using Scores = zk::nn::Features<int8_t, kTokens, 1, kTokens, kOfScores>;
using Result = zk::nn::Features<int8_t, kWidth, 1, kTokens, kOfResult>;

}  // namespace attention
