// Runs every layer on tensors from the input, sample by sample, and commits the outputs: elements in
// ONNX's order, whatever the layout.
#include <zk/zk.h>

#include "layers.h"

template <class Output>
void commit_elements(const Output& y) {
  if constexpr (requires { y.data; }) {
    zk::commit(y.data);
  } else {
    zk::nn::Tensor<typename Output::Element, Output::kSize> elements;
    int next = 0;
    for (int channel = 0; channel < Output::kChannels; ++channel) {
      for (int i = 0; i < Output::kHeight; ++i) {
        for (int j = 0; j < Output::kWidth; ++j) elements.data[next++] = y(channel, i, j);
      }
    }
    zk::commit(elements.data);
  }
}

int main() {
  for (uint32_t samples = zk::read<uint32_t>(); samples > 0; --samples) {
    layers::for_each([]<class Input>(Input, auto layer) {
      const auto x = zk::read<Input>();
      commit_elements(layer(x));
    });
  }
}
