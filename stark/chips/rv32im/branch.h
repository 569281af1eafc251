// Conditional branches.
//
//   BranchEqual   clk pc | rs1 rs2 target next_pc | a[2] ta | b[2] tb | equal inverse | real ne
//   Branch        the same, without what is behind tb | order[5] inverse | real signed equality not
//
// a is read from rs1 at time 4 clk, b from rs2 at 4 clk + 1; next_pc is target, or pc + 4. beq, blt
// and bltu are taken where a = b or a < b; bne, bge and bgeu (ne, not = 1) where they are not.
// Branch has all six; in beq and bne, where equality is 1, order.less is a = b. BranchEqual is for
// segments with many of these two. Buses: state 2, program 1, each register 3; Branch: order 3
// (compare.h).
//
// Why it is sound: the program row pins registers, target, and by its operation the flags; a and b
// are what memory holds, which leaves one value for `equal` and order.less, so for `taken`, so for
// next_pc. Booleans other than `real` need not be 0 on padding rows: nothing there has traffic.
#pragma once

#include "stark/chips/rv32im/compare.h"

namespace zkvm::stark::chips {

/// Steps to `target` where `taken` is 1, to pc + 4 where it is 0. next_pc: a column, because taken
/// * target is not affine.
template <class B>
[[gnu::always_inline]] inline void branch(B& air, const Expr<B>& real, const Expr<B>& clk,
                                          const Expr<B>& pc, const Expr<B>& taken,
                                          const Expr<B>& target, const Expr<B>& next_pc) {
  air.assert_equal("next pc", next_pc, pc + real * 4 + taken * (target - pc - 4));
  step(air, real, clk, pc, next_pc);
}

/// x != y of booleans.
template <class E>
[[gnu::always_inline]] inline E exclusive_or(const E& x, const E& y) {
  return x + y - x * y * 2;
}

/// 0 only if a = b: lo^2 - 3 hi^2 of the differences of the limbs.
/// SOUNDNESS: 0 only if lo = hi = 0, because 3 generates F* and so is no square. (The word as one
/// element does not do: 0x7f000001 would equal 0.)
template <class E>
[[gnu::always_inline]] inline E norm_of_difference(const Limbs<E>& a, const Limbs<E>& b) {
  static_assert(Fp::kGenerator == 3);
  const E lo = a.lo - b.lo, hi = a.hi - b.hi, square = hi * hi;
  return lo * lo - (square + square + square);
}

/// For fill().
inline Fp inverse_of_norm(uint32_t a, uint32_t b) {
  return a == b ? Fp::zero() : inverse(norm_of_difference(limbs_of(a), limbs_of(b)));
}

struct BranchEqual {
  static constexpr const char* kName = "beq";
  static constexpr const char* kColumns =
      "clk pc rs1 rs2 target next_pc a[2] ta b[2] tb equal inverse real ne";
  template <class T>
  struct Cols {
    T clk, pc, rs1, rs2, target, next_pc;
    Found<T> a, b;
    T equal, inverse, real, is_ne;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    static_assert(number(Operation::kBne) == number(Operation::kBeq) + 1);
    air.assert_bool("real", row.real);
    air.assert_bool("ne", row.is_ne);
    branch(air, row.real, row.clk, row.pc, exclusive_or<E>(row.equal, row.is_ne), row.target,
           row.next_pc);
    fetch(air, row.real, row.pc, row.real * number(Operation::kBeq) + row.is_ne, 0, row.rs1,
          row.rs2, {0, 0}, row.target);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    const E norm = norm_of_difference<E>(row.a.value, row.b.value);
    // SOUNDNESS: norm = 0 leaves equal = 1 on live rows, any other norm equal = 0.
    air.assert_zero("equal", row.equal * norm);
    air.assert_equal("not equal", norm * row.inverse, row.real - row.equal);
  }

  /// `record`: clk, rs1, rs2 as in vm::BranchRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const bool equal = record.rs1.value == record.rs2.value;
    const bool is_ne = insn.operation == number(Operation::kBne);
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .target = fp(insn.target),
           .next_pc = fp(equal != is_ne ? insn.target : insn.pc + 4),
           .a = found(record.rs1),
           .b = found(record.rs2),
           .equal = fp(equal),
           .inverse = inverse_of_norm(record.rs1.value, record.rs2.value),
           .real = Fp::one(),
           .is_ne = fp(is_ne)};
  }
};

struct Branch {
  static constexpr const char* kName = "branch";
  static constexpr const char* kColumns =
      "clk pc rs1 rs2 target next_pc a[2] ta b[2] tb less negative[2] by_hi distance inverse "
      "real signed equality not";
  template <class T>
  struct Cols {
    T clk, pc, rs1, rs2, target, next_pc;
    Found<T> a, b;
    Order<T> order;
    T inverse;
    T real, is_signed, is_equality, is_not;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    static_assert(number(Operation::kBne) == number(Operation::kBeq) + 1);
    static_assert(number(Operation::kBltu) == number(Operation::kBlt) + 2);
    static_assert(number(Operation::kBge) == number(Operation::kBlt) + 1);
    static_assert(number(Operation::kBgeu) == number(Operation::kBltu) + 1);
    constexpr int kFromLess = number(Operation::kBltu) - number(Operation::kBeq);
    const E is_order = row.real - row.is_equality;
    air.assert_bool("real", row.real);
    air.assert_bool("signed", row.is_signed);
    air.assert_bool("equality", row.is_equality);
    air.assert_bool("order", is_order);
    air.assert_bool("not", row.is_not);
    branch(air, row.real, row.clk, row.pc, exclusive_or<E>(row.order.less, row.is_not), row.target,
           row.next_pc);
    // SOUNDNESS: signed together with equality would be the number of slt or sltu, but their
    // program rows have an rd of 1 to 32, and here it is 0.
    fetch(air, row.real, row.pc,
          row.real * number(Operation::kBltu) - row.is_signed * 2 - row.is_equality * kFromLess +
              row.is_not,
          0, row.rs1, row.rs2, {0, 0}, row.target);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    const Limbs<E>&a = row.a.value, &b = row.b.value;
    assert_order(air, is_order, row.is_signed, a, b, row.order);
    // SOUNDNESS: where is_equality is 1, assert_order shows nothing, and less = 1 means a = b; less
    // = 0 means norm != 0.
    air.assert_zero("equal", row.is_equality * row.order.less * (a.lo - b.lo));
    air.assert_zero("equal", row.is_equality * row.order.less * (a.hi - b.hi));
    air.assert_equal("not equal", norm_of_difference<E>(a, b) * row.inverse,
                     row.is_equality * (1 - row.order.less));
  }

  /// `record`: clk, rs1, rs2 as in vm::BranchRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const auto operation = static_cast<Operation>(insn.operation);
    const bool is_signed = operation == Operation::kBlt || operation == Operation::kBge;
    const bool is_equality = operation == Operation::kBeq || operation == Operation::kBne;
    const bool is_not = operation == Operation::kBne || operation == Operation::kBge ||
                        operation == Operation::kBgeu;
    const uint32_t a = record.rs1.value, b = record.rs2.value;
    const Order<Fp> order = is_equality ? equality_as_order(a, b) : order_of(a, b, is_signed);
    const bool taken = (order.less == Fp::one()) != is_not;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .target = fp(insn.target),
           .next_pc = fp(taken ? insn.target : insn.pc + 4),
           .a = found(record.rs1),
           .b = found(record.rs2),
           .order = order,
           .inverse = is_equality ? inverse_of_norm(a, b) : Fp::zero(),
           .real = Fp::one(),
           .is_signed = fp(is_signed),
           .is_equality = fp(is_equality),
           .is_not = fp(is_not)};
  }

 private:
  /// With which assert_order's asserts hold, and less = (a = b).
  static Order<Fp> equality_as_order(uint32_t a, uint32_t b) {
    const Fp d = fp(a >> 16) - fp(b >> 16);
    return {.less = fp(a == b),
            .negative_a = Fp::zero(),
            .negative_b = Fp::zero(),
            .by_hi = Fp::one(),
            .distance = (a == b ? -d : d) - Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
