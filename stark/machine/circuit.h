// The circuit of one segment, from the image and from how the segment uses the banks; and what the
// statement of its proof consists of. Verifier and prover both make it, so no key is ever sent.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/machine/image.h"
#include "stark/protocol/error.h"
#include "stark/protocol/key.h"

namespace zkvm::stark::machine {

/// The machine words' bank. Bank b > 0 is image.banks[b - 1].
inline constexpr uint16_t kMachineBank = 0;

/// How a segment uses a bank that it touches.
struct BankUse {
  uint16_t bank;
  bool from_image;  // no segment before touched it: its words start as in the image
  bool kept;        // a later segment touches it and needs the words as they are at the end
  auto operator<=>(const BankUse&) const = default;
};

/// That uses are ascending by bank, of banks that there are, the machine bank among them. Errors:
/// kStatement.
[[nodiscard]] Result<void> check_bank_uses(const Image& image, std::span<const BankUse> uses);

// Names of slots, for Circuit::slot(). `image` has all fixed columns but those of banks of RAM.
inline constexpr const char* kImageSlot = "image";
[[nodiscard]] std::string bank_slot(uint16_t bank);      // fixed; of a bank of RAM
[[nodiscard]] std::string bank_in_slot(uint16_t bank);   // shared
[[nodiscard]] std::string bank_out_slot(uint16_t bank);  // shared

// Names of chips that are placed more than once, for Circuit::chip().
[[nodiscard]] std::string constants_chip(size_t index);  // of image.log_constants
[[nodiscard]] std::string bank_chip(uint16_t bank);

/// The circuit of a segment with these uses. REQUIRES: the image is checked. `kernels`: for a
/// prover, &chip_kernels (chip_kernels.h). Errors: those of check_bank_uses.
[[nodiscard]] Result<Circuit> machine_circuit(const Image& image, std::span<const BankUse> uses,
                                              const AssertKernels& (*kernels)() = nullptr);

/// What a segment does that all may see.
struct SegmentClaim {
  uint32_t journal_begin = 0;              // position of its first word in the whole journal
  std::vector<uint32_t> journal;           // the words that it writes
  std::optional<uint32_t> exit_code = {};  // the last segment's
};

/// The verifier's side of the buses: every word of the journal is received once, in its place, the
/// exit code once if there is one. REQUIRES: journal_begin + journal.size() <= 2^28.
[[nodiscard]] std::vector<PublicInteraction> segment_publics(const SegmentClaim& claim);

/// Roots of a bank's shared trees; of those that its use does not have, anything.
struct BankRoots {
  Digest in{}, out{};
};

/// The statement of a segment's proof. roots[i] belongs to uses[i].
[[nodiscard]] Statement segment_statement(const Circuit& circuit, const SegmentClaim& claim,
                                          std::span<const BankUse> uses,
                                          std::span<const BankRoots> roots);

}  // namespace zkvm::stark::machine
