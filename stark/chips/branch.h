// Conditional branches.
//
//   BranchEqual   clk pc | rs1 rs2 target next_pc | a[2] ta | b[2] tb | equal inverse | real ne
//   BranchLess    clk pc | rs1 rs2 target next_pc | a[2] ta | b[2] tb | order[5] | real signed ge
//
// a is read from rs1 at time 4 clk, b from rs2 at 4 clk + 1; next_pc is target, or pc + 4. beq, blt
// and bltu are taken where a = b or a < b; bne, bge and bgeu (ne, ge = 1) where they are not.
// Buses: state 2, program 1, each register 3; BranchLess: order 3 (compare.h).
//
// Why it is sound: the program row pins registers, target, and by its operation the flags; a and b
// are what memory holds, which leaves one value for `equal` and order.less, so for `taken`, so for
// next_pc. Booleans other than `real` need not be 0 on padding rows: nothing there has traffic.
#pragma once

#include "stark/chips/compare.h"

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
    const E norm = norm_of(E(row.a.value.lo - row.b.value.lo), E(row.a.value.hi - row.b.value.hi));
    // SOUNDNESS: norm = 0 leaves equal = 1 on live rows, any other norm equal = 0.
    air.assert_zero("equal", row.equal * norm);
    air.assert_equal("not equal", norm * row.inverse, row.real - row.equal);
  }

  /// `record`: clk, rs1, rs2 as in vm::BranchRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const Found<Fp> a = found(record.rs1), b = found(record.rs2);
    const bool equal = record.rs1.value == record.rs2.value;
    const bool is_ne = insn.operation == number(Operation::kBne);
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .target = fp(insn.target),
           .next_pc = fp(equal != is_ne ? insn.target : insn.pc + 4),
           .a = a,
           .b = b,
           .equal = fp(equal),
           .inverse =
               equal ? Fp::zero()
                     : stark::inverse(norm_of(a.value.lo - b.value.lo, a.value.hi - b.value.hi)),
           .real = Fp::one(),
           .is_ne = fp(is_ne)};
  }

 private:
  /// lo^2 - 3 hi^2. SOUNDNESS: 0 only if lo = hi = 0, because 3 generates F* and so is no square.
  /// (The word as one element does not do: 0x7f000001 would equal 0.)
  template <class E>
  [[gnu::always_inline]] static E norm_of(const E& lo, const E& hi) {
    static_assert(Fp::kGenerator == 3);
    const E square = hi * hi;
    return lo * lo - (square + square + square);
  }
};

struct BranchLess {
  static constexpr const char* kName = "blt";
  static constexpr const char* kColumns =
      "clk pc rs1 rs2 target next_pc a[2] ta b[2] tb less negative[2] by_hi distance "
      "real signed ge";
  template <class T>
  struct Cols {
    T clk, pc, rs1, rs2, target, next_pc;
    Found<T> a, b;
    Order<T> order;
    T real, is_signed, is_ge;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    static_assert(number(Operation::kBltu) == number(Operation::kBlt) + 2);
    static_assert(number(Operation::kBge) == number(Operation::kBlt) + 1);
    static_assert(number(Operation::kBgeu) == number(Operation::kBltu) + 1);
    air.assert_bool("real", row.real);
    air.assert_bool("signed", row.is_signed);
    air.assert_bool("ge", row.is_ge);
    branch(air, row.real, row.clk, row.pc, exclusive_or<E>(row.order.less, row.is_ge), row.target,
           row.next_pc);
    fetch(air, row.real, row.pc,
          row.real * number(Operation::kBltu) - row.is_signed * 2 + row.is_ge, 0, row.rs1, row.rs2,
          {0, 0}, row.target);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    assert_order(air, row.real, row.is_signed, row.a.value, row.b.value, row.order);
  }

  /// `record`: clk, rs1, rs2 as in vm::BranchRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const auto operation = static_cast<Operation>(insn.operation);
    const bool is_signed = operation == Operation::kBlt || operation == Operation::kBge;
    const bool is_ge = operation == Operation::kBge || operation == Operation::kBgeu;
    const Order<Fp> order = order_of(record.rs1.value, record.rs2.value, is_signed);
    const bool taken = (order.less == Fp::one()) != is_ge;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .target = fp(insn.target),
           .next_pc = fp(taken ? insn.target : insn.pc + 4),
           .a = found(record.rs1),
           .b = found(record.rs2),
           .order = order,
           .real = Fp::one(),
           .is_signed = fp(is_signed),
           .is_ge = fp(is_ge)};
  }
};

}  // namespace zkvm::stark::chips
