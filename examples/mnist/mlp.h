// The 784-56-10 perceptron: one text for the guest and for tests on the host.
#pragma once

#include "mlp_layers.h"

namespace mlp {

// [28][28] pixels as int8 (pixel - 128) -> ten int8 logits.
inline zk::nn::Tensor<int8_t, 10> infer(const Image& digit) {
  return zk::nn::dense<kDense2>(zk::nn::dense<kDense1>(digit));
}

}  // namespace mlp
