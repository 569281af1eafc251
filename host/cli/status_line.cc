#include "host/cli/status_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "host/cli/output.h"
#include "host/cli/table.h"

namespace zkvm::cli {

StatusLine::StatusLine(std::string command, std::chrono::seconds interval)
    : command_(std::move(command)),
      terminal_(isatty(STDERR_FILENO) != 0),
      interval_(terminal_ ? std::chrono::milliseconds(250) : interval),
      next_(start_ + (terminal_ ? std::chrono::milliseconds(1000) : interval_)) {}

double StatusLine::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

bool StatusLine::due() {
  const auto now = Clock::now();
  if (interval_.count() == 0 || now < next_) return false;
  next_ = now + interval_;
  return true;
}

void StatusLine::show(const std::string& text) {
  if (!terminal_) return print_to(stderr, "{}: {}\n", command_, text);
  // A line that wraps could not be taken away again.
  const std::string line = fmt::format("  {} (Ctrl-C to stop)", text);
  print_to(stderr, "\r\033[K{}", line.substr(0, terminal_width(stderr) - 1));
  std::fflush(stderr);
  shown_ = true;
}

void StatusLine::hide() {
  if (!shown_) return;
  print_to(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace zkvm::cli
