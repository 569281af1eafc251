// The public C++ API of zkvm: run a guest on the host and see what it did; prove that it did so.
//
//   std::vector<uint8_t> elf = ..., input = ...;
//   zkvm::Result<zkvm::Run> run = zkvm::run(elf, input);
//   if (!run) std::cerr << run.error().message;              // the file is no guest
//   else if (run->trap) std::cerr << run->trap->message;     // the guest ended by a fault
//   else use(run->exit_code, run->journal, run->cycles);
//
//   zkvm::Result<zkvm::Proved> proved = zkvm::prove(elf, input);
//   if (proved && !proved->run.trap) publish(proved->receipt);  // for zkvm::verify (zkvm_verify.h)
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
#include <string_view>
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

// A layer that the guest called in the tensor unit, and how often. What one call does:
struct LayerCount {
  std::string name;
  uint64_t calls = 0;
  uint64_t products = 0;       // multiply-accumulates
  uint64_t weights = 0;        // that the layer has, or reads from memory
  uint64_t bytes_read = 0;     // activations in
  uint64_t bytes_written = 0;  // and out
};

// What a proof would take.
struct ProofCost {
  uint32_t segments = 0;
  uint64_t cells = 0;   // committed
  double seconds = 0;   // on a typical machine of 2 cores
  uint64_t memory = 0;  // bytes, at the peak
  uint64_t receipt_bytes = 0;
};

struct Run {
  int32_t exit_code = 0;            // 0 where a trap ended the run
  std::optional<Trap> trap;         // absent: the guest ended by exit
  uint64_t cycles = 0;              // instructions executed
  std::vector<ClassCount> classes;  // those that occur, most frequent first; they add up to cycles
  std::vector<LayerCount> layers;   // those that were called, in the program's order
  std::vector<uint8_t> journal;     // what the guest committed; a multiple of 4 bytes
  uint64_t input_read = 0;          // bytes of the input; padding is none of it
  uint64_t memory_declared = 0;     // bytes of all segments
  uint64_t memory_touched = 0;      // bytes that were read or written, in blocks of 256
  double seconds = 0;               // of execution alone, by the wall clock
  std::optional<ProofCost> proof;   // as RunOptions asks; absent after a trap
};

struct RunOptions {
  // Execution traps with "cycle-limit" when this many instructions have been executed, or layers that are as
  // much work: 16 products count as an instruction.
  uint64_t max_cycles = uint64_t{1} << 36;

  // Gets what the guest writes to file 1 (its standard output) and 2, in order, as it comes.
  // Empty: the console is discarded.
  std::function<void(uint32_t fd, std::span<const uint8_t>)> console = {};

  // Whether Run::proof is estimated, for the defaults of ProveOptions: some 10 ms.
  bool estimate_proof = false;

  // Called with the cycles so far after each system call and at least every 2^26 cycles, by the
  // thread that called run. Returning false ends it with kCancelled. Empty: not called.
  std::function<bool(uint64_t cycles)> progress = {};
};

// Executes the guest `elf` (a static RV32IM ELF file, however hostile) on `input`, which is padded
// with zero bytes to whole words. A guest that traps or exits with a code other than 0 is a Run,
// not an error. Errors: kMalformedElf, kUnfitElf, kOutOfMemory, kCancelled.
[[nodiscard]] Result<Run> run(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                              const RunOptions& options = {});

// The image id of the guest `elf`, by which verify() knows it. Errors: kMalformedElf, kUnfitElf,
// kOutOfMemory.
[[nodiscard]] Result<ImageId> image_id(std::span<const uint8_t> elf);

// What the guest `elf` says of its model, in the bytes of its section; none if it says nothing.
// read_model_info (host/model_info.h) reads them. Errors: kMalformedElf, kUnfitElf.
[[nodiscard]] Result<std::vector<uint8_t>> model_section(std::span<const uint8_t> elf);

// How far a proof is.
struct ProveProgress {
  uint32_t segment = 0;    // the one that is being proven, from 0
  uint32_t segments = 0;   // of the whole execution; 0 as long as that isn't known
  double fraction = 0;     // of the whole work that is done, 0..1
  uint64_t cycles = 0;     // of the whole execution
  std::string_view stage;  // what comes next: "LDE of main"
};

struct Parts;  // host/zkvm_jobs.h

// The rate of the code that the prover commits to: a lower one makes shorter receipts, and takes
// longer and more memory to prove. Security and image id are the same.
enum class Rate : uint8_t {
  kAuto,      // 1/4 where that saves a megabyte for some six seconds, else 1/2
  kHalf,      // 1/2
  kQuarter,   // 1/4
  kEighth,    // 1/8, of programs that are not too large for it (kUnfitElf)
  kSmallest,  // the lowest that the program has, and all else for few bytes
  kFastest,   // 1/2, and all else for speed
};

struct ProveOptions {
  // The least proven security of the receipt, in bits.
  double security_bits = 128;

  // The widest regime that they may be proven in. kUnique makes longer receipts, for verifiers that
  // accept nothing else. A receipt of several segments has that in any case.
  Regime regime = Regime::kJohnson;

  Rate rate = Rate::kAuto;

  // The most instructions that one segment executes; 0: as many as fit into memory_limit. Shorter
  // segments need less memory and make longer receipts. Segments have at most 2^22 instructions.
  uint64_t segment_cycles = 0;

  // The memory, in bytes, that the prover cuts segments for; 0: half of what the machine has, or of
  // the limit of the control group (cgroup) if that is less. If the shortest segments, 2^16
  // instructions or a call of a layer, need more, that is an error.
  uint64_t memory_limit = 0;

  // How many processes share that memory: each has its part of it (ProveOptions::elsewhere).
  uint32_t processes = 1;

  // A folder that keeps finished segments, made if it is not there, so that the same call goes on
  // where one that was killed had stopped. It holds secrets: who reads it may learn the input.
  // Empty: none.
  std::string resume_folder = {};

  // The most threads that work on it; 0: as many as the process may use. It holds for the whole
  // process meanwhile: of calls at the same time the least counts.
  uint32_t threads = 0;

  // As in RunOptions.
  uint64_t max_cycles = RunOptions{}.max_cycles;
  std::function<void(uint32_t fd, std::span<const uint8_t>)> console = {};

  // Called between stages of the proof, and of the execution as in RunOptions, by the thread that
  // called prove. Returning false ends it with kCancelled. Empty: not called.
  std::function<bool(const ProveProgress&)> progress = {};

  // Whether StageCost::floor is measured, which takes 0.1 s after the proof.
  bool measure_floors = false;

  // Proves the segments that are missing elsewhere (host/zkvm_jobs.h), and hands their parts to parts.add, which
  // verifies them and keeps them in the resume folder. Where it returns false, those that are still missing are proven
  // here. Its errors end the proof. What Proved says of stages, chips and layers is of what was proven here. Empty: not
  // called.
  std::function<Result<bool>(const Parts& parts)> elsewhere = {};
};

// What one stage of the prover took, over all segments.
struct StageCost {
  std::string name;
  double seconds = 0;  // by the wall clock
  uint64_t units = 0;  // of work
  std::string unit;    // "cell"
  // Nanoseconds that the arithmetic of a unit takes on this machine on data that stays in the
  // caches: stark/prover/stage_floors.h. 0: not measured, or of a stage that has no simple floor.
  double floor = 0;
};

// What the tables of one chip took, over all segments.
struct ChipCost {
  std::string name;
  uint64_t rows = 0;    // that say something
  uint64_t padded = 0;  // rows in all: heights are powers of two
  uint64_t cells = 0;   // committed, padding included
};

// What a layer took, over all calls: its rows, padding not included, and weights of its own once for
// each segment. Core time is the prover's own, shared out by cells.
struct LayerCost {
  LayerCount layer;
  uint64_t cells = 0;            // committed
  double core_seconds = 0;       // of these cells
  double ns_per_weight = 0;      // core time of the weights' cells; 0: it has none
  double ns_per_activation = 0;  // of all others, by bytes read and written
};

// Trees of large fixed columns, which the cache keeps from one proof to the next.
struct TreeUse {
  uint32_t found = 0, kept = 0;  // in the cache; made, and kept there
  uint64_t bytes_found = 0, bytes_kept = 0;
  bool damaged = false;  // those found were not right: they were dropped, and all was proven again
};

struct Proved {
  Run run;                       // where it ended by a trap, nothing is proven
  std::vector<uint8_t> receipt;  // host/doc/receipt.md; verified. Empty after a trap
  ImageId image_id{};
  uint32_t segments = 0;
  uint32_t resumed = 0;             // segments that were found in the resume folder
  uint8_t log_blowup = 0;           // the rate is 2^-log_blowup
  double security_bits = 0;         // proven, of the whole receipt
  Regime regime = Regime::kUnique;  // in which they are proven
  double seconds = 0;               // of execution and proof, by the wall clock
  double verify_seconds = 0;        // of the check that the receipt is true
  uint64_t peak_memory = 0;         // resident bytes, of this process so far
  TreeUse trees;
  // All nonces: hashes that they are expected to take, and the time of these on this machine by the floor of
  // "proof of work" (0: not measured).
  uint64_t nonce_hashes = 0;
  double nonce_seconds = 0;
  std::vector<StageCost> stages;  // in the order of the work
  std::vector<ChipCost> chips;    // most cells first
  std::vector<LayerCost> layers;  // as in Run
};

// Executes the guest as run() does and proves that it ended as it did. The receipt tells the
// journal and the exit code, and of the input only what table heights and memory in use tell
// (stark/doc/zero_knowledge.md); but enough receipts give away the program with all constants in
// it, weights too. A guest that exits with another code than 0 is proven. Errors:
// those of run(); kInsecure, if no parameters give security_bits; kUnwritable, kUnreadable and
// kOtherProof for the resume folder; kCancelled; those of ProveOptions::elsewhere.
[[nodiscard]] Result<Proved> prove(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                                   const ProveOptions& options = {});

// Returns to the system what prove() keeps for the next proof: as much memory as its largest one
// used, so that a service that proves again and again does not wait for fresh pages.
void release_memory();

}  // namespace zkvm
