#include "stark/chips/rv32im/bits.h"

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {
namespace {

using Row = Bits::Cols<Fp>;

/// All six instructions on a and b.
std::vector<Row> rows_of(uint32_t a, uint32_t b, RowMaker& make) {
  std::vector<Row> rows;
  for (const Operation operation : {Operation::kAnd, Operation::kOr, Operation::kXor}) {
    rows.push_back(make.with_registers<Bits>(operation, a, b));
    rows.push_back(make.with_immediate<Bits>(number(operation) + kImmediate, a, b));
  }
  return rows;
}

TEST(Bits, IsRecorded) { expect_recordable<Bits>(16); }

TEST(Bits, HonestRowsAreCorrect) {
  RowMaker make(1);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const Row& row : rows_of(a, b, make)) expect_correct<Bits>(row);
  for (int n = 0; n < 1000; ++n)
    for (const Row& row : rows_of(make.any(), make.any(), make)) expect_correct<Bits>(row);
}

TEST(Bits, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (const uint32_t a : kEdges)
    for (const Row& row : rows_of(a, make.any(), make)) attack<Bits>(row, make.random);
  for (int n = 0; n < 20; ++n)
    for (const Row& row : rows_of(make.any(), make.any(), make)) attack<Bits>(row, make.random);
}

TEST(Bits, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<Bits>(random);
}

// 256 more in one byte and 1 less in the next leave the word.
TEST(Bits, BytesAreBytes) {
  RowMaker make(4);
  for (Row row : rows_of(0x12345678, 0x9abcdef0, make)) {
    row.b.byte[0] += fp(256);
    row.b.byte[1] -= fp(1);
    EXPECT_EQ(judge<Bits>(row).judgement, Judgement::kRejected);
  }
}

// Every setting of the flags, with the result that it asks for: only the honest ones pass.
TEST(Bits, FlagsSelectOneOperation) {
  RowMaker make(5);
  for (const Row& honest : rows_of(0x0ff0f00f, 0x3c3c5a5a, make))
    for (int flags = 0; flags < 256; ++flags) {
      Row row = honest;
      Fp* const cells[] = {&row.real, &row.reg, &row.is_or, &row.is_xor};
      for (int i = 0; i < 4; ++i)
        *cells[i] = fp(static_cast<uint32_t>(flags >> 2 * i & 3)) - Fp::one();  // -1 .. 2
      const auto result = [&](Fp sum, Fp both_limb) {
        return row.real * both_limb + row.is_or * (sum - fp(2) * both_limb) +
               row.is_xor * (sum - fp(3) * both_limb);
      };
      row.c = {result(fp(0xf00f + 0x5a5a), fp(0xf00f & 0x5a5a)),
               result(fp(0x0ff0 + 0x3c3c), fp(0x0ff0 & 0x3c3c))};
      expect_not_wrong<Bits>(row);
      row.rs2 = Fp::zero();  // so that or = 1, xor = -1 could be addi's operation
      expect_not_wrong<Bits>(row);
    }
}

}  // namespace
}  // namespace zkvm::stark::chips::test
