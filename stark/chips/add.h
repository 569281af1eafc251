// add, sub and addi, which is also lui, auipc and fence (program.h).
//
//   AddImm   clk pc | rd rs1 imm[2] | a[2] ta | c[2] | old[2] tc | real          c = a + imm
//   Add      clk pc | rd rs1 rs2 | a[2] ta | b[2] tb | c[2] | old[2] tc | real   c = a + b
//   Sub      the same                                                           c = a - b
//
// a is read from rs1 at time 4 clk, b from rs2 at 4 clk + 1; c goes to rd at 4 clk + 2, where the
// access finds old. Buses: state 2, program 1, each register 3 (memory 2, range16 1), c range16 2.
//
// Why it is sound: the program row pins rd, rs1, rs2, imm to pc; a and b are what memory holds,
// with limbs in range; c has limbs in range, and then assert_sum leaves one value for it. The time
// columns are free only to name the access before (cpu.h). On padding rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/cpu.h"

namespace zkvm::stark::chips {

struct AddImm {
  static constexpr const char* kName = "addi";
  static constexpr const char* kColumns = "clk pc rd rs1 imm[2] a[2] ta c[2] old[2] tc real";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1;
    Word<T> imm;
    Found<T> a;
    Word<T> c;
    Found<T> old;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kAddImm), row.rd, row.rs1, 0, row.imm, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    assert_sum(air, "c = a + imm", row.a.value, row.imm, row.c);
    check_word(air, row.real, row.c);
    access_register(air, row.real, row.rd, row.old, row.c, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rd as in vm::ImmediateRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .imm = word_of(insn.imm),
           .a = found(record.rs1),
           .c = word_of(record.rs1.value + insn.imm),
           .old = found(record.rd),
           .real = Fp::one()};
  }
};

/// Add and Sub are one template: c = a + b, or c + b = a.
template <bool kSubtract>
struct AddOrSub {
  static constexpr const char* kName = kSubtract ? "sub" : "add";
  static constexpr const char* kColumns = "clk pc rd rs1 rs2 a[2] ta b[2] tb c[2] old[2] tc real";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, rs2;
    Found<T> a, b;
    Word<T> c;
    Found<T> old;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    constexpr Operation kOperation = kSubtract ? Operation::kSub : Operation::kAdd;
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(kOperation), row.rd, row.rs1, row.rs2, {0, 0}, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    if constexpr (kSubtract)
      assert_sum(air, "c + b = a", row.c, row.b.value, row.a.value);
    else
      assert_sum(air, "c = a + b", row.a.value, row.b.value, row.c);
    check_word(air, row.real, row.c);
    access_register(air, row.real, row.rd, row.old, row.c, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rs2, rd as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t a = record.rs1.value, b = record.rs2.value;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .a = found(record.rs1),
           .b = found(record.rs2),
           .c = word_of(kSubtract ? a - b : a + b),
           .old = found(record.rd),
           .real = Fp::one()};
  }
};
using Add = AddOrSub<false>;
using Sub = AddOrSub<true>;

}  // namespace zkvm::stark::chips
