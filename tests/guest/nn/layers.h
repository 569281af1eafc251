// The layers of layers.onnx, in its order: one list for the host's tests and the guests. Their parameters are those
// of written/, or descriptors of the model's layers; both have one name.
#pragma once

#include <zk/nn.h>

#include "layers_layers.h"

namespace layers {

// Written parameters leave the window to the call.
template <const auto& kParams, int kKernel, int kStride = kKernel, class X>
auto mean(const X& x) {
  if constexpr (requires { kParams.kernel; }) {
    return zk::nn::average_pool<kParams>(x);
  } else {
    return zk::nn::average_pool<kKernel, kParams, kStride>(x);
  }
}

// Calls visit(input tensor to fill, layer) for each layer; layer(input) returns the output tensor.
template <class Visit>
void for_each(Visit&& visit) {
  using namespace zk::nn;
  visit(Tensor<int8_t, 3, 7, 9>{}, [](const auto& x) { return conv2d<kConv1>(x); });
  visit(Tensor<int8_t, 4, 9, 9>{}, [](const auto& x) { return conv2d<kConv2>(x); });
  visit(Tensor<uint8_t, 2, 6, 10>{}, [](const auto& x) { return conv2d<kConv3>(x); });
  visit(Tensor<uint8_t, 1, 8, 8>{}, [](const auto& x) { return conv2d<kConv4>(x); });
  visit(Tensor<int8_t, 13>{}, [](const auto& x) { return dense<kDense1>(x); });
  visit(Tensor<uint8_t, 63>{}, [](const auto& x) { return dense<kDense2>(x); });
  visit(Tensor<int8_t, 30>{}, [](const auto& x) { return dense<kDense3>(x); });
  visit(Tensor<uint8_t, 2048>{}, [](const auto& x) { return dense<kDense4>(x); });
  visit(Tensor<int8_t, 2, 6, 8>{}, [](const auto& x) { return mean<kAveragePool1, 2>(x); });
  visit(Tensor<uint8_t, 3, 7, 7>{}, [](const auto& x) { return mean<kAveragePool2, 3, 2>(x); });
  visit(Tensor<uint8_t, 1, 8, 8>{}, [](const auto& x) { return mean<kAveragePool3, 2>(x); });
  visit(Tensor<int8_t, 2, 7, 9>{}, [](const auto& x) { return max_pool<kMaxPool1>(x); });
}

// In ONNX's order, whatever the layout.
template <class Output>
auto elements(const Output& y) {
  if constexpr (requires { y.data; }) {
    return y;
  } else {
    zk::nn::Tensor<typename Output::Element, Output::kSize> elements;
    int next = 0;
    for (int channel = 0; channel < Output::kChannels; ++channel) {
      for (int i = 0; i < Output::kHeight; ++i) {
        for (int j = 0; j < Output::kWidth; ++j) elements.data[next++] = y(channel, i, j);
      }
    }
    return elements;
  }
}

}  // namespace layers
