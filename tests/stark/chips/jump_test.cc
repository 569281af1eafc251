#include "stark/chips/rv32im/jump.h"

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {
namespace {

constexpr uint32_t kPcs[] = {0x1000, 0x1004, 0xfff8, 0xfffc, 0x10000, 0x3e80fffc, 0x3efffffc};
constexpr uint32_t kImmediates[] = {0, 1, 2, 4, 2047, 0xfffff800, 0xfffffffe, 0xffffffff};

TEST(Jalr, IsRecorded) { expect_recordable<Jalr>(10); }

Jalr::Cols<Fp> jalr(RowMaker& make, uint32_t a, uint32_t imm) {
  return make.with_immediate<Jalr>(number(Operation::kJalr), a, imm);
}
Jalr::Cols<Fp> jal(RowMaker& make, uint32_t target) { return jalr(make, 0, target); }
uint32_t any_target(RowMaker& make) {
  return kAddressBegin + make.any() % (kAddressEnd - kAddressBegin) / 4 * 4;
}

TEST(Jal, HonestRowsAreCorrect) {
  RowMaker make(1);
  for (const uint32_t pc : kPcs) expect_correct<Jalr>(jal(make, pc));
  for (int n = 0; n < 1000; ++n) expect_correct<Jalr>(jal(make, any_target(make)));
}

TEST(Jal, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (int n = 0; n < 100; ++n) attack<Jalr>(jal(make, any_target(make)), make.random);
}

// A program row that has no target leads nowhere.
TEST(Jal, ToNoTargetIsRejected) {
  RowMaker make(3);
  auto row = jal(make, 1);
  for (const Fp odd : {Fp::zero(), Fp::one()}) {
    row.odd = odd;
    EXPECT_EQ(judge<Jalr>(row).judgement, Judgement::kRejected);
  }
}

// Where the VM traps, a row must not pass: t - p and t - 2p, which are t modulo p, included.
TEST(Jalr, HonestRowsAreCorrectAndTrapsHaveNone) {
  RowMaker make(4);
  for (const uint32_t imm : kImmediates) {
    const auto check = [&](uint32_t target) {
      for (uint32_t t = target & ~3u; t <= (target | 3); ++t) {
        const bool in_reach = t >= kAddressBegin && t < kAddressEnd;
        auto row = jalr(make, t - imm, imm);
        for (const Fp odd : {row.odd, Fp::one() - row.odd}) {
          const bool honest = odd == row.odd;
          auto tried = row;
          tried.odd = odd;
          const Verdict verdict = judge<Jalr>(tried);
          if (in_reach || t % 4 >= 2 || t >= 1u << 30)
            EXPECT_EQ(verdict.judgement,
                      in_reach && t % 4 < 2 && honest ? Judgement::kCorrect : Judgement::kRejected)
                << t << ": " << verdict.why;
          else  // no text is there, so whether the row passes is the same
            EXPECT_NE(verdict.judgement, Judgement::kWrong) << t << ": " << verdict.why;
        }
        if (t == ~0u) break;
      }
    };
    for (const uint32_t t : kEdges) check(t);
    for (const uint32_t pc : kPcs) check(pc);
    for (const uint32_t pc : kPcs) check(pc + Fp::kModulus), check(pc + 2 * Fp::kModulus);
    for (const uint32_t pc : {kHaltPc, kHaltPc + Fp::kModulus}) check(pc);
    for (int n = 0; n < 100; ++n) check(any_target(make));
    for (int n = 0; n < 100; ++n) check(make.any());
  }
}

TEST(Jalr, ChangedRowsAreNotWrong) {
  RowMaker make(5);
  for (const uint32_t imm : kImmediates)
    for (int n = 0; n < 20; ++n)
      attack<Jalr>(jalr(make, any_target(make) + (n & 1) - imm, imm), make.random);
}

TEST(Jalr, PaddingIsIdle) {
  std::mt19937_64 random(6);
  attack_padding<Jalr>(random);
}

// The link's high limb is the program's: any other is no program row.
TEST(Jalr, LinkIsTheProgramRows) {
  RowMaker make(8);
  auto row = jalr(make, 0x1000, 0);
  row.link_hi += Fp::one();
  EXPECT_EQ(judge<Jalr>(row).judgement, Judgement::kRejected);
}

}  // namespace
}  // namespace zkvm::stark::chips::test
