// The program: one row per word of the text, answered as often as it is executed.
//
//   fixed: pc operation rd rs1 rs2 imm[2] target | count
//
// Why it is sound: the fixed columns are pinned by the image, and no two rows have one pc (the text
// is one region). Padding rows, like words that are no instructions, have operation 0, which no
// chip looks up.
#pragma once

#include <cstdint>

#include "stark/chips/program_row.h"
#include "stark/chips/words.h"

namespace zkvm::stark::chips {

struct ProgramTable {
  static constexpr const char* kName = "program";
  static constexpr const char* kColumns = "pc operation rd rs1 rs2 imm[2] target count";
  static constexpr SlotUse kSlots[] = {{"image", 8}};
  template <class T>
  struct Cols {
    T pc, operation, rd, rs1, rs2;
    Limbs<T> imm;
    T target;
    T count;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(
        kProgram, row.count,
        {row.pc, row.operation, row.rd, row.rs1, row.rs2, row.imm.lo, row.imm.hi, row.target});
  }

  static void fill(Cols<Fp>& row, const ProgramRow& insn, uint32_t count) {
    const auto [imm_lo, imm_hi] = imm_on_bus(insn);
    row = {fp(insn.pc),  fp(insn.operation), fp(insn.rd),     fp(insn.rs1),
           fp(insn.rs2), {imm_lo, imm_hi},   fp(insn.target), fp(count)};
  }
};

}  // namespace zkvm::stark::chips
