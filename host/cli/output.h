// Where a command's words and files go: standard output may be full, closed, or asked for by `-`.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>

#include "host/error.h"

namespace zkvm::cli {

// Opens standard input, output and error where they are closed, so that no other file takes their
// numbers; reading and writing them still fails.
void keep_standard_files();

// Writes without throwing. What cannot be written to stderr is lost, as there is nobody left to
// tell; that stdout could not be written is known to flush_stdout().
void write_to(std::FILE* out, std::string_view text);
template <class... Args>
void print_to(std::FILE* out, fmt::format_string<Args...> format, Args&&... args) {
  write_to(out, fmt::format(format, std::forward<Args>(args)...));
}

// Has all that was printed to stdout arrived? `error`: the errno of a failure that the caller knows
// of. Errors: kUnwritable.
[[nodiscard]] Result<void> flush_stdout(int error = 0);

// A file that an option asks for.
struct OutputFile {
  std::string_view option;  // "--journal"
  const std::string& path;  // empty: not asked for; "-": standard output
  std::string_view what;    // "journal"
  bool text = false;        // a person could read it on a terminal
};

// Can they all be written, one at most of them to stdout, and none beside the object of --json?
// Asked before a long run, so that its result isn't lost. Errors: kUnwritable.
[[nodiscard]] Result<void> check_outputs(std::initializer_list<OutputFile> files, bool json);

[[nodiscard]] inline bool is_standard(std::string_view path) { return path == "-"; }

}  // namespace zkvm::cli
