// Proving toys in tests: the same randomness for the fast prover and for the reference.
#pragma once

#include <map>
#include <memory>

#include "stark/protocol/soundness.h"
#include "stark/prover/prover.h"
#include "stark/verifier/verifier.h"
#include "stark/witness/checker.h"
#include "tests/stark/support/reference_prover.h"
#include "tests/stark/toys/toy.h"

namespace zkvm::stark {

inline constexpr Randomness::Seed kTestSeed = {1, 2, 3};
inline constexpr Randomness::Seed kSlotSeed = {4, 5, 6};

/// The streams of committed_tree.h and merkle_tree.cc, as the reference prover asks for them.
[[nodiscard]] RandomSource random_source(const Randomness::Seed& seed, unsigned log_blowup);

/// Parameters for fast tests: few queries, little work, far from secure.
[[nodiscard]] inline Params quick_params(bool zk = true, uint8_t log_stack = 0) {
  Params params;
  params.zk = zk;
  params.log_stack = log_stack;
  params.queries = 20;
  params.grind_query = 4;
  params.grind_round = 2;
  return params;
}

/// The default parameters for the toy at the default security level.
[[nodiscard]] inline Result<Params> secure_params(const toys::Toy& toy, uint8_t log_stack = 0) {
  Params wish;
  wish.log_stack = log_stack;
  return choose_params(toy.circuit.key(), toy.witness.specs(), toy.witness.publics.size(), wish);
}

/// A toy with its slots committed, ready to be proved any number of times.
class ToyProver {
 public:
  /// `log_stride`: fixed slots are committed at 2^log_stride times the blowup of the proofs.
  ToyProver(toys::Toy& toy, const Params& params, uint8_t log_stride = 0);

  [[nodiscard]] const VerifyingKey& key() const { return toy_.circuit.key(); }
  /// Of the witness as it is now.
  [[nodiscard]] Statement statement() const;
  [[nodiscard]] Proof prove(ProverStats* stats = nullptr, TranscriptLog* log = nullptr) const;
  [[nodiscard]] std::map<uint16_t, const ReferenceTree*> reference_slots() const;
  [[nodiscard]] RandomSource random() const { return random_source(kTestSeed, params_.log_blowup); }
  [[nodiscard]] const SlotTrees& slots() const { return slots_; }

 private:
  toys::Toy& toy_;
  Params params_;
  std::map<uint16_t, std::unique_ptr<CommittedTree>> trees_;
  std::map<uint16_t, ReferenceTree> reference_;
  SlotTrees slots_;
};

/// verify() with no level asked for.
[[nodiscard]] inline Result<Verified> check(const VerifyingKey& key, const Statement& statement,
                                            const Proof& proof) {
  return verify(key, statement, proof.serialise(), {.security_bits = 0});
}

}  // namespace zkvm::stark
