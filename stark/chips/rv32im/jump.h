// jalr, which is also jal (program.h).
//
//   Jalr   clk pc | rd rs1 imm link_hi | a[2] ta | odd | old[2] tc | real
//
// a is read from rs1 at time 4 clk; rd becomes pc + 4 at 4 clk + 2; t = a + imm, and the next pc is
// t - odd: t with bit 0 clear. Buses: state 2, program 1, each register 3, range14 1.
//
// Why it is sound: the program row pins rd, rs1, imm and the high limb of pc + 4; the low one is
// the rest of pc + 4. t is an integer in an interval shorter than p (form_address), and t - odd is
// t or t - 1. As integers below p, pcs of the program table are multiples of 4, so a row can follow
// only if t - odd is the pc that the manual says, whatever `odd` is: where the VM traps, at targets
// that are misaligned or not text, none does. kHaltPc is out of t's reach.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

struct Jalr {
  static constexpr const char* kName = "jalr";
  static constexpr const char* kColumns = "clk pc rd rs1 imm link_hi a[2] ta odd old[2] tc real";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, imm, link_hi;
    Found<T> a;
    T odd;
    Found<T> old;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    air.assert_bool("real", row.real);
    air.assert_bool("odd", row.odd);
    const E t = form_address(air, row.real, row.a.value, row.imm);
    step(air, row.real, row.clk, row.pc, t - row.odd);
    fetch(air, row.real, row.pc, number(Operation::kJalr), row.rd, row.rs1, 0, {row.imm, 0},
          row.link_hi);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    access_register(air, row.real, row.rd, row.old, {row.pc + 4 - row.link_hi * kLimb, row.link_hi},
                    row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rd as in vm::ImmediateRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .imm = imm_on_bus(insn).lo,
           .link_hi = fp(insn.target),
           .a = found(record.rs1),
           .odd = fp((record.rs1.value + insn.imm) & 1),
           .old = found(record.rd),
           .real = Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
