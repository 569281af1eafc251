// Heights of tables and the parameters that segments share.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "stark/protocol/soundness.h"
#include "stark/session/execution_params.h"
#include "stark/session/rows/table_heights.h"
#include "tests/stark/toys/accumulator.h"

namespace zkvm::stark::machine {
namespace {

uint64_t rows_in(const std::vector<uint8_t>& heights) {
  return std::accumulate(heights.begin(), heights.end(), uint64_t{0},
                         [](uint64_t sum, uint8_t log) { return sum + (uint64_t{1} << log); });
}

TEST(TableHeights, HoldAllRowsWithLittlePadding) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<RowsToPlace> chips;
    uint64_t cells = 0, small = 0;
    for (int i = 0; i < 20; ++i) {
      const uint64_t rows = random() % (uint64_t{1} << random() % 23);
      chips.push_back({rows, 20 + static_cast<uint32_t>(random() % 80)});
      cells += rows * chips.back().columns;
      small += chips.back().columns << 14;
    }
    const auto heights = HeightSearch().choose(chips, std::vector<uint8_t>{14});
    ASSERT_EQ(heights.size(), chips.size());
    uint64_t placed = 0;
    size_t tables = 0;
    for (size_t i = 0; i < chips.size(); ++i) {
      EXPECT_EQ(heights[i].empty(), chips[i].rows == 0);
      EXPECT_GE(rows_in(heights[i]), chips[i].rows);
      EXPECT_TRUE(std::ranges::is_sorted(heights[i], std::greater{}));
      for (const uint8_t log : heights[i]) {
        EXPECT_GE(log, kMinLogHeight);
        EXPECT_LE(log, kMaxLogHeight);
      }
      placed += rows_in(heights[i]) * chips[i].columns;
      tables += heights[i].size();
    }
    EXPECT_LT(placed, cells + cells / 2 + small);
    EXPECT_LT(tables, 100u);
  }
}

TEST(TableHeights, OneRowTakesTheLeastTable) {
  const std::vector<RowsToPlace> chips = {{1, 50}, {0, 50}, {1u << 20, 50}};
  const auto heights = HeightSearch().choose(chips, std::vector<uint8_t>{14});
  EXPECT_EQ(heights[0].size(), 1u);
  EXPECT_LE(heights[0][0], 14);
  EXPECT_TRUE(heights[1].empty());
  EXPECT_EQ(rows_in(heights[2]), 1u << 20);
}

/// Tables whose heights do not depend on the rate.
auto for_each_rate(const std::vector<SegmentShape>& shapes) {
  return [&](uint8_t) -> Result<std::vector<SegmentShape>> { return shapes; };
}

TEST(ExecutionParams, AreEnoughForEverySegmentAtOneRate) {
  std::vector<SegmentShape> shapes;
  for (const uint8_t log : {uint8_t{12}, uint8_t{14}, uint8_t{16}}) {
    const toys::Toy toy = toys::accumulator(log, log);
    shapes.push_back({toy.circuit.key(), toy.witness.specs(), toy.witness.publics.size()});
  }
  for (const uint64_t count : {uint64_t{1}, uint64_t{100}}) {
    for (SegmentShape& segment : shapes) segment.count = count;
    const uint64_t segments = 3 * count;
    const auto common = choose_execution_params(for_each_rate(shapes), {}, 110);
    ASSERT_TRUE(common) << common.error().message;
    double worst = 1000, rate = 0;
    for (const SegmentShape& segment : shapes) {
      const auto shape = make_shape(segment.key, common->params, segment.tables);
      ASSERT_TRUE(shape);
      const auto at = [&](double least) {
        return soundness(*shape, segment.key.tuple_width, segment.publics, least);
      };
      rate = std::max(rate, at(0).rho);
      worst = std::min(worst, at(common->least_rate).bits);
    }
    EXPECT_LE(rate, common->least_rate);  // so that it is the rate of all
    EXPECT_GE(worst, 110 + std::log2(segments));
    EXPECT_LT(worst, 112 + std::log2(segments));  // and not much more
  }
}

TEST(ExecutionParams, SayWhatIsOutOfReach) {
  const toys::Toy toy = toys::accumulator(16, 16);
  const std::vector<SegmentShape> shapes = {
      {toy.circuit.key(), toy.witness.specs(), toy.witness.publics.size()}};
  const auto common = choose_execution_params(for_each_rate(shapes), {}, 160);
  ASSERT_FALSE(common);
  EXPECT_EQ(common.error().code, ErrorCode::kSecurity);
}

// What weighs nothing is not spared; what weighs much is.
TEST(ExecutionParams, WeighBytesPointsAndCells) {
  const toys::Toy toy = toys::accumulator(14, 14);
  VerifyingKey key = toy.circuit.key();
  for (Slot& slot : key.slots) slot.log_blowup = 3;
  const std::vector<SegmentShape> shapes = {{.key = key,
                                             .tables = toy.witness.specs(),
                                             .publics = toy.witness.publics.size(),
                                             .cells = uint64_t{64} << 14}};
  const auto chosen = [&](uint8_t log_blowup, const Weights& weights) {
    Params wish;
    wish.log_blowup = log_blowup;
    const auto params = choose_execution_params(for_each_rate(shapes), wish, 100, weights);
    EXPECT_TRUE(params) << params.error().message;
    return params->params;
  };
  const auto bytes = [&](const Params& params) {
    return estimate_proof_bytes(*make_shape(key, params, toy.witness.specs()));
  };
  const Params smallest = chosen(0, {.bytes_per_point = 0, .bytes_per_cell = 0, .lowest_rate = 3});
  const Params usual = chosen(0, {});
  const Params fastest = chosen(1, {.bytes_per_point = 1e6});
  EXPECT_EQ(fastest.log_blowup, 1);
  EXPECT_EQ(fastest.log_stack, 0);
  EXPECT_LE(usual.log_blowup, 2);
  EXPECT_LE(bytes(smallest), bytes(usual));
  EXPECT_LE(bytes(usual), bytes(fastest));
  for (uint8_t log_blowup = 1; log_blowup <= 3; ++log_blowup)
    EXPECT_LE(bytes(smallest), bytes(chosen(log_blowup, {.bytes_per_point = 0})));
  EXPECT_EQ(chosen(0, {.bytes_per_cell = 1e6}).log_blowup, 1);
}

}  // namespace
// Each rate is judged by the tables that it would have, and those of the best one are made last.
TEST(ExecutionParams, AreChosenAmongTheTablesOfEachRate) {
  const toys::Toy small = toys::accumulator(14, 14), large = toys::accumulator(18, 18);
  const auto shapes_of = [](const toys::Toy& toy) {
    VerifyingKey key = toy.circuit.key();
    for (Slot& slot : key.slots) slot.log_blowup = 3;
    return std::vector<SegmentShape>{{key, toy.witness.specs(), toy.witness.publics.size()}};
  };
  Params any_rate;
  any_rate.log_blowup = 0;
  for (const bool half_is_small : {true, false}) {
    std::vector<int> calls;
    const auto shapes_for = [&](uint8_t rate) -> Result<std::vector<SegmentShape>> {
      calls.push_back(rate);
      return shapes_of((rate == 1) == half_is_small ? small : large);
    };
    const auto chosen =
        choose_execution_params(shapes_for, any_rate, 100, {.bytes_per_point = 100});
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(chosen->params.log_blowup, half_is_small ? 1 : 2);
    EXPECT_EQ(calls.back(), chosen->params.log_blowup);
  }
}

}  // namespace zkvm::stark::machine
