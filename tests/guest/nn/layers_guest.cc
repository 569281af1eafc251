// Runs every layer on tensors from the input, sample by sample, and commits the outputs: elements in
// ONNX's order.
#include <zk/zk.h>

#include "layers.h"

int main() {
  for (uint32_t samples = zk::read<uint32_t>(); samples > 0; --samples) {
    layers::for_each([]<class Input>(Input, auto layer) {
      const auto x = zk::read<Input>();
      zk::commit(layers::elements(layer(x)).data);
    });
  }
}
