// LogUp, constraint and quotient stages against a naive reading of protocol.md sections 6, 7 and 9,
// on every SIMD target; and the first two against each other: an honest witness has no remainder.
#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <random>

#include "stark/pcs/open/ood.h"
#include "stark/poly/lde.h"
#include "stark/prover/stages/constraints.h"
#include "stark/prover/stages/logup.h"
#include "stark/prover/stages/quotient.h"
#include "tests/stark/support/proof_shapes.h"
#include "tests/stark/toys/all.h"

namespace zkvm::stark {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  Fp base() { return Fp::from(engine_()); }
  // The smallest and the greatest word, where sums of products are closest to an overflow.
  Fp extreme() { return Fp::from_wire(engine_() % 2 == 0 ? 0 : Fp::kModulus - 1); }
  Fp5 extension() { return {{base(), base(), base(), base(), base()}}; }

 private:
  std::mt19937_64 engine_;
};

/// Matrices of one group, one per tree, empty trees included.
struct GroupData {
  std::vector<std::unique_ptr<TileMatrix>> owned;

  GroupData(const GroupShape& group, uint64_t height) {
    for (const uint32_t width : group.width)
      owned.push_back(
          std::make_unique<TileMatrix>(std::countr_zero(height), static_cast<int>(width)));
  }
  [[nodiscard]] std::vector<const TileMatrix*> trees() const {
    std::vector<const TileMatrix*> out;
    for (const auto& matrix : owned) out.push_back(matrix.get());
    return out;
  }
  [[nodiscard]] Fp get(ColumnRef column, uint64_t row) const {
    return owned[column.tree]->at(row, static_cast<int>(column.column));
  }
  void set(ColumnRef column, uint64_t row, Fp value) {
    owned[column.tree]->set(row, static_cast<int>(column.column), value);
  }
  [[nodiscard]] Fp5 extension(uint32_t tree, uint32_t column, uint64_t row) const {
    Fp5 out;
    for (uint32_t k = 0; k < 5; ++k) out.c[k] = get({tree, column + k}, row);
    return out;
  }
};

/// A toy's tables, placed in the matrices of their groups; implicit columns random but balanced.
GroupData place(const toys::Toy& toy, const Shape& shape, const GroupShape& group,
                const LatePowers& late = {}) {
  GroupData data(group, group.height());
  Random random(8);
  for (uint32_t tree = 0; tree <= shape.tree(Phase::kMain); ++tree)
    for (uint32_t c = 0; c < group.width[tree]; ++c)
      for (uint64_t r = 0; r < group.height(); ++r) data.set({tree, c}, r, random.base());
  for (const TableShape& placed : group.tables) {
    const Table& table = toy.witness.tables[placed.table];
    for (uint64_t r = 0; r < table.height(); ++r)
      for (uint32_t c = 0; c < table.width; ++c)
        data.set(placed.columns[c], r, table.cells[r * table.width + c]);
    const uint32_t late_width = toy.circuit.key().chips[placed.chip].late_width;
    const std::vector<Fp> made = toy.witness.late_columns(table, late_width, late);
    for (size_t i = 0; i < made.size(); ++i)
      data.set(placed.columns[table.width + i % late_width], i / late_width, made[i]);
  }
  return data;
}

Fp evaluate(const GroupAffineForm& form, const GroupData& data, uint64_t row) {
  Fp sum = Fp::from_wire(form.constant);
  for (const auto& term : form.terms)
    sum += Fp::from_wire(term.coefficient) * data.get(term.column, row);
  return sum;
}

struct Fraction {
  Fp m;
  Fp5 f;
};
Fraction evaluate(const GroupInteraction& interaction, const LogupChallenges& challenges,
                  uint32_t tuple_width, const GroupData& data, uint64_t row) {
  Fp5 f = challenges.gamma + pow(challenges.beta, tuple_width) * Fp::from(interaction.bus);
  for (size_t i = 0; i < interaction.tuple.size(); ++i)
    f += pow(challenges.beta, i) * evaluate(interaction.tuple[i], data, row);
  const Fp m = evaluate(interaction.multiplicity, data, row);
  return {interaction.positive ? m : -m, f};
}

/// The asserts of a chip on one row, from the recorded program.
std::vector<Fp> evaluate_program(const ChipKey& chip, const std::vector<Fp>& row,
                                 const std::vector<Fp>& next, const LatePowers& late) {
  std::vector<Fp> values;
  for (const ExpressionNode& node : chip.nodes) switch (node.op) {
      case ExpressionNode::Op::kConst:
        values.push_back(Fp::from_wire(node.a));
        break;
      case ExpressionNode::Op::kColumn:
        values.push_back(row[node.a]);
        break;
      case ExpressionNode::Op::kNext:
        values.push_back(next[node.a]);
        break;
      case ExpressionNode::Op::kAdd:
        values.push_back(values[node.a] + values[node.b]);
        break;
      case ExpressionNode::Op::kSub:
        values.push_back(values[node.a] - values[node.b]);
        break;
      case ExpressionNode::Op::kMul:
        values.push_back(values[node.a] * values[node.b]);
        break;
      case ExpressionNode::Op::kLate:
        values.push_back(late(node.a / 5, node.b).c[node.a % 5]);
        break;
    }
  std::vector<Fp> out;
  for (const uint32_t node : chip.asserts) out.push_back(values[node]);
  return out;
}

/// sum_i alpha^i C_i on one row; `next` holds the next row.
Fp5 naive_constraints(const Circuit& circuit, const Shape& shape, const GroupShape& group,
                      const ConstraintChallenges& challenges, const GroupData& data, uint64_t row,
                      const GroupData& next_data, uint64_t next_row) {
  Fp5 sum, power = Fp5::one();
  const auto add = [&](const Fp5& constraint) {
    sum += power * constraint;
    power *= challenges.alpha;
  };
  for (const TableShape& table : group.tables) {
    std::vector<Fp> cells, next;
    for (const ColumnRef column : table.columns) {
      cells.push_back(data.get(column, row));
      next.push_back(next_data.get(column, next_row));
    }
    for (const Fp value :
         evaluate_program(circuit.key().chips[table.chip], cells, next, challenges.late))
      add(Fp5::from(value));
  }
  Fp5 h_sum;
  for (uint32_t p = 0; p < group.pairs(); ++p) {
    const Fp5 h = data.extension(shape.tree(Phase::kAux), 5 * p, row);
    h_sum += h;
    const auto fraction = [&](size_t i) {
      return evaluate(group.interactions[i], challenges.logup, circuit.key().tuple_width, data,
                      row);
    };
    const Fraction a = fraction(2 * p);
    if (2 * p + 1 == group.interactions.size()) {
      add(h * a.f - a.m);
    } else {
      const Fraction b = fraction(2 * p + 1);
      add(h * a.f * b.f - b.f * a.m - a.f * b.m);
    }
  }
  const uint32_t acc = group.acc;
  add(next_data.extension(shape.tree(Phase::kAux), acc, next_row) -
      data.extension(shape.tree(Phase::kAux), acc, row) - h_sum +
      challenges.sum * inverse(Fp::from(group.height())));
  return sum;
}

/// Runs `body` on every SIMD target of this machine.
template <class Body>
void on_every_target(Body body) {
  const SimdTarget before = simd_target();
  for (const SimdTarget target : available_simd_targets()) {
    SCOPED_TRACE(to_string(target));
    set_simd_target(target);
    body();
  }
  set_simd_target(before);
}

/// Calls visit(toy, shape, group) for groups of many forms and heights, with and without zk.
template <class Visit>
void for_each_group(Visit visit) {
  std::vector<toys::Toy> toys = toys::all_toys(6);
  toys.push_back(toys::mixed({12, 12}));
  toys.push_back(toys::permutation(0));
  toys.push_back(toys::permutation(3));
  for (const toys::Toy& toy : toys)
    for (const bool zk : {true, false}) {
      if (zk && toy.witness.tables.back().log_height < 6) continue;
      Params params;
      params.zk = zk;
      params.queries = 4;
      const auto shape = make_shape(toy.circuit.key(), params, toy.witness.specs());
      ASSERT_TRUE(shape.has_value()) << toy.name << ": " << shape.error().message;
      for (const GroupShape& group : shape->groups) {
        SCOPED_TRACE(toy.name + (zk ? ", zk" : "") + ", 2^" + std::to_string(group.log_height));
        visit(toy, *shape, group);
      }
    }
}

TEST(Logup, MatchesTheNaiveSums) {
  on_every_target([] {
    for_each_group([](const toys::Toy& toy, const Shape& shape, const GroupShape& group) {
      Random random(1);
      const LogupChallenges challenges{random.extension(), random.extension()};
      GroupData data = place(toy, shape, group);
      const uint32_t tuple_width = toy.circuit.key().tuple_width;
      TileMatrix& aux = *data.owned[shape.tree(Phase::kAux)];
      const Fp5 sum = fill_logup(shape, group, tuple_width, challenges, data.trees(), aux);

      const uint32_t tree = shape.tree(Phase::kAux), acc = group.acc;
      const Fp5 share = sum * inverse(Fp::from(group.height()));
      Fp5 naive_sum;
      for (uint64_t row = 0; row < group.height(); ++row) {
        Fp5 h_sum;
        for (uint32_t p = 0; p < group.pairs(); ++p) {
          Fp5 expected;
          for (size_t i = 2 * p; i < std::min<size_t>(2 * p + 2, group.interactions.size()); ++i) {
            const Fraction x = evaluate(group.interactions[i], challenges, tuple_width, data, row);
            expected += inverse(x.f) * x.m;
          }
          ASSERT_EQ(data.extension(tree, 5 * p, row), expected) << "row " << row << ", pair " << p;
          h_sum += expected;
        }
        naive_sum += h_sum;
        const uint64_t next = (row + 1) % group.height();
        ASSERT_EQ(data.extension(tree, acc, next) - data.extension(tree, acc, row), h_sum - share)
            << "row " << row;
      }
      EXPECT_EQ(sum, naive_sum);
    });
  });
}

TEST(Logup, ExtremeWordsDoNotOverflow) {
  on_every_target([] {
    const toys::Toy toy = toys::wide(6);
    Params params;
    params.zk = false;
    params.queries = 4;
    const auto shape = make_shape(toy.circuit.key(), params, toy.witness.specs());
    ASSERT_TRUE(shape.has_value());
    const GroupShape& group = shape->groups[0];
    GroupData data(group, group.height());
    Random random(9);
    for (uint32_t c = 0; c < group.width[shape->tree(Phase::kMain)]; ++c)
      for (uint64_t r = 0; r < group.height(); ++r)
        data.set({shape->tree(Phase::kMain), c}, r, random.extreme());
    const LogupChallenges challenges{random.extension(), random.extension()};
    (void)fill_logup(*shape, group, toy.circuit.key().tuple_width, challenges, data.trees(),
                     *data.owned[shape->tree(Phase::kAux)]);
    for (uint64_t row = 0; row < group.height(); ++row) {
      Fp5 expected;
      for (const GroupInteraction& interaction : group.interactions) {
        const Fraction x =
            evaluate(interaction, challenges, toy.circuit.key().tuple_width, data, row);
        expected += inverse(x.f) * x.m;
      }
      ASSERT_EQ(data.extension(shape->tree(Phase::kAux), 0, row), expected) << "row " << row;
    }
  });
}

// The sums of all groups and the public interactions cancel, blinding left out.
TEST(Logup, HonestSumsCancel) {
  for (const toys::Toy& toy : toys::all_toys(5)) {
    Params params;
    params.zk = false;
    params.queries = 4;
    const auto shape = make_shape(toy.circuit.key(), params, toy.witness.specs());
    ASSERT_TRUE(shape.has_value());
    Random random(2);
    const LogupChallenges challenges{random.extension(), random.extension()};
    const uint32_t tuple_width = toy.circuit.key().tuple_width;
    Fp5 sum;
    for (const GroupShape& group : shape->groups) {
      GroupData data = place(toy, *shape, group);
      sum += fill_logup(*shape, group, tuple_width, challenges, data.trees(),
                        *data.owned[shape->tree(Phase::kAux)]);
    }
    for (const PublicInteraction& item : toy.witness.publics) {
      Fp5 f = challenges.gamma + pow(challenges.beta, tuple_width) * Fp::from(item.bus);
      for (size_t i = 0; i < item.tuple.size(); ++i)
        f += pow(challenges.beta, i) * Fp::from_wire(item.tuple[i]);
      const Fp5 term = inverse(f) * Fp::from_wire(item.multiplicity);
      sum += item.sign > 0 ? term : -term;
    }
    EXPECT_EQ(sum, Fp5::zero()) << toy.name;
  }
}

TEST(Constraints, MatchTheRecordedProgram) {
  on_every_target([] {
    for_each_group([](const toys::Toy& toy, const Shape& shape, const GroupShape& group) {
      // Random cells: every constraint is violated, so every term counts. A row in two is of
      // extreme words.
      Random random(3);
      GroupData data(group, group.height());
      for (uint32_t tree = 0; tree <= shape.tree(Phase::kAux); ++tree)
        for (uint32_t c = 0; c < group.width[tree]; ++c)
          for (uint64_t r = 0; r < group.height(); ++r)
            data.set({tree, c}, r, r % 2 == 0 ? random.base() : random.extreme());
      const LatePowers late(random.extension(), random.extension());
      const ConstraintChallenges challenges{
          late, {random.extension(), random.extension()}, random.extension(), random.extension()};
      const Fp scale = random.base();
      TileMatrix out(group.log_height, 16);
      for (uint64_t r = 0; r < group.height(); ++r) std::fill_n(out.row(0, r), 16, 77u);
      const auto trees = data.trees();
      evaluate_quotient(toy.circuit, shape, group, challenges, scale, {trees, {}}, out, 5);
      const uint64_t step = group.height() > 512 ? 7 : 1;
      for (uint64_t r = 0; r < group.height(); r += step) {
        const Fp5 expected = naive_constraints(toy.circuit, shape, group, challenges, data, r, data,
                                               (r + 1) % group.height()) *
                             scale;
        for (uint32_t k = 0; k < 5; ++k)
          ASSERT_EQ(out.row(0, r)[5 + k], expected.c[k].wire) << "row " << r << ", word " << k;
        for (const uint32_t untouched : {0u, 4u, 10u, 15u})
          ASSERT_EQ(out.row(0, r)[untouched], 77u) << "row " << r;
      }
    });
  });
}

// A coset that is not of H's size: the next row comes from matrices of its own.
TEST(Constraints, TakeTheNextRowFromAnotherCoset) {
  on_every_target([] {
    for_each_group([](const toys::Toy& toy, const Shape& shape, const GroupShape& group) {
      const uint64_t height = std::min<uint64_t>(group.height(), 64);
      Random random(4);
      GroupData data(group, height), next(group, height);
      for (GroupData* each : {&data, &next})
        for (uint32_t tree = 0; tree <= shape.tree(Phase::kAux); ++tree)
          for (uint32_t c = 0; c < group.width[tree]; ++c)
            for (uint64_t r = 0; r < height; ++r) each->set({tree, c}, r, random.base());
      const LatePowers late(random.extension(), random.extension());
      const ConstraintChallenges challenges{
          late, {random.extension(), random.extension()}, random.extension(), random.extension()};
      TileMatrix out(std::countr_zero(height), 16);
      const auto trees = data.trees(), next_trees = next.trees();
      evaluate_quotient(toy.circuit, shape, group, challenges, Fp::one(), {trees, next_trees}, out,
                        0);
      for (uint64_t r = 0; r < height; ++r) {
        const Fp5 expected =
            naive_constraints(toy.circuit, shape, group, challenges, data, r, next, r);
        for (uint32_t k = 0; k < 5; ++k)
          ASSERT_EQ(out.row(0, r)[k], expected.c[k].wire) << "row " << r << ", word " << k;
      }
    });
  });
}

TEST(Constraints, HonestWitnessHasNoRemainder) {
  on_every_target([] {
    for_each_group([](const toys::Toy& toy, const Shape& shape, const GroupShape& group) {
      Random random(5);
      const LogupChallenges logup{random.extension(), random.extension()};
      const LatePowers late(random.extension(), random.extension());
      GroupData data = place(toy, shape, group, late);
      const Fp5 sum = fill_logup(shape, group, toy.circuit.key().tuple_width, logup, data.trees(),
                                 *data.owned[shape.tree(Phase::kAux)]);
      TileMatrix out(group.log_height, 5);
      const auto trees = data.trees();
      evaluate_quotient(toy.circuit, shape, group, {late, logup, random.extension(), sum},
                        Fp::one(), {trees, {}}, out, 0);
      for (uint64_t r = 0; r < group.height(); ++r)
        for (uint32_t k = 0; k < 5; ++k) ASSERT_EQ(out.row(0, r)[k], 0u) << "row " << r;
    });
  });
}

/// A random quotient of a group of its size, split.
struct Split {
  std::vector<Fp5> q;
  std::vector<TileMatrix> cosets;
  GroupMasks masks;

  Split(const Shape& shape, const GroupShape& group, uint8_t seed) {
    std::mt19937_64 random(7);
    q = random_elements(group.quotient_size, random);
    const unsigned log_blowup = shape.params.log_blowup;
    const auto put = [&](TileMatrix& to, int first, Fp shift) {
      Fp x = shift;
      for (size_t r = 0; r < to.rows(); ++r, x *= Fp::root_of_unity(to.log_rows())) {
        const Fp5 value = at(Fp5::from(x));
        for (int k = 0; k < 5; ++k) to.set(r, first + k, value.c[k]);
      }
    };
    TileMatrix values(group.log_height, 10);
    values.zero_spare_columns();
    put(values, 0, coset_shift(group.log_height, static_cast<int>(log_blowup), 0));
    put(values, 5,
        coset_shift(group.log_height, static_cast<int>(log_blowup), 1u << (log_blowup - 1)));
    TileMatrix extra(std::countr_zero(group.extra_coset), 10);
    put(extra, kChunkB, kExtraShift);
    const auto width = static_cast<int>(group.width[shape.tree(Phase::kQuotient)]);
    for (uint32_t c = 0; c < 1u << log_blowup; ++c) cosets.emplace_back(group.log_height, width);
    masks = split_quotient(shape, group, Randomness({seed}), values,
                           shape.params.zk ? &extra : nullptr, cosets);
  }
  [[nodiscard]] Fp5 at(const Fp5& x) const {
    Fp5 value;
    for (size_t i = q.size(); i-- > 0;) value = value * x + q[i];
    return value;
  }
  [[nodiscard]] Fp5 chunk(size_t coset, size_t row, uint32_t first) const {
    Fp5 out;
    for (uint32_t k = 0; k < 5; ++k) out.c[k] = cosets[coset].at(row, static_cast<int>(first + k));
    return out;
  }
  /// How many coefficients a column has.
  [[nodiscard]] size_t size(uint32_t column) const {
    size_t tail = masks.count;
    while (tail > 0 && masks.words[column * masks.count + tail - 1] == Fp::zero()) --tail;
    return cosets[0].rows() + tail;
  }
};

template <class Visit>
void for_each_quotient(Visit visit) {
  for (const bool zk : {true, false})
    for (const uint8_t log_blowup : {uint8_t{1}, uint8_t{2}, uint8_t{3}})
      for (const uint8_t log_stack : {uint8_t{0}, uint8_t{1}, uint8_t{3}}) {
        const Params params{
            .zk = zk, .log_blowup = log_blowup, .queries = 2, .log_stack = log_stack};
        const Shape shape = test_shape(test_key(), params, {{0, 7}, {1, 6}});
        for (const GroupShape& group : shape.groups) {
          SCOPED_TRACE((zk ? "zk, 2^" : "2^") + std::to_string(group.log_height) +
                       " rows, blowup 2^" + std::to_string(log_blowup) + ", stacks of 2^" +
                       std::to_string(log_stack));
          visit(shape, group);
        }
      }
}

TEST(Quotient, ChunksMakeItUp) {
  on_every_target([] {
    for_each_quotient([](const Shape& shape, const GroupShape& group) {
      const Split split(shape, group, 1);
      const size_t cosets = split.cosets.size();
      for (size_t e = 0; e < group.height() * cosets; e += 29) {
        const Fp x = coset_shift(group.log_height, shape.params.log_blowup, e % cosets) *
                     pow(Fp::root_of_unity(group.log_height), e / cosets);
        ASSERT_EQ(split.chunk(e % cosets, e / cosets, kChunkA) +
                      pow(x, group.split) * split.chunk(e % cosets, e / cosets, kChunkB),
                  split.at(Fp5::from(x)))
            << "index " << e;
      }
      // Off the domains, where values, coefficients beyond N and degrees must fit together.
      Random random(6);
      const Fp5 zeta = random.extension();
      const auto opened =
          OutOfDomainPoint(group.log_height, zeta).evaluate(split.cosets[0], split.masks.view());
      Fp5 a, b;
      for (int k = 0; k < 5; ++k) {
        Fp5 basis;
        basis.c[k] = Fp::one();
        a += basis * opened[kChunkA + static_cast<size_t>(k)];
        b += basis * opened[kChunkB + static_cast<size_t>(k)];
      }
      EXPECT_EQ(a + pow(zeta, group.split) * b, split.at(zeta));
      for (uint32_t k = 0; k < 5; ++k) {
        EXPECT_EQ(split.size(kChunkA + k), group.split + group.chunk_mask);
        EXPECT_EQ(split.size(kChunkB + k), group.quotient_size - group.split);
      }
    });
  });
}

// R: five coordinates of `bound` coefficients, each a full stack, in the tallest group alone. Of short
// masks what fills the chunks' stack.
TEST(Quotient, RandomPartsAreOfTheirSizesAndFollowTheSeed) {
  for_each_quotient([](const Shape& shape, const GroupShape& group) {
    const Split split(shape, group, 1), other(shape, group, 2);
    const bool blinded = shape.params.zk && &group == &shape.groups[0];
    ASSERT_EQ(split.cosets[0].columns(), blinded             ? 10 + (5 << shape.params.log_stack)
                                         : group.short_masks ? 32
                                                             : 10);
    for (uint32_t c = kBlinding; c < static_cast<uint32_t>(split.cosets[0].columns()); ++c)
      EXPECT_EQ(split.size(c),
                group.short_masks ? group.height() : shape.bound >> shape.params.log_stack)
          << c;
    for (int c = 0; c < split.cosets[0].columns(); ++c)
      EXPECT_EQ(split.cosets[0].at(5, c) == other.cosets[0].at(5, c), !shape.params.zk) << c;
    for (int c = kBlinding; c < split.cosets[0].columns(); ++c)
      for (int d = kBlinding; d < c; ++d)
        EXPECT_NE(split.cosets[0].at(5, c), split.cosets[0].at(5, d)) << c << " " << d;
  });
}

}  // namespace
}  // namespace zkvm::stark
