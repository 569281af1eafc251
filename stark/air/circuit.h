// A circuit: chips, recorded, placed in slots and heights, with the functions that run them.
//
// Part of the verifier's library: a verifier that knows the chips makes the key itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stark/air/assert_kernels.h"
#include "stark/air/chip.h"
#include "stark/air/recorder.h"
#include "stark/air/row_check.h"
#include "stark/protocol/key.h"
#include "stark/protocol/statement.h"

namespace zkvm::stark {

/// A chip of the list once more, under another name, in other slots and with another height.
struct ChipInstance {
  std::string chip;  // its name in the list
  std::string name;
  std::map<std::string, std::string> slots = {};  // from the chip's slots to the circuit's
  uint8_t log_height = kFreeHeight;               // fixed if and only if it has slot columns
  /// From the chip's slots to its first column there; slots that are not named give it columns of
  /// its own, behind those of the chips before.
  std::map<std::string, uint16_t> first_columns = {};
  /// Added to the first value of each tuple, below p. With a base all tuples are of one bus: what is
  /// a place on that bus is something else on others, which must not move.
  uint32_t base = 0;
  uint16_t base_bus = 0;
};

struct CircuitOptions {
  struct NamedSlot {
    std::string name;
    Slot::Kind kind;
    std::vector<Slot::Row> rows = {};  // columns that stand there before any chip's own
  };
  std::vector<NamedSlot> slots = {};
  std::map<std::string, uint8_t> log_heights = {};  // of the chips that have slot columns, by name
  // Chips of the list that occur only as instances, and the instances: they follow the other chips.
  std::vector<std::string> templates = {};
  std::vector<ChipInstance> instances = {};
  const AssertKernels& (*kernels)() = nullptr;  // from ZKVM_SIMD_KERNELS, see assert_kernels.h
};

class Circuit {
 public:
  /// Places the chips. Each is recorded once in a process, when a circuit first has it: those that few
  /// circuits have cost the others nothing. Errors: kKey, with every complaint about every chip.
  template <ChipDefinition... Chips>
  static Result<Circuit> make(ChipList<Chips...>, const CircuitOptions& options) {
#if defined(ZKVM_VERIFIER_ALONE)  // host/web: nobody there has rows to check, and the functions are a quarter of it
    static const std::vector<ChipType> types = {{Chips::kName, &recorded_once<Chips>, nullptr}...};
#else
    static const std::vector<ChipType> types = {
        {Chips::kName, &recorded_once<Chips>, &check_row<Chips>}...};
#endif
    return make(types, options);
  }

  [[nodiscard]] const VerifyingKey& key() const { return key_; }
  /// The root of a fixed slot, once its tree is known, and the blowup of that tree.
  void set_fixed_root(uint16_t slot, const Digest& root, uint8_t log_blowup);

  /// A chip as the list has it, for the names of its columns, asserts and buses. Its own name,
  /// slots and height are those of key().chips[chip].
  [[nodiscard]] const RecordedChip& recorded(uint16_t chip) const {
    return (*list_)[types_[chip]].recorded();
  }
  /// Index of the chip or slot of this name. REQUIRES: there is one.
  [[nodiscard]] uint16_t chip(std::string_view name) const;
  [[nodiscard]] uint16_t slot(std::string_view name) const;
  /// "memory", or "bus 7" if no chip uses it.
  [[nodiscard]] std::string bus_name(uint16_t bus) const;

  /// What is added to the first value of each of the chip's tuples, beyond what eval() says.
  [[nodiscard]] Fp base(uint16_t chip) const { return bases_[chip]; }
  /// Runs the chip's eval() on a row and the next one, and adds the base to its tuples.
  void run_row(uint16_t chip, RowChecker& air, const RowValue* row, const RowValue* next) const {
    (*list_)[types_[chip]].row_check(air, row, next);
    for (auto& entry : air.entries) entry.tuple[0] += bases_[chip];
  }
  /// Asserts of a chip for the SIMD target in use. REQUIRES: options.kernels was given.
  [[nodiscard]] AssertKernel assert_kernel(uint16_t chip) const;

 private:
  struct ChipType {
    const char* name;
    const RecordedChip& (*recorded)();
    RowCheck row_check;
  };
  template <ChipDefinition Chip>
  static const RecordedChip& recorded_once() {
    static const RecordedChip chip = record_chip<Chip>();
    return chip;
  }
  /// `list` must outlive every circuit.
  static Result<Circuit> make(const std::vector<ChipType>& list, const CircuitOptions& options);
  void check_names(std::vector<std::vector<std::string>>& errors) const;

  VerifyingKey key_;
  const std::vector<ChipType>* list_ = nullptr;
  std::vector<size_t> types_;  // of the key's chips: places in the list
  std::vector<Fp> bases_;      // of the key's chips
  std::map<std::string, uint16_t, std::less<>> slots_;  // by name
  const AssertKernels& (*kernels_)() = nullptr;
};

/// The side of a bus that the verifier answers. sign +1: a sender, -1: a receiver.
template <size_t Width>
PublicInteraction public_interaction(const Bus<Width>& bus, int8_t sign, const Fp (&tuple)[Width],
                                     Fp multiplicity = Fp::one()) {
  PublicInteraction out{bus.id, sign, multiplicity.wire, {}};
  for (const Fp x : tuple) out.tuple.push_back(x.wire);
  return out;
}

}  // namespace zkvm::stark
