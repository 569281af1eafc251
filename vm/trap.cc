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
    {"unknown-layer", "unknown layer {1:#x}"},
    {"bad-file-descriptor", "bad file descriptor {1} (0 input, 1 and 2 console, 3 journal)"},
    {"bad-buffer", "buffer at {0:#x} of {1} bytes is misaligned or not wholly accessible"},
    {"bad-length", "length {1} is too large or not a multiple of 4"},
    {"bad-bias", "bias {1:#x} at {0:#x} is not in [-2^28, 2^28), which the tensor unit has"},
    {"journal-limit", "journal limit reached by a write of {1} bytes"},
    {"console-limit", "console limit reached by a write of {1} bytes"},
    {"cycle-limit", "cycle limit reached"},
}};

std::string location(uint32_t pc, const Program& program) {
  const Symbol* symbol = program.symbol_at(pc);
  if (symbol == nullptr) return fmt::format("{:#x}", pc);
  return fmt::format("{:#x} <{}+{:#x}>", pc, symbol->name, pc - symbol->address);
}

// The lowest writable region above `address`; where there is none, the lowest.
const Region* writable_above(uint32_t address, const Program& program) {
  const Region* lowest = nullptr;
  for (const Region& region : program.regions) {  // by base
    if (!region.write) continue;
    if (region.base > address) return &region;
    if (lowest == nullptr) lowest = &region;
  }
  return lowest;
}

// An access at or above sp, but below the writable memory that comes next: to a frame that the stack
// has no room for. Modulo 2^32, because a large frame may begin below 0.
bool is_stack_overflow(const Trap& trap, const Program& program) {
  switch (trap.kind) {
    case TrapKind::kLoadUndeclared:
    case TrapKind::kStoreUndeclared:
    case TrapKind::kStoreReadOnly:
    case TrapKind::kBadBuffer:
      break;
    default:
      return false;
  }
  const Region* at = program.region_at(trap.address);
  if (at != nullptr && at->write) return false;
  const Region* stack = writable_above(trap.address, program);
  if (stack == nullptr || trap.sp == 0) return false;
  const uint32_t frame = stack->base - trap.sp, access = stack->base - trap.address;
  return access != 0 && access <= frame && frame <= uint32_t{1} << 31;
}

}  // namespace

std::string_view name_of(TrapKind kind) { return kTexts[static_cast<size_t>(kind)].name; }

std::string describe(const Trap& trap, const Program& program) {
  const auto text = kTexts[static_cast<size_t>(trap.kind)].text;
  std::string what = fmt::format(fmt::runtime(text), trap.address, trap.detail);
  if (is_stack_overflow(trap, program)) {
    what = fmt::format("stack overflow; set STACK in zkvm_add_guest ({})", what);
  }
  return fmt::format("{} at pc {}, cycle {}", what, location(trap.pc, program), trap.cycle);
}

}  // namespace zkvm::vm
