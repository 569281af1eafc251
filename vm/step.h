// The precise executor: one instruction at a time, every trap named. The others run until something
// is unusual, stop in front of it, and hand it to this one.
#pragma once

#include <optional>

#include "vm/memory.h"
#include "vm/system.h"
#include "vm/trap.h"

namespace zkvm::vm {

struct State {
  uint32_t pc;
  Registers x;  // x[0] is 0, x[kDummyRegister] is what was last written to x0
  uint64_t cycles;
};

// At entry every register but pc is zero.
inline State initial_state(const Program& program) { return {program.entry, {}, 0}; }

// Executes the instruction at state.pc. A trap leaves state, memory and system as they were.
// REQUIRES: !system.exit_code().
std::optional<Trap> step(const Program& program, State& state, Memory& memory, System& system);

}  // namespace zkvm::vm
