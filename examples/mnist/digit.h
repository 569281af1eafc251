// What both guests read and commit.
#pragma once

#include <zk/nn.h>
#include <zk/nn/input.h>
#include <zk/zk.h>

// Reads a digit, 784 bytes of 0 (paper) to 255 (ink), row by row: as int8 with zero point -128.
template <class Input>
Input read_digit() {
  return zk::nn::read_tensor<Input>();  // private
}

// Commits the class, one word, and the ten int8 logits, packed in three.
inline void commit_result(const zk::nn::Tensor<int8_t, 10>& logits) {
  zk::commit(static_cast<uint32_t>(zk::nn::arg_max(logits)));
  zk::commit(logits.data);
}
