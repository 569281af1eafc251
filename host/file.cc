#include "host/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace zkvm {
namespace {

namespace fs = std::filesystem;

// Holds back the signals that end a program from the keyboard or the system while a file is made.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t held;
    sigemptyset(&held);
    for (int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&held, s);
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

constexpr std::string_view kStandard = "-";

std::string quoted(const std::string& path) { return fmt::format("'{}'", path); }

std::string reason(int error) { return std::generic_category().message(error); }

tl::unexpected<Error> unreadable(std::string_view what, const std::string& path, int error) {
  return tl::unexpected(
      Error{ErrorCode::kUnreadable,
            fmt::format("{} {}: expected a readable file, found: {}", what,
                        path == kStandard ? "from standard input" : quoted(path), reason(error))});
}

tl::unexpected<Error> unwritable(std::string_view what, const std::string& path,
                                 const std::string& found) {
  return tl::unexpected(
      Error{ErrorCode::kUnwritable,
            fmt::format("{} {}: expected a file that can be written, found: {}", what,
                        path == kStandard ? "to standard output" : quoted(path), found)});
}

bool is_other_than_a_regular_file(const std::string& path) {
  std::error_code ignored;
  fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

// The file that the name stands for, symbolic links followed; the name itself where there is none.
fs::path target_of(const std::string& path) {
  std::error_code error;
  fs::path resolved = fs::weakly_canonical(path, error);
  return error ? fs::path(path) : resolved;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ > STDERR_FILENO) close(fd_);
}

int write_all(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return 0;
}

Result<std::vector<uint8_t>> read_file(const std::string& path, std::string_view what,
                                       uint64_t limit) {
  FileDescriptor fd(path == kStandard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return unreadable(what, path, errno);

  std::vector<uint8_t> bytes;
  struct stat info{};
  if (fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode)) {
    bytes.reserve(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), limit) + 1);
  }
  constexpr size_t kStep = size_t{1} << 16;
  while (bytes.size() <= limit) {
    const size_t at = bytes.size();
    bytes.resize(at + kStep);
    ssize_t n = read(fd.get(), bytes.data() + at, kStep);
    const int error = errno;
    bytes.resize(at + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return bytes;
    if (n < 0 && error != EINTR) return unreadable(what, path, error);
  }
  return tl::unexpected(
      Error{ErrorCode::kTooLarge,
            fmt::format("{} {}: expected at most {} bytes, found more", what,
                        path == kStandard ? "from standard input" : quoted(path), limit)});
}

Result<void> check_writable(const std::string& path, std::string_view what) {
  if (path.empty()) return unwritable(what, path, "an empty name");
  if (path == kStandard) return {};
  if (is_other_than_a_regular_file(path)) {
    if (fs::is_directory(path)) return unwritable(what, path, reason(EISDIR));
    if (access(path.c_str(), W_OK) != 0) return unwritable(what, path, reason(errno));
    return {};
  }
  fs::path folder = target_of(path).parent_path();
  if (folder.empty()) folder = ".";
  struct stat info{};
  if (stat(folder.c_str(), &info) != 0) return unwritable(what, path, reason(errno));
  if (!S_ISDIR(info.st_mode)) return unwritable(what, path, reason(ENOTDIR));
  if (access(folder.c_str(), W_OK | X_OK) != 0) return unwritable(what, path, reason(errno));
  return {};
}

Result<void> write_file(const std::string& path, std::string_view what,
                        std::span<const uint8_t> bytes, uint32_t mode) {
  if (Result<void> ok = check_writable(path, what); !ok) return ok;
  const bool standard_output = path == kStandard;
  if (standard_output || is_other_than_a_regular_file(path)) {
    if (standard_output && std::fflush(stdout) != 0) return unwritable(what, path, reason(errno));
    FileDescriptor fd(standard_output ? STDOUT_FILENO : open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (fd.get() < 0) return unwritable(what, path, reason(errno));
    if (int error = write_all(fd.get(), bytes)) return unwritable(what, path, reason(error));
    return {};
  }

  const SignalsHeld held;
  const fs::path target = target_of(path);
  const std::string temporary = fmt::format("{}.{}.partial", target.string(), getpid());
  int error = 0;
  {
    FileDescriptor fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (fd.get() < 0) return unwritable(what, path, reason(errno));
    struct stat old{};
    // Of a secret, no more than `mode` allows, whatever the old file's readers were.
    const bool secret = (mode & 077) == 0;
    if (stat(target.c_str(), &old) == 0 &&
        fchmod(fd.get(), old.st_mode & (secret ? mode : 07777u)) != 0)
      error = errno;
    if (error == 0) error = write_all(fd.get(), bytes);
  }
  if (error == 0 && rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(temporary.c_str());
    return unwritable(what, path, reason(error));
  }
  return {};
}

}  // namespace zkvm
