// Attacks on the late phase (protocol.md sections 5 and 8), on a product of private matrices: late
// columns that are not what they should be, and a prover who knows lambda and mu too early.
#include <gtest/gtest.h>

#include "stark/transcript/transcript_log.h"
#include "tests/stark/support/cheater.h"
#include "tests/stark/support/mutator.h"

namespace zkvm::stark {
namespace {

using Columns = Cheater::Columns;

const Fp kOne = Fp::one();
constexpr uint8_t kLogStacks[] = {0, 1, 2};
constexpr size_t kInner = 3;  // live rows of the contraction, the fewest

/// The labels of a transcript's messages, one after the other.
std::vector<std::string> labels_of(const TranscriptRecorder& log) {
  std::vector<std::string> out;
  for (const auto& message : log.messages()) out.push_back(message.label);
  return out;
}

// SOUNDNESS: lambda and mu come after main's root, LogUp's challenges after the late one. What is
// received on a bus could else be chosen for its fingerprint.
TEST(Late, ChallengesComeInTheirOrder) {
  toys::Toy toy = toys::product(8);
  const ToyProver prover(toy, quick_params());
  TranscriptRecorder proving, verifying;
  const Proof proof = prover.prove(nullptr, &proving);
  ASSERT_TRUE(verify(prover.key(), prover.statement(), proof.serialise(),
                     {.security_bits = 0, .log = &verifying}));
  EXPECT_EQ(TranscriptRecorder::first_difference(proving, verifying), "");
  const auto labels = labels_of(verifying);
  const std::vector<std::string> expected = {"main",        "grind late", "late", "late",
                                             "grind logup", "logup",      "aux"};
  const auto main = std::ranges::find(labels, "main");
  ASSERT_GE(labels.end() - main, static_cast<ptrdiff_t>(expected.size()));
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), main)) << verifying.to_string();
}

TEST(Late, NoPhaseWithoutLateColumns) {
  toys::Toy toy = toys::accumulator(8);
  const ToyProver prover(toy, quick_params());
  TranscriptRecorder log;
  const Proof proof = prover.prove(nullptr, &log);
  EXPECT_EQ(proof.roots.size(), 3u);
  EXPECT_FALSE(proof.nonce_late);
  const auto labels = labels_of(log);
  EXPECT_EQ(std::ranges::find(labels, "late"), labels.end());
}

// Every late column: a value on a live row, before the quotient is made; by turns in stacks of 1, 2
// and 4.
TEST(Late, EveryColumn) {
  toys::Toy toy = toys::product(8);
  uint32_t columns_seen = 0;
  for (const uint8_t log_stack : kLogStacks) {
    const Params params = quick_params(/*zk=*/true, log_stack);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    const uint32_t tree = shape.tree(Phase::kLate);
    for (uint32_t g = 0; g < shape.groups.size(); ++g)
      for (uint32_t c = 0; c < shape.groups[g].width[tree]; ++c) {
        if (c % 3 != log_stack) continue;
        ++columns_seen;
        Cheater cheater = make_cheater(prover, toy, params);
        cheater.columns_step = [&](uint32_t at, uint32_t in, Columns& columns) {
          if (at == tree && in == g) columns[c][c % kInner] += kOne;
        };
        expect_refused(prover.key(), prover.statement(), cheater.prove(),
                       "group " + std::to_string(g) + " column " + std::to_string(c));
      }
  }
  EXPECT_EQ(columns_seen, 5u + 5 + 15 + 10);
}

// Late columns in some groups only, in two tables of one chip, and not read on the next row.
TEST(Late, EveryCheatOfASequence) {
  toys::Toy toy = toys::sequence(9);
  size_t turn = 0;
  for (const toys::Cheat& cheat : toy.cheats) {
    const Params params = params_by_turn(turn++);
    const ToyProver honest(toy, params);
    ASSERT_TRUE(check(honest.key(), honest.statement(), make_cheater(honest, toy, params).prove()));
    toys::Toy lie = toy;
    cheat.apply(lie.witness);
    const ToyProver prover(lie, params);
    expect_refused(honest.key(), honest.statement(), make_cheater(prover, lie, params).prove(),
                   cheat.name);
  }
}

// Beyond the live rows: what asserts pin there is pinned, and what they leave free weighs nothing.
TEST(Late, PaddingRowsCarryNothing) {
  toys::Toy toy = toys::product(8);
  const Params params = quick_params();
  const ToyProver prover(toy, params);
  const Shape shape = make_cheater(prover, toy, params).shape();
  const uint32_t tree = shape.tree(Phase::kLate);
  size_t accepted = 0;
  for (uint32_t g = 0; g < shape.groups.size(); ++g)
    for (uint32_t c = 0; c < shape.groups[g].width[tree]; ++c) {
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.columns_step = [&](uint32_t at, uint32_t in, Columns& columns) {
        if (at == tree && in == g) columns[c].back() += kOne;
      };
      accepted += check(prover.key(), prover.statement(), cheater.prove()).has_value();
    }
  // Left and right of the contraction, whose scale is 0 there; the product of both is pinned.
  EXPECT_EQ(accepted, 10u);
}

TEST(Late, DegreeTooHigh) {
  toys::Toy toy = toys::product(8);
  for (const uint8_t log_stack : kLogStacks) {
    Params params = quick_params(/*zk=*/true, log_stack);
    params.log_final = 4;
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    for (uint32_t g = 0; g < shape.groups.size(); ++g) {
      if (shape.groups[g].width[shape.tree(Phase::kLate)] == 0) continue;
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.polynomials_step = [&](uint32_t at, uint32_t in, Columns& columns) {
        if (at != shape.tree(Phase::kLate) || in != g) return;
        const size_t n = shape.groups[g].height(), degree = n + 5 * n / 8;
        columns[4].resize(degree + 1);
        columns[4][degree] += kOne;
        columns[4][degree - n] -= kOne;
      };
      expect_refused(prover.key(), prover.statement(), cheater.prove(),
                     "group " + std::to_string(g), ErrorCode::kFinal);
    }
  }
}

// ----------------------------------------------------------------------------------- challenges

/// Proves with challenges of its own choice, as one could who knew them before main's root.
class Foreseen : public ReferenceProver {
 public:
  Foreseen(const ToyProver& prover, const toys::Toy& toy, const Params& params, const Fp5& lambda,
           const Fp5& mu)
      : ReferenceProver(prover.key(), params, toy.witness, prover.reference_slots(),
                        prover.random()),
        lambda_(lambda),
        mu_(mu) {}

 private:
  void on_late_challenges(Fp5* drawn) override {
    drawn[kLambda] = lambda_;
    drawn[kMu] = mu_;
  }
  Fp5 lambda_, mu_;
};

/// Weights of E that sum to zero over as many elements of F, not all 0: of more than five there are
/// some.
std::vector<Fp> relation(const std::vector<Fp5>& weights) {
  const size_t n = weights.size();
  ZK_CHECK(n == 6);
  std::vector<std::vector<Fp>> rows(5, std::vector<Fp>(n));
  for (size_t r = 0; r < 5; ++r)
    for (size_t c = 0; c < n; ++c) rows[r][c] = weights[c].c[r];
  for (size_t p = 0; p < 5; ++p) {  // Gauss and Jordan; the weights are generic
    size_t pivot = p;
    while (rows[pivot][p] == Fp{}) ++pivot;
    std::swap(rows[p], rows[pivot]);
    const Fp scale = inverse(rows[p][p]);
    for (Fp& x : rows[p]) x *= scale;
    for (size_t r = 0; r < 5; ++r) {
      if (r == p) continue;
      const Fp factor = rows[r][p];
      for (size_t c = 0; c < n; ++c) rows[r][c] -= factor * rows[p][c];
    }
  }
  std::vector<Fp> out(n);
  for (size_t p = 0; p < 5; ++p) out[p] = -rows[p][5];
  out[5] = kOne;
  return out;
}

// Who knows lambda and mu before main is committed finds a wrong product that satisfies the equation
// for them: the order of the transcript is all that keeps it out.
TEST(Late, AWrongProductForForeseenChallenges) {
  toys::Toy honest = toys::product(8);
  const Params params = quick_params();
  const Fp5 lambda{{Fp::from(3), Fp::from(1), Fp::from(4), Fp::from(1), Fp::from(5)}};
  const Fp5 mu{{Fp::from(9), Fp::from(2), Fp::from(6), Fp::from(5), Fp::from(3)}};
  const ToyProver prover(honest, params);

  toys::Toy lie = honest;
  std::vector<Fp5> weights;
  for (uint32_t k = 0; k < 6; ++k) weights.push_back(pow(mu, k / 4) * pow(lambda, k % 4));
  const std::vector<Fp> delta = relation(weights);
  const size_t products = toys::table_of(lie, "product"), contracts = toys::table_of(lie, "contract");
  for (uint32_t k = 0; k < 6; ++k) {
    Fp& value = lie.witness.tables[products].cell(k, 6);
    value += delta[k];
    lie.witness.publics[k].tuple[1] = value.wire;
  }
  // Both sides of the equation, in the first rows.
  const auto sides_agree = [&](const LatePowers& late) {
    const auto total = lie.witness.late_columns(lie.witness.tables[contracts], 15, late);
    const auto product = lie.witness.late_columns(lie.witness.tables[products], 10, late);
    return std::equal(total.begin() + 10, total.begin() + 15, product.begin() + 5);
  };
  ASSERT_TRUE(sides_agree({lambda, mu}));
  ASSERT_FALSE(sides_agree({mu, lambda}));

  Statement claim = prover.statement();
  claim.publics = lie.witness.publics;
  expect_refused(prover.key(), claim, Foreseen(prover, lie, params, lambda, mu).prove(),
                 "a product for foreseen challenges", ErrorCode::kConstraints);
  expect_refused(prover.key(), claim, make_cheater(prover, lie, params).prove(),
                 "a product for other challenges", ErrorCode::kBusSum);
}

// The honest product, but weights that are not those of the transcript.
TEST(Late, ChallengesThatAreNotTheTranscripts) {
  toys::Toy toy = toys::product(8);
  const Params params = quick_params();
  const ToyProver prover(toy, params);
  const Fp5 zero{}, one = Fp5::one();
  for (const auto& [lambda, mu] : {std::pair{zero, zero}, {one, one}, {zero, one}})
    expect_refused(prover.key(), prover.statement(),
                   Foreseen(prover, toy, params, lambda, mu).prove(), "constants",
                   ErrorCode::kConstraints);
}

// ----------------------------------------------------------------------------------------- bytes

TEST(Late, RootsAndNonces) {
  toys::Toy toy = toys::product(8);
  const Params params = quick_params();
  const ToyProver prover(toy, params);
  const Proof good = prover.prove();
  const Shape shape = make_cheater(prover, toy, params).shape();
  ASSERT_TRUE(shape.has(Phase::kLate) && good.nonce_late);
  const auto lie = [&](const std::string& what, auto change, std::optional<ErrorCode> code = {}) {
    Proof proof = good;
    change(proof);
    ASSERT_FALSE(proof == good) << what;
    expect_refused(prover.key(), prover.statement(), proof, what, code);
  };
  const auto root = [&](Proof& p, Phase phase) -> Digest& { return p.roots[shape.place(phase)]; };
  for (const Phase other : {Phase::kMain, Phase::kAux, Phase::kQuotient}) {
    lie("late root swapped", [&](Proof& p) { std::swap(root(p, Phase::kLate), root(p, other)); });
    lie("late root doubled", [&](Proof& p) { root(p, other) = root(p, Phase::kLate); });
  }
  lie("no late root", [&](Proof& p) { p.roots.erase(p.roots.begin() + shape.place(Phase::kLate)); });
  lie("no late nonce", [](Proof& p) { p.nonce_late.reset(); });
  lie("neither", [&](Proof& p) {
    p.roots.erase(p.roots.begin() + shape.place(Phase::kLate));
    p.nonce_late.reset();
  });
  lie("no late tree", [&](Proof& p) {
    p.trees.erase(p.trees.begin() + shape.tree(Phase::kLate));
  });
  size_t refused_for_nonce = 0;
  for (uint64_t step = 1; step <= 16; ++step) {
    Proof proof = good;
    *proof.nonce_late += step;
    const auto result = check(prover.key(), prover.statement(), proof);
    ASSERT_FALSE(result);
    refused_for_nonce += result.error().code == ErrorCode::kNonce;
  }
  EXPECT_GE(refused_for_nonce, 8u);  // of two bits
}

// A proof of a circuit without late columns that brings a late root all the same.
TEST(Late, ARootThatNobodyAskedFor) {
  toys::Toy toy = toys::accumulator(8);
  const ToyProver prover(toy, quick_params());
  Proof proof = prover.prove();
  proof.roots.insert(proof.roots.begin() + 1, proof.roots[0]);
  expect_refused(prover.key(), prover.statement(), proof, "a late root");
  proof.nonce_late = 0;
  expect_refused(prover.key(), prover.statement(), proof, "a late root and nonce");
}

}  // namespace
}  // namespace zkvm::stark
