#include "host/cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "host/file.h"

namespace zkvm::cli {
namespace {

int stdout_error = 0;  // the first errno, as the stream itself remembers only that there was one

tl::unexpected<Error> refuse(const std::string& message) {
  return tl::unexpected(Error{ErrorCode::kUnwritable, message});
}

}  // namespace

void keep_standard_files() {
  const std::array<int, 3> other_way{O_WRONLY, O_RDONLY, O_RDONLY};  // so that using them fails
  for (int fd = 0; fd < 3; ++fd) {
    // open() takes the lowest free number: those below fd are open.
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
      (void)!open("/dev/null", other_way[static_cast<size_t>(fd)]);
    }
  }
}

void write_to(std::FILE* out, std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size()) return;
  if (out == stdout && stdout_error == 0) stdout_error = errno;
}

Result<void> flush_stdout(int error) {
  if (stdout_error == 0) stdout_error = error;
  if (std::fflush(stdout) != 0 && stdout_error == 0) stdout_error = errno;
  if (stdout_error == 0 && std::ferror(stdout) == 0) return {};
  return refuse(
      fmt::format("standard output: expected to be written, found: {}",
                  stdout_error == 0 ? "a failure" : std::generic_category().message(stdout_error)));
}

Result<void> check_outputs(std::initializer_list<OutputFile> files, bool json) {
  const OutputFile* standard = nullptr;
  for (const OutputFile& file : files) {
    if (file.path.empty()) continue;
    if (is_standard(file.path)) {
      if (json) {
        return refuse(fmt::format(
            "{} -: expected a file, as --json writes its object to standard output", file.option));
      }
      if (standard != nullptr) {
        return refuse(fmt::format("expected standard output for one file, found {} - and {} -",
                                  standard->option, file.option));
      }
      if (!file.text && isatty(STDOUT_FILENO) != 0) {
        return refuse(
            fmt::format("{} -: expected a file or a pipe, found a terminal: {} is no text",
                        file.option, file.what));
      }
      standard = &file;
    }
    if (Result<void> ok = check_writable(file.path, file.what); !ok) return ok;
  }
  return {};
}

}  // namespace zkvm::cli
