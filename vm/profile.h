// Where the cycles go: an exact count for every piece of straight-line code in every calling
// context, which is all that tables, flame graphs and pprof files need.
#pragma once

#include <cstdint>
#include <vector>

#include "vm/run.h"

namespace zkvm::vm {

// A calling context: a function entered from a call site in its parent. Calls and returns are told
// by RISC-V's link register convention (x1, x5), frames that longjmp or an exception left by sp, and
// tail calls by function symbols: the caller of a function that was tail-called is the function that
// jumped to it, which itself has ended.
struct ProfileNode {
  uint32_t parent;     // index; parents stand before children; node 0 is the entry, its own parent
  uint32_t call_site;  // pc of the call, or of the tail call; node 0: 0
  uint32_t entry;      // pc where the function was entered
};

// `count` executions of the instructions at begin, begin + 4, ..., end - 4 in a context.
struct ProfileBlock {
  uint32_t node;
  uint32_t begin;
  uint32_t end;
  uint64_t count;

  uint64_t cycles() const { return (end - begin) / 4 * count; }
};

struct Profile {
  RunResult run;
  std::vector<ProfileNode> nodes;
  std::vector<ProfileBlock> blocks;  // each (node, begin, end) once; blocks may overlap
  uint32_t last_node = 0;            // the context in which the run ended: a trap's backtrace
  // Cycles in no block, because a program with a huge number of contexts met a limit; else 0.
  // Always: run.cycles = the blocks' cycles + unattributed.
  uint64_t unattributed = 0;
};

// Like run(), with the same result beside. Contexts deeper than 4,096 calls are counted as their
// caller's. Error: kOutOfMemory.
[[nodiscard]] Result<Profile> profile(const Program& program, const Io& io,
                                      const RunLimits& limits = {});

}  // namespace zkvm::vm
