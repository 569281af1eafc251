// One line on stderr that is written over while something long goes on.
#pragma once

#include <chrono>
#include <string>

namespace zkvm::cli {

// Nothing is shown where stderr is no terminal.
class StatusLine {
 public:
  StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine() { hide(); }

  // Seconds since the line was made.
  [[nodiscard]] double seconds() const;

  // Is it time to show something new? Not in the first second, then four times a second.
  [[nodiscard]] bool due();
  void show(const std::string& text);
  void hide();

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_ + std::chrono::seconds(1);
  bool shown_ = false;
};

}  // namespace zkvm::cli
