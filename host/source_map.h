// From an address of a guest to function, file and line, by LLVM's DWARF library.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/zkvm.h"
#include "vm/elf.h"

namespace zkvm {

// Answers are kept: a profile asks for the same addresses again and again. Not thread-safe.
//
// LLVM's reader crashes on debug information that is broken with intent, so it runs in a child
// process that gets a list of addresses and writes their places into a pipe. If it dies, what it
// didn't say is answered from the symbol table.
class SourceMap {
 public:
  // `program` is what vm::load_elf made of `elf`. REQUIRES: both outlive the map.
  SourceMap(std::span<const uint8_t> elf, const vm::Program& program);

  // Does the file hold DWARF line tables?
  [[nodiscard]] bool has_debug_information();

  // Looks many addresses up by one child process, which at() does for one.
  void look_up(std::span<const uint32_t> pcs);

  // The places that `pc` stands for, innermost first: more than one where the compiler inlined.
  // Never empty. Function names come from DWARF, else from the symbol table, demangled, else they
  // are the address ("0x10074"); without DWARF file is empty and line 0. Names are printable:
  // control characters and broken UTF-8, which a hostile ELF may hold, are replaced by '?'.
  // The reference stays valid as long as the map.
  const std::vector<SourceFrame>& at(uint32_t pc);

 private:
  std::span<const uint8_t> elf_;
  const vm::Program* program_;
  std::optional<bool> has_lines_;  // empty: not asked yet
  std::unordered_map<uint32_t, std::vector<SourceFrame>> known_;
};

// `text` with whatever cannot be printed on a terminal or put into XML replaced by '?'.
[[nodiscard]] std::string printable(std::string_view text);

// The name of `symbol` in the source, printable: "std::sort<int*>" for what is mangled from
// `void std::sort<int*>(int*, int*)`, without return type, parameters and
// anonymous namespaces. Demangles what C++ (_Z) and Rust (_R) have mangled, compilers' copies of a
// function included; other names are as they are.
[[nodiscard]] std::string demangled(const std::string& symbol);

// `function` with as much of its template arguments and parameters written ".." as makes it fit
// `width` bytes, if that is enough: "std::map<int, std::pair<..>>::find", or else
// "std::map<..>::find". For the eye only.
[[nodiscard]] std::string short_name(std::string_view function, size_t width);

}  // namespace zkvm
