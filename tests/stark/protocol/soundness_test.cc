#include "stark/protocol/soundness.h"

#include <gtest/gtest.h>

#include <cmath>

namespace zkvm::stark {
namespace {

constexpr double kTenth = 0.05;  // known answers are given to one decimal

// stark/doc/soundness.md: figures of the design, computed by hand from the cited bounds.
TEST(SoundnessFormula, KnownAnswersAtFourMillionRows) {
  const double theta = (1 - 0.5) / 2;
  const double domain = std::ldexp(1.0, 23);
  EXPECT_NEAR(soundness_bits::logup(std::ldexp(1.0, 27), 7), 124.8, kTenth);
  EXPECT_NEAR(soundness_bits::out_of_domain(std::ldexp(1.0, 22)), 130.9, kTenth);
  EXPECT_NEAR(soundness_bits::batch_by_powers(theta, domain, 8), 131.1, kTenth);  // fold by 8
  EXPECT_NEAR(soundness_bits::batch_by_powers(theta, domain, 2000), 123.0, kTenth);
  EXPECT_NEAR(soundness_bits::batch(theta, domain), 133.9, kTenth);
}

TEST(SoundnessFormula, QueriesFor128BitsWithA20BitNonce) {
  const struct {
    double rho;
    int queries;
  } known[] = {{1.0 / 2, 261}, {1.0 / 4, 160}, {1.0 / 8, 131}, {1.0 / 16, 119}};
  for (const auto& [rho, queries] : known) {
    const double theta = (1 - rho) / 2;
    EXPECT_GE(soundness_bits::queries(theta, queries) + 20, 128) << rho;
    EXPECT_LT(soundness_bits::queries(theta, queries - 1) + 20, 128) << rho;
  }
}

// One chip with a column that is its own tuple, free height.
VerifyingKey one_chip(unsigned interactions) {
  ChipKey chip;
  chip.name = "chip";
  chip.main_width = 4;
  for (unsigned i = 0; i < interactions; ++i)
    chip.interactions.push_back({static_cast<uint16_t>(1 + i),
                                 Interaction::Kind::kSend,
                                 1,
                                 {Fp::one().wire, {}},
                                 {AffineForm{0, {{0, Fp::one().wire}}}}});
  VerifyingKey key;
  key.chips = {chip};
  return key;
}

Shape shape_of(const VerifyingKey& key, Params params, std::vector<TableSpec> tables) {
  auto shape = make_shape(key, params, tables);
  EXPECT_TRUE(shape) << shape.error().message;
  return *shape;
}

const SoundnessRound& round_of(const Soundness& soundness, const std::string& name) {
  for (const auto& round : soundness.rounds)
    if (round.name == name) return round;
  ADD_FAILURE() << "no round " << name;
  return soundness.rounds.front();
}

TEST(Soundness, RoundsOfAProofWithoutMasks) {
  const auto key = one_chip(32);
  const Params params{.zk = false, .queries = 261};
  const Soundness s = soundness(shape_of(key, params, {{0, 22}}), 7, 0);
  EXPECT_EQ(s.rho, 0.5);
  EXPECT_EQ(s.theta, 0.25);
  EXPECT_NEAR(round_of(s, "logup").bits, 124.8, kTenth);
  EXPECT_NEAR(round_of(s, "zeta").bits, 130.9, kTenth);
  EXPECT_NEAR(round_of(s, "batch").bits, 133.9, kTenth);
  EXPECT_NEAR(round_of(s, "fri/layer 0").bits, 131.1, kTenth);
  EXPECT_NEAR(round_of(s, "fri/layer 1").bits, 134.1, kTenth);
  EXPECT_GE(round_of(s, "queries").bits, 128);
  EXPECT_EQ(s.bits, round_of(s, "logup").bits);
}

// Tables of the first chip sum by lambda^3 mu, those of the second have no late columns.
TEST(Soundness, LateColumnsCostTheirDegree) {
  VerifyingKey key = one_chip(2);
  key.chips.push_back(key.chips[0]);
  key.chips[0].late_width = 5;
  key.chips[0].late_degree = 4;
  key.chips[0].nodes = {{ExpressionNode::Op::kLate, 0, 3},
                        {ExpressionNode::Op::kLate, 5, 1},
                        {ExpressionNode::Op::kMul, 0, 1}};
  key.chips[0].asserts = {2};
  ASSERT_TRUE(key.check()) << key.check().error().message;
  const Params params{.zk = false, .queries = 261, .grind_round = 4};
  const Shape shape = shape_of(key, params, {{0, 20}, {0, 18}, {1, 18}});
  EXPECT_EQ(shape.late_degree, (uint64_t{4} << 20) + (uint64_t{4} << 18));
  EXPECT_NEAR(round_of(soundness(shape, 1, 0), "late").bits,
              154.943 - std::log2(5) - 20 + 4, 0.001);
  for (const SoundnessRound& round : soundness(shape_of(key, params, {{1, 18}}), 1, 0).rounds)
    EXPECT_NE(round.name, "late");
}

TEST(Soundness, GrindingCountsWhereTheNoncePrecedesTheChallenge) {
  const auto key = one_chip(32);
  const auto bits = [&](uint8_t grind_round, uint8_t grind_query) {
    const Params params{
        .zk = false, .queries = 261, .grind_query = grind_query, .grind_round = grind_round};
    return soundness(shape_of(key, params, {{0, 22}}), 7, 0);
  };
  const Soundness plain = bits(0, 0);
  const Soundness ground = bits(5, 20);
  ASSERT_EQ(plain.rounds.size(), ground.rounds.size());
  for (size_t i = 0; i < plain.rounds.size(); ++i) {
    const std::string& name = plain.rounds[i].name;
    const double gain = name == "alpha" ? 0 : name == "queries" ? 20 : 5;
    EXPECT_NEAR(ground.rounds[i].bits - plain.rounds[i].bits, gain, 1e-9) << name;
  }
}

// All groups are in one codeword, so lower ones cost rows and constraints and no fold.
TEST(Soundness, LowerGroupsCostNoFold) {
  const auto key = one_chip(2);
  const Params params{.zk = false, .queries = 261};
  const Soundness one = soundness(shape_of(key, params, {{0, 20}}), 1, 0);
  const Soundness four =
      soundness(shape_of(key, params, {{0, 20}, {0, 19}, {0, 18}, {0, 17}}), 1, 0);
  ASSERT_EQ(four.rounds.size(), one.rounds.size());
  for (size_t i = 0; i < one.rounds.size(); ++i) {
    const std::string& name = one.rounds[i].name;
    if (name == "logup" || name == "alpha")
      EXPECT_LT(four.rounds[i].bits, one.rounds[i].bits) << name;
    else
      EXPECT_NEAR(four.rounds[i].bits, one.rounds[i].bits, 0.001) << name;  // the rate, a little
  }
  EXPECT_NEAR(round_of(four, "fri/layer 0").bits, 154.943 - std::log2(7) - 19, 0.001);
  EXPECT_NEAR(round_of(four, "fri/layer 1").bits, 154.943 - std::log2(7) - 16, 0.001);
}

// A stack of 2^s columns is a polynomial of 2^s times the degree: batch and folds lose s bits.
// zeta is about the columns themselves. The rate grows by what a stack is longer than its quotient.
TEST(Soundness, StacksCostTheirHeight) {
  const auto key = one_chip(2);
  const auto at = [&](uint8_t log_stack) {
    return soundness(
        shape_of(key, {.zk = false, .queries = 261, .log_stack = log_stack}, {{0, 18}}), 1, 0);
  };
  const Soundness flat = at(0);
  for (const uint8_t s : {uint8_t{1}, uint8_t{2}, uint8_t{4}}) {
    const Soundness stacked = at(s);
    EXPECT_EQ(stacked.rho, flat.rho + ((1 << s) - 1) / std::exp2(19 + s));
    EXPECT_NEAR(round_of(flat, "batch").bits - round_of(stacked, "batch").bits, s, 0.001);
    EXPECT_NEAR(round_of(flat, "fri/layer 0").bits - round_of(stacked, "fri/layer 0").bits, s,
                0.001);
    for (const char* name : {"logup", "alpha", "zeta"})
      EXPECT_NEAR(round_of(stacked, name).bits, round_of(flat, name).bits, 0.001) << name;
    EXPECT_LT(round_of(stacked, "queries").bits, round_of(flat, "queries").bits);
  }
}

// The theorem on curves speaks of the domain that a layer is folded to, which beyond a rate of 3/4
// has more points than theta times the layer's.
TEST(Soundness, FoldsCostNoLessThanTheTheoremOnCurves) {
  const Shape shape = shape_of(one_chip(2), {.zk = false, .queries = 261}, {{0, 20}});
  for (const auto& [rate, log_points] : {std::pair{0.75, 18.0}, {0.9, 18.0}, {0.5, 19.0}})
    EXPECT_NEAR(round_of(soundness(shape, 1, 0, rate), "fri/layer 0").bits,
                154.943 - std::log2(7) - log_points, 0.001)
        << rate;
}

TEST(Soundness, MasksOfTheSmallestGroupSetTheRate) {
  const auto key = one_chip(2);
  const Params params{.zk = true, .queries = 300};
  const Shape shape = shape_of(key, params, {{0, 20}, {0, 12}});
  const Soundness s = soundness(shape, 1, 0);
  const GroupShape& small = shape.groups[1];
  EXPECT_GE(s.rho, static_cast<double>(small.bound) / (2 * small.height()));
  EXPECT_LT(s.rho, 0.6);
  EXPECT_GT(s.rho, 0.5);
}

TEST(Soundness, PublicInteractionsAndLeastRateCount) {
  const auto key = one_chip(2);
  const Shape shape = shape_of(key, {.zk = false, .queries = 261}, {{0, 10}});
  EXPECT_LT(round_of(soundness(shape, 1, 1u << 20), "logup").bits,
            round_of(soundness(shape, 1, 0), "logup").bits);
  EXPECT_EQ(soundness(shape, 1, 0, 0.75).rho, 0.75);
  EXPECT_EQ(soundness(shape, 1, 0, 1.0).bits, 0);
}

TEST(ChooseParams, ReachesTheLevelWithTheFewestQueries) {
  const auto key = one_chip(14);
  for (const bool zk : {false, true}) {
    for (const std::vector<TableSpec>& tables :
         {std::vector<TableSpec>{{0, 20}}, {{0, 20}, {0, 14}}, {{0, 13}, {0, 12}}}) {
      const auto params = choose_params(key, tables, 0, {.zk = zk});
      ASSERT_TRUE(params) << params.error().message;
      EXPECT_GE(soundness(shape_of(key, *params, tables), key.tuple_width, 0).bits, 128);
      Params fewer = *params;
      --fewer.queries;
      EXPECT_LT(soundness(shape_of(key, fewer, tables), key.tuple_width, 0).bits, 128);
      if (params->grind_round > 0) {
        Params easier = *params;
        --easier.grind_round;
        EXPECT_LT(soundness(shape_of(key, easier, tables), key.tuple_width, 0).bits, 128);
      }
      if (!zk) {
        EXPECT_EQ(params->queries, 261);
      }
    }
  }
}

TEST(ChooseParams, KnownQueriesAtEachRate) {
  const auto key = one_chip(2);
  const int known[] = {261, 160, 131, 119};
  for (uint8_t b = 1; b <= 4; ++b) {
    const auto params =
        choose_params(key, std::vector<TableSpec>{{0, 16}}, 0, {.zk = false, .log_blowup = b});
    ASSERT_TRUE(params) << params.error().message;
    EXPECT_EQ(params->queries, known[b - 1]) << "rate 1/" << (1 << b);
  }
}

TEST(ChooseParams, SaysWhatIsOutOfReach) {
  const auto key = one_chip(14);
  const std::vector<TableSpec> tables{{0, 20}};
  const auto no = choose_params(key, tables, 0, {.zk = false}, 160);
  ASSERT_FALSE(no);
  EXPECT_EQ(no.error().code, ErrorCode::kSecurity);
  EXPECT_NE(no.error().message.find("160"), std::string::npos) << no.error().message;
  // Masks of about 300 coefficients do not fit 2^8 rows.
  const auto small = choose_params(key, std::vector<TableSpec>{{0, 8}}, 0, {.zk = true});
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, ErrorCode::kTables);
}

TEST(Soundness, TableNamesEveryRound) {
  const Soundness s =
      soundness(shape_of(one_chip(14), {.zk = false, .queries = 261}, {{0, 20}}), 1, 0);
  const std::string text = to_string(s);
  for (const auto& round : s.rounds) EXPECT_NE(text.find(round.name), std::string::npos);
  EXPECT_NE(text.find("proven"), std::string::npos);
}

}  // namespace
}  // namespace zkvm::stark
