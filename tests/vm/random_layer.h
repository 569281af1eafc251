// Layers of random geometry, small enough for a plain loop to check.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <random>
#include <tuple>
#include <utility>

#include "vm/layer/layer.h"

namespace zkvm::vm::test {

class LayerGenerator {
 public:
  explicit LayerGenerator(uint64_t seed) : random_(seed) {}

  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool one_in(uint32_t n) { return below(n) == 0; }

  Layer layer() { return one_in(5) ? pair() : one_input(); }

  // Tables are often those of pairs before.
  Layer pair() {
    Layer layer;
    layer.name = "pair" + std::to_string(below(1000));
    layer.kind = Layer::Kind::kPair;
    layer.quads = 1 + below(4);
    layer.positions = 1 + below(9);
    layer.positions_b = one_in(2) ? 1 : layer.positions;
    std::tie(layer.step, layer.quad_step) = steps(layer.positions, layer.quads);
    std::tie(layer.step_b, layer.quad_step_b) = steps(layer.positions_b, layer.quads);
    emit(layer);
    if (!table_.has_value() || one_in(4)) {
      std::vector<uint8_t> bytes(PairTable::kBytes);
      const uint32_t of_a = below(1u << 16), of_b = below(1u << 16), more = below(1u << 16);
      for (uint32_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<uint8_t>((i / 256 * of_a + i % 256 * of_b + more) >> 8);
      table_ = PairTable(std::move(bytes));
    }
    layer.pair_table = table_;
    return layer;
  }

  Layer one_input() {
    Layer layer;
    layer.name = "layer" + std::to_string(below(1000));
    const bool pool = one_in(4);
    layer.kind = pool ? Layer::Kind::kMaxPool : Layer::Kind::kLinear;
    layer.groups = pool ? 1 : 1 + below(3);
    layer.quads = layer.groups * (1 + below(3));
    layer.positions = 1 + below(12);
    layer.back = one_in(3) ? 0 : below(pool ? layer.positions : 6);
    layer.taps.assign(1 + below(4), 0);
    for (uint32_t& tap : layer.taps) tap = below(layer.back + 1);
    std::tie(layer.step, layer.quad_step) = steps(layer.positions, layer.quads);
    if (!pool) weigh(layer);
    emit(layer);
    return layer;
  }

  // A linear layer with other weights, which are in memory.
  Layer weights_in_memory(Layer layer) {
    Layer::MemoryWeights w;
    w.by_outputs = one_in(2);
    w.zero = static_cast<uint8_t>(one_in(3) ? 0 : one_in(2) ? 255 : below(256));
    std::pair<uint64_t, uint32_t*> axes[] = {{layer.products_summed(), &w.product_step},
                                             {layer.group_outputs() / 4, &w.row_step},
                                             {4, &w.lane_step}};
    std::ranges::shuffle(axes, random_);
    uint32_t reach = 4;
    for (const auto& [count, step] : axes) {
      *step = reach + 4 * below(2);
      reach += (static_cast<uint32_t>(count) - 1) * *step;
    }
    layer.memory_weights = w;
    if (one_in(2)) {
      const auto behind = static_cast<uint32_t>(layer.weights_extent());
      layer.memory_weights->bias = behind + 4 * below(3);
    }
    layer.weights.clear();
    layer.bias.clear();
    return layer;
  }

  // Biases of an operand, at both ends of what they may be and between.
  void set_biases(const Layer& layer, uint8_t* w) {
    for (uint32_t o = 0; o < layer.bias_words(); ++o) {
      int32_t bias = static_cast<int32_t>(below(1u << 16)) - (1 << 15);
      if (one_in(4)) bias = one_in(2) ? -kMemoryBiasEnd : kMemoryBiasEnd - 1;
      std::memcpy(w + bias_offset(layer, o), &bias, 4);
    }
  }

  LayerFunction function() {
    LayerFunction f;
    if (one_in(4)) {
      int32_t from = -20000;
      for (uint32_t n = 1 + below(6); n > 0; --n, from += 1 + static_cast<int32_t>(below(9000)))
        f.steps.push_back({from, different(f.steps)});
      return f;
    }
    // Products of accumulators of up to 2^20 or so that are bytes, and others.
    f.scale = (127 - below(24)) << 23 | below(1u << 23);
    f.is_signed = one_in(2);
    f.zero_point = static_cast<int16_t>(f.is_signed ? int32_t(below(256)) - 128 : below(256));
    if (one_in(4)) {
      f.table.resize(256);
      for (uint8_t& byte : f.table) byte = static_cast<uint8_t>(below(4) * 60);
    }
    return f;
  }

 private:
  // From a position to the next, from a quad to the next.
  std::pair<uint32_t, uint32_t> steps(uint32_t positions, uint32_t quads) {
    if (one_in(2)) return {4, 4 * (positions + below(3))};  // planes
    const uint32_t quad_step = 4 * (1 + below(2));
    return {quads * quad_step + 4 * below(3), quad_step};
  }

  uint8_t different(const std::vector<LayerFunction::Step>& steps) {
    const auto value = static_cast<uint8_t>(below(255));
    return !steps.empty() && steps.back().value == value ? 255 : value;
  }

  void weigh(Layer& layer) {
    layer.outputs = 4 * layer.groups * (1 + below(3));
    layer.sums = one_in(3);
    layer.zero = static_cast<uint8_t>(one_in(3) ? 0 : one_in(2) ? 255 : below(256));
    layer.weights.resize(layer.quads * layer.taps.size() * 4 * layer.group_outputs());
    const uint32_t kind = below(3);
    for (int16_t& w : layer.weights) {
      const int32_t wide = static_cast<int32_t>(below(511)) - 255;
      w = static_cast<int16_t>(kind == 0 ? (wide < 0 ? -255 : 255) : kind == 1 ? wide : wide / 2);
    }
    for (uint32_t o = 0; o < layer.outputs; ++o)
      layer.bias.push_back(static_cast<int32_t>(below(one_in(9) ? 1u << 30 : 1u << 15)) -
                           (1 << 14));
    for (int32_t& bias : layer.bias) bias = std::min(bias, 1'000'000'000);
    if (layer.sums) return;
    for (uint32_t n = 1 + below(std::min(layer.outputs, 5u)); n > 0; --n)
      layer.functions.push_back(function());
    if (layer.functions.size() > 2) layer.functions[2].table = layer.functions[0].table;
    if (layer.functions.size() > 2 && !layer.functions[2].steps.empty())
      layer.functions[2] = layer.functions[0];
    for (uint32_t o = 0; o < layer.outputs; ++o)
      layer.function_of.push_back(
          static_cast<uint16_t>(below(static_cast<uint32_t>(layer.functions.size()))));
  }

  // Some of the positions, in any order of places, with gaps between them.
  void emit(Layer& layer) {
    const auto [least, most] = std::ranges::minmax(layer.taps);
    const bool pool = layer.kind == Layer::Kind::kMaxPool;
    const uint32_t begin = pool ? layer.back - least : 0;
    const uint32_t end = pool ? layer.positions + layer.back - most : layer.rows();
    layer.emits.clear();
    const uint32_t always = begin + below(end - begin);
    for (uint32_t q = begin; q < end; ++q)
      if (q == always || !one_in(3)) layer.emits.push_back({q, 0});
    std::vector<uint32_t> places(layer.emits.size());
    std::iota(places.begin(), places.end(), 0);
    if (one_in(2)) std::ranges::shuffle(places, random_);
    const uint32_t distance = 4 * (layer.output_words() + below(3)), first = 4 * below(3);
    for (size_t i = 0; i < places.size(); ++i) layer.emits[i].offset = first + places[i] * distance;
  }

  std::mt19937_64 random_;
  PairTable table_;
};

}  // namespace zkvm::vm::test
