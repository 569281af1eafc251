// What a cheating prover may try on every toy circuit: none of it may verify. The cheater is the
// reference prover with one step replaced, so that everything after the lie is consistent with it.
#include <gtest/gtest.h>

#include "stark/transcript/transcript_log.h"
#include "stark/verifier/constraints.h"
#include "tests/peak_memory.h"
#include "tests/stark/support/cheater.h"
#include "tests/stark/support/mutator.h"

namespace zkvm::stark {
namespace {

using Columns = Cheater::Columns;

const Fp kOne = Fp::one();
const Fp5 kOneE = Fp5::one();

constexpr uint8_t kLogStacks[] = {0, 1, 2};

/// A toy with several groups and several FRI layers. Lower groups stand in stacks even if the
/// tallest does not.
toys::Toy layered_toy() { return toys::mixed({8, 10, 10, 9, 8}); }
Params layered_params(uint8_t log_stack = 0) {
  Params params = quick_params(/*zk=*/true, log_stack);
  params.log_final = 4;  // smaller, and a last codeword of two values would be any polynomial's
  return params;
}

/// Proves `toy` as it is (a lie), shared trees included; the key is the honest one.
void expect_lie_refused(toys::Toy& toy, const Params& params, const VerifyingKey& honest_key,
                        const Statement& honest_statement, const std::string& what) {
  const ToyProver prover(toy, params);
  const Proof proof = make_cheater(prover, toy, params).prove();
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
  for (toys::Toy& toy : small_toys())
    for (const uint8_t log_stack : kLogStacks) {
      const Params params = quick_params(/*zk=*/true, log_stack);
      SCOPED_TRACE(toy.name + " in stacks of 2^" + std::to_string(log_stack));
      const ToyProver honest(toy, params);
      ASSERT_TRUE(check(honest.key(), honest.statement(), honest.prove()));
      for (const toys::Cheat& cheat : toy.cheats) {
        SCOPED_TRACE(cheat.name);
        toys::Toy lie = toy;
        cheat.apply(lie.witness);
        const CheckReport report = check_witness(lie.circuit, lie.witness);
        EXPECT_FALSE(report.ok());
        EXPECT_TRUE(std::ranges::any_of(report.failures, [&](const CheckFailure& failure) {
          return failure.label.find(cheat.caught_by) != std::string::npos;
        })) << report.to_string();
        expect_lie_refused(lie, params, honest.key(), honest.statement(), cheat.name);
      }
    }
}

// Every column that is neither fixed nor late of every table: in the first live row and, by turns,
// in a middle one or the last. (Late ones: late_test.cc.)
TEST(Negative, EveryCellOfSomeRows) {
  for (toys::Toy& toy : small_toys()) {
    const ToyProver honest(toy, quick_params());
    const Statement statement = honest.statement();
    const VerifyingKey& key = honest.key();
    for (size_t t = 0; t < toy.witness.tables.size(); ++t) {
      const ChipKey& chip = key.chips[toy.witness.tables[t].chip];
      const uint64_t live = toy.live_rows[t];
      if (live == 0) continue;
      for (uint32_t c = 0; c < chip.slot_width() + chip.main_width; ++c) {
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
          const Params params = params_by_turn(c);
          const ToyProver prover(lie, params);
          expect_refused(key, prover.statement(), make_cheater(prover, lie, params).prove(), what);
        }
      }
    }
  }
}

// ------------------------------------------------------------------------------ committed columns

/// Every column of aux and quotient, and the implicit main columns, of every group: one cell, or
/// one coefficient.
/// A column that fills a place of a stack for short masks: it is free, and nothing reads it.
bool is_filler(const Shape& shape, const GroupShape& group, ColumnRef ref) {
  if (!group.short_masks) return false;
  const uint32_t pairs = 5 * group.pairs();
  if (ref.tree == shape.tree(Phase::kAux))
    return (ref.column >= pairs && ref.column < group.acc) || ref.column >= group.acc + 5;
  return ref.tree == shape.tree(Phase::kQuotient) && ref.column >= 10;
}

TEST(Negative, EveryAuxAndQuotientColumn) {
  size_t turn = 0;
  for (toys::Toy& toy : small_toys()) {
    const Params params = params_by_turn(turn++);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    const Statement statement = prover.statement();
    for (uint32_t g = 0; g < shape.groups.size(); ++g) {
      const GroupShape& group = shape.groups[g];
      if (shape.groups.back().short_masks && !group.short_masks) continue;  // as in other toys
      for (const uint32_t tree : {shape.tree(Phase::kAux), shape.tree(Phase::kQuotient)}) {
        for (uint32_t c = 0; c < shape.opened_width(group, tree); ++c) {
          const bool filler = is_filler(shape, group, {tree, c});
          if (filler && c % 5 != 0) continue;
          const std::string what = toy.name + ": tree " + std::to_string(tree) + " group " +
                                   std::to_string(g) + " column " + std::to_string(c);
          Cheater cheater = make_cheater(prover, toy, params);
          const auto lie = [&](uint32_t at, uint32_t in, Columns& columns) {
            if (at == tree && in == g) columns[c][(17 + c) % group.height()] += kOne;
          };
          // As a value before masking, from which the quotient is computed; the quotient's own
          // columns are known as polynomials only.
          if (tree == shape.tree(Phase::kAux))
            cheater.columns_step = lie;
          else
            cheater.polynomials_step = lie;
          if (filler) {
            EXPECT_TRUE(check(prover.key(), statement, cheater.prove())) << what;
            continue;
          }
          expect_refused(prover.key(), statement, cheater.prove(), what, ErrorCode::kConstraints);
        }
      }
    }
    const auto smallest = static_cast<uint32_t>(shape.groups.size() - 1);
    for (uint32_t i = 0; i < 3; ++i) {  // blind, value, count
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.columns_step = [&](uint32_t at, uint32_t in, Columns& columns) {
        if (at == shape.tree(Phase::kMain) && in == smallest)
          columns[shape.groups[in].blind + i][5] += kOne;
      };
      expect_refused(prover.key(), statement, cheater.prove(),
                     toy.name + ": implicit column " + std::to_string(i), ErrorCode::kBusSum);
    }
  }
}

// ----------------------------------------------------------------------------------------- degrees

/// Coefficients that the folds let pass: the batch's bound, rounded up by them.
uint64_t folded_bound(const Shape& shape) {
  uint64_t bound = shape.final_bound;
  for (const FriLayerShape& layer : shape.layers) bound <<= layer.log_arity;
  return bound;
}

/// The first place, the last one and one between.
std::vector<uint32_t> some_places(unsigned log_stack, uint32_t columns) {
  const uint32_t last = std::min(1u << log_stack, columns) - 1;
  std::vector<uint32_t> places = {0, last / 2, last};
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

TEST(Negative, TheRandomPolynomialIsFreeUpToItsDegree) {
  toys::Toy toy = layered_toy();
  for (const uint8_t log_stack : kLogStacks) {
    SCOPED_TRACE(int{log_stack});
    const Params params = layered_params(log_stack);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    ASSERT_GE(shape.layers.size(), 3u);
    const auto with = [&](uint32_t place, uint64_t coefficient) {
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.polynomials_step = [&, place, coefficient](uint32_t tree, uint32_t in,
                                                         Columns& columns) {
        if (tree != shape.tree(Phase::kQuotient) || in != 0) return;
        auto& column = columns[columns.size() - (1u << log_stack) + place];  // coordinate 4
        column.resize(std::max<size_t>(column.size(), coefficient + 1));
        column[coefficient] += kOne;
      };
      return cheater.prove();
    };
    const uint64_t domain = uint64_t{1} << shape.log_domain(shape.groups[0]);
    for (const uint32_t place : some_places(log_stack, ~0u)) {
      const uint64_t refused_from =
          (folded_bound(shape) - place + (1u << log_stack) - 1) >> log_stack;
      ASSERT_LT(refused_from, domain);
      for (const uint64_t coefficient : {uint64_t{shape.blinding_size()} - 1, refused_from - 1}) {
        const auto ok = check(prover.key(), prover.statement(), with(place, coefficient));
        EXPECT_TRUE(ok) << "place " << place << ": " << ok.error().message;
      }
      for (const uint64_t coefficient : {refused_from, (refused_from + domain) / 2, domain - 1})
        expect_refused(prover.key(), prover.statement(), with(place, coefficient),
                       "place " + std::to_string(place) + ": degree " + std::to_string(coefficient),
                       ErrorCode::kFinal);
    }
  }
}

// One column of a stack has too many coefficients, and nothing else is wrong: X^d more in a
// coordinate of chunk a is X^(d - m) less in chunk b. The quotient by X^(2^s) - zeta is what folds
// see of it.
TEST(Negative, OneColumnOfAStackOfTooHighADegree) {
  toys::Toy toy = layered_toy();
  for (const uint8_t log_stack : kLogStacks) {
    const Params params = layered_params(log_stack);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    const uint32_t tree = shape.tree(Phase::kQuotient);
    for (const uint32_t g : {0u, static_cast<uint32_t>(shape.groups.size() - 1)}) {
      const GroupShape& group = shape.groups[g];
      const unsigned s = group.stacked[tree][0].log_stack;
      const auto with = [&](uint32_t column, uint64_t degree) {
        Cheater cheater = make_cheater(prover, toy, params);
        cheater.polynomials_step = [&, column, degree](uint32_t at, uint32_t in, Columns& columns) {
          if (at != tree || in != g) return;
          const auto add = [&](uint32_t c, uint64_t coefficient, Fp value) {
            columns[c].resize(std::max<size_t>(columns[c].size(), coefficient + 1));
            columns[c][coefficient] += value;
          };
          add(column, degree, kOne);
          add(5 + column, degree - group.split, -kOne);
        };
        return cheater.prove();
      };
      for (const uint32_t column : some_places(s, 5)) {
        const std::string what = "stacks of 2^" + std::to_string(log_stack) + ": group " +
                                 std::to_string(g) + " column " + std::to_string(column);
        const uint32_t place = shape.place(group, {tree, column}).place;
        const uint64_t refused_from = ((folded_bound(shape) - place + (1u << s) - 1) >> s) + 1;
        ASSERT_LT(refused_from, uint64_t{1} << shape.log_domain(group));
        const auto ok = check(prover.key(), prover.statement(), with(column, refused_from - 1));
        EXPECT_TRUE(ok) << what << ": " << ok.error().message;
        expect_refused(prover.key(), prover.statement(), with(column, refused_from), what,
                       ErrorCode::kFinal);
      }
    }
  }
}

// A column of main or aux, times Z_H so that its rows are honest; the quotient is made to fit.
TEST(Negative, DegreeTooHigh) {
  toys::Toy toy = layered_toy();
  for (const uint8_t log_stack : kLogStacks) {
    const Params params = layered_params(log_stack);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    for (const Phase phase : {Phase::kMain, Phase::kAux})
      for (uint32_t g = 0; g < shape.groups.size(); ++g) {
        Cheater cheater = make_cheater(prover, toy, params);
        cheater.polynomials_step = [&](uint32_t at, uint32_t in, Columns& columns) {
          if (at != shape.tree(phase) || in != g) return;
          const size_t n = shape.groups[g].height(), degree = n + 5 * n / 8;
          auto& column = columns[4];  // of main, the value that a bus alone reads
          column.resize(degree + 1);
          column[degree] += kOne;
          column[degree - n] -= kOne;
        };
        expect_refused(prover.key(), prover.statement(), cheater.prove(),
                       std::string(name(phase)) + ", group " + std::to_string(g),
                       ErrorCode::kFinal);
      }
  }
}

// ------------------------------------------------------------------------------------------ stacks

/// Commits other rows of a phase's tree than its polynomials have, and goes on with them.
class WrongRows {
 public:
  using Change = std::function<void(ReferenceTree&)>;

  explicit WrongRows(uint8_t log_stack)
      : params_(layered_params(log_stack)),
        prover_(toy_, params_),
        shape_(make_cheater(prover_, toy_, params_).shape()) {}

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] Result<Verified> verdict(Phase phase, const Change& change) const {
    Cheater cheater = make_cheater(prover_, toy_, params_);
    cheater.rows_step = [&](uint32_t tree, ReferenceTree& made) {
      if (tree == shape_.tree(phase)) change(made);
    };
    return check(prover_.key(), prover_.statement(), cheater.prove());
  }
  void expect_refused(Phase phase, const std::string& what, const Change& change) const {
    const auto refused = verdict(phase, change);
    ASSERT_FALSE(refused) << "SOUNDNESS: accepted: " << what << " in " << name(phase);
    EXPECT_EQ(static_cast<int>(refused.error().code), static_cast<int>(ErrorCode::kFinal))
        << what << " in " << name(phase) << ": " << refused.error().message;
  }
  /// Sets the word of a group's first stack.
  void set_first_stack(ReferenceTree& made, size_t g, const std::vector<Fp>& words) const {
    size_t word = 0;
    for (size_t h = 0; h < g; ++h) word += full_stacks(made.groups[h]);
    for (size_t e = 0; e < made.rows.size(); ++e) made.rows[e][word] = words[e % words.size()];
  }
  [[nodiscard]] std::span<const std::vector<Fp>> first_stack(
      const ReferenceTree::Group& group) const {
    const StackedColumns& first = group.stacked[0];
    return std::span(group.polynomials)
        .first(std::min<size_t>(size_t{1} << first.log_stack, first.restart));
  }

 private:
  [[nodiscard]] size_t full_stacks(const ReferenceTree::Group& group) const {
    size_t words = 0;
    for (const StackedColumns& part : group.stacked) words += part.words();
    return words;
  }

  toys::Toy toy_ = layered_toy();
  Params params_;
  ToyProver prover_;
  Shape shape_;
};

TEST(Negative, ColumnsInAWrongPlaceOfTheirStack) {
  for (const uint8_t log_stack : kLogStacks) {
    SCOPED_TRACE(int{log_stack});
    const WrongRows rows(log_stack);
    for (const Phase phase : rows.shape().phases)
      for (size_t g = 0; g < rows.shape().groups.size(); ++g) {
        const auto swap_places = [&](ReferenceTree& made) {
          auto& columns = made.groups[g].polynomials;
          const size_t last = rows.first_stack(made.groups[g]).size() - 1;
          std::swap(columns[last / 2], columns[last]);
        };
        const auto restacked = [&](ReferenceTree& made) {
          made.stack(rows.shape().log_height, rows.shape().params.log_blowup);
        };
        if (rows.shape().groups[g].log_height == rows.shape().log_height)
          continue;  // no neighbours
        rows.expect_refused(phase, "two columns", [&](ReferenceTree& made) {
          swap_places(made);
          restacked(made);
          swap_places(made);  // what is opened is as it was
        });
        if (g > 0) continue;
        const auto ok = rows.verdict(phase, [&](ReferenceTree& made) {
          swap_places(made);
          swap_places(made);
          restacked(made);
        });
        EXPECT_TRUE(ok) << ok.error().message;
      }
  }
}

TEST(Negative, WordsInAWrongPlaceOfTheirRow) {
  for (const uint8_t log_stack : kLogStacks) {
    SCOPED_TRACE(int{log_stack});
    const WrongRows rows(log_stack);
    for (const Phase phase : rows.shape().phases) {
      const uint32_t words = rows.shape().trees[rows.shape().tree(phase)].row_words;
      for (const auto& [a, b] : {std::pair{0u, 1u}, {0u, words - 1}})
        rows.expect_refused(phase, "two words", [a, b](ReferenceTree& made) {
          for (auto& row : made.rows) std::swap(row[a], row[b]);
        });
    }
  }
}

// The stack of a group as if its tables were twice as tall, or half as tall, or the tree were: F is
// of a low degree, and its points are others'.
TEST(Negative, StacksOfAnotherHeight) {
  for (const uint8_t log_stack : kLogStacks) {
    SCOPED_TRACE(int{log_stack});
    const WrongRows rows(log_stack);
    const unsigned height = rows.shape().log_height, blowup = rows.shape().params.log_blowup;
    const auto stacked = [&](size_t g, int columns_up, int tree_down) {
      return [&rows, height, blowup, g, columns_up, tree_down](ReferenceTree& made) {
        const auto& group = made.groups[g];
        rows.set_first_stack(made, g,
                             stack_words(rows.first_stack(group),
                                         static_cast<unsigned>(group.log_height + columns_up),
                                         height - static_cast<unsigned>(tree_down), blowup));
      };
    };
    for (const Phase phase : rows.shape().phases)
      for (size_t g = 0; g < rows.shape().groups.size(); ++g) {
        const auto& group = rows.shape().groups[g];
        const int s = height - group.log_height;
        if (s == 0) continue;  // it is no stack
        rows.expect_refused(phase, "of columns twice as tall", stacked(g, 1, 0));
        rows.expect_refused(phase, "of a tree half as tall", stacked(g, 0, 1));
        rows.expect_refused(phase, "of a tree of the columns' height", stacked(g, 0, s));
        if (g > 0) continue;
        const auto ok = rows.verdict(phase, stacked(g, 0, 0));
        EXPECT_TRUE(ok) << ok.error().message;
      }
  }
}

// Opened values that no constraint reads: of columns that share a stack with one that is read on
// the next row. V, or rather W, is wrong at one place, lacks one, or has its neighbour's.
TEST(Negative, OpeningsThatOnlyTheirStackNeeds) {
  toys::Toy toy = layered_toy();
  for (const uint8_t log_stack : kLogStacks) {
    const Params params = layered_params(log_stack);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    size_t end = 0;
    for (const GroupShape& group : shape.groups) {
      end += shape.openings(group);
      std::vector<size_t> unread;
      for (size_t i = 0; i < group.next.size(); ++i) {
        const auto is_x = [&](const TableShape& table) {
          return table.columns[0] == group.next[i];
        };
        if (group.next[i].tree == shape.tree(Phase::kMain) &&
            std::ranges::none_of(group.tables, is_x))
          unread.push_back(end - group.next.size() + i);
      }
      const unsigned s = group.stacked[shape.tree(Phase::kMain)][0].log_stack;
      EXPECT_EQ(unread.empty(), s == 0);
      for (size_t k = 0; k < unread.size(); k += unread.size() > 4 ? unread.size() - 2 : 1) {
        const auto expect_final = [&](const char* what, auto change) {
          Cheater cheater = make_cheater(prover, toy, params);
          cheater.openings_step = change;
          expect_refused(prover.key(), prover.statement(), cheater.prove(),
                         std::string(what) + " in a stack of 2^" + std::to_string(s),
                         ErrorCode::kFinal);
        };
        const size_t i = unread[k];
        expect_final("wrong", [i](std::vector<Fp5>& values) { values[i] += kOneE; });
        expect_final("missing", [i](std::vector<Fp5>& values) { values[i] = Fp5{}; });
        if (k > 0 && unread[k - 1] == i - 1)
          expect_final("its neighbour's",
                       [i](std::vector<Fp5>& values) { std::swap(values[i - 1], values[i]); });
      }
    }
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

// A change of openings that keeps the constraint identity must fall in the queries: coordinate c of
// chunk a gets d more and that of chunk b d/zeta^m less, with d in E. Then V is wrong at one place
// of a stack, or lacks it.
TEST(Negative, OpeningsThatSatisfyTheConstraintsButNotTheCommitments) {
  toys::Toy toy = layered_toy();
  for (const uint8_t log_stack : kLogStacks) {
    SCOPED_TRACE(int{log_stack});
    const Params params = layered_params(log_stack);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    size_t end = 0;
    for (const GroupShape& group : shape.groups) {
      end += shape.openings(group);
      for (size_t c = 0; c < 5; c += 2)
        for (const bool missing : {false, true}) {
          Cheater cheater = make_cheater(prover, toy, params);
          cheater.openings_step = [&](std::vector<Fp5>& values) {
            const size_t first = end - group.next.size() - 10 + c;
            const Fp5 more = missing ? -values[first] : kOneE;
            values[first] += more;
            values[first + 5] -= more * inverse(pow(cheater.zeta(), group.split));
          };
          expect_refused(prover.key(), prover.statement(), cheater.prove(),
                         "chunks of 2^" + std::to_string(group.log_height), ErrorCode::kFinal);
        }
    }
    const auto ok =
        check(prover.key(), prover.statement(), make_cheater(prover, toy, params).prove());
    EXPECT_TRUE(ok) << ok.error().message;
  }
}

TEST(Negative, SwappedOpenings) {
  toys::Toy toy = layered_toy();
  for (const uint8_t log_stack : kLogStacks) {
    const Params params = layered_params(log_stack);
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    const uint32_t group = shape.openings(shape.groups[0]);
    const uint32_t point = group - static_cast<uint32_t>(shape.groups[0].next.size());
    const std::pair<uint32_t, uint32_t> swaps[] = {
        {0, 1},                                                // columns, with stacks of one stack
        {0, shape.groups[0].width[shape.tree(Phase::kMain)]},  // trees
        {0, point},  // points: column x at zeta and w zeta
        {0, group},  // groups
        {group - 1, shape.openings() - 1}};
    for (const auto& [a, b] : swaps) {
      Cheater cheater = make_cheater(prover, toy, params);
      cheater.openings_step = [&](std::vector<Fp5>& values) { std::swap(values[a], values[b]); };
      expect_refused(prover.key(), prover.statement(), cheater.prove(),
                     "openings " + std::to_string(a) + " and " + std::to_string(b),
                     ErrorCode::kConstraints);
    }
  }
}

TEST(Negative, ALayerThatIsNotTheFold) {
  toys::Toy toy = layered_toy();
  const Params params = layered_params(/*log_stack=*/1);
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
  const Params params = layered_params(/*log_stack=*/1);
  const ToyProver prover(toy, params);
  const Proof good = prover.prove();
  const Shape shape = make_cheater(prover, toy, params).shape();
  Randomness::Seed other_seed = kTestSeed;
  other_seed[5] = 77;
  const Proof other = Cheater(prover.key(), params, toy.witness, prover.reference_slots(),
                              random_source(other_seed, params.log_blowup))
                          .prove();
  ASSERT_TRUE(check(prover.key(), prover.statement(), other));
  const auto lie = [&](const std::string& what, auto change, std::optional<ErrorCode> code = {}) {
    Proof proof = good;
    change(proof);
    ASSERT_FALSE(proof == good) << what;
    expect_refused(prover.key(), prover.statement(), proof, what, code);
  };
  for (size_t t = 0; t < good.trees.size(); ++t) {
    const std::string name = "tree " + std::to_string(t);
    const uint32_t width = merkle_shape(shape, t).width;
    lie(
        name + ": words of a row",
        [&](Proof& p) { std::swap(p.trees[t].rows[0], p.trees[t].rows[1]); }, ErrorCode::kMerkle);
    lie(
        name + ": words of all rows",
        [&](Proof& p) {
          for (size_t r = 0; r < p.trees[t].rows.size(); r += width)
            std::swap(p.trees[t].rows[r], p.trees[t].rows[r + 1]);
        },
        ErrorCode::kMerkle);
    if (good.trees[t].rows.size() >= 2 * width)
      lie(
          name + ": two rows",
          [&](Proof& p) {
            std::swap_ranges(p.trees[t].rows.begin(), p.trees[t].rows.begin() + width,
                             p.trees[t].rows.begin() + width);
          },
          ErrorCode::kMerkle);
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
  lie(
      "a final polynomial of 2^255", [](Proof& p) { p.params.log_final = 255; },
      ErrorCode::kParams);
  for (const int log_stack : {1, 2, 4, 5, 255})
    lie("stacks", [&](Proof& p) { p.params.log_stack = static_cast<uint8_t>(log_stack); });
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
  const RandomSource zeros = [](const RandomPurpose&, size_t count) {
    return std::vector<Fp>(count);
  };
  for (const uint8_t log_stack : {uint8_t{0}, uint8_t{1}}) {
    toys::Toy toy = toys::memory(8, 8, /*shared=*/true);
    const Params params = quick_params(/*zk=*/true, log_stack);
    const ToyProver prover(toy, params);
    auto slots = prover.reference_slots();
    const ReferenceTree bare_slot = ReferenceProver::make_slot(
        prover.key(), params, toy.circuit.slot("before"), toy.witness, zeros);
    slots[toy.circuit.slot("before")] = &bare_slot;
    Cheater bare(prover.key(), params, toy.witness, slots, zeros);
    const auto ok = check(prover.key(), bare.statement(), bare.prove());
    EXPECT_TRUE(ok) << ok.error().message;
  }
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

// ------------------------------------------------------------------------------------------- slots

/// Slots of fewer rows than the proof's trees, one of them shared.
class LowSlots {
 public:
  explicit LowSlots(uint8_t log_stack, bool zk = true, uint8_t log_stride = 0)
      : params_(quick_params(zk, log_stack)), prover_(toy_, params_, log_stride) {}

  [[nodiscard]] uint16_t before() const { return toy_.circuit.slot("before"); }
  [[nodiscard]] const Params& params() const { return params_; }
  [[nodiscard]] ReferenceTree tree(uint16_t slot) const {
    return *prover_.reference_slots().at(slot);
  }
  /// With another tree for the slot `before`.
  [[nodiscard]] Cheater with(const ReferenceTree& tree) const {
    auto slots = prover_.reference_slots();
    slots[before()] = &tree;
    return Cheater(prover_.key(), params_, toy_.witness, slots, prover_.random());
  }
  [[nodiscard]] Cheater honest() const { return make_cheater(prover_, toy_, params_); }
  [[nodiscard]] const VerifyingKey& key() const { return prover_.key(); }

 private:
  toys::Toy toy_ = toys::memory(10, 8, /*shared=*/true);
  Params params_;
  ToyProver prover_;
};

// The rows of another index, with the path that belongs to them: of a tree that has fewer rows than
// the domain and of one that has more (a larger blowup), where the neighbour is another coset's.
TEST(Negative, ASlotOpenedAtAnotherIndex) {
  for (const uint8_t log_stack : {uint8_t{0}, uint8_t{1}})
    for (const uint8_t log_stride : {uint8_t{0}, uint8_t{2}}) {
      const LowSlots slots(log_stack, /*zk=*/true, log_stride);
      Cheater prover = slots.honest();
      const Proof good = prover.prove();
      const Shape& shape = prover.shape();
      const auto ok = check(slots.key(), prover.statement(), good);
      ASSERT_TRUE(ok) << ok.error().message;
      for (uint32_t t = 0; t < shape.slot_trees(); ++t) {
        const ReferenceTree tree = slots.tree(shape.trees[t].slot);
        for (unsigned bit = 0; bit < merkle_shape(shape, t).log_size; bit += 3) {
          // Siblings stay siblings, so that it has as many digests.
          std::vector<uint32_t> others = opened_rows(shape, t, prover.indices());
          for (uint32_t& row : others) row ^= 1u << bit;
          std::ranges::sort(others);
          Proof proof = good;
          proof.trees[t] = tree.open(others);
          ASSERT_FALSE(proof == good);
          expect_refused(slots.key(), prover.statement(), proof,
                         "tree " + std::to_string(t) + ", bit " + std::to_string(bit),
                         ErrorCode::kMerkle);
        }
      }
    }
}

// A shared tree whose rows stand elsewhere, under its own root.
TEST(Negative, ASlotWithRowsAtOtherIndices) {
  for (const uint8_t log_stack : {uint8_t{0}, uint8_t{1}}) {
    const LowSlots slots(log_stack);
    const auto rotated = [&](size_t by) {
      ReferenceTree tree = slots.tree(slots.before());
      std::ranges::rotate(tree.rows, tree.rows.begin() + static_cast<ptrdiff_t>(by));
      tree.hash();
      return tree;
    };
    for (const size_t by : {1, 2, 256}) {
      const ReferenceTree tree = rotated(by);
      Cheater cheater = slots.with(tree);
      expect_refused(slots.key(), cheater.statement(), cheater.prove(),
                     "rows moved by " + std::to_string(by), ErrorCode::kFinal);
    }
    const ReferenceTree tree = rotated(0);
    Cheater honest = slots.with(tree);
    const auto ok = check(slots.key(), honest.statement(), honest.prove());
    EXPECT_TRUE(ok) << ok.error().message;
  }
}

TEST(Negative, Salt) {
  for (const uint8_t log_stack : {uint8_t{0}, uint8_t{1}}) {
    const LowSlots slots(log_stack);
    Cheater honest = slots.honest();
    const Proof good = honest.prove();
    const Statement statement = honest.statement();
    const Shape& shape = honest.shape();
    ASSERT_TRUE(check(slots.key(), statement, good));
    const auto t = static_cast<size_t>(
        std::ranges::find(shape.trees, slots.before(), &TreeShape::slot) - shape.trees.begin());
    const uint32_t width = shape.trees[t].row_words;
    ASSERT_EQ(shape.trees[t].kind, TreeShape::Kind::kShared);

    // None, neither committed nor sent.
    ReferenceTree tree = slots.tree(slots.before());
    tree.salts.clear();
    tree.stack(tree.groups[0].log_height, slots.params().log_blowup);
    tree.hash();
    Cheater unsalted = slots.with(tree);
    const Proof bare = unsalted.prove();
    ASSERT_EQ(bare.trees[t].rows.size(),
              opened_rows(shape, t, unsalted.indices()).size() * (width - kSaltWords));
    expect_refused(slots.key(), unsalted.statement(), bare, "no salt");
    // Not sent, or another.
    Proof cut = good;
    cut.trees[t].rows.clear();
    for (size_t r = 0; r < good.trees[t].rows.size(); r += width)
      cut.trees[t].rows.insert(
          cut.trees[t].rows.end(), good.trees[t].rows.begin() + static_cast<ptrdiff_t>(r),
          good.trees[t].rows.begin() + static_cast<ptrdiff_t>(r + width - kSaltWords));
    expect_refused(slots.key(), statement, cut, "salt not sent");
    for (uint32_t word = width - kSaltWords; word < width; ++word) {
      Proof other = good;
      other.trees[t].rows[word] ^= 1;
      expect_refused(slots.key(), statement, other, "another salt", ErrorCode::kMerkle);
    }

    // Without masks there is none, and none is read.
    const LowSlots plain(log_stack, /*zk=*/false);
    Cheater plain_prover = plain.honest();
    Proof proof = plain_prover.prove();
    ASSERT_TRUE(check(plain.key(), plain_prover.statement(), proof));
    ASSERT_EQ(plain_prover.shape().trees[t].row_words, width - kSaltWords);
    proof.trees[t].rows.insert(proof.trees[t].rows.begin() + (width - kSaltWords), kSaltWords, 0);
    expect_refused(plain.key(), plain_prover.statement(), proof, "salt that is not asked for",
                   ErrorCode::kFormat);
  }
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
  const auto prove_second = [&](const ReferenceTree* tree_before) {
    auto slots = other.reference_slots();
    slots[before] = tree_before;
    ReferenceProver prover(other.key(), params, second.witness, slots, other.random());
    return std::pair(prover.statement(), prover.prove());
  };
  const auto root = [](const Statement& statement, uint16_t slot) {
    return std::ranges::find(statement.shared, slot, &SharedRoot::slot)->root;
  };
  const ReferenceTree* shared = one.reference_slots().at(after);
  const auto [statement, proof] = prove_second(shared);
  EXPECT_TRUE(check(one.key(), one.statement(), one.prove()));
  const auto ok = check(other.key(), statement, proof);
  EXPECT_TRUE(ok) << ok.error().message;
  EXPECT_EQ(root(one.statement(), after), root(statement, before));

  // The second proof from the state before the first: another root, and it does not verify under
  // the shared one; nor does its honest witness on the wrong tree.
  const auto [stale_statement, stale] = prove_second(one.reference_slots().at(before));
  EXPECT_NE(root(one.statement(), after), root(stale_statement, before));
  expect_refused(other.key(), stale_statement, stale, "a witness that is not the tree's");
  expect_refused(other.key(), statement, stale, "a stale tree under the shared root");
  expect_refused(other.key(), stale_statement, proof, "the good proof under a stale root");
}

}  // namespace
}  // namespace zkvm::stark
