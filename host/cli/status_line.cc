#include "host/cli/status_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "host/cli/table.h"

namespace zkvm::cli {

StatusLine::StatusLine() : terminal_(isatty(STDERR_FILENO) != 0) {}

double StatusLine::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

bool StatusLine::due() {
  const auto now = Clock::now();
  if (!terminal_ || now < next_) return false;
  next_ = now + std::chrono::milliseconds(250);
  return true;
}

void StatusLine::show(const std::string& text) {
  if (!terminal_) return;
  // A line that wraps could not be taken away again.
  const std::string line = fmt::format("  {} (Ctrl-C to stop)", text);
  fmt::print(stderr, "\r\033[K{}", line.substr(0, terminal_width(stderr) - 1));
  std::fflush(stderr);
  shown_ = true;
}

void StatusLine::hide() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace zkvm::cli
