// Provers that cheat about layers: every main and late column of the tensor unit's chips, on live rows
// and on padding rows; and the hazards of the design (stark/doc/layers.md) by name. More rows of each
// table: ZKVM_CELL_ROWS=12.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "stark/chips/layer/bias.h"
#include "stark/chips/layer/call.h"
#include "stark/chips/layer/pair.h"
#include "stark/chips/layer/pair_call.h"
#include "stark/chips/layer/pool.h"
#include "stark/chips/layer/product.h"
#include "stark/chips/layer/read_weights.h"
#include "stark/chips/layer/weights_call.h"
#include "stark/chips/layer/write_bytes.h"
#include "stark/chips/layer/write_words.h"
#include "tests/evil/workbench.h"
#include "tests/stark/session/layer_guests.h"

namespace zkvm::stark::machine::evil {
namespace {

using namespace chips;

/// A layer with everything: groups, taps, a list with holes, two functions, several positions.
vm::Layer convolution(uint64_t seed, bool sums = false, uint32_t positions = 3) {
  std::mt19937_64 random(seed);
  vm::Layer layer;
  layer.name = "convolution";
  layer.positions = positions;
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

/// a - b or b - a, of three positions and one.
vm::Layer pair(bool exchanged, bool broadcast) {
  vm::Layer layer;
  layer.name = "pair";
  layer.kind = vm::Layer::Kind::kPair;
  layer.positions = 3;
  layer.quads = 2;
  layer.step = layer.step_b = 8;
  layer.quad_step = layer.quad_step_b = 4;
  layer.positions_b = broadcast ? 1 : 3;
  layer.emits = {{0, 16}, {2, 0}};
  if (!exchanged) layer.emits = {{0, 0}, {1, 32}, {2, 8}};
  std::vector<uint8_t> table;
  for (uint32_t a = 0; a < 256; ++a)
    for (uint32_t b = 0; b < 256; ++b)
      table.push_back(static_cast<uint8_t>(exchanged ? b - a : a - b));
  layer.pair_table = vm::PairTable(std::move(table));
  return layer;
}

/// A convolution with weights in memory: four products, of two rows each.
vm::Layer of_memory(bool by_outputs, bool biased, bool sums = false) {
  vm::Layer layer = convolution(5, sums);
  layer.name = "of memory";
  layer.outputs = 16;
  layer.weights.clear();
  layer.bias.clear();
  if (!sums) layer.function_of.resize(layer.outputs);
  for (vm::Layer::Emit& emit : layer.emits) emit.offset *= 2;
  layer.memory_weights = {
      .by_outputs = by_outputs, .zero = 77, .lane_step = 8, .row_step = 4, .product_step = 40};
  if (biased) layer.memory_weights->bias = 160;
  ZK_CHECK(!layer.complaint());
  return layer;
}

LayerGuest guest() {
  return LayerGuest({convolution(1), convolution(2, true), pool(), dense_layer(2, 20, 3),
                     convolution(4), pair(false, false), pair(true, true), of_memory(false, true),
                     of_memory(true, true), of_memory(true, false, true)});
}

constexpr WideForms kNarrow;

/// For the wide forms: runs of two rows and more, that end behind each of the four lanes; a pool, whose
/// words are read by the narrow one; and weights in memory, with biases and without.
LayerGuest wide_guest() {
  return LayerGuest({convolution(1), convolution(2, true, 5), pool(), dense_layer(2, 20, 3),
                     convolution(4, false, 9), convolution(5, false, 8), convolution(6, false, 10),
                     of_memory(false, true), of_memory(true, false)});
}

/// Nothing reads the outputs, so that an attacker can put their banks right.
Workbench bench_of(const LayerGuest& layers, const WideForms& forms = kNarrow) {
  return {Guest::of(layers.elf(false)), {}, forms};
}

using Chips = std::vector<const char*>;
const Chips kNarrowChips = {
    LayerCall::kName,          LayerPairCall::kName,    LayerRead::kName,
    LayerProduct::kName,       LayerWriteBytes::kName,  LayerWriteWords::kName,
    LayerPool::kName,          LayerPair::kName,        WeightsTable::kName,
    PowersTable::kName,        LayerWeightsCall::kName, LayerReadWeights::kName,
    LayerProductMemory::kName, LayerBias::kName};
const Chips kWideChips = {LayerReadWide::kName, LayerWriteBytesWide::kName};

/// Columns whose value means nothing in this row.
bool is_free(const Forgery& forgery, Place at, uint32_t col) {
  const std::string& chip = forgery.name(at.table);
  const std::string& column = forgery.chip(at.table).columns[col];
  const auto is = [&](const char* name) { return forgery.get(at, name) == Fp::one(); };
  const auto begins = [&](std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return column.starts_with(name); });
  };
  // Multiplicities of answers are the prover's to choose: they must fit, no more.
  if (column == "count" || column == "pixels" || column == "lambdas" || column == "mus")
    return true;
  // What a position that is not emitted would be, and where it would go.
  if (chip == LayerWriteBytes::kName && !is("emit"))
    return begins({"value", "edge", "reach", "wide", "from", "rest", "old", "time", "age_hi"});
  if (chip == LayerWriteWords::kName && !is("emit"))
    return begins({"value", "bias", "old", "time", "age_hi", "negative"});
  // A lane that is not live has no word, no sums and no place.
  const bool wide_read = chip == LayerReadWide::kName,
             wide_write = chip == LayerWriteBytesWide::kName;
  for (const char* lane : {"0", "1", "2", "3"}) {
    if (!wide_read && !wide_write) break;
    if (!column.substr(0, column.find('[')).ends_with(lane) || column.starts_with("live")) continue;
    const bool live = *lane == '0' ? is("real") : is((std::string("live") + lane).c_str());
    if (wide_read) return !live && begins({"byte", "time", "age_hi"});
    if (!live && begins({"raw", "offset"})) return true;
    if (!is((std::string("emit") + lane).c_str()))
      return begins({"value", "edge", "reach", "wide", "from", "rest", "old", "time", "age_hi"});
  }
  // Of the sum over positions, the first row alone is asked.
  if (chip == LayerBias::kName && !is("first")) return begins({"positions", "ones", "power"});
  if (chip == LayerPool::kName && !is("last")) return begins({"old", "time", "age_hi"});
  return false;
}

/// `rows` of each chip, if no other number is asked for, and `values` for each cell.
void change_live_rows(Workbench bench, const Chips& chips, int rows, size_t values) {
  Forgery& forgery = *bench.forgery;
  std::mt19937_64 random(1);
  const int most = asked_rows().value_or(rows);
  for (const char* chip : chips) {
    const size_t t = forgery.table(chip);
    std::vector<uint64_t> live;
    for (uint64_t r = 0; r < forgery.witness().tables[t].height(); ++r)
      if (!forgery.is_silent({t, r})) live.push_back(r);
    std::ranges::shuffle(live, random);
    for (int n = 0; n < most && n < static_cast<int>(live.size()); ++n) {
      const Place at{t, live[static_cast<size_t>(n)]};
      const uint32_t width = forgery.chip(t).key.columns();
      for (uint32_t col = forgery.first_main(t); col < width; ++col)
        for (const Fp wrong : wrong_values(forgery.get(at, col), random, values)) {
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

TEST(EvilLayers, EveryCellOfLiveRowsIsBound) {
  change_live_rows(bench_of(guest()), kNarrowChips, 2, 6);
}
TEST(EvilLayers, EveryCellOfLiveWideRowsIsBound) {
  change_live_rows(bench_of(wide_guest(), kAllWide), kWideChips, 1, asked_rows() ? 6 : 2);
}

TEST(EvilLayers, EveryCellOfWeightsInRowsOf64IsBound) {
  const LayerGuest layers({dense_layer(150, 1020, 1)});
  ASSERT_TRUE(pays_weights64(layers.layers));
  Workbench bench = bench_of(layers);
  Forgery& forgery = *bench.forgery;
  const size_t t = forgery.table(Weights64Table::kName);
  const uint64_t height = forgery.witness().tables[t].height();
  // A quad's first row, its second and last, the next quad's first, and padding.
  for (const uint64_t r : {0, 1, 15, 16, 150 * 16, static_cast<int>(height) - 1})
    for (uint32_t col = forgery.first_main(t); col < forgery.chip(t).key.columns(); ++col) {
      const bool is_count = forgery.chip(t).columns[col] == "count";
      if (is_count && forgery.get({t, r}, "start") == Fp::one())
        continue;  // the prover's to choose
      forgery.set({t, r}, col, forgery.get({t, r}, col) + Fp::one());
      EXPECT_NE(forgery.caught(), "") << "row " << r << ": " << forgery.chip(t).columns[col];
      forgery.reset();
    }
}

void change_padding(Workbench bench, const Chips& chips, size_t values) {
  Forgery& forgery = *bench.forgery;
  std::mt19937_64 random(2);
  for (const char* chip : chips) {
    const size_t t = forgery.table(chip);
    const uint64_t height = forgery.witness().tables[t].height();
    uint64_t first = height - 1;
    while (first > 0 && forgery.is_silent({t, first - 1})) --first;
    for (const uint64_t r : {first, height - 1}) {
      const Place at{t, r};
      ASSERT_TRUE(forgery.is_silent(at)) << chip;
      for (uint32_t col = forgery.first_main(t); col < forgery.chip(t).key.columns(); ++col)
        for (const Fp wrong : wrong_values(forgery.get(at, col), random, values)) {
          if (wrong == forgery.get(at, col)) continue;
          forgery.set(at, col, wrong);
          if (forgery.caught().empty() && !is_free(forgery, at, col))
            EXPECT_TRUE(forgery.is_silent(at))
                << chip << " padding: " << forgery.chip(t).columns[col];
          forgery.reset();
        }
    }
  }
}

TEST(EvilLayers, PaddingRowsAreSilent) { change_padding(bench_of(guest()), kNarrowChips, 6); }
TEST(EvilLayers, WidePaddingRowsAreSilent) {
  change_padding(bench_of(wide_guest(), kAllWide), kWideChips, asked_rows() ? 6 : 1);
}

// --- the hazards of the design, by name. Rows: products 0-3 convolution, 4-7 the one of words, 8-9 dense,
// 10-13 the last one; words read 0-5, 6-11, 12-19 pool, 20-21, 22-27; bytes written 0-9, 10-14, 15-24.

/// One bench for all, which the tests' class makes: each forgery is undone.
class OnBench : public testing::Test {
 protected:
  static void TearDownTestSuite() { delete bench_; }
  Forgery& forgery() { return *bench_->forgery; }
  Place at(const char* chip, uint64_t row) { return {forgery().table(chip), row}; }
  Fp get(Place place, std::string_view column) { return forgery().get(place, column); }
  void set(Place place, const std::string& column, Fp value) {
    forgery().set(place, column, value);
  }
  void add(Place place, const std::string& column, Fp value) {
    forgery().set(place, column, forgery().get(place, column) + value);
  }
  /// Caught `by` something that begins so, by the checker, and, if it is asked for, by the verifier.
  void expect_caught(const std::string& by, bool prove = false) {
    forgery().repair_banks();
    const std::string caught = forgery().caught();
    EXPECT_TRUE(caught.starts_with(by) && !caught.empty()) << "caught by: " << caught;
    if (prove) {
      EXPECT_FALSE(check_witness(*bench_->circuit, forgery().finished()).ok());
      EXPECT_NE(bench_->prove_and_verify(), "");
    }
    forgery().reset();
  }
  static Workbench* bench_;
};
Workbench* OnBench::bench_ = nullptr;

class Hazard : public OnBench {
 protected:
  static void SetUpTestSuite() { bench_ = new Workbench(bench_of(guest())); }
};

TEST_F(Hazard, TheHonestWitnessVerifies) {
  EXPECT_EQ(forgery().caught(), "");
  EXPECT_EQ(bench_->prove_and_verify(), "");
}

TEST_F(Hazard, AnotherLayersNumbers) {
  const Place call = at(LayerCall::kName, 0), other = at(LayerCall::kName, 4);
  // Two layers of one geometry: weights, functions, positions of the other one.
  for (const char* column : {"key", "channel_end", "zero", "position_end", "kind"}) {
    if (get(call, column) == get(other, column)) continue;
    set(call, column, get(other, column));
    expect_caught("bus layer");
  }
  // The whole job with the other one's keys: weights, but not the call's.
  for (uint64_t r = 0; r < 4; ++r)
    set(at(LayerProduct::kName, r), "key", get(at(LayerProduct::kName, 10 + r), "key"));
  expect_caught("bus layer", true);
  for (uint64_t r = 0; r < 10; ++r) {
    set(at(LayerWriteBytes::kName, r), "channel_end",
        get(at(LayerWriteBytes::kName, 15), "channel_end"));
  }
  expect_caught("bus");
}

TEST_F(Hazard, ProductsOfOtherPairs) {
  const Place first = at(LayerProduct::kName, 0), second = at(LayerProduct::kName, 1);
  const Fp key = get(first, "key");
  set(first, "key", get(second, "key"));
  set(second, "key", key);
  expect_caught("layer product: next key");
  // The taps' powers, or the ends of groups, exchanged or dropped.
  const Fp power = get(first, "mu_power");
  set(first, "mu_power", get(second, "mu_power"));
  set(second, "mu_power", power);
  expect_caught("bus weights", true);
  set(second, "lambda_power", Fp::zero());
  expect_caught("bus weights", true);
  set(first, "lambda_power", Fp::from(4));
  expect_caught("bus weights");
  // X of another quad, another call, or from the middle of a run.
  set(first, "quad", Fp::one());
  expect_caught("bus");
  set(first, "clk", get(at(LayerProduct::kName, 10), "clk"));
  expect_caught("");
  set(at(LayerRead::kName, 1), "count", Fp::one());
  expect_caught("layer read: answers on a quad's first row");
  set(at(LayerRead::kName, 100), "pixels", Fp::one());
  expect_caught("layer read: answers on real rows");
}

TEST_F(Hazard, JobsThatEndEarlyOrLate) {
  set(at(LayerRead::kName, 1), "start", Fp::one());
  expect_caught("layer read");
  set(at(LayerRead::kName, 3), "start", Fp::zero());
  expect_caught("layer read");
  set(at(LayerRead::kName, 5), "real", Fp::zero());
  expect_caught("layer read");
  set(at(LayerRead::kName, 3), "first", Fp::one());
  expect_caught("layer read: all quads");
  for (const char* chip : {LayerProduct::kName, LayerWriteBytes::kName, LayerPool::kName}) {
    set(at(chip, 1), "first", Fp::one());
    expect_caught(chip);
    set(at(chip, 3), "left", get(at(chip, 3), "left") + Fp::one());
    expect_caught(chip);
  }
  // Longer by one: the counters fit from the end on, the job does not.
  for (uint64_t r = 0; r < 3; ++r) add(at(LayerRead::kName, r), "left", Fp::one());
  expect_caught("layer read");
}

// Every row real and none the first: counters cannot close a circle.
TEST_F(Hazard, ATableThatIsACircle) {
  const size_t t = forgery().table(LayerRead::kName);
  const uint64_t height = forgery().witness().tables[t].height();
  for (uint64_t r = 0; r < height; ++r) {
    set({t, r}, "first", Fp::zero());
    set({t, r}, "real", Fp::one());
    set({t, r}, "start", Fp::zero());
    set({t, r}, "left", Fp::from(height + 5) - Fp::from(r));
  }
  expect_caught("layer read");
}

TEST_F(Hazard, WrongSums) {
  const Place row = at(LayerWriteBytes::kName, 1);  // emitted
  ASSERT_EQ(get(row, "emit"), Fp::one());
  // Within the same step: nothing else would notice.
  ASSERT_EQ(get(row, "wide[0]"), Fp::zero());
  const Fp by = get(row, "rest[0]") == Fp::zero() ? -Fp::one() : Fp::one();
  add(row, "raw[0]", by);
  add(row, "from[0]", by);
  add(row, "rest[0]", -by);
  expect_caught("bus layer total", true);
  // Outputs exchanged; a difference that another output, or another position, makes good.
  const Fp raw = get(row, "raw[0]");
  set(row, "raw[0]", get(row, "raw[1]"));
  set(row, "raw[1]", raw);
  expect_caught("layer write bytes: sum in its step");
  const Place hidden = at(LayerWriteBytes::kName, 0);
  ASSERT_EQ(get(hidden, "emit"), Fp::zero());
  const auto add_hidden = [&](uint64_t r, const std::string& i, Fp by) {
    add(at(LayerWriteBytes::kName, r), "raw" + i, by);
    add(at(LayerWriteBytes::kName, r), "edge" + i, by);
  };
  add_hidden(0, "[2]", Fp::one());
  expect_caught("bus layer total", true);
  add_hidden(0, "[2]", Fp::one());
  add_hidden(0, "[3]", -Fp::one());
  expect_caught("bus layer total");
  add_hidden(0, "[2]", Fp::one());
  add_hidden(3, "[2]", -Fp::one());
  expect_caught("bus layer total");
  add(at(LayerWriteWords::kName, 0), "raw", Fp::one());
  expect_caught("bus layer total");
}

// A wrong sum whose effect on the total is taken back where Horner's rule begins.
TEST_F(Hazard, HornerThatStartsFromSomethingElse) {
  add(at(LayerWriteBytes::kName, 0), "raw[0]", Fp::one());
  add(at(LayerWriteBytes::kName, 4), "y[0]", Fp::one());
  expect_caught("layer write bytes");
  add(at(LayerRead::kName, 2), "x0[0]", Fp::one());
  expect_caught("layer read: sum of activations");
  add(at(LayerProduct::kName, 3), "total[1]", Fp::one());
  expect_caught("layer product: total");
  // Both sides of a bus agree on a sum that is none.
  const Place product = at(LayerProduct::kName, 0), read = at(LayerRead::kName, 0);
  for (const char* c : {"x0[0]", "x2[4]"}) {
    add(product, c, Fp::one());
    add(read, c, Fp::one());
    expect_caught("layer ");
  }
  add(at(PowersTable::kName, 0), "mu[0]", Fp::one());
  expect_caught("powers");
  add(at(WeightsTable::kName, 0), "v0[0]", Fp::one());
  expect_caught("weights");
}

TEST_F(Hazard, StepsAtTheirEdges) {
  const Place row = at(LayerWriteBytes::kName, 1);
  const LayerImage& layers = bench_->guest.image->layers();
  const Fp sum = get(row, "raw[0]") + get(row, "bias[0]");
  const uint32_t value = sum.value();
  const auto integer = static_cast<int32_t>(value > Fp::kModulus / 2 ? int64_t{value} - Fp::kModulus
                                                                     : int64_t{value});
  const uint32_t own = layers.step_of(get(row, "function[0]").value(), integer);
  const auto put = [&](const LayerImage::Step& step, uint32_t function) {
    set(row, "function[0]", Fp::from(function));
    set(row, "value[0]", Fp::from(step.value));
    set(row, "edge[0]", Fp::from_signed(step.edge()));
    set(row, "reach[0]", Fp::from(step.reach()));
    set(row, "wide[0]", Fp::from_signed(step.wide));
    const Fp above = sum - Fp::from_signed(step.edge());
    const bool wide = step.wide != 0;
    set(row, "from[0]", wide ? above * Fp::from_signed(step.wide) : above);
    set(row, "rest[0]", wide ? Fp::zero() : Fp::from(step.reach()) - above);
  };
  // The neighbours, true steps of this function, do not hold the sum.
  for (const uint32_t other : {own - 1, own + 1}) {
    if (other >= 256 * 4 || layers.step(other).function != layers.step(own).function) continue;
    put(layers.step(other), layers.step(own).function);
    expect_caught("bus range16", true);
  }
  // Edges moved by one, another byte, a function of another layer that has the sum.
  for (const int64_t by : {-1, 1}) {
    LayerImage::Step moved = layers.step(own);
    moved.first += static_cast<int32_t>(by);
    put(moved, moved.function);
    expect_caught("bus step");
    moved = layers.step(own);
    moved.last += static_cast<int32_t>(by);
    put(moved, moved.function);
    expect_caught("bus step");
  }
  add(row, "value[0]", Fp::one());
  expect_caught("bus step");
  // Wide steps on whose other side the sum lies: no from and rest below 2^16 show a distance below 0.
  int wide = 0;
  for (uint32_t n = 0; n < layers.no_counts().steps.size(); ++n) {
    const LayerImage::Step& step = layers.step(n);
    if (step.wide == 0 || (integer - int64_t{step.edge()}) * step.wide >= 0) continue;
    put(step, step.function);
    const uint32_t distance =
        ((sum - Fp::from_signed(step.edge())) * Fp::from_signed(step.wide)).value();
    set(row, "from[0]", Fp::from(distance % LayerWriteBytes::kWideUnit));
    set(row, "rest[0]", Fp::from(distance / LayerWriteBytes::kWideUnit));
    expect_caught("bus", wide++ == 0);
  }
  EXPECT_GE(wide, 2);
  const uint32_t another = get(at(LayerWriteBytes::kName, 10), "function[0]").value();
  put(layers.step(layers.step_of(another, integer)), another);
  expect_caught("bus channel", true);
}

// All 32-bit words that are the sum modulo p.
TEST_F(Hazard, WordsThatAreTheSumModuloP) {
  int tried = 0;
  for (uint64_t r = 0; r < 40; ++r) {
    const Place row = at(LayerWriteWords::kName, r);
    if (get(row, "emit") == Fp::zero()) continue;
    const Fp sum = get(row, "raw") + get(row, "bias");
    const uint32_t honest = get(row, "value[0]").value() + (get(row, "value[1]").value() << 16);
    for (const uint64_t negative : {0, 1}) {
      const uint64_t least = (sum + Fp::from(negative << 32)).value();
      for (uint64_t word = least; word < uint64_t{1} << 32; word += Fp::kModulus) {
        if (word == honest) continue;
        ++tried;
        set(row, "value[0]", Fp::from(word & 0xffff));
        set(row, "value[1]", Fp::from(word >> 16));
        set(row, "negative", Fp::from(negative));
        expect_caught("bus range14");
      }
    }
  }
  EXPECT_GE(tried, 40);
}

TEST_F(Hazard, EmitsThatTheListDoesNotHave) {
  const Place emitted = at(LayerWriteBytes::kName, 1), hidden = at(LayerWriteBytes::kName, 0);
  set(emitted, "emit", Fp::zero());
  expect_caught("bus", true);
  set(hidden, "emit", Fp::one());
  expect_caught("bus");
  add(emitted, "offset", Fp::one());
  expect_caught("bus");
  add(emitted, "place", Fp::one());
  expect_caught("layer write bytes");
  const Place padding = at(LayerWriteBytes::kName, 2000);
  set(padding, "emit", Fp::one());
  expect_caught("layer write bytes: emit");
  set(at(LayerPool::kName, 0), "last", Fp::one());
  expect_caught("layer pool: next best");
}

TEST_F(Hazard, PoolsOfOtherWords) {
  const Place row = at(LayerPool::kName, 1);
  set(row, "position", get(at(LayerPool::kName, 0), "position"));
  expect_caught("bus");
  for (const char* i : {"[0]", "[1]", "[2]", "[3]"}) {
    add(at(LayerPool::kName, 2), std::string("most") + i, Fp::one());
    expect_caught("layer pool: one of both");
  }
  // The lesser one of both.
  const Place last = at(LayerPool::kName, 2);
  for (const char* i : {"[0]", "[1]", "[2]", "[3]"}) {
    const Fp best = forgery().get(last, std::string("best") + i),
             byte = forgery().get(last, std::string("byte") + i);
    if (best == byte) continue;
    set(last, std::string("most") + i,
        forgery().get(last, std::string("most") + i) == best ? byte : best);
    expect_caught("bus bytes", i[1] == '0');
  }
}

TEST_F(Hazard, TwoCallsInOneTick) {
  const Place first = at(LayerCall::kName, 0), second = at(LayerCall::kName, 4);
  set(second, "clk", get(first, "clk"));
  expect_caught("bus");
}

class WideHazard : public OnBench {
 protected:
  static void SetUpTestSuite() { bench_ = new Workbench(bench_of(wide_guest(), kAllWide)); }

  /// Rows of a table that are not padding.
  uint64_t rows_of(const char* chip) {
    uint64_t r = 0;
    while (get(at(chip, r), "real") == Fp::one()) ++r;
    return r;
  }
  /// The first row for which all of these columns are 1 and 0.
  Place row_with(const char* chip, std::initializer_list<const char*> ones,
                 std::initializer_list<const char*> zeros) {
    for (uint64_t r = 0; r < rows_of(chip); ++r) {
      const auto all = [&](auto names, Fp value) {
        return std::ranges::all_of(names, [&](auto n) { return get(at(chip, r), n) == value; });
      };
      if (all(ones, Fp::one()) && all(zeros, Fp::zero())) return at(chip, r);
    }
    ADD_FAILURE() << chip << ": no such row";
    return at(chip, 0);
  }
};

TEST_F(WideHazard, TheHonestWitnessVerifies) {
  EXPECT_EQ(forgery().caught(), "");
  EXPECT_EQ(bench_->prove_and_verify(), "");
}

TEST_F(WideHazard, LanesThatEndEarlyOrLate) {
  for (const char* chip : kWideChips) {
    const std::string name = chip;
    // The last row of a run: a lane more, one less, one left out.
    const Place last = row_with(chip, {"live1", "live2"}, {"live3"});
    set(last, "live3", Fp::one());
    expect_caught(name + ": all positions", true);
    set(last, "live2", Fp::zero());
    if (name == LayerWriteBytesWide::kName) set(last, "emit2", Fp::zero());
    expect_caught(name + ": all positions", true);
    set(last, "live1", Fp::zero());
    expect_caught(name + ": live in turn");
    // In the middle of a run: half a row, and the rest as many rows later.
    const Place middle = row_with(chip, {"start", "live3"}, {});
    const Place next{middle.table, middle.row + 1};
    ASSERT_EQ(get(next, "start"), Fp::zero());
    set(middle, "live3", Fp::zero());
    set(next, "left", get(next, "left") + Fp::one());
    expect_caught(name + ": full rows", true);
    // Longer or shorter by a row, counters fitting.
    set(next, "left", get(next, "left") - Fp::one());
    expect_caught(name);
    set(next, "start", Fp::one());
    expect_caught(name);
    // More than one of a lane.
    set(last, "live1", Fp::from(2));
    expect_caught(name + ": live");
  }
}

// What a lane that is not live holds is on no bus and in no sum.
TEST_F(WideHazard, DeadLanes) {
  const Place read = row_with(LayerReadWide::kName, {"live2"}, {"live3"});
  for (const char* column : {"byte3[0]", "time3", "age_hi3"}) add(read, column, Fp::from(77));
  EXPECT_EQ(forgery().caught(), "");
  const Place write = row_with(LayerWriteBytesWide::kName, {"real"}, {"live1"});
  for (const char* lane : {"1", "2", "3"}) {
    add(write, fmt::format("raw{}[2]", lane), Fp::from(5));
    add(write, fmt::format("edge{}[2]", lane), Fp::from(5));
    add(write, fmt::format("offset{}", lane), Fp::from(9));
  }
  EXPECT_EQ(forgery().caught(), "");
  EXPECT_EQ(bench_->prove_and_verify(), "");
  forgery().reset();
  for (const char* lane : {"1", "2", "3"}) {
    set(write, fmt::format("emit{}", lane), Fp::one());
    expect_caught("layer write bytes wide: emit");
  }
  const Place padding = at(LayerReadWide::kName, rows_of(LayerReadWide::kName) + 1);
  set(padding, "live1", Fp::one());
  expect_caught("layer read wide: live in turn");
}

// A sum, a word or a place that belongs to another lane.
TEST_F(WideHazard, LanesExchanged) {
  const Place read = row_with(LayerReadWide::kName, {"live3"}, {});
  const auto exchange = [&](Place row, const std::string& one, const std::string& other) {
    const Fp was = forgery().get(row, one);
    set(row, one, forgery().get(row, other));
    set(row, other, was);
  };
  for (int i = 0; i < 4; ++i)
    exchange(read, fmt::format("byte1[{}]", i), fmt::format("byte2[{}]", i));
  expect_caught("bus memory", true);
  add(read, "byte2[1]", Fp::one());
  expect_caught("bus memory");
  add(read, "step", Fp::one());
  expect_caught("layer read wide: ");
  for (const char* column : {"place", "jump", "zero", "clk", "quads", "positions"}) {
    add(read, column, Fp::one());
    expect_caught("");
  }
  // Sums that are emitted nowhere, in two lanes.
  const Place write = row_with(LayerWriteBytesWide::kName, {"live3"}, {"emit0", "emit3"});
  const auto add_hidden = [&](const std::string& i, Fp by) {
    add(write, "raw" + i, by);
    add(write, "edge" + i, by);
  };
  for (const char* i : {"0[1]", "3[3]"}) {
    add_hidden(i, Fp::one());
    expect_caught("bus layer total", true);
  }
  add_hidden("0[1]", Fp::one());
  add_hidden("3[1]", -Fp::one());
  expect_caught("bus layer total", true);
  // An emitted one moved within its step.
  const Place emitted = row_with(LayerWriteBytesWide::kName, {"emit1"}, {"wide1[0]"});
  const Fp by = get(emitted, "rest1[0]") == Fp::zero() ? -Fp::one() : Fp::one();
  add(emitted, "raw1[0]", by);
  add(emitted, "from1[0]", by);
  add(emitted, "rest1[0]", -by);
  expect_caught("bus layer total", true);
  // Where it goes, and whether: the list of the other lane's position.
  set(emitted, "emit1", Fp::zero());
  expect_caught("bus", true);
  set(write, "emit0", Fp::one());
  expect_caught("bus");
  add(emitted, "offset1", Fp::one());
  expect_caught("bus");
  // Functions and biases are looked up where nothing is emitted, too.
  add(write, "bias[2]", Fp::one());
  for (int i = 0; i < 4; ++i) add(write, fmt::format("edge{}[2]", i), Fp::one());
  expect_caught("bus channel");
}

// Late cells, set by who knows the challenges: wherever Horner's rule starts or goes on.
TEST_F(WideHazard, LateCells) {
  for (const char* chip : kWideChips) {
    const bool reads = std::string_view(chip) == LayerReadWide::kName;
    const uint64_t rows = rows_of(chip);
    for (const uint64_t r : {uint64_t{0}, uint64_t{1}, rows - 1, rows, rows + 7})
      for (const char* column : reads ? std::array{"x0[0]", "x1[2]", "x3[4]"}
                                      : std::array{"y[0]", "total[0]", "total[4]"}) {
        add(at(chip, r), column, Fp::one());
        expect_caught("");
      }
  }
  const Place product = at(LayerProduct::kName, 0), read = at(LayerReadWide::kName, 0);
  for (const char* c : {"x0[0]", "x2[4]"}) {
    add(product, c, Fp::one());
    add(read, c, Fp::one());
    expect_caught("layer ");
  }
}

TEST_F(WideHazard, ATableThatIsACircle) {
  for (const char* chip : kWideChips) {
    const size_t t = forgery().table(chip);
    const uint64_t height = forgery().witness().tables[t].height();
    for (uint64_t r = 0; r < height; ++r) {
      for (const char* column : {"first", "start"}) set({t, r}, column, Fp::zero());
      for (const char* column : {"real", "live1", "live2", "live3"}) set({t, r}, column, Fp::one());
      set({t, r}, "left", Fp::from(4 * height + 5) - Fp::from(4 * r));
    }
    expect_caught(chip);
  }
}

// A job is in one form: a narrow job of the same call as well, in its place, or for a part of it.
TEST_F(WideHazard, JobsInTwoForms) {
  const Place wide = at(LayerReadWide::kName, 0);  // two quads of three positions, a row each
  const size_t narrow = forgery().table(LayerRead::kName);
  const uint64_t padding = rows_of(LayerRead::kName);
  const auto copy_quad = [&](uint64_t quad, uint64_t to, bool first) {
    const Place from{wide.table, wide.row + quad};
    for (uint64_t p = 0; p < 3; ++p) {
      const Place row{narrow, to + p};
      for (const char* column : {"clk", "quads", "positions", "step", "jump", "zero"})
        set(row, column, get(from, column));
      set(row, "first", Fp::from(first && p == 0 ? 1 : 0));
      set(row, "start", Fp::from(p == 0 ? 1 : 0));
      set(row, "real", Fp::one());
      set(row, "left", Fp::from(3 - p));
      set(row, "place", get(from, "place") + Fp::from(p) * get(from, "step"));
      for (int i = 0; i < 4; ++i)
        set(row, fmt::format("byte[{}]", i), forgery().get(from, fmt::format("byte{}[{}]", p, i)));
      set(row, "time", get(from, fmt::format("time{}", p).c_str()));
      set(row, "age_hi", get(from, fmt::format("age_hi{}", p).c_str()));
      if (p == 0) set(row, "count", get(from, "count"));
    }
  };
  const auto clear = [&](Place row) {
    for (uint32_t col = 0; col < forgery().chip(row.table).key.main_width; ++col)
      forgery().set(row, col, Fp::zero());
  };
  ASSERT_EQ(get(wide, "left"), Fp::from(3));
  copy_quad(0, padding, true);
  copy_quad(1, padding + 3, false);
  expect_caught("bus", true);
  // Moved as a whole it is the narrow form's, which is as good.
  copy_quad(0, padding, true);
  copy_quad(1, padding + 3, false);
  clear(wide);
  clear({wide.table, wide.row + 1});
  EXPECT_EQ(forgery().caught(), "");
  EXPECT_EQ(bench_->prove_and_verify(), "");
  forgery().reset();
  // Half of it.
  copy_quad(1, padding, true);
  clear({wide.table, wide.row + 1});
  expect_caught("layer read wide: all quads", true);
  copy_quad(1, padding, true);
  clear({wide.table, wide.row + 1});
  set(wide, "quads", Fp::one());
  expect_caught("bus", true);
}

// A pool's words: the wide form answers none of them.
TEST_F(WideHazard, APoolReadByTheWideForm) {
  const uint64_t to = rows_of(LayerReadWide::kName);
  const Place from = at(LayerRead::kName, 0);
  const size_t wide = forgery().table(LayerReadWide::kName);
  ASSERT_EQ(get(from, "positions"), Fp::from(4));
  for (uint64_t quad = 0; quad < 2; ++quad) {
    const Place row{wide, to + quad};
    for (uint64_t p = 0; p < 4; ++p) {
      const Place one{from.table, from.row + 4 * quad + p};
      if (p == 0)
        for (const char* column : {"first", "start", "real", "clk", "place", "left", "quads",
                                   "positions", "step", "jump", "zero"})
          set(row, column, get(one, column));
      if (p > 0) set(row, fmt::format("live{}", p), Fp::one());
      for (int i = 0; i < 4; ++i)
        set(row, fmt::format("byte{}[{}]", p, i), forgery().get(one, fmt::format("byte[{}]", i)));
      set(row, fmt::format("time{}", p), get(one, "time"));
      set(row, fmt::format("age_hi{}", p), get(one, "age_hi"));
      for (uint32_t col = 0; col < forgery().chip(from.table).key.main_width; ++col)
        forgery().set(one, col, Fp::zero());
    }
  }
  expect_caught("bus pixel", true);
}

/// Whether a call's row passes for some high parts of what its extents leave; `rests`: their columns, in
/// order. Its asserts and look-ups of ranges are what is asked.
template <class Chip>
bool extents_pass(const typename Chip::template Cols<Fp>& row, std::vector<const char*> rests) {
  std::vector<RowValue> values(kWidth<Chip>);
  std::copy_n(reinterpret_cast<const Fp*>(&row), values.size(), values.begin());
  const auto names = column_names(Chip::kColumns);
  for (size_t operand = 0; operand < rests.size(); ++operand) {
    const auto column = std::ranges::find(names, rests[operand]) - names.begin();
    RowValue& rest = values[static_cast<size_t>(column)];
    const Fp filled = rest.value;
    bool some = false;
    for (const Fp guess :
         {filled, Fp::zero(), Fp::from((1u << 14) - 1), filled + Fp::one(), filled - Fp::one()}) {
      rest = guess;
      RowChecker air;
      check_row<Chip>(air, values.data(), values.data());
      bool answered = air.broken.empty();
      size_t index = 0;
      for (const auto& entry : air.entries) {
        if (entry.bus != kRange14.id && entry.bus != kRange16.id) continue;
        // Registers' ages, a7's, a0's and one for each operand, then three look-ups of each extent.
        const size_t ages = rests.size() + 2, n = index++;
        if (n < ages || (n - ages) / 3 != operand) continue;
        std::vector<uint32_t> tuple;
        for (const Fp x : entry.tuple) tuple.push_back(x.value());
        answered = answered && test::has_answer(entry.bus, tuple);
      }
      EXPECT_EQ(index, 4 * rests.size() + 2);
      some = some || answered;
    }
    if (!some) return false;
  }
  return true;
}

// The extents keep operands below the end of memory, wherever a register points: modulo p, too.
TEST(EvilLayers, OperandsEndInMemory) {
  const LayerGuest layers = guest();
  const Guest of = Guest::of(layers.elf());
  const LayerImage& image = of.image->layers();
  const auto test = [](auto passes, std::vector<uint32_t> extents) {
    std::vector<uint32_t> lasts;
    for (const uint32_t extent : extents) lasts.push_back(kAddressEnd - extent);
    EXPECT_TRUE(passes(lasts));
    EXPECT_TRUE(passes(std::vector<uint32_t>(extents.size(), 0x1000)));
    for (uint32_t& base : lasts) {
      const uint32_t last = base;
      for (const uint32_t wrong :
           {last + 1, last + 4, kAddressEnd, kAddressEnd + 4, 0x3f400000u, 0x3f800000u, 0x7f000001u,
            0x7f001001u, 0x80000000u, 0xfffffffcu, 0xbe000000u}) {
        base = wrong;
        EXPECT_FALSE(passes(lasts)) << wrong;
      }
      base = last;
    }
  };
  const auto record = [](const std::vector<uint32_t>& bases) {
    vm::LayerRow record{};
    record.clk = 9;
    record.a1.value = bases[0];
    record.a2.value = bases[1];
    if (bases.size() > 2) record.a3.value = bases[2];
    return record;
  };
  const Fp(&fixed)[16] = image.entry(0).tuple;
  test(
      [&](const std::vector<uint32_t>& bases) {
        LayerCall::Cols<Fp> row;
        LayerCall::fill(row, {}, record(bases), fixed);
        return extents_pass<LayerCall>(row, {"in_rest", "out_rest"});
      },
      {fixed[14].value(), fixed[15].value()});
  const Fp(&pair)[16] = image.entry(5).tuple;
  test(
      [&](const std::vector<uint32_t>& bases) {
        LayerPairCall::Cols<Fp> row;
        LayerPairCall::fill(row, {}, record(bases), pair);
        return extents_pass<LayerPairCall>(row, {"a_rest", "b_rest", "out_rest"});
      },
      {pair[14].value(), pair[7].value(), pair[15].value()});
  const LayerImage::Entry& weights = image.entry(7);
  test(
      [&](const std::vector<uint32_t>& bases) {
        LayerWeightsCall::Cols<Fp> row;
        LayerWeightsCall::fill(row, {}, record(bases), weights.tuple, weights.operand);
        return extents_pass<LayerWeightsCall>(row, {"in_rest", "w_rest", "out_rest"});
      },
      {weights.tuple[14].value(), weights.operand[10].value(), weights.tuple[15].value()});
}

// A segment that calls layers, but whose list of banks does not say so, has another key; one that says so
// without layers in the image has none.
TEST(EvilLayers, TheListOfBanksSaysWhetherLayersAreCalled) {
  const LayerGuest layers = guest();
  Guest of = Guest::of(layers.elf());
  SessionOptions options;
  options.params = quick_params();
  Proven proven = prove_execution(of, {}, options);
  ASSERT_EQ(proven.segments.size(), 1u);
  std::vector<BankUse>& uses = proven.segments[0].uses;
  ASSERT_EQ(uses.back(), (BankUse{kLayersBank, true}));
  const auto verdict = [&] { return verify_execution(of.image->image(), proven); };
  uses.pop_back();
  EXPECT_NE(verdict(), "");
  uses.push_back({kLayersBank, false});
  EXPECT_NE(verdict(), "");
  uses.back() = {kLayersBank - 1, true};
  EXPECT_NE(verdict(), "");
  uses.back() = {kLayersBank, true};
  EXPECT_EQ(verdict(), "");
  // The program of the same text without layers.
  LayerGuest none = guest();
  none.layers.clear();
  const Guest without = Guest::of(vm::test::Assembler().exit(0).words());
  EXPECT_FALSE(machine_circuit(without.image->image(), uses));
}

// A receipt lists the groups of the layers that a segment calls. Others, others in their place, fewer,
// more: another key, or none.
TEST(EvilLayers, TheListOfBanksSaysWhichGroupsAreCalled) {
  const LayerGuest layers = guest();
  Guest of = Guest::of(layers.elf(), 1);
  SessionOptions options;
  options.params = quick_params();
  options.segment_cycles = 22;
  Proven proven = prove_execution(of, {}, options);
  const auto verdict = [&](const Image& image) { return verify_execution(image, proven); };
  const Image& image = of.image->image();
  ASSERT_EQ(image.layers.size(), layers.layers.size());
  EXPECT_EQ(verdict(image), "");
  size_t tried = 0;
  for (SegmentProof& segment : proven.segments) {
    const std::vector<BankUse> honest = segment.uses;
    if (!is_layers_bank(honest.back().bank)) continue;
    const auto expect_refused = [&](const char* what) {
      EXPECT_NE(verdict(image), "") << what;
      segment.uses = honest;
      ++tried;
    };
    segment.uses.pop_back();
    expect_refused("dropped");
    const size_t group = layer_group(honest.back().bank);
    for (size_t other = 0; other < image.layers.size(); ++other) {
      const bool listed =
          std::ranges::find(honest, layers_bank(other), &BankUse::bank) != honest.end();
      if (listed) continue;
      segment.uses.back().bank = layers_bank(other);
      std::ranges::sort(segment.uses);
      expect_refused("another");
      segment.uses.push_back({layers_bank(other), true});
      std::ranges::sort(segment.uses);
      expect_refused("one more");
    }
    segment.uses.back().bank = layers_bank(image.layers.size());
    std::ranges::sort(segment.uses);
    expect_refused("none of the image's");
    segment.uses.back().constant = false;
    expect_refused("as RAM");
    // Of two groups with tables of the same heights, the one for the other in the image.
    for (size_t other = 0; other < image.layers.size(); ++other) {
      if (other == group || image.layer_heights[other] != image.layer_heights[group]) continue;
      Image exchanged = image;
      std::swap(exchanged.layers[other], exchanged.layers[group]);
      EXPECT_NE(verdict(exchanged), "");
    }
  }
  EXPECT_GE(tried, 40u);
}

// Two layers of one geometry in two groups: what one answers is no answer for the other.
TEST(EvilLayers, NoGroupAnswersForAnother) {
  const LayerGuest layers = guest();
  Workbench bench(Guest::of(layers.elf(false), 1), {});
  Forgery& forgery = *bench.forgery;
  ASSERT_EQ(forgery.caught(), "");
  EXPECT_EQ(bench.prove_and_verify(), "");
  const auto expect_caught = [&](const std::string& by, bool prove) {
    forgery.repair_banks();
    const std::string caught = forgery.caught();
    EXPECT_TRUE(caught.starts_with(by) && !caught.empty()) << "caught by: " << caught;
    if (prove) {
      EXPECT_FALSE(check_witness(*bench.circuit, forgery.finished()).ok());
      EXPECT_NE(bench.prove_and_verify(), "");
    }
    forgery.reset();
  };
  const auto at = [&](const char* chip, uint64_t row) { return Place{forgery.table(chip), row}; };
  // The whole job with the other one's weights, by keys of its group.
  for (uint64_t r = 0; r < 4; ++r)
    forgery.set(at(LayerProduct::kName, r), "key",
                forgery.get(at(LayerProduct::kName, 10 + r), "key"));
  expect_caught("bus layer", true);
  // The call names the other group's lists, or its weights.
  const Place call = at(LayerCall::kName, 0), other = at(LayerCall::kName, 4);
  for (const char* column : {"key", "channel_end", "position_end"}) {
    ASSERT_NE(forgery.get(call, column), forgery.get(other, column)) << column;
    forgery.set(call, column, forgery.get(other, column));
    expect_caught("bus layer", true);
  }
  // Powers may come from any group; a power that is none comes from none.
  const size_t powers = forgery.table(PowersTable::kName);
  forgery.set({powers, 1}, "mu[0]", forgery.get({powers, 1}, "mu[0]") + Fp::one());
  expect_caught("powers", false);
}

/// Rows of the n-th job of a table.
std::vector<Place> rows_of_job(const Forgery& forgery, const char* chip, size_t n) {
  const size_t t = forgery.table(chip);
  std::vector<Place> rows;
  size_t begun = 0;
  for (uint64_t r = 0; forgery.get({t, r}, "real") == Fp::one(); ++r) {
    if (forgery.get({t, r}, "first") == Fp::one()) ++begun;
    if (begun == n + 1) rows.push_back({t, r});
  }
  return rows;
}

/// What a prover might do with pairs, and by what it is refuted. The guest has two: a - b of positions
/// in threes, and b - a where b has one.
TEST_F(Hazard, OfPairs) {
  Forgery& forgery = this->forgery();
  const size_t call_table = forgery.table(LayerPairCall::kName);
  const Place calls[] = {{call_table, 0}, {call_table, 1}};
  const std::vector<Place> pairs[] = {rows_of_job(forgery, LayerPair::kName, 0),
                                      rows_of_job(forgery, LayerPair::kName, 1)};
  ASSERT_EQ(pairs[0].size(), 6u);
  ASSERT_EQ(pairs[1].size(), 4u);
  // Reading: five layers before, then a and b of each.
  const std::vector<Place> reads[] = {rows_of_job(forgery, LayerRead::kName, 5),
                                      rows_of_job(forgery, LayerRead::kName, 6)};
  ASSERT_EQ(reads[0].size(), 6u);
  // `prove`: the verifier is asked, too.
  const auto expect = [&](const char* hazard, std::set<std::string> among, auto forge,
                          bool prove = false) {
    ASSERT_EQ(forgery.caught(), "");
    forge();
    forgery.repair_banks();
    const std::set<std::string> complaints = forgery.complaints();
    for (const std::string& expected : among)
      EXPECT_TRUE(complaints.contains(expected))
          << hazard << ": expected " << expected << ", found "
          << ::testing::PrintToString(complaints);
    if (prove) {
      EXPECT_FALSE(check_witness(*bench_->circuit, forgery.finished()).ok()) << hazard;
      EXPECT_NE(bench_->prove_and_verify(), "") << hazard;
    }
    forgery.reset();
  };
  const auto set = [&](const std::vector<Place>& rows, const char* col, Fp value) {
    for (const Place at : rows) forgery.set(at, col, value);
  };
  // value_i = f(a_i, b_i) in the whole job.
  const auto compute = [&](const std::vector<Place>& rows, auto f) {
    for (const Place at : rows)
      for (int i = 0; i < 4; ++i) {
        const auto byte = [&](const char* word) {
          return forgery.get(at, fmt::format("{}_byte[{}]", word, i)).value();
        };
        forgery.set(at, fmt::format("value[{}]", i),
                    Fp::from(static_cast<uint8_t>(f(byte("a"), byte("b")))));
      }
  };
  const auto exchange = [&](Place at, const std::string& one, const std::string& other) {
    const Fp was = forgery.get(at, one);
    forgery.set(at, one, forgery.get(at, other));
    forgery.set(at, other, was);
  };
  const Fp other_table = forgery.get(pairs[1][0], "table");
  expect("another table, of the writing job alone", {"bus layer write"}, [&] {
    set(pairs[0], "table", other_table);
    compute(pairs[0], [](uint32_t a, uint32_t b) { return b - a; });
  });
  expect(
      "another table, of the call", {"bus layer"},
      [&] {
        set(pairs[0], "table", other_table);
        set({calls[0]}, "table", other_table);
        compute(pairs[0], [](uint32_t a, uint32_t b) { return b - a; });
      },
      true);
  expect("another table, in one row", {"layer pair: constants of a job"},
         [&] { set({pairs[0][2]}, "table", other_table); });
  expect("a table's byte that it has not", {"bus pair byte"},
         [&] { set({pairs[0][2]}, "value[1]", Fp::from(256)); });
  expect("a byte of a and one of b exchanged for others of the same key", {"bus pixel"}, [&] {
    const Place at = pairs[0][1];
    forgery.set(at, "a_byte[0]", forgery.get(at, "a_byte[0]") - Fp::one());
    forgery.set(at, "b_byte[0]", forgery.get(at, "b_byte[0]") + Fp::from(256));
  });
  expect("a and b exchanged", {"bus pixel"}, [&] {
    for (const Place at : pairs[0])
      for (int i = 0; i < 4; ++i)
        exchange(at, fmt::format("a_byte[{}]", i), fmt::format("b_byte[{}]", i));
    compute(pairs[0], [](uint32_t a, uint32_t b) { return a - b; });
  });
  expect(
      "a and b exchanged by the operands of the reading jobs", {"bus layer read"},
      [&] {
        set(reads[0], "operand", Fp::one());
        set(reads[1], "operand", Fp::zero());
        for (const Place at : pairs[0])
          for (int i = 0; i < 4; ++i)
            exchange(at, fmt::format("a_byte[{}]", i), fmt::format("b_byte[{}]", i));
        compute(pairs[0], [](uint32_t a, uint32_t b) { return a - b; });
      },
      true);
  expect("a and b exchanged in the call", {"bus memory"}, [&] {
    for (const char* col : {"a[0]", "a[1]"}) exchange(calls[0], col, std::string("b") + (col + 1));
  });
  expect(
      "b read at a's time", {"bus layer read"}, [&] { set(reads[1], "operand", Fp::zero()); },
      true);
  expect("b read at the time of the write", {"layer read: operand", "bus layer read"},
         [&] { set(reads[1], "operand", Fp::from(2)); });
  expect("the operand flipped within a job", {"layer read: constants of a job", "bus pixel"},
         [&] { set({reads[0][2]}, "operand", Fp::one()); });
  expect("the list of another pair, in the writing job", {"bus layer write", "bus pixel"}, [&] {
    set(pairs[1], "list_end", forgery.get(pairs[0][0], "list_end"));
    for (size_t i = 0; i < 4; ++i)
      for (const char* col : {"quad", "a", "b", "offset"})
        set({pairs[1][i]}, col, forgery.get(pairs[0][2 + i], col));
  });
  expect(
      "the list of another pair, in the call", {"bus layer"},
      [&] {
        set(pairs[1], "list_end", forgery.get(pairs[0][0], "list_end"));
        set({calls[1]}, "list_end", forgery.get(pairs[0][0], "list_end"));
      },
      true);
  expect("another place in the list", {"bus pair operands"},
         [&] { set({pairs[1][0]}, "offset", forgery.get(pairs[1][0], "offset") + Fp::one()); });
  expect("a word less", {"layer pair: all words"}, [&] { set({pairs[1][3]}, "real", Fp::zero()); });
  expect("a pair by the call of one input", {"layer call: linear"}, [&] {
    set({{forgery.table(LayerCall::kName), 0}}, "kind", Fp::from(number(LayerKind::kPair)));
  });
}

/// What a prover might do with weights in memory. The guest has three layers of one geometry: `columns` and
/// `rows`, with biases, and one without.
TEST_F(Hazard, OfWeightsInMemory) {
  Forgery& forgery = this->forgery();
  const Place calls[] = {at(LayerWeightsCall::kName, 0), at(LayerWeightsCall::kName, 1),
                         at(LayerWeightsCall::kName, 2)};
  const auto job = [&](const char* chip, size_t n) { return rows_of_job(forgery, chip, n); };
  const std::vector<Place> reads[] = {job(LayerReadWeights::kName, 0),
                                      job(LayerReadWeights::kName, 1),
                                      job(LayerReadWeights::kName, 2)};
  const std::vector<Place> products[] = {job(LayerProductMemory::kName, 0),
                                         job(LayerProductMemory::kName, 1),
                                         job(LayerProductMemory::kName, 2)};
  const std::vector<Place> biases[] = {job(LayerBias::kName, 0), job(LayerBias::kName, 1)};
  for (const auto& rows : reads) ASSERT_EQ(rows.size(), 8u);
  for (const auto& rows : products) ASSERT_EQ(rows.size(), 4u);
  for (const auto& rows : biases) ASSERT_EQ(rows.size(), 16u);
  ASSERT_TRUE(job(LayerBias::kName, 2).empty());
  // `prove`: the verifier is asked, too.
  const auto expect = [&](const char* hazard, std::set<std::string> among, auto forge,
                          bool prove = false) {
    ASSERT_EQ(forgery.caught(), "");
    forge();
    forgery.repair_banks();
    const std::set<std::string> complaints = forgery.complaints();
    for (const std::string& expected : among)
      EXPECT_TRUE(complaints.contains(expected))
          << hazard << ": expected " << expected << ", found "
          << ::testing::PrintToString(complaints);
    if (prove) {
      EXPECT_FALSE(check_witness(*bench_->circuit, forgery.finished()).ok()) << hazard;
      EXPECT_NE(bench_->prove_and_verify(), "") << hazard;
    }
    forgery.reset();
  };
  const auto set = [&](const std::vector<Place>& rows, const std::string& col, Fp value) {
    for (const Place at : rows) forgery.set(at, col, value);
  };
  const auto exchange = [&](Place at, Place other, const std::string& col) {
    const Fp was = forgery.get(at, col);
    forgery.set(at, col, forgery.get(other, col));
    forgery.set(other, col, was);
  };
  const Fp clks[] = {get(calls[0], "clk"), get(calls[1], "clk"), get(calls[2], "clk")};

  // Products.
  expect("two products exchanged", {"layer product memory: next key"},
         [&] { exchange(products[0][0], products[0][1], "key"); });
  expect("two products' weights exchanged", {"layer product memory: next product"},
         [&] { exchange(products[0][0], products[0][1], "left"); });
  expect(
      "another layer's products", {"bus memory products"},
      [&] {
        for (size_t i = 0; i < 4; ++i) set({products[0][i]}, "key", get(products[1][i], "key"));
      },
      true);
  expect("another layer's products, in the call", {"bus layer"}, [&] {
    set({calls[0]}, "key", get(calls[1], "key"));
    for (size_t i = 0; i < 4; ++i) set({products[0][i]}, "key", get(products[1][i], "key"));
  });
  expect(
      "powers of another product", {"bus product"},
      [&] { exchange(products[0][0], products[0][1], "mu_power"); }, true);
  expect("a group's end that is not shifted", {"bus product"}, [&] {
    for (const Place at : products[0]) set({at}, "lambda_power", Fp::zero());
  });
  expect("activations of another quad", {"bus product"},
         [&] { set({products[0][0]}, "quad", Fp::one()); });
  expect("a product less", {"layer product memory: all products", "bus memory weights"},
         [&] { set({products[0][3]}, "real", Fp::zero()); });

  // Which words are weights.
  expect("weights of another call", {"bus read weights"}, [&] {
    set(reads[0], "clk", clks[1]);
    set(reads[1], "clk", clks[0]);
  });
  expect(
      "weights at another place", {"bus read weights"},
      [&] {
        for (size_t i = 0; i < 8; ++i) set({reads[0][i]}, "place", get(reads[1][i], "place"));
      },
      true);
  expect("weights at another place, in the call", {"bus memory"}, [&] {
    for (size_t i = 0; i < 8; ++i) set({reads[0][i]}, "place", get(reads[1][i], "place"));
    for (const char* col : {"w[0]", "w[1]"}) set({calls[0]}, col, get(calls[1], col));
  });
  for (const char* col : {"lane", "step", "jump", "zero", "by_outputs", "rows"}) {
    expect(col, {"layer read weights: constants of a job"},
           [&] { set({reads[0][3]}, col, get(reads[0][3], col) + Fp::one()); });
  }
  expect(
      "columns taken for rows", {"bus read weights"},
      [&] { set(reads[0], "by_outputs", Fp::one()); }, true);
  expect("columns taken for rows, in the call", {"bus operand"}, [&] {
    set(reads[0], "by_outputs", Fp::one());
    set({calls[0]}, "by_outputs", Fp::one());
  });
  expect("another zero point", {"bus read weights"}, [&] { set(reads[0], "zero", Fp::zero()); });
  expect("another zero point, in the call", {"bus operand"}, [&] {
    set(reads[0], "zero", Fp::zero());
    set({calls[0]}, "w_zero", Fp::zero());
  });
  for (const char* col :
       {"lane", "row_step", "product_jump", "product_rows", "bias_place", "biases", "w_extent"})
    expect(col, {"bus operand"}, [&] { set({calls[1]}, col, get(calls[1], col) - Fp::one()); });
  expect("a run that ends early", {"layer read weights: all positions"},
         [&] { set({reads[0][1]}, "start", Fp::one()); });
  expect("a run that ends late", {"layer read weights: next position"},
         [&] { set({reads[0][2]}, "start", Fp::zero()); });
  expect("a job that ends early", {"layer read weights: all products", "bus memory weights"}, [&] {
    for (const char* col : {"start", "real"}) set({reads[0][6], reads[0][7]}, col, Fp::zero());
  });
  expect("a job within a job", {"layer read weights: all products", "bus read weights"},
         [&] { set({reads[0][2]}, "first", Fp::one()); });
  expect("a product skipped", {"layer read weights: next product"}, [&] {
    for (size_t i = 2; i < 8; ++i)
      set({reads[0][i]}, "products", get(reads[0][i], "products") - Fp::one());
  });
  expect("a weight that is no byte", {"bus bytes"}, [&] {
    set({reads[0][0]}, "byte0[0]", get(reads[0][0], "byte0[0]") + Fp::from(256));
    set({reads[0][0]}, "byte0[1]", get(reads[0][0], "byte0[1]") - Fp::one());
  });
  expect(
      "a weight that memory does not hold", {"bus memory"},
      [&] {
        set({reads[0][0]}, "byte0[0]",
            get(reads[0][0], "byte0[0]") == Fp::zero() ? Fp::one() : Fp::zero());
      },
      true);
  expect("a sum of weights that is none", {"layer read weights: sum of weights"}, [&] {
    for (const char* col : {"v0[0]", "v3[4]"}) {
      set({reads[0][0]}, col, get(reads[0][0], col) + Fp::one());
      set({products[0][0]}, col, get(products[0][0], col) + Fp::one());
    }
  });
  expect("sums of weights exchanged between products", {"bus memory weights"}, [&] {
    for (int k = 0; k < 4; ++k)
      for (int c = 0; c < 5; ++c)
        exchange(products[0][0], products[0][1], fmt::format("v{}[{}]", k, c));
  });

  // Biases.
  expect(
      "biases left out by the products", {"bus memory products", "bus bias sum"},
      [&] { set({products[0][0]}, "biased", Fp::zero()); }, true);
  expect("biases left out by the call", {"bus operand"}, [&] {
    set({calls[0], products[0][0]}, "biased", Fp::zero());
    set(biases[0], "real", Fp::zero());
    set(biases[0], "first", Fp::zero());
  });
  expect("biases where there are none", {"bus operand", "bus read bias"},
         [&] { set({calls[2], products[2][0]}, "biased", Fp::one()); });
  expect("biases added by each product", {"layer product memory: biased"},
         [&] { set({products[0][1]}, "biased", Fp::one()); });
  expect(
      "biases added twice", {"bus read bias", "bus bias sum"},
      [&] {
        const auto& columns = forgery.chip(biases[0][0].table).columns;
        for (size_t i = 0; i < 16; ++i)
          for (uint32_t col = 0; col + LayerBias::kLateWidth < columns.size(); ++col)
            forgery.set({biases[1][15].table, biases[1][15].row + 1 + i}, col,
                        forgery.get(biases[0][i], col));
      },
      true);
  expect("biases of another call", {"bus read bias"}, [&] {
    set(biases[0], "clk", clks[1]);
    set(biases[1], "clk", clks[0]);
  });
  expect("biases at another place", {"bus read bias"}, [&] {
    for (const Place at : biases[0]) set({at}, "place", get(at, "place") + Fp::one());
  });
  expect("fewer biases", {"layer bias: all outputs"},
         [&] { set({biases[0][15]}, "real", Fp::zero()); });
  expect("a bias skipped", {"layer bias: next place"},
         [&] { set({biases[0][15]}, "place", get(biases[0][15], "place") + Fp::one()); });
  expect("biases of fewer positions", {"bus read bias"},
         [&] { set({biases[0][0]}, "positions", get(biases[0][0], "positions") - Fp::one()); });
  expect("biases of positions of another power", {"layer bias: sum of powers"},
         [&] { set({biases[0][0]}, "ones[0]", get(biases[0][0], "ones[0]") + Fp::one()); });
  expect("a power that is none", {"bus power", "layer bias: sum of powers"},
         [&] { set({biases[0][0]}, "power[2]", get(biases[0][0], "power[2]") + Fp::one()); });
  expect(
      "a sum of biases that both sides agree on", {"layer bias: sum over positions"},
      [&] {
        set({biases[0][0]}, "sum[1]", get(biases[0][0], "sum[1]") + Fp::one());
        set({products[0][0]}, "bias[1]", get(products[0][0], "bias[1]") + Fp::one());
      },
      true);
  expect("a bias without one", {"layer product memory: no biases", "bus layer total"},
         [&] { set({products[2][0]}, "bias[0]", Fp::one()); });
  expect("a bias of another sign", {"bus range14"},
         [&] { set({biases[0][0]}, "negative", Fp::one() - get(biases[0][0], "negative")); });

  // Calls.
  expect("words written for bytes", {"bus layer", "bus layer write"},
         [&] { set({calls[0]}, "sums", Fp::one()); });
  expect("a layer with weights of its own", {"layer weights call: sums", "bus layer"},
         [&] { set({calls[0]}, "sums", -Fp::from(LayerWeightsCall::kOfTwo)); });
  expect("by the call of one input", {"layer call: linear", "bus layer"},
         [&] { set({at(LayerCall::kName, 0)}, "kind", Fp::from(number(LayerKind::kBytesOfTwo))); });
  expect("two calls in one tick", {"bus state"}, [&] { set({calls[1]}, "clk", clks[0]); });
}

/// Activations and results of layers with weights in memory, in the wide forms. The guest's last two layers
/// are such, with biases and without.
TEST_F(WideHazard, OfWeightsInMemory) {
  const auto job = [&](const char* chip, size_t n) { return rows_of_job(forgery(), chip, n); };
  const std::vector<Place> reads[] = {job(LayerReadWide::kName, 6), job(LayerReadWide::kName, 7)};
  const std::vector<Place> writes[] = {job(LayerWriteBytesWide::kName, 5),
                                       job(LayerWriteBytesWide::kName, 6)};
  const std::vector<Place> products = job(LayerProductMemory::kName, 0);
  for (size_t n = 0; n < 2; ++n) {
    ASSERT_EQ(get(reads[n].at(0), "clk"), get(at(LayerWeightsCall::kName, n), "clk"));
    ASSERT_EQ(get(writes[n].at(0), "clk"), get(at(LayerWeightsCall::kName, n), "clk"));
  }
  // Another activation, in the row alone and in memory, too.
  add(reads[0][0], "byte1[2]", Fp::one());
  expect_caught("bus", true);
  add(reads[0][0], "x1[0]", Fp::one());
  add(products[0], "x1[0]", Fp::one());
  expect_caught("layer ");
  // Words of the other call.
  for (size_t r = 0; r < reads[0].size(); ++r) set(reads[0][r], "clk", get(reads[1][r], "clk"));
  expect_caught("bus", true);
  // A sum within its step; one that nothing emits; a bias, which the sum has already.
  const auto row_with = [&](const char* one, const char* other, Fp value) {
    const auto found = std::ranges::find_if(writes[0], [&](Place row) {
      return get(row, one) == Fp::one() && get(row, other) == value;
    });
    EXPECT_NE(found, writes[0].end());
    return *found;
  };
  const Place emitted = row_with("emit1", "wide1[0]", Fp::zero());
  const Fp by = get(emitted, "rest1[0]") == Fp::zero() ? -Fp::one() : Fp::one();
  add(emitted, "raw1[0]", by);
  add(emitted, "from1[0]", by);
  add(emitted, "rest1[0]", -by);
  expect_caught("bus layer total", true);
  const Place hidden = row_with("live3", "emit3", Fp::zero());
  add(hidden, "raw3[2]", Fp::one());
  add(hidden, "edge3[2]", Fp::one());
  expect_caught("bus layer total", true);
  for (const Place row : writes[0]) {
    ASSERT_EQ(get(row, "bias[1]"), Fp::zero());
    set(row, "bias[1]", Fp::one());
    for (int lane = 0; lane < 4; ++lane) {
      add(row, fmt::format("raw{}[1]", lane), -Fp::one());
    }
  }
  expect_caught("bus", true);
  // The sums of the other call, whose biases are none.
  for (const Place row : writes[0]) set(row, "clk", get(writes[1][0], "clk"));
  expect_caught("bus", true);
}

// A bias that the VM would not take has no row, whatever its sign is said to be.
TEST(EvilLayers, BiasesOfTwentyNineBits) {
  const auto passes = [](uint32_t word, bool negative) {
    LayerBias::Cols<Fp> row{};
    row.first = row.real = row.left = Fp::one();
    row.value = limbs_of(word);
    row.negative = fp(negative);
    row.clk = Fp::from(9);
    std::vector<RowValue> values(kWidth<LayerBias>), next(kWidth<LayerBias>);
    std::copy_n(reinterpret_cast<const Fp*>(&row), values.size(), values.begin());
    RowChecker air;
    air.set_late(LatePowers(Fp5::one(), Fp5::one()));
    check_row<LayerBias>(air, values.data(), next.data());
    // Its age's look-ups are not the question.
    size_t unanswered = 0;
    for (const auto& entry : air.entries)
      if (entry.bus == kRange14.id && !test::has_answer(entry.bus, {entry.tuple[0].value()}))
        ++unanswered;
    return unanswered == 0;
  };
  for (const uint32_t word : {0u, 1u, 0xffffu, 0x0fff0000u, 0x0fffffffu}) {
    EXPECT_TRUE(passes(word, false)) << word;
    EXPECT_FALSE(passes(word, true)) << word;
  }
  for (const uint32_t word : {0xf0000000u, 0xf000ffffu, 0xffffffffu, 0xfffe0001u}) {
    EXPECT_TRUE(passes(word, true)) << word;
    EXPECT_FALSE(passes(word, false)) << word;
  }
  for (const uint32_t word :
       {0x10000000u, 0x1fffffffu, 0x40000000u, 0x7fffffffu, 0x80000000u, 0xefffffffu, 0xbfffffffu})
    EXPECT_FALSE(passes(word, false) || passes(word, true)) << word;
}

}  // namespace
}  // namespace zkvm::stark::machine::evil
