// Reads a digit, LeNet-5's weights, and an attention's operands; commits ten logits and the attention's result.
#include <zk/zk.h>

#include "tests/examples/memory/infer.h"

int main() {
  const auto digit = zk::nn::read_tensor<lenet5::Image>();
  const auto logits = memory::infer(digit, [](const auto& layer) {
    return zk::nn::read_weights<std::remove_cvref_t<decltype(layer)>>();
  });
  zk::commit_bytes(std::as_bytes(std::span(logits.data)));
  const auto query = zk::nn::read_tensor<attention::Query>();
  const auto key = zk::nn::read_tensor<attention::Key>();
  const auto values = zk::nn::read_tensor<attention::Key>();
  const auto result = memory::elements(memory::attend(query, key, values));
  zk::commit_bytes(std::as_bytes(std::span(result.data)));
}
