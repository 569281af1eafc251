// What every subcommand of `zkvm` shares: how it is added, how it ends, and how it speaks.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cli/command_line.h"
#include "host/cli/status_line.h"
#include "host/zkvm.h"

namespace zkvm::cli {

// The exit status of every command.
inline constexpr int kSuccess = 0;
inline constexpr int kNo = 1;  // the answer is no: the guest trapped or exited with another code,
                               // the receipt is not valid
inline constexpr int kError = 2;  // usage, or a file that is unreadable, malformed or unwritable

// Each makes `sub` its command; when the command line asks for it, `status` becomes its result.
void add_assemble(Command& sub, int& status);
void add_cache(Command& sub, int& status);
void add_commit(Command& sub, int& status);
void add_run(Command& sub, int& status);
void add_plan(Command& sub, int& status);
void add_prove(Command& sub, int& status);
void add_prove_segment(Command& sub, int& status);
void add_profile(Command& sub, int& status);
void add_disasm(Command& sub, int& status);
void add_encode(Command& sub, int& status);
void add_id(Command& sub, int& status);
void add_import(Command& sub, int& status);
void add_inspect(Command& sub, int& status);
void add_key(Command& sub, int& status);
void add_model_id(Command& sub, int& status);
void add_new(Command& sub, int& status);
void add_sign(Command& sub, int& status);
void add_verify(Command& sub, int& status);

// A receipt for `zkvm inspect`; returns its exit status.
struct ReceiptFile {
  std::string path;
  std::span<const uint8_t> bytes;
  size_t top;  // rows of the table of segments
  bool json;
};
int inspect_receipt(const ReceiptFile& file);

// Prints "COMMAND: message" to stderr and, for --json, {"error": message} to stdout.
// Returns kError.
int fail(std::string_view command, const std::string& message, bool json);

inline constexpr uint64_t kMaxThreads = 1024;

// For options that count something, in decimal digits: 1 or more; so many at most.
[[nodiscard]] Check positive();
[[nodiscard]] Check number_up_to(uint64_t least, uint64_t most);
[[nodiscard]] Check size_text();  // parse_size()

// --regime: unique or johnson.
inline constexpr const char* kWidestRegime = "johnson";
void add_regime(Command& sub, std::string& regime, const std::string& help);
// REQUIRES: a text that --regime takes.
[[nodiscard]] Regime parse_regime(std::string_view text);

// --threads and --progress.
void add_threads(Command& sub, uint64_t& threads);
void add_progress(Command& sub, uint64_t& seconds);

[[nodiscard]] inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// How messages name a file: "'guest.elf'", or "standard input" for "-".
[[nodiscard]] std::string input_name(const std::string& path);

// `error` with the file's name in front.
[[nodiscard]] Error in_file(const std::string& path, const Error& error);

// `error` about the file `path`, which should have been a guest or a receipt: with the file's name
// in front, and what to do instead where it is another kind of file.
[[nodiscard]] Error guest_error(const std::string& path, std::span<const uint8_t> bytes,
                                const Error& error);
[[nodiscard]] Error receipt_error(const std::string& path, std::span<const uint8_t> bytes,
                                  const Error& error);

// That at most one of these files (name of the option, path) is read from standard input.
[[nodiscard]] Result<void> check_inputs(
    std::initializer_list<std::pair<const char*, const std::string&>> files);

// Writes `object` to stdout on one line. Bytes that are not UTF-8 are replaced.
void print_json(const nlohmann::ordered_json& object);

// What `run`, `profile` and `prove` have in common: a guest, its input and its limits.
struct Execution {
  std::string command;  // for messages
  std::string elf_path;
  std::string input_path;
  uint64_t max_cycles = RunOptions{}.max_cycles;
  uint64_t progress_seconds = 60;
  bool json = false;
  bool stdout_is_taken = false;  // by a file: what would go there goes to stderr

  std::vector<uint8_t> elf;
  std::vector<uint8_t> input;

  void add_options(Command& sub);

  // Reads the two files.
  [[nodiscard]] Result<void> read_files();

  // What is wrong with the guest.
  [[nodiscard]] Error in_guest(const Error& error) const {
    return guest_error(elf_path, elf, error);
  }
  // The guest's name in reports.
  [[nodiscard]] std::string name() const;

  // The guest's console goes to ours (with --json, or where stdout is taken: all of it to stderr);
  // progress of a long run is shown on `line`.
  [[nodiscard]] RunOptions run_options(const std::shared_ptr<StatusLine>& line) const;
  [[nodiscard]] std::shared_ptr<StatusLine> status_line() const;
};

// The trap on stderr in one line; the calls that led there follow, except for --json, where they
// are in the object.
void print_trap(const Execution& execution, const Trap& trap);

// One line on how the run ended: "exit 0 after 12 cycles", or the trap with its place.
[[nodiscard]] std::string outcome_text(const Run& run);
// exit_code, trap, cycles, seconds: the keys that `run`, `profile` and `prove` share.
[[nodiscard]] nlohmann::ordered_json outcome_json(const Run& run);

// The layers that the guest called in the tensor unit: a table, nothing where there are none; and JSON.
void print_layers(const Run& run, std::FILE* out);
[[nodiscard]] nlohmann::ordered_json layers_json(const Run& run);
// 0 or 1, by how the guest ended.
[[nodiscard]] int outcome_status(const Run& run);

[[nodiscard]] std::string hex(std::span<const uint8_t> bytes);
// What the command line takes in hex, with or without 0x: nothing but digits; the bytes that an even number of them
// is (REQUIRES: is_hex).
[[nodiscard]] std::string_view without_0x(std::string_view text);
[[nodiscard]] bool is_hex(std::string_view digits);
[[nodiscard]] std::vector<uint8_t> parse_hex(std::string_view digits);
// "128.3 bits, proven by unique decoding".
[[nodiscard]] std::string security_text(double bits, Regime regime);
// How long it is, and the first bytes in words of 4, as a journal is made of words.
[[nodiscard]] std::string journal_text(std::span<const uint8_t> journal);

}  // namespace zkvm::cli
