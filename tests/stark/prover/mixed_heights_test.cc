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

TEST(MixedHeights, NoSmallerTableHoldsTheMasks) {
  std::vector<uint8_t> log_heights = toys::every_height();
  log_heights.push_back(log_heights.back() - 1);
  std::vector<TableSpec> tables;
  for (const uint8_t log : log_heights) tables.push_back({0, log});
  const auto refused = choose_params(toys::mixed({8}).circuit.key(), tables, 0, Params{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTables) << refused.error().message;
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
