#include "stark/chips/rv32im/div.h"

#include "tests/stark/chips/rows.h"
#include "tests/stark/chips/solve.h"

namespace zkvm::stark::chips::test {
namespace {

using Row = Div::Cols<Fp>;

constexpr Operation kOperations[] = {Operation::kDiv, Operation::kDivu, Operation::kRem,
                                     Operation::kRemu};

/// f(row, operation, a, b) on all instructions: on edges, and on `count` random operands.
template <class F>
void for_rows(RowMaker& make, int count, const F& f) {
  const auto all = [&](uint32_t a, uint32_t b) {
    for (const Operation operation : kOperations)
      f(make.with_registers<Div>(operation, a, b), operation, a, b);
  };
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges) all(a, b);
  for (int n = 0; n < count; ++n) all(make.any(), make.any() >> make.any() % 32);
}

TEST(Div, IsRecorded) { expect_recordable<Div>(26); }

TEST(Div, HonestRowsAreCorrect) {
  RowMaker make(1);
  for_rows(make, 2000,
           [](const Row& row, Operation, uint32_t, uint32_t) { expect_correct<Div>(row); });
}

TEST(Div, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for_rows(make, 50, [&](const Row& row, Operation, uint32_t, uint32_t) {
    if (make.any() % 16 == 0) attack<Div>(row, make.random, 100);
  });
}

TEST(Div, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<Div>(random);
}

/// A division of the prover's choice.
struct Choice {
  uint32_t quotient, remainder, divisor;
  bool sign_a, sign_b, zero;
};
/// Makes it into a row, as far as the asserts allow.
bool choose(Row& row, const Choice& choice) {
  row.quotient = bytes_of(choice.quotient);
  row.remainder = limbs_of(choice.remainder);
  row.divisor = bytes_of(choice.divisor);
  row.sign_a = fp(choice.sign_a);
  row.sign_b = fp(choice.sign_b);
  row.zero = fp(choice.zero);
  row.borrow = fp((choice.divisor & 0xffff) <= (choice.remainder & 0xffff));
  const bool is_div = row.div + row.divu == fp(1);
  const uint32_t magnitude = is_div ? choice.quotient : choice.remainder;
  const bool negative = is_div ? choice.sign_a != choice.sign_b : choice.sign_a;
  row.magnitude = limbs_of(magnitude);
  row.negative = fp(negative);
  row.c = limbs_of(negative ? -magnitude : magnitude);
  return solve<Div>(row, {&row.carry[0], &row.carry[1]});
}

/// The honest row's signs and divisor, and its |a|.
Choice choice_of(const Row& row) {
  const auto integer = [](const Fp(&byte)[4]) {
    uint32_t x = 0;
    for (int i = 3; i >= 0; --i) x = x << 8 | byte[i].value();
    return x;
  };
  return {.quotient = integer(row.quotient.byte),
          .remainder = row.remainder.lo.value() | row.remainder.hi.value() << 16,
          .divisor = integer(row.divisor.byte),
          .sign_a = row.sign_a == fp(1),
          .sign_b = row.sign_b == fp(1),
          .zero = row.zero == fp(1)};
}

// Quotients near the right one with the remainders that belong to them, under all signs.
TEST(Div, OneQuotientAndRemainder) {
  RowMaker make(4);
  for_rows(make, 100, [&](const Row& honest, Operation, uint32_t a, uint32_t b) {
    if (b != 0 && make.any() % 8 != 0) return;
    for (uint32_t bits = 0; bits < 32; ++bits) {
      Choice choice{.quotient = 0,
                    .remainder = 0,
                    .divisor = (bits & 1) != 0 ? -b : b,
                    .sign_a = (bits & 2) != 0,
                    .sign_b = (bits & 4) != 0,
                    .zero = (bits & 8) != 0};
      if ((bits & 16) != 0) choice.divisor += Fp::kModulus;
      const uint32_t dividend = choice.sign_a ? -a : a;
      const uint32_t right = choice.divisor != 0 ? dividend / choice.divisor : ~0u;
      for (const uint32_t quotient :
           {right, right + 1, right - 1, right ^ 1u << 31, 0u, 1u, ~0u, make.any()}) {
        choice.quotient = quotient;
        choice.remainder = dividend - quotient * choice.divisor;
        Row row = honest;
        choose(row, choice);
        expect_not_wrong<Div>(row);
        row.borrow = fp(1) - row.borrow;
        expect_not_wrong<Div>(row);
        // What divisor - remainder - 1 modulo p would need.
        const Fp lo = limbs_of(choice.divisor).lo - row.remainder.lo - fp(1);
        const Fp hi = limbs_of(choice.divisor).hi - row.remainder.hi;
        row.borrow = (fp((lo + hi * fp(kLimb)).value() & 0xffff) - lo) * inverse(fp(kLimb));
        expect_not_wrong<Div>(row);
      }
    }
  });
}

// quotient * divisor + remainder = |a| + m, where m is 0 in some ring but not in the integers; with
// what makes up for it in the carries or in the bytes.
TEST(Div, IdentityHoldsOverTheIntegers) {
  constexpr uint64_t kP = Fp::kModulus;
  RowMaker make(5);
  for (int n = 0; n < 4000; ++n) {
    const Operation operation = kOperations[make.any() % 4];
    const uint32_t b = make.any() >> make.any() % 32;
    const Row honest = make.with_registers<Div>(operation, make.any() >> make.any() % 32, b);
    if (b == 0) continue;
    const Choice right = choice_of(honest);
    const uint64_t dividend = uint64_t{right.quotient} * right.divisor + right.remainder;
    for (const uint64_t m : {kP, 2 * kP, kP << 16, uint64_t{1} << 32, uint64_t{1} << 48}) {
      const uint64_t quotient = (dividend + m) / right.divisor;
      if (quotient >> 32 != 0) continue;
      Choice lie = right;
      lie.quotient = static_cast<uint32_t>(quotient);
      lie.remainder = static_cast<uint32_t>((dividend + m) % right.divisor);
      Row row = honest;
      choose(row, lie);
      expect_not_wrong<Div>(row);
      for (int half = 0; half < 2; ++half) {
        Row other = row;
        other.carry[0] = other.carry[1] = Fp{};
        solve<Div>(other, {&other.divisor.byte[2 * half], &other.divisor.byte[2 * half + 1]});
        expect_not_wrong<Div>(other);
        other = row;
        other.carry[0] = other.carry[1] = Fp{};
        solve<Div>(other, {&other.divisor.byte[2 * half], &other.divisor.byte[2 * half + 1],
                           &other.carry[0], &other.carry[1]});
        expect_not_wrong<Div>(other);
      }
    }
  }
}

// Small divisors and any remainder, with a quotient in the field.
TEST(Div, QuotientIsAnInteger) {
  RowMaker make(6);
  for (int n = 0; n < 5000; ++n) {
    const uint32_t a = make.any() >> make.any() % 32, d = 3 + make.any() % 127 * 2;
    const Row honest = make.with_registers<Div>(kOperations[make.any() % 4], a, d);
    Choice lie = choice_of(honest);
    lie.remainder = make.any() % d;
    const uint32_t dividend = lie.sign_a ? -a : a;
    lie.quotient = 0;
    Row row = honest;
    choose(row, lie);
    solve<Div>(row, {&row.quotient.byte[0], &row.carry[0], &row.carry[1], &row.magnitude.lo});
    row.c = row.magnitude;
    expect_not_wrong<Div>(row);
    // The low limb by integers, modulo 2^16, and the high one in the field.
    uint32_t inverse_of_d = d;  // correct to 3 bits, then to 6, 12, 24
    for (int step = 0; step < 3; ++step) inverse_of_d *= 2 - d * inverse_of_d;
    lie.quotient = ((dividend - lie.remainder) * inverse_of_d) & 0xffff;
    choose(row, lie);
    solve<Div>(row, {&row.quotient.byte[2], &row.carry[0], &row.carry[1], &row.magnitude.hi});
    row.c = row.magnitude;
    expect_not_wrong<Div>(row);
  }
}

// One more in the quotient and a negative remainder, in either limb.
TEST(Div, RemainderIsNotNegative) {
  RowMaker make(7);
  for_rows(make, 500, [&](const Row& honest, Operation, uint32_t, uint32_t b) {
    if (b == 0) return;
    const Choice right = choice_of(honest);
    Choice lie = right;
    lie.quotient += 1;
    for (const bool hi : {false, true}) {
      Row row = honest;
      choose(row, lie);
      const uint32_t missing = right.divisor - right.remainder;
      row.remainder = {-limbs_of(missing).lo, -limbs_of(missing).hi};
      if (hi) {
        row.remainder.lo += fp(kLimb);
        row.remainder.hi -= fp(1);
      }
      for (const int borrow : {0, 1}) {
        row.borrow = fp(static_cast<uint32_t>(borrow));
        solve<Div>(row, {&row.carry[0], &row.carry[1]});
        expect_not_wrong<Div>(row);
      }
      // Any borrow, if it were not boolean.
      row.remainder.lo = fp(make.any() % kLimb);
      row.borrow = (row.remainder.lo + fp(make.any() % kLimb)) * inverse(fp(kLimb));
      solve<Div>(row, {&row.remainder.hi, &row.carry[0], &row.carry[1]});
      expect_not_wrong<Div>(row);
    }
  });
}

// The sign's look-up alone would allow 32512: 2 (hi - 2^15 * 32512) = 2 hi + 1 modulo p. Then
// 0 / 65024 would be 2^31, since 2^31 * 65024 = 32512 * 2^32.
TEST(Div, SignIsABit) {
  RowMaker make(8);
  Row row = make.with_registers<Div>(Operation::kDiv, 0, 65024);
  row.quotient = bytes_of(1u << 31);
  row.sign_a = row.negative = fp(32512);
  row.magnitude = row.c = limbs_of(1u << 31);
  solve<Div>(row, {&row.carry[0], &row.carry[1]});
  expect_rejected<Div>(row);
}

// Of minus the magnitude there is one form in limbs below 2^16.
TEST(Div, ResultIsInRange) {
  RowMaker make(9);
  for_rows(make, 500, [&](const Row& honest, Operation, uint32_t, uint32_t) {
    for (const bool up : {false, true}) {
      Row row = honest;
      row.c.lo += up ? fp(kLimb) : -fp(kLimb);
      row.c.hi += up ? -fp(1) : fp(1);
      expect_rejected<Div>(row);
      row = honest;
      row.c.hi += up ? fp(kLimb) : -fp(kLimb);
      expect_rejected<Div>(row);
    }
  });
}

// Other operations and signs, with the result that follows from them.
TEST(Div, FlagsAndSignsAreBound) {
  RowMaker make(10);
  for_rows(make, 500, [&](const Row& honest, Operation, uint32_t, uint32_t) {
    for (int n = 0; n < 8; ++n) {
      Row row = honest;
      if (make.any() % 2 == 0)
        for (Fp* const flag : {&row.div, &row.divu, &row.rem, &row.remu})
          *flag = fp(make.any() % 3) - fp(1);
      for (const bool of_a : {false, true}) {
        const int how = static_cast<int>(make.any() % 4);
        Fp& sign = of_a ? row.sign_a : row.sign_b;
        const Fp hi = of_a ? row.a.value.hi : row.b.value.hi;
        if (how < 2) sign = fp(static_cast<uint32_t>(how));
        if (how == 2) sign = (hi * fp(2) - fp(make.any() % kLimb)) * inverse(fp(kLimb));
      }
      solve<Div>(
          row, {&row.carry[0], &row.carry[1], &row.magnitude.lo, &row.magnitude.hi, &row.negative});
      expect_not_wrong<Div>(row);
      row.c = row.magnitude;
      expect_not_wrong<Div>(row);
      row.c = limbs_of(0 - (row.magnitude.lo.value() + (row.magnitude.hi.value() << 16)));
      expect_not_wrong<Div>(row);
    }
  });
}

}  // namespace
}  // namespace zkvm::stark::chips::test
