// What every subcommand of `zkvm` shares: how it is added, how it ends, and how it speaks.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/status_line.h"
#include "host/zkvm.h"

namespace zkvm::cli {

// The exit status of every command.
inline constexpr int kSuccess = 0;
inline constexpr int kNo = 1;  // the answer is no: the guest trapped or exited with another code,
                               // the receipt is not valid
inline constexpr int kError = 2;  // usage, or a file that is unreadable, malformed or unwritable

// Each adds its subcommand to `app`; when the command line asks for it, `status` becomes its
// result.
void add_cache(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_prove(CLI::App& app, int& status);
void add_profile(CLI::App& app, int& status);
void add_disasm(CLI::App& app, int& status);
void add_id(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);
void add_new(CLI::App& app, int& status);
void add_verify(CLI::App& app, int& status);

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

// For options that count something: 1 or more, in decimal digits.
[[nodiscard]] CLI::Validator positive();

// `error` with the file's name in front.
[[nodiscard]] Error in_file(const std::string& path, const Error& error);

// Writes `object` to stdout on one line. Bytes that are not UTF-8 are replaced.
void print_json(const nlohmann::ordered_json& object);

// What `run`, `profile` and `prove` have in common: a guest, its input and its limits.
struct Execution {
  std::string command;  // for messages
  std::string elf_path;
  std::string input_path;
  uint64_t max_cycles = RunOptions{}.max_cycles;
  bool json = false;

  std::vector<uint8_t> elf;
  std::vector<uint8_t> input;

  void add_options(CLI::App& sub);

  // Reads the two files.
  [[nodiscard]] Result<void> read_files();

  // The guest's console goes to ours (with --json: all of it to stderr); progress of a long run is
  // shown on `line`.
  [[nodiscard]] RunOptions run_options(
      std::shared_ptr<StatusLine> line = std::make_shared<StatusLine>()) const;
};

// The trap on stderr in one line; the calls that led there follow, except for --json, where they
// are in the object.
void print_trap(const Execution& execution, const Trap& trap);

// One line on how the run ended: "exit 0 after 12 cycles", or the trap with its place.
[[nodiscard]] std::string outcome_text(const Run& run);
// exit_code, trap, cycles, seconds: the keys that `run`, `profile` and `prove` share.
[[nodiscard]] nlohmann::ordered_json outcome_json(const Run& run);
// 0 or 1, by how the guest ended.
[[nodiscard]] int outcome_status(const Run& run);

[[nodiscard]] std::string hex(std::span<const uint8_t> bytes);
// How long it is, and the first bytes in words of 4, as a journal is made of words.
[[nodiscard]] std::string journal_text(std::span<const uint8_t> journal);

}  // namespace zkvm::cli
