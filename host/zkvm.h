// The public C++ API of zkvm: run a guest on the host and see what it did.
//
//   std::vector<uint8_t> elf = ..., input = ...;
//   zkvm::Result<zkvm::Run> run = zkvm::run(elf, input);
//   if (!run) std::cerr << run.error().message;              // the file is no guest
//   else if (run->trap) std::cerr << run->trap->message;     // the guest ended by a fault
//   else use(run->exit_code, run->journal, run->cycles);
//
// In CMake: find_package(zkvm REQUIRED), target_link_libraries(app zkvm::host).
// No function here throws on bad input; std::bad_alloc can leave any of them. Thread-safe: calls
// share nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/zkvm_verify.h"

namespace zkvm {

// A place in the guest's source.
struct SourceFrame {
  std::string function;     // "zk::nn::dense<784, 56>", or the address where nothing is known
  uint32_t offset = 0;      // of the address from the function's start, in bytes
  std::string file;         // empty without debug information
  uint32_t line = 0;        // 0: unknown
  std::string start_file;   // where the function is defined, empty: unknown
  uint32_t start_line = 0;  // 0: unknown
  bool inlined = false;     // the compiler put this function into the next frame
};

// A fault that ended the guest.
struct Trap {
  std::string kind;                // a stable name, "store-access" for example
  uint32_t pc = 0;                 // of the instruction that failed
  std::vector<SourceFrame> where;  // innermost first, never empty; callers follow where known
  std::string message;             // one line: what, where, expected, found
};

// Instructions that the guest executed, by class.
struct ClassCount {
  std::string name;
  uint64_t count;
};

struct Run {
  int32_t exit_code = 0;            // 0 where a trap ended the run
  std::optional<Trap> trap;         // absent: the guest ended by exit
  uint64_t cycles = 0;              // instructions executed
  std::vector<ClassCount> classes;  // those that occur, most frequent first; they add up to cycles
  std::vector<uint8_t> journal;     // what the guest committed; a multiple of 4 bytes
  uint64_t memory_declared = 0;     // bytes of all segments
  uint64_t memory_touched = 0;      // bytes that were read or written, in blocks of 256
  double seconds = 0;               // of execution alone, by the wall clock
};

struct RunOptions {
  // Execution traps with "cycle-limit" when this many instructions have been executed.
  uint64_t max_cycles = uint64_t{1} << 36;

  // Gets what the guest writes to file 1 (its standard output) and 2, in order, as it comes.
  // Empty: the console is discarded.
  std::function<void(uint32_t fd, std::span<const uint8_t>)> console = {};

  // Called with the cycles so far after each system call and at least every 2^26 cycles, by the
  // thread that called run. Empty: not called.
  std::function<void(uint64_t cycles)> progress = {};
};

// Executes the guest `elf` (a static RV32IM ELF file, however hostile) on `input`, which is padded
// with zero bytes to whole words. A guest that traps or exits with a code other than 0 is a Run,
// not an error. Errors: kMalformedElf, kUnfitElf, kOutOfMemory.
[[nodiscard]] Result<Run> run(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                              const RunOptions& options = {});

// The image id of the guest `elf`, by which verify() knows it. Errors: kMalformedElf, kUnfitElf,
// kOutOfMemory.
[[nodiscard]] Result<ImageId> image_id(std::span<const uint8_t> elf);

}  // namespace zkvm
