// Rows of loads and stores at given addresses.
#pragma once

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {

// As vm::LoadRow and vm::StoreRow.
struct LoadRecord {
  uint32_t clk;
  RecordAccess rs1, memory, rd;
};
struct StoreRecord {
  uint32_t clk;
  RecordAccess rs1, rs2, memory;
};

/// Words in which signs and halves differ.
inline constexpr uint32_t kWords[] = {0,          0xffffffff, 0x80808080, 0x7f7f7f7f,
                                      0x0180ff7f, 0x7fff8000, 0x80007fff, 0x12345678};

inline uint32_t any_clk(std::mt19937_64& random) {
  return static_cast<uint32_t>(1 + random() % ((1 << 22) - 1));
}
inline ProgramRow memory_insn(Operation operation, uint32_t imm, std::mt19937_64& random) {
  return {.pc = static_cast<uint32_t>(random() % (1u << 28)) * 4,
          .operation = number(operation),
          .rd = 0,
          .rs1 = static_cast<uint32_t>(random() % 32),
          .rs2 = 0,
          .imm = imm,
          .target = 0};
}

template <class Chip>
typename Chip::template Cols<Fp> load_row(Operation operation, uint32_t base, uint32_t imm,
                                          uint32_t word, bool read_only, std::mt19937_64& random) {
  const uint32_t clk = any_clk(random);
  const LoadRecord record{clk, register_access(base, 4 * clk, random),
                          ram_access(word, 4 * clk + 1, random),
                          register_access(static_cast<uint32_t>(random()), 4 * clk + 2, random)};
  ProgramRow insn = memory_insn(operation, imm, random);
  insn.rd = static_cast<uint32_t>(1 + random() % 32);
  typename Chip::template Cols<Fp> row;
  Chip::fill(row, insn, record, read_only);
  return row;
}

template <class Chip>
typename Chip::template Cols<Fp> store_row(Operation operation, uint32_t base, uint32_t imm,
                                           uint32_t value, uint32_t word, std::mt19937_64& random) {
  const uint32_t clk = any_clk(random);
  const StoreRecord record{clk, register_access(base, 4 * clk, random),
                           register_access(value, 4 * clk + 1, random),
                           ram_access(word, 4 * clk + 2, random)};
  ProgramRow insn = memory_insn(operation, imm, random);
  insn.rs2 = static_cast<uint32_t>(random() % 32);
  typename Chip::template Cols<Fp> row;
  Chip::fill(row, insn, record);
  return row;
}

// At an address that may be declared, with some offset.
template <class Chip>
typename Chip::template Cols<Fp> load_at(Operation operation, uint32_t address, uint32_t word,
                                         std::mt19937_64& random) {
  const auto imm = static_cast<uint32_t>(random() % 4096) - 2048;
  return load_row<Chip>(operation, address - imm, imm, word, random() % 2 == 0, random);
}
template <class Chip>
typename Chip::template Cols<Fp> store_at(Operation operation, uint32_t address, uint32_t value,
                                          uint32_t word, std::mt19937_64& random) {
  const auto imm = static_cast<uint32_t>(random() % 4096) - 2048;
  return store_row<Chip>(operation, address - imm, imm, value, word, random);
}

}  // namespace zkvm::stark::chips::test
