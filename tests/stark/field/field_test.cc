// The field laws against plain integer arithmetic: everything here works on integers modulo p,
// schoolbook polynomials and the definition X^5 = 1 - X^2, and shares nothing with the code under
// test but kModulus.
#include "stark/field/field.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

namespace zkvm::stark {
namespace {

constexpr uint64_t kP = (1ull << 31) - (1ull << 24) + 1;
using Poly = std::array<uint64_t, 5>;

uint64_t integer_pow(uint64_t base, uint64_t exponent) {
  unsigned __int128 result = 1;
  for (int bit = 63; bit >= 0; --bit) {
    result = result * result % kP;
    if (exponent >> bit & 1) result = result * base % kP;
  }
  return static_cast<uint64_t>(result);
}

Poly poly_mul(const Poly& a, const Poly& b) {
  std::array<uint64_t, 9> wide{};
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 5; ++j) wide[i + j] = (wide[i + j] + a[i] * b[j]) % kP;
  for (int k = 8; k >= 5; --k) {  // X^k = X^(k-5) - X^(k-3)
    wide[k - 5] = (wide[k - 5] + wide[k]) % kP;
    wide[k - 3] = (wide[k - 3] + kP - wide[k]) % kP;
  }
  return {wide[0], wide[1], wide[2], wide[3], wide[4]};
}

Poly to_poly(const Fp5& a) {
  Poly result;
  for (int i = 0; i < 5; ++i) result[i] = a.c[i].value();
  return result;
}

class FieldTest : public testing::Test {
 protected:
  uint64_t draw_integer() {
    static constexpr uint64_t kEdges[] = {0,      1, 2, kP - 1, kP - 2, (kP - 1) / 2, (kP + 1) / 2,
                                          1 << 24};
    uint64_t r = random_();
    return r % 4 == 0 ? kEdges[r / 4 % std::size(kEdges)] : (r >> 8) % kP;
  }
  Fp5 draw5() {
    Fp5 a;
    for (Fp& c : a.c) c = Fp::from(draw_integer());
    return a;
  }
  std::mt19937_64 random_{1};
};

TEST_F(FieldTest, ConstantsAreWhatTheirNamesSay) {
  EXPECT_EQ(Fp::kModulus, kP);
  EXPECT_EQ(static_cast<uint32_t>(Fp::kModulus * Fp::kModulusInverse), 1u);
  EXPECT_EQ(Fp::one().wire, (1ull << 32) % kP);
  EXPECT_EQ((kP - 1) % (1ull << Fp::kTwoAdicity), 0u);
  // 3 generates F*: its order is not a proper divisor of p - 1 = 2^24 * 127.
  EXPECT_NE(integer_pow(Fp::kGenerator, (kP - 1) / 2), 1u);
  EXPECT_NE(integer_pow(Fp::kGenerator, (kP - 1) / 127), 1u);
}

TEST_F(FieldTest, WireFormIsTheMontgomeryWord) {
  for (uint64_t a : {uint64_t{0}, uint64_t{1}, uint64_t{2}, kP - 1, uint64_t{123456789}}) {
    EXPECT_EQ(Fp::from(a).wire,
              static_cast<uint64_t>((static_cast<unsigned __int128>(a) << 32) % kP));
    EXPECT_EQ(Fp::from(a).value(), a);
  }
  EXPECT_EQ(Fp::from(kP).value(), 0u);
  EXPECT_EQ(Fp::from(~0ull).value(), ~0ull % kP);
  EXPECT_TRUE(Fp::is_canonical(Fp::kModulus - 1));
  EXPECT_FALSE(Fp::is_canonical(Fp::kModulus));
  EXPECT_FALSE(Fp::is_canonical(0xffffffff));
}

TEST_F(FieldTest, BaseArithmeticMatchesIntegers) {
  for (int i = 0; i < 100000; ++i) {
    const uint64_t a = draw_integer(), b = draw_integer();
    const Fp x = Fp::from(a), y = Fp::from(b);
    ASSERT_EQ((x + y).value(), (a + b) % kP);
    ASSERT_EQ((x - y).value(), (a + kP - b) % kP);
    ASSERT_EQ((x * y).value(), a * b % kP);
    ASSERT_EQ((-x).value(), (kP - a) % kP);
    ASSERT_TRUE(Fp::is_canonical((x + y).wire) && Fp::is_canonical((x - y).wire) &&
                Fp::is_canonical((x * y).wire) && Fp::is_canonical((-x).wire));
  }
}

TEST_F(FieldTest, ReduceHoldsOverItsWholeRange) {
  for (uint64_t t : {uint64_t{0}, uint64_t{1}, (kP << 32) - 1, (kP - 1) * (kP - 1), kP, kP << 31}) {
    const uint64_t reduced = Fp::reduce(t);
    ASSERT_LT(reduced, kP);
    ASSERT_EQ(static_cast<uint64_t>((static_cast<unsigned __int128>(reduced) << 32) % kP), t % kP);
  }
}

TEST_F(FieldTest, PowAndInverse) {
  for (int i = 0; i < 300; ++i) {
    const uint64_t a = draw_integer(), e = random_();
    ASSERT_EQ(pow(Fp::from(a), e).value(), integer_pow(a, e));
    ASSERT_EQ(inverse(Fp::from(a)).value() * a % kP, a == 0 ? 0u : 1u);
  }
  EXPECT_EQ(pow(Fp::zero(), 0), Fp::one());
  EXPECT_EQ(inverse(Fp::zero()), Fp::zero());
}

TEST_F(FieldTest, RootsOfUnityHaveTheirOrder) {
  for (int log = 0; log <= 24; ++log) {
    EXPECT_EQ(Fp::root_of_unity(log).value(), integer_pow(integer_pow(3, 127), 1ull << (24 - log)));
    EXPECT_EQ(integer_pow(Fp::root_of_unity(log).value(), 1ull << log), 1u);
    if (log > 0) {
      EXPECT_EQ(integer_pow(Fp::root_of_unity(log).value(), 1ull << (log - 1)), kP - 1);
    }
  }
}

TEST_F(FieldTest, ExtensionIsAField) {
  // X^5 + X^2 - 1 is irreducible: of prime degree, X^(p^5) = X, and X^p != X.
  const Fp5 x{{{}, Fp::one(), {}, {}, {}}};
  Fp5 conjugate = x;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(conjugate == x, i == 0);
    Fp5 power = Fp5::one();
    for (int bit = 30; bit >= 0; --bit) {
      power = power * power;
      if (kP >> bit & 1) power = power * conjugate;
    }
    conjugate = power;
  }
  EXPECT_EQ(conjugate, x);
}

TEST_F(FieldTest, ExtensionArithmeticMatchesPolynomials) {
  for (int i = 0; i < 20000; ++i) {
    const Fp5 a = draw5(), b = draw5();
    const Fp s = Fp::from(draw_integer());
    const Poly pa = to_poly(a), pb = to_poly(b);
    const Poly product = poly_mul(pa, pb);
    ASSERT_EQ(to_poly(a * b), product);
    for (int k = 0; k < 5; ++k) {
      ASSERT_EQ((a + b).c[k].value(), (pa[k] + pb[k]) % kP);
      ASSERT_EQ((a - b).c[k].value(), (pa[k] + kP - pb[k]) % kP);
      ASSERT_EQ((-a).c[k].value(), (kP - pa[k]) % kP);
      ASSERT_EQ((a * s).c[k].value(), pa[k] * s.value() % kP);
      ASSERT_TRUE(Fp::is_canonical((a * b).c[k].wire));
    }
    ASSERT_EQ(a * s, a * Fp5::from(s));
    ASSERT_EQ(s * a, a * s);
    ASSERT_EQ(a + s, a + Fp5::from(s));
    ASSERT_EQ(a - s, a - Fp5::from(s));
    ASSERT_EQ(s - a, Fp5::from(s) - a);
  }
}

TEST_F(FieldTest, ExtensionProductOfLargestWords) {
  Fp5 a;
  for (Fp& c : a.c) c = Fp::from_wire(Fp::kModulus - 1);
  EXPECT_EQ(to_poly(a * a), poly_mul(to_poly(a), to_poly(a)));
}

TEST_F(FieldTest, FrobeniusIsPowP) {
  for (int i = 0; i < 20; ++i) {
    const Fp5 a = draw5();
    ASSERT_EQ(kFrobenius(a), pow(a, kP));
    ASSERT_EQ(kFrobeniusSquared(a), pow(pow(a, kP), kP));
  }
}

TEST_F(FieldTest, ExtensionInverse) {
  for (int i = 0; i < 2000; ++i) {
    const Fp5 a = draw5();
    ASSERT_EQ(a * inverse(a), a == Fp5::zero() ? Fp5::zero() : Fp5::one());
  }
  EXPECT_EQ(inverse(Fp5::zero()), Fp5::zero());
}

TEST_F(FieldTest, BatchInverseIsInverseOfEach) {
  for (size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{100}}) {
    std::vector<Fp> in(count), out(count);
    std::vector<Fp5> in5(count), out5(count);
    for (Fp& a : in) a = Fp::from(draw_integer());
    for (Fp5& a : in5) a = draw5();
    if (count > 1) in5[1] = Fp5::zero();
    batch_inverse(in.data(), out.data(), count);
    batch_inverse(in5.data(), out5.data(), count);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(out[i], inverse(in[i]));
      ASSERT_EQ(out5[i], inverse(in5[i]));
    }
  }
}

static_assert(inverse(Fp::from(2)) * Fp::from(2) == Fp::one(), "usable in constant expressions");

}  // namespace
}  // namespace zkvm::stark
