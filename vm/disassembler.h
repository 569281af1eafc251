// Text for one instruction, in the syntax of `objdump -d -M no-aliases`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zkvm::vm {

std::string_view register_name(int r);  // ABI names; REQUIRES: 0 <= r < 32

// "addi\ta0,a0,1"; branches and jumps with their absolute target; other words as ".word\t0x...".
std::string disassemble(uint32_t word, uint32_t pc);

}  // namespace zkvm::vm
