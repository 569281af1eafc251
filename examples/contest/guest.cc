// Proves: "I know a model of which this is the commitment, and of these 500 labelled digits it gets so many right".
// The model's weights are private; the digits and their labels are public, by their BLAKE3.
#include <zk/commitment.h>
#include <zk/nn/input.h>
#include <zk/zk.h>

#include "mlp_layers.h"

namespace {

// A digit is a row of 784 bytes: a pixel of as many channels, as the first layer reads them.
using Digits = mlp::Reshape1;
constexpr int kDigits = Digits::kWidth;

mlp::ModelWeights weights;  // private

int class_of(const auto& logits, int digit) {
  int best = 0;
  for (int i = 1; i < 10; ++i)
    if (logits(i, 0, digit) > logits(best, 0, digit)) best = i;
  return best;
}

}  // namespace

int main() {
  zk::read_committed_file(std::as_writable_bytes(std::span(&weights, 1)));  // public: the model id
  static const auto digits = zk::nn::read_pixels<Digits>();
  alignas(4) static const auto labels = zk::read<std::array<uint8_t, kDigits>>();
  zk::Blake3 test_set;
  test_set.update(zk::bytes_of(digits.words));
  test_set.update(labels);

  static const auto hidden = zk::nn::dense<mlp::kDense1>(digits, weights.dense1);
  static const auto logits = zk::nn::dense<mlp::kDense2>(hidden, weights.dense2);
  uint32_t right = 0;
  for (int i = 0; i < kDigits; ++i) right += class_of(logits, i) == labels[i];
  zk::commit(right);
  zk::commit(test_set.finish());
}
