#include "vm/trap.h"

#include <fmt/format.h>

#include <array>

namespace zkvm::vm {
namespace {

struct KindText {
  std::string_view name;
  std::string_view text;  // {0}: address, {1}: detail
};

constexpr std::array<KindText, kTrapKindCount> kTexts = {{
    {"illegal-instruction", "illegal instruction {1:#010x}"},
    {"breakpoint", "breakpoint (abort or failed check)"},
    {"misaligned-jump", "jump to misaligned address {0:#x}"},
    {"fetch-undeclared", "execution of undeclared memory"},
    {"fetch-not-executable", "execution of memory that is not executable"},
    {"misaligned-load", "misaligned load of {1} bytes from {0:#x}"},
    {"load-undeclared", "load of {1} bytes from undeclared address {0:#x}"},
    {"misaligned-store", "misaligned store of {1} bytes to {0:#x}"},
    {"store-undeclared", "store of {1} bytes to undeclared address {0:#x}"},
    {"store-read-only", "store of {1} bytes to read-only address {0:#x}"},
    {"unknown-system-call", "unknown system call {1} (63 read, 64 write, 93 exit)"},
    {"bad-file-descriptor", "bad file descriptor {1} (0 input, 1 and 2 console, 3 journal)"},
    {"bad-buffer", "buffer at {0:#x} of {1} bytes is misaligned or not wholly accessible"},
    {"bad-length", "length {1} is too large or not a multiple of 4"},
    {"journal-limit", "journal limit reached by a write of {1} bytes"},
    {"console-limit", "console limit reached by a write of {1} bytes"},
    {"cycle-limit", "cycle limit reached"},
}};

std::string location(uint32_t pc, const Program& program) {
  const Symbol* symbol = program.symbol_at(pc);
  if (symbol == nullptr) return fmt::format("{:#x}", pc);
  return fmt::format("{:#x} <{}+{:#x}>", pc, symbol->name, pc - symbol->address);
}

}  // namespace

std::string_view name_of(TrapKind kind) { return kTexts[static_cast<size_t>(kind)].name; }

std::string describe(const Trap& trap, const Program& program) {
  const auto text = kTexts[static_cast<size_t>(trap.kind)].text;
  return fmt::format("{} at pc {}, cycle {}",
                     fmt::format(fmt::runtime(text), trap.address, trap.detail),
                     location(trap.pc, program), trap.cycle);
}

}  // namespace zkvm::vm
