// How far something long is, on stderr: one line that is written over, or, where stderr is no
// terminal (a log), a line now and then.
#pragma once

#include <chrono>
#include <string>

namespace zkvm::cli {

class StatusLine {
 public:
  // `command` begins the lines of a log, which come every `interval`; 0: never.
  StatusLine(std::string command, std::chrono::seconds interval);
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine() { hide(); }

  // Seconds since the line was made.
  [[nodiscard]] double seconds() const;

  [[nodiscard]] bool is_terminal() const { return terminal_; }

  // Is it time to show something new? On a terminal not in the first second, then four times a
  // second.
  [[nodiscard]] bool due();
  void show(const std::string& text);
  void hide();

 private:
  using Clock = std::chrono::steady_clock;
  std::string command_;
  bool terminal_;
  std::chrono::milliseconds interval_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace zkvm::cli
