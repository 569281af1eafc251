// Tables of every height in one proof, at the parameters and the level that receipts have.
#include <gtest/gtest.h>

#include <algorithm>

#include "stark/witness/checker.h"
#include "tests/stark/support/proving.h"
#include "tests/stark/toys/mixed.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kRestart = 2;  // a column that no bus reads: the checker goes over rows once

/// A lie: the table starts again in the middle.
Fp& lying_cell(Table& table) { return table.cell(table.height() / 2, kRestart); }

bool lists(const CheckReport& report, size_t table) {
  return std::ranges::any_of(report.failures,
                             [&](const CheckFailure& failure) { return failure.table == table; });
}

TEST(MixedHeights, FromTheLeastTo2To20) {
  toys::Toy toy = toys::mixed(toys::every_height());
  const auto params = secure_params(toy);
  ASSERT_TRUE(params) << params.error().message;
  EXPECT_TRUE(params->zk);
  const ToyProver prover(toy, *params);
  const Statement statement = prover.statement();
  const Proof proof = prover.prove();
  const auto ok = verify(prover.key(), statement, proof.serialise());
  ASSERT_TRUE(ok) << ok.error().message;
  EXPECT_GE(ok->soundness.bits, kDefaultSecurityBits);

  for (size_t i = 0; i < proof.tables.size(); ++i) {
    for (const int by : {-1, 1}) {
      Proof other = proof;
      other.tables[i].log_height = static_cast<uint8_t>(other.tables[i].log_height + by);
      EXPECT_FALSE(check(prover.key(), statement, other)) << "table " << i << ": " << by;
    }
    for (size_t j = 0; j < i; ++j) {
      Proof swapped = proof;
      std::swap(swapped.tables[i].log_height, swapped.tables[j].log_height);
      const auto refused = check(prover.key(), statement, swapped);
      ASSERT_FALSE(refused) << "tables " << i << " and " << j;
      EXPECT_EQ(refused.error().code, ErrorCode::kNonCanonical);
    }
  }

  lying_cell(toy.witness.tables.front()) = Fp::one();
  lying_cell(toy.witness.tables.back()) = Fp::one();
  const CheckReport report = check_witness(toy.circuit, toy.witness);
  EXPECT_EQ(report.total, 2u) << report.to_string();
  EXPECT_TRUE(lists(report, 0) && lists(report, toy.witness.tables.size() - 1))
      << report.to_string();
}

// A height that is too near the tallest for short masks, and too low for long ones.
TEST(MixedHeights, NoSmallerTableHoldsLongMasks) {
  const auto with = [](std::vector<uint8_t> log_heights) {
    std::vector<TableSpec> tables;
    for (const uint8_t log : log_heights) tables.push_back({0, log});
    return choose_params(toys::mixed({8}).circuit.key(), tables, 0, Params{});
  };
  const auto refused = with({13, 9});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTables) << refused.error().message;
  EXPECT_TRUE(with({13, 12}));
  EXPECT_TRUE(with({16, 12, 11}));
}

// Short masks in stacks of every size, at the level that receipts have, at each rate.
TEST(MixedHeights, FarBelowTheTallest) {
  for (const uint8_t log_blowup : {uint8_t{1}, uint8_t{2}, uint8_t{3}})
    for (const Regime regime : {Regime::kUnique, Regime::kJohnson}) {
      std::vector<uint8_t> log_heights = {16, 13, 11, 11};
      if (log_blowup > 1) log_heights.insert(log_heights.end(), {10, 9});
      toys::Toy toy = toys::mixed(log_heights);
      toy.witness.sort();
      const auto params = choose_params(toy.circuit.key(), toy.witness.specs(), 0,
                                        {.log_blowup = log_blowup, .log_stack = 1}, 128, 0, regime);
      ASSERT_TRUE(params) << params.error().message;
      const ToyProver prover(toy, *params);
      const Statement statement = prover.statement();
      const auto ok = verify(prover.key(), statement, prover.prove().serialise());
      ASSERT_TRUE(ok) << ok.error().message;
      EXPECT_EQ(ok->soundness.regime, regime);
      Table& table = toy.witness.tables.back();
      lying_cell(table) = Fp::one();
      EXPECT_FALSE(check(prover.key(), statement, prover.prove())) << "SOUNDNESS";
      lying_cell(table) = Fp{};
    }
}

// Lower tables, so that one lie a proof costs little.
TEST(MixedHeights, EveryTableCounts) {
  toys::Toy toy = toys::mixed({16, 15, 14, 13, 12});
  for (const uint8_t log_stack : {uint8_t{0}, uint8_t{2}}) {
    const auto params = secure_params(toy, log_stack);
    ASSERT_TRUE(params) << params.error().message;
    const ToyProver prover(toy, *params);
    const Statement statement = prover.statement();
    const auto ok = verify(prover.key(), statement, prover.prove().serialise());
    ASSERT_TRUE(ok) << ok.error().message;
    for (Table& table : toy.witness.tables) {
      lying_cell(table) = Fp::one();
      const auto refused = check(prover.key(), statement, prover.prove());
      EXPECT_FALSE(refused) << "SOUNDNESS: accepted: a lie in 2^" << int{table.log_height}
                            << " rows, stacks of 2^" << int{log_stack};
      lying_cell(table) = Fp{};
    }
  }
}

}  // namespace
}  // namespace zkvm::stark
