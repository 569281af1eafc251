#include "stark/pcs/open/deep.h"

#include <tbb/global_control.h>

#include "stark/field/factor.h"
#include "stark/verifier/deep.h"
#include "tests/stark/support/proof_shapes.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

/// Random matrices in the place of every tree's low-degree extension of a group.
struct RandomLde {
  RandomLde(const Shape& shape, const GroupShape& group, std::mt19937_64& random) {
    trees.resize(shape.trees.size());
    for (size_t t = 0; t < trees.size(); ++t) {
      if (group.width[t] == 0) continue;
      for (size_t c = 0; c < size_t{1} << shape.params.log_blowup; ++c) {
        TileMatrix matrix(group.log_height, static_cast<int>(group.width[t]));
        for (size_t r = 0; r < matrix.rows(); ++r)
          for (int column = 0; column < matrix.columns(); ++column)
            matrix.set(r, column, random_fp(random));
        trees[t].push_back(std::move(matrix));
      }
    }
  }
  [[nodiscard]] std::vector<TreeLde> view() const {
    std::vector<TreeLde> out(trees.size());
    for (size_t t = 0; t < trees.size(); ++t)
      for (const TileMatrix& coset : trees[t]) out[t].push_back(&coset);
    return out;
  }
  /// The rows of all indices below 2^log_size, as a proof would open them; 0 for salt.
  [[nodiscard]] std::vector<uint32_t> rows(const GroupShape& group, uint32_t tree,
                                           size_t size) const {
    std::vector<uint32_t> out;
    const size_t cosets = trees[tree].size();
    for (size_t e = 0; cosets > 0 && e < size; ++e)
      for (uint32_t column = 0; column < group.row_words(tree); ++column)
        out.push_back(column < group.width[tree]
                          ? trees[tree][e % cosets].at(e / cosets, static_cast<int>(column)).wire
                          : 0);
    return out;
  }
  std::vector<std::vector<TileMatrix>> trees;
};

struct Case {
  bool zk;
  uint8_t log_blowup;
  uint16_t queries;
  std::vector<TableSpec> tables;
};
const Case kCases[] = {
    {false, 1, 10, {{0, 0}}},          // a single row
    {false, 1, 10, {{0, 3}, {1, 2}}},  // less than a vector
    {false, 2, 10, {{0, 4}, {1, 2}}},
    {true, 1, 10, {{0, 11}, {1, 11}, {2, 9}, {1, 7}}},  // several runs, a slot
    {true, 3, 4, {{0, 10}, {0, 6}, {1, 6}, {1, 6}}},
};

class Deep : public SimdTargetTest {};

TEST_P(Deep, EqualsTheVerifiersFormulaAtEveryIndex) {
  std::mt19937_64 random(1);
  for (const Case& c : kCases) {
    const auto key = test_key();
    const Shape shape =
        test_shape(key, {.zk = c.zk, .log_blowup = c.log_blowup, .queries = c.queries}, c.tables);
    const Fp5 zeta = random_fp5(random);
    for (const GroupShape& group : shape.groups) {
      const RandomLde lde(shape, group, random);
      const auto opened = random_elements(shape.openings(group), random);
      const auto coefficients = random_elements(shape.openings(group), random);
      const Codeword batch = deep_batch(shape, group, lde.view(), zeta, opened, coefficients);

      std::vector<std::vector<uint32_t>> rows;
      std::vector<const uint32_t*> pointers;
      std::vector<uint32_t> indices(batch.size());
      for (uint32_t e = 0; e < batch.size(); ++e) indices[e] = e;
      for (uint32_t t = 0; t < shape.trees.size(); ++t)
        rows.push_back(lde.rows(group, t, batch.size()));
      for (const auto& tree : rows) pointers.push_back(tree.data());
      const auto expected =
          DeepBatch(shape, group, zeta, opened, coefficients).at(indices, pointers);
      for (size_t e = 0; e < batch.size(); ++e)
        ASSERT_EQ(batch.at(e), expected[e])
            << "2^" << int{group.log_height} << " rows, index " << e;
    }
  }
}
// The verifier's sums against protocol.md section 10, term by term, for any number of rows.
TEST_P(Deep, IsTheSumOfTheQuotients) {
  std::mt19937_64 random(2);
  const auto key = test_key();
  const Shape shape = test_shape(key, {.zk = true, .queries = 10}, {{0, 9}, {2, 9}, {1, 8}});
  const Fp5 zeta = random_fp5(random);
  for (const GroupShape& group : shape.groups) {
    const RandomLde lde(shape, group, random);
    const auto opened = random_elements(shape.openings(group), random);
    const auto coefficients = random_elements(shape.openings(group), random);
    const size_t size = size_t{1} << shape.log_domain(group);
    const auto expected = [&](uint32_t e) {
      const Fp x = Fp::from(3) * pow(Fp::root_of_unity(group.log_height + 1), e);
      const auto f = [&](uint32_t tree, uint32_t column) {
        return lde.trees[tree][e % 2].at(e / 2, static_cast<int>(column));
      };
      Fp5 value;
      for (int j = 0; j < 5; ++j) value.c[j] = f(shape.tree(Phase::kQuotient), 10 + j);
      size_t i = 0;
      for (uint32_t tree = 0; tree < shape.trees.size(); ++tree)
        for (uint32_t column = 0; column < shape.opened_width(group, tree); ++column, ++i)
          value += coefficients[i] * (f(tree, column) - opened[i]) * inverse(x - zeta);
      const Fp5 next_zeta = zeta * Fp::root_of_unity(group.log_height);
      for (const ColumnRef column : group.next) {
        value +=
            coefficients[i] * (f(column.tree, column.column) - opened[i]) * inverse(x - next_zeta);
        ++i;
      }
      return value;
    };

    std::vector<std::vector<uint32_t>> all;
    for (uint32_t t = 0; t < shape.trees.size(); ++t) all.push_back(lde.rows(group, t, size));
    for (const size_t count : {1u, 2u, 7u, 8u, 9u, 16u, 17u, 40u}) {
      std::vector<uint32_t> indices;
      for (size_t q = 0; q < count; ++q) indices.push_back(static_cast<uint32_t>(random() % size));
      indices[0] = static_cast<uint32_t>(size - 1);
      std::vector<std::vector<uint32_t>> rows(shape.trees.size());
      std::vector<const uint32_t*> pointers;
      for (uint32_t t = 0; t < shape.trees.size(); ++t) {
        const size_t words = all[t].empty() ? 0 : group.row_words(t);
        for (const uint32_t e : indices)
          rows[t].insert(rows[t].end(), all[t].begin() + static_cast<ptrdiff_t>(e * words),
                         all[t].begin() + static_cast<ptrdiff_t>((e + 1) * words));
        pointers.push_back(rows[t].data());
      }
      const auto values = DeepBatch(shape, group, zeta, opened, coefficients).at(indices, pointers);
      ASSERT_EQ(values.size(), count);
      for (size_t q = 0; q < count; ++q) ASSERT_EQ(values[q], expected(indices[q])) << q;
    }
  }
}

// Words and coefficients at the ends of their range, in many columns: no sum overflows.
TEST_P(Deep, LargestWords) {
  constexpr size_t kColumns = 16, kTiles = 40, kRows = 9;
  for (const uint32_t word : {0u, 1u, kCentre - 1, kCentre, kCentre + 1, Fp::kModulus - 1}) {
    for (const uint32_t factor : {0u, 1u, kCentre, kCentre + 1, Fp::kModulus - 1}) {
      const std::vector<uint32_t> row(kColumns * kRows, word);
      const std::vector<uint32_t> coefficients(5 * kColumns, centred_word(Fp::from_wire(factor)));
      OpenedNext one{0, {}};
      std::ranges::fill(one.coefficients, coefficients[0]);
      std::vector<OpenedNext> next;
      for (uint32_t lane = 0; lane < kColumns; ++lane) next.push_back(one), next.back().lane = lane;
      const OpenedTile tile{.first = row.data(),
                            .row_words = kColumns,
                            .words = kColumns,
                            .readable = row.size(),
                            .coefficients = coefficients.data(),
                            .next = next.data(),
                            .next_count = next.size()};
      const std::vector<OpenedTile> tiles(kTiles, tile);
      std::vector<uint32_t> sums(10 * kRows);
      verifier_deep_kernels().sums(tiles.data(), tiles.size(), kRows, sums.data());
      const Fp expected =
          (Fp::from_wire(word) - centre()) * Fp::from_wire(factor) * Fp::from(kColumns * kTiles);
      for (const uint32_t sum : sums) ASSERT_EQ(sum, expected.wire) << word << " " << factor;
    }
  }
}
INSTANTIATE_SIMD_TARGET_TESTS(Deep);

TEST(DeepThreads, OneAndManyGiveTheSame) {
  std::mt19937_64 random(3);
  const Shape shape = test_shape(test_key(), {.zk = true, .queries = 10}, {{0, 13}});
  const GroupShape& group = shape.groups[0];
  const RandomLde lde(shape, group, random);
  const auto opened = random_elements(shape.openings(group), random);
  const auto coefficients = random_elements(shape.openings(group), random);
  const Fp5 zeta = random_fp5(random);
  const Codeword many = deep_batch(shape, group, lde.view(), zeta, opened, coefficients);
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 1);
  const Codeword one = deep_batch(shape, group, lde.view(), zeta, opened, coefficients);
  for (size_t e = 0; e < one.size(); ++e) ASSERT_EQ(one.at(e), many.at(e));
}

}  // namespace
}  // namespace zkvm::stark
