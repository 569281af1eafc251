// sw.
//
//   clk pc | rs1 rs2 offset | a[2] ta | b[2] tb | m[2] tm age_hi | real
//
// a is read from rs1 at time 4 clk, b from rs2 at 4 clk + 1; the word at address a + offset is
// found as m and left as b at 4 clk + 2. Buses: state 2, program 1, each register 3, memory 4,
// range14 of the base 1.
//
// Why it is sound: the program row pins rs1, rs2 and offset to pc. The address leads to the
// writable word that is there or to no place (buses.h): there is no read-only flag, so that a store
// to constants has no row, whatever it would store. b has limbs in range because it comes from
// memory. On padding rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

struct StoreWord {
  static constexpr const char* kName = "sw";
  static constexpr const char* kColumns =
      "clk pc rs1 rs2 offset a[2] ta b[2] tb m[2] tm age_hi real";
  template <class T>
  struct Cols {
    T clk, pc, rs1, rs2, offset;
    Found<T> a, b;
    FoundInRam<T> m;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kSw), 0, row.rs1, row.rs2, {row.offset, 0}, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    const auto address = form_address(air, row.real, row.a.value, row.offset);
    access_ram(air, row.real, place_of_address(address), row.m, row.b.value, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rs2, memory as in vm::StoreRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .offset = imm_on_bus(insn).lo,
           .a = found(record.rs1),
           .b = found(record.rs2),
           .m = found_in_ram(record.memory, record.clk * 4 + 2),
           .real = Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
