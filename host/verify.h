// The steps of zkvm::verify (zkvm_verify.h), for whoever wants to look at a receipt in more detail.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "host/receipt.h"
#include "host/zkvm_verify.h"
#include "stark/machine/circuit.h"
#include "stark/machine/image.h"
#include "stark/protocol/shape.h"
#include "stark/protocol/soundness.h"

namespace zkvm {

// The image that the receipt carries. Errors: kMalformedReceipt.
[[nodiscard]] Result<stark::machine::Image> parse_image(const Receipt& receipt);

// Words of the journal that the segments before `index` wrote.
[[nodiscard]] inline uint32_t journal_begin(const Receipt& receipt, size_t index) {
  return index == 0 ? 0 : receipt.segments[index - 1].journal_end;
}

// What the proof of one segment must prove.
struct SegmentTask {
  stark::machine::SegmentClaim claim;
  stark::Circuit circuit;
  stark::Statement statement;
};

// Of segment `index`; receipt as from parse_receipt. Errors: kInvalidReceipt.
[[nodiscard]] Result<SegmentTask> segment_task(const stark::machine::Image& image,
                                               const Receipt& receipt, size_t index);

// What the proofs say of themselves, before any of them is checked. A hostile receipt can have many
// segments or a long journal: no statement and no segment's own circuit is made for it.
struct Outline {
  stark::Params params;                               // of all segments
  double rate = 0;                                    // the greatest of all segments
  std::vector<std::vector<stark::TableSpec>> tables;  // by segment
};

// Reads the head of each proof and checks that all can be links of one chain. Errors:
// kMalformedReceipt, kInvalidReceipt.
[[nodiscard]] Result<Outline> outline(const stark::machine::Image& image, const Receipt& receipt);

// The security of segment `index`, had it a proof of this key with that outline: in unique decoding where
// this has `bits`, of that segment alone.
[[nodiscard]] stark::Soundness segment_soundness(const Outline& outline,
                                                 const stark::VerifyingKey& key,
                                                 const Receipt& receipt, size_t index, double bits,
                                                 stark::Regime widest = stark::Regime::kJohnson);

// That every segment has these bits. Errors: kInsecure.
[[nodiscard]] Result<void> check_security(const stark::machine::Image& image,
                                          const Receipt& receipt, const Outline& outline,
                                          double bits,
                                          stark::Regime widest = stark::Regime::kJohnson);

// The widest regime in which a receipt with so many segments may be judged, if this one is wanted.
[[nodiscard]] stark::Regime receipt_regime(Regime wanted, size_t segments);

// The security of a receipt with so many segments, the least of which has `least` bits.
[[nodiscard]] double receipt_security(double least, size_t segments);

// Calls check(i) for every i below `segments`, in any order or at the same time.
using ForEachSegment =
    std::function<void(size_t segments, const std::function<void(size_t i)>& check)>;
// zkvm::verify, with the segments' proofs checked so; that one does it one after another.
[[nodiscard]] Result<Verification> verify(std::span<const uint8_t> bytes, const ImageId& image_id,
                                          const VerifyOptions& options,
                                          const ForEachSegment& for_each);

[[nodiscard]] ImageId to_api(const stark::Digest& digest);
[[nodiscard]] Regime to_api(stark::Regime regime);

}  // namespace zkvm
