// A circuit: a list of chips, recorded, with the functions that run them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stark/assert_kernels.h"
#include "stark/checker.h"
#include "stark/chip.h"
#include "stark/key.h"
#include "stark/recorder.h"

namespace zkvm::stark {

struct CircuitOptions {
  struct NamedSlot {
    std::string name;
    Slot::Kind kind;
  };
  std::vector<NamedSlot> slots = {};
  std::map<std::string, uint8_t> log_heights = {};  // of the chips that have slot columns, by name
  const AssertKernels& (*kernels)() = nullptr;      // from ZKVM_SIMD_TABLE, see assert_kernels.h
};

class Circuit {
 public:
  /// Records the chips. Errors: kKey, with every complaint about every chip.
  template <ChipDefinition... Chips>
  static Result<Circuit> make(ChipList<Chips...>, CircuitOptions options) {
    return make({record_chip<Chips>()...}, {&check_row<Chips>...}, std::move(options));
  }

  [[nodiscard]] const VerifyingKey& key() const { return key_; }
  /// The root of a fixed slot, once its tree is known.
  void set_fixed_root(uint16_t slot, const Digest& root);

  [[nodiscard]] const std::vector<RecordedChip>& chips() const { return chips_; }
  /// Index of the chip or slot of this name. REQUIRES: there is one.
  [[nodiscard]] uint16_t chip(std::string_view name) const;
  [[nodiscard]] uint16_t slot(std::string_view name) const;
  /// "memory", or "bus 7" if no chip uses it.
  [[nodiscard]] std::string bus_name(uint16_t bus) const;

  [[nodiscard]] RowCheck row_check(uint16_t chip) const { return row_checks_[chip]; }
  /// Asserts of a chip for the SIMD target in use. REQUIRES: options.kernels was given.
  [[nodiscard]] AssertKernel assert_kernel(uint16_t chip) const;

 private:
  static Result<Circuit> make(std::vector<RecordedChip> chips, std::vector<RowCheck> row_checks,
                              CircuitOptions options);

  VerifyingKey key_;
  std::vector<RecordedChip> chips_;
  std::vector<RowCheck> row_checks_;
  std::vector<std::string> slot_names_;
  const AssertKernels& (*kernels_)() = nullptr;
};

}  // namespace zkvm::stark
