// Guests that call layers, written by hand: all input in the data region, results in the journal.
#pragma once

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "tests/stark/session/proving.h"
#include "tests/vm/guest_builder.h"
#include "tests/vm/random_layer.h"
#include "vm/layer/layer_call.h"
#include "vm/layer/section.h"

namespace zkvm::stark::machine {

/// Calls each layer once, in order: input from its own stretch of the data region, output to another
/// one, which is then committed.
struct LayerGuest {
  std::vector<vm::Layer> layers;
  std::vector<uint8_t> data;
  struct Place {
    uint32_t in, out, b = 0;  // addresses; b of pairs, or of weights in memory
  };
  std::vector<Place> places;

  static constexpr uint32_t kBytes = 0x10000;  // up to the constants

  explicit LayerGuest(std::vector<vm::Layer> of, uint64_t seed = 1) : layers(std::move(of)) {
    std::mt19937_64 random(seed);
    for (const vm::Layer& layer : layers) {
      Place& place = places.emplace_back();
      const auto input = [&](uint64_t bytes) {
        const auto address = vm::test::kDataBase + static_cast<uint32_t>(data.size());
        for (uint64_t i = 0; i < bytes; ++i) {
          const uint32_t any = static_cast<uint32_t>(random());
          data.push_back(static_cast<uint8_t>(any % 8 == 0 ? 0 : any % 8 == 1 ? 255 : any >> 8));
        }
        return address;
      };
      place.in = input(layer.in_extent());
      // Every third pair has one tensor twice, as far as b lies within a.
      const bool shared = random() % 3 == 0;
      if (layer.kind == vm::Layer::Kind::kPair)
        place.b =
            shared && layer.b_extent() <= layer.in_extent() ? place.in : input(layer.b_extent());
      if (layer.memory_weights) {
        place.b = input(layer.w_extent());
        vm::test::LayerGenerator(random()).set_biases(layer, &data[place.b - vm::test::kDataBase]);
      }
      place.out = vm::test::kDataBase + static_cast<uint32_t>(data.size());
      data.resize(data.size() + layer.out_extent());
      ZK_CHECK(data.size() <= kBytes);
    }
  }

  /// `commits`: the outputs; else nothing reads them.
  [[nodiscard]] std::vector<uint8_t> elf(bool commits = true) const {
    vm::test::Assembler text;
    for (uint32_t i = 0; i < layers.size(); ++i) {
      const auto [in, out, b] = places[i];
      const uint32_t number = vm::call_number(layers[i]);
      if (vm::has_second_input(layers[i]))
        text.call(number, i, in, b, out);
      else
        text.call(number, i, in, out);
      if (commits) text.call(64, 3, out, static_cast<uint32_t>(layers[i].out_extent()));
    }
    text.exit(0);
    auto file = vm::test::ElfFile::of(text.words(), data);
    file.segments[1].memory_size = kBytes;
    file.sections.push_back({".zkvm.layers", vm::write_layers(layers)});
    return file.bytes();
  }

  /// What the journal must be.
  [[nodiscard]] std::vector<uint8_t> journal() const {
    std::vector<uint8_t> out;
    for (uint32_t i = 0; i < layers.size(); ++i) {
      const vm::Layer& layer = layers[i];
      const auto word_at = [&](uint32_t address) {
        uint32_t word;
        std::memcpy(&word, &data[address - vm::test::kDataBase], 4);
        return word;
      };
      std::vector<uint32_t> input;
      const vm::LayerCall call{&layer, places[i].in, places[i].out, places[i].b};
      const auto read = [&](uint32_t address) { input.push_back(word_at(address)); };
      vm::for_words_read(call, read);
      vm::for_words_of_b(call, read);
      std::vector<uint8_t> bytes(layer.out_extent());
      const std::vector<uint32_t> results = layer_results(layer, input);
      for (uint32_t word = 0, at = 0; word < layer.output_words(); ++word)
        for (uint32_t emit = 0; emit < layer.emits.size(); ++emit, ++at)
          std::memcpy(&bytes[out_offset(layer, word, emit)], &results[at], 4);
      out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return out;
  }
};

/// A dense layer of `inputs` words, with a rule that gives all bytes.
inline vm::Layer dense_layer(uint32_t quads, uint32_t outputs, uint64_t seed) {
  std::mt19937_64 random(seed);
  vm::Layer layer;
  layer.name = "dense";
  layer.quads = quads;
  layer.outputs = outputs;
  layer.zero = 128;
  for (uint32_t i = 0; i < 4 * quads * outputs; ++i)
    layer.weights.push_back(static_cast<int16_t>(random() % 255) - 127);
  for (uint32_t o = 0; o < outputs; ++o) {
    layer.bias.push_back(static_cast<int32_t>(random() % 2000) - 1000);
    layer.function_of.push_back(0);
  }
  vm::LayerFunction& rule = layer.functions.emplace_back();
  rule.scale = std::bit_cast<uint32_t>(0.003f);
  rule.zero_point = -5;
  rule.is_signed = true;
  return layer;
}

}  // namespace zkvm::stark::machine
