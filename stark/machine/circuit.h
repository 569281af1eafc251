// The circuit of one segment, from the image and from how the segment uses the banks; and what the
// statement of its proof consists of. Verifier and prover both make it, so no key is ever sent.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/machine/image.h"
#include "stark/protocol/error.h"
#include "stark/protocol/key.h"

namespace zkvm::stark::machine {

/// The machine words' bank. The image has the others.
inline constexpr uint16_t kMachineBank = 0;

/// A segment, or none, in four bytes: a hostile receipt has many.
class OptionalSegment {
 public:
  constexpr OptionalSegment() = default;
  constexpr OptionalSegment(uint32_t segment) : index_(segment) {}
  [[nodiscard]] constexpr bool has_value() const { return index_ != kNone; }
  explicit constexpr operator bool() const { return has_value(); }
  /// REQUIRES: it is one.
  constexpr uint32_t operator*() const { return index_; }
  auto operator<=>(const OptionalSegment&) const = default;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t index_ = kNone;
};

/// How a segment uses a bank that it touches.
struct BankUse {
  uint16_t bank;
  bool constant = false;        // of read-only words, which stay as they are in the image
  OptionalSegment before = {};  // segment that left its words; none: they are the image's
  OptionalSegment after = {};   // next segment that uses it; none: its words are forgotten
  auto operator<=>(const BankUse&) const = default;
};

/// Sets `before` and `after` of all uses, segments[i] being those of segment i.
/// SOUNDNESS: so a segment starts from the very words that the last one to use a bank left.
void link_banks(std::span<std::vector<BankUse>* const> segments);

/// That uses are ascending by bank, of banks that there are and of their kind, the machine bank
/// among them. Errors: kStatement.
[[nodiscard]] Result<void> check_bank_uses(const BankMap& banks, std::span<const BankUse> uses);

// Names of slots, for Circuit::slot(). `image` has all fixed columns but those of volumes.
inline constexpr const char* kImageSlot = "image";
inline constexpr const char* kLayersSlot = "layers";      // as the fixed tables of layers call it
[[nodiscard]] std::string layers_slot(size_t group);      // fixed
[[nodiscard]] std::string volume_slot(uint32_t volume);   // fixed
[[nodiscard]] std::string before_slot(uint32_t segment);  // shared: words that it left
[[nodiscard]] std::string after_slot(uint32_t segment);   // shared: words left for it

/// Name of a fixed table of layers in the list of chips; and, for Circuit::chip(), of a group's.
[[nodiscard]] const char* layer_chip(LayerTable table);
[[nodiscard]] std::string layer_chip(LayerTable table, size_t group);

/// Name of a bank's chip, for Circuit::chip().
[[nodiscard]] std::string bank_chip(uint16_t bank);

/// The circuit of a segment with these uses, for proofs of a rate. REQUIRES: the image is checked.
/// `kernels`: for a prover, &chip_kernels (chip_kernels.h). Errors: those of check_bank_uses.
[[nodiscard]] Result<Circuit> machine_circuit(const Image& image, std::span<const BankUse> uses,
                                              const AssertKernels& (*kernels)() = nullptr,
                                              uint8_t log_blowup = 1);

/// What a segment does that all may see.
struct SegmentClaim {
  uint32_t journal_begin = 0;              // position of its first word in the whole journal
  std::vector<uint32_t> journal;           // the words that it writes
  std::optional<uint32_t> exit_code = {};  // the last segment's
};

/// The verifier's side of the buses: every word of the journal is received once, in its place, the
/// exit code once if there is one. REQUIRES: journal_begin + journal.size() <= 2^28.
[[nodiscard]] std::vector<PublicInteraction> segment_publics(const SegmentClaim& claim);

/// Roots of the trees of banks' words that a segment shares with others, by the other segment.
struct SharedRoots {
  std::map<uint32_t, Digest> before;  // words that it left
  std::map<uint32_t, Digest> after;   // words left for it
  bool operator==(const SharedRoots&) const = default;
};

/// The statement of a segment's proof. REQUIRES: roots of exactly the segments that its uses name.
[[nodiscard]] Statement segment_statement(const Circuit& circuit, const SegmentClaim& claim,
                                          const SharedRoots& roots);

}  // namespace zkvm::stark::machine
