// The image of a program: all that a verifier needs to know of it. Whoever has the ELF can make it
// again (image_builder.h); its id, 32 bytes, names the program.
//
// It pins, by the roots of trees of fixed columns, the program table, the constants and the initial
// memory, the entry point among it. Format: stark/doc/format.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stark/hash/blake3.h"
#include "stark/protocol/error.h"
#include "stark/protocol/key.h"

namespace zkvm::stark::machine {

// Masks weigh more in a short table, which raises the rate and with it the number of queries of the
// whole proof, twice as much where columns are shared. So tables that every segment has are not the
// short ones; whether others are is the prover's choice (table_heights.h).
inline constexpr uint8_t kMinLogHeight = 12;  // of tables without fixed columns
inline constexpr uint8_t kMinLogFixed = 14;
inline constexpr uint8_t kMinLogBank = kMinLogFixed;
inline constexpr uint32_t kMaxBanks = 256;  // of RAM
inline constexpr uint32_t kMaxConstantBanks = 64;

struct Image {
  /// Row i is word base + i.
  struct Bank {
    uint32_t base;  // in words, a multiple of the bank's height
    Digest root;    // of its tree of fixed columns
    bool operator==(const Bank&) const = default;
  };

  uint8_t log_blowup = 1;  // the roots are of trees of this rate
  uint32_t entry = 0;      // for display: the machine bank, in the slot `image`, holds it
  uint8_t log_program = kMinLogFixed;
  std::vector<uint8_t> log_constants;  // heights of the banks of constants
  uint8_t log_bank = kMinLogBank;      // height of each bank of RAM
  std::vector<Bank> banks;             // of RAM, by base
  Digest root{};                       // of the slot `image`, which every segment has

  bool operator==(const Image&) const = default;

  /// The canonical bytes. REQUIRES: what parse() asks for.
  [[nodiscard]] std::vector<uint8_t> serialise() const;
  /// Reads untrusted bytes. That roots are those of any program is not checked: the id says which
  /// image is meant. Errors: kTruncated, kTrailing, kFormat, kNonCanonical.
  [[nodiscard]] static Result<Image> parse(std::span<const uint8_t> bytes);
  /// The checks of parse, for images made otherwise.
  [[nodiscard]] Result<void> check() const;

  /// BLAKE3("zkvm image" || bytes).
  [[nodiscard]] Digest id() const;
};

}  // namespace zkvm::stark::machine
