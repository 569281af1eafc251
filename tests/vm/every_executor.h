// Runs a program by every executor and checks that they agree.
#pragma once

#include <gtest/gtest.h>

#include "vm/profile.h"
#include "vm/run.h"
#include "vm/step.h"
#include "vm/trace.h"

namespace zkvm::vm::test {

inline RunResult run_stepping(const Program& program, const Io& io, const RunLimits& limits) {
  auto memory = Memory::of(program);
  EXPECT_TRUE(memory);
  System system(io, limits);
  State state = initial_state(program);
  RunResult result;
  result.counts.resize(program.text().size / 4);
  while (!system.exit_code() && !result.trap) {
    if (state.cycles >= limits.cycles) {
      result.trap = Trap{TrapKind::kCycleLimit, state.pc, 0, 0, state.cycles};
    } else {
      const uint32_t index = (state.pc - program.text().base) / 4;
      result.trap = step(program, state, *memory, system);
      if (!result.trap) ++result.counts[index];
    }
  }
  result.exit_code = system.exit_code().value_or(0);
  result.cycles = state.cycles;
  result.journal = system.journal();
  result.declared_bytes = program.memory_bytes();
  result.touched_bytes = memory->ever_touched() * kGranuleBytes;
  result.hashes = system.hashes();
  result.layer_calls = system.layer_calls();
  result.layer_calls.resize(program.layers.size());
  return result;
}

inline RunResult run_tracing(const Program& program, const Io& io, const RunLimits& limits,
                             const SegmentLimits& segment_limits = {}) {
  auto tracer = Tracer::of(program, io, limits, segment_limits);
  EXPECT_TRUE(tracer);
  Segment segment;
  while (*tracer->next(segment)) {
  }
  return tracer->result();
}

inline RunResult run_counting(const Program& program, const Io& io, const RunLimits& limits,
                              const SegmentLimits& segment_limits = {}) {
  auto tracer = Tracer::of(program, io, limits, segment_limits);
  EXPECT_TRUE(tracer);
  Survey survey;
  while (tracer->next(survey)) {
  }
  return tracer->result();
}

inline void expect_same(const RunResult& a, const RunResult& b, const char* what) {
  EXPECT_EQ(a.trap, b.trap) << what;
  EXPECT_EQ(a.exit_code, b.exit_code) << what;
  EXPECT_EQ(a.cycles, b.cycles) << what;
  EXPECT_EQ(a.journal, b.journal) << what;
  EXPECT_EQ(a.declared_bytes, b.declared_bytes) << what;
  EXPECT_EQ(a.touched_bytes, b.touched_bytes) << what;
  EXPECT_EQ(a.layer_calls, b.layer_calls) << what;
  EXPECT_EQ(a.hashes, b.hashes) << what;
}

// The result that all of them gave.
inline RunResult run_everywhere(const Program& program, const Io& io = {},
                                const RunLimits& limits = {}) {
  RunResult fast = *run(program, io, limits);
  const RunResult stepped = run_stepping(program, io, limits);
  expect_same(fast, stepped, "fast and stepping");
  EXPECT_EQ(fast.counts, stepped.counts);
  expect_same(fast, run_tracing(program, io, limits), "fast and tracing");
  expect_same(fast, run_tracing(program, io, limits, {.clk = 300, .pages = 2, .layer_rows = 50}),
              "fast and tracing in small segments");
  expect_same(fast, run_counting(program, io, limits), "fast and counting");
  expect_same(fast, run_counting(program, io, limits, {.clk = 300, .pages = 2, .layer_rows = 50}),
              "fast and counting in small segments");
  const Profile profiled = *profile(program, io, limits);
  expect_same(fast, profiled.run, "fast and profiling");
  EXPECT_EQ(fast.counts, profiled.run.counts);
  uint64_t cycles = profiled.unattributed;
  for (const ProfileBlock& block : profiled.blocks) cycles += block.cycles();
  EXPECT_EQ(cycles, fast.cycles);
  return fast;
}

}  // namespace zkvm::vm::test
