// The folder in which a long proof keeps its finished segments: proofs of the first segments of one
// execution, and the secret seed that their masks come from.
//
//   secret          what the proof is of, and its seed; mode 0600
//   segment-N       proof of segment N
//
// Every file is whole or not there, whenever the process ends. Who reads `secret` can take the
// masks off the receipt and learn of the input, so it does not outlive the proof.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/error.h"
#include "host/zkvm_verify.h"
#include "stark/hash/blake3.h"
#include "stark/pcs/commit/randomness.h"
#include "stark/session/session.h"

namespace zkvm {

// What a proof's segments depend on.
struct ProofIdentity {
  ImageId image_id{};
  stark::Digest input{};
  stark::Digest options{};
};

class ResumeFolder {
 public:
  // The folder at `path`, made if it isn't there (its parent must be), for this proof only as long
  // as the result lives. Errors: kUnreadable, kUnwritable; kOtherProof, if it holds another proof,
  // or another process uses it.
  [[nodiscard]] static Result<ResumeFolder> open(const std::string& path,
                                                 const ProofIdentity& identity);
  ResumeFolder(ResumeFolder&& other) noexcept;
  ResumeFolder& operator=(ResumeFolder&&) = delete;
  ~ResumeFolder();

  [[nodiscard]] const stark::Randomness::Seed& seed() const { return seed_; }

  // The segments kept, from the first up to the first that is not there or not whole.
  [[nodiscard]] std::vector<stark::machine::SegmentProof> segments() const;

  [[nodiscard]] Result<void> keep(size_t index, const stark::machine::SegmentProof& segment) const;

 private:
  ResumeFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  Result<void> read_secret(std::span<const uint8_t> bytes, const ProofIdentity& identity);
  Result<void> make_secret(const ProofIdentity& identity);
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
  int lock_;  // a file descriptor of the folder
  stark::Randomness::Seed seed_{};
};

// Removes the secret and the segments: for when the receipt is written. What else the folder holds,
// and the folder itself, stay.
void clear_resume_folder(const std::string& path);

}  // namespace zkvm
