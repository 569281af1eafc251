// What both guests read and commit.
#pragma once

#include <zk/nn.h>
#include <zk/nn/input.h>
#include <zk/zk.h>

#include <cstring>

// Reads a digit, 784 bytes of 0 (paper) to 255 (ink), row by row: as int8 with zero point -128.
template <class Input>
Input read_digit() {
  return zk::nn::read_tensor<Input>();  // private
}

// Commits the class, one word, and the ten int8 logits, packed in three. At once and in whole words: that
// is cheaper.
inline void commit_result(const zk::nn::Tensor<int8_t, 10>& logits) {
  struct {
    int32_t digit;
    int8_t logits[12];
  } result = {zk::nn::arg_max(logits), {}};
  memcpy(result.logits, logits.data, sizeof(logits.data));
  zk::commit(result);
}
