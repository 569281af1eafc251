// From a program to its image, and what a prover keeps of it: the rows of the program table, where
// each word of memory stands in the banks, and the trees of all fixed slots.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "stark/chips/buses.h"
#include "stark/chips/program_row.h"
#include "stark/machine/circuit.h"
#include "stark/machine/image.h"
#include "stark/pcs/commit/committed_tree.h"
#include "stark/protocol/error.h"
#include "vm/elf.h"

namespace zkvm::stark::machine {

/// Rows [row, row + count) of a bank hold the declared words at places [place, place + count).
struct WordRun {
  uint32_t row, place, count;
};

/// A bank's rows; those in no run are not declared, and all zero.
struct BankLayout {
  uint8_t log_height;
  std::vector<WordRun> runs;      // by row, disjoint
  std::vector<uint32_t> initial;  // of the first rows; of all others 0

  [[nodiscard]] uint32_t initial_word(uint32_t row) const {
    return row < initial.size() ? initial[row] : 0;
  }
};

/// A target that no branch or jal can reach: pcs are multiples of 4, and not 0.
inline constexpr uint32_t kNoTarget = 1;

/// The row of the program table for `word` at `pc` of the text.
[[nodiscard]] chips::ProgramRow program_row(const vm::Region& text, uint32_t pc, uint32_t word);

class ProgramImage {
 public:
  /// REQUIRES: the program is one that vm::load_elf accepted.
  /// Errors: kFormat, if it is too large for this rate.
  [[nodiscard]] static Result<ProgramImage> of(const vm::Program& program, uint8_t log_blowup);

  [[nodiscard]] const Image& image() const { return image_; }
  /// Row i is word i of the text: `index` of the execution record.
  [[nodiscard]] std::span<const chips::ProgramRow> program() const { return program_; }
  /// The read-only words, of all regions one after another, by place.
  [[nodiscard]] std::span<const BankLayout> constants() const { return constants_; }
  /// Bank 0 are the machine words; row i of a bank b > 0 is word image().banks[b - 1].base + i.
  [[nodiscard]] const BankLayout& bank(uint16_t bank) const { return banks_[bank]; }
  /// The bank of RAM that a word of the program's memory (address / 4) falls in; 0 if none does.
  [[nodiscard]] uint16_t bank_of(uint32_t word) const;

  /// The trees of the fixed slots of this image's circuit for these uses. Trees of banks are made
  /// when they are first asked for and kept. Not thread safe. The result is valid as long as this.
  [[nodiscard]] SlotTrees fixed_trees(const Circuit& circuit, std::span<const BankUse> uses);

 private:
  ProgramImage() = default;
  [[nodiscard]] CommittedTree commit(const Circuit& circuit, const std::string& slot) const;
  [[nodiscard]] Witness fixed_tables(const Circuit& circuit, const std::string& slot) const;
  [[nodiscard]] Result<Circuit> circuit_of_all_banks() const;
  [[nodiscard]] uint16_t bank_count() const { return static_cast<uint16_t>(banks_.size()); }

  Image image_;
  std::vector<chips::ProgramRow> program_;
  std::vector<BankLayout> constants_;
  std::vector<BankLayout> banks_;
  std::map<std::string, std::unique_ptr<CommittedTree>> trees_;  // by slot
};

}  // namespace zkvm::stark::machine
