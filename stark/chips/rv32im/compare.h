// slt, sltu and their immediate forms; and what shows a < b, which branch.h also uses.
//
//   Compare   clk pc | rd rs1 rs2 imm[2] | a[2] ta | b[2] tb | order[5] | old[2] tc | real reg
//   signed
//
// a is read from rs1 at time 4 clk; b from rs2 at 4 clk + 1, or it is the immediate; rd becomes
// (order.less, 0) at 4 clk + 2. Buses: state 2, program 1, each register 3, order 3 (range16).
//
// Why it is sound: the program row pins registers, immediate, form and whether it is signed; a and
// b are what memory holds; assert_order leaves one value for order.less.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

/// What shows whether a < b.
template <class T>
struct Order {
  T less;                    // 1: a < b
  T negative_a, negative_b;  // in signed comparisons: the sign bits; else 0
  T by_hi;                   // 1: the high limbs differ; 0: they are equal, the low limbs decide
  T distance;                // see assert_order
};

/// Asserts order.less = (a < b), signed if is_signed is 1. `real`, is_signed: asserted boolean by
/// the caller; limbs of a and b below 2^16. Rows where `real` is 0 show nothing.
///
/// SOUNDNESS: a signed comparison is an unsigned one of a + 2^31 and b + 2^31 mod 2^32, whose high
/// limbs are hi + 2^15 - 2^16 negative; that they are in range leaves one value for `negative`. (In
/// an unsigned one hi - 2^16 is out of range, so it is 0.) Let d be the difference of the high
/// limbs.
///   by_hi = 1: distance = d - 1 or, if less, -d - 1. Below 2^16 it shows d > 0 or d < 0.
///   by_hi = 0: d = 0 is asserted; distance = a.lo - b.lo + 2^16 less. Below 2^16 it shows
///     a.lo >= b.lo or, if less, a.lo < b.lo.
/// All of these lie in (-2^17, 2^17), so they are below 2^16 modulo p only if they are as integers.
template <class B>
[[gnu::always_inline]] inline void assert_order(B& air, const Expr<B>& real,
                                                const Expr<B>& is_signed, const Limbs<Expr<B>>& a,
                                                const Limbs<Expr<B>>& b,
                                                const Order<Expr<B>>& order) {
  using E = Expr<B>;
  air.assert_bool("less", order.less);
  air.assert_bool("negative a", order.negative_a);
  air.assert_bool("negative b", order.negative_b);
  air.assert_bool("by hi", order.by_hi);
  const E a_hi = a.hi + is_signed * (kLimb / 2) - order.negative_a * kLimb;
  const E b_hi = b.hi + is_signed * (kLimb / 2) - order.negative_b * kLimb;
  air.send(kRange16, real, {a_hi});
  air.send(kRange16, real, {b_hi});
  const E d = a_hi - b_hi;
  air.assert_zero("high limbs are equal", (1 - order.by_hi) * d);
  air.assert_equal("distance", order.distance,
                   order.by_hi * ((1 - order.less * 2) * d - 1) +
                       (1 - order.by_hi) * (a.lo - b.lo + order.less * kLimb));
  air.send(kRange16, real, {order.distance});
}

inline Order<Fp> order_of(uint32_t a, uint32_t b, bool is_signed) {
  const uint32_t flip = is_signed ? 1u << 31 : 0;
  const uint32_t x = a ^ flip, y = b ^ flip, x_hi = x >> 16, y_hi = y >> 16;
  const bool less = x < y, by_hi = x_hi != y_hi;
  const uint32_t distance = by_hi ? (less ? y_hi - x_hi : x_hi - y_hi) - 1 : (x - y) & 0xffff;
  return {fp(less), fp(is_signed && a >> 31), fp(is_signed && b >> 31), fp(by_hi), fp(distance)};
}

struct Compare {
  static constexpr const char* kName = "compare";
  static constexpr const char* kColumns =
      "clk pc rd rs1 rs2 imm[2] a[2] ta b[2] tb less negative[2] by_hi distance old[2] tc "
      "real reg signed";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, rs2;
    Limbs<T> imm;
    Found<T> a, b;
    Order<T> order;
    Found<T> old;
    T real, reg, is_signed;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    static_assert(number(Operation::kSltu) == number(Operation::kSlt) + 1);
    air.assert_bool("real", row.real);
    air.assert_bool("signed", row.is_signed);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc,
          row.real * number(Operation::kSltu) - row.is_signed + (row.real - row.reg) * kImmediate,
          row.rd, row.rs1, row.rs2, row.imm, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    read_operand(air, row.real, row.reg, row.rs2, row.imm, row.b, row.clk * 4 + 1);
    assert_order(air, row.real, row.is_signed, row.a.value, row.b.value, row.order);
    access_register(air, row.real, row.rd, row.old, {row.order.less, 0}, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rd, and in the register form rs2, as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    constexpr bool kRegister = requires { record.rs2; };
    const bool is_signed = insn.operation % kImmediate == number(Operation::kSlt);
    uint32_t b = insn.imm;
    if constexpr (kRegister) b = record.rs2.value;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .imm = limbs_of(insn.imm),
           .a = found(record.rs1),
           .b = operand(insn, record),
           .order = order_of(record.rs1.value, b, is_signed),
           .old = found(record.rd),
           .real = Fp::one(),
           .reg = fp(kRegister),
           .is_signed = fp(is_signed)};
  }
};

}  // namespace zkvm::stark::chips
