// Instructions as text, in the assembler's syntax without aliases: what runs is what is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace zkvm {

// "lw a0, 8(sp)"; a target of a branch or jump as an absolute address, which is why `pc` matters;
// ".word 0x00000000" for what is no RV32IM instruction.
[[nodiscard]] std::string disassemble(uint32_t word, uint32_t pc);

// Where the branch or jal `word` at `pc` goes when it is taken; nothing for other instructions.
[[nodiscard]] std::optional<uint32_t> jump_target(uint32_t word, uint32_t pc);

}  // namespace zkvm
