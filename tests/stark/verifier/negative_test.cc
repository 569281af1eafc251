// What a cheating prover may try on every toy circuit: none of it may verify. The cheater is the
// reference prover with one step replaced, so that everything after the lie is consistent with it.
#include <gtest/gtest.h>

#include "stark/transcript/transcript_log.h"
#include "stark/prover/prover.h"
#include "stark/verifier/constraints.h"
#include "tests/peak_memory.h"
#include "tests/stark/support/cheater.h"
#include "tests/stark/support/mutator.h"

namespace zkvm::stark {
namespace {

using Columns = Cheater::Columns;

const Fp kOne = Fp::one();
const Fp5 kOneE = Fp5::one();

/// A toy with several groups, several FRI layers and joins.
toys::Toy layered_toy() { return toys::mixed({8, 11, 9, 8}); }
Params layered_params() {
  Params params = quick_params();
  params.log_final = 3;
  return params;
}

/// Proves `toy` as it is (a lie), shared trees included; the key is the honest one.
void expect_lie_refused(toys::Toy& toy, const VerifyingKey& honest_key,
                        const Statement& honest_statement, const std::string& what) {
  const ToyProver prover(toy, quick_params());
  const Proof proof = make_cheater(prover, toy, quick_params()).prove();
  expect_refused(honest_key, prover.statement(), proof, what + ", its own statement");
  expect_refused(honest_key, honest_statement, proof, what + ", the honest statement");
}

// ------------------------------------------------------------------------------------- bus sums

// As many as are inverted at once, more and fewer: each of them counts, and none costs memory.
TEST(Negative, EveryPublicInteractionCounts) {
  const OpenedFingerprint fingerprint({{Fp::from(3), kOne, kOne, kOne, kOne}},
                                      {{Fp::from(5), kOne, kOne, Fp::from(9), kOne}}, 3);
  const size_t counts[] = {0, 1, 2, 255, 256, 257, 512, 700};
  for (const size_t count : counts) {
    SCOPED_TRACE(count);
    Statement statement;
    Fp5 sum;
    for (size_t i = 0; i < count; ++i) {
      const Fp tuple[] = {Fp::from(i), Fp::from(7 * i), Fp::from(11)};
      const Fp5 f = fingerprint(
          4, std::vector<Fp5>{Fp5::from(tuple[0]), Fp5::from(tuple[1]), Fp5::from(tuple[2])});
      const int8_t sign = i % 3 == 0 ? 1 : -1;
      const Fp multiplicity = Fp::from(i + 2);
      statement.publics.push_back(
          {4, sign, multiplicity.wire, {tuple[0].wire, tuple[1].wire, tuple[2].wire}});
      const Fp5 term = inverse(f) * multiplicity;
      sum += sign > 0 ? term : -term;
    }
    const Fp5 sums[] = {kOneE, -sum - kOneE};
    EXPECT_TRUE(check_bus_sum(statement, fingerprint, sums));
    for (const size_t changed : {size_t{0}, count / 2, count - 1}) {
      if (changed >= count) continue;
      Statement other = statement;
      other.publics[changed].multiplicity = kOne.wire;
      EXPECT_EQ(check_bus_sum(other, fingerprint, sums).error().code, ErrorCode::kBusSum);
    }
    const size_t peak =
        test::peak_memory_of([&] { EXPECT_TRUE(check_bus_sum(statement, fingerprint, sums)); });
    EXPECT_LE(peak, size_t{1} << 15);
  }
}

// ------------------------------------------------------------------------------------- witnesses

TEST(Negative, EveryCheatOfEveryToy) {
  for (toys::Toy& toy : small_toys()) {
    const ToyProver honest(toy, quick_params());
    ASSERT_TRUE(check(honest.key(), honest.statement(), honest.prove())) << toy.name;
    for (const toys::Cheat& cheat : toy.cheats) {
      SCOPED_TRACE(toy.name + ": " + cheat.name);
      toys::Toy lie = toy;
      cheat.apply(lie.witness);
      const CheckReport report = check_witness(lie.circuit, lie.witness);
      EXPECT_FALSE(report.ok());
      EXPECT_TRUE(std::ranges::any_of(report.failures, [&](const CheckFailure& failure) {
        return failure.label.find(cheat.caught_by) != std::string::npos;
      })) << report.to_string();
      expect_lie_refused(lie, honest.key(), honest.statement(), cheat.name);
    }
  }
}

// Every column that is not fixed of every table: in the first live row and, by turns, in a middle
// one or the last.
TEST(Negative, EveryCellOfSomeRows) {
  for (toys::Toy& toy : small_toys()) {
    const ToyProver honest(toy, quick_params());
    const Statement statement = honest.statement();
    const VerifyingKey& key = honest.key();
    for (size_t t = 0; t < toy.witness.tables.size(); ++t) {
      const ChipKey& chip = key.chips[toy.witness.tables[t].chip];
      const uint64_t live = toy.live_rows[t];
      if (live == 0) continue;
      for (uint32_t c = 0; c < chip.columns(); ++c) {
        uint32_t end = 0;
        bool is_fixed = false;
        for (const auto& use : chip.slots) {
          const bool inside = c >= end && c < end + use.width;
          is_fixed = is_fixed || (inside && key.slots[use.slot].kind == Slot::Kind::kFixed);
          end += use.width;
        }
        if (is_fixed) continue;
        for (const uint64_t row : {uint64_t{0}, c % 2 == 0 ? live / 2 : live - 1}) {
          const std::string what = toy.name + ": table " + std::to_string(t) + " row " +
                                   std::to_string(row) + " column " + std::to_string(c);
          toys::Toy lie = toy;
          lie.witness.tables[t].cell(row, c) += Fp::from(1000 + c);
          EXPECT_FALSE(check_witness(lie.circuit, lie.witness).ok()) << what;
          const ToyProver prover(lie, quick_params());
          expect_refused(key, prover.statement(), make_cheater(prover, lie, quick_params()).prove(),
                         what);
        }
      }
    }
  }
}

// ------------------------------------------------------------------------------ committed columns

/// Every column of aux and quotient, and the implicit main columns, of every group: one cell, or
/// one coefficient.
TEST(Negative, EveryAuxAndQuotientColumn) {
  for (toys::Toy& toy : small_toys()) {
    const ToyProver prover(toy, quick_params());
    const Shape shape = make_cheater(prover, toy, quick_params()).shape();
    const Statement statement = prover.statement();
    for (uint32_t g = 0; g < shape.groups.size(); ++g) {
      const GroupShape& group = shape.groups[g];
      for (const uint32_t tree : {shape.tree(Phase::kAux), shape.tree(Phase::kQuotient)}) {
        for (uint32_t c = 0; c < shape.opened_width(group, tree); ++c) {
          const std::string what = toy.name + ": tree " + std::to_string(tree) + " group " +
                                   std::to_string(g) + " column " + std::to_string(c);
          Cheater cheater = make_cheater(prover, toy, quick_params());
          const auto lie = [&](uint32_t at, uint32_t in, Columns& columns) {
            if (at == tree && in == g) columns[c][17 + c] += kOne;
          };
          // As a value before masking, from which the quotient is computed; the quotient's own
          // columns are known as polynomials only.
          if (tree == shape.tree(Phase::kAux))
            cheater.columns_step = lie;
          else
            cheater.polynomials_step = lie;
          expect_refused(prover.key(), statement, cheater.prove(), what, ErrorCode::kConstraints);
        }
      }
    }
    const auto smallest = static_cast<uint32_t>(shape.groups.size() - 1);
    for (uint32_t back = 1; back <= 3; ++back) {  // blind, value, count
      Cheater cheater = make_cheater(prover, toy, quick_params());
      cheater.columns_step = [&](uint32_t at, uint32_t in, Columns& columns) {
        if (at == shape.tree(Phase::kMain) && in == smallest)
          columns[columns.size() - back][5] += kOne;
      };
      expect_refused(prover.key(), statement, cheater.prove(),
                     toy.name + ": implicit column " + std::to_string(back), ErrorCode::kBusSum);
    }
  }
}

TEST(Negative, TheRandomPolynomialIsFreeUpToItsDegree) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params();
  const ToyProver prover(toy, params);
  const Shape shape = make_cheater(prover, toy, params).shape();
  ASSERT_GE(shape.layers.size(), 3u);
  for (uint32_t g = 0; g < shape.groups.size(); ++g) {
    // Folds from where the group joins to the end divide the degree by so much.
    unsigned log_folds = 0;
    for (const FriLayerShape& layer : shape.layers) {
      if (layer.log_size <= shape.log_domain(shape.groups[g])) log_folds += layer.log_arity;
      for (const FriJoin& join : layer.joins)
        if (join.group == g) log_folds += join.log_arity;
    }
    const uint32_t refused_from = shape.final_bound << log_folds;
    const auto with = [&](uint32_t coefficient) {
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.polynomials_step = [&, coefficient](uint32_t tree, uint32_t in, Columns& columns) {
        if (tree != shape.tree(Phase::kQuotient) || in != g) return;
        auto& column = columns.back();
        column.resize(std::max<size_t>(column.size(), coefficient + 1));
        column[coefficient] += kOne;
      };
      return cheater.prove();
    };
    const auto ok = check(prover.key(), prover.statement(), with(shape.groups[g].bound - 1));
    EXPECT_TRUE(ok) << "group " << g << ": " << ok.error().message;
    const uint32_t domain = 1u << shape.log_domain(shape.groups[g]);
    ASSERT_LT(refused_from, domain);
    for (const uint32_t coefficient : {refused_from, (refused_from + domain) / 2, domain - 1})
      expect_refused(prover.key(), prover.statement(), with(coefficient),
                     "group " + std::to_string(g) + ": degree " + std::to_string(coefficient),
                     ErrorCode::kFinal);
  }
}

// One coefficient too many in one column of each tree: times Z_H, so that the rows are honest.
TEST(Negative, DegreeTooHigh) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params();
  const ToyProver prover(toy, params);
  const Shape shape = make_cheater(prover, toy, params).shape();
  for (uint32_t tree = shape.tree(Phase::kMain); tree < shape.trees.size(); ++tree)
    for (uint32_t g = 0; g < shape.groups.size(); ++g) {
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.polynomials_step = [&](uint32_t at, uint32_t in, Columns& columns) {
        if (at != tree || in != g) return;
        const size_t n = shape.groups[g].height();
        columns[0].resize(2 * n);
        columns[0][2 * n - 1] += kOne;
        columns[0][n - 1] -= kOne;
      };
      expect_refused(prover.key(), prover.statement(), cheater.prove(),
                     "tree " + std::to_string(tree) + " group " + std::to_string(g));
    }
}

// ---------------------------------------------------------------------------------- sent messages

TEST(Negative, WrongSums) {
  for (toys::Toy& toy : small_toys()) {
    const ToyProver prover(toy, quick_params());
    Cheater one = make_cheater(prover, toy, quick_params());
    one.sums_step = [](std::vector<Fp5>& sums) { sums[0] += kOneE; };
    expect_refused(prover.key(), prover.statement(), one.prove(), toy.name + ": one sum",
                   ErrorCode::kBusSum);
    if (one.shape().groups.size() < 2) continue;
    Cheater two = make_cheater(prover, toy, quick_params());
    two.sums_step = [](std::vector<Fp5>& sums) {
      sums[0] += kOneE;
      sums[1] -= kOneE;
    };
    expect_refused(prover.key(), prover.statement(), two.prove(), toy.name + ": two sums",
                   ErrorCode::kConstraints);
  }
}

TEST(Negative, WrongOpenings) {
  for (toys::Toy& toy : small_toys()) {
    const ToyProver prover(toy, quick_params());
    const Shape shape = make_cheater(prover, toy, quick_params()).shape();
    const uint32_t count = shape.openings();
    for (uint32_t i = 0; i < count; i += 1 + count / 12) {
      Cheater cheater = make_cheater(prover, toy, quick_params());
      cheater.openings_step = [&](std::vector<Fp5>& values) { values[i] += kOneE; };
      expect_refused(prover.key(), prover.statement(), cheater.prove(),
                     toy.name + ": opening " + std::to_string(i));
    }
  }
}

// A change of openings that keeps the constraint identity: it must fall in the queries. The
// chunks a and b of the quotient: Qa + d zeta^m and Qb - d, with d in E, need the value of zeta.
TEST(Negative, OpeningsThatSatisfyTheConstraintsButNotTheCommitments) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params();
  const ToyProver prover(toy, params);
  Cheater cheater = make_cheater(prover, toy, params);
  const Shape& shape = cheater.shape();
  cheater.openings_step = [&](std::vector<Fp5>& values) {
    const GroupShape& group = shape.groups[0];
    const size_t first = shape.openings(group) - group.next.size() - 10;
    values[first] += pow(cheater.zeta(), group.split);
    values[first + 5] -= kOneE;
  };
  expect_refused(prover.key(), prover.statement(), cheater.prove(), "chunks");
  const auto result =
      check(prover.key(), prover.statement(), make_cheater(prover, toy, params).prove());
  EXPECT_TRUE(result);
}

TEST(Negative, SwappedOpenings) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params();
  const ToyProver prover(toy, params);
  const Shape shape = make_cheater(prover, toy, params).shape();
  const uint32_t group = shape.openings(shape.groups[0]);
  const uint32_t point = group - static_cast<uint32_t>(shape.groups[0].next.size());
  const std::pair<uint32_t, uint32_t> swaps[] = {
      {0, 1},                                                // columns
      {0, shape.groups[0].width[shape.tree(Phase::kMain)]},  // trees
      {0, point},                                            // points: column x at zeta and w zeta
      {0, group},                                            // groups
      {group - 1, shape.openings() - 1}};
  for (const auto& [a, b] : swaps) {
    Cheater cheater = make_cheater(prover, toy, params);
    cheater.openings_step = [&](std::vector<Fp5>& values) { std::swap(values[a], values[b]); };
    expect_refused(prover.key(), prover.statement(), cheater.prove(),
                   "openings " + std::to_string(a) + " and " + std::to_string(b));
  }
}

TEST(Negative, ALayerThatIsNotTheFold) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params();
  const ToyProver prover(toy, params);
  const Shape shape = make_cheater(prover, toy, params).shape();
  for (size_t layer = 0; layer < shape.layers.size(); ++layer) {
    const ErrorCode code = layer == 0 ? ErrorCode::kDeep : ErrorCode::kFold;
    const auto lie = [&](const char* what, std::function<void(std::vector<Fp5>&)> change) {
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.codeword_step = [&](size_t at, std::vector<Fp5>& word) {
        if (at == layer) change(word);
      };
      expect_refused(prover.key(), prover.statement(), cheater.prove(),
                     std::string(what) + " in layer " + std::to_string(layer), code);
    };
    lie("one added", [](std::vector<Fp5>& word) {
      for (Fp5& value : word) value += kOneE;
    });
    lie("all zero", [](std::vector<Fp5>& word) { word.assign(word.size(), Fp5{}); });
    lie("half wrong", [](std::vector<Fp5>& word) {
      for (size_t i = 0; i < word.size(); i += 2) word[i] += kOneE;
    });
    lie("shifted by one",
        [](std::vector<Fp5>& word) { std::rotate(word.begin(), word.begin() + 1, word.end()); });
  }
}

TEST(Negative, WrongFinalPolynomial) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params();
  const ToyProver prover(toy, params);
  const Shape shape = make_cheater(prover, toy, params).shape();
  for (uint32_t i = 0; i < shape.final_bound; ++i) {
    Cheater cheater = make_cheater(prover, toy, params);
    cheater.final_step = [&](std::vector<Fp5>& coefficients) { coefficients[i] += kOneE; };
    expect_refused(prover.key(), prover.statement(), cheater.prove(),
                   "coefficient " + std::to_string(i), ErrorCode::kFinal);
  }
}

// -------------------------------------------------------------------------- statements and keys

/// Every field of a statement changed, one at a time.
std::vector<std::pair<std::string, Statement>> other_statements(const Statement& good) {
  std::vector<std::pair<std::string, Statement>> out;
  const auto add = [&](const std::string& what, auto change) {
    Statement other = good;
    change(other);
    out.emplace_back(what, std::move(other));
  };
  for (size_t i = 0; i < good.publics.size(); ++i) {
    const std::string name = "public " + std::to_string(i);
    add(name + " bus", [&](Statement& s) { ++s.publics[i].bus; });
    add(name + " sign", [&](Statement& s) { s.publics[i].sign = -s.publics[i].sign; });
    add(name + " multiplicity",
        [&](Statement& s) { s.publics[i].multiplicity = Fp::from(2).wire; });
    add(name + " dropped", [&](Statement& s) { s.publics.erase(s.publics.begin() + i); });
    add(name + " twice", [&](Statement& s) { s.publics.push_back(s.publics[i]); });
    add(name + " wider", [&](Statement& s) { s.publics[i].tuple.push_back(0); });
    for (size_t j = 0; j < good.publics[i].tuple.size(); ++j) {
      add(name + " value", [&](Statement& s) {
        s.publics[i].tuple[j] = (Fp::from_wire(s.publics[i].tuple[j]) + kOne).wire;
      });
      add(name + " value plus p", [&](Statement& s) { s.publics[i].tuple[j] += Fp::kModulus; });
    }
  }
  if (good.publics.size() > 1)
    add("order", [](Statement& s) { std::swap(s.publics[0], s.publics[1]); });
  for (size_t i = 0; i < good.shared.size(); ++i) {
    add("root", [&](Statement& s) { s.shared[i].root[3] ^= 1; });
    add("slot", [&](Statement& s) { ++s.shared[i].slot; });
    add("root dropped", [&](Statement& s) { s.shared.erase(s.shared.begin() + i); });
    add("root twice", [&](Statement& s) { s.shared.push_back(s.shared[i]); });
  }
  if (good.shared.size() > 1) {
    add("roots swapped", [](Statement& s) { std::swap(s.shared[0].root, s.shared[1].root); });
    add("order of roots", [](Statement& s) { std::swap(s.shared[0], s.shared[1]); });
  }
  return out;
}

TEST(Negative, EveryFieldOfTheStatement) {
  for (toys::Toy& toy : small_toys()) {
    const ToyProver prover(toy, quick_params());
    const Proof proof = prover.prove();
    for (const auto& [what, statement] : other_statements(prover.statement())) {
      SCOPED_TRACE(toy.name);
      expect_refused(prover.key(), statement, proof, what);
      if (!make_shape(prover.key(), quick_params(), proof.tables)) continue;
      Cheater cheater = make_cheater(prover, toy, quick_params());  // absorbs the lie, too
      cheater.statement_step = [&](Statement& said) { said = statement; };
      const auto result = check(prover.key(), statement, cheater.prove());
      // The order of the publics is the one thing that a statement may say in two ways.
      if (what == "order")
        EXPECT_TRUE(result);
      else
        EXPECT_FALSE(result) << "SOUNDNESS: accepted: " << what;
    }
  }
}

TEST(Negative, ProofsOfOtherStatementsAndKeys) {
  toys::Toy a = toys::machine(9, 8), b = toys::machine(10, 8);
  const ToyProver first(a, quick_params()), second(b, quick_params());
  ASSERT_TRUE(first.key() == second.key() || first.key().chips == second.key().chips);
  expect_refused(first.key(), first.statement(), second.prove(), "the second proof for the first");
  expect_refused(second.key(), second.statement(), first.prove(), "the first proof for the second");

  const Proof proof = first.prove();
  const auto with_key = [&](const char* what, auto change) {
    VerifyingKey key = first.key();
    change(key);
    expect_refused(key, first.statement(), proof, what);
  };
  with_key("a fixed root", [](VerifyingKey& key) { key.slots[1].root[0] ^= 1; });
  with_key("a chip's name", [](VerifyingKey& key) { key.chips[0].name += "x"; });
  with_key("an assert dropped", [](VerifyingKey& key) { key.chips[0].asserts.pop_back(); });
  with_key("a wider tuple", [](VerifyingKey& key) { ++key.tuple_width; });
  with_key("a greater multiplicity",
           [](VerifyingKey& key) { ++key.chips[0].interactions[0].max_multiplicity; });
}

// LogUp counts modulo p: p - 1 senders are one receiver.
TEST(Negative, MultiplicitiesNearP) {
  toys::Toy toy = toys::fibonacci(8);
  for (PublicInteraction& taken : toy.witness.publics) {
    taken.sign = 1;
    taken.multiplicity = (-kOne).wire;
  }
  const ToyProver prover(toy, quick_params());
  Cheater cheater = make_cheater(prover, toy, quick_params());
  expect_refused(prover.key(), prover.statement(), cheater.prove(), "p - 1 senders",
                 ErrorCode::kMultiplicities);
}

// ------------------------------------------------------------------------------------ proof bytes

TEST(Negative, RowsSwappedBetweenTreesColumnsQueriesAndProofs) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params();
  const ToyProver prover(toy, params);
  const Proof good = prover.prove();
  const Shape shape = make_cheater(prover, toy, params).shape();
  Randomness::Seed other_seed = kTestSeed;
  other_seed[5] = 77;
  const Proof other = Cheater(prover.key(), params, toy.witness, prover.reference_slots(),
                              random_source(other_seed, params.log_blowup))
                          .prove();
  ASSERT_TRUE(check(prover.key(), prover.statement(), other));
  const auto lie = [&](const std::string& what, auto change) {
    Proof proof = good;
    change(proof);
    ASSERT_FALSE(proof == good) << what;
    expect_refused(prover.key(), prover.statement(), proof, what);
  };
  for (size_t t = 0; t < good.trees.size(); ++t) {
    const std::string name = "tree " + std::to_string(t);
    const uint32_t width = tree_heights(shape, t)[0].width;
    lie(name + ": columns of a row",
        [&](Proof& p) { std::swap(p.trees[t].rows[0], p.trees[t].rows[1]); });
    lie(name + ": columns of all rows", [&](Proof& p) {
      for (size_t r = 0; r + width <= p.trees[t].rows.size() && r < 5 * width; r += width)
        std::swap(p.trees[t].rows[r], p.trees[t].rows[r + 1]);
    });
    if (good.trees[t].rows.size() >= 2 * width)
      lie(name + ": two rows", [&](Proof& p) {
        std::swap_ranges(p.trees[t].rows.begin(), p.trees[t].rows.begin() + width,
                         p.trees[t].rows.begin() + width);
      });
    lie(name + ": of another proof", [&](Proof& p) { p.trees[t] = other.trees[t]; });
    lie(name + ": rows of another proof", [&](Proof& p) { p.trees[t].rows = other.trees[t].rows; });
    if (t + 1 < good.trees.size())
      lie(name + ": and the next", [&](Proof& p) { std::swap(p.trees[t], p.trees[t + 1]); });
  }
  const auto root = [&](auto& p, Phase phase) -> auto& { return p.roots[shape.place(phase)]; };
  lie("main root of another proof",
      [&](Proof& p) { root(p, Phase::kMain) = root(other, Phase::kMain); });
  lie("aux root and sums of another proof", [&](Proof& p) {
    root(p, Phase::kAux) = root(other, Phase::kAux);
    p.sums = other.sums;
  });
  lie("openings of another proof", [&](Proof& p) { p.openings = other.openings; });
  lie("layers of another proof", [&](Proof& p) { p.layers = other.layers; });
  lie("all queries of another proof", [&](Proof& p) { p.trees = other.trees; });
  lie("roots swapped", [&](Proof& p) { std::swap(root(p, Phase::kMain), root(p, Phase::kAux)); });
}

TEST(Negative, Heads) {
  toys::Toy toy = toys::permutation(8);  // a chip of free height
  const ToyProver prover(toy, quick_params());
  const Proof good = prover.prove();
  const auto lie = [&](const char* what, auto change, std::optional<ErrorCode> code = {}) {
    Proof proof = good;
    change(proof);
    expect_refused(prover.key(), prover.statement(), proof, what, code);
  };
  lie("no queries", [](Proof& p) { p.params.queries = 0; }, ErrorCode::kParams);
  lie("one query", [](Proof& p) { p.params.queries = 1; });
  lie("65535 queries", [](Proof& p) { p.params.queries = 65535; }, ErrorCode::kParams);
  lie("no tables", [](Proof& p) { p.tables.clear(); });
  lie("a table twice", [](Proof& p) { p.tables.push_back(p.tables[0]); });
  lie("65535 tables", [](Proof& p) { p.tables.assign(65535, p.tables[0]); }, ErrorCode::kTables);
  lie("1024 giant tables", [](Proof& p) { p.tables.assign(1024, {0, 22}); });
  lie("an unknown chip", [](Proof& p) { p.tables[0].chip = 9; }, ErrorCode::kTables);
  lie(
      "tables out of order", [](Proof& p) { p.tables = {{0, 8}, {0, 9}}; },
      ErrorCode::kNonCanonical);
  for (const int height : {0, 1, 7, 9, 22, 23, 24, 31, 32, 63, 64, 255})
    lie("another height", [&](Proof& p) { p.tables[0].log_height = static_cast<uint8_t>(height); });
  lie("no masks", [](Proof& p) { p.params.zk = false; });
  lie("blowup 0", [](Proof& p) { p.params.log_blowup = 0; }, ErrorCode::kParams);
  lie("blowup 16", [](Proof& p) { p.params.log_blowup = 4; });
  lie("giant blowup", [](Proof& p) { p.params.log_blowup = 200; }, ErrorCode::kParams);
  lie("no work", [](Proof& p) { p.params.grind_query = p.params.grind_round = 0; });
  lie("endless work", [](Proof& p) { p.params.grind_query = 255; }, ErrorCode::kParams);
  lie("a final polynomial of 2^255", [](Proof& p) { p.params.log_final = 255; });
  const auto bytes = good.serialise();
  for (size_t length = 0; length < bytes.size(); length += length < 200 ? 1 : bytes.size() / 50)
    ASSERT_FALSE(verify(prover.key(), prover.statement(), std::span(bytes).first(length),
                        {.security_bits = 0}))
        << length;
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(verify(prover.key(), prover.statement(), longer, {.security_bits = 0}));
  longer.insert(longer.end(), bytes.begin(), bytes.end());
  EXPECT_FALSE(verify(prover.key(), prover.statement(), longer, {.security_bits = 0}));
}

// An honest proof with too few queries verifies only for who asks for no security.
TEST(Negative, WeakParametersAreRefusedByDefault) {
  toys::Toy toy = toys::fibonacci(8);
  Params params = quick_params();
  params.queries = 1;
  const ToyProver prover(toy, params);
  const auto bytes = prover.prove().serialise();
  const auto result = verify(prover.key(), prover.statement(), bytes);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kSecurity);
}

// A prover that leaves out masks and salt harms itself alone: the verifier cannot see it (and
// soundness does not rest on it). zero_knowledge_test.cc shows what such a proof gives away.
TEST(Negative, OmittedMasksAndSaltStillVerify) {
  toys::Toy toy = toys::fibonacci(8);
  const ToyProver prover(toy, quick_params());
  Cheater bare(prover.key(), quick_params(), toy.witness, prover.reference_slots(),
               [](const RandomPurpose&, size_t count) { return std::vector<Fp>(count); });
  EXPECT_TRUE(check(prover.key(), prover.statement(), bare.prove()));
}

// Every message binds all challenges after it.
TEST(Negative, EveryFlippedMessageChangesAllLaterChallenges) {
  toys::Toy toy = layered_toy();
  Params params = layered_params();
  params.grind_round = params.grind_query = 0;  // so that no nonce stops the replay
  const ToyProver prover(toy, params);
  const Proof proof = prover.prove();
  const ProofMutator mutator(proof, proof, 1);
  const auto log_of = [&](const std::vector<uint8_t>& bytes, const Statement& statement) {
    TranscriptRecorder log;
    const bool ok =
        verify(prover.key(), statement, bytes, {.security_bits = 0, .log = &log}).has_value();
    EXPECT_EQ(ok, bytes == mutator.good() && statement.publics == prover.statement().publics);
    return log.messages();
  };
  const auto honest = log_of(mutator.good(), prover.statement());
  size_t changed_messages = 0;
  for (const ProofBytes& part : mutator.layout()) {
    SCOPED_TRACE(part.name);
    const auto seen = log_of(mutator.flip(part), prover.statement());
    if (part.name.starts_with("tree ")) {  // after the last challenge
      EXPECT_TRUE(seen == honest);
      continue;
    }
    if (seen.empty()) continue;  // refused before the transcript begins: a head that fits nothing
    // The messages after the change differ only in their bytes, unless the head promises others.
    size_t first = 0;
    while (first < seen.size() && first < honest.size() && seen[first] == honest[first]) ++first;
    ASSERT_LT(first, seen.size());
    EXPECT_EQ(seen[first].kind, TranscriptLog::Kind::kAbsorb);
    ++changed_messages;
    for (size_t i = first; i < seen.size(); ++i) {
      if (seen[i].kind != TranscriptLog::Kind::kSqueeze) continue;
      const auto same =
          std::ranges::find(honest, seen[i].label, &TranscriptRecorder::Message::label);
      if (same != honest.end()) {
        EXPECT_FALSE(seen[i].digest == same->digest) << seen[i].label;
      }
    }
  }
  // Three roots, sums, openings, the final polynomial, and every layer.
  EXPECT_GE(changed_messages, 6 + proof.layers.size());
}

// -------------------------------------------------------------------------------------- two proofs

TEST(Negative, TwoProofsThatShareATree) {
  toys::TwoProofs two = toys::two_proofs(8, 8);
  toys::Toy first{"first", two.circuit, two.first, {}, {}};
  toys::Toy second{"second", two.circuit, two.second, {}, {}};
  const Params params = quick_params();
  const ToyProver one(first, params), other(second, params);
  ASSERT_TRUE(one.key() == other.key());
  const uint16_t before = two.circuit.slot("before"), after = two.circuit.slot("after");
  const auto prove_second = [&](const CommittedTree* tree_before) {
    SlotTrees slots = other.slots();
    slots[before] = tree_before;
    ProverOptions options;
    options.params = params;
    options.seed = kTestSeed;
    auto proof = prove(second.circuit, second.witness, slots, options);
    ZK_CHECK(proof.has_value());
    return std::pair(make_statement(second.circuit, second.witness, slots), *std::move(proof));
  };
  const auto root = [](const Statement& statement, uint16_t slot) {
    return std::ranges::find(statement.shared, slot, &SharedRoot::slot)->root;
  };
  const CommittedTree* shared = one.slots().at(after);
  const auto [statement, proof] = prove_second(shared);
  EXPECT_TRUE(check(one.key(), one.statement(), one.prove()));
  const auto ok = check(other.key(), statement, proof);
  EXPECT_TRUE(ok) << ok.error().message;
  EXPECT_EQ(root(one.statement(), after), root(statement, before));

  // The second proof from the state before the first: another root, and it does not verify under
  // the shared one; nor does its honest witness on the wrong tree.
  const auto [stale_statement, stale] = prove_second(one.slots().at(before));
  EXPECT_NE(root(one.statement(), after), root(stale_statement, before));
  expect_refused(other.key(), stale_statement, stale, "a witness that is not the tree's");
  expect_refused(other.key(), statement, stale, "a stale tree under the shared root");
  expect_refused(other.key(), stale_statement, proof, "the good proof under a stale root");
}

}  // namespace
}  // namespace zkvm::stark
