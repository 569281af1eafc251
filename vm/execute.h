// From a program to a RunResult by the fast executor under an Observer that has counts().
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "vm/fast.h"
#include "vm/run.h"

namespace zkvm::vm {

template <class Observer>
Result<RunResult> execute_with(const Program& program, const Io& io, const RunLimits& limits,
                               Observer& observer) {
  auto memory = Memory::of(program);
  if (!memory) return tl::unexpected(std::move(memory.error()));
  System system(io, limits);
  FastRun<Observer> run(program, *memory, system, observer);
  RunResult result;
  result.trap = run.run(limits.cycles, io.progress);
  if (!result.trap && !system.exit_code())
    return tl::unexpected(Error{ErrorCode::kCancelled, "the execution was cancelled"});
  result.exit_code = system.exit_code().value_or(0);
  result.cycles = run.state.cycles;
  result.journal = std::move(system.journal());
  result.input_bytes = system.input_read();
  result.declared_bytes = program.memory_bytes();
  result.touched_bytes = memory->ever_touched() * kGranuleBytes;
  result.layer_calls = system.layer_calls();
  result.layer_calls.resize(program.layers.size());
  result.hashes = system.hashes();
  result.counts = observer.counts();
  std::vector<bool> touched(size_t{1} << (32 - kLogBlockBytes));
  for (const uint32_t granule : memory->touched()) {
    touched[granule >> (kLogBlockBytes - kLogGranuleBytes)] = true;
  }
  for (uint32_t block = 0; block < touched.size(); ++block) {
    if (touched[block]) result.touched_blocks.push_back(static_cast<uint16_t>(block));
  }
  return result;
}

}  // namespace zkvm::vm
