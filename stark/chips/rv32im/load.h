// lw.
//
//   clk pc | rd rs1 offset | a[2] ta | m[2] tm age_hi | read_only | old[2] tc | real
//
// a is read from rs1 at time 4 clk; m, the word at address a + offset, at 4 clk + 1; rd gets it at
// 4 clk + 2, where the access finds old. The place says by `read_only` which kind of memory it is
// in. Buses: state 2, program 1, each register 3, memory 4, range14 of the base 1.
//
// Why it is sound: the program row pins rd, rs1 and offset to pc. The address leads to at most one
// place (buses.h), read_only or not: only one of both kinds is declared, so the flag is not the
// prover's choice. m has limbs in range because it comes from memory, and is passed on. On padding
// rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

struct LoadWord {
  static constexpr const char* kName = "lw";
  static constexpr const char* kColumns =
      "clk pc rd rs1 offset a[2] ta m[2] tm age_hi read_only old[2] tc real";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, offset;
    Found<T> a;
    FoundInRam<T> m;
    T read_only;
    Found<T> old;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    air.assert_bool("read only", row.read_only);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kLw), row.rd, row.rs1, 0, {row.offset, 0}, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    const auto address = form_address(air, row.real, row.a.value, row.offset);
    access_ram(air, row.real, place_of_address(address) + row.read_only * kReadOnlyBase, row.m,
               row.m.value, row.clk * 4 + 1);
    access_register(air, row.real, row.rd, row.old, row.m.value, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, memory, rd as in vm::LoadRow. `read_only`: what kind of memory it reads.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record, bool read_only) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .offset = imm_on_bus(insn).lo,
           .a = found(record.rs1),
           .m = found_in_ram(record.memory, record.clk * 4 + 1),
           .read_only = fp(read_only),
           .old = found(record.rd),
           .real = Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
