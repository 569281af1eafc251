// Each packed operation, on every target that can run, against the scalar field of stark/field/field.h.
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <vector>

#include "tests/stark/simd/simd_test_kernels.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

constexpr size_t kCount = 1024;
constexpr uint32_t kP = Fp::kModulus;

using Words = AlignedVector;

class SimdTest : public SimdTargetTest {
 protected:
  // Random words, one in three a boundary: of canonical elements, or of all words.
  Words draw(size_t count, bool canonical = true) {
    const uint32_t edges[] = {0,      1,         2,  kP - 1,     kP - 2,      (kP - 1) / 2,
                              kP / 2, 0x7eff,    kP, 2 * kP - 1, 0xffffffffu, 0x80000000u,
                              kP + 1, kP / 2 + 2};
    Words words(count);
    for (uint32_t& word : words) {
      const uint64_t r = random_();
      word = r % 3 == 0 ? edges[(r >> 8) % (canonical ? 8 : std::size(edges))]
                        : static_cast<uint32_t>(r >> 20);
      if (canonical) word %= kP;
    }
    return words;
  }
  const SimdTestKernels& kernels_ = simd_test_kernels();
  std::mt19937_64 random_{7};
};
INSTANTIATE_SIMD_TARGET_TESTS(SimdTest);

Fp fp(uint32_t word) { return Fp::from_wire(word); }
Fp5 gather(const Words& words, size_t i) {
  Fp5 a;
  for (int k = 0; k < 5; ++k) a.c[k] = fp(words[k * kCount + i]);
  return a;
}

TEST_P(SimdTest, LanesFitTheTarget) {
  const int expected[] = {1, 8, 16};
  EXPECT_EQ(kernels_.lanes, expected[static_cast<int>(GetParam())]);
}

TEST_P(SimdTest, WordOperations) {
  const Words a = draw(kCount, false), b = draw(kCount, false);
  std::vector<Words> out(10, Words(kCount));
  uint32_t* out_pointers[10];
  for (size_t i = 0; i < 10; ++i) out_pointers[i] = out[i].data();
  kernels_.u32_ops(a.data(), b.data(), kCount, out_pointers);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(out[0][i], a[i] + b[i]);
    ASSERT_EQ(out[1][i], a[i] - b[i]);
    ASSERT_EQ(out[2][i], a[i] & b[i]);
    ASSERT_EQ(out[3][i], a[i] | b[i]);
    ASSERT_EQ(out[4][i], a[i] ^ b[i]);
    ASSERT_EQ(out[5][i], std::min(a[i], b[i]));
    ASSERT_EQ(out[6][i], a[i] * b[i]);
    ASSERT_EQ(out[7][i], std::rotr(a[i], 16) ^ std::rotr(b[i], 8));
    ASSERT_EQ(out[8][i], std::rotr(a[i], 12));
    ASSERT_EQ(out[9][i], std::rotr(a[i], 7));
  }
}

TEST_P(SimdTest, BaseField) {
  const Words a = draw(kCount), b = draw(kCount);
  std::vector<Words> out(7, Words(kCount));
  uint32_t* out_pointers[7];
  for (size_t i = 0; i < 7; ++i) out_pointers[i] = out[i].data();
  kernels_.fp_ops(a.data(), b.data(), kCount, out_pointers);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(out[0][i], (fp(a[i]) + fp(b[i])).wire);
    ASSERT_EQ(out[1][i], (fp(a[i]) - fp(b[i])).wire);
    ASSERT_EQ(out[2][i], (fp(a[i]) * fp(b[i])).wire);
    ASSERT_EQ(out[3][i], (-fp(a[i])).wire);
    ASSERT_EQ(out[4][i], (fp(a[i]) + fp(a[i])).wire);
    ASSERT_EQ(out[5][i], inverse(fp(a[i])).wire);
    const int64_t centred = static_cast<int32_t>(out[6][i]);
    ASSERT_LE(std::abs(centred), (kP - 1) / 2);
    ASSERT_EQ((centred + kP) % kP, a[i]);
  }
}

TEST_P(SimdTest, TwiddleProductTakesAnyWord) {
  const Words a = draw(kCount, false);
  Words out(kCount);
  for (uint32_t w : {0u, 1u, kP - 1, Fp::one().wire, 0x12345678u}) {
    kernels_.times(a.data(), kCount, ShoupFactor::from(fp(w)), out.data());
    for (size_t i = 0; i < kCount; ++i) ASSERT_EQ(out[i], (fp(a[i] % kP) * fp(w)).wire) << a[i];
  }
}

TEST_P(SimdTest, SumsOfProducts) {
  const Words ones(16 * kCount, kP - 1), halves(16 * kCount, (kP - 1) / 2),
      minus_halves(16 * kCount, (kP + 1) / 2), zeros(16 * kCount, 0);
  const Words random_a = draw(16 * kCount), random_b = draw(16 * kCount);
  const Words* pairs[][2] = {{&random_a, &random_b}, {&ones, &ones},
                             {&halves, &halves},     {&halves, &minus_halves},
                             {&zeros, &ones},        {&minus_halves, &minus_halves}};
  for (const auto& [a, b] : pairs) {
    for (int terms : {1, 2, 4, 6, 7, 8, 12, 16}) {
      Words plain(kCount), centred(kCount), shifted(kCount);
      std::vector<Fp> weights(16);
      for (int j = 0; j < terms; ++j) weights[j] = fp((*b)[j]);
      const bool plain_allowed = terms == 1 || terms % 2 == 0;
      if (plain_allowed)
        kernels_.sum_of_products(a->data(), b->data(), kCount, terms, plain.data());
      kernels_.centred_sum(a->data(), b->data(), kCount, terms, centred.data());
      if (terms <= 8) {
        kernels_.shifted_sum(a->data(), weights.data(), kCount, terms, shifted.data());
      }
      for (size_t i = 0; i < kCount; ++i) {
        Fp expected, expected_weighted;
        for (int j = 0; j < terms; ++j) {
          expected += fp((*a)[j * kCount + i]) * fp((*b)[j * kCount + i]);
          expected_weighted += fp((*a)[j * kCount + i]) * weights[j];
        }
        if (plain_allowed) {
          ASSERT_EQ(plain[i], expected.wire) << terms;
        }
        ASSERT_EQ(centred[i], expected.wire) << terms;
        if (terms <= 8) {
          ASSERT_EQ(shifted[i], expected_weighted.wire) << terms;
        }
      }
    }
  }
}

TEST_P(SimdTest, Extension) {
  Words a = draw(5 * kCount), b = draw(5 * kCount);
  for (int k = 0; k < 5; ++k) {  // the largest sums, and zero
    a[k * kCount] = b[k * kCount] = kP - 1;
    a[k * kCount + 1] = 0;
  }
  std::vector<Words> out(8, Words(5 * kCount));
  uint32_t* out_pointers[8];
  for (size_t i = 0; i < 8; ++i) out_pointers[i] = out[i].data();
  kernels_.fp5_ops(a.data(), b.data(), kCount, out_pointers);
  for (size_t i = 0; i < kCount; ++i) {
    const Fp5 x = gather(a, i), y = gather(b, i);
    ASSERT_EQ(gather(out[0], i), x + y);
    ASSERT_EQ(gather(out[1], i), x - y);
    ASSERT_EQ(gather(out[2], i), x * y);
    ASSERT_EQ(gather(out[3], i), -x);
    ASSERT_EQ(gather(out[4], i), x * y.c[0]);
    ASSERT_EQ(gather(out[5], i), x + y.c[0]);
    ASSERT_EQ(gather(out[6], i), inverse(x));
    ASSERT_EQ(gather(out[7], i), x - y.c[0]);
  }
}

TEST_P(SimdTest, Transposes) {
  for (size_t row_stride : {16, 48}) {
    constexpr size_t kRows = 64;
    const Words tile = draw(kRows * row_stride, false);
    Words columns(16 * kRows), stored(tile.size(), 0), streamed(tile.size(), 0);
    kernels_.transposes(tile.data(), kRows, row_stride, columns.data(), stored.data(),
                        streamed.data());
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < 16; ++c) {
        ASSERT_EQ(columns[c * kRows + r], tile[r * row_stride + c]);
        ASSERT_EQ(stored[r * row_stride + c], tile[r * row_stride + c]);
        ASSERT_EQ(streamed[r * row_stride + c], tile[r * row_stride + c]);
      }
    }
  }
}

}  // namespace
}  // namespace zkvm::stark
