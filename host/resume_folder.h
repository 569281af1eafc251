// The folder in which a long proof keeps its job and its finished parts (host/zkvm_jobs.h):
//
//   job             what the proof is of, how it is cut, and the secret that masks come from; mode 0600
//   segment-N       the part that proves segment N
//
// Every file is whole or not there, whenever the process ends. Who reads `job` can read the input, so
// it does not outlive the proof.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/error.h"

namespace zkvm {

class ResumeFolder {
 public:
  // The folder at `path`, made if it isn't there (its parent must be), for this process only as long as the result
  // lives. Errors: kUnreadable, kUnwritable; kOtherProof, if another process uses it.
  [[nodiscard]] static Result<ResumeFolder> open(const std::string& path);
  ResumeFolder(ResumeFolder&& other) noexcept;
  ResumeFolder& operator=(ResumeFolder&&) = delete;
  ~ResumeFolder();

  // Errors: kUnreadable, kTooLarge.
  [[nodiscard]] Result<std::optional<std::vector<uint8_t>>> job() const;
  [[nodiscard]] Result<void> keep_job(std::span<const uint8_t> job) const;

  // Of this segment, if there is a file.
  [[nodiscard]] std::optional<std::vector<uint8_t>> part(uint32_t segment) const;
  [[nodiscard]] Result<void> keep(uint32_t segment, std::span<const uint8_t> part) const;

  // For messages: "resume folder 'work': MESSAGE".
  [[nodiscard]] Error other_proof(const std::string& message) const;

 private:
  ResumeFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
  int lock_;  // a file descriptor of the folder
};

// Removes the job and all parts: for when the receipt is written. What else the folder holds, and the folder itself,
// stay. Errors: kUnwritable.
[[nodiscard]] Result<void> clear_resume_folder(const std::string& path);

// The longest job that is read: program, input, and what is known of their segments.
inline constexpr uint64_t kMaxJobBytes = uint64_t{3} << 30;

}  // namespace zkvm
