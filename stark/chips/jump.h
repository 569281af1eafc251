// jal and jalr.
//
//   Jal    clk pc | rd link[2] target | old[2] tc | real
//   Jalr   clk pc | rd rs1 imm[2] link_hi | a[2] ta | quarter odd t_hi | old[2] tc | real
//
// rd becomes pc + 4 at time 4 clk + 2. Jal goes to target. Jalr reads a from rs1 at 4 clk, adds imm
// to t = 4 quarter + odd + 2^16 t_hi and goes to t - odd. Buses: state 2, program 1, each register
// 3; Jalr: range14 2.
//
// Why it is sound: the program row pins rd, rs1, imm, target and the limbs of pc + 4 (of Jalr's the
// high one; the low one is the rest of pc + 4). Jalr's t has limbs in range, because quarter <
// 2^14, odd is a boolean and t_hi < 2^14; then assert_sum leaves one value for it, and division by
// 4 for quarter and odd. Where the VM traps no row exists: t_hi < 2^14 refuses addresses of 2^30
// and more, and t - odd is a multiple of 4.
#pragma once

#include "stark/chips/cpu.h"

namespace zkvm::stark::chips {

struct Jal {
  static constexpr const char* kName = "jal";
  static constexpr const char* kColumns = "clk pc rd link[2] target old[2] tc real";
  template <class T>
  struct Cols {
    T clk, pc, rd;
    Word<T> link;
    T target;
    Found<T> old;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.target);
    fetch(air, row.real, row.pc, number(Operation::kJal), row.rd, 0, 0, row.link, row.target);
    access_register(air, row.real, row.rd, row.old, row.link, row.clk * 4 + 2);
  }

  /// `record`: clk, rd as in vm::JumpRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .link = word_of(insn.imm),
           .target = fp(insn.target),
           .old = found(record.rd),
           .real = Fp::one()};
  }
};

struct Jalr {
  static constexpr const char* kName = "jalr";
  static constexpr const char* kColumns =
      "clk pc rd rs1 imm[2] link_hi a[2] ta quarter odd t_hi old[2] tc real";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1;
    Word<T> imm;
    T link_hi;
    Found<T> a;
    T quarter, odd, t_hi;
    Found<T> old;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    air.assert_bool("real", row.real);
    air.assert_bool("odd", row.odd);
    const Word<E> target = {row.quarter * 4, row.t_hi};
    step(air, row.real, row.clk, row.pc, target.lo + target.hi * kLimb);
    fetch(air, row.real, row.pc, number(Operation::kJalr), row.rd, row.rs1, 0, row.imm,
          row.link_hi);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    assert_sum(air, "t = a + imm", row.a.value, row.imm, {target.lo + row.odd, target.hi});
    air.send(kRange14, row.real, {row.quarter});
    air.send(kRange14, row.real, {row.t_hi});
    access_register(air, row.real, row.rd, row.old, {row.pc + 4 - row.link_hi * kLimb, row.link_hi},
                    row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rd as in vm::ImmediateRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t t = record.rs1.value + insn.imm;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .imm = word_of(insn.imm),
           .link_hi = fp(insn.target),
           .a = found(record.rs1),
           .quarter = fp((t & 0xffff) >> 2),
           .odd = fp(t & 1),
           .t_hi = fp(t >> 16),
           .old = found(record.rd),
           .real = Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
