// Trees of fixed columns at one rate, made from those at another.
#include "stark/pcs/commit/committed_tree.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

#include "tests/stark/support/random_matrix.h"

namespace zkvm::stark {
namespace {

struct Group {
  uint8_t log_height;
  int columns;
};

/// Fixed columns, the same ones for the same seed, at a rate.
CommittedTree commit_fixed(const std::vector<Group>& wanted, uint8_t log_blowup) {
  std::mt19937_64 random(3);
  std::vector<CommittedGroup> groups;
  for (const auto& [log_height, columns] : wanted) {
    CommittedGroup& group = groups.emplace_back();
    group.log_height = log_height;
    const auto end = static_cast<uint32_t>(columns);
    group.stacked = {{.end = end,
                      .restart = end,
                      .log_stack = static_cast<uint8_t>(wanted[0].log_height - log_height)}};
    for (size_t c = 0; c < size_t{1} << log_blowup; ++c)
      group.cosets.emplace_back(log_height, columns);
    low_degree_extend(random_matrix(log_height, columns, random), {}, group.cosets);
  }
  const Params params{.log_blowup = log_blowup, .queries = 1};
  const TreeShape place{.kind = TreeShape::Kind::kFixed, .log_height = wanted[0].log_height};
  return {params, std::move(groups), place, Randomness({})};
}

void expect_equal(const CommittedTree& a, const CommittedTree& b) {
  EXPECT_EQ(a.params(), b.params());
  EXPECT_EQ(a.root(), b.root());
  ASSERT_EQ(a.merkle().shape().log_size, b.merkle().shape().log_size);
  std::vector<uint32_t> all(size_t{1} << a.merkle().shape().log_size);
  std::iota(all.begin(), all.end(), 0u);
  for (const std::vector<uint32_t>& indices : {all, {0u}, {1u, 5u, 6u, 14u}}) {
    const TreeOpening of_a = a.merkle().open(indices), of_b = b.merkle().open(indices);
    EXPECT_EQ(of_a.rows, of_b.rows);
    EXPECT_EQ(of_a.digests, of_b.digests);
  }
}

const std::vector<Group> kGroups = {{9, 17}, {8, 3}, {5, 40}, {3, 9}};

TEST(CommittedTree, AtAHigherRateIsTheTreeOfThatRate) {
  for (uint8_t from = 1; from <= 4; ++from)
    for (uint8_t to = 1; to <= from; ++to) {
      SCOPED_TRACE("2^-" + std::to_string(from) + " to 2^-" + std::to_string(to));
      CommittedTree made = at_higher_rate(commit_fixed(kGroups, from), to);
      const CommittedTree expected = commit_fixed(kGroups, to);
      expect_equal(made, expected);
      for (const Group& wanted : kGroups) {  // what the prover reads beside the tree
        const CommittedGroup* group = made.group(wanted.log_height);
        ASSERT_NE(group, nullptr);
        ASSERT_EQ(group->cosets.size(), size_t{1} << to);
        for (size_t c = 0; c < group->cosets.size(); ++c)
          EXPECT_TRUE(equal(group->cosets[c], expected.group(wanted.log_height)->cosets[c])) << c;
      }
    }
}

// A proof of rate 2^-b reads every 2^t-th row of a tree of rate 2^-(b + t).
TEST(CommittedTree, ItsRowsAreRowsOfTheLowerRate) {
  const CommittedTree low = commit_fixed(kGroups, 3),
                      high = at_higher_rate(commit_fixed(kGroups, 3), 1);
  for (const uint32_t e : {0u, 1u, 2u, 17u, 1023u})
    EXPECT_EQ(high.merkle().open({{e}}).rows, low.merkle().open({{4 * e}}).rows) << e;
}

}  // namespace
}  // namespace zkvm::stark
