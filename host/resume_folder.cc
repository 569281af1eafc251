#include "host/resume_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "host/file.h"

namespace zkvm {
namespace {

constexpr const char* kJobFile = "job";
constexpr uint32_t kOwnerOnly = 0600;

std::string part_file(uint32_t segment) { return fmt::format("segment-{}", segment); }

Error error_at(ErrorCode code, const std::string& path, std::string_view message) {
  return {code, fmt::format("resume folder '{}': {}", path, message)};
}

}  // namespace

Result<ResumeFolder> ResumeFolder::open(const std::string& path) {
  const auto failed = [&](ErrorCode code, int error) {
    return tl::unexpected(error_at(code, path,
                                   fmt::format("expected a folder that can be used, found: {}",
                                               std::generic_category().message(error))));
  };
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed(ErrorCode::kUnwritable, errno);
  }
  const int lock = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return failed(ErrorCode::kUnreadable, errno);
  ResumeFolder folder(path, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return tl::unexpected(error_at(ErrorCode::kOtherProof, path, "another process uses it"));
  }
  return folder;
}

ResumeFolder::ResumeFolder(ResumeFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

ResumeFolder::~ResumeFolder() {
  if (lock_ >= 0) close(lock_);
}

Result<std::optional<std::vector<uint8_t>>> ResumeFolder::job() const {
  if (access(file(kJobFile).c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  Result<std::vector<uint8_t>> bytes =
      read_file(file(kJobFile), "resume folder's job", kMaxJobBytes);
  if (!bytes) return tl::unexpected(bytes.error());
  return std::move(*bytes);
}

Result<void> ResumeFolder::keep_job(std::span<const uint8_t> job) const {
  return write_file(file(kJobFile), "resume folder's job", job, kOwnerOnly);
}

std::optional<std::vector<uint8_t>> ResumeFolder::part(uint32_t segment) const {
  Result<std::vector<uint8_t>> bytes = read_file(file(part_file(segment)), "segment");
  if (!bytes) return std::nullopt;
  return std::move(*bytes);
}

Result<void> ResumeFolder::keep(uint32_t segment, std::span<const uint8_t> part) const {
  return write_file(file(part_file(segment)), "finished segment", part, kOwnerOnly);
}

Error ResumeFolder::other_proof(const std::string& message) const {
  return error_at(ErrorCode::kOtherProof, path_, message);
}

// The secret first: parts without it are only proofs.
Result<void> clear_resume_folder(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<fs::path> secret, parts;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    // A partial file is of a process that was killed; "secret" of an older zkvm.
    if (name == kJobFile || name == "secret" || (name.starts_with("job.") && name.ends_with(".partial")))
      secret.push_back(entry.path());
    else if (name.starts_with("segment-"))
      parts.push_back(entry.path());
  }
  secret.insert(secret.end(), parts.begin(), parts.end());
  for (const fs::path& file : secret)
    if (std::error_code failed; !fs::remove(file, failed) && failed && !error) error = failed;
  if (!error) return {};
  return tl::unexpected(error_at(
      ErrorCode::kUnwritable, path,
      fmt::format("expected to be cleared of the secret, found: {}", error.message())));
}

}  // namespace zkvm
