// The tracing executor: runs a program segment by segment and records each (vm/record.h), or counts what its
// record would have (vm/survey.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "vm/checkpoint.h"
#include "vm/elf.h"
#include "vm/record.h"
#include "vm/run.h"
#include "vm/segment_limits.h"
#include "vm/survey.h"

namespace zkvm::vm {

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

  // The same, but only counts, three times as fast. Segments end where the other one ends them; only one
  // that traps may be cut in two, if the trap is at the target of a jump.
  [[nodiscard]] bool next(Survey& survey);

  // Executes so many instructions and does no more, as fast; next() goes on as if they had been in
  // segments. Errors: kEndedEarly; kCancelled, if io's progress function returned false; then the
  // tracer is of no more use.
  [[nodiscard]] Result<void> skip(uint64_t cycles);

  // Where this execution is, between two segments; nothing, if more granules than that are other than
  // at the start. REQUIRES: it is not done.
  [[nodiscard]] std::optional<Checkpoint> checkpoint(size_t most_granules) const;

  // Goes on from there, in another process perhaps: next() records what it would there. `journal`: of
  // the execution, as far as it is known. That all this is of one execution is believed. The result
  // counts no calls and no memory of before. REQUIRES: nothing was executed yet. Error: kEndedEarly, if
  // no execution of this program on this input can be there.
  [[nodiscard]] Result<void> restore(const Checkpoint& checkpoint,
                                     std::span<const uint8_t> journal);

  // The guest's memory as it is now: byte a is at index a. Valid until the tracer is moved or gone.
  [[nodiscard]] std::span<const uint8_t> memory() const;

  // Of all so far, as run() has them, except counts and touched_blocks, which are empty.
  RunResult result() const;

 private:
  class Execution;
  explicit Tracer(std::unique_ptr<Execution> execution);
  std::unique_ptr<Execution> execution_;
};

}  // namespace zkvm::vm
