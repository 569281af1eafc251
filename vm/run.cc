#include "vm/run.h"

#include "vm/counting.h"
#include "vm/execute.h"

namespace zkvm::vm {

Result<RunResult> run(const Program& program, const Io& io, const RunLimits& limits) {
  CountingObserver observer(program.text());
  return execute_with(program, io, limits, observer);
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
