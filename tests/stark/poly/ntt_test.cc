// Transforms against the definition: values are the polynomial, evaluated by Horner's rule.
#include "stark/poly/ntt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "tests/stark/support/random_matrix.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

TEST(TileMatrix, RowsOfATileAreCacheLinesAndBlocksArePadded) {
  TileMatrix matrix(12, 33);
  EXPECT_EQ(matrix.tiles(), 3);
  EXPECT_EQ(matrix.rows(), 4096u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(matrix.row(0, 0)) % 64, 0u);
  EXPECT_EQ(matrix.row(0, 1) - matrix.row(0, 0), 16);
  EXPECT_EQ(matrix.row(0, 1024) - matrix.row(0, 1023), 32) << "one unused row after 1024";
  matrix.set(4095, 32, Fp::from(5));
  EXPECT_EQ(matrix.row(2, 4095)[0], Fp::from(5).wire);
  EXPECT_EQ(matrix.at(4095, 32), Fp::from(5));
  TileMatrix moved = std::move(matrix);
  EXPECT_EQ(moved.at(4095, 32), Fp::from(5));
}

TEST(TileMatrix, CellsDoNotOverlap) {
  for (int log_rows : {0, 3, 10, 11}) {
    TileMatrix matrix(log_rows, 48);
    std::set<const uint32_t*> rows;
    for (int tile = 0; tile < 3; ++tile) {
      for (size_t r = 0; r < matrix.rows(); ++r) rows.insert(matrix.row(tile, r));
    }
    EXPECT_EQ(rows.size(), 3 * matrix.rows());
    EXPECT_TRUE(std::ranges::adjacent_find(rows, [](const uint32_t* a, const uint32_t* b) {
                  return b - a < kTileWidth;
                }) == rows.end());
  }
}

TEST(TileMatrix, SpareColumnsAreZeroed) {
  AlignedWords::set_poison(true);
  TileMatrix matrix(11, 18);
  AlignedWords::set_poison(false);
  EXPECT_EQ(matrix.row(1, 2047)[15], 0xffffffffu) << "poisoned";
  matrix.zero_spare_columns();
  for (size_t r = 0; r < matrix.rows(); ++r) {
    for (int c = 0; c < 16; ++c) ASSERT_EQ(matrix.row(1, r)[c], c < 2 ? 0xffffffffu : 0u);
  }
}

TEST(AlignedWords, KeepsFreedBlocksWithinThePeak) {
  constexpr size_t kMiB = size_t{1} << 18;  // words
  AlignedWords::release_kept();
  const uint32_t* first;
  {
    const AlignedWords a(8 * kMiB), b(8 * kMiB);
    first = a.data();
  }
  {
    const AlignedWords a(7 * kMiB), b(7 * kMiB);
    EXPECT_TRUE(a.data() == first || b.data() == first) << "freed blocks are used again";
  }
  {
    const AlignedWords large(24 * kMiB);  // no room for anything beside it
    EXPECT_EQ(AlignedWords::release_kept(), 0u);
  }
  {
    const AlignedWords small(3 * kMiB);  // too small for the 24 MiB, which must go: 24 + 3 > 24
    EXPECT_EQ(AlignedWords::release_kept(), 0u);
  }
  EXPECT_EQ(AlignedWords::release_kept(), 4 * 3 * kMiB);
  EXPECT_EQ(AlignedWords::release_kept(), 0u);
}

// Blocks below a huge page share slabs: none may overlap another, whatever is freed between.
TEST(AlignedWords, SmallBlocksDoNotOverlap) {
  std::mt19937_64 random(1);
  struct Block {
    AlignedWords words;
    uint32_t mark;
  };
  std::vector<Block> blocks;
  for (uint32_t round = 0; round < 3000; ++round) {
    if (blocks.size() < 60 && random() % 5 < 3) {
      Block& block = blocks.emplace_back(
          Block{AlignedWords((size_t{16} << 10) + random() % (size_t{500} << 10)), round});
      ASSERT_EQ(reinterpret_cast<uintptr_t>(block.words.data()) % 64, 0u);
      for (size_t i = 0; i < block.words.size(); i += 509) block.words.data()[i] = round;
      block.words.data()[block.words.size() - 1] = round;
    } else if (!blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      const Block& block = blocks.back();
      for (size_t i = 0; i < block.words.size(); i += 509)
        ASSERT_EQ(block.words.data()[i], block.mark);
      ASSERT_EQ(block.words.data()[block.words.size() - 1], block.mark);
      blocks.pop_back();
    }
  }
}

class NttTest : public SimdTargetTest {};
INSTANTIATE_SIMD_TARGET_TESTS(NttTest);

std::vector<Fp> coefficients_of(const TileMatrix& bit_reversed, int column) {
  std::vector<Fp> coefficients(bit_reversed.rows());
  for (size_t r = 0; r < coefficients.size(); ++r) {
    coefficients[bit_reverse(r, bit_reversed.log_rows())] = bit_reversed.at(r, column);
  }
  return coefficients;
}

// All rows of small transforms, some of large ones.
std::vector<size_t> rows_to_check(size_t rows, std::mt19937_64& random) {
  std::vector<size_t> result;
  if (rows <= 64) {
    for (size_t r = 0; r < rows; ++r) result.push_back(r);
  } else {
    result = {0, 1, rows / 2, rows - 1};
    for (int i = 0; i < 20; ++i) result.push_back(random() % rows);
  }
  return result;
}

void expect_evaluated(const TileMatrix& coefficients, const TileMatrix& values, Fp shift,
                      std::mt19937_64& random) {
  const Fp root = Fp::root_of_unity(values.log_rows());
  for (int column : {0, 7, 15, values.columns() - 1}) {
    const std::vector<Fp> polynomial = coefficients_of(coefficients, column);
    for (size_t r : rows_to_check(values.rows(), random)) {
      ASSERT_EQ(values.at(r, column), horner(polynomial, shift * pow(root, r)))
          << "log " << values.log_rows() << " row " << r << " column " << column;
    }
  }
}

TEST_P(NttTest, EvaluatesTheDefinitionAndBack) {
  std::mt19937_64 random(3);
  for (int log_rows = 1; log_rows <= 16; ++log_rows) {
    for (Fp shift : {Fp::one(), Fp::from(3), Fp::from_wire(Fp::kModulus - 1)}) {
      const TileMatrix coefficients = random_matrix(log_rows, 17, random);
      TileMatrix matrix = copy(coefficients);
      evaluate(matrix, shift);
      expect_evaluated(coefficients, matrix, shift, random);
      interpolate(matrix, shift);
      ASSERT_TRUE(equal(matrix, coefficients)) << "log " << log_rows;
    }
  }
}

TEST_P(NttTest, ExtremeWords) {
  std::mt19937_64 random(4);
  for (int log_rows : {4, 10, 13}) {
    TileMatrix coefficients(log_rows, 16);
    for (size_t r = 0; r < coefficients.rows(); ++r) {
      for (int c = 0; c < 16; ++c) {
        coefficients.set(r, c, Fp::from_wire(c % 3 == 0 || (random() & 1) ? Fp::kModulus - 1 : 0));
      }
    }
    TileMatrix values = copy(coefficients);
    evaluate(values, Fp::from(3));
    expect_evaluated(coefficients, values, Fp::from(3), random);
  }
}

TEST(Ntt, LargestSizesRoundTripAndMatch) {
  if (available_simd_targets().size() == 3 &&
      available_simd_targets().back() == SimdTarget::kAvx512) {
    GTEST_SKIP() << "too long for emulation; the widest real target does it";
  }
  std::mt19937_64 random(5);
  for (int log_rows : {20, 21}) {
    TileMatrix coefficients(log_rows, 1), values(log_rows, 1);
    for (size_t r = 0; r < values.rows(); ++r) {
      for (int c = 0; c < 16; ++c)
        coefficients.row(0, r)[c] = values.row(0, r)[c] = draw(random).wire;
    }
    evaluate(values, Fp::from(3));
    const std::vector<Fp> polynomial = coefficients_of(coefficients, 0);
    for (size_t r : {size_t{0}, size_t{1}, values.rows() / 3, values.rows() - 1}) {
      ASSERT_EQ(values.at(r, 0),
                horner(polynomial, Fp::from(3) * pow(Fp::root_of_unity(log_rows), r)));
    }
    interpolate(values, Fp::from(3));
    ASSERT_TRUE(equal(values, coefficients));
  }
}

}  // namespace
}  // namespace zkvm::stark
