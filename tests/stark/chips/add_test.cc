#include "stark/chips/add.h"

#include "tests/stark/chips/row_oracle.h"

namespace zkvm::stark::chips::test {
namespace {

// The rows of vm/record.h.
struct Registers {
  uint32_t clk;
  RecordAccess rs1, rs2, rd;
};

template <class Chip>
typename Chip::template Cols<Fp> row_of(uint32_t a, uint32_t b, std::mt19937_64& random) {
  const auto clk = static_cast<uint32_t>(1 + random() % ((1 << 22) - 1));
  const Registers record{clk, register_access(a, 4 * clk, random),
                         register_access(b, 4 * clk + 1, random),
                         register_access(static_cast<uint32_t>(random()), 4 * clk + 2, random)};
  ProgramRow insn{.pc = static_cast<uint32_t>(random() % (1u << 28)) * 4,
                  .operation = number(std::is_same_v<Chip, AddImm> ? Operation::kAddImm
                                      : std::is_same_v<Chip, Add>  ? Operation::kAdd
                                                                   : Operation::kSub),
                  .rd = static_cast<uint32_t>(1 + random() % 32),
                  .rs1 = static_cast<uint32_t>(random() % 32),
                  .rs2 = static_cast<uint32_t>(random() % 32),
                  .imm = 0,
                  .target = 0};
  if (std::is_same_v<Chip, AddImm>) {
    insn.rs2 = 0;
    insn.imm = b;
  }
  typename Chip::template Cols<Fp> row;
  Chip::fill(row, insn, record);
  return row;
}

template <class Chip>
class AddChips : public testing::Test {};
using Chips = testing::Types<AddImm, Add, Sub>;
TYPED_TEST_SUITE(AddChips, Chips);

TYPED_TEST(AddChips, HonestRowsAreCorrect) {
  std::mt19937_64 random(1);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges) {
      const Verdict verdict = judge<TypeParam>(row_of<TypeParam>(a, b, random));
      EXPECT_EQ(verdict.judgement, Judgement::kCorrect) << a << " " << b << ": " << verdict.why;
    }
}

TYPED_TEST(AddChips, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(2);
  for (const uint32_t a : kEdges)
    attack<TypeParam>(row_of<TypeParam>(a, 0xffff7fff, random), random);
  for (int n = 0; n < 50; ++n)
    attack<TypeParam>(
        row_of<TypeParam>(static_cast<uint32_t>(random()), static_cast<uint32_t>(random()), random),
        random);
}

TYPED_TEST(AddChips, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<TypeParam>(random);
}

// An addi that does not bind its result.
struct Unbound : AddImm {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kAddImm), row.rd, row.rs1, 0, row.imm, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    check_word(air, row.real, row.c);
    access_register(air, row.real, row.rd, row.old, row.c, row.clk * 4 + 2);
  }
};

// The oracle itself must be able to say no: a row whose result is another, with all its checks.
TEST(RowOracle, SeesAWrongResult) {
  std::mt19937_64 random(4);
  AddImm::Cols<Fp> row = row_of<AddImm>(5, 6, random);
  row.c.lo += Fp::one();
  EXPECT_EQ(judge<Unbound>(row).judgement, Judgement::kWrong);
  EXPECT_EQ(judge<AddImm>(row).judgement, Judgement::kRejected);
}

}  // namespace
}  // namespace zkvm::stark::chips::test
