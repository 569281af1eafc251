// and, or, xor and their immediate forms.
//
//   clk pc | rd rs1 rs2 imm[2] | a[4] ta | b[4] tb | both[4] c[2] | old[2] tc | real reg or xor
//
// a is read from rs1 at time 4 clk; b from rs2 at 4 clk + 1, or it is the immediate; both = a & b;
// c goes to rd at 4 clk + 2. a, b and both are bytes, so that the words need no columns.
// Buses: state 2, program 1, each register 3, and8 4.
//
// Why it is sound: each and8 look-up shows that its two operands are bytes and what their `and` is.
// Bytes that make up the limbs found in memory (or in the program row) are the bytes of that word,
// since a limb below 2^16 has one split into two bytes. a + b = (a | b) + (a & b) and
// a + b = (a ^ b) + 2 (a & b) hold limb by limb in the integers, so c has limbs in range. real and
// three booleans that sum to it select one operation, and the fetch says which.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

struct Bits {
  static constexpr const char* kName = "bits";
  static constexpr const char* kColumns =
      "clk pc rd rs1 rs2 imm[2] a[4] ta b[4] tb both[4] c[2] old[2] tc real reg or xor";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, rs2;
    Limbs<T> imm;
    Bytes<T> a;
    T ta;
    Bytes<T> b;
    T tb;
    Bytes<T> both;
    Limbs<T> c;
    Found<T> old;
    T real, reg, is_or, is_xor;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    constexpr int kOr = number(Operation::kOr) - number(Operation::kAnd);
    constexpr int kXor = number(Operation::kXor) - number(Operation::kAnd);
    air.assert_bool("real", row.real);
    air.assert_bool("or", row.is_or);
    air.assert_bool("xor", row.is_xor);
    air.assert_bool("and", row.real - row.is_or - row.is_xor);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    const E operation = row.real * number(Operation::kAnd) + row.is_or * kOr + row.is_xor * kXor +
                        (row.real - row.reg) * kImmediate;
    fetch(air, row.real, row.pc, operation, row.rd, row.rs1, row.rs2, row.imm, 0);

    const Limbs<E> a = limbs_of(row.a), b = limbs_of(row.b), both = limbs_of(row.both);
    read_register(air, row.real, row.rs1, {a, row.ta}, row.clk * 4);
    read_operand(air, row.real, row.reg, row.rs2, row.imm, {b, row.tb}, row.clk * 4 + 1);
    for (int i = 0; i < 4; ++i)
      air.send(kAnd8, row.real, {row.a.byte[i], row.b.byte[i], row.both.byte[i]});
    assert_result(air, row, a.lo + b.lo, both.lo, row.c.lo);
    assert_result(air, row, a.hi + b.hi, both.hi, row.c.hi);
    access_register(air, row.real, row.rd, row.old, row.c, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rd, and in the register form rs2, as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    constexpr bool kRegister = requires { record.rs2; };
    const auto operation = static_cast<Operation>(insn.operation % kImmediate);
    const bool is_or = operation == Operation::kOr, is_xor = operation == Operation::kXor;
    uint32_t b = insn.imm;
    if constexpr (kRegister) b = record.rs2.value;
    const uint32_t a = record.rs1.value, both = a & b;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .imm = limbs_of(insn.imm),
           .a = bytes_of(a),
           .ta = fp(record.rs1.time),
           .b = bytes_of(b),
           .tb = operand(insn, record).time,
           .both = bytes_of(both),
           .c = limbs_of(is_or    ? a | b
                         : is_xor ? a ^ b
                                  : both),
           .old = found(record.rd),
           .real = Fp::one(),
           .reg = fp(kRegister),
           .is_or = fp(is_or),
           .is_xor = fp(is_xor)};
  }

 private:
  /// c = both, or a + b - both, or a + b - 2 both.
  template <class B>
  [[gnu::always_inline]] static void assert_result(B& air, const Cols<typename B::Var>& row,
                                                   const Expr<B>& sum, const Expr<B>& both,
                                                   const Expr<B>& c) {
    air.assert_equal(
        "c", c, row.real * both + row.is_or * (sum - both * 2) + row.is_xor * (sum - both * 3));
  }
};

}  // namespace zkvm::stark::chips
