// add, sub and addi, which is also lui, auipc and fence (program.h).
//
//   AddImm   clk pc | rd rs1 ta old[2] tc | imm[2] | a[2] | c[2] | real             c = a + imm
//   Add      clk pc | rd rs1 ta old[2] tc | rs2 | a[2] | b[2] tb | c[2] | real subtract
//                                                                           c = a + b or c = a - b
//
// a is read from rs1 at time 4 clk, b from rs2 at 4 clk + 1; c goes to rd at 4 clk + 2, where the
// access finds old. Where rd = rs1, AddImmInPlace and AddInPlace (of add, not of sub) have `rd ta`
// in place of `rd rs1 ta old[2] tc` and one access to it, at 4 clk + 2, that finds a and leaves c.
// Buses: state 2, program 1, each register 3 (memory 2, range16 1), c range16 2.
//
// Why it is sound: the program row pins rd, rs1, rs2, imm to pc, and `subtract`, which is a
// boolean, by its operation; a and b are what memory holds, with limbs in range; c has limbs in
// range, and then assert_sum leaves one value for it (of c + b = a, too). The time columns are free
// only to name the access before (access.h). On padding rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

template <bool kIsInPlace_>
struct AddImmForm {
  static constexpr bool kIsInPlace = kIsInPlace_;
  static constexpr const char* kName = kIsInPlace ? "addi in place" : "addi";
  static constexpr const char* kColumns = kIsInPlace
                                              ? "clk pc rd ta imm[2] a[2] c[2] real"
                                              : "clk pc rd rs1 ta old[2] tc imm[2] a[2] c[2] real";
  template <class T>
  struct Cols {
    T clk, pc;
    Rs1AndRd<T, kIsInPlace> registers;
    Limbs<T> imm, a, c;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kAddImm), row.registers.rd,
          row.registers.source(), 0, row.imm, 0);
    assert_sum(air, "c = a + imm", row.a, row.imm, row.c);
    check_limbs(air, row.real, row.c);
    read_and_write(air, row.real, row.registers, row.a, row.c, row.clk);
  }

  /// `record`: clk, rs1, rd as in vm::ImmediateRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .registers = rs1_and_rd<kIsInPlace>(insn, record),
           .imm = limbs_of(insn.imm),
           .a = limbs_of(record.rs1.value),
           .c = limbs_of(record.rs1.value + insn.imm),
           .real = Fp::one()};
  }
};
using AddImm = AddImmForm<false>;
using AddImmInPlace = AddImmForm<true>;

/// add and sub.
struct Add {
  static constexpr const char* kName = "add";
  static constexpr const char* kColumns =
      "clk pc rd rs1 ta old[2] tc rs2 a[2] b[2] tb c[2] real subtract";
  template <class T>
  struct Cols {
    T clk, pc;
    Rs1AndRd<T, false> registers;
    T rs2;
    Limbs<T> a;
    Found<T> b;
    Limbs<T> c;
    T real, subtract;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    static_assert(number(Operation::kSub) == number(Operation::kAdd) + 1);
    air.assert_bool("real", row.real);
    air.assert_bool("subtract", row.subtract);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, row.subtract + number(Operation::kAdd), row.registers.rd,
          row.registers.rs1, row.rs2, {0, 0}, 0);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    assert_sum_where(air, 1 - row.subtract, "c = a + b", row.a, row.b.value, row.c);
    assert_sum_where(air, row.subtract, "c + b = a", row.c, row.b.value, row.a);
    check_limbs(air, row.real, row.c);
    read_and_write(air, row.real, row.registers, row.a, row.c, row.clk);
  }

  /// `record`: clk, rs1, rs2, rd as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t a = record.rs1.value, b = record.rs2.value;
    const bool subtract = insn.operation == number(Operation::kSub);
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .registers = rs1_and_rd<false>(insn, record),
           .rs2 = fp(insn.rs2),
           .a = limbs_of(a),
           .b = found(record.rs2),
           .c = limbs_of(subtract ? a - b : a + b),
           .real = Fp::one(),
           .subtract = fp(subtract)};
  }
};

/// add, not sub.
struct AddInPlace {
  static constexpr bool kIsInPlace = true;
  static constexpr const char* kName = "add in place";
  static constexpr const char* kColumns = "clk pc rd ta rs2 a[2] b[2] tb c[2] real";
  template <class T>
  struct Cols {
    T clk, pc;
    Rs1AndRd<T, true> registers;
    T rs2;
    Limbs<T> a;
    Found<T> b;
    Limbs<T> c;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kAdd), row.registers.rd, row.registers.rd,
          row.rs2, {0, 0}, 0);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    assert_sum(air, "c = a + b", row.a, row.b.value, row.c);
    check_limbs(air, row.real, row.c);
    read_and_write(air, row.real, row.registers, row.a, row.c, row.clk);
  }

  /// `record`: clk, rs1, rs2, rd as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t a = record.rs1.value, b = record.rs2.value;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .registers = rs1_and_rd<true>(insn, record),
           .rs2 = fp(insn.rs2),
           .a = limbs_of(a),
           .b = found(record.rs2),
           .c = limbs_of(a + b),
           .real = Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
