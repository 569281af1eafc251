#include "stark/chips/compare.h"

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

// Every choice of the witness's booleans, with the one distance that satisfies the assert: none
// gives another answer.
TEST(Compare, OrderHasOneAnswer) {
  RowMaker make(4);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const Row& honest : rows_of(a, b, make))
        for (int bits = 0; bits < 32; ++bits) {
          Row row = honest;
          const auto bit = [&](int i) { return fp(static_cast<uint32_t>(bits >> i & 1)); };
          Order<Fp>& order = row.order;
          order.less = bit(0);
          order.negative_a = bit(1);
          order.negative_b = bit(2);
          order.by_hi = bit(3);
          if (bits & 16) row.is_signed = Fp::one() - row.is_signed;
          const Fp d = row.a.value.hi - row.b.value.hi -
                       (order.negative_a - order.negative_b) * fp(1u << 16);
          order.distance = bits & 8 ? (bits & 1 ? -d : d) - Fp::one()
                                    : row.a.value.lo - row.b.value.lo + order.less * fp(1u << 16);
          const Verdict verdict = judge<Compare>(row);
          EXPECT_NE(verdict.judgement, Judgement::kWrong) << a << " " << b << ": " << verdict.why;
        }
}

}  // namespace
}  // namespace zkvm::stark::chips::test
