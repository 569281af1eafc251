#include "stark/chips/add.h"

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {
namespace {

template <class Chip>
typename Chip::template Cols<Fp> row_of(RowMaker& make, uint32_t a, uint32_t b) {
  if constexpr (std::is_same_v<Chip, AddImm> || std::is_same_v<Chip, AddImmInPlace>)
    return make.with_immediate<Chip>(number(Operation::kAddImm), a, b);
  else
    return make.with_registers<Chip>(std::is_same_v<Chip, Sub> ? Operation::kSub : Operation::kAdd,
                                     a, b);
}

template <class Chip>
class AddChips : public testing::Test {};
using Chips = testing::Types<AddImm, AddImmInPlace, Add, AddInPlace, Sub>;
TYPED_TEST_SUITE(AddChips, Chips);

TYPED_TEST(AddChips, HonestRowsAreCorrect) {
  RowMaker make(1);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges) expect_correct<TypeParam>(row_of<TypeParam>(make, a, b));
}

TYPED_TEST(AddChips, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (const uint32_t a : kEdges)
    attack<TypeParam>(row_of<TypeParam>(make, a, 0xffff7fff), make.random);
  for (int n = 0; n < 50; ++n)
    attack<TypeParam>(row_of<TypeParam>(make, make.any(), make.any()), make.random);
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
    fetch(air, row.real, row.pc, number(Operation::kAddImm), row.registers.rd, row.registers.rs1, 0,
          row.imm, 0);
    check_word(air, row.real, row.c);
    read_and_write(air, row.real, row.registers, row.a, row.c, row.clk);
  }
};

// The oracle itself must be able to say no: a row whose result is another, with all its checks.
TEST(RowOracle, SeesAWrongResult) {
  RowMaker make(4);
  AddImm::Cols<Fp> row = row_of<AddImm>(make, 5, 6);
  row.c.lo += Fp::one();
  EXPECT_EQ(judge<Unbound>(row).judgement, Judgement::kWrong);
  EXPECT_EQ(judge<AddImm>(row).judgement, Judgement::kRejected);
}

}  // namespace
}  // namespace zkvm::stark::chips::test
