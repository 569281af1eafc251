// How a guest's execution ends other than by exit: a value, never an exception or an Error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vm/elf.h"

namespace zkvm::vm {

enum class TrapKind : uint8_t {
  kIllegalInstruction,  // detail: the word
  kBreakpoint,          // ebreak: abort() and failed checks of guests
  kMisalignedJump,      // address: the target; pc is the jump itself
  kFetchUndeclared,     // pc is in no segment (pc is the target, the jump was executed)
  kFetchNotExecutable,  // pc is in a segment without execute permission
  kMisalignedLoad,      // address, as in all below; detail: bytes accessed
  kLoadUndeclared,
  kMisalignedStore,
  kStoreUndeclared,
  kStoreReadOnly,
  kUnknownSystemCall,  // detail: the number in a7
  kUnknownLayer,       // detail: the id in a0; also of a layer of another call
  kBadFileDescriptor,  // detail: the descriptor in a0
  kBadBuffer,          // address: the buffer, misaligned or not wholly accessible; detail: length;
                       // of a layer: the operand, and its extent
  kBadLength,          // detail: the length, not a multiple of 4 or too large
  kBadBias,            // address: a bias in memory; detail: the word, which the unit does not have
  kJournalLimit,       // detail: the length of the write that would pass RunLimits
  kConsoleLimit,       // likewise
  kCycleLimit,
};
inline constexpr int kTrapKindCount = 19;

struct Trap {
  TrapKind kind;
  uint32_t pc;       // the instruction that could not execute; it had no effect
  uint32_t address;  // see the kind; 0 when it has none
  uint32_t detail;   // see the kind; 0 when it has none
  uint64_t cycle;    // instructions executed before it
  uint32_t sp = 0;   // x2 where an instruction trapped

  bool operator==(const Trap&) const = default;
};

// Short, stable, for JSON: "illegal-instruction".
std::string_view name_of(TrapKind kind);

// One line: what, where (pc and symbol), address. File and line are the caller's to add.
std::string describe(const Trap& trap, const Program& program);

}  // namespace zkvm::vm
