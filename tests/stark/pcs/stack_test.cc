// The stack kernel against plain sums: every length of stack up to 64, whole and in part, stacks that
// begin within a tile, strides of any kind.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "stark/field/bit_reverse.h"
#include "stark/pcs/commit/stack_kernels.h"
#include "stark/protocol/shape.h"
#include "tests/stark/support/random_matrix.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

class Stack : public SimdTargetTest {
 protected:
  /// Stacks rows [first_row, first_row + 16 packs) of a matrix of `columns` columns and compares.
  void expect_stacks(const TileMatrix& matrix, unsigned log_stack, size_t restart, size_t first_row,
                     size_t packs) {
    const size_t columns = static_cast<size_t>(matrix.columns()), full = size_t{1} << log_stack;
    const size_t rows = packs * kPackLanes;
    const int log_height = matrix.log_rows() + static_cast<int>(log_stack);
    std::vector<std::vector<size_t>> stacks;
    for (size_t c = 0; c < columns; ++c) {
      if (c == 0 || c == restart || stacks.back().size() == full) stacks.emplace_back();
      stacks.back().push_back(c);
    }

    std::vector<const uint32_t*> tiles;
    for (int t = 0; t < matrix.tiles(); ++t) tiles.push_back(matrix.row(t, first_row));
    std::vector<uint32_t> roots, reversed;
    for (unsigned l = 0; l < log_stack; ++l)
      for (size_t i = 0; i < size_t{1} << l; ++i)
        roots.push_back(pow(Fp::root_of_unity(static_cast<int>(l) + 1), i).wire);
    for (size_t j = 0; j < full; ++j)
      reversed.push_back(static_cast<uint32_t>(bit_reverse(j, static_cast<int>(log_stack))));
    const Fp root = Fp::root_of_unity(log_height);
    const Fp x = lde_shift(static_cast<unsigned>(log_height));
    const PointRun points = make_point_run(x * pow(root, first_row), root);
    const size_t word_stride = rows + kPackLanes, place_stride = stacks.size() * word_stride;
    constexpr uint32_t kUntouched = 0xdeadbeef;
    AlignedVector scratch(kPackLanes * (2 * full + tiles.size() * kTileWidth));
    AlignedVector out(full * place_stride, kUntouched);
    stack_kernels().stack({.tiles = tiles.data(),
                           .columns = columns,
                           .restart = restart,
                           .log_stack = log_stack,
                           .packs = packs,
                           .points = &points,
                           .roots = roots.data(),
                           .reversed = reversed.data(),
                           .scratch = scratch.data(),
                           .out = out.data(),
                           .place_stride = place_stride,
                           .word_stride = word_stride});

    for (size_t k = 0; k < full; ++k)
      for (size_t w = 0; w < stacks.size(); ++w) {
        const uint32_t* word = out.data() + k * place_stride + w * word_stride;
        for (size_t r = 0; r < rows; ++r) {
          const Fp point = x * pow(root, first_row + r + (k << matrix.log_rows()));
          Fp expected, power = Fp::one();
          for (const size_t c : stacks[w]) {
            expected += power * matrix.at(first_row + r, static_cast<int>(c));
            power *= point;
          }
          ASSERT_EQ(word[r], expected.wire) << "row " << r << " + " << k << " 2^n, word " << w;
        }
        ASSERT_EQ(std::count(word + rows, word + word_stride, kUntouched), kPackLanes);
      }
  }

  std::mt19937_64 random_{31};
};
INSTANTIATE_SIMD_TARGET_TESTS(Stack);

struct Columns {
  int count;
  size_t restart;
};

TEST_P(Stack, IsTheSumOfItsColumns) {
  for (unsigned log_stack = 1; log_stack <= 6; ++log_stack)
    for (const auto& [count, restart] :
         {Columns{1, 1}, {2, 2}, {3, 3}, {16, 16}, {19, 7}, {25, 20}, {70, 70}, {133, 128}}) {
      SCOPED_TRACE("2^" + std::to_string(log_stack) + ", " + std::to_string(count) +
                   " columns, a new stack at " + std::to_string(restart));
      expect_stacks(random_matrix(5, count, random_), log_stack, restart, 0, 2);
    }
}

TEST_P(Stack, OfARunOfRows) {
  for (const unsigned log_stack : {1u, 3u, 4u, 6u}) {
    const TileMatrix matrix = random_matrix(6, 21, random_);
    for (const size_t packs : {1u, 3u}) expect_stacks(matrix, log_stack, 18, 16, packs);
  }
}

// What lies beside the columns of the last tile is anything, and a stack in part ignores it.
TEST_P(Stack, SpareColumnsDoNotCount) {
  for (const unsigned log_stack : {1u, 2u, 3u, 4u, 5u}) {
    TileMatrix matrix = random_matrix(4, 21, random_);
    for (size_t r = 0; r < matrix.rows(); ++r)
      std::fill_n(matrix.row(1, r) + 5, kTileWidth - 5, Fp::kModulus - 1);
    expect_stacks(matrix, log_stack, 17, 0, 1);
  }
}

TEST_P(Stack, ExtremeCells) {
  for (unsigned log_stack = 1; log_stack <= 6; ++log_stack) {
    TileMatrix matrix(4, 64);
    for (size_t r = 0; r < matrix.rows(); ++r)
      for (int c = 0; c < matrix.columns(); ++c)
        matrix.set(r, c, Fp::from_wire(random_() % 2 == 0 ? 0 : Fp::kModulus - 1));
    expect_stacks(matrix, log_stack, 64, 0, 1);
  }
}

}  // namespace
}  // namespace zkvm::stark
