// The words of the banks of RAM as an execution goes on: what the prover keeps between segments.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "stark/machine/circuit.h"
#include "stark/session/image/program_image.h"
#include "vm/record.h"
#include "vm/survey.h"

namespace zkvm::stark::machine {

[[nodiscard]] bool calls_layers(const vm::Segment& segment);

/// The banks that a segment touches, ascending, the machine bank first: it always does. Those of
/// hashes and of groups of layers, if it calls them. Not linked.
[[nodiscard]] std::vector<BankUse> touched_banks(const ProgramImage& image,
                                                 const vm::Survey& survey);

/// Writes what a segment leaves to the words of these banks of RAM.
void take_over(const ProgramImage& image, const vm::Segment& segment,
               std::map<uint16_t, std::vector<uint32_t>>& words);

class BankWords {
 public:
  /// Before the first segment. The image must outlive this.
  explicit BankWords(const ProgramImage& image) : image_(image) {}

  /// The words of a bank of RAM, row by row. REQUIRES: it was opened.
  [[nodiscard]] std::span<const uint32_t> of(uint16_t bank) const { return words_.at(bank); }

  /// In the midst of an execution: the words of a bank of RAM as they are in the guest's memory. The machine's own bank has
  /// none there, and nothing is done.
  void read(uint16_t bank, std::span<const uint8_t> guest_memory);
  /// Before a segment: opens the banks that it is the first to use.
  void open(std::span<const BankUse> uses);
  /// After a segment: takes over what it wrote, and drops the banks that nobody uses any more.
  void close(std::span<const BankUse> uses, const vm::Segment& segment);

 private:
  const ProgramImage& image_;
  std::map<uint16_t, std::vector<uint32_t>> words_;
};

}  // namespace zkvm::stark::machine
