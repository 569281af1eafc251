#include "stark/chips/rv32im/mul.h"

#include "tests/stark/chips/rows.h"
#include "tests/stark/chips/solve.h"

namespace zkvm::stark::chips::test {
namespace {

constexpr Operation kHighOperations[] = {Operation::kMulh, Operation::kMulhsu, Operation::kMulhu};

/// f on rows of all of a chip's instructions: on edges, and on `count` random operands.
template <class Chip, class F>
void for_rows(RowMaker& make, int count, const F& f) {
  const auto all = [&](uint32_t a, uint32_t b) {
    if constexpr (!std::is_same_v<Chip, MulHigh>)
      f(make.with_registers<Chip>(Operation::kMul, a, b));
    else
      for (const Operation operation : kHighOperations)
        f(make.with_registers<MulHigh>(operation, a, b));
  };
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges) all(a, b);
  for (int n = 0; n < count; ++n) all(make.any(), make.any());
}

template <class Chip>
class MulChips : public testing::Test {};
using Chips = testing::Types<Mul, MulInPlace, MulHigh>;
TYPED_TEST_SUITE(MulChips, Chips);

TYPED_TEST(MulChips, IsRecorded) {
  expect_recordable<TypeParam>(std::is_same_v<TypeParam, MulHigh> ? 24
                               : kIsInPlace<TypeParam>            ? 17
                                                                  : 20);
}

TYPED_TEST(MulChips, HonestRowsAreCorrect) {
  RowMaker make(1);
  for_rows<TypeParam>(make, 2000, [](const auto& row) { expect_correct<TypeParam>(row); });
}

TYPED_TEST(MulChips, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for_rows<TypeParam>(make, 20, [&](const auto& row) {
    if (make.any() % 8 == 0) attack<TypeParam>(row, make.random, 100);
  });
}

TYPED_TEST(MulChips, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<TypeParam>(random);
}

// The same word by other bytes: products and carries follow, the look-ups do not.
TYPED_TEST(MulChips, BytesAreBytes) {
  RowMaker make(4);
  for_rows<TypeParam>(make, 10, [](const auto& honest) {
    for (const int i : {0, 2})
      for (const bool in_a : {false, true}) {
        auto row = honest;
        Bytes<Fp>& x = in_a ? row.a : row.b;
        x.byte[i] += fp(256);
        x.byte[i + 1] -= fp(1);
        expect_rejected<TypeParam>(row);
      }
  });
}

/// The chip's sums, each with what it has on the right: a limb, and a carry times 2^16.
template <class Row>
std::vector<std::array<Fp*, 2>> sums_of(Row& row) {
  return {{&row.c.lo, &row.carry[0]}, {&row.c.hi, &row.carry[1]}};
}
std::vector<std::array<Fp*, 2>> sums_of(MulHigh::Cols<Fp>& row) {
  return {{&row.low.lo, &row.carry[0]},
          {&row.low.hi, &row.carry[1]},
          {&row.c.lo, &row.carry[2]},
          {&row.c.hi, &row.top}};
}

// Wrong limbs with the carries that fit, wrong carries with the limbs that fit.
TYPED_TEST(MulChips, SumsHaveOneSplit) {
  RowMaker make(5);
  for_rows<TypeParam>(make, 500, [&](const auto& honest) {
    for (int n = 0; n < 16; ++n) {
      auto row = honest;
      std::vector<Fp*> solved;
      for (const auto& sum : sums_of(row)) {
        const size_t which = make.any() % 2;
        if (make.any() % 2 == 0) *sum[which] = wrong_cell(*sum[which], make.random);
        solved.push_back(sum[1 - which]);
      }
      solve<TypeParam>(row, solved);
      expect_not_wrong<TypeParam>(row);
    }
  });
}

// 2^16 * 32512 = p - 1: a limb more by 1 would pass if the carry could be larger by 32512.
TEST(Mul, CarriesAreSmall) {
  RowMaker make(6);
  auto row = make.with_registers<Mul>(Operation::kMul, 3, 5);
  row.c.lo += fp(1);
  row.carry[0] += fp(32512);
  ASSERT_TRUE(solve<Mul>(row, {&row.carry[1]}));
  expect_rejected<Mul>(row);
}

// A wrong carry out of the low half moves the high one, if the low half's other limb takes it up.
TEST(MulHigh, LowHalfIsExact) {
  RowMaker make(7);
  for_rows<MulHigh>(make, 200, [&](const MulHigh::Cols<Fp>& honest) {
    for (const int step : {-1, 1})
      for (const bool by_limb : {false, true}) {
        auto row = honest;
        const Fp one = step < 0 ? -fp(1) : fp(1);
        row.carry[1] += one;
        if (by_limb)
          row.low.hi -= one * fp(kLimb);
        else
          row.carry[0] += one * fp(kLimb);
        EXPECT_TRUE(solve<MulHigh>(row, {&row.low.lo, &row.c.lo}));
        expect_not_wrong<MulHigh>(row);
        // In two halves, of which each limb can bear one.
        row = honest;
        row.carry[0] += one * fp(32512);
        row.low.lo += one;
        row.carry[1] += one;
        EXPECT_TRUE(solve<MulHigh>(row, {&row.low.hi, &row.c.lo}));
        expect_not_wrong<MulHigh>(row);
      }
  });
}

// Other signs and other operations, with the result that follows from them.
TEST(MulHigh, SignsAndFlagsAreBound) {
  RowMaker make(8);
  for_rows<MulHigh>(make, 200, [&](const MulHigh::Cols<Fp>& honest) {
    const auto any_sign = [&](Fp byte) {
      const Fp sign = fp(make.any() % 2);
      return make.any() % 4 != 0 ? sign : (byte * fp(2) - fp(make.any() % 256)) * inverse(fp(256));
    };
    for (int n = 0; n < 16; ++n) {
      auto row = honest;
      row.sign_a = any_sign(row.a.byte[3]);
      row.sign_b = any_sign(row.b.byte[3]);
      if (make.any() % 2 == 0)
        for (Fp* const flag : {&row.mulh, &row.mulhsu, &row.mulhu})
          *flag = fp(make.any() % 3) - fp(1);
      row.carry[2] = fp(make.any() % 6) - fp(3);
      row.top = fp(make.any() % 4) - fp(3);
      solve<MulHigh>(row, {&row.c.lo, &row.c.hi});
      expect_not_wrong<MulHigh>(row);
      row.carry[2] = honest.carry[2];
      solve<MulHigh>(row, {&row.c.lo, &row.c.hi});
      expect_not_wrong<MulHigh>(row);
    }
  });
}

}  // namespace
}  // namespace zkvm::stark::chips::test
