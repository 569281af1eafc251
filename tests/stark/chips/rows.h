// Random rows of instruction chips around given operands.
#pragma once

#include <cstdint>
#include <random>

#include "stark/air/recorder.h"
#include "tests/stark/chips/row_oracle.h"

namespace zkvm::stark::chips::test {

// The rows of vm/record.h, as far as the chips look.
struct RegisterRecord {
  uint32_t clk;
  RecordAccess rs1, rs2, rd;
};
struct ImmediateRecord {
  uint32_t clk;
  RecordAccess rs1, rd;
};
struct BranchRecord {
  uint32_t clk;
  RecordAccess rs1, rs2;
};

/// Whether a chip is for the form with rd = rs1.
template <class Chip>
inline constexpr bool kIsInPlace = requires { requires Chip::kIsInPlace; };

/// Makes program rows and records, and fills a chip's row from them.
class RowMaker {
 public:
  explicit RowMaker(uint64_t seed) : random(seed) {}

  template <class Chip>
  using Row = typename Chip::template Cols<Fp>;

  uint32_t any() { return static_cast<uint32_t>(random()); }
  uint32_t any_pc() { return any() % (1u << 28) * 4; }

  /// op rd, rs1, rs2
  template <class Chip>
  Row<Chip> with_registers(Operation operation, uint32_t a, uint32_t b) {
    ProgramRow insn = insn_of(operation);
    insn.rd = any_rd();
    insn.rs1 = any() % 32;
    insn.rs2 = any() % 32;
    if constexpr (kIsInPlace<Chip>) {
      insn.rd = insn.rs1 = 1 + any() % 31;
      while (insn.rs2 == insn.rd) insn.rs2 = any() % 32;
    }
    const uint32_t clk = any_clk();
    return filled<Chip>(insn, RegisterRecord{clk, register_access(a, 4 * clk, random),
                                             register_access(b, 4 * clk + 1, random), old_rd(clk)});
  }

  /// op rd, rs1, imm. `operation` without kImmediate, unless it has it from the start.
  template <class Chip>
  Row<Chip> with_immediate(uint32_t operation, uint32_t a, uint32_t imm) {
    ProgramRow insn = insn_of(static_cast<Operation>(operation));
    insn.rd = any_rd();
    insn.rs1 = any() % 32;
    if constexpr (kIsInPlace<Chip>) insn.rd = insn.rs1 = 1 + any() % 31;
    if (operation == number(Operation::kJalr) && !is_short(imm)) insn.rs1 = 0;  // jal
    insn.imm = imm;
    if (operation == number(Operation::kJalr)) insn.target = (insn.pc + 4) >> 16;
    const uint32_t clk = any_clk();
    return filled<Chip>(insn,
                        ImmediateRecord{clk, register_access(a, 4 * clk, random), old_rd(clk)});
  }

  /// op rs1, rs2, target
  template <class Chip>
  Row<Chip> with_target(Operation operation, uint32_t a, uint32_t b) {
    ProgramRow insn = insn_of(operation);
    insn.rs1 = any() % 32;
    insn.rs2 = any() % 32;
    insn.target = any_pc();
    const uint32_t clk = any_clk();
    return filled<Chip>(insn, BranchRecord{clk, register_access(a, 4 * clk, random),
                                           register_access(b, 4 * clk + 1, random)});
  }

  std::mt19937_64 random;

 private:
  ProgramRow insn_of(Operation operation) {
    return {.pc = any_pc(),
            .operation = number(operation),
            .rd = 0,
            .rs1 = 0,
            .rs2 = 0,
            .imm = 0,
            .target = 0};
  }
  uint32_t any_rd() { return 1 + any() % 32; }
  uint32_t any_clk() { return 1 + any() % ((1u << 22) - 1); }
  RecordAccess old_rd(uint32_t clk) { return register_access(any(), 4 * clk + 2, random); }

  template <class Chip, class Record>
  static Row<Chip> filled(const ProgramRow& insn, const Record& record) {
    Row<Chip> row;
    Chip::fill(row, insn, record);
    return row;
  }
};

/// What the recorder has against a chip: nothing, if it is to be of use.
template <class Chip>
void expect_recordable(size_t interactions) {
  const RecordedChip chip = record_chip<Chip>();
  for (const std::string& error : chip.errors) ADD_FAILURE() << error;
  EXPECT_EQ(chip.key.interactions.size(), interactions);
  for (const auto& interaction : chip.key.interactions)
    EXPECT_EQ(interaction.max_multiplicity, 1) << Chip::kName;
}

}  // namespace zkvm::stark::chips::test
