// Runs the `zkvm` executable as a user does, and says what the user would see.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace zkvm::test {

struct Outcome {
  int status = -1;  // exit status; 128 + the signal's number if one ended the program
  std::string out;
  std::string err;
};

struct Environment {
  std::string input = {};             // on standard input
  std::filesystem::path folder = {};  // to run in; empty: this process's
  // The program gets `signal` after that time, or as soon as that is so; 0 and empty: never.
  std::chrono::milliseconds interrupt_after{0};
  std::function<bool()> interrupt_when = {};
  int signal = SIGINT;
};

// REQUIRES: program is a path or a name to be looked up.
Outcome run_program(const std::vector<std::string>& arguments, const Environment& environment = {});

// `zkvm` with these arguments.
Outcome zkvm(std::vector<std::string> arguments, const Environment& environment = {});

// A new folder, removed with all in it at the end of its scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Names of the files in it, sorted.
  [[nodiscard]] std::vector<std::string> files() const;

 private:
  std::filesystem::path path_;
};

std::string read_text(const std::string& path);
void write_text(const std::string& path, const std::string& text);

// Words as a guest reads them.
std::string words(std::initializer_list<uint32_t> values);

// The guest of guest.cc.
inline const std::string kGuest = ZKVM_TEST_GUEST;

}  // namespace zkvm::test
