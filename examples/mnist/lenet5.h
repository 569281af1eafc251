// LeNet-5 with ReLU and max pooling: one text for the guest and for tests on the host.
#pragma once

#include "lenet5_layers.h"

namespace lenet5 {

// [1][28][28] pixels as int8 (pixel - 128) -> ten int8 logits.
inline zk::nn::Tensor<int8_t, 10> infer(const Image& digit) {
  const auto c1 = zk::nn::conv2d<kConv1>(digit);    // [6][28][28]
  const auto p1 = zk::nn::max_pool<kMaxPool1>(c1);  // [6][14][14]
  const auto c2 = zk::nn::conv2d<kConv2>(p1);       // [16][10][10]
  const auto p2 = zk::nn::max_pool<kMaxPool2>(c2);  // [16][5][5]
  const auto d1 = zk::nn::dense<kDense1>(p2);       // [120]
  const auto d2 = zk::nn::dense<kDense2>(d1);       // [84]
  return zk::nn::dense<kDense3>(d2);
}

}  // namespace lenet5
