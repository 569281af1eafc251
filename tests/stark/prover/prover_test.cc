// The fast prover against the reference prover and the verifier, on every toy circuit.
#include "stark/prover/prover.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <optional>
#include <sstream>

#include "stark/transcript/transcript_log.h"
#include "tests/stark/support/proving.h"
#include "tests/stark/toys/all.h"

namespace zkvm::stark {
namespace {

std::vector<uint8_t> reference_proof(const ToyProver& prover, const toys::Toy& toy,
                                     const Params& params) {
  ReferenceProver reference(prover.key(), params, toy.witness, prover.reference_slots(),
                            prover.random());
  return reference.prove().serialise();
}

/// Masked or not, and the columns in a word of the tallest tables' rows.
class Proving : public testing::TestWithParam<std::tuple<bool, uint8_t>> {
 protected:
  Params params_ = quick_params(std::get<0>(GetParam()), std::get<1>(GetParam()));
};

TEST_P(Proving, ReferenceProofsOfEveryToyVerify) {
  const Params params = params_;
  for (toys::Toy& toy : toys::all_toys(8)) {
    SCOPED_TRACE(toy.name);
    const ToyProver prover(toy, params);
    const auto proof = reference_proof(prover, toy, params);
    const auto ok = verify(prover.key(), prover.statement(), proof, {.security_bits = 0});
    EXPECT_TRUE(ok) << ok.error().message;
  }
}

TEST_P(Proving, FastProofsAreTheReferenceProofs) {
  const Params params = params_;
  for (toys::Toy& toy : toys::all_toys(8)) {
    SCOPED_TRACE(toy.name);
    const ToyProver prover(toy, params);
    const Proof proof = prover.prove();
    const auto ok = check(prover.key(), prover.statement(), proof);
    EXPECT_TRUE(ok) << ok.error().message;
    EXPECT_TRUE(proof.serialise() == reference_proof(prover, toy, params));
  }
}

TEST_P(Proving, OtherRatesWork) {
  for (const uint8_t log_blowup : {uint8_t{2}, uint8_t{3}}) {
    Params params = params_;
    params.log_blowup = log_blowup;
    toys::Toy toy = toys::machine(9, 8);
    const ToyProver prover(toy, params);
    const Proof proof = prover.prove();
    const auto ok = check(prover.key(), prover.statement(), proof);
    EXPECT_TRUE(ok) << ok.error().message;
    EXPECT_TRUE(proof.serialise() == reference_proof(prover, toy, params));
  }
}

TEST_P(Proving, FixedTreesOfALargerBlowupWork) {
  for (const uint8_t log_stride : {uint8_t{1}, uint8_t{2}}) {
    for (const uint8_t log_blowup : {uint8_t{1}, uint8_t{2}}) {
      Params params = params_;
      params.log_blowup = log_blowup;
      toys::Toy toy = toys::machine(9, 8);
      const ToyProver prover(toy, params, log_stride);
      const Proof proof = prover.prove();
      const auto ok = check(prover.key(), prover.statement(), proof);
      EXPECT_TRUE(ok) << ok.error().message;
      EXPECT_TRUE(proof.serialise() == reference_proof(prover, toy, params));

      // The stride is the key's: with another the same proof says nothing.
      VerifyingKey other = prover.key();
      for (Slot& slot : other.slots)
        if (slot.kind == Slot::Kind::kFixed) slot.log_blowup = log_blowup;
      EXPECT_FALSE(check(other, prover.statement(), proof));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Zk, Proving,
                         testing::Combine(testing::Bool(),
                                          testing::Values(uint8_t{0}, uint8_t{1}, uint8_t{2})),
                         [](const auto& proving) {
                           return fmt::format("{}StackedBy{}",
                                              std::get<0>(proving.param) ? "Masked" : "Plain",
                                              1 << std::get<1>(proving.param));
                         });

TEST(Prover, OneSeedOneProofOnAnyNumberOfThreads) {
  toys::Toy toy = toys::mixed({9, 12, 10, 10, 9, 13});
  const ToyProver prover(toy, quick_params(/*zk=*/true, /*log_stack=*/1));
  const auto bytes = prover.prove().serialise();
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  EXPECT_TRUE(prover.prove().serialise() == bytes);
}

// Small tables, and one tall enough for the transforms in passes and for blocks that are reused.
TEST(Prover, ReadsNoUninitialisedMemory) {
  std::vector<toys::Toy> toys;
  toys.push_back(toys::machine(9, 9));
  toys.push_back(toys::mixed({16, 12, 9}));
  for (toys::Toy& toy : toys)
    for (const uint8_t log_stack : {uint8_t{0}, uint8_t{2}}) {
      SCOPED_TRACE(toy.name);
      const ToyProver prover(toy, quick_params(/*zk=*/true, log_stack));
      const auto bytes = prover.prove().serialise();
      AlignedWords::set_poison(true);
      EXPECT_TRUE(prover.prove().serialise() == bytes);
      AlignedWords::set_poison(false);
    }
}

TEST(Prover, CanBeCancelledBeforeEveryStage) {
  toys::Toy toy = toys::fibonacci(8);
  const ToyProver prover(toy, quick_params());
  for (int calls = 0; calls < 6; ++calls) {
    ProverOptions options;
    options.params = quick_params();
    int left = calls;
    options.progress = [&](double, const char*) { return left-- > 0; };
    const auto proof = prove(toy.circuit, toy.witness, prover.slots(), options);
    ASSERT_FALSE(proof);
    EXPECT_EQ(proof.error().code, ErrorCode::kCancelled);
  }
}

TEST(Prover, ABadWitnessGivesAProofThatDoesNotVerify) {
  for (const uint8_t log_blowup : {uint8_t{1}, uint8_t{2}}) {
    Params params = quick_params();
    params.log_blowup = log_blowup;
    for (toys::Toy& toy : toys::all_toys(8)) {
      SCOPED_TRACE(toy.name);
      const ToyProver prover(toy, params);
      Table& table = toy.witness.tables.front();
      table.cell(1, table.width - 1) += Fp::one();  // a main column
      const auto refused = check(prover.key(), prover.statement(), prover.prove());
      EXPECT_FALSE(refused);
    }
  }
}

TEST(Prover, RefusesWhatTheKeyDoesNotAllow) {
  toys::Toy toy = toys::fibonacci(8);
  const ToyProver prover(toy, quick_params());
  ProverOptions options;
  options.params = quick_params();
  EXPECT_EQ(prove(toy.circuit, toy.witness, {}, options).error().code, ErrorCode::kStatement);
  const auto code = [&] {
    const auto refused = prove(toy.circuit, toy.witness, prover.slots(), options);
    return refused ? std::optional<ErrorCode>() : refused.error().code;
  };
  options.params.log_blowup = 2;  // the slots' trees are made for 1
  EXPECT_EQ(code(), ErrorCode::kParams);
  ASSERT_EQ(toy.circuit.key().slots.size(), 1u);
  toy.circuit.set_fixed_root(0, prover.slots().at(0)->root(), 2);  // but the key says 2
  EXPECT_EQ(code(), ErrorCode::kStatement);
  options.params.log_blowup = 1;
  EXPECT_EQ(code(), ErrorCode::kStatement);
  toy.circuit.set_fixed_root(0, prover.slots().at(0)->root(), 1);
  EXPECT_EQ(code(), std::nullopt);
  options.params.queries = 0;
  EXPECT_EQ(prove(toy.circuit, toy.witness, prover.slots(), options).error().code,
            ErrorCode::kParams);
}

// ZERO-KNOWLEDGE: masks of shared columns have as many coefficients as the tree's queries need.
TEST(Prover, RefusesASharedTreeMadeForOtherQueries) {
  toys::Toy toy = toys::memory(9, 9, true);
  toy.witness.sort();
  const ToyProver prover(toy, quick_params());
  ProverOptions options;
  options.params = quick_params();
  EXPECT_TRUE(prove(toy.circuit, toy.witness, prover.slots(), options));
  ++options.params.queries;
  const auto refused = prove(toy.circuit, toy.witness, prover.slots(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kStatement);
}

TEST(Prover, ChosenParametersReach128Bits) {
  toys::Toy toy = toys::machine(9, 12);
  toy.witness.sort();
  const auto params = secure_params(toy);
  ASSERT_TRUE(params) << params.error().message;
  const ToyProver prover(toy, *params);
  const auto ok = verify(prover.key(), prover.statement(), prover.prove().serialise());
  ASSERT_TRUE(ok) << ok.error().message;
  EXPECT_GE(ok->soundness.bits, 128);
  const auto refused =
      verify(prover.key(), prover.statement(), prover.prove().serialise(), {.security_bits = 140});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kSecurity);
}

}  // namespace
}  // namespace zkvm::stark
