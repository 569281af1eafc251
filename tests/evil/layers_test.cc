// Provers that cheat about layers: every main and late column of the tensor unit's chips, on live rows
// and on padding rows; and the hazards of the design (stark/doc/layers.md) by name. More rows of each
// table: ZKVM_CELL_ROWS=12.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "stark/chips/layer/call.h"
#include "stark/chips/layer/pool.h"
#include "stark/chips/layer/product.h"
#include "stark/chips/layer/write_bytes.h"
#include "stark/chips/layer/write_words.h"
#include "tests/evil/workbench.h"
#include "tests/stark/session/layer_guests.h"

namespace zkvm::stark::machine::evil {
namespace {

using namespace chips;

/// A layer with everything: groups, taps, a list with holes, two functions, two positions.
vm::Layer convolution(uint64_t seed, bool sums = false) {
  std::mt19937_64 random(seed);
  vm::Layer layer;
  layer.name = "convolution";
  layer.positions = 3;
  layer.back = 2;
  layer.step = 16;
  layer.quads = 2;
  layer.quad_step = 4;
  layer.zero = 3;
  layer.taps = {0, 2};
  layer.groups = 2;
  layer.outputs = 8;
  layer.sums = sums;
  layer.emits = {{1, 64}, {2, 0}, {4, 128}};
  for (size_t i = 0; i < 2 * 2 * 4 * 4; ++i)
    layer.weights.push_back(static_cast<int16_t>(static_cast<int>(random() % 511) - 255));
  for (uint32_t o = 0; o < layer.outputs; ++o) {
    layer.bias.push_back(static_cast<int32_t>(random() % 3000) - 1500);
    if (!sums) layer.function_of.push_back(static_cast<uint16_t>(o / 2 % 2));
  }
  if (!sums) layer.functions = {dense_layer(1, 4, 1).functions[0], {}};
  if (!sums) layer.functions[1].steps = {{-5000, 7}, {100, 9}, {101, 7}, {40000, 255}};
  return layer;
}

vm::Layer pool() {
  vm::Layer layer;
  layer.name = "pool";
  layer.kind = vm::Layer::Kind::kMaxPool;
  layer.positions = 4;
  layer.quads = 2;
  layer.step = 8;
  layer.back = 2;
  layer.taps = {0, 1, 2};
  layer.emits = {{2, 32}, {3, 8}};
  return layer;
}

LayerGuest guest() {
  return LayerGuest({convolution(1), convolution(2, true), pool(), dense_layer(2, 20, 3), convolution(4)});
}

Workbench bench_of(const LayerGuest& layers) { return {Guest::of(layers.elf()), {}}; }

std::vector<Fp> wrong_values(Fp x, std::mt19937_64& random) {
  return {x + Fp::one(), x - Fp::one(), x + Fp::from(1u << 16),
          x == Fp::zero() ? Fp::from(2) : Fp::zero(), x == Fp::one() ? Fp::from(3) : Fp::one(),
          Fp::from(random())};
}

constexpr const char* kChips[] = {LayerCall::kName,       LayerRead::kName,
                                  LayerProduct::kName,    LayerWriteBytes::kName,
                                  LayerWriteWords::kName, LayerPool::kName};

/// Columns whose value means nothing in this row.
bool is_free(const Forgery& forgery, Place at, uint32_t col) {
  const std::string& chip = forgery.name(at.table);
  const std::string& column = forgery.chip(at.table).columns[col];
  const auto is = [&](const char* name) { return forgery.get(at, name) == Fp::one(); };
  const auto begins = [&](std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return column.starts_with(name); });
  };
  // Multiplicities of answers are the prover's to choose: they must fit, no more.
  if (column == "count" || column == "pixels") return true;
  // What a position that is not emitted would be, and where it would go.
  if ((chip == LayerWriteBytes::kName || chip == LayerWriteWords::kName) && !is("emit"))
    return begins({"value", "low", "span", "function", "bias", "old", "time", "age_hi", "negative"});
  if (chip == LayerPool::kName && !is("last")) return begins({"old", "time", "age_hi"});
  return false;
}

TEST(EvilLayers, EveryCellOfLiveRowsIsBound) {
  const LayerGuest layers = guest();
  Workbench bench = bench_of(layers);
  Forgery& forgery = *bench.forgery;
  std::mt19937_64 random(1);
  const char* asked = std::getenv("ZKVM_CELL_ROWS");
  const int most = asked != nullptr ? std::atoi(asked) : 4;
  for (const char* chip : kChips) {
    const size_t t = forgery.table(chip);
    std::vector<uint64_t> live;
    for (uint64_t r = 0; r < forgery.witness().tables[t].height(); ++r)
      if (!forgery.is_silent({t, r})) live.push_back(r);
    std::ranges::shuffle(live, random);
    for (int n = 0; n < most && n < static_cast<int>(live.size()); ++n) {
      const Place at{t, live[static_cast<size_t>(n)]};
      const uint32_t width = forgery.chip(t).key.columns();
      for (uint32_t col = 0; col < width; ++col)
        for (const Fp wrong : wrong_values(forgery.get(at, col), random)) {
          if (wrong == forgery.get(at, col)) continue;
          forgery.set(at, col, wrong);
          forgery.repair_banks();
          EXPECT_TRUE(!forgery.caught().empty() || is_free(forgery, at, col))
              << chip << " row " << at.row << ": " << forgery.chip(t).columns[col] << " = "
              << wrong.value();
          forgery.reset();
        }
    }
  }
}

TEST(EvilLayers, PaddingRowsAreSilent) {
  Workbench bench = bench_of(guest());
  Forgery& forgery = *bench.forgery;
  std::mt19937_64 random(2);
  for (const char* chip : kChips) {
    const size_t t = forgery.table(chip);
    const uint64_t height = forgery.witness().tables[t].height();
    uint64_t first = height - 1;
    while (first > 0 && forgery.is_silent({t, first - 1})) --first;
    for (const uint64_t r : {first, (first + height) / 2, height - 1}) {
      const Place at{t, r};
      ASSERT_TRUE(forgery.is_silent(at)) << chip;
      for (uint32_t col = 0; col < forgery.chip(t).key.columns(); ++col)
        for (const Fp wrong : wrong_values(forgery.get(at, col), random)) {
          if (wrong == forgery.get(at, col)) continue;
          forgery.set(at, col, wrong);
          if (forgery.caught().empty())
            EXPECT_TRUE(forgery.is_silent(at))
                << chip << " padding: " << forgery.chip(t).columns[col];
          forgery.reset();
        }
    }
  }
}

}  // namespace
}  // namespace zkvm::stark::machine::evil
