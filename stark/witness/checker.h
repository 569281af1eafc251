// The checker: runs the chips on a witness and names everything that is wrong, without proving
// anything. For whoever writes a chip or a witness generator.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stark/field/field.h"
#include "stark/witness/witness.h"

namespace zkvm::stark {

class Circuit;

/// One thing that is wrong.
struct CheckFailure {
  enum class Kind : uint8_t { kAssert, kBus };
  Kind kind;
  std::string chip;    // kAssert
  size_t table = 0;    // kAssert: index in the witness
  uint64_t row = 0;    // kAssert
  std::string label;   // of the assert, or name of the bus
  Fp value;            // of the assert; or, modulo p, how much more was sent than received
  std::string detail;  // the row's columns by name; or the tuple and everyone who sent or took it
};

struct CheckReport {
  std::vector<CheckFailure> failures;
  uint64_t total = 0;  // failures found, those beyond the limit included

  [[nodiscard]] bool ok() const { return total == 0; }
  [[nodiscard]] std::string to_string() const;
};

/// Checks all tables and buses, public interactions included. Lists at most `limit` failures.
/// REQUIRES: tables have the widths of their chips; slots are whole (protocol.md section 5).
[[nodiscard]] CheckReport check_witness(const Circuit& circuit, const Witness& witness,
                                        size_t limit = 20);

}  // namespace zkvm::stark
