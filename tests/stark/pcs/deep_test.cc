// The prover's batch against the verifier's and against the sums of protocol.md section 10, term by
// term.
#include "stark/pcs/open/deep.h"

#include <tbb/global_control.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "stark/field/factor.h"
#include "stark/protocol/proof.h"
#include "stark/verifier/deep.h"
#include "tests/stark/support/proof_shapes.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

/// Chips 0 and 1 have any height: 20 main columns, column 3 read on the next row, too; 3 main
/// columns. Chips 2 and 3, of 2^high and 2^low rows, have columns in fixed slot 0 (19 and 33) and
/// in shared slot 1 (6 and 2) and read some of either on the next row.
VerifyingKey key_with_slots(uint8_t high, uint8_t low) {
  const auto one = Fp::one().wire;
  const auto chip = [&](const char* name, uint16_t main_width, uint16_t interactions) {
    ChipKey out;
    out.name = name;
    out.main_width = main_width;
    for (uint16_t i = 0; i < interactions; ++i)
      out.interactions.push_back(
          {1, Interaction::Kind::kSend, 1, {one, {}}, {AffineForm{0, {{i, one}}}}});
    return out;
  };
  VerifyingKey key;
  key.slots = {
      {.kind = Slot::Kind::kFixed, .log_blowup = kMaxLogBlowup, .rows = {{high, 19}, {low, 33}}},
      {.kind = Slot::Kind::kShared, .rows = {{high, 6}, {low, 2}}}};
  key.chips = {chip("wide", 20, 5), chip("narrow", 3, 1), chip("high", 1, 2), chip("low", 1, 1)};
  key.chips[0].next = {3};
  key.chips[2].log_height = high;
  key.chips[2].slots = {{0, 0, 19}, {1, 0, 6}};
  key.chips[2].next = {0, 17, 20, 25};  // two of the fixed ones, one shared, the main one
  key.chips[3].log_height = low;
  key.chips[3].slots = {{0, 0, 33}, {1, 0, 2}};
  key.chips[3].next = {32, 33};
  return key;
}

struct Case {
  Params params;
  std::vector<TableSpec> tables;
  uint8_t high = 8, low = 6;  // of the slots
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  out << (c.params.zk ? "zk, " : "") << "blowup 2^" << int{c.params.log_blowup} << ", stacks of 2^"
      << int{c.params.log_stack} << ", heights";
  for (const TableSpec& table : c.tables) out << " 2^" << int{table.log_height};
  return out;
}

std::vector<Case> cases() {
  std::vector<Case> out = {
      {{.zk = false, .queries = 10}, {{0, 0}}},  // a single row
      {{.zk = false, .log_blowup = 3, .queries = 10, .log_stack = 4}, {{1, 0}}},
      {{.zk = false, .queries = 10}, {{0, 3}, {1, 2}}},  // less than a vector
      {{.zk = false, .queries = 10},
       {{0, 8}, {1, 7}, {0, 6}, {1, 5}, {0, 4}, {1, 3}, {0, 2}, {1, 1}, {0, 0}}},
      // Several runs of rows and of elements to lift, several tables of one height.
      {{.zk = true, .queries = 2, .log_stack = 1},
       {{0, 11}, {1, 11}, {2, 9}, {1, 7}, {3, 7}},
       9,
       7},
      {{.zk = true, .queries = 10, .log_stack = 3}, {{1, 11}, {2, 10}, {0, 9}, {3, 8}}, 10, 8},
      {{.zk = true, .log_blowup = 3, .queries = 4}, {{0, 10}, {0, 7}, {1, 7}, {1, 7}}},
      // Short masks, on the lower heights.
      {{.zk = true, .queries = 10, .log_stack = 1},
       {{0, 12}, {2, 12}, {3, 10}, {1, 7}, {0, 6}},
       12,
       10},
      {{.zk = true, .log_blowup = 2, .queries = 20, .log_stack = 0}, {{0, 11}, {1, 11}, {0, 6}}},
  };
  for (uint8_t log_stack = 0; log_stack <= kMaxLogStack; ++log_stack)
    for (uint8_t log_blowup = 1; log_blowup <= 3; ++log_blowup) {
      Params params{.log_blowup = log_blowup, .queries = 2, .log_stack = log_stack};
      if ((log_stack + log_blowup) % 2 == 0)
        out.push_back({params, {{0, 7}, {2, 7}, {1, 6}, {3, 6}}, 7, 6});
      params.zk = false;
      out.push_back({params, {{0, 6}, {2, 5}, {1, 4}, {3, 2}, {1, 0}}, 5, 2});
    }
  return out;
}

/// Columns in the place of every tree's low-degree extension of every group, and random opened
/// values and challenges.
class Batch {
 public:
  Batch(const Case& c, uint64_t seed, const std::function<Fp(std::mt19937_64&)>& cell = random_fp)
      : random_(seed),
        shape_(test_shape(key_with_slots(c.high, c.low), c.params, c.tables)),
        zeta_(random_fp5(random_)),
        opened_(random_elements(shape_.openings(), random_)),
        coefficients_(random_elements(shape_.batched(), random_)),
        stacks_(shape_.trees.size()) {
    for (uint32_t g = 0; g < shape_.groups.size(); ++g) {
      const GroupShape& group = shape_.groups[g];
      auto& trees = columns_.emplace_back(shape_.trees.size());
      for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree) {
        if (group.width[tree] == 0) continue;
        for (size_t c2 = 0; c2 < size_t{1} << shape_.params.log_blowup; ++c2) {
          TileMatrix& matrix =
              trees[tree].emplace_back(group.log_height, static_cast<int>(group.width[tree]));
          for (size_t r = 0; r < matrix.rows(); ++r)
            for (int column = 0; column < matrix.columns(); ++column)
              matrix.set(r, column, cell(random_));
        }
        add_stacks(g, tree);
      }
    }
  }

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] size_t size() const { return size_t{1} << shape_.log_domain(); }

  [[nodiscard]] Codeword by_the_prover() const {
    std::vector<std::vector<TreeLde>> lde;
    for (const auto& group : columns_) {
      auto& trees = lde.emplace_back();
      for (const auto& cosets : group) {
        TreeLde& tree = trees.emplace_back();
        for (const TileMatrix& coset : cosets) tree.push_back(&coset);
      }
    }
    return deep_batch(shape_, lde, zeta_, opened_, coefficients_);
  }

  /// `indices`: distinct, ascending.
  [[nodiscard]] std::vector<Fp5> by_the_verifier(std::span<const uint32_t> indices) const {
    std::vector<std::vector<uint32_t>> rows(shape_.trees.size());
    std::vector<const uint32_t*> pointers;
    for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree) {
      std::set<uint32_t> opened;
      for (const uint32_t e : indices) opened.insert(e & ((1u << log_domain(tree)) - 1));
      for (const uint32_t e : opened) {
        for (const Stack& stack : stacks_[tree]) rows[tree].push_back(word(tree, stack, e).wire);
        for (uint32_t i = 0; shape_.trees[tree].salted && i < kSaltWords; ++i)
          rows[tree].push_back(random_fp(salt_).wire);
      }
      EXPECT_EQ(rows[tree].size(), opened.size() * shape_.trees[tree].row_words);
      pointers.push_back(rows[tree].data());
    }
    return DeepBatch(shape_, zeta_, opened_, coefficients_).at(indices, pointers);
  }

  /// B(e), sum by sum.
  [[nodiscard]] Fp5 by_definition(uint32_t e) const {
    Fp5 sum;
    size_t value = 0, challenge = 0;
    for (uint32_t g = 0; g < shape_.groups.size(); ++g) {
      const unsigned height = shape_.groups[g].log_height;
      for (const bool next : {false, true}) {
        const Fp5 point = next ? zeta_ * Fp::root_of_unity(static_cast<int>(height)) : zeta_;
        for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree)
          for (const Stack& stack : stacks_[tree]) {
            if (stack.group != g || stack.blinding || (next && !stack.next)) continue;
            Fp5 known, power = Fp5::one();  // sum_j X^j y_j
            for (size_t j = 0; j < stack.columns.size(); ++j) {
              known += power * opened_[value++];
              power *= x(stack.log_height, e);
            }
            sum += coefficients_[challenge++] * (word(tree, stack, e) - known) *
                   inverse(x(height, e) - point);
          }
      }
    }
    EXPECT_EQ(value, opened_.size());
    EXPECT_EQ(challenge, coefficients_.size());
    const uint32_t quotient = shape_.tree(Phase::kQuotient);
    for (size_t i = 0, k = 0; i < stacks_[quotient].size(); ++i)
      if (stacks_[quotient][i].blinding) sum.c[k++] += word(quotient, stacks_[quotient][i], e);
    return sum;
  }

  [[nodiscard]] std::vector<uint32_t> random_indices(size_t count) {
    std::set<uint32_t> indices = {static_cast<uint32_t>(size() - 1)};
    while (indices.size() < std::min(count, size()))
      indices.insert(static_cast<uint32_t>(random_() % size()));
    return {indices.begin(), indices.end()};
  }

 private:
  struct Stack {
    uint32_t group;
    unsigned log_height;  // of its words
    std::vector<uint32_t> columns;
    bool next = false, blinding = false;
  };

  /// Columns fill stacks in order; acc and R begin new ones; of short masks sizes differ.
  void add_stacks(uint32_t g, uint32_t tree) {
    const GroupShape& group = shape_.groups[g];
    const bool has_r = g == 0 && tree == shape_.tree(Phase::kQuotient);
    const uint32_t blinding = 10;
    for (const StackedColumns& part : group.stacked[tree]) {
      for (uint32_t c = part.first; c < part.end; ++c) {
        const bool begins =
            (has_r && c == blinding) || (tree == shape_.tree(Phase::kAux) && c == group.acc);
        if (c == part.first || begins ||
            stacks_[tree].back().columns.size() == size_t{1} << part.log_stack)
          stacks_[tree].push_back({.group = g,
                                   .log_height = unsigned{group.log_height} + part.log_stack,
                                   .columns = {}});
        Stack& stack = stacks_[tree].back();
        stack.columns.push_back(c);
        stack.next |= std::ranges::find(group.next, ColumnRef{tree, c}) != group.next.end();
        stack.blinding = has_r && c >= blinding;
      }
    }
  }

  [[nodiscard]] unsigned log_domain(uint32_t tree) const {
    return unsigned{shape_.trees[tree].log_height} + shape_.params.log_blowup;
  }
  /// The point of index e at a height.
  [[nodiscard]] Fp x(unsigned height, uint32_t e) const {
    const unsigned log_size = height + shape_.params.log_blowup;
    std::vector<Fp>& points = points_[height];
    if (points.empty()) {
      points.push_back(lde_shift(height));
      while (points.size() < size_t{1} << log_size)
        points.push_back(points.back() * Fp::root_of_unity(static_cast<int>(log_size)));
    }
    return points[e % points.size()];
  }
  [[nodiscard]] Fp word(uint32_t tree, const Stack& stack, uint32_t e) const {
    const auto& cosets = columns_[stack.group][tree];
    const TileMatrix& coset = cosets[e % cosets.size()];
    const size_t row = e / cosets.size() % coset.rows();
    const Fp point = x(stack.log_height, e);
    Fp sum;
    for (size_t j = stack.columns.size(); j-- > 0;)
      sum = sum * point + coset.at(row, static_cast<int>(stack.columns[j]));
    return sum;
  }

  std::mt19937_64 random_;
  mutable std::mt19937_64 salt_;
  Shape shape_;
  Fp5 zeta_;
  std::vector<Fp5> opened_, coefficients_;
  std::vector<std::vector<std::vector<TileMatrix>>> columns_;  // by group, tree and coset
  std::vector<std::vector<Stack>> stacks_;                     // by tree, as in its rows
  mutable std::map<unsigned, std::vector<Fp>> points_;         // by height
};

class Deep : public SimdTargetTest {};

TEST_P(Deep, ProverAndVerifierComputeTheDefinition) {
  uint64_t seed = 1;
  for (const Case& c : cases()) {
    SCOPED_TRACE(testing::PrintToString(c));
    Batch batch(c, seed++);
    const Codeword prover = batch.by_the_prover();
    ASSERT_EQ(prover.size(), batch.size());
    for (const uint32_t e : batch.random_indices(24))
      ASSERT_EQ(prover.at(e), batch.by_definition(e)) << "index " << e;
    std::vector<uint32_t> all(batch.size());
    std::iota(all.begin(), all.end(), 0u);
    const std::vector<Fp5> verifier = batch.by_the_verifier(all);
    for (const uint32_t e : all) ASSERT_EQ(prover.at(e), verifier[e]) << "index " << e;
  }
}

// As many rows as make up no vector, one, or more; several that share a row of a lower tree.
TEST_P(Deep, TheVerifierTakesAnyNumberOfRows) {
  Batch batch({{.zk = true, .queries = 2, .log_stack = 2}, {{0, 9}, {2, 8}, {1, 7}, {3, 6}}}, 2);
  for (const size_t count : {1u, 2u, 7u, 8u, 9u, 16u, 17u, 40u}) {
    std::vector<uint32_t> indices = batch.random_indices(count);
    const std::vector<Fp5> values = batch.by_the_verifier(indices);
    ASSERT_EQ(values.size(), count);
    for (size_t q = 0; q < count; ++q)
      ASSERT_EQ(values[q], batch.by_definition(indices[q])) << q << " of " << count;
  }
  const uint32_t half = static_cast<uint32_t>(batch.size()) / 2;
  const std::vector<uint32_t> sharing = {3, 5, half / 2 + 5, half + 3, half + 5};
  const std::vector<Fp5> values = batch.by_the_verifier(sharing);
  for (size_t q = 0; q < sharing.size(); ++q)
    ASSERT_EQ(values[q], batch.by_definition(sharing[q])) << q;
}

// Words at the ends of their range: no sum of the prover's overflows.
TEST_P(Deep, ExtremeCells) {
  const auto extreme = [](std::mt19937_64& random) {
    constexpr uint32_t kWords[] = {0, kCentre, kCentre + 1, Fp::kModulus - 1};
    return Fp::from_wire(kWords[random() % 4]);
  };
  const Case c{{.zk = true, .queries = 2, .log_stack = 1}, {{0, 8}, {2, 8}, {0, 7}, {3, 6}}};
  Batch batch(c, 4, extreme);
  const Codeword prover = batch.by_the_prover();
  for (const uint32_t e : batch.random_indices(100))
    ASSERT_EQ(prover.at(e), batch.by_definition(e)) << "index " << e;
}

// Words and coefficients at the ends of their range, in many columns: no sum overflows.
TEST_P(Deep, LargestWords) {
  constexpr size_t kColumns = 16, kTiles = 40, kRows = 9;
  for (const uint32_t word : {0u, 1u, kCentre - 1, kCentre, kCentre + 1, Fp::kModulus - 1}) {
    for (const uint32_t factor : {0u, 1u, kCentre, kCentre + 1, Fp::kModulus - 1}) {
      const std::vector<uint32_t> row(kColumns * kRows, word);
      const std::vector<uint32_t> coefficients(5 * kColumns, centred_word(Fp::from_wire(factor)));
      const OpenedTile tile{.first = row.data(),
                            .row_words = kColumns,
                            .words = kColumns,
                            .readable = row.size(),
                            .coefficients = coefficients.data()};
      const std::vector<OpenedTile> tiles(kTiles, tile);
      std::vector<uint32_t> sums(5 * kRows);
      verifier_deep_kernels().sums(tiles.data(), tiles.size(), kRows, sums.data());
      const Fp expected =
          (Fp::from_wire(word) - centre()) * Fp::from_wire(factor) * Fp::from(kColumns * kTiles);
      for (const uint32_t sum : sums) ASSERT_EQ(sum, expected.wire) << word << " " << factor;
    }
  }
}
INSTANTIATE_SIMD_TARGET_TESTS(Deep);

TEST(DeepThreads, OneAndManyGiveTheSame) {
  const Batch batch({{.zk = true, .queries = 2, .log_stack = 1}, {{0, 12}, {2, 8}, {3, 6}}}, 3);
  const Codeword many = batch.by_the_prover();
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 1);
  const Codeword one = batch.by_the_prover();
  for (size_t e = 0; e < one.size(); ++e) ASSERT_EQ(one.at(e), many.at(e));
}

}  // namespace
}  // namespace zkvm::stark
