// An Observer of the fast executor (vm/fast.h) that counts how often each instruction is executed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vm/code.h"
#include "vm/semantics.h"

namespace zkvm::vm {

// Counts only how often control arrives at an instruction by a jump and leaves after one by a jump;
// how often each was executed is then a running sum over the text.
class CountingObserver {
 public:
  explicit CountingObserver(const Region& text) : flow_(text.size / 4 + 2), steps_(flow_.size()) {}

  void enter(uint32_t i) { ++flow_[i].in; }
  void leave(uint32_t i) { --flow_[i].in; }
  ZKVM_ALWAYS_INLINE void jump(uint32_t from, uint32_t to, const Insn&, const Registers&) {
    ++flow_[from].out;
    ++flow_[to].in;
  }
  void step(uint32_t from, uint32_t, const Registers&) { ++steps_[from]; }

  void reset() {
    std::ranges::fill(flow_, Flow{});
    std::ranges::fill(steps_, 0);
  }

  template <class Count = uint64_t>
  std::vector<Count> counts() const {
    std::vector<Count> counts(flow_.size() - 2);
    uint64_t running = 0;  // may wrap below zero on the way, never in a count
    for (size_t i = 0; i < counts.size(); ++i) {
      running += flow_[i].in;
      counts[i] = static_cast<Count>(running + steps_[i]);
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

}  // namespace zkvm::vm
