// Trees against a naive one, multi-proofs against single ones, and what the verifier must reject.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "stark/hash/merkle_lanes.h"
#include "stark/pcs/commit/merkle_tree.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/pcs/fri/fri.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

// Words, where std::mt19937 gives `unsigned long`.
using WordSource = std::independent_bits_engine<std::mt19937, 32, uint32_t>;
using Rows = std::vector<std::vector<uint32_t>>;  // [index][word]

// One height: random rows, and the memory that a tree reads them from.
struct TestHeight {
  unsigned log_rows;
  std::vector<uint32_t> widths;  // of the pieces
  bool salted = false;
};

// Columns in the layout that `words` suggests: single columns as arrays, wider ones as tiles of 16
// with a row of padding after each 1024, widths of 7 as plain rows.
struct TestMatrices {
  std::vector<AlignedVector> memory;
  std::vector<TreeRows> heights;
  std::vector<Rows> rows;  // without salt

  TestMatrices(unsigned log_cosets, const std::vector<TestHeight>& wanted, uint32_t seed) {
    WordSource random(seed);
    for (const TestHeight& height : wanted) {
      TreeRows tree_rows{height.log_rows, {}, height.salted};
      Rows all(size_t{1} << height.log_rows);
      for (size_t coset = 0; coset < size_t{1} << log_cosets; ++coset) {
        std::vector<RowColumns> columns;
        for (uint32_t words : height.widths) {
          const uint32_t stride = words == 1 || words == 7 ? words : 16;
          const uint32_t padding = stride == 16 ? 16 : 0;
          const size_t count = all.size() >> log_cosets;
          memory.emplace_back(count * stride + (count / 1024 + 1) * padding + 16, 0xdeadbeef);
          uint32_t* first = memory.back().data();
          columns.push_back({first, words, stride, padding});
          for (size_t r = 0; r < count; ++r) {
            for (size_t i = 0; i < words; ++i) {
              const uint32_t word = random() % Fp::kModulus;
              first[r * stride + r / 1024 * padding + i] = word;
              all[(r << log_cosets) + coset].push_back(word);
            }
          }
        }
        tree_rows.cosets.push_back(std::move(columns));
      }
      heights.push_back(std::move(tree_rows));
      rows.push_back(std::move(all));
    }
  }
};

// From the definition: all nodes of all levels, level m at [m].
std::vector<std::vector<Digest>> naive_tree(const std::vector<MerkleHeight>& shape,
                                            const std::vector<Rows>& rows) {
  std::vector<std::vector<Digest>> levels(shape[0].log_size + 1);
  for (unsigned m = shape[0].log_size + 1; m-- > 0;) {
    for (size_t i = 0; i < size_t{1} << m; ++i) {
      Digest node{};
      if (m < shape[0].log_size) {
        node = node_hash(levels[m + 1][i], levels[m + 1][i + (size_t{1} << m)]);
      }
      for (size_t k = 0; k < shape.size(); ++k) {
        if (shape[k].log_size != m) continue;
        node = k == 0 ? row_hash(rows[k][i]) : node_hash(node, row_hash(rows[k][i]));
      }
      levels[m].push_back(node);
    }
  }
  return levels;
}

// The verdict on every hasher: all must agree.
MerkleCheck check(const Digest& root, std::span<const MerkleHeight> shape,
                  std::span<const uint32_t> indices, const TreeOpening& opening) {
  std::vector<uint32_t> words(2 * indices.size());
  std::vector<Digest> digests(4 * indices.size());
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

TreeSalt test_salt() {
  Randomness::Seed seed{};
  seed[0] = 5;
  return {Randomness(seed), 1000};
}

struct Case {
  unsigned log_cosets;
  std::vector<TestHeight> heights;
};

// Small and large against the 16 lanes, the 128 rows of a run, the 1024 rows of a padded block and
// the forgotten levels; heights that meet in forgotten levels, stored ones and the last few.
std::vector<Case> cases() {
  return {
      {0, {{0, {3}}}},
      {0, {{1, {16}}, {0, {1}}}},
      {1, {{1, {2}}}},
      {1, {{4, {16, 4}}, {3, {1}}, {2, {7, 1}}, {1, {5}}}},
      {2, {{6, {16, 16}}, {5, {16}}, {4, {3}}}},
      {0, {{7, {1, 1, 1}}, {6, {16, 9}}}},
      {1, {{9, {16, 3}}, {8, {7}}, {7, {16}}, {6, {2}}, {5, {1, 1}}, {2, {1}}}},
      {1, {{11, {16, 16, 4, 5}}, {7, {7, 16}}}},
      {1, {{12, {2}, true}, {9, {16, 16}}, {8, {4}, true}, {3, {1}, true}, {1, {1}, true}}},
      {3, {{13, {5}}, {12, {1, 16}, true}}},
      {1, {{13, {16, 1, 7, 2}}}},
  };
}

class MerkleTest : public SimdTargetTest {};
INSTANTIATE_SIMD_TARGET_TESTS(MerkleTest);

TEST_P(MerkleTest, RootAndOpeningsOfTheNaiveTree) {
  uint32_t seed = 1;
  for (const Case& c : cases()) {
    TestMatrices matrices(c.log_cosets, c.heights, seed++);
    const MerkleTree tree(c.log_cosets, matrices.heights, test_salt());
    const auto shape = tree.shape();
    const size_t size = size_t{1} << shape[0].log_size;

    // Everything opened: the rows are what was put in, then salt; no digest is needed.
    std::vector<uint32_t> all(size);
    std::iota(all.begin(), all.end(), 0u);
    const TreeOpening full = tree.open(all);
    EXPECT_TRUE(full.digests.empty());
    std::vector<Rows> rows(shape.size());
    size_t at = 0;
    for (size_t k = 0; k < shape.size(); ++k) {
      for (size_t i = 0; i < size_t{1} << shape[k].log_size; ++i, at += shape[k].width) {
        rows[k].emplace_back(full.rows.begin() + static_cast<long>(at),
                             full.rows.begin() + static_cast<long>(at + shape[k].width));
        const auto& unsalted = matrices.rows[k][i];
        ASSERT_TRUE(std::equal(unsalted.begin(), unsalted.end(), rows[k][i].begin()));
        ASSERT_EQ(rows[k][i].size(), unsalted.size() + (c.heights[k].salted ? kSaltWords : 0));
      }
    }
    ASSERT_EQ(at, full.rows.size());
    const auto levels = naive_tree(shape, rows);
    EXPECT_EQ(tree.root(), levels[0][0]);
    EXPECT_EQ(check(tree.root(), shape, all, full), MerkleCheck::kOk);

    // Single openings: the sibling on each level.
    WordSource random(seed);
    for (int repeat = 0; repeat < 6; ++repeat) {
      const uint32_t index = random() % static_cast<uint32_t>(size);
      const TreeOpening single = tree.open({{index}});
      std::vector<Digest> path;
      for (unsigned m = shape[0].log_size; m > 0; --m) {
        path.push_back(levels[m][(index ^ (1u << (m - 1))) % (1u << m)]);
      }
      EXPECT_EQ(single.digests, path);
      EXPECT_EQ(check(tree.root(), shape, {{index}}, single), MerkleCheck::kOk);
    }

    // Several: rows once each, digests once each and in order.
    for (size_t count : {2u, 3u, 10u, 40u}) {
      std::vector<uint32_t> indices;
      for (size_t k = 0; k < count; ++k) indices.push_back(random() % static_cast<uint32_t>(size));
      std::ranges::sort(indices);
      indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
      std::vector<uint32_t> expected_rows;
      std::vector<Digest> expected_digests;
      for (unsigned m = shape[0].log_size;; --m) {
        std::vector<bool> known(size_t{1} << m);
        for (uint32_t e : indices) known[e % (1u << m)] = true;
        for (size_t k = 0; k < shape.size(); ++k) {
          for (size_t i = 0; shape[k].log_size == m && i < known.size(); ++i) {
            if (known[i])
              expected_rows.insert(expected_rows.end(), rows[k][i].begin(), rows[k][i].end());
          }
        }
        if (m == 0) break;
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
  for (unsigned log_rows : {0u, 3u, 5u, 9u}) {
    std::vector<Codeword> codewords;
    std::vector<FriFibres> fibres;
    WordSource random(3);
    const auto element = [&] { return Fp::from(random()); };
    for (const unsigned log_arity : {3u, 2u, 1u}) {
      Codeword& codeword = codewords.emplace_back(log_rows + log_arity);
      for (size_t e = 0; e < codeword.size(); ++e)
        codeword.set(e, {{element(), element(), element(), element(), element()}});
      fibres.push_back({codeword.pack(0), log_arity});
    }
    const MerkleTree tree(0, {fri_layer_rows(log_rows, fibres)});
    Rows rows(size_t{1} << log_rows);
    for (size_t e = 0; e < rows.size(); ++e)
      for (size_t f = 0; f < codewords.size(); ++f)
        for (size_t j = 0; j < size_t{1} << fibres[f].log_arity; ++j)
          for (const Fp c : codewords[f].at(e + (j << log_rows)).c) rows[e].push_back(c.wire);
    EXPECT_EQ(tree.root(), naive_tree(tree.shape(), {rows})[0][0]);
    EXPECT_EQ(tree.open({{0u}}).rows, rows[0]);
  }
}

// A matrix of several tiles, the last one partly used: spare columns belong to no row.
TEST_P(MerkleTest, TileMatrix) {
  TileMatrix cosets[2] = {{11, 37}, {11, 37}};
  Rows rows(size_t{2} << 11);
  std::mt19937 random(5);
  TreeRows tree_rows{.log_rows = 12, .cosets = std::vector<std::vector<RowColumns>>(2)};
  for (size_t coset = 0; coset < 2; ++coset) {
    for (size_t r = 0; r < cosets[coset].rows(); ++r) {
      for (int column = 0; column < 37; ++column) {
        cosets[coset].set(r, column, Fp::from(random()));
        rows[2 * r + coset].push_back(cosets[coset].at(r, column).wire);
      }
    }
    append_columns(cosets[coset], tree_rows.cosets[coset]);
  }
  const MerkleTree tree(1, {tree_rows});
  EXPECT_EQ(tree.root(), naive_tree(tree.shape(), {rows})[0][0]);
}

TEST(Merkle, SameRootOnAnyNumberOfThreads) {
  TestMatrices matrices(1, {{13, {16, 2}}, {12, {3}, true}}, 1);
  const MerkleTree tree(1, matrices.heights, test_salt());
  for (size_t threads : {1u, 3u}) {
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    EXPECT_EQ(MerkleTree(1, matrices.heights, test_salt()).root(), tree.root());
  }
}

TEST(Merkle, SaltHidesEqualRowsAndFollowsItsStream) {
  TestMatrices matrices(0, {{8, {2}, true}}, 1);
  for (auto& memory : matrices.memory) std::ranges::fill(memory, 0u);
  const MerkleTree tree(0, matrices.heights, test_salt());
  TreeSalt other = test_salt();
  other.index += 100;
  EXPECT_NE(MerkleTree(0, matrices.heights, other).root(), tree.root());
  std::vector<uint32_t> all(256);
  std::iota(all.begin(), all.end(), 0u);
  TreeOpening opening = tree.open(all);
  std::vector<uint32_t> salt;
  for (size_t i = 0; i < opening.rows.size(); ++i) {
    ASSERT_LT(opening.rows[i], Fp::kModulus);
    if (i % 7 >= 2) salt.push_back(opening.rows[i]);
  }
  std::ranges::sort(salt);
  EXPECT_EQ(std::ranges::adjacent_find(salt), salt.end());
}

// The verifier's refusals, on a tree with three heights.
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

  TestMatrices matrices_{1, {{8, {16, 3}}, {6, {5}}, {3, {2}}}, 9};
  MerkleTree tree_{1, matrices_.heights};
  std::vector<MerkleHeight> shape_ = tree_.shape();
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
  using Shape = std::vector<MerkleHeight>;
  const Shape wrong[] = {
      {},
      {{8, 0}, {6, 5}, {3, 2}},
      {{8, 19}, {6, 5}, {6, 2}},
      {{6, 5}, {8, 19}, {3, 2}},
      {{32, 19}},
      {{~0u, 1}},
  };
  for (const Shape& shape : wrong) {
    EXPECT_EQ(check(tree_.root(), shape, indices_, opening_), MerkleCheck::kShape);
  }
  // Plausible shapes of the same number of words, and giant ones, which must cost nothing.
  const Shape plausible[] = {
      {{8, 19}, {6, 5}},           {{8, 19}, {6, 5}, {3, 2}, {0, 1}}, {{8, 19}, {5, 5}, {3, 2}},
      {{9, 19}, {6, 5}, {3, 2}},   {{8, 18}, {6, 6}, {3, 2}},         {{8, 19}, {7, 5}, {3, 2}},
      {{31, 0xffffffff}, {30, 1}}, {{31, 19}, {6, 5}, {3, 2}},
  };
  for (const Shape& shape : plausible) {
    EXPECT_NE(check(tree_.root(), shape, indices_, opening_), MerkleCheck::kOk);
  }
}

TEST_F(MerkleVerifyTest, ScratchIsChecked) {
  const size_t n = indices_.size();
  std::vector<uint32_t> words(2 * n);
  std::vector<Digest> digests(4 * n);
  auto verdict = [&](size_t word_count, size_t digest_count) {
    return verify_merkle_proof(tree_.root(), shape_, indices_, opening_.rows, opening_.digests,
                               std::span(words).first(word_count),
                               std::span(digests).first(digest_count));
  };
  EXPECT_EQ(verdict(2 * n, 4 * n), MerkleCheck::kOk);
  EXPECT_EQ(verdict(2 * n - 1, 4 * n), MerkleCheck::kScratch);
  EXPECT_EQ(verdict(2 * n, 4 * n - 1), MerkleCheck::kScratch);
}

}  // namespace
}  // namespace zkvm::stark
