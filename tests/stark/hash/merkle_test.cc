// Trees against a naive one, multi-proofs against single ones, and what the verifier must reject.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "stark/hash/merkle_lanes.h"
#include "stark/pcs/commit/merkle_tree.h"
#include "stark/pcs/commit/stacked_rows.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/pcs/fri/fri.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

// Words, where std::mt19937 gives `unsigned long`.
using WordSource = std::independent_bits_engine<std::mt19937, 32, uint32_t>;
using Rows = std::vector<std::vector<uint32_t>>;  // [index][word]

// Random rows in the layout that `widths` suggests: single columns as arrays, wider ones as tiles of
// 16 with a row of padding after each 1024, widths of 7 as plain rows.
struct TestRows {
  std::vector<AlignedVector> memory;
  std::vector<std::vector<RowColumns>> cosets;
  unsigned log_rows;
  Rows rows;

  TestRows(unsigned log_cosets, unsigned log_size, const std::vector<uint32_t>& widths,
           uint32_t seed)
      : cosets(size_t{1} << log_cosets), log_rows(log_size), rows(size_t{1} << log_size) {
    WordSource random(seed);
    const size_t count = rows.size() >> log_cosets;
    for (size_t coset = 0; coset < cosets.size(); ++coset)
      for (const uint32_t words : widths) {
        const uint32_t stride = words == 1 || words == 7 ? words : 16;
        const uint32_t padding = stride == 16 ? 16 : 0;
        memory.emplace_back(count * stride + (count / 1024 + 1) * padding + 16, 0xdeadbeef);
        uint32_t* first = memory.back().data();
        cosets[coset].push_back({first, words, stride, padding});
        for (size_t r = 0; r < count; ++r)
          for (size_t i = 0; i < words; ++i) {
            const uint32_t word = random() % Fp::kModulus;
            first[r * stride + r / 1024 * padding + i] = word;
            rows[(r << log_cosets) + coset].push_back(word);
          }
      }
  }
  [[nodiscard]] std::unique_ptr<RowSource> source() const {
    return std::make_unique<ColumnRows>(log_rows, cosets);
  }
};

// From the definition: all nodes of all levels, level m at [m].
std::vector<std::vector<Digest>> naive_tree(const Rows& rows) {
  const auto top = static_cast<size_t>(std::countr_zero(rows.size()));
  std::vector<std::vector<Digest>> levels(top + 1);
  for (const auto& row : rows) levels[top].push_back(row_hash(row));
  for (size_t m = top; m-- > 0;)
    for (size_t i = 0; i < size_t{1} << m; ++i)
      levels[m].push_back(node_hash(levels[m + 1][i], levels[m + 1][i + (size_t{1} << m)]));
  return levels;
}

// The verdict on every hasher: all must agree.
MerkleCheck check(const Digest& root, const MerkleShape& shape, std::span<const uint32_t> indices,
                  const TreeOpening& opening) {
  std::vector<uint32_t> words(2 * indices.size());
  std::vector<Digest> digests(2 * indices.size());
  const auto verdict = [&](const auto& hasher) {
    return verify_merkle_proof(root, shape, indices, opening.rows, opening.digests, words, digests,
                               hasher);
  };
  const MerkleCheck expected = verdict(MerkleHasher());
  const SimdTarget current = simd_target();
  for (const SimdTarget target : available_simd_targets()) {
    set_simd_target(target);
    EXPECT_EQ(verdict(MerkleLaneHasher()), expected) << to_string(target);
  }
  set_simd_target(current);
  return expected;
}

std::vector<uint32_t> every_index(const MerkleShape& shape) {
  std::vector<uint32_t> all(size_t{1} << shape.log_size);
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

// All rows of a tree, which then need no digest.
Rows opened_fully(const MerkleTree& tree) {
  const TreeOpening full = tree.open(every_index(tree.shape()));
  EXPECT_TRUE(full.digests.empty());
  Rows rows;
  for (size_t at = 0; at < full.rows.size(); at += tree.shape().width)
    rows.emplace_back(full.rows.begin() + static_cast<long>(at),
                      full.rows.begin() + static_cast<long>(at + tree.shape().width));
  return rows;
}

struct Case {
  unsigned log_cosets, log_rows;
  std::vector<uint32_t> widths;  // of the pieces
};

// Small and large against the 16 lanes, the 128 rows of a run, the 1024 rows of a padded block and
// the forgotten levels; rows too wide for a run of them to be worked on at once.
std::vector<Case> cases() {
  return {
      {0, 0, {3}},
      {0, 1, {16}},
      {1, 1, {2}},
      {1, 4, {16, 4}},
      {2, 6, {16, 16}},
      {0, 7, {1, 1, 1}},
      {1, 8, {7, 1}},
      {1, 9, {16, 3}},
      {1, 10, {16, 16, 7}},
      {1, 11, {16, 16, 4, 5}},
      {1, 12, {2}},
      {3, 13, {5}},
      {1, 13, {16, 1, 7, 2}},
      {1, 12, std::vector<uint32_t>(20, 16)},
  };
}

class MerkleTest : public SimdTargetTest {};
INSTANTIATE_SIMD_TARGET_TESTS(MerkleTest);

TEST_P(MerkleTest, RootAndOpeningsOfTheNaiveTree) {
  uint32_t seed = 1;
  for (const Case& c : cases()) {
    const TestRows test(c.log_cosets, c.log_rows, c.widths, seed++);
    const Rows& rows = test.rows;
    const MerkleTree tree(test.source());
    const MerkleShape shape = tree.shape();
    ASSERT_EQ(shape.log_size, c.log_rows);
    ASSERT_EQ(shape.width, rows[0].size());
    const auto levels = naive_tree(rows);
    EXPECT_EQ(tree.root(), levels[0][0]);
    EXPECT_TRUE(opened_fully(tree) == rows);
    const auto all = every_index(shape);
    EXPECT_EQ(check(tree.root(), shape, all, tree.open(all)), MerkleCheck::kOk);

    // Single openings: the sibling on each level.
    WordSource random(seed);
    for (int repeat = 0; repeat < 6; ++repeat) {
      const uint32_t index = random() % static_cast<uint32_t>(rows.size());
      const TreeOpening single = tree.open({{index}});
      std::vector<Digest> path;
      for (unsigned m = shape.log_size; m > 0; --m)
        path.push_back(levels[m][(index ^ (1u << (m - 1))) % (1u << m)]);
      EXPECT_EQ(single.rows, rows[index]);
      EXPECT_EQ(single.digests, path);
      EXPECT_EQ(check(tree.root(), shape, {{index}}, single), MerkleCheck::kOk);
    }

    // Several: digests once each and in order.
    for (size_t count : {2u, 3u, 10u, 40u}) {
      std::vector<uint32_t> indices;
      for (size_t k = 0; k < count; ++k)
        indices.push_back(random() % static_cast<uint32_t>(rows.size()));
      std::ranges::sort(indices);
      indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
      std::vector<uint32_t> expected_rows;
      for (const uint32_t i : indices)
        expected_rows.insert(expected_rows.end(), rows[i].begin(), rows[i].end());
      std::vector<Digest> expected_digests;
      for (unsigned m = shape.log_size; m > 0; --m) {
        std::vector<bool> known(size_t{1} << m);
        for (const uint32_t e : indices) known[e % (1u << m)] = true;
        const size_t half = known.size() / 2;
        for (size_t i = 0; i < half; ++i) {
          if (known[i] && !known[i + half]) expected_digests.push_back(levels[m][i + half]);
          if (!known[i] && known[i + half]) expected_digests.push_back(levels[m][i]);
        }
      }
      const TreeOpening opening = tree.open(indices);
      EXPECT_EQ(opening.rows, expected_rows);
      EXPECT_EQ(opening.digests, expected_digests);
      EXPECT_EQ(check(tree.root(), shape, indices, opening), MerkleCheck::kOk);
    }
  }
}

TEST_P(MerkleTest, FriLayer) {
  for (const unsigned log_rows : {0u, 3u, 5u, 9u})
    for (const unsigned log_arity : {1u, 2u, 3u}) {
      WordSource random(3);
      const auto element = [&] { return Fp::from(random()); };
      Codeword codeword(log_rows + log_arity);
      for (size_t e = 0; e < codeword.size(); ++e)
        codeword.set(e, {{element(), element(), element(), element(), element()}});
      const MerkleTree tree(fri_layer_rows(codeword, log_arity));
      Rows rows(size_t{1} << log_rows);
      for (size_t e = 0; e < rows.size(); ++e)
        for (size_t j = 0; j < size_t{1} << log_arity; ++j)
          for (const Fp c : codeword.at(e + (j << log_rows)).c) rows[e].push_back(c.wire);
      EXPECT_EQ(tree.root(), naive_tree(rows)[0][0]);
      EXPECT_EQ(tree.open({{0u}}).rows, rows[0]);
    }
}

// A matrix of several tiles, the last one partly used: spare columns belong to no row.
TEST_P(MerkleTest, TileMatrix) {
  TileMatrix matrices[2] = {{11, 37}, {11, 37}};
  Rows rows(size_t{2} << 11);
  std::mt19937 random(5);
  std::vector<std::vector<RowColumns>> cosets(2);
  for (size_t coset = 0; coset < 2; ++coset) {
    for (size_t r = 0; r < matrices[coset].rows(); ++r) {
      for (int column = 0; column < 37; ++column) {
        matrices[coset].set(r, column, Fp::from(random()));
        rows[2 * r + coset].push_back(matrices[coset].at(r, column).wire);
      }
    }
    append_columns(matrices[coset], cosets[coset]);
  }
  const MerkleTree tree(std::make_unique<ColumnRows>(12, cosets));
  EXPECT_EQ(tree.root(), naive_tree(rows)[0][0]);
}

TEST(Merkle, SameRootOnAnyNumberOfThreads) {
  const TestRows test(1, 13, {16, 2}, 1);
  const MerkleTree tree(test.source());
  for (size_t threads : {1u, 3u}) {
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    EXPECT_EQ(MerkleTree(test.source()).root(), tree.root());
  }
}

// ------------------------------------------------------------------------------------------ stacks

TreeSalt test_salt() {
  Randomness::Seed seed{};
  seed[0] = 5;
  return {Randomness(seed), 1000};
}

struct TestGroup {
  uint8_t log_height;
  uint32_t columns, restart;
};

// Random columns of several heights, and their stacks by the definition.
struct TestStacks {
  uint8_t log_height;
  unsigned log_blowup;
  std::vector<std::vector<TileMatrix>> cosets;  // by group
  std::vector<StackedGroup> groups;
  Rows rows;

  TestStacks(uint8_t height, unsigned blowup, const std::vector<TestGroup>& wanted, uint32_t seed)
      : log_height(height), log_blowup(blowup), rows(size_t{1} << (height + blowup)) {
    std::mt19937 random(seed);
    for (const TestGroup& group : wanted) {
      auto& made = cosets.emplace_back();
      for (size_t c = 0; c < size_t{1} << blowup; ++c) {
        TileMatrix& matrix = made.emplace_back(group.log_height, static_cast<int>(group.columns));
        for (size_t r = 0; r < matrix.rows(); ++r)
          for (int column = 0; column < matrix.columns(); ++column)
            matrix.set(r, column, Fp::from(random()));
      }
    }
    const Fp root = Fp::root_of_unity(static_cast<int>(height + blowup));
    Fp x = lde_shift(height);
    for (size_t e = 0; e < rows.size(); ++e, x *= root)
      for (size_t g = 0; g < wanted.size(); ++g) {
        const TileMatrix& matrix = cosets[g][e % (size_t{1} << blowup)];
        const size_t row = (e >> blowup) % matrix.rows();
        const auto full = size_t{1} << (height - wanted[g].log_height);
        Fp word, power = Fp::one();
        size_t place = 0;
        const auto finish = [&] {
          rows[e].push_back(word.wire);
          word = Fp{};
          power = Fp::one();
          place = 0;
        };
        for (uint32_t c = 0; c < wanted[g].columns; ++c, power *= x, ++place) {
          if (place == full || (place > 0 && c == wanted[g].restart)) finish();
          word += power * matrix.at(row, static_cast<int>(c));
        }
        finish();
      }
    for (size_t g = 0; g < wanted.size(); ++g)
      groups.push_back({wanted[g].log_height,
                        cosets[g],
                        {{.end = wanted[g].columns,
                          .restart = std::min(wanted[g].restart, wanted[g].columns),
                          .log_stack = static_cast<uint8_t>(height - wanted[g].log_height)}}});
  }
  [[nodiscard]] MerkleTree tree(std::optional<TreeSalt> salt = {}) const {
    return MerkleTree(std::make_unique<StackedRows>(log_height, log_blowup, groups, salt));
  }
};

// Groups lower than a run, a vector and the forgotten levels; stacks whole and in part; columns of
// more than one tile; a new stack that begins within one.
TEST_P(MerkleTest, StacksOfColumnsOfAnyHeight) {
  const struct {
    uint8_t log_height;
    unsigned log_blowup;
    std::vector<TestGroup> groups;
  } kTrees[] = {
      {5, 1, {{5, 3, 3}}},
      {5, 1, {{4, 5, 5}, {2, 3, 3}, {0, 40, 40}}},
      {8, 2, {{8, 20, 15}, {7, 7, 5}, {3, 33, 33}}},
      {10, 1, {{9, 37, 33}, {6, 20, 15}, {5, 70, 65}}},
      {11, 1, {{9, 20, 10}, {8, 1, 1}, {7, 17, 17}}},
      {12, 1, {{12, 2, 2}, {8, 300, 300}}},
      {12, 1, {{11, 18, 10}, {10, 5, 4}, {9, 9, 9}, {3, 1030, 1000}}},
  };
  uint32_t seed = 1;
  for (const auto& [log_height, log_blowup, groups] : kTrees) {
    SCOPED_TRACE("2^" + std::to_string(log_height) + " rows");
    const TestStacks stacks(log_height, log_blowup, groups, seed++);
    const MerkleTree tree = stacks.tree();
    EXPECT_TRUE(opened_fully(tree) == stacks.rows);
    EXPECT_EQ(tree.root(), naive_tree(stacks.rows)[0][0]);

    // The same and salt, which the root has and an opening draws again.
    const MerkleTree salted = stacks.tree(test_salt());
    const Rows rows = opened_fully(salted);
    EXPECT_EQ(salted.root(), naive_tree(rows)[0][0]);
    for (size_t e = 0; e < rows.size(); ++e) {
      ASSERT_EQ(rows[e].size(), stacks.rows[e].size() + kSaltWords);
      ASSERT_TRUE(std::equal(stacks.rows[e].begin(), stacks.rows[e].end(), rows[e].begin()));
    }
  }
}

TEST(Merkle, SaltHidesEqualRowsAndFollowsItsStream) {
  TestStacks stacks(8, 1, {{8, 2, 2}}, 1);
  for (TileMatrix& matrix : stacks.cosets[0])
    for (size_t r = 0; r < matrix.rows(); ++r)
      for (int column = 0; column < 2; ++column) matrix.set(r, column, Fp{});
  const MerkleTree tree = stacks.tree(test_salt());
  TreeSalt other = test_salt();
  other.index += 100;
  EXPECT_NE(stacks.tree(other).root(), tree.root());
  std::vector<uint32_t> salt;
  for (const auto& row : opened_fully(tree))
    for (size_t i = 0; i < row.size(); ++i) {
      ASSERT_LT(row[i], Fp::kModulus);
      if (i >= 2) salt.push_back(row[i]);
    }
  std::ranges::sort(salt);
  EXPECT_EQ(std::ranges::adjacent_find(salt), salt.end());
}

// ------------------------------------------------------------------------------------ refusals

class MerkleVerifyTest : public testing::Test {
 protected:
  MerkleVerifyTest() {
    EXPECT_EQ(check(tree_.root(), shape_, indices_, opening_), MerkleCheck::kOk);
  }
  // The verdict after `change`.
  MerkleCheck after(const std::function<void(TreeOpening&)>& change) {
    TreeOpening changed = opening_;
    change(changed);
    return check(tree_.root(), shape_, indices_, changed);
  }

  TestRows rows_{1, 8, {16, 3}, 9};
  MerkleTree tree_{rows_.source()};
  MerkleShape shape_ = tree_.shape();
  std::vector<uint32_t> indices_ = {3, 17, 18, 67, 131, 200, 255};
  TreeOpening opening_ = tree_.open(indices_);
};

TEST_F(MerkleVerifyTest, EveryWordOfEveryRowAndDigestCounts) {
  for (size_t i = 0; i < opening_.rows.size(); ++i) {
    EXPECT_EQ(after([&](TreeOpening& o) { o.rows[i] ^= 1; }), MerkleCheck::kRoot) << i;
  }
  for (size_t i = 0; i < opening_.digests.size(); ++i) {
    for (size_t j = 0; j < 8; ++j) {
      EXPECT_EQ(after([&](TreeOpening& o) { o.digests[i][j] ^= 0x80000000; }), MerkleCheck::kRoot);
    }
  }
  for (size_t j = 0; j < 8; ++j) {
    Digest root = tree_.root();
    root[j] ^= 1;
    EXPECT_EQ(check(root, shape_, indices_, opening_), MerkleCheck::kRoot);
  }
}

TEST_F(MerkleVerifyTest, MissingSpareAndSwapped) {
  EXPECT_EQ(after([](TreeOpening& o) { o.digests.pop_back(); }), MerkleCheck::kDigests);
  EXPECT_EQ(after([](TreeOpening& o) { o.digests.clear(); }), MerkleCheck::kDigests);
  EXPECT_EQ(after([](TreeOpening& o) { o.digests.push_back(o.digests[0]); }),
            MerkleCheck::kDigests);
  EXPECT_EQ(after([](TreeOpening& o) { o.rows.pop_back(); }), MerkleCheck::kRows);
  EXPECT_EQ(after([](TreeOpening& o) { o.rows.push_back(0); }), MerkleCheck::kRows);
  EXPECT_EQ(after([](TreeOpening& o) { o.rows.clear(); }), MerkleCheck::kRows);
  EXPECT_EQ(after([](TreeOpening& o) {
              std::swap_ranges(o.rows.begin(), o.rows.begin() + 19, o.rows.begin() + 19);
            }),
            MerkleCheck::kRoot);
  for (size_t i = 1; i < opening_.digests.size(); ++i) {
    EXPECT_EQ(after([&](TreeOpening& o) { std::swap(o.digests[i - 1], o.digests[i]); }),
              MerkleCheck::kRoot);
  }
}

TEST_F(MerkleVerifyTest, OtherIndices) {
  for (size_t k = 0; k < indices_.size(); ++k) {
    auto indices = indices_;
    indices[k] ^= 1;
    if (!std::ranges::is_sorted(indices)) continue;
    EXPECT_NE(check(tree_.root(), shape_, indices, opening_), MerkleCheck::kOk) << k;
  }
  EXPECT_EQ(check(tree_.root(), shape_, {}, opening_), MerkleCheck::kIndices);
  EXPECT_EQ(check(tree_.root(), shape_, {{3u, 3u}}, opening_), MerkleCheck::kIndices);
  EXPECT_EQ(check(tree_.root(), shape_, {{17u, 3u}}, opening_), MerkleCheck::kIndices);
  EXPECT_EQ(check(tree_.root(), shape_, {{3u, 256u}}, opening_), MerkleCheck::kIndices);
  EXPECT_EQ(check(tree_.root(), shape_, {{0xffffffffu}}, opening_), MerkleCheck::kIndices);
  // An index twice in place of once, the row repeated to match.
  auto doubled = indices_;
  doubled.insert(doubled.begin(), doubled[0]);
  EXPECT_EQ(check(tree_.root(), shape_, doubled, opening_), MerkleCheck::kIndices);
}

TEST_F(MerkleVerifyTest, OtherShapes) {
  for (const MerkleShape& shape : {MerkleShape{8, 0}, {32, 19}, {~0u, 1}})
    EXPECT_EQ(check(tree_.root(), shape, indices_, opening_), MerkleCheck::kShape);
  // Giant ones must cost nothing.
  for (const MerkleShape& shape :
       {MerkleShape{8, 18}, {8, 20}, {8, 1}, {8, 0xffffffff}, {31, 0xffffffff}})
    EXPECT_EQ(check(tree_.root(), shape, indices_, opening_), MerkleCheck::kRows);
  for (const MerkleShape& shape : {MerkleShape{9, 19}, {31, 19}})
    EXPECT_EQ(check(tree_.root(), shape, indices_, opening_), MerkleCheck::kDigests);
  EXPECT_EQ(check(tree_.root(), {7, 19}, indices_, opening_), MerkleCheck::kIndices);
}

TEST_F(MerkleVerifyTest, ScratchIsChecked) {
  const size_t n = indices_.size();
  std::vector<uint32_t> words(2 * n);
  std::vector<Digest> digests(2 * n);
  auto verdict = [&](size_t word_count, size_t digest_count) {
    return verify_merkle_proof(tree_.root(), shape_, indices_, opening_.rows, opening_.digests,
                               std::span(words).first(word_count),
                               std::span(digests).first(digest_count));
  };
  EXPECT_EQ(verdict(2 * n, 2 * n), MerkleCheck::kOk);
  EXPECT_EQ(verdict(2 * n - 1, 2 * n), MerkleCheck::kScratch);
  EXPECT_EQ(verdict(2 * n, 2 * n - 1), MerkleCheck::kScratch);
}

}  // namespace
}  // namespace zkvm::stark
