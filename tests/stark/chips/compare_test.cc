#include "stark/chips/rv32im/compare.h"

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {
namespace {

using Row = Compare::Cols<Fp>;

/// All four instructions on a and b.
std::vector<Row> rows_of(uint32_t a, uint32_t b, RowMaker& make) {
  std::vector<Row> rows;
  for (const Operation operation : {Operation::kSlt, Operation::kSltu}) {
    rows.push_back(make.with_registers<Compare>(operation, a, b));
    rows.push_back(make.with_immediate<Compare>(number(operation) + kImmediate, a, b));
  }
  return rows;
}

TEST(Compare, IsRecorded) { expect_recordable<Compare>(15); }

TEST(Compare, HonestRowsAreCorrect) {
  RowMaker make(1);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const Row& row : rows_of(a, b, make)) expect_correct<Compare>(row);
  for (int n = 0; n < 1000; ++n)
    for (const Row& row : rows_of(make.any(), make.any(), make)) expect_correct<Compare>(row);
}

TEST(Compare, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : {a, a ^ 1, a ^ (1u << 31), make.any()})
      for (const Row& row : rows_of(a, b, make)) attack<Compare>(row, make.random, 100);
}

TEST(Compare, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<Compare>(random);
}

// Choices of the witness that satisfy what depends on them, booleans that are none included: no
// choice gives another answer.
TEST(Compare, OrderHasOneAnswer) {
  RowMaker make(4);
  const Fp limb = fp(kLimb), half = inverse(fp(2));
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const Row& honest : rows_of(a, b, make))
        for (int n = 0; n < 60; ++n) {
          Row row = honest;
          Order<Fp>& order = row.order;
          const auto choice = [&](std::initializer_list<Fp> of) {
            return of.begin()[make.any() % of.size()];
          };
          // Signs as they are, wrong, or such that the high limb becomes one that is in range.
          const auto negative = [&](Fp hi, Fp honest_sign) {
            const Fp wanted = choice({Fp::zero(), fp(0xffff), fp(make.any() & 0xffff)});
            return choice({honest_sign, honest_sign, Fp::one() - honest_sign,
                           (hi + row.is_signed * limb * half - wanted) * inverse(limb)});
          };
          if (make.any() % 8 == 0) row.is_signed = choice({Fp::zero(), Fp::one(), fp(2), half});
          order.negative_a = negative(row.a.value.hi, order.negative_a);
          order.negative_b = negative(row.b.value.hi, order.negative_b);
          const Fp d =
              row.a.value.hi - row.b.value.hi - (order.negative_a - order.negative_b) * limb;
          order.less = choice({Fp::zero(), Fp::one(), fp(2), fp(5), -Fp::one(), half});
          const Fp below = row.a.value.lo - row.b.value.lo + order.less * limb;
          order.by_hi = choice({Fp::zero(), Fp::one(), fp(2), below * inverse(below + Fp::one())});
          order.distance = order.by_hi * ((Fp::one() - fp(2) * order.less) * d - Fp::one()) +
                           (Fp::one() - order.by_hi) * below;
          expect_not_wrong<Compare>(row);
        }
}

// The operation 11 - signed with other values than 0 and 1, and the forms.
TEST(Compare, FlagsSelectOneOperation) {
  RowMaker make(5);
  for (const Row& honest : rows_of(0x80001234, 0x00005678, make))
    for (int flags = 0; flags < 64; ++flags) {
      Row row = honest;
      Fp* const cells[] = {&row.real, &row.reg, &row.is_signed};
      for (int i = 0; i < 3; ++i)
        *cells[i] = fp(static_cast<uint32_t>(flags >> 2 * i & 3)) - Fp::one();  // -1 .. 2
      expect_not_wrong<Compare>(row);
    }
}

}  // namespace
}  // namespace zkvm::stark::chips::test
