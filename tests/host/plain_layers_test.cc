// Layers by instructions against the tensor unit's definition: whatever layer and input, each byte that is
// written is the same, and no other is.
#include <gtest/gtest.h>
#include <zk/nn/soft_unit.h>

#include <random>

#include "host/layers/network.h"
#include "host/layers/plain.h"
#include "tests/vm/random_layer.h"
#include "vm/layer/layer_call.h"

namespace zkvm::layers {
namespace {

using vm::Layer;
using Memory = std::vector<uint32_t>;  // begins on a word

class Inputs {
 public:
  explicit Inputs(uint32_t seed) : random_(seed) {}
  // Any bytes, those of the ends, or one.
  Memory memory(uint64_t bytes, uint32_t kind) {
    Memory words(bytes / 4);
    for (uint32_t& word : words) {
      word = static_cast<uint32_t>(random_());
      if (kind == 1) word = (word & 0x01010101) * 255;
      if (kind == 2) word = 0;
      if (kind == 3) word = ~uint32_t{0};
    }
    return words;
  }

 private:
  std::mt19937 random_;
};

// Layer `number` of the blob, which is `layer`, on inputs of each kind. Adds to `different` where not all
// results are one.
void check(const Layer& layer, const std::vector<uint8_t>& blob, uint32_t number, uint32_t seed,
           int& different) {
  ASSERT_FALSE(layer.complaint()) << *layer.complaint();
  const auto* bytes = reinterpret_cast<const std::byte*>(blob.data());
  Inputs inputs(seed);
  for (uint32_t kind = 0; kind < 4; ++kind) {
    const bool two = vm::has_second_input(layer);
    const Memory a = inputs.memory(layer.in_extent(), kind);
    Memory b = inputs.memory(two ? vm::second_extent(layer) : 0, kind);
    vm::test::LayerGenerator(seed).set_biases(layer, reinterpret_cast<uint8_t*>(b.data()));
    Memory words;
    const vm::LayerCall call{.layer = &layer};
    vm::for_words_read(call, [&](uint32_t at) { words.push_back(a[at / 4]); });
    vm::for_words_of_b(call, [&](uint32_t at) { words.push_back(b[at / 4]); });
    const Memory results = vm::layer_results(layer, words);

    Memory found = inputs.memory(layer.out_extent(), 0);
    Memory expected = found;
    size_t next = 0;
    for (uint32_t word = 0; word < layer.output_words(); ++word)
      for (uint32_t emit = 0; emit < layer.emits.size(); ++emit)
        expected[vm::out_offset(layer, word, emit) / 4] = results[next++];
    if (two)
      zk::nn::soft_pair(bytes, number, a.data(), b.data(), found.data());
    else
      zk::nn::soft_layer(bytes, number, a.data(), found.data());
    ASSERT_EQ(found, expected) << layer.name << ", input of kind " << kind;
    different += !std::ranges::all_of(results, [&](uint32_t word) { return word == results[0]; });
  }
}

TEST(PlainLayers, EqualTheUnitOnRandomLayers) {
  int different = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    vm::test::LayerGenerator generator(seed);
    std::vector<Layer> layers;
    for (uint32_t n = 1 + generator.below(6); n > 0; --n) {
      layers.push_back(generator.layer());
      if (layers.back().kind != Layer::Kind::kLinear || !generator.one_in(3)) continue;
      Layer layer = generator.weights_in_memory(layers.back());
      if (!layer.complaint()) layers.push_back(std::move(layer));
    }
    const std::vector<uint8_t> blob = write_plain(layers);
    for (uint32_t i = 0; i < layers.size(); ++i) check(layers[i], blob, i, seed, different);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(different, 3000);
}

// Layers as networks have them: what a guest's layouts make of a convolution or dense layer.
class Networks {
 public:
  explicit Networks(uint32_t seed) : random_(seed) {}
  uint32_t in(uint32_t low, uint32_t high) {
    return low + static_cast<uint32_t>(random_() % (high - low + 1));
  }

  Linear linear(const Shape& shape, const Window& window, uint32_t groups, uint32_t outputs,
                int most) {
    Linear l{.name = "linear", .outputs = outputs, .groups = groups, .window = window};
    const uint32_t taps = shape.channels / groups * window.kernel[0] * window.kernel[1];
    for (uint32_t i = 0; i < outputs * taps; ++i)
      l.weights.push_back(
          static_cast<int16_t>(static_cast<int>(in(0, 2 * static_cast<uint32_t>(most))) - most));
    for (uint32_t o = 0; o < outputs; ++o)
      l.bias.push_back(static_cast<int32_t>(in(0, 2000)) - 1000);
    l.input = {in(0, 1) == 1, 0.02f, static_cast<int>(in(0, 100))};
    l.output = {l.input.is_signed, 0.03f, static_cast<int>(in(0, 100))};
    for (uint32_t o = 0; o < outputs; ++o)
      l.weight_scales.push_back(static_cast<float>(in(10, 40)) /
                                static_cast<float>(static_cast<uint32_t>(most) * taps));
    return l;
  }

 private:
  std::mt19937 random_;
};

TEST(PlainLayers, EqualTheUnitOnLayersOfNetworks) {
  int different = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Networks random(seed);
    const uint32_t kind = random.in(0, 3);  // depthwise, in groups, or one
    const uint32_t groups = kind == 0 ? random.in(2, 9) : kind == 1 ? random.in(2, 3) : 1;
    const uint32_t each = kind == 0 ? 1 : random.in(1, 5);
    const Shape shape{groups * each, random.in(1, 12), random.in(1, 12)};
    Window window;
    do {
      for (size_t axis = 0; axis < 2; ++axis) {
        window.kernel[axis] = random.in(1, 5);
        window.strides[axis] = random.in(1, 2);
        window.dilations[axis] = random.in(1, 2);
      }
      for (uint32_t& pad : window.pads) pad = random.in(0, 3);
    } while (!window.positions(shape));
    const int most = seed % 3 == 0 ? 64 : seed % 3 == 1 ? 127 : 255;
    Linear conv = random.linear(shape, window, groups, groups * random.in(1, 5), most);
    conv.sums = random.in(0, 5) == 0;
    Network network{{shape}, {{0, conv}}};
    if (!conv.sums) {
      const auto positions = *window.positions(shape);
      const Shape next{conv.outputs, positions[0], positions[1]};
      network.operators.push_back({1, random.linear(next, {.kernel = {next.height, next.width}}, 1,
                                                    random.in(1, 40), most)});
    }
    const auto planned = plan(network, seed % 4 == 0 ? 20 : kLargestCall);
    ASSERT_TRUE(planned) << planned.error().message;
    const std::vector<uint8_t> blob = write_plain(planned->layers);
    for (uint32_t i = 0; i < planned->layers.size(); ++i)
      check(planned->layers[i], blob, i, seed, different);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(different, 1500);
}

// Every pair of weights that fits no word is as many as do.
TEST(PlainLayers, PairsOfAnyWeights) {
  for (int first = -255; first <= 255; ++first) {
    Layer layer;
    layer.outputs = 512;
    for (int second = -255; second <= 256; ++second)
      layer.weights.push_back(static_cast<int16_t>(first));
    for (int second = -255; second <= 256; ++second)
      layer.weights.push_back(static_cast<int16_t>(std::min(second, 255)));
    layer.weights.resize(4 * 512);
    layer.bias.resize(512);
    layer.sums = true;
    int different = 0;
    check(layer, write_plain({&layer, 1}), 0, static_cast<uint32_t>(first + 255), different);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// Twice the bytes of the channels that some weight reads, more by the padding that no position holds.
TEST(PlainLayers, HeapIsTwiceTheInput) {
  Layer layer;
  layer.positions = 10, layer.back = 2, layer.step = 8, layer.quads = 2, layer.taps = {0, 2};
  layer.weights.assign(2 * 2 * 4 * 4, 1);
  layer.bias.resize(4);
  layer.sums = true;
  layer.emits.clear();
  for (uint32_t q = 2; q < 10; ++q) layer.emits.push_back({q, 16 * q});
  EXPECT_EQ(plain_heap(layer), 2u * 80);
  layer.emits.push_back({10, 160});
  EXPECT_EQ(plain_heap(layer), 2u * 80 + 2 * 8);
  std::fill(layer.weights.begin() + 2 * 2 * 4 * 2, layer.weights.end(), int16_t{0});  // of quad 1
  EXPECT_EQ(plain_heap(layer), 2u * 40 + 2 * 4);
}

}  // namespace
}  // namespace zkvm::layers
