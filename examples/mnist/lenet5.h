// LeNet-5 with ReLU and max pooling: one text for the guest and for tests on the host.
#pragma once

#include "lenet5_params.h"

namespace lenet5 {

// [1][28][28] pixels as int8 (pixel - 128) -> ten int8 logits.
inline zk::nn::Tensor<int8_t, 10> infer(const Input& digit) {
  const auto c1 = zk::nn::conv2d_max_pool<kConv1>(digit);  // [6][14][14]
  const auto c2 = zk::nn::conv2d_max_pool<kConv2>(c1);     // [16][5][5]
  const auto d1 = zk::nn::dense<kDense1>(c2);              // [120]
  const auto d2 = zk::nn::dense<kDense2>(d1);              // [84]
  return zk::nn::dense<kDense3>(d2);
}

}  // namespace lenet5
