#include "stark/chips/rv32im/add.h"

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {
namespace {

template <class Chip>
typename Chip::template Cols<Fp> row_of(RowMaker& make, uint32_t a, uint32_t b) {
  if constexpr (std::is_same_v<Chip, AddImm> || std::is_same_v<Chip, AddImmInPlace>)
    return make.with_immediate<Chip>(number(Operation::kAddImm), a, b);
  else
    return make.with_registers<Chip>(Operation::kAdd, a, b);
}
Add::Cols<Fp> sub_row(RowMaker& make, uint32_t a, uint32_t b) {
  return make.with_registers<Add>(Operation::kSub, a, b);
}

template <class Chip>
class AddChips : public testing::Test {};
using Chips = testing::Types<AddImm, AddImmInPlace, Add, AddInPlace>;
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

TEST(Sub, HonestRowsAreCorrect) {
  RowMaker make(5);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges) expect_correct<Add>(sub_row(make, a, b));
}

TEST(Sub, ChangedRowsAreNotWrong) {
  RowMaker make(6);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : {0xffff7fffu, 0x80000000u})
      attack<Add>(sub_row(make, a, b), make.random);
  for (int n = 0; n < 50; ++n) attack<Add>(sub_row(make, make.any(), make.any()), make.random);
}

// A sum where the program says sub, a difference where it says add; and `subtract` as a number that
// leads to addi, or halfway between the two sums.
TEST(Sub, IsWhatTheProgramSays) {
  RowMaker make(7);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const bool subtract : {false, true}) {
        const auto honest = subtract ? sub_row(make, a, b) : row_of<Add>(make, a, b);
        auto row = honest;
        row.subtract = Fp::one() - row.subtract;  // an honest row of the other instruction
        row.c = limbs_of(subtract ? a + b : a - b);
        expect_correct<Add>(row);
        const bool same = row.c.lo == honest.c.lo && row.c.hi == honest.c.hi;
        row.c = honest.c;  // and one with this one's result
        EXPECT_EQ(judge<Add>(row).judgement, same ? Judgement::kCorrect : Judgement::kRejected);
        row = honest;
        row.c = limbs_of(subtract ? a + b : a - b);
        EXPECT_EQ(judge<Add>(row).judgement, same ? Judgement::kCorrect : Judgement::kRejected);
        for (const Fp no_flag : {fp(2), -Fp::one(), inverse(fp(2))}) {
          row = honest;
          row.subtract = no_flag;
          row.rs2 = Fp{};
          EXPECT_EQ(judge<Add>(row).judgement, Judgement::kRejected);
        }
      }
}

// Results that a carry or borrow other than 0 or 1, or a multiple of p, would allow.
TEST(Sub, HasOneResult) {
  RowMaker make(8);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const bool subtract : {false, true}) {
        const auto honest = subtract ? sub_row(make, a, b) : row_of<Add>(make, a, b);
        for (int lo = -2; lo <= 2; ++lo)
          for (int hi = -2; hi <= 2; ++hi) {
            if (lo == 0 && hi == 0) continue;
            const auto limbs = [](int n) { return fp(kLimb) * (n < 0 ? -fp(-n) : fp(n)); };
            auto row = honest;
            row.c.lo = row.c.lo + limbs(lo);
            row.c.hi = row.c.hi + limbs(hi) - limbs(lo) * fp(kInverseLimb);
            EXPECT_EQ(judge<Add>(row).judgement, Judgement::kRejected);
          }
      }
}

// An addi that does not bind its result.
struct Unbound : AddImm {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kAddImm), row.registers.rd, row.registers.rs1, 0,
          row.imm, 0);
    check_limbs(air, row.real, row.c);
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
