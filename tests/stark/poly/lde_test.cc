// The LDE against its definition: interpolate by the naive inverse DFT, add (X^N - 1) rho, evaluate
// by Horner.
#include "stark/poly/lde.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <random>
#include <vector>

#include "stark/poly/ntt.h"
#include "tests/stark/support/random_matrix.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

class LdeTest : public SimdTargetTest {
 protected:
  std::mt19937_64 random_{11};
};
INSTANTIATE_SIMD_TARGET_TESTS(LdeTest);

std::vector<Fp> random_masks(size_t count, int columns, std::mt19937_64& random) {
  std::vector<Fp> masks(count * static_cast<size_t>(columns));
  for (Fp& m : masks) m = draw(random);
  return masks;
}

// The coefficients of each column f + (X^N - 1) rho; f by interpolate(), which ntt_test checks.
std::vector<std::vector<Fp>> masked_polynomials(const TileMatrix& trace, const ColumnMasks& masks) {
  TileMatrix coefficients = copy(trace);
  interpolate(coefficients);
  std::vector<std::vector<Fp>> result;
  for (int c = 0; c < trace.columns(); ++c) {
    std::vector<Fp> polynomial(trace.rows() + masks.count);
    for (size_t r = 0; r < trace.rows(); ++r) {
      polynomial[bit_reverse(r, trace.log_rows())] = coefficients.at(r, c);
    }
    for (size_t i = 0; i < masks.count; ++i) {
      const Fp rho = masks.coefficients[static_cast<size_t>(c) * masks.count + i];
      polynomial[i] -= rho;
      polynomial[trace.rows() + i] += rho;
    }
    result.push_back(polynomial);
  }
  return result;
}

void expect_values(const std::vector<std::vector<Fp>>& polynomials, const TileMatrix& values,
                   Fp shift, std::mt19937_64& random) {
  const Fp root = Fp::root_of_unity(values.log_rows());
  const size_t checks = values.rows() <= 16 ? values.rows() : 12;
  for (size_t c = 0; c < polynomials.size(); ++c) {
    for (size_t i = 0; i < checks; ++i) {
      const size_t r = values.rows() <= 16 ? i : random() % values.rows();
      ASSERT_EQ(values.at(r, static_cast<int>(c)), horner(polynomials[c], shift * pow(root, r)))
          << "column " << c << " row " << r;
    }
  }
}

std::vector<TileMatrix> make_cosets(int log_blowup, int log_rows, int columns) {
  std::vector<TileMatrix> cosets;
  for (int c = 0; c < 1 << log_blowup; ++c) cosets.emplace_back(log_rows, columns);
  return cosets;
}

TEST_P(LdeTest, EveryCosetHoldsTheMaskedPolynomial) {
  for (int log_rows : {1, 2, 3, 5, 9, 10, 11, 12, 14}) {
    const size_t rows = size_t{1} << log_rows;
    for (size_t count :
         {size_t{0}, size_t{1}, std::min<size_t>(rows, 5), std::min<size_t>(rows, 700), rows}) {
      if (count > 2048) continue;
      const int columns = log_rows > 9 ? 3 : 18;
      const TileMatrix trace = random_matrix(log_rows, columns, random_);
      const TileMatrix before = copy(trace);
      const std::vector<Fp> rho = random_masks(count, columns, random_);
      const ColumnMasks masks{rho, count};
      std::vector<TileMatrix> cosets = make_cosets(1, log_rows, columns);
      low_degree_extend(trace, masks, cosets);
      ASSERT_TRUE(equal(trace, before)) << "the trace is only read";
      const auto polynomials = masked_polynomials(trace, masks);
      for (size_t c = 0; c < 2; ++c) {
        expect_values(polynomials, cosets[c], coset_shift(log_rows, 1, c), random_);
      }
      std::vector<TileMatrix> in_place = make_cosets(1, log_rows, columns);
      in_place[0] = copy(trace);
      low_degree_extend(in_place[0], masks, in_place);
      for (size_t c = 0; c < 2; ++c) ASSERT_TRUE(equal(in_place[c], cosets[c])) << "in place";
    }
  }
}

TEST_P(LdeTest, OtherBlowups) {
  for (int log_blowup : {0, 2, 3, 4}) {
    const TileMatrix trace = random_matrix(11, 2, random_);
    const std::vector<Fp> rho = random_masks(300, 2, random_);
    const ColumnMasks masks{rho, 300};
    std::vector<TileMatrix> cosets = make_cosets(log_blowup, 11, 2);
    low_degree_extend(trace, masks, cosets);
    const auto polynomials = masked_polynomials(trace, masks);
    for (size_t c = 0; c < cosets.size(); ++c) {
      expect_values(polynomials, cosets[c], coset_shift(11, log_blowup, c), random_);
    }
  }
}

// Point e = 2^b r + c of height h is lde_shift(h) root(h + b)^e, and its square the point of that
// index of height h - 1.
TEST_P(LdeTest, CosetsAreOneDomain) {
  for (int log_blowup : {1, 2, 3})
    for (int log_rows : {1, 3, 5, 9}) {
      const TileMatrix trace = random_matrix(log_rows, 3, random_);
      const std::vector<Fp> rho = random_masks(2, 3, random_);
      std::vector<TileMatrix> cosets = make_cosets(log_blowup, log_rows, 3);
      low_degree_extend(trace, {rho, 2}, cosets);
      const auto polynomials = masked_polynomials(trace, {rho, 2});
      const size_t size = trace.rows() << log_blowup;
      const auto point = [&](int h, size_t e) {
        return pow(Fp::from(3), uint64_t{1} << (24 - h)) *
               pow(Fp::root_of_unity(h + log_blowup), e);
      };
      for (size_t e = 0; e < size; e += size > 64 ? 37 : 1) {
        const Fp x = point(log_rows, e);
        ASSERT_EQ(x * x, point(log_rows - 1, e % (size / 2)));
        ASSERT_NE(pow(x, trace.rows()), Fp::one()) << "off the trace domain";
        for (int c = 0; c < 3; ++c)
          ASSERT_EQ(cosets[e % cosets.size()].at(e / cosets.size(), c),
                    horner(polynomials[static_cast<size_t>(c)], x))
              << "2^" << log_rows << " rows, index " << e;
      }
    }
}

TEST_P(LdeTest, SmallCosets) {
  const Fp shift = Fp::from(5);
  for (auto [log_rows, log_m, count] : {std::array{1, 1, 2},
                                        {4, 4, 3},
                                        {4, 2, 4},
                                        {10, 6, 20},
                                        {10, 10, 341},
                                        {11, 1, 1},
                                        {12, 10, 300},
                                        {12, 12, 500},
                                        {12, 1, 2},
                                        {13, 5, 9},
                                        {14, 11, 600},
                                        {15, 3, 0}}) {
    const TileMatrix trace = random_matrix(log_rows, 18, random_);
    const std::vector<Fp> rho = random_masks(static_cast<size_t>(count), 18, random_);
    const ColumnMasks masks{rho, static_cast<size_t>(count)};
    std::vector<TileMatrix> cosets = make_cosets(1, log_rows, 18);
    TileMatrix first(log_m, 18), second(log_m, 18);
    const Fp second_shift = shift * Fp::root_of_unity(log_rows);
    const ExtraCoset extra[] = {{shift, &first}, {second_shift, &second}};
    low_degree_extend(trace, masks, cosets, extra);
    const auto polynomials = masked_polynomials(trace, masks);
    expect_values(polynomials, first, shift, random_);
    expect_values(polynomials, second, second_shift, random_);
    expect_values(polynomials, cosets[1], coset_shift(log_rows, 1, 1), random_);
  }
}

TEST_P(LdeTest, FromCoefficients) {
  for (auto [log_rows, log_blowup, log_m, count] : {std::array{1, 1, 1, 2},
                                                    {4, 2, 2, 3},
                                                    {10, 1, 6, 20},
                                                    {11, 2, 11, 1},
                                                    {12, 1, 10, 300},
                                                    {14, 1, 1, 0}}) {
    const TileMatrix trace = random_matrix(log_rows, 18, random_);
    TileMatrix coefficients = copy(trace);
    interpolate(trace, coefficients, Fp::one());
    auto polynomials = masked_polynomials(trace, {});
    TileMatrix values(log_m, 18);
    evaluate_on_extra_coset(coefficients, {Fp::from(5), &values});
    expect_values(polynomials, values, Fp::from(5), random_);

    const auto tail_count = static_cast<size_t>(count);
    const std::vector<Fp> tails = random_masks(tail_count, 18, random_);
    for (size_t c = 0; c < 18; ++c)
      polynomials[c].insert(polynomials[c].end(), tails.data() + c * tail_count,
                            tails.data() + (c + 1) * tail_count);
    std::vector<TileMatrix> cosets = make_cosets(log_blowup, log_rows, 18);
    cosets[0] = std::move(coefficients);
    evaluate_on_cosets({tails, tail_count}, cosets);
    for (size_t c = 0; c < cosets.size(); ++c)
      expect_values(polynomials, cosets[c], coset_shift(log_rows, log_blowup, c), random_);
  }
}

bool spare_columns_are_zero(const TileMatrix& matrix) {
  const int last = matrix.tiles() - 1;
  for (size_t r = 0; r < matrix.rows(); ++r) {
    for (size_t c = matrix.used_words(last); c < size_t{kTileWidth}; ++c) {
      if (matrix.row(last, r)[c] != 0) return false;
    }
  }
  return true;
}

TEST_P(LdeTest, ReadsNothingItDidNotWrite) {
  for (const auto& [log_rows, columns] :
       std::vector<std::tuple<int, int>>{{12, 5}, {12, 8}, {11, 9}, {10, 20}, {5, 24}, {3, 1}}) {
    AlignedWords::set_poison(true);
    const TileMatrix trace = random_matrix(log_rows, columns, random_);
    std::vector<TileMatrix> cosets = make_cosets(1, log_rows, columns);
    TileMatrix values(std::min(log_rows, 7), columns);
    const ExtraCoset extra[] = {{Fp::from(7), &values}};
    const std::vector<Fp> rho = random_masks(4, columns, random_);
    low_degree_extend(trace, {rho, 4}, cosets, extra);
    AlignedWords::set_poison(false);
    const auto polynomials = masked_polynomials(trace, {rho, 4});
    expect_values(polynomials, cosets[0], coset_shift(log_rows, 1, 0), random_);
    expect_values(polynomials, cosets[1], coset_shift(log_rows, 1, 1), random_);
    expect_values(polynomials, values, Fp::from(7), random_);
    EXPECT_TRUE(spare_columns_are_zero(cosets[0]) && spare_columns_are_zero(cosets[1]) &&
                spare_columns_are_zero(values))
        << log_rows << " " << columns;
  }
}

TEST_P(LdeTest, MasksVanishOnTheTraceDomain) {
  const TileMatrix trace = random_matrix(8, 3, random_);
  const std::vector<Fp> rho = random_masks(50, 3, random_);
  const auto polynomials = masked_polynomials(trace, {rho, 50});
  for (size_t r = 0; r < 256; ++r) {
    EXPECT_EQ(horner(polynomials[2], pow(Fp::root_of_unity(8), r)), trace.at(r, 2));
  }
}

}  // namespace
}  // namespace zkvm::stark
