// The verifier as a guest (verifier_guest.cc), run by the VM: it says what the host's verifier
// says.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/stark/support/mutator.h"
#include "tests/stark/support/proving.h"
#include "tests/stark/toys/fibonacci.h"
#include "tests/stark/toys/machine.h"
#include "vm/run.h"

namespace zkvm::stark {
namespace {

using Bytes = std::vector<uint8_t>;

/// What a verifier is asked, in bytes.
struct Question {
  Bytes key, statement, proof;
};

/// A toy's proof of 128 bits, with default parameters.
struct Proven {
  std::string name;
  VerifyingKey key;
  Statement statement;
  Proof proof;

  [[nodiscard]] Question question() const {
    return {key.serialise(), statement.serialise(), proof.serialise()};
  }
};

Proven prove_securely(toys::Toy toy, uint8_t log_stack = 0) {
  const auto params = secure_params(toy, log_stack);
  ZK_CHECK(params);
  const ToyProver prover(toy, *params);
  return {toy.name, prover.key(), prover.statement(), prover.prove()};
}

struct Answer {
  bool refused = false;
  std::string console;
  Bytes journal;
  uint64_t cycles = 0;
};

Answer ask_guest(const Question& question) {
  static const vm::Program program = [] {
    std::ifstream in(ZKVM_VERIFIER_GUEST, std::ios::binary);
    auto elf = vm::load_elf(Bytes{std::istreambuf_iterator<char>(in), {}});
    ZK_CHECK(elf);
    return *std::move(elf);
  }();
  ByteWriter input;
  for (const Bytes* part : {&question.key, &question.statement, &question.proof}) {
    input.put(static_cast<uint32_t>(part->size()));
    input.put_bytes(*part);
    while (input.size() % 4 != 0) input.put(uint8_t{0});
  }
  Answer answer;
  const auto console = [&](uint32_t, std::span<const uint8_t> text) {
    answer.console.append(text.begin(), text.end());
  };
  auto run = vm::run(program, {.input = input.view(), .console = console});
  ZK_CHECK(run);
  EXPECT_EQ(run->exit_code, 0u);
  answer.refused = run->trap.has_value();
  answer.journal = std::move(run->journal);
  answer.cycles = run->cycles;
  return answer;
}

/// Why the host refuses; the guest does at the same place for the same reason, and nothing becomes
/// public.
ErrorCode refusal(const Question& question, const Statement& statement) {
  const auto key = VerifyingKey::parse(question.key);
  const auto host = key ? verify(*key, statement, question.proof)
                        : Result<Verified>(tl::unexpected<Error>(key.error()));
  ZK_CHECK(!host);
  const Answer guest = ask_guest(question);
  EXPECT_TRUE(guest.refused);
  EXPECT_TRUE(guest.journal.empty());
  const auto code = static_cast<int>(host.error().code);
  EXPECT_EQ(guest.console, fmt::format("refused, error {}: {}\n", code, host.error().message));
  return host.error().code;
}

TEST(VerifierGuest, SaysWhatATrueProofProves) {
  const Proven toys[] = {prove_securely(toys::fibonacci(14)),
                         prove_securely(toys::machine(15, 14), /*log_stack=*/1)};
  for (const Proven& toy : toys) {
    const Question question = toy.question();
    const auto verified = verify(toy.key, toy.statement, question.proof);
    ASSERT_TRUE(verified) << verified.error().message;
    const Answer answer = ask_guest(question);
    EXPECT_FALSE(answer.refused) << answer.console;
    testing::Test::RecordProperty(toy.name + "_cycles", std::to_string(answer.cycles));

    ByteReader journal(answer.journal);
    EXPECT_EQ(journal.get_digest(), blake3_hash(question.key));
    EXPECT_DOUBLE_EQ(std::bit_cast<double>(journal.get<uint64_t>()), verified->soundness.bits);
    const auto statement = journal.get_bytes(question.statement.size());
    EXPECT_TRUE(std::ranges::equal(statement, question.statement));
    EXPECT_LT(journal.remaining(), 4u);
  }
}

TEST(VerifierGuest, RefusesEveryChangedPartOfAProof) {
  const Proven toy = prove_securely(toys::machine(15, 14), /*log_stack=*/1);
  const ProofMutator mutator(toy.proof, toy.proof, 1);
  Question question = toy.question();
  std::set<ErrorCode> codes;
  for (const ProofBytes& part : mutator.layout()) {
    SCOPED_TRACE(part.name);
    question.proof = mutator.flip(part);
    codes.insert(refusal(question, toy.statement));
  }
  EXPECT_TRUE(codes.contains(ErrorCode::kNonce) && codes.contains(ErrorCode::kMerkle));
}

TEST(VerifierGuest, RefusesProofsOfAnotherLength) {
  const Proven toy = prove_securely(toys::fibonacci(14));
  const size_t length = toy.question().proof.size();
  for (const size_t other : {size_t{0}, size_t{3}, length / 2, length - 1, length + 1}) {
    SCOPED_TRACE(other);
    Question question = toy.question();
    question.proof.resize(other);
    EXPECT_EQ(refusal(question, toy.statement),
              other > length ? ErrorCode::kTrailing : ErrorCode::kTruncated);
  }
}

TEST(VerifierGuest, RefusesAProofOfSomethingElse) {
  const Proven toy = prove_securely(toys::fibonacci(14));
  Statement result = toy.statement;
  result.publics.back().tuple.back() ^= 1;
  Question question = toy.question();
  question.statement = result.serialise();
  EXPECT_EQ(refusal(question, result), ErrorCode::kNonce);  // another transcript

  VerifyingKey key = toy.key;
  key.slots[0].root[7] ^= 1;
  question = toy.question();
  question.key = key.serialise();
  EXPECT_EQ(refusal(question, toy.statement), ErrorCode::kNonce);

  question.key.pop_back();
  EXPECT_EQ(refusal(question, toy.statement), ErrorCode::kTruncated);
}

TEST(VerifierGuest, RefusesProofsOfFalseWitnesses) {
  std::set<ErrorCode> codes;
  for (const toys::Cheat& cheat : toys::fibonacci(14).cheats) {
    SCOPED_TRACE(cheat.name);
    toys::Toy toy = toys::fibonacci(14);
    cheat.apply(toy.witness);
    const Proven proven = prove_securely(std::move(toy));
    codes.insert(refusal(proven.question(), proven.statement));
  }
  EXPECT_EQ(codes, (std::set{ErrorCode::kBusSum, ErrorCode::kConstraints}));
}

TEST(VerifierGuest, RefusesAnInsecureProof) {
  toys::Toy toy = toys::fibonacci(8);
  const ToyProver prover(toy, quick_params());
  const Proven proven{toy.name, prover.key(), prover.statement(), prover.prove()};
  EXPECT_EQ(refusal(proven.question(), proven.statement), ErrorCode::kSecurity);
}

}  // namespace
}  // namespace zkvm::stark
