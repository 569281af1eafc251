// The text, decoded ahead for the executors: one Insn per word, 16 bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vm/elf.h"
#include "vm/isa.h"
#include "vm/system.h"

namespace zkvm::vm {

struct Insn {
  void (*handler)();  // the executor's code for op, cast; unused where it dispatches by switch
  Op op;
  uint8_t rd, rs1, rs2;  // rd = x0 is kDummyRegister
  uint32_t imm;          // auipc: pc + immediate; branch and jal: distance in Insns, or kBadTarget
};
static_assert(sizeof(Insn) == 16);

// A branch or jal to a misaligned address or out of the text: legal until it is taken.
inline constexpr uint32_t kBadTarget = 0x80000000;

// The operands as the executors and the proof's program table use them: rd = x0 becomes the dummy,
// auipc's immediate becomes the constant pc + imm, and add and mul with rd = rs2 have their operands
// swapped (the proof's rows for rd = rs1 are narrower).
Decoded decode_at(uint32_t word, uint32_t pc);

// Decodes the text and appends one kIllegal, so that running off its end is an instruction too.
// Insn::handler is null.
std::vector<Insn> decode_text(const Region& text);

// Word i of the text.
uint32_t text_word(const Region& text, uint32_t i);

}  // namespace zkvm::vm
