// Build step: write_memory_layers LENET5.layers FOLDER: the layers of LeNet-5 with their weights in memory, and the
// two products of an attention, as FOLDER/memory.layers and memory.layers.plain; FOLDER/memory.weights, the weights as
// the guest reads them; FOLDER/memory_words.h, how many words these are of each layer.
#include <fmt/format.h>
#include <zk/check.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "host/layers/lower.h"
#include "host/layers/plain.h"
#include "tests/examples/memory/attention.h"
#include "vm/layer/section.h"

namespace {

using zkvm::vm::Layer;

void write_file(const std::string& path, const auto& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  ZK_CHECK(file.good());
}

// Moves the layer's weights and biases to `operand`.
void move_weights(Layer* layer, std::vector<uint8_t>* operand) {
  constexpr uint8_t kZero = 128;
  const uint32_t each = layer->group_outputs();
  for (uint32_t quad = 0; quad < layer->quads; ++quad)
    for (uint32_t tap = 0; tap < layer->taps.size(); ++tap)
      for (uint32_t o = 0; o < each; ++o)
        for (uint32_t channel = 0; channel < 4; ++channel) {
          const int stored = layer->weight(quad, tap, channel, o) + kZero;
          ZK_CHECK(stored >= 0 && stored <= 255);
          operand->push_back(static_cast<uint8_t>(stored));
        }
  for (const int32_t bias : layer->bias)
    for (int i = 0; i < 4; ++i) operand->push_back(static_cast<uint8_t>(bias >> (8 * i)));
  layer->weights.clear();
  layer->bias.clear();
  layer->memory_weights = {.zero = kZero, .lane_step = 4, .row_step = 16, .product_step = 4 * each};
  layer->memory_weights->bias = static_cast<uint32_t>(layer->weights_extent());
}

Layer product(const attention::Product& of, bool transposed) {
  const zkvm::layers::MatMul what{.name = transposed ? "scores" : "values",
                                  .transposed = transposed,
                                  .a = {true, 1, of.zero_a},
                                  .b = {true, 1, of.zero_b},
                                  .output = {true, 1, of.zero_y},
                                  .scale = of.scale};
  const auto layout = [](uint32_t channels, uint32_t rows, zk::nn::Layout l) {
    return zkvm::layers::Layout{
        .shape = {channels, 1, rows},
        .row = static_cast<uint32_t>(l.row),
        .tail = static_cast<uint32_t>(l.tail),
        .gap = {},
        .padding = l.padding < 0 ? std::nullopt : std::optional(static_cast<uint8_t>(l.padding))};
  };
  using namespace attention;
  const auto query = layout(kWidth, kTokens, Query::layout()),
             key = layout(kWidth, kTokens, Key::layout()),
             scores = layout(kTokens, kTokens, Scores::layout()),
             result = layout(kWidth, kTokens, Result::layout());
  const auto layer =
      transposed ? lower(what, query, key, scores) : lower(what, scores, key, result);
  if (!layer) fmt::print(stderr, "{}\n", layer.error().message);
  ZK_CHECK(layer);
  return *layer;
}

}  // namespace

int main(int argc, char** argv) {
  ZK_CHECK(argc == 3);
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<uint8_t> section{std::istreambuf_iterator<char>(file),
                                     std::istreambuf_iterator<char>()};
  const auto fixed = zkvm::vm::read_layers(section);
  ZK_CHECK(fixed);
  std::vector<Layer> layers = *fixed;
  std::vector<uint8_t> weights;
  std::string words;
  for (Layer& layer : layers) {
    const size_t before = weights.size();
    if (layer.kind == Layer::Kind::kLinear) move_weights(&layer, &weights);
    words += fmt::format("{}, ", (weights.size() - before) / 4);
  }
  layers.push_back(product(attention::kScores, true));
  layers.push_back(product(attention::kValues, false));
  const std::string folder = argv[2];
  write_file(folder + "/memory.layers", zkvm::vm::write_layers(layers));
  write_file(folder + "/memory.layers.plain", zkvm::layers::write_plain(layers));
  write_file(folder + "/memory.weights", weights);
  write_file(folder + "/memory_words.h",
             "// Made by write_memory_layers: words of weights and biases of each layer.\n#pragma "
             "once\n\nnamespace memory "
             "{\ninline constexpr int kWords[] = {" +
                 words + "};\n}  // namespace memory\n");
}
