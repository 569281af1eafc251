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
  EXPECT_NEAR(soundness_bits::batch(soundness_bits::unique_exceptions(theta, domain)), 133.9,
              kTenth);
  EXPECT_NEAR(soundness_bits::fold(3, soundness_bits::unique_exceptions(theta, domain / 8)), 135.4,
              kTenth);
}

// ArkLib's test of johnsonExceptionCount: n = 4, D = 1, A = 3, eta = 1/4 have m = 3, and 797 with the
// greatest integers mu = 6 and h = 16, below 5488/3, the closed form. Here mu = 7, h = 49/3.
TEST(SoundnessFormula, JohnsonExceptionsAreThoseOfTheTheorem) {
  const double found = soundness_bits::johnson_exceptions(4, 2, 0.75, 3);
  EXPECT_NEAR(found, 13 * 49.0 / 3 + 1.5 * (49.0 / 3 + 7 + 4 * 7 * 49.0 / 3) + 2 * 7, 1e-9);
  EXPECT_GT(found, 797);
  EXPECT_LT(found, 5488.0 / 3);
  // The closed form bounds it everywhere: (8/3) n t^3 / rho.
  for (const unsigned m : {3u, 10u, 42u, 120u, 1000u})
    for (const double rho : {0.05, 0.27, 0.57})
      for (const double n : {1 << 10, 1 << 16, 1 << 22}) {
        const double bound = std::floor(rho * n), rate = (bound - 1) / n;
        const double exceptions = soundness_bits::johnson_exceptions(
            n, bound, soundness_bits::johnson_agreement(rate, m), m);
        EXPECT_LT(exceptions, 8.0 / 3 * n * std::pow(m + 0.5, 3) / rate);
        EXPECT_GT(exceptions, 4.0 / 3 * n * std::pow(m + 0.5, 3) / rate);
      }
}

// Section 2 of the proposal that the Johnson regime was built from (tables of 2^12 rows, masks of
// 2q + 11 coefficients, 20 bits before the queries): for m the queries, and the length L of lists. Its
// rates are those of whole shapes, so queries may be one off and lists 3 %.
TEST(SoundnessFormula, JohnsonQueriesAndListsOfTheProposal) {
  const struct {
    int blowup, m, queries, lists;
  } known[] = {
      {2, 120, 269, 40}, {4, 64, 114, 61}, {8, 45, 75, 79}, {16, 15, 56, 45},   // hello
      {2, 100, 269, 33}, {4, 42, 115, 40}, {8, 27, 75, 49}, {16, 15, 56, 45}};  // perceptron
  for (const auto& [blowup, m, queries, lists] : known) {
    const double rho = (4096.0 + 2 * queries + 11) / (4096.0 * blowup);
    const double alpha = soundness_bits::johnson_agreement(rho, static_cast<unsigned>(m));
    EXPECT_GE(soundness_bits::queries(alpha, queries) + 20, 128) << blowup << " " << m;
    EXPECT_LT(soundness_bits::queries(alpha, queries - 2) + 20, 128) << blowup << " " << m;
    EXPECT_NEAR(soundness_bits::johnson_list(rho, alpha), lists, 0.03 * lists)
        << blowup << " " << m;
  }
}

TEST(SoundnessFormula, QueriesFor128BitsWithA20BitNonce) {
  const struct {
    double rho;
    int queries;
  } known[] = {{1.0 / 2, 261}, {1.0 / 4, 160}, {1.0 / 8, 131}, {1.0 / 16, 119}};
  for (const auto& [rho, queries] : known) {
    const double theta = (1 - rho) / 2;
    EXPECT_GE(soundness_bits::queries(1 - theta, queries) + 20, 128) << rho;
    EXPECT_LT(soundness_bits::queries(1 - theta, queries - 1) + 20, 128) << rho;
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
  EXPECT_EQ(s.agreement, 0.75);
  EXPECT_EQ(s.list_size, 1);
  EXPECT_NEAR(round_of(s, "logup").bits, 124.8, kTenth);
  EXPECT_NEAR(round_of(s, "zeta").bits, 130.9, kTenth);
  EXPECT_NEAR(round_of(s, "batch").bits, 133.9, kTenth);
  EXPECT_NEAR(round_of(s, "fri/layer 0").bits, 135.4, kTenth);
  EXPECT_NEAR(round_of(s, "fri/layer 1").bits, 138.4, kTenth);
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
  EXPECT_NEAR(round_of(soundness(shape, 1, 0), "late").bits, 154.943 - std::log2(5) - 20 + 4,
              0.001);
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
  EXPECT_NEAR(round_of(four, "fri/layer 0").bits, 154.943 - std::log2(3) - 16, 0.001);
  EXPECT_NEAR(round_of(four, "fri/layer 1").bits, 154.943 - std::log2(3) - 13, 0.001);
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

// One challenge a halving, over the domain that the layer is folded to.
TEST(Soundness, AFoldCostsItsHalvings) {
  const Params params{.zk = false, .queries = 261};
  const Shape shape = shape_of(one_chip(2), params, {{0, 20}});
  ASSERT_EQ(shape.layers.size(), 4u);  // 2^21 -> 2^18 -> 2^15 -> 2^12 -> 2^9
  const Soundness s = soundness(shape, 1, 0);
  EXPECT_NEAR(round_of(s, "fri/layer 2").bits, 154.943 - std::log2(3) - 10, 0.002);
  EXPECT_NEAR(round_of(s, "fri/layer 3").bits, 154.943 - std::log2(3 * (std::exp2(9) / 4 + 1)),
              0.001);
}

// Every row of the Johnson regime from its formula, at its m; and no other m has more bits.
TEST(Soundness, JohnsonRounds) {
  const auto key = one_chip(32);
  const Shape shape = shape_of(key,
                               {.zk = true,
                                .log_blowup = 2,
                                .queries = 115,
                                .grind_query = 20,
                                .grind_round = 12,
                                .log_stack = 1},
                               {{0, 16}, {0, 12}});
  const Soundness s = soundness(shape, 7, 5, 0, Regime::kJohnson);
  EXPECT_EQ(s.regime, Regime::kJohnson);
  const Soundness unique = soundness(shape, 7, 5);
  EXPECT_EQ(s.rho, unique.rho);
  EXPECT_EQ(s.agreement, std::sqrt(s.rho) * (1 + 0.5 / s.multiplicity));
  EXPECT_NEAR(s.list_size, (s.agreement - s.rho) / (s.agreement * s.agreement - s.rho), 1e-9);
  for (const char* round : {"logup", "alpha", "zeta"})
    EXPECT_NEAR(round_of(s, round).bits, round_of(unique, round).bits - std::log2(s.list_size),
                1e-9)
        << round;
  const double rate = shape.final_bound / std::exp2(shape.log_final_size);
  const auto exceptions = [&](unsigned log) {
    const double n = std::exp2(log);
    return soundness_bits::johnson_exceptions(n, rate * n, s.agreement, s.multiplicity);
  };
  EXPECT_NEAR(round_of(s, "batch").bits, 154.943 + 12 - std::log2(exceptions(19)), 0.001);
  EXPECT_NEAR(round_of(s, "fri/layer 0").bits, 154.943 + 12 - std::log2(3 * exceptions(16)), 0.001);
  EXPECT_NEAR(round_of(s, "queries").bits, -115 * std::log2(s.agreement) + 20, 1e-9);
  // Where rows meet: with one m more or less either the queries or another row has fewer.
  double rows = 1000;
  for (const SoundnessRound& round : s.rounds)
    if (round.name != "queries") rows = std::min(rows, round.bits);
  const auto queries_at = [&](unsigned m) {
    return soundness_bits::queries(soundness_bits::johnson_agreement(s.rho, m), 115) + 20;
  };
  EXPECT_EQ(s.bits, std::min(rows, queries_at(s.multiplicity)));
  EXPECT_LT(queries_at(s.multiplicity - 1), s.bits + 0.2);
  EXPECT_GT(queries_at(s.multiplicity + 1), rows - 0.2);
}

TEST(Soundness, JohnsonIsAskedForOnlyWhereUniqueDecodingIsNotEnough) {
  const auto key = one_chip(2);
  const Shape shape = shape_of(key, {.zk = false, .log_blowup = 2, .queries = 130}, {{0, 16}});
  const double unique = soundness(shape, 1, 0).bits;
  const double johnson = soundness(shape, 1, 0, 0, Regime::kJohnson).bits;
  EXPECT_GT(johnson, unique + 19);
  const auto regime = [&](double bits, Regime widest) {
    return soundness_for(bits, widest, shape, 1, 0).regime;
  };
  EXPECT_EQ(regime(0, Regime::kJohnson), Regime::kUnique);
  EXPECT_EQ(regime(unique, Regime::kJohnson), Regime::kUnique);
  EXPECT_EQ(regime(std::nextafter(unique, 1000), Regime::kJohnson), Regime::kJohnson);
  EXPECT_EQ(regime(200, Regime::kJohnson), Regime::kJohnson);
  EXPECT_EQ(regime(200, Regime::kUnique), Regime::kUnique);
  EXPECT_EQ(widest_regime(1), Regime::kJohnson);
  EXPECT_EQ(widest_regime(2), Regime::kUnique);
}

// A shared root would name a list, of which two proofs could take different members.
TEST(Soundness, NoJohnsonRegimeWithASharedTree) {
  VerifyingKey key = one_chip(2);
  key.slots = {{.kind = Slot::Kind::kShared, .rows = {{16, 1}}}};
  key.chips[0].log_height = 16;
  key.chips[0].slots = {{0, 0, 1}};
  ASSERT_TRUE(key.check()) << key.check().error().message;
  const Shape shape = shape_of(key, {.log_blowup = 2, .queries = 130}, {{0, 16}});
  EXPECT_GT(soundness(shape, 1, 0).bits, 80);
  EXPECT_EQ(soundness(shape, 1, 0, 0, Regime::kJohnson).bits, 0);
  EXPECT_EQ(soundness_for(128, Regime::kJohnson, shape, 1, 0).regime, Regime::kUnique);
}

// The theorem speaks of degrees from 1 on and of agreements up to 1.
TEST(Soundness, NoJohnsonRegimeWhereTheTheoremIsSilent) {
  const auto key = one_chip(2);
  const Shape constant =
      shape_of(key, {.zk = false, .log_blowup = 4, .queries = 130, .log_final = 4}, {{0, 16}});
  ASSERT_EQ(constant.final_bound, 1u);
  EXPECT_EQ(soundness(constant, 1, 0, 0, Regime::kJohnson).bits, 0);
  const Shape shape = shape_of(key, {.zk = false, .log_blowup = 1, .queries = 130}, {{0, 16}});
  EXPECT_GT(soundness(shape, 1, 0, 0.7, Regime::kJohnson).bits, 0);
  EXPECT_EQ(soundness(shape, 1, 0, 0.75, Regime::kJohnson).bits, 0);
  EXPECT_EQ(soundness(shape, 1, 0, 1.0, Regime::kJohnson).bits, 0);
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

TEST(ChooseParams, ReachesTheLevelInTheJohnsonRegime) {
  const auto key = one_chip(14);
  for (const uint8_t log_blowup : {uint8_t{1}, uint8_t{2}, uint8_t{3}})
    for (const std::vector<TableSpec>& tables :
         {std::vector<TableSpec>{{0, 20}}, {{0, 18}, {0, 14}}, {{0, 13}, {0, 12}}}) {
      const Params wish{.log_blowup = log_blowup};
      const auto bits = [&](const Params& params) {
        return soundness(shape_of(key, params, tables), key.tuple_width, 3, 0, Regime::kJohnson)
            .bits;
      };
      const auto params = choose_params(key, tables, 3, wish, 128, 0, Regime::kJohnson);
      ASSERT_TRUE(params) << params.error().message;
      EXPECT_LT(params->queries, choose_params(key, tables, 3, wish)->queries);
      EXPECT_LE(params->grind_round, 14);
      EXPECT_GE(bits(*params), 128);
      Params less = *params;
      --less.queries;
      less.grind_round = 14;  // the most that is taken for fewer queries
      EXPECT_LT(bits(less), 128);
      less = *params;
      --less.grind_round;
      EXPECT_LT(bits(less), 128);
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
