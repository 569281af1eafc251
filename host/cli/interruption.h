// Ctrl-C of a long command.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace zkvm::cli {

// SIGINT and SIGTERM, from the first moment at which a proof would be lost: they end it between two
// of its stages, and a second one at once.
class Interruption {
 public:
  Interruption() { signal_ = 0; }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption() { disarm(); }

  void arm() {
    if (std::exchange(armed_, true)) return;
    struct sigaction action{};
    action.sa_handler = [](int number) { signal_ = number; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
  }
  void disarm() {
    for (int number : {SIGINT, SIGTERM}) std::signal(number, SIG_DFL);
  }
  [[nodiscard]] bool happened() const { return signal_ != 0; }

  // Ends this process as the signal would have, so that a shell script ends too. To a shell that is
  // status 128 + the signal's number: 130 after Ctrl-C.
  [[noreturn]] void end_process() {
    disarm();
    std::raise(signal_);
    std::_Exit(128 + signal_);
  }

 private:
  static inline std::atomic<int> signal_ = 0;
  static_assert(std::atomic<int>::is_always_lock_free);
  bool armed_ = false;
};

}  // namespace zkvm::cli
