// Where the parts of a proof come together: each is verified alone, then all as one receipt.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/receipt.h"
#include "host/zkvm_jobs.h"
#include "stark/hash/blake3.h"
#include "stark/machine/image.h"
#include "stark/session/session.h"

namespace zkvm {

class Assembly {
 public:
  struct Wanted {
    double security_bits = 0;  // of the receipt
    Regime regime = Regime::kJohnson;
    stark::Digest job{};  // that parts must be of
  };

  // `session`: has a plan, and outlives this.
  Assembly(stark::machine::Session& session, const stark::machine::Image& image,
           const Wanted& wanted);

  // Job::segments, add, missing, assemble.
  [[nodiscard]] const std::vector<JobSegment>& segments() const { return segments_; }
  [[nodiscard]] Result<Added> add(std::span<const uint8_t> part);
  [[nodiscard]] std::vector<uint32_t> missing() const;
  [[nodiscard]] Result<Assembled> assemble() const;

  // A proof that this process has made, which is not verified, and its part as bytes.
  std::vector<uint8_t> put(uint32_t segment, stark::machine::SegmentProof proof);

  // The proof of one segment by what is planned and these roots. Errors: kInvalidSegment.
  [[nodiscard]] Result<void> verify_alone(uint32_t segment, const stark::machine::SharedRoots& roots,
                                          std::span<const uint8_t> proof) const;

 private:
  struct Part {
    stark::machine::SharedRoots roots;
    std::vector<uint8_t> proof;
  };

  [[nodiscard]] Receipt outline() const;
  [[nodiscard]] Result<bool> are_true(uint32_t segment, const stark::machine::SharedRoots& roots);

  stark::machine::Session* session_;
  stark::machine::Image image_;
  std::vector<uint8_t> image_bytes_;
  Wanted wanted_;
  std::vector<stark::machine::PlannedSegment> planned_;
  std::vector<JobSegment> segments_;
  std::vector<std::optional<Part>> parts_;
};

}  // namespace zkvm
