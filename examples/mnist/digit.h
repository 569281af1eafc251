// What both guests read and commit.
#pragma once

#include <zk/nn.h>
#include <zk/zk.h>

#include <array>
#include <bit>

// Reads a digit, 784 bytes of 0 (paper) to 255 (ink), row by row: as int8 with zero point -128.
inline zk::nn::Tensor<int8_t, 1, 28, 28> read_digit() {
  auto words = zk::read<std::array<uint32_t, 196>>();  // private
  for (uint32_t& word : words) word ^= 0x80808080;     // x - 128 in every byte
  return std::bit_cast<zk::nn::Tensor<int8_t, 1, 28, 28>>(words);
}

// Commits the class, one word, and the ten int8 logits, packed in three.
inline void commit_result(const zk::nn::Tensor<int8_t, 10>& logits) {
  zk::commit(static_cast<uint32_t>(zk::nn::arg_max(logits)));
  zk::commit(logits.data);
}
