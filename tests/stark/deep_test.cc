#include "stark/deep.h"

#include <tbb/global_control.h>

#include "stark/verifier_deep.h"
#include "tests/stark/proof_shapes.h"
#include "tests/stark/simd_target_test.h"

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
  [[nodiscard]] std::vector<TreeLde> view() const { return {trees.begin(), trees.end()}; }
  /// The rows of all indices below 2^log_size, as a proof would open them; 0 for salt.
  [[nodiscard]] std::vector<uint32_t> rows(const GroupShape& group, uint32_t tree,
                                           size_t size) const {
    std::vector<uint32_t> out;
    const size_t cosets = trees[tree].size();
    for (size_t e = 0; cosets > 0 && e < size; ++e)
      for (uint32_t column = 0; column < group.row_words(tree); ++column)
        out.push_back(column < group.width[tree]
                          ? trees[tree][e % cosets].at(e / cosets, static_cast<int>(column)).word
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
INSTANTIATE_SIMD_TARGET_TESTS(Deep);

// The verifier's formula against protocol.md section 10, term by term.
TEST(DeepBatch, IsTheSumOfTheQuotients) {
  std::mt19937_64 random(2);
  const auto key = test_key();
  const Shape shape = test_shape(key, {.zk = true, .queries = 10}, {{0, 9}, {2, 9}, {1, 8}});
  const Fp5 zeta = random_fp5(random);
  for (const GroupShape& group : shape.groups) {
    const RandomLde lde(shape, group, random);
    const auto opened = random_elements(shape.openings(group), random);
    const auto coefficients = random_elements(shape.openings(group), random);
    const size_t size = size_t{1} << shape.log_domain(group);
    for (const uint32_t e : {0u, 1u, 77u, static_cast<uint32_t>(size - 1)}) {
      const Fp x = Fp::from(3) * pow(Fp::root_of_unity(group.log_height + 1), e);
      const auto f = [&](uint32_t tree, uint32_t column) {
        return lde.trees[tree][e % 2].at(e / 2, static_cast<int>(column));
      };
      Fp5 expected;
      for (int j = 0; j < 5; ++j) expected.c[j] = f(shape.quotient_tree(), 10 + j);
      size_t i = 0;
      for (uint32_t tree = 0; tree < shape.trees.size(); ++tree)
        for (uint32_t column = 0; column < shape.opened_width(group, tree); ++column, ++i)
          expected += coefficients[i] * (f(tree, column) - opened[i]) * inverse(x - zeta);
      const Fp5 next_zeta = zeta * Fp::root_of_unity(group.log_height);
      for (const ColumnRef column : group.next) {
        expected +=
            coefficients[i] * (f(column.tree, column.column) - opened[i]) * inverse(x - next_zeta);
        ++i;
      }

      std::vector<std::vector<uint32_t>> rows;
      std::vector<const uint32_t*> pointers;
      for (uint32_t t = 0; t < shape.trees.size(); ++t) {
        const auto all = lde.rows(group, t, size);
        const size_t words = group.row_words(t);
        rows.emplace_back(all.begin() + static_cast<ptrdiff_t>(all.empty() ? 0 : e * words),
                          all.begin() + static_cast<ptrdiff_t>(all.empty() ? 0 : (e + 1) * words));
      }
      for (const auto& tree : rows) pointers.push_back(tree.data());
      const uint32_t index[] = {e};
      EXPECT_EQ(DeepBatch(shape, group, zeta, opened, coefficients).at(index, pointers)[0],
                expected);
    }
  }
}

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
