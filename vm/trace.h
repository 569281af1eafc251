// The tracing executor: runs a program segment by segment and records each (vm/record.h).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vm/elf.h"
#include "vm/record.h"
#include "vm/run.h"

namespace zkvm::vm {

// What calls cost beside their tick, in any unit: each call of a layer, and each group of layers once in a
// segment that calls one of them; each call of a hash, and each of its blocks.
struct CallCosts {
  std::vector<uint64_t> call = {};   // of each layer; empty: none costs anything
  std::vector<uint32_t> group = {};  // of each layer, that it is in
  std::vector<uint64_t> once = {};   // of each group
  uint64_t tick = 1;                 // of a tick
  std::array<uint64_t, kHashes> hash_call = {}, hash_block = {};  // by Hash

  bool operator==(const CallCosts&) const = default;
};

// When a segment is cut. A single system call is never split: it may add kMaxJournalBytes / 4
// transfer rows, or a layer's rows and words, or 2^10 blocks, and the pages under them beyond the limits.
// Pages are counted every 256 ticks.
struct SegmentLimits {
  uint32_t rows = 1u << 22;           // of each class, at least 1
  uint32_t clk = kMaxClk;             // at least 4, at most kMaxClk; clk stays below it
  uint32_t pages = 1u << 19;          // 256 bytes of guest memory each, 772 in the record
  uint32_t layer_rows = 1u << 22;     // Layer::table_rows() of all calls, at least 1
  uint32_t hash_blocks = 1u << 20;  // of all calls of a hash, at least 1
  // Of ticks and calls; a call that costs as much alone ends its segment.
  uint64_t cost = std::numeric_limits<uint64_t>::max();
  CallCosts costs = {};
};

class Tracer {
 public:
  // The program and what io refers to must outlive the tracer. Error: kOutOfMemory.
  [[nodiscard]] static Result<Tracer> of(const Program& program, const Io& io,
                                         const RunLimits& limits = {},
                                         const SegmentLimits& segment_limits = {});
  Tracer(Tracer&&) noexcept;
  Tracer& operator=(Tracer&&) noexcept;
  ~Tracer();

  // Runs the next segment into `segment`, whose buffers are used again if it has some (pass a fresh
  // one to keep the last). False, with nothing done, after the segment that ended in exit or trap.
  // Error: kOutOfMemory.
  [[nodiscard]] Result<bool> next(Segment& segment);

  // Executes so many instructions and records nothing, ten times as fast; next() goes on as if they had been in segments. Errors: kEndedEarly; kCancelled, if io's progress
  // function returned false; then the tracer is of no more use.
  [[nodiscard]] Result<void> skip(uint64_t cycles);

  // The guest's memory as it is now: byte a is at index a. Valid until the tracer is moved or gone.
  [[nodiscard]] std::span<const uint8_t> memory() const;

  // Of all segments so far, as run() has them, except counts and touched_blocks, which are empty.
  RunResult result() const;

 private:
  class Execution;
  explicit Tracer(std::unique_ptr<Execution> execution);
  std::unique_ptr<Execution> execution_;
};

}  // namespace zkvm::vm
