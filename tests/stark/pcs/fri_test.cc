#include "stark/pcs/fri/fri.h"

#include <functional>

#include "stark/hash/merkle_proof.h"
#include "stark/pcs/fri/grind.h"
#include "stark/verifier/fri.h"
#include "tests/stark/support/proof_shapes.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

struct Case {
  const char* name;
  Params params;
  std::vector<TableSpec> tables;
};
std::vector<Case> cases() {
  const Params plain{
      .zk = false, .queries = 20, .grind_query = 4, .grind_round = 3, .log_final = 3};
  const Params masked{.zk = true, .queries = 20, .grind_query = 4, .log_final = 5};
  const auto with = [](Params params, auto change) {
    change(params);
    return params;
  };
  return {
      {"one height", plain, {{0, 10}}},
      {"a single row", plain, {{0, 0}}},
      {"no layer at all", with(plain, [](Params& p) { p.log_final = 12; }), {{0, 10}}},
      {"down to a constant", with(plain, [](Params& p) { p.log_final = 0; }), {{0, 11}}},
      {"a last fold by 4", with(plain, [](Params& p) { p.log_final = 0; }), {{0, 10}}},
      {"a last fold by 2", with(plain, [](Params& p) { p.log_final = 0; }), {{0, 9}}},
      {"several heights", plain, {{0, 11}, {0, 9}, {1, 6}, {1, 0}}},
      {"rate 1/8", with(plain, [](Params& p) { p.log_blowup = 3; }), {{0, 9}, {1, 4}}},
      {"stacks of 16", with(plain, [](Params& p) { p.log_stack = 4; }), {{0, 7}, {1, 4}}},
      {"masks", masked, {{0, 11}, {2, 9}, {1, 8}}},
      {"masks, rate 1/4", with(masked, [](Params& p) { p.log_blowup = 2; }), {{0, 10}, {1, 9}}},
      {"masks, stacks of 4", with(masked, [](Params& p) { p.log_stack = 2; }), {{0, 9}, {1, 8}}},
  };
}

/// A run of FRI alone: prover's side, then the verifier's.
class FriRun {
 public:
  FriRun(const Case& c, uint64_t seed = 1)
      : random(seed),
        shape(test_shape(key, c.params, c.tables)),
        batch(evaluate_on_subgroup(random_elements(shape.bound, random), shape.log_domain())) {}

  static Codeword copy(const Codeword& from) {
    Codeword out(from.log_size());
    for (size_t e = 0; e < from.size(); ++e) out.set(e, from.at(e));
    return out;
  }

  void prove() {
    Transcript transcript;
    auto commitment = fri_commit(shape, copy(batch), transcript);
    ASSERT_TRUE(commitment);
    fri = std::move(*commitment);
    for (const FriLayer& layer : fri.layers)
      proof.layers.push_back({layer.tree.root(), layer.nonce});
    proof.final_polynomial = fri.final_polynomial;
    proof.nonce_query = *grind(transcript, "grind query", shape.params.grind_query);
  }

  /// As the verifier does, the openings made by the prover's trees.
  Result<void> verify() {
    Transcript transcript;
    auto challenges = replay_fri(shape, proof, transcript);
    if (!challenges) return propagate(challenges);
    const auto& indices = challenges->indices;
    std::vector<Fp5> values;
    for (const uint32_t e : distinct_below(indices, batch.log_size()))
      values.push_back(batch.at(e));
    std::vector<TreeOpening> openings;
    std::vector<const uint32_t*> rows;
    for (size_t i = 0; i < shape.layers.size(); ++i)
      openings.push_back(open_layer(shape, fri, i, indices));
    for (size_t i = 0; i < shape.layers.size(); ++i) {
      const MerkleShape tree = merkle_shape(shape, shape.trees.size() + i);
      const auto opened = distinct_below(indices, tree.log_size);
      std::vector<uint32_t> scratch(2 * opened.size());
      std::vector<Digest> nodes(2 * opened.size());
      EXPECT_EQ(verify_merkle_proof(proof.layers[i].root, tree, opened, openings[i].rows,
                                    openings[i].digests, scratch, nodes),
                MerkleCheck::kOk);
      rows.push_back(openings[i].rows.data());
    }
    return check_queries(shape, *challenges, values, rows, proof.final_polynomial);
  }

  void expect(ErrorCode code) {
    const auto result = verify();
    ASSERT_FALSE(result) << "accepted";
    EXPECT_EQ(result.error().code, code) << result.error().message;
  }

  VerifyingKey key = test_key();
  std::mt19937_64 random;
  Shape shape;
  Codeword batch;
  FriCommitment fri;
  Proof proof;
};

class Fri : public SimdTargetTest {};

FoldChallenges random_challenges(std::mt19937_64& random) {
  FoldChallenges out;
  for (Fp5& beta : out.beta) beta = random_fp5(random);
  return out;
}

TEST_P(Fri, AcceptsPolynomialsOfTheirDegree) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    FriRun run(c);
    run.prove();
    const auto result = run.verify();
    EXPECT_TRUE(result) << result.error().message;
  }
}

// F(X) = sum_u X^u G_u(X^a) by coefficients, against the fold of the codeword.
TEST_P(Fri, FoldIsTheCombinationOfTheParts) {
  std::mt19937_64 random(5);
  for (unsigned log_size : {1u, 3u, 4u, 5u, 6u, 7u, 8u, 12u, 15u}) {
    for (unsigned t = 1; t <= std::min(3u, log_size); ++t) {
      const auto coefficients = random_elements(size_t{1} << log_size, random);
      const FoldChallenges beta = random_challenges(random);
      const Codeword folded = fold(evaluate_on_subgroup(coefficients, log_size), t, beta);
      std::vector<Fp5> expected(size_t{1} << (log_size - t));
      for (size_t i = 0; i < coefficients.size(); ++i)
        expected[i >> t] += coefficients[i] * beta.weight(i & ((1u << t) - 1));
      EXPECT_EQ(interpolate(folded), expected) << "2^" << log_size << " by 2^" << t;
    }
  }
}

// Extreme words: no sum of the lazily reduced products may overflow.
TEST_P(Fri, FoldOfExtremeWords) {
  const Fp words[] = {Fp::from_wire(0), Fp::from_wire(Fp::kModulus - 1),
                      Fp::from_wire(Fp::kModulus / 2), Fp::from_wire(Fp::kModulus / 2 + 1)};
  for (const Fp a : words) {
    for (const Fp b : words) {
      Codeword codeword(7);
      for (size_t e = 0; e < codeword.size(); ++e) codeword.set(e, {{a, a, a, a, a}});
      const Fp5 all{{b, b, b, b, b}};
      const FoldChallenges beta{{all, all, all}};
      // The codeword of a constant folds to that constant.
      const Codeword folded = fold(codeword, 3, beta);
      for (size_t e = 0; e < folded.size(); ++e) ASSERT_EQ(folded.at(e), codeword.at(0));
      // X^7 a has the fold a times all three challenges.
      Codeword power(7);
      for (size_t e = 0; e < power.size(); ++e)
        power.set(e, codeword.at(0) * pow(Fp::root_of_unity(7), 7 * e));
      const Codeword last = fold(power, 3, beta);
      for (size_t e = 0; e < last.size(); ++e) ASSERT_EQ(last.at(e), codeword.at(0) * pow(all, 3));
    }
  }
}
INSTANTIATE_SIMD_TARGET_TESTS(Fri);

const Case kUsual = {
    "usual",
    {.zk = false, .queries = 40, .grind_query = 4, .grind_round = 3, .log_final = 4},
    {{0, 11}}};

TEST(FriSoundness, FoldFibreAgreesWithFold) {
  std::mt19937_64 random(7);
  const Codeword codeword = evaluate_on_subgroup(random_elements(1 << 9, random), 9);
  const FoldChallenges beta = random_challenges(random);
  for (unsigned t = 1; t <= 3; ++t) {
    const Codeword folded = fold(codeword, t, beta);
    for (size_t e = 0; e < folded.size(); ++e) {
      std::vector<Fp5> fibre;
      for (size_t j = 0; j < size_t{1} << t; ++j)
        fibre.push_back(codeword.at(e + j * folded.size()));
      ASSERT_EQ(fold_fibre(fibre, inverse(pow(Fp::root_of_unity(9), e)), beta), folded.at(e));
    }
  }
}

/// A cheating prover: like fri_commit, but codewords can be changed before they are committed, and
/// the final polynomial is cut to its length whatever it is.
using Change = std::function<void(size_t layer, Codeword&)>;
void cheat(FriRun& run, const Change& change = [](size_t, Codeword&) {}) {
  Transcript transcript;
  {
    const auto scope = transcript.scope("fri");
    Codeword codeword = FriRun::copy(run.batch);
    for (uint32_t i = 0; i < run.shape.layers.size(); ++i) {
      const unsigned log_arity = run.shape.layers[i].log_arity;
      const auto layer_scope = transcript.scope("layer", i);
      change(i, codeword);
      MerkleTree tree(fri_layer_rows(codeword, log_arity));
      transcript.absorb("root", tree.root());
      const auto nonce = grind(transcript, "grind", run.shape.params.grind_round);
      Codeword next = fold(codeword, log_arity, squeeze_fold(transcript, log_arity));
      run.proof.layers.push_back({tree.root(), *nonce});
      run.fri.layers.push_back({std::move(codeword), std::move(tree), *nonce});
      codeword = std::move(next);
    }
    change(run.shape.layers.size(), codeword);
    run.fri.final_polynomial = interpolate(codeword);
    run.fri.final_polynomial.resize(run.shape.final_bound);
    transcript.absorb("final", std::span<const Fp5>(run.fri.final_polynomial));
  }
  run.proof.final_polynomial = run.fri.final_polynomial;
  run.proof.nonce_query = *grind(transcript, "grind query", run.shape.params.grind_query);
}

TEST(FriSoundness, TheCheatIsAcceptedWhenItDoesNotCheat) {
  FriRun run(kUsual);
  cheat(run);
  EXPECT_TRUE(run.verify());
}

TEST(FriSoundness, RejectsADegreeThatIsTooHigh) {
  {  // by one: the bound is a product of the folds and of the final bound
    FriRun run(kUsual);
    ASSERT_EQ(run.shape.bound, run.shape.final_bound << 9);
    auto coefficients = random_elements(run.shape.bound + 1, run.random);
    run.batch = evaluate_on_subgroup(coefficients, run.shape.log_domain());
    cheat(run);
    run.expect(ErrorCode::kFinal);
    coefficients.pop_back();
    run = FriRun(kUsual);
    run.batch = evaluate_on_subgroup(coefficients, run.shape.log_domain());
    cheat(run);
    EXPECT_TRUE(run.verify());
  }
  FriRun run(kUsual);
  run.batch =
      evaluate_on_subgroup(random_elements(run.batch.size(), run.random), run.shape.log_domain());
  cheat(run);
  run.expect(ErrorCode::kFinal);
}

TEST(FriSoundness, RejectsARandomWord) {
  FriRun run(kUsual);
  for (size_t e = 0; e < run.batch.size(); ++e) run.batch.set(e, random_fp5(run.random));
  cheat(run);
  run.expect(ErrorCode::kFinal);
}

TEST(FriSoundness, RejectsALayerThatIsNotTheFold) {
  const size_t layers = FriRun(kUsual).shape.layers.size();
  ASSERT_EQ(layers, 3);
  for (size_t layer = 0; layer <= layers; ++layer) {
    FriRun run(kUsual);
    cheat(run, [&](size_t i, Codeword& codeword) {
      if (i != layer) return;
      // Another polynomial of the same degree, so that only the link between the layers is wrong.
      const uint32_t bound = i < layers ? run.shape.layers[i].bound : run.shape.final_bound;
      codeword = evaluate_on_subgroup(random_elements(bound, run.random), codeword.log_size());
    });
    run.expect(layer == 0       ? ErrorCode::kDeep
               : layer < layers ? ErrorCode::kFold
                                : ErrorCode::kFinal);
  }
}

// One place of every fibre lies, whichever is not the one that a query asks for: the fold differs.
TEST(FriSoundness, RejectsALayerThatIsWrongInOnePlaceOfItsFibres) {
  for (const size_t layer : {0u, 1u, 2u})
    for (const size_t place : {0u, 3u, 7u}) {
      FriRun run(kUsual);
      cheat(run, [&](size_t i, Codeword& codeword) {
        const size_t part = codeword.size() / 8;
        for (size_t e = place * part; i == layer && e < (place + 1) * part; ++e)
          codeword.set(e, codeword.at(e) + Fp5::one());
      });
      const auto result = run.verify();
      ASSERT_FALSE(result) << "layer " << layer << ", place " << place;
    }
}

TEST(FriSoundness, RejectsAWrongFinalPolynomial) {
  FriRun run(kUsual);
  run.prove();
  for (const size_t i : {size_t{0}, run.proof.final_polynomial.size() - 1}) {
    FriRun other(kUsual);
    other.prove();
    other.proof.final_polynomial[i] += Fp5::one();
    // Other queries follow, whose nonce must be found again.
    Transcript transcript;
    other.proof.nonce_query = 0;
    for (;; ++other.proof.nonce_query) {
      Transcript attempt;
      if (replay_fri(other.shape, other.proof, attempt)) break;
    }
    other.expect(ErrorCode::kFinal);
  }
}

// The opened rows say something else than what was folded.
TEST(FriSoundness, RejectsAnotherBatch) {
  FriRun run(kUsual);
  run.prove();
  for (size_t e = 0; e < run.batch.size(); ++e) run.batch.set(e, run.batch.at(e) + Fp5::one());
  run.expect(ErrorCode::kDeep);
}

TEST(FriSoundness, RejectsNoncesWithoutWork) {
  FriRun run(kUsual);
  run.prove();
  ++run.proof.layers[1].nonce;
  Transcript transcript;
  // Not every other nonce is bad: 3 bits.
  while (true) {
    Transcript attempt;
    const auto result = replay_fri(run.shape, run.proof, attempt);
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::kNonce);
      break;
    }
    ++run.proof.layers[1].nonce;
  }
}

TEST(FriSoundness, ChallengesDependOnEverythingBefore) {
  FriRun run(kUsual);
  run.prove();
  Params params = run.shape.params;
  params.grind_query = params.grind_round = 0;  // so that changed messages can be replayed
  run.shape.params = params;
  run.proof.nonce_query = 0;
  for (auto& layer : run.proof.layers) layer.nonce = 0;
  const auto replay = [&] {
    Transcript transcript;
    return *replay_fri(run.shape, run.proof, transcript);
  };
  const FriChallenges before = replay();
  for (size_t i = 0; i < run.proof.layers.size(); ++i) {
    run.proof.layers[i].root[3] ^= 1;
    const FriChallenges after = replay();
    for (size_t j = 0; j < run.proof.layers.size(); ++j)
      EXPECT_EQ(before.beta[j].beta == after.beta[j].beta, j < i);
    EXPECT_NE(before.indices, after.indices);
    run.proof.layers[i].root[3] ^= 1;
  }
  run.proof.final_polynomial[0] += Fp5::one();
  EXPECT_EQ(before.beta[2].beta, replay().beta[2].beta);
  EXPECT_NE(before.indices, replay().indices);
}

TEST(FriCancel, StopsWhenAsked) {
  FriRun run({"cancel", {.zk = false, .queries = 4, .grind_round = 30, .log_final = 3}, {{1, 6}}});
  const std::atomic<bool> cancelled = true;
  Transcript transcript;
  EXPECT_FALSE(fri_commit(run.shape, FriRun::copy(run.batch), transcript, &cancelled));
}

}  // namespace
}  // namespace zkvm::stark
