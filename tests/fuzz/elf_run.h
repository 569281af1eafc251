// What both fuzzers of ELF files do with one file: load it and, if it loads, run it a little by
// every executor. Nothing may crash, hang or allocate beyond the limits; executors must agree.
#pragma once

#include <zk/check.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "vm/disassembler.h"
#include "vm/profile.h"
#include "vm/run.h"
#include "vm/trace.h"

namespace zkvm::vm::test {

// Whether calls of its layers take no time to speak of: the cycle limit counts a call as one.
inline bool has_small_layers(const Program& program) {
  return std::ranges::all_of(program.layers, [](const Layer& layer) {
    const uint64_t work = layer.weights.size() + layer.outputs + layer.quads * layer.taps.size();
    return layer.rows() * work < 1u << 16;
  });
}

// True if the file loaded.
inline bool run_hostile_elf(std::span<const uint8_t> file) {
  const auto program = load_elf(
      file, {.memory_bytes = 1u << 24, .symbols = 1u << 12, .symbol_name_bytes = 1u << 16});
  if (!program) {
    ZK_CHECK(!program.error().message.empty());
    return false;
  }
  if (!has_small_layers(*program)) return true;
  const std::array<uint8_t, 37> input{1, 2, 3};
  const Io io{.input = input, .console = {}};
  const RunLimits limits{.cycles = 5000, .journal_bytes = 1u << 16, .console_bytes = 1u << 16};
  const RunResult fast = *run(*program, io, limits);
  ZK_CHECK(fast.cycles <= limits.cycles && fast.journal.size() <= limits.journal_bytes);
  if (fast.trap) ZK_CHECK(!describe(*fast.trap, *program).empty());

  auto tracer = *Tracer::of(*program, io, limits, {.clk = 2000, .pages = 64, .layer_rows = 1000});
  Segment segment;
  while (*tracer.next(segment)) {
  }
  const RunResult traced = tracer.result();
  ZK_CHECK(traced.trap == fast.trap && traced.cycles == fast.cycles &&
           traced.exit_code == fast.exit_code && traced.journal == fast.journal &&
           traced.touched_bytes == fast.touched_bytes && traced.layer_calls == fast.layer_calls);

  auto counter = *Tracer::of(*program, io, limits, {.clk = 2000, .pages = 64, .layer_rows = 1000});
  Survey survey;
  while (counter.next(survey)) {
  }
  const RunResult counted = counter.result();
  ZK_CHECK(counted.trap == traced.trap && counted.cycles == traced.cycles &&
           counted.exit_code == traced.exit_code && counted.journal == traced.journal &&
           counted.touched_bytes == traced.touched_bytes &&
           counted.layer_calls == traced.layer_calls);

  const Profile profiled = *profile(*program, io, limits);
  ZK_CHECK(profiled.run.trap == fast.trap && profiled.run.counts == fast.counts);
  return true;
}

}  // namespace zkvm::vm::test
