// Mutations of good proofs that know their structure: none is accepted, none crashes, none makes
// the verifier allocate much. 2,000 by default, in tests/run.sh under sanitizers, too;
// ZKVM_MUTATIONS=1000000 for the long run (preset fuzz: sanitizers and optimisation),
// ZKVM_MUTATION_SEED for another sequence.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/peak_memory.h"
#include "tests/stark/support/cheater.h"
#include "tests/stark/support/mutator.h"

namespace zkvm::stark {
namespace {

constexpr size_t kMostBytes = size_t{64} << 20;

using test::from_environment;
using test::peak_memory_of;

TEST(Mutations, AllocationsAreCounted) {
  // Calls by name: a new-expression that nobody reads may be left out by the compiler.
  EXPECT_GE(peak_memory_of([] { ::operator delete(::operator new(kMostBytes + 1)); }), kMostBytes);
}

TEST(Mutations, NoneIsAccepted) {
  const uint64_t count = from_environment("ZKVM_MUTATIONS", 2000);
  const uint64_t seed = from_environment("ZKVM_MUTATION_SEED", 1);
  printf("%llu mutations, seed %llu\n", static_cast<unsigned long long>(count),
         static_cast<unsigned long long>(seed));
  struct Target {
    VerifyingKey key;
    Statement statement;
    ProofMutator mutator;
  };
  std::vector<Target> targets;
  for (toys::Toy& toy : small_toys()) {
    Params params = params_by_turn(targets.size());
    params.log_final = targets.size() % 2 == 0 ? 8 : 3;
    if (targets.size() % 3 == 2) params.grind_query = params.grind_round = 0;
    const ToyProver prover(toy, params);
    Randomness::Seed other_seed = kTestSeed;
    other_seed[9] = 9;
    const Proof other = Cheater(prover.key(), params, toy.witness, prover.reference_slots(),
                                random_source(other_seed, params.log_blowup))
                            .prove();
    targets.push_back({prover.key(), prover.statement(),
                       ProofMutator(prover.prove(), other, seed * 1000 + targets.size())});
    ASSERT_TRUE(verify(targets.back().key, targets.back().statement, targets.back().mutator.good(),
                       {.security_bits = 0}));
  }
  size_t most = 0;
  std::map<ErrorCode, uint64_t> reasons;
  for (uint64_t i = 0; i < count; ++i) {
    Target& target = targets[i % targets.size()];
    std::string what;
    const auto bytes = target.mutator.next(what);
    const size_t peak = peak_memory_of([&] {
      const auto result = verify(target.key, target.statement, bytes, {.security_bits = 0});
      ASSERT_FALSE(result) << "SOUNDNESS: accepted: toy " << i % targets.size() << ", " << what
                           << ", mutation " << i << ", seed " << seed;
      ++reasons[result.error().code];
    });
    ASSERT_LE(peak, kMostBytes) << what << ", mutation " << i << ", seed " << seed;
    most = std::max(most, peak);
  }
  printf("most memory: %zu bytes\n", most);
  for (const auto& [code, times] : reasons)
    printf("  error %d: %llu times\n", static_cast<int>(code),
           static_cast<unsigned long long>(times));
  EXPECT_GE(reasons.size(), 6u);  // the mutations reach more than the parser
}

// Heads of the largest proofs that format and shape allow, with nothing behind them.
TEST(Mutations, GiantHeadsAllocateLittle) {
  toys::Toy toy = toys::mixed({8, 10, 9, 8});
  const ToyProver prover(toy, quick_params());
  Proof proof = prover.prove();
  for (const bool zk : {false, true})
    for (const auto blowup : {uint8_t{1}, uint8_t{2}})
      for (const auto queries : {uint16_t{1}, uint16_t{4096}}) {
        proof.params.zk = zk;
        proof.params.log_stack = zk ? 0 : 1;
        proof.params.log_blowup = blowup;
        proof.params.queries = queries;
        proof.tables.assign(kMaxTables, {0, 22});
        for (size_t i = 0; i < proof.tables.size(); ++i)
          proof.tables[i].log_height = static_cast<uint8_t>(22 - i * 8 / proof.tables.size());
        const auto bytes = proof.serialise();
        const size_t peak = peak_memory_of([&] {
          EXPECT_FALSE(verify(prover.key(), prover.statement(), bytes, {.security_bits = 0}));
        });
        EXPECT_LE(peak, kMostBytes);
      }
}

}  // namespace
}  // namespace zkvm::stark
