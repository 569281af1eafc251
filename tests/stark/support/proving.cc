#include "tests/stark/support/proving.h"

#include <zk/check.h>

#include <algorithm>

#include "stark/poly/ntt.h"

namespace zkvm::stark {
namespace {

/// Salt word `word` of every row of a tree: the layout of StackedRows::draw_salt.
std::vector<Fp> salt_column(const Randomness& randomness, uint64_t stream, unsigned log_blowup,
                            uint32_t word, size_t rows) {
  constexpr size_t kRunRows = 128, kLanes = 16;
  const size_t coset_rows = rows >> log_blowup;
  const size_t runs = std::max<size_t>(1, coset_rows / kRunRows);
  std::map<size_t, std::vector<Fp>> drawn;
  std::vector<Fp> out;
  for (size_t e = 0; e < rows; ++e) {
    const size_t coset = e & ((size_t{1} << log_blowup) - 1), row = e >> log_blowup;
    const size_t part = coset * runs + row / kRunRows;
    auto& run = drawn[part];
    if (run.empty()) {
      run.resize(std::min(kRunRows, coset_rows) * kSaltWords);
      randomness.fill(RandomUse::kSalt, stream, part, run);
    }
    const size_t group = row % kRunRows / kLanes;
    out.push_back(run[(kSaltWords * group + word) * kLanes + row % kLanes]);
  }
  return out;
}

/// R's coefficients below N are drawn in bit-reversed order (quotient.cc).
void permute_low(std::vector<Fp>& coefficients, int log_n) {
  const std::vector<Fp> drawn = coefficients;
  for (size_t i = 0; i < size_t{1} << log_n; ++i) coefficients[i] = drawn[bit_reverse(i, log_n)];
}

}  // namespace

RandomSource random_source(const Randomness::Seed& seed, unsigned log_blowup) {
  return [randomness = Randomness(seed), log_blowup](const RandomPurpose& purpose, size_t count) {
    std::vector<Fp> out(count);
    const uint64_t stream = random_stream(purpose.tree, purpose.log_height) + purpose.column;
    switch (purpose.kind) {
      case RandomPurpose::Kind::kMask:
        randomness.fill(RandomUse::kMask, stream, 0, out);
        break;
      case RandomPurpose::Kind::kSalt:
        return salt_column(randomness,
                           random_stream(purpose.tree, 0) + purpose.log_height + log_blowup,
                           log_blowup, purpose.column, count);
      case RandomPurpose::Kind::kBlindColumn:
        randomness.fill(RandomUse::kBlindColumn, purpose.log_height, 0, out);
        break;
      case RandomPurpose::Kind::kChunkMask:
        randomness.fill(RandomUse::kQuotientChunk, stream, 0, out);
        break;
      case RandomPurpose::Kind::kBlinding:
        randomness.fill_column(RandomUse::kBlinding, stream, out);
        permute_low(out, purpose.log_height);
        break;
    }
    return out;
  };
}

ToyProver::ToyProver(toys::Toy& toy, const Params& params, uint8_t log_stride)
    : toy_(toy), params_(params) {
  toy_.witness.sort();
  const auto& key = toy_.circuit.key();
  for (uint16_t slot = 0; slot < key.slots.size(); ++slot) {
    const Randomness::Seed& seed = kSlotSeed;
    Params of_tree = params;
    const bool fixed = key.slots[slot].kind == Slot::Kind::kFixed;
    if (fixed) of_tree.log_blowup += log_stride;
    trees_[slot] =
        std::make_unique<CommittedTree>(commit_slot(key, of_tree, slot, toy_.witness, seed));
    reference_[slot] = ReferenceProver::make_slot(key, of_tree, slot, toy_.witness,
                                                  random_source(seed, of_tree.log_blowup));
    ZK_CHECK(reference_[slot].root() == trees_[slot]->root());
    slots_[slot] = trees_[slot].get();
    if (fixed) toy_.circuit.set_fixed_root(slot, trees_[slot]->root(), of_tree.log_blowup);
  }
}

Statement ToyProver::statement() const {
  return make_statement(toy_.circuit, toy_.witness, slots_);
}

Proof ToyProver::prove(ProverStats* stats, TranscriptLog* log) const {
  ProverOptions options;
  options.params = params_;
  options.seed = kTestSeed;
  options.log = log;
  auto proof = stark::prove(toy_.circuit, toy_.witness, slots_, options, stats);
  if (!proof) fprintf(stderr, "%s\n", proof.error().message.c_str());
  ZK_CHECK(proof.has_value());
  return *std::move(proof);
}

std::map<uint16_t, const ReferenceTree*> ToyProver::reference_slots() const {
  std::map<uint16_t, const ReferenceTree*> out;
  for (const auto& [slot, tree] : reference_) out[slot] = &tree;
  return out;
}

}  // namespace zkvm::stark
