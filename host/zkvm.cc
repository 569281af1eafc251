#include "host/zkvm.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "host/profile.h"
#include "host/program.h"
#include "host/proof_cost.h"
#include "host/source_map.h"
#include "vm/profile.h"
#include "vm/run.h"

namespace zkvm {
namespace {

// The call sites that lead to where the profiled run ended, innermost first.
std::vector<uint32_t> backtrace(const vm::Profile& profile) {
  constexpr size_t kDeepest = 64;
  std::vector<uint32_t> sites;
  for (uint32_t at = profile.last_node; at != 0 && sites.size() < kDeepest;
       at = profile.nodes[at].parent) {
    sites.push_back(profile.nodes[at].call_site);
  }
  return sites;
}

Trap to_api(const vm::Trap& trap, const vm::Program& program, std::span<const uint8_t> elf,
            const std::vector<uint32_t>& call_sites) {
  Trap result;
  result.kind = vm::name_of(trap.kind);
  result.pc = trap.pc;
  SourceMap map(elf, program);
  std::vector<uint32_t> pcs = call_sites;
  pcs.push_back(trap.pc);
  map.look_up(pcs);
  result.where = map.at(trap.pc);
  for (uint32_t site : call_sites) {
    const std::vector<SourceFrame>& frames = map.at(site);
    result.where.insert(result.where.end(), frames.begin(), frames.end());
  }
  result.message = printable(vm::describe(trap, program));
  const SourceFrame& at = result.where.front();
  if (!at.file.empty()) {
    result.message += fmt::format(", in {} ({}:{})", at.function, at.file, at.line);
  }
  return result;
}

std::vector<ClassCount> class_counts(const vm::Program& program, const vm::RunResult& run) {
  const auto counts = vm::count_classes(program, run);
  std::vector<ClassCount> classes;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    classes.push_back({std::string(vm::name_of(static_cast<vm::Class>(i))), counts[i]});
  }
  std::ranges::sort(classes, [](const ClassCount& a, const ClassCount& b) {
    return std::pair(b.count, a.name) < std::pair(a.count, b.name);
  });
  return classes;
}

std::vector<LayerCount> layer_counts(const vm::Program& program, const vm::RunResult& run) {
  std::vector<LayerCount> layers;
  for (size_t i = 0; i < run.layer_calls.size(); ++i) {
    const vm::Layer& layer = program.layers[i];
    if (run.layer_calls[i] == 0) continue;
    layers.push_back({.name = layer.name,
                      .calls = run.layer_calls[i],
                      .products = layer.products(),
                      .weights = layer.weight_count(),
                      .bytes_read = 4 * layer.words_read(),
                      .bytes_written = 4 * layer.words_written()});
  }
  return layers;
}

Run to_api(const vm::Program& program, vm::RunResult result, double seconds) {
  Run run;
  run.exit_code = static_cast<int32_t>(result.exit_code);
  run.cycles = result.cycles;
  run.classes = class_counts(program, result);
  run.layers = layer_counts(program, result);
  run.journal = std::move(result.journal);
  run.input_read = result.input_bytes;
  run.memory_declared = result.declared_bytes;
  run.memory_touched = result.touched_bytes;
  run.seconds = seconds;
  return run;
}

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

vm::Io io_of(std::span<const uint8_t> input, const RunOptions& options) {
  return {.input = input, .console = options.console, .progress = options.progress};
}

vm::RunLimits limits_of(const RunOptions& options) {
  vm::RunLimits limits;
  limits.cycles = options.max_cycles;
  return limits;
}

// The executions of each address in each context, from those of straight-line pieces of code.
Profile to_api(const vm::Profile& profile) {
  Profile result;
  result.unattributed = profile.unattributed;
  for (const vm::ProfileNode& node : profile.nodes) {
    result.contexts.push_back({node.parent, node.call_site});
  }
  // Pieces may overlap, so each is two events: its count begins, its count ends.
  struct Event {
    uint32_t context;
    uint32_t pc;
    uint64_t change;  // modulo 2^64
  };
  std::vector<Event> events;
  for (const vm::ProfileBlock& block : profile.blocks) {
    events.push_back({block.node, block.begin, block.count});
    events.push_back({block.node, block.end, 0 - block.count});
  }
  std::ranges::sort(events, [](const Event& a, const Event& b) {
    return std::pair(a.context, a.pc) < std::pair(b.context, b.pc);
  });
  uint64_t running = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    running += events[i].change;
    if (running == 0) continue;  // every context ends here
    for (uint32_t pc = events[i].pc; pc < events[i + 1].pc; pc += 4) {
      result.counts.push_back({events[i].context, pc, running});
    }
  }
  return result;
}

}  // namespace

Result<Run> run(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                const RunOptions& options) {
  const Result<vm::Program> program = load_program(elf);
  if (!program) return tl::unexpected(program.error());
  return run_program(*program, elf, input, options);
}

Result<Run> run_program(const vm::Program& program, std::span<const uint8_t> elf,
                        std::span<const uint8_t> input, const RunOptions& options) {
  const Stopwatch watch;
  vm::Result<vm::RunResult> result = vm::run(program, io_of(input, options), limits_of(options));
  if (!result) return tl::unexpected(to_api(result.error()));
  const double seconds = watch.seconds();
  std::optional<ProofCost> proof;
  if (options.estimate_proof && !result->trap) {
    if (const Result<ProofCost> cost = proof_cost(program, *result, {})) proof = *cost;
  }
  Run run = run_of(program, elf, input, options, std::move(*result), seconds);
  run.proof = proof;
  return run;
}

Run run_of(const vm::Program& program, std::span<const uint8_t> elf, std::span<const uint8_t> input,
           const RunOptions& options, vm::RunResult result, double seconds) {
  std::optional<Trap> trap;
  if (result.trap) {
    // Fast executors don't follow calls; another run that does, silently, costs little.
    constexpr uint64_t kMaxCyclesToRepeat = uint64_t{1} << 28;
    std::vector<uint32_t> call_sites;
    if (result.cycles <= kMaxCyclesToRepeat) {
      if (const auto again =
              vm::profile(program, {.input = input, .console = {}}, limits_of(options))) {
        call_sites = backtrace(*again);
      }
    }
    trap = to_api(*result.trap, program, elf, call_sites);
  }
  Run run = to_api(program, std::move(result), seconds);
  run.trap = std::move(trap);
  return run;
}

Result<ProfiledRun> profile(std::span<const uint8_t> elf, const vm::Program& program,
                            std::span<const uint8_t> input, const RunOptions& options) {
  const Stopwatch watch;
  vm::Result<vm::Profile> result = vm::profile(program, io_of(input, options), limits_of(options));
  if (!result) return tl::unexpected(to_api(result.error()));
  const double seconds = watch.seconds();

  ProfiledRun profiled;
  profiled.profile = to_api(*result);
  std::optional<Trap> trap;
  if (result->run.trap) trap = to_api(*result->run.trap, program, elf, backtrace(*result));
  profiled.run = to_api(program, std::move(result->run), seconds);
  profiled.run.trap = std::move(trap);
  return profiled;
}

}  // namespace zkvm
