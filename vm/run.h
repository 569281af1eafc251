// Executes a program: the fast executor.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "vm/elf.h"
#include "vm/isa.h"
#include "vm/system.h"
#include "vm/trap.h"

namespace zkvm::vm {

inline constexpr unsigned kLogBlockBytes = 16;

struct RunResult {
  std::optional<Trap> trap;  // or else the guest called exit
  uint32_t exit_code = 0;    // a0 at exit, all 32 bits; 0 after a trap
  uint64_t cycles = 0;       // instructions executed, exit's ecall included, a trapped one not
  std::vector<uint8_t> journal;
  uint64_t input_bytes = 0;     // of the input that the guest has read, padding not included
  uint64_t declared_bytes = 0;  // of memory
  uint64_t touched_bytes = 0;   // in granules of 256 bytes that loads, stores or reads accessed
  std::vector<uint64_t> layer_calls;  // of each of the program's layers
  std::array<HashUse, kHashes> hashes = {};  // by Hash
  // Of run() and profile() alone: executions of each word of the text; and, ascending, the blocks of
  // 2^kLogBlockBytes bytes (address / size) with a granule that was touched.
  std::vector<uint64_t> counts;
  std::vector<uint16_t> touched_blocks;
};

// Instructions per Class.
std::array<uint64_t, kClassCount> count_classes(const Program& program, const RunResult& run);

// Runs the program from its entry to exit, trap or limit. Deterministic: the result depends on the
// program, the input and the limits only. Error: kOutOfMemory.
[[nodiscard]] Result<RunResult> run(const Program& program, const Io& io,
                                    const RunLimits& limits = {});

}  // namespace zkvm::vm
