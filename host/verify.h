// The steps of zkvm::verify (zkvm_verify.h), for whoever wants to look at a receipt in more detail.
#pragma once

#include <vector>

#include "host/receipt.h"
#include "host/zkvm_verify.h"
#include "stark/machine/circuit.h"
#include "stark/machine/image.h"
#include "stark/shape.h"
#include "stark/soundness.h"

namespace zkvm {

// The image that the receipt carries. Errors: kMalformedReceipt.
[[nodiscard]] Result<stark::machine::Image> parse_image(const Receipt& receipt);

// What the proof of one segment must prove.
struct SegmentTask {
  stark::machine::SegmentClaim claim;
  stark::Circuit circuit;
  stark::Statement statement;
};

// Of segment `index`; receipt as from parse_receipt. Errors: kInvalidReceipt.
[[nodiscard]] Result<SegmentTask> segment_task(const stark::machine::Image& image,
                                               const Receipt& receipt, size_t index);

// What the proofs say of themselves, before any of them is checked.
struct Outline {
  stark::Params params;                               // of all segments
  double rate = 0;                                    // the greatest of all segments
  std::vector<std::vector<stark::TableSpec>> tables;  // by segment
};

// Reads the head of each proof and checks that all can be links of one chain. Errors:
// kMalformedReceipt, kInvalidReceipt.
[[nodiscard]] Result<Outline> outline(const stark::machine::Image& image, const Receipt& receipt);

// The security of segment `index`, had it a proof with that outline, and of the whole receipt, of
// which the least of its segments' is `least`.
[[nodiscard]] stark::Soundness segment_soundness(const Outline& outline, const SegmentTask& task,
                                                 size_t index);
[[nodiscard]] double receipt_security(double least, size_t segments);

[[nodiscard]] ImageId to_api(const stark::Digest& digest);

}  // namespace zkvm
