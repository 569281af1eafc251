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
      {"a join in it", with(plain, [](Params& p) { p.log_final = 0; }), {{0, 10}, {1, 0}}},
      {"every height", plain, {{0, 11}, {0, 10}, {0, 9}, {0, 8}, {1, 7}, {1, 5}, {1, 1}, {1, 0}}},
      {"distances of 1 to 4", plain, {{0, 11}, {0, 10}, {1, 8}, {1, 5}, {1, 1}}},
      {"three in one layer", plain, {{0, 11}, {0, 10}, {0, 9}, {0, 8}}},
      {"joins of one size of fibre", plain, {{0, 11}, {0, 9}, {1, 6}}},
      {"joins unfolded", plain, {{0, 11}, {0, 8}, {1, 5}, {1, 2}}},
      {"joins below the final size",
       with(plain, [](Params& p) { p.log_final = 9; }),
       {{0, 11}, {1, 6}, {1, 2}}},
      {"rate 1/8", with(plain, [](Params& p) { p.log_blowup = 3; }), {{0, 9}, {1, 4}}},
      {"masks", masked, {{0, 11}, {2, 9}, {1, 8}}},
      {"masks, rate 1/4", with(masked, [](Params& p) { p.log_blowup = 2; }), {{0, 10}, {1, 9}}},
  };
}

/// A run of FRI alone: prover's side, then the verifier's.
class FriRun {
 public:
  FriRun(const Case& c, uint64_t seed = 1)
      : random(seed), shape(test_shape(key, c.params, c.tables)) {
    for (const GroupShape& group : shape.groups)
      batch.push_back(
          evaluate_on_subgroup(random_elements(group.bound, random), shape.log_domain(group)));
  }

  static std::vector<Codeword> copy(const std::vector<Codeword>& from) {
    std::vector<Codeword> out;
    for (const Codeword& codeword : from) {
      out.emplace_back(codeword.log_size());
      for (size_t e = 0; e < codeword.size(); ++e) out.back().set(e, codeword.at(e));
    }
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
    std::vector<std::vector<Fp5>> values;
    for (size_t g = 0; g < batch.size(); ++g) {
      values.emplace_back();
      for (const uint32_t e : distinct_below(indices, batch[g].log_size()))
        values[g].push_back(batch[g].at(e));
    }
    std::vector<TreeOpening> openings;
    std::vector<const uint32_t*> rows;
    for (size_t i = 0; i < shape.layers.size(); ++i)
      openings.push_back(open_layer(shape, fri, i, indices));
    for (size_t i = 0; i < shape.layers.size(); ++i) {
      const auto heights = tree_heights(shape, shape.trees.size() + i);
      const auto opened = distinct_below(indices, heights[0].log_size);
      std::vector<uint32_t> scratch(2 * opened.size());
      std::vector<Digest> nodes(4 * opened.size());
      EXPECT_EQ(verify_merkle_proof(proof.layers[i].root, heights, opened, openings[i].rows,
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
  std::vector<Codeword> batch;
  FriCommitment fri;
  Proof proof;
};

class Fri : public SimdTargetTest {};

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
      const Fp5 beta = random_fp5(random);
      const Codeword folded = fold(evaluate_on_subgroup(coefficients, log_size), t, beta);
      std::vector<Fp5> expected(size_t{1} << (log_size - t));
      for (size_t i = 0; i < coefficients.size(); ++i)
        expected[i >> t] += coefficients[i] * pow(beta, i & ((1u << t) - 1));
      EXPECT_EQ(interpolate(folded), expected) << "2^" << log_size << " by 2^" << t;
    }
  }
}

TEST_P(Fri, AddMultiple) {
  std::mt19937_64 random(6);
  for (unsigned log_size : {0u, 2u, 4u, 7u, 13u}) {
    const auto a = random_elements(size_t{1} << log_size, random);
    const auto b = random_elements(size_t{1} << log_size, random);
    const Fp5 factor = random_fp5(random);
    Codeword sum(log_size), other(log_size);
    for (size_t e = 0; e < a.size(); ++e) {
      sum.set(e, a[e]);
      other.set(e, b[e]);
    }
    add_multiple(sum, other, factor);
    for (size_t e = 0; e < a.size(); ++e) ASSERT_EQ(sum.at(e), a[e] + factor * b[e]);
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
      const Fp5 beta{{b, b, b, b, b}};
      // The codeword of a constant folds to that constant.
      const Codeword folded = fold(codeword, 3, beta);
      for (size_t e = 0; e < folded.size(); ++e) ASSERT_EQ(folded.at(e), codeword.at(0));
      // One column of all parts alike: X^7 a has the fold beta^7 a.
      Codeword power(7);
      for (size_t e = 0; e < power.size(); ++e)
        power.set(e, codeword.at(0) * pow(Fp::root_of_unity(7), 7 * e));
      const Codeword last = fold(power, 3, beta);
      for (size_t e = 0; e < last.size(); ++e) ASSERT_EQ(last.at(e), codeword.at(0) * pow(beta, 7));
    }
  }
}
INSTANTIATE_SIMD_TARGET_TESTS(Fri);

const Case kUsual = {
    "usual",
    {.zk = false, .queries = 40, .grind_query = 4, .grind_round = 3, .log_final = 4},
    {{0, 11}, {1, 9}, {1, 4}}};

TEST(FriSoundness, FoldFibreAgreesWithFold) {
  std::mt19937_64 random(7);
  const Codeword codeword = evaluate_on_subgroup(random_elements(1 << 9, random), 9);
  const Fp5 beta = random_fp5(random);
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
struct Cheat {
  std::function<void(size_t layer, Codeword&)> change = [](size_t, Codeword&) {};
  /// What is committed of a group that is folded with a layer.
  std::function<void(uint32_t group, Codeword&)> change_joining = [](uint32_t, Codeword&) {};
};
void cheat(FriRun& run, const Cheat& how) {
  Transcript transcript;
  {
    const auto scope = transcript.scope("fri");
    std::vector<Codeword> batch = FriRun::copy(run.batch);
    Codeword codeword = std::move(batch[0]);
    for (uint32_t i = 0; i < run.shape.layers.size(); ++i) {
      const FriLayerShape& layer = run.shape.layers[i];
      const auto layer_scope = transcript.scope("layer", i);
      how.change(i, codeword);
      std::vector<FriFibres> fibres = {{codeword.pack(0), layer.log_arity}};
      for (const auto& [group, log_arity] : layer.joins) {
        if (log_arity == 0) continue;
        how.change_joining(group, batch[group]);
        fibres.push_back({batch[group].pack(0), log_arity});
      }
      MerkleTree tree(0, {fri_layer_rows(layer.log_rows(), fibres)});
      transcript.absorb("root", tree.root());
      const auto nonce = grind(transcript, "grind", run.shape.params.grind_round);
      const Fp5 beta = transcript.squeeze("fold");
      Codeword next = fold(codeword, layer.log_arity, beta);
      unsigned exponent = 1u << layer.log_arity;
      std::vector<Codeword> joined;
      for (const auto& [group, log_arity] : layer.joins) {
        Codeword& other = batch[group];
        add_multiple(next, log_arity == 0 ? std::move(other) : fold(other, log_arity, beta),
                     pow(beta, exponent));
        if (log_arity > 0) joined.push_back(std::move(other));
        exponent += 1u << log_arity;
      }
      run.proof.layers.push_back({tree.root(), *nonce});
      run.fri.layers.push_back({std::move(codeword), std::move(joined), std::move(tree), *nonce});
      codeword = std::move(next);
    }
    how.change(run.shape.layers.size(), codeword);
    run.fri.final_polynomial = interpolate(codeword);
    run.fri.final_polynomial.resize(run.shape.final_bound);
    transcript.absorb("final", std::span<const Fp5>(run.fri.final_polynomial));
  }
  run.proof.final_polynomial = run.fri.final_polynomial;
  run.proof.nonce_query = *grind(transcript, "grind query", run.shape.params.grind_query);
}

TEST(FriSoundness, TheCheatIsAcceptedWhenItDoesNotCheat) {
  FriRun run(kUsual);
  cheat(run, {});
  EXPECT_TRUE(run.verify());
}

TEST(FriSoundness, RejectsADegreeThatIsTooHigh) {
  for (size_t g = 0; g < 3; ++g) {
    FriRun run(kUsual);
    const GroupShape& group = run.shape.groups[g];
    run.batch[g] =
        evaluate_on_subgroup(random_elements(size_t{1} << run.shape.log_domain(group), run.random),
                             run.shape.log_domain(group));
    cheat(run, {});
    run.expect(ErrorCode::kFinal);
  }
}

TEST(FriSoundness, RejectsARandomWord) {
  FriRun run(kUsual);
  for (size_t e = 0; e < run.batch[0].size(); ++e) run.batch[0].set(e, random_fp5(run.random));
  cheat(run, {});
  run.expect(ErrorCode::kFinal);
}

TEST(FriSoundness, RejectsALayerThatIsNotTheFold) {
  const size_t layers = FriRun(kUsual).shape.layers.size();
  ASSERT_EQ(layers, 3);
  for (size_t layer = 0; layer <= layers; ++layer) {
    FriRun run(kUsual);
    cheat(run, {.change = [&](size_t i, Codeword& codeword) {
            if (i != layer) return;
            // Another polynomial of the same degree, so that only the link between the layers is
            // wrong.
            const uint32_t bound = i < layers ? run.shape.layers[i].bound : run.shape.final_bound;
            codeword =
                evaluate_on_subgroup(random_elements(bound, run.random), codeword.log_size());
          }});
    run.expect(layer == 0       ? ErrorCode::kDeep
               : layer < layers ? ErrorCode::kFold
                                : ErrorCode::kFinal);
  }
}

// A group that is folded with a layer is committed there: as another polynomial of its degree, or
// with its true values but for one place of each fibre, whichever is not asked for.
TEST(FriSoundness, RejectsAJoiningGroupThatIsNotItsBatch) {
  for (const uint32_t group : {1u, 2u}) {
    FriRun run(kUsual);
    cheat(run, {.change_joining = [&](uint32_t g, Codeword& codeword) {
            if (g == group)
              codeword = evaluate_on_subgroup(
                  random_elements(run.shape.groups[g].bound, run.random), codeword.log_size());
          }});
    run.expect(ErrorCode::kDeep);
  }
  for (const size_t part : {0u, 1u}) {  // group 1 has fibres of two
    FriRun run(kUsual);
    ASSERT_EQ(run.shape.layers[0].joins[0].log_arity, 1);
    cheat(run, {.change_joining = [&](uint32_t g, Codeword& codeword) {
            if (g != 1) return;
            const size_t half = codeword.size() / 2;
            for (size_t e = part * half; e < (part + 1) * half; ++e)
              codeword.set(e, codeword.at(e) + Fp5::one());
          }});
    run.expect(ErrorCode::kDeep);
  }
}

// Challenges of two parts must differ, or groups could cancel each other.
TEST(FriSoundness, PartsHaveDistinctPowers) {
  const Case close{"close",
                   {.zk = false, .queries = 20, .grind_query = 4, .log_final = 4},
                   {{0, 11}, {0, 10}, {1, 9}, {1, 8}}};
  for (uint32_t a = 0; a < 4; ++a) {
    for (uint32_t b = a + 1; b < 4; ++b) {
      FriRun run(close);
      ASSERT_EQ(run.shape.layers[0].joins.size(), 3u);
      const Codeword far = evaluate_on_subgroup(random_elements(1 << 9, run.random), 9);
      for (const auto& [g, sign] : {std::pair{a, Fp::one()}, std::pair{b, -Fp::one()}}) {
        Codeword& codeword = run.batch[g];
        for (size_t e = 0; e < codeword.size(); ++e)
          codeword.set(e, codeword.at(e) + far.at(e % 512) * sign);
      }
      cheat(run, {});
      run.expect(ErrorCode::kFinal);
    }
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

TEST(FriSoundness, RejectsGroupsThatDoNotJoin) {
  FriRun run(kUsual);
  run.prove();
  // The opened rows of group 2 say something else than what was joined.
  for (size_t e = 0; e < run.batch[2].size(); ++e)
    run.batch[2].set(e, run.batch[2].at(e) + Fp5::one());
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
      EXPECT_EQ(before.beta[j] == after.beta[j], j < i);
    EXPECT_NE(before.indices, after.indices);
    run.proof.layers[i].root[3] ^= 1;
  }
  run.proof.final_polynomial[0] += Fp5::one();
  EXPECT_EQ(before.beta[2], replay().beta[2]);
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
