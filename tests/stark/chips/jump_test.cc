#include "stark/chips/jump.h"

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {
namespace {

constexpr uint32_t kPcs[] = {
    0, 4, 0xfff8, 0xfffc, 0x10000, 0x7ffffffc % (1u << 30), 0x3fffffffu & ~3u};
constexpr uint32_t kImmediates[] = {0, 1, 2, 4, 2047, 0xfffff800, 0xfffffffe, 0xffffffff};

TEST(Jal, IsRecorded) { expect_recordable<Jal>(6); }
TEST(Jalr, IsRecorded) { expect_recordable<Jalr>(11); }

TEST(Jal, HonestRowsAreCorrect) {
  RowMaker make(1);
  for (const uint32_t pc : kPcs) expect_correct<Jal>(make.jump<Jal>(pc));
  for (int n = 0; n < 1000; ++n) expect_correct<Jal>(make.jump<Jal>(make.any_pc()));
}

TEST(Jal, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (int n = 0; n < 100; ++n) attack<Jal>(make.jump<Jal>(make.any_pc()), make.random);
}

TEST(Jal, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<Jal>(random);
}

Jalr::Cols<Fp> jalr(RowMaker& make, uint32_t a, uint32_t imm) {
  return make.with_immediate<Jalr>(number(Operation::kJalr), a, imm);
}

// Where the VM traps, a row must not pass.
TEST(Jalr, HonestRowsAreCorrectAndTrapsHaveNone) {
  RowMaker make(4);
  for (const uint32_t imm : kImmediates) {
    const auto check = [&](uint32_t target) {
      for (const uint32_t t : {target, target ^ 1}) {
        const Verdict verdict = judge<Jalr>(jalr(make, t - imm, imm));
        EXPECT_EQ(verdict.judgement,
                  t < 1u << 30 && t % 4 < 2 ? Judgement::kCorrect : Judgement::kRejected)
            << t << ": " << verdict.why;
      }
    };
    for (const uint32_t t : kEdges) check(t);
    for (const uint32_t pc : kPcs) check(pc);
    for (int n = 0; n < 100; ++n) check(make.any_pc());
    for (int n = 0; n < 100; ++n) check(make.any());
  }
}

TEST(Jalr, ChangedRowsAreNotWrong) {
  RowMaker make(5);
  for (const uint32_t imm : kImmediates)
    for (int n = 0; n < 20; ++n)
      attack<Jalr>(jalr(make, make.any_pc() + (n & 1) - imm, imm), make.random);
}

TEST(Jalr, PaddingIsIdle) {
  std::mt19937_64 random(6);
  attack_padding<Jalr>(random);
}

// Other splits of t: into 4 quarter + odd where odd is 2 or 3, and with carries.
TEST(Jalr, TargetHasOneSplit) {
  RowMaker make(7);
  for (const uint32_t t : {0u, 1u, 2u, 3u, 0xfffcu, 0x10000u, 0x10001u, 0x3ffffffcu, 0x40000000u,
                           0x7f000001u, 0x7f000004u, 0xfffffffcu})
    for (const uint32_t imm : kImmediates) {
      const auto honest = jalr(make, t - imm, imm);
      for (uint32_t odd = 0; odd < 4; ++odd)
        for (int borrow = -1; borrow <= 1; ++borrow) {
          auto row = honest;
          const Fp borrowed = borrow < 0 ? -Fp::one() : fp(static_cast<uint32_t>(borrow));
          row.odd = fp(odd);
          row.quarter = (fp(t & 0xffff) + borrowed * fp(kLimb) - row.odd) * inverse(fp(4));
          row.t_hi = fp(t >> 16) - borrowed;
          expect_not_wrong<Jalr>(row);
        }
    }
}

// t - p is t modulo p: what the carries of the sum would allow if they were not booleans.
TEST(Jalr, TargetIsNotOffByP) {
  RowMaker make(9);
  for (int n = 0; n < 1000; ++n) {
    const uint32_t imm = kImmediates[make.any() % std::size(kImmediates)];
    const uint32_t target = make.any_pc();
    auto row = jalr(make, target + Fp::kModulus - imm, imm);
    const Word<Fp> limbs = word_of(target);
    row.quarter = limbs.lo * inverse(fp(4));
    row.odd = Fp{};
    row.t_hi = limbs.hi;
    EXPECT_EQ(judge<Jalr>(row).judgement, Judgement::kRejected);
  }
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
