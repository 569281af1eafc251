// div, divu, rem, remu.
//
//   clk pc | rd rs1 rs2 | a[2] ta | b[2] tb | c[2] | old[2] tc | divisor[4] quotient[4]
//   remainder[2] carry[2] | sign_a sign_b | borrow zero | magnitude[2] negative | div divu rem remu
//
// Division of magnitudes: quotient * divisor + remainder = |a|, divisor = |b|, remainder < divisor
// unless b = 0. sign_a and sign_b are the top bits of a and b in div and rem, and 0 in divu and
// remu, where |a| = a and |b| = b. The result c is the magnitude, quotient or remainder, or minus
// it, if `negative`: a quotient is negative if the signs differ, a remainder if a is.
//
//   b = 0               quotient * 0 + remainder = |a| makes rem's c = a; div's c is asserted to be
//                       2^32 - 1, and its magnitude, which nothing else binds, is chosen to fit.
//   a = -2^31, b = -1   magnitudes 2^31 and 1, quotient 2^31, not negative: c = 2^31, which is
//                       -2^31; remainder 0. Nothing special.
//
// With p_i = product_limb(quotient, divisor, i), s = sign_a and carries below 2^14:
//
//   p_0 + remainder_lo - (1 - 2 s) a_lo = 2^16 carry_0
//   p_1 + remainder_hi - (1 - 2 s) a_hi + carry_0 = 2^16 carry_1
//   p_2 + carry_1 = s            quotient_3 divisor_3 = 0
//
// Buses: state 2, program 1, each register 3, bytes 4 (divisor, quotient), range16 8 (remainder, c,
// divisor - remainder - 1, signs), range14 2: 26 interactions, 39 columns.
//
// Why it is sound. Over the integers the four lines say quotient * divisor + remainder = a, or
// 2^32 - a if s = 1, that is |a|; and they hold over the integers, not only modulo p:
//   line 1   left in [-65535, 33357825 + 2 * 65535], so between -2^16 and 2^26; right in [0, 2^30)
//   line 2   left in [-65535, 66780675 + 2 * 65535 + 2^14], between -2^16 and 2^27; right the same
//   line 3   left at most 33487875 + 2^14 < 2^26, right 0 or 1
//   line 4   a product of bytes, at most 65025; p_3 is nothing else
// and each difference is less than p. Together with remainder < divisor there is one quotient and
// one remainder. remainder < divisor fails for divisor = 0, so `zero` must be 1 there; and `zero`
// is possible only if b_lo + b_hi = 0, a sum below 2^17, so that b = 0.
#pragma once

#include "stark/chips/instruction.h"
#include "stark/chips/rv32im/byte_products.h"

namespace zkvm::stark::chips {

struct Div {
  static constexpr const char* kName = "div";
  static constexpr const char* kColumns =
      "clk pc rd rs1 rs2 a[2] ta b[2] tb c[2] old[2] tc divisor[4] quotient[4] remainder[2] "
      "carry[2] sign_a sign_b borrow zero magnitude[2] negative div divu rem remu";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, rs2;
    Found<T> a, b;
    Limbs<T> c;
    Found<T> old;
    Bytes<T> divisor, quotient;
    Limbs<T> remainder;
    T carry[2];
    T sign_a, sign_b;
    T borrow, zero;
    Limbs<T> magnitude;
    T negative;
    T div, divu, rem, remu;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    air.assert_bool("div", row.div);
    air.assert_bool("divu", row.divu);
    air.assert_bool("rem", row.rem);
    air.assert_bool("remu", row.remu);
    const E real = row.div + row.divu + row.rem + row.remu;
    air.assert_bool("real", real);
    const E is_signed = row.div + row.rem, is_div = row.div + row.divu, is_rem = row.rem + row.remu;
    const Limbs<E> divisor = limbs_of(row.divisor), quotient = limbs_of(row.quotient);
    const Limbs<E>&a = row.a.value, &b = row.b.value, &remainder = row.remainder;

    step(air, real, row.clk, row.pc, row.pc + 4);
    fetch(air, real, row.pc,
          row.div * number(Operation::kDiv) + row.divu * number(Operation::kDivu) +
              row.rem * number(Operation::kRem) + row.remu * number(Operation::kRemu),
          row.rd, row.rs1, row.rs2, {0, 0}, 0);
    read_register(air, real, row.rs1, row.a, row.clk * 4);
    read_register(air, real, row.rs2, row.b, row.clk * 4 + 1);

    air.assert_bool("signed", is_signed);
    assert_sign(air, is_signed, a, row.sign_a);
    assert_sign(air, is_signed, b, row.sign_b);
    check_bytes(air, real, row.divisor);
    check_bytes(air, real, row.quotient);
    check_limbs(air, real, remainder);

    assert_signed_value(air, "divisor = |b|", row.sign_b, divisor, b);
    const E minus_sign = row.sign_a * 2 - 1;
    air.assert_equal("|a|.lo",
                     product_limb(row.quotient, row.divisor, 0) + remainder.lo + minus_sign * a.lo,
                     row.carry[0] * kLimb);
    air.assert_equal("|a|.hi",
                     product_limb(row.quotient, row.divisor, 1) + remainder.hi + minus_sign * a.hi +
                         row.carry[0],
                     row.carry[1] * kLimb);
    air.assert_equal("2^32", product_limb(row.quotient, row.divisor, 2) + row.carry[1], row.sign_a);
    air.assert_zero("2^48", product_limb(row.quotient, row.divisor, 3));
    air.send(kRange14, real, {row.carry[0]});
    air.send(kRange14, real, {row.carry[1]});

    // SOUNDNESS: with a boolean borrow the two values lie in (-2^17, 2^17), so the look-ups show
    // that they are integers in [0, 2^16); these are the limbs of divisor - remainder - 1 >= 0.
    air.assert_bool("zero", row.zero);
    air.assert_bool("zero", real - row.zero);
    air.assert_bool("borrow", row.borrow);
    air.send(kRange16, real - row.zero, {divisor.lo - remainder.lo - 1 + row.borrow * kLimb});
    air.send(kRange16, real - row.zero, {divisor.hi - remainder.hi - row.borrow});

    air.assert_equal("magnitude.lo", is_div * quotient.lo + is_rem * remainder.lo,
                     row.magnitude.lo);
    air.assert_equal("magnitude.hi", is_div * quotient.hi + is_rem * remainder.hi,
                     row.magnitude.hi);
    air.assert_equal(
        "negative",
        is_div * (row.sign_a + row.sign_b - row.sign_a * row.sign_b * 2) + is_rem * row.sign_a,
        row.negative);
    assert_signed_value(air, "c", row.negative, row.magnitude, row.c);
    air.assert_zero("b = 0", row.zero * (b.lo + b.hi));
    air.assert_zero("a / 0", row.zero * is_div * (row.c.lo - 0xffff));
    air.assert_zero("a / 0", row.zero * is_div * (row.c.hi - 0xffff));
    check_limbs(air, real, row.c);
    access_register(air, real, row.rd, row.old, row.c, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rs2, rd as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t a = record.rs1.value, b = record.rs2.value;
    const auto operation = static_cast<Operation>(insn.operation);
    const bool is_signed = operation == Operation::kDiv || operation == Operation::kRem;
    const bool is_div = operation == Operation::kDiv || operation == Operation::kDivu;
    const uint32_t sign_a = is_signed ? a >> 31 : 0, sign_b = is_signed ? b >> 31 : 0;
    const uint32_t dividend = sign_a != 0 ? -a : a, divisor = sign_b != 0 ? -b : b;
    // Without a divisor: what makes c all ones.
    const uint32_t quotient = divisor != 0 ? dividend / divisor : sign_a != 0 ? 1 : ~0u;
    const uint32_t remainder = dividend - quotient * divisor;
    const uint32_t magnitude = is_div ? quotient : remainder;
    const bool negative = is_div ? sign_a != sign_b : sign_a != 0;

    // In uint32_t, where what stands on the left of lines 1 and 2 does not wrap in the end.
    const Bytes<uint32_t> q = integer_bytes_of(quotient), d = integer_bytes_of(divisor);
    const uint32_t lo =
        product_limb(q, d, 0) + (remainder & 0xffff) + (sign_a != 0 ? a & 0xffff : -(a & 0xffff));
    const uint32_t hi = product_limb(q, d, 1) + (remainder >> 16) +
                        (sign_a != 0 ? a >> 16 : -(a >> 16)) + (lo >> 16);
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .a = found(record.rs1),
           .b = found(record.rs2),
           .c = limbs_of(negative ? -magnitude : magnitude),
           .old = found(record.rd),
           .divisor = bytes_of(divisor),
           .quotient = bytes_of(quotient),
           .remainder = limbs_of(remainder),
           .carry = {fp(lo >> 16), fp(hi >> 16)},
           .sign_a = fp(sign_a),
           .sign_b = fp(sign_b),
           .borrow = fp((divisor & 0xffff) <= (remainder & 0xffff)),
           .zero = fp(b == 0),
           .magnitude = limbs_of(magnitude),
           .negative = fp(negative),
           .div = fp(operation == Operation::kDiv),
           .divu = fp(operation == Operation::kDivu),
           .rem = fp(operation == Operation::kRem),
           .remu = fp(operation == Operation::kRemu)};
  }

 private:
  /// Asserts that sign is the top bit of x where is_signed is 1, and 0 where it is 0.
  /// SOUNDNESS: x.hi - 2^15 sign lies in (-2^15, 2^16) or is -2^15; its double is below 2^16 only
  /// if it lies in [0, 2^15).
  template <class B>
  [[gnu::always_inline]] static void assert_sign(B& air, const Expr<B>& is_signed,
                                                 const Limbs<Expr<B>>& x, const Expr<B>& sign) {
    air.assert_bool("sign", sign);
    air.assert_zero("unsigned", (1 - is_signed) * sign);
    air.send(kRange16, is_signed, {(x.hi - sign * 32768) * 2});
  }

  /// Asserts value = magnitude, or -magnitude modulo 2^32 where sign is 1. REQUIRES: sign is
  /// boolean, all limbs below 2^16.
  /// SOUNDNESS: value + magnitude = 0 modulo 2^32 limb by limb; the sums of limbs are at most 2^17.
  template <class B>
  [[gnu::always_inline]] static void assert_signed_value(B& air, const char* label,
                                                         const Expr<B>& sign,
                                                         const Limbs<Expr<B>>& magnitude,
                                                         const Limbs<Expr<B>>& value) {
    const Expr<B> carry = (value.lo + magnitude.lo) * kInverseLimb;
    const Expr<B> top = (value.hi + magnitude.hi + carry) * kInverseLimb;
    air.assert_zero(label, (1 - sign) * (value.lo - magnitude.lo));
    air.assert_zero(label, (1 - sign) * (value.hi - magnitude.hi));
    air.assert_zero(label, sign * carry * (carry - 1));
    air.assert_zero(label, sign * top * (top - 1));
  }
};

}  // namespace zkvm::stark::chips
