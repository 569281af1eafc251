// A receipt as a value and as bytes: host/doc/receipt.md. One receipt has one byte string.
//
// What can be derived is not in the bytes, so that nothing can contradict it: that every segment
// uses the machine's own bank, and whether a segment takes a bank from the image or from an earlier
// segment, and leaves it for a later one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/error.h"
#include "stark/machine/circuit.h"

namespace zkvm {

struct ReceiptSegment {
  uint32_t journal_end = 0;  // words that are committed when this segment ends
  // The banks that it uses, ascending; the first is the machine's own, in every segment.
  std::vector<stark::machine::BankUse> uses;
  // Of the words that it finds, by the segment that left them, and of those that it leaves, by the
  // segment that finds them.
  stark::machine::SharedRoots roots;
  std::span<const uint8_t> proof;  // stark/doc/format.md
};

// The spans are the caller's: of the bytes that were parsed, or of what is to be written.
struct Receipt {
  std::span<const uint8_t> image;  // stark/machine/image.h
  uint32_t exit_code = 0;
  std::span<const uint8_t> journal;  // whole words
  std::vector<ReceiptSegment> segments;
};

// 64 MiB, as much as the VM lets a guest write. Positions in the journal are single field elements
// in the proofs, so it must be far below p; and a verifier takes some 100 bytes of memory for a
// word.
inline constexpr uint32_t kMaxJournalWords = 1u << 24;

// Do these bytes begin like a receipt (of any version)?
[[nodiscard]] bool is_receipt(std::span<const uint8_t> bytes);

// Reads untrusted bytes, to the last. What comes back has at least one segment, journal positions
// that never fall, up to the journal's length, and banks that are linked (link_banks). Errors:
// kMalformedReceipt.
[[nodiscard]] Result<Receipt> parse_receipt(std::span<const uint8_t> bytes);

// The canonical bytes. REQUIRES: all that parse_receipt promises.
[[nodiscard]] std::vector<uint8_t> serialise(const Receipt& receipt);

// stark::machine::link_banks() on the uses of these segments. Roots that no use names any more are
// dropped, those that one comes to name are zero.
void link_banks(std::span<ReceiptSegment> segments);

}  // namespace zkvm
