// From the words of a text to the rows of the program table.
#pragma once

#include <cstdint>

#include "stark/chips/program_row.h"
#include "vm/elf.h"

namespace zkvm::stark::machine {

/// A target that no branch or jal can reach: pcs are multiples of 4, and not 0.
inline constexpr uint32_t kNoTarget = 1;

/// The row of the program table for `word` at `pc` of the text.
[[nodiscard]] chips::ProgramRow program_row(const vm::Region& text, uint32_t pc, uint32_t word);

}  // namespace zkvm::stark::machine
