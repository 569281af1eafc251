#include "vm/run.h"

#include "vm/fast.h"

namespace zkvm::vm {
namespace {

// Counts how often control arrives at an instruction by a jump and leaves after one by a jump; how
// often each was executed is then a running sum over the text.
class CountingObserver {
 public:
  explicit CountingObserver(const Region& text) : flow_(text.size / 4 + 2), steps_(flow_.size()) {}

  void enter(uint32_t i) { ++flow_[i].in; }
  void leave(uint32_t i) { --flow_[i].in; }
  ZKVM_ALWAYS_INLINE void jump(uint32_t from, uint32_t to, const Insn&) {
    ++flow_[from].out;
    ++flow_[to].in;
  }
  void step(uint32_t from, uint32_t) { ++steps_[from]; }

  std::vector<uint64_t> counts() const {
    std::vector<uint64_t> counts(flow_.size() - 2);
    uint64_t running = 0;  // may wrap below zero on the way, never in a count
    for (size_t i = 0; i < counts.size(); ++i) {
      running += flow_[i].in;
      counts[i] = running + steps_[i];
      running -= flow_[i].out;
    }
    return counts;
  }

 private:
  struct Flow {
    uint64_t in = 0, out = 0;
  };
  std::vector<Flow> flow_;
  std::vector<uint64_t> steps_;
};

}  // namespace

Result<RunResult> run(const Program& program, const Io& io, const RunLimits& limits) {
  auto memory = Memory::of(program);
  if (!memory) return tl::unexpected(std::move(memory.error()));
  System system(io, limits);
  CountingObserver observer(program.text());
  FastRun<CountingObserver> run(program, *memory, system, limits.cycles, observer);
  RunResult result;
  result.trap = run.run();
  result.exit_code = system.exit_code().value_or(0);
  result.cycles = run.state.cycles;
  result.journal = std::move(system.journal());
  result.declared_bytes = program.memory_bytes();
  result.touched_bytes = memory->touched().size() * kGranuleBytes;
  result.counts = observer.counts();
  return result;
}

std::array<uint64_t, kClassCount> count_classes(const Program& program, const RunResult& run) {
  std::array<uint64_t, kClassCount> classes{};
  for (uint32_t i = 0; i < run.counts.size(); ++i) {
    const Op op = decode(text_word(program.text(), i)).op;
    classes[static_cast<size_t>(class_of(op))] += run.counts[i];
  }
  return classes;
}

}  // namespace zkvm::vm
