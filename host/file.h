// Reading files that somebody else wrote, and writing files that are whole or not there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/zkvm.h"

namespace zkvm {

// The largest ELF or input that is read: 1 GiB.
inline constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

// An open file; closed with this, unless it is a standard stream.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// Writes all bytes; 0, or the errno of what failed.
[[nodiscard]] int write_all(int fd, std::span<const uint8_t> bytes);

// All bytes of the file `path`, or of standard input where path is "-". `what` names its role in
// messages ("input"). Errors: kUnreadable, kTooLarge (more than `limit` bytes; no more are read).
[[nodiscard]] Result<std::vector<uint8_t>> read_file(const std::string& path, std::string_view what,
                                                     uint64_t limit = kMaxFileBytes);

// Can `path` be written by write_file ("-" always)? Asked before a long run, so that its result
// isn't lost.
[[nodiscard]] Result<void> check_writable(const std::string& path, std::string_view what);

// Writes `bytes` beside `path` under a temporary name and renames it, with SIGINT, SIGTERM and
// SIGHUP held back meanwhile: whatever happens, `path` is the old file or the whole new one, and
// Ctrl-C leaves no temporary file. A symbolic link is followed; what isn't a regular file
// (/dev/null, a pipe) is written in place; "-" is standard output. `mode` is that of a new file,
// before the umask. Errors: kUnwritable.
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view what,
                                      std::span<const uint8_t> bytes, uint32_t mode = 0666);

}  // namespace zkvm
