// Out-of-domain evaluation against Horner's rule on the masked polynomials.
#include "stark/pcs/open/ood.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "stark/poly/ntt.h"
#include "tests/stark/support/random_matrix.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

class OodTest : public SimdTargetTest {
 protected:
  Fp5 draw5() {
    return {{draw(random_), draw(random_), draw(random_), draw(random_), draw(random_)}};
  }
  std::mt19937_64 random_{21};
};
INSTANTIATE_SIMD_TARGET_TESTS(OodTest);

TEST_P(OodTest, IsTheMaskedPolynomialAtThePoint) {
  for (int log_rows : {1, 2, 3, 4, 5, 9, 10, 11, 13}) {
    const size_t rows = size_t{1} << log_rows, count = std::min<size_t>(rows, 300);
    const int columns = 20;
    const TileMatrix trace = random_matrix(log_rows, columns, random_);
    std::vector<Fp> rho(count * columns);
    for (Fp& r : rho) r = draw(random_);
    std::vector<TileMatrix> cosets;
    for (int c = 0; c < 2; ++c) cosets.emplace_back(log_rows, columns);
    TileMatrix coefficients = copy(trace);
    interpolate(coefficients);
    for (size_t masks : {size_t{0}, count}) {
      const ColumnMasks column_masks{masks == 0 ? std::span<const Fp>() : rho, masks};
      low_degree_extend(trace, column_masks, cosets);
      const Fp5 zeta = draw5();
      for (const Fp5& point : {zeta, zeta * Fp::root_of_unity(log_rows)}) {
        const OutOfDomainPoint ood(log_rows, point);
        const std::vector<Fp5> values = ood.evaluate(cosets[0], column_masks);
        ASSERT_EQ(values.size(), static_cast<size_t>(columns));
        for (int c = 0; c < columns; ++c) {
          std::vector<Fp> polynomial(rows);
          for (size_t r = 0; r < rows; ++r) {
            polynomial[bit_reverse(r, log_rows)] = coefficients.at(r, c);
          }
          const std::span<const Fp> mask(rho.data() + static_cast<size_t>(c) * count, masks);
          const Fp5 expected =
              horner(polynomial, point) + (pow(point, rows) - Fp::one()) * horner(mask, point);
          ASSERT_EQ(values[static_cast<size_t>(c)], expected)
              << "log " << log_rows << " column " << c;
        }
        const int chosen[] = {17, 3, 17};
        const std::vector<Fp5> some = ood.evaluate(cosets[0], column_masks, chosen);
        ASSERT_EQ(some, (std::vector<Fp5>{values[17], values[3], values[17]}));
      }
    }
  }
}

TEST_P(OodTest, ConstantColumnsOfExtremeWords) {
  std::vector<TileMatrix> cosets;
  for (int c = 0; c < 2; ++c) cosets.emplace_back(12, 3);
  TileMatrix trace(12, 3);
  const uint32_t words[] = {0, Fp::kModulus - 1, (Fp::kModulus + 1) / 2};
  for (size_t r = 0; r < trace.rows(); ++r) {
    for (int c = 0; c < 3; ++c) trace.set(r, c, Fp::from_wire(words[c]));
  }
  trace.zero_spare_columns();
  low_degree_extend(trace, {}, cosets);
  const std::vector<Fp5> values = OutOfDomainPoint(12, draw5()).evaluate(cosets[0], {});
  for (size_t c = 0; c < 3; ++c) EXPECT_EQ(values[c], Fp5::from(Fp::from_wire(words[c])));
}

}  // namespace
}  // namespace zkvm::stark
