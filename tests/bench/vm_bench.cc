// Millions of guest instructions per second (counter MIPS) of the executors, and of qemu-riscv32 on
// the same ELF and input, its start included. On the integer benchmark (guests/integer.cc) and on
// one inference of MNIST's LeNet-5, two million instructions, from either compiler.
// JSON: --benchmark_format=json. Medians: --benchmark_repetitions=9.
#include <benchmark/benchmark.h>
#include <unistd.h>
#include <zk/check.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "vm/profile.h"
#include "vm/run.h"
#include "vm/trace.h"

namespace {

using namespace zkvm::vm;

std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Workload {
  std::string name;
  std::string elf, input;  // paths
};

struct Loaded {
  Program program;
  std::vector<uint8_t> input;

  explicit Loaded(const Workload& w) : input(read_file(w.input)) {
    auto loaded = load_elf(read_file(w.elf));
    if (!loaded) std::fprintf(stderr, "%s: %s\n", w.elf.c_str(), loaded.error().message.c_str());
    ZK_CHECK(loaded);
    program = std::move(*loaded);
  }
  Io io() const { return {.input = input, .console = {}}; }
};

void report(benchmark::State& state, uint64_t cycles) {
  state.counters["instructions"] = static_cast<double>(cycles);
  state.counters["MIPS"] = benchmark::Counter(static_cast<double>(cycles) / 1e6,
                                              benchmark::Counter::kIsIterationInvariantRate);
}

void bench_fast(benchmark::State& state, const Workload& w) {
  const Loaded guest(w);
  uint64_t cycles = 0;
  for (auto _ : state) {
    const auto result = run(guest.program, guest.io());
    ZK_CHECK(result && !result->trap);
    cycles = result->cycles;
  }
  report(state, cycles);
}

void bench_tracing(benchmark::State& state, const Workload& w) {
  const Loaded guest(w);
  uint64_t cycles = 0;
  Segment segment;
  const auto trace = [&] {
    auto tracer = Tracer::of(guest.program, guest.io());
    while (*tracer->next(segment)) benchmark::DoNotOptimize(segment.cycles);
    ZK_CHECK(!tracer->result().trap);
    cycles = tracer->result().cycles;
  };
  trace();  // the segment's arrays are then in memory, as a prover's are from its second segment on
  for (auto _ : state) trace();
  report(state, cycles);
}

// As who plans a proof does.
void bench_counting(benchmark::State& state, const Workload& w) {
  const Loaded guest(w);
  uint64_t cycles = 0;
  Survey survey;
  for (auto _ : state) {
    auto tracer = Tracer::of(guest.program, guest.io());
    while (tracer->next(survey)) benchmark::DoNotOptimize(survey.cycles);
    cycles = tracer->result().cycles;
  }
  report(state, cycles);
}

// As who proves a segment gets to it.
void bench_skipping(benchmark::State& state, const Workload& w) {
  const Loaded guest(w);
  const auto whole = run(guest.program, guest.io());
  ZK_CHECK(whole);
  for (auto _ : state) {
    auto tracer = Tracer::of(guest.program, guest.io());
    ZK_CHECK(tracer->skip(whole->cycles - 1));
  }
  report(state, whole->cycles);
}

void bench_profiling(benchmark::State& state, const Workload& w) {
  const Loaded guest(w);
  uint64_t cycles = 0;
  for (auto _ : state) cycles = profile(guest.program, guest.io())->run.cycles;
  report(state, cycles);
}

void bench_qemu(benchmark::State& state, const Workload& w) {
  const Loaded guest(w);
  const uint64_t cycles = run(guest.program, guest.io())->cycles;
  const std::string command =
      "qemu-riscv32 " + w.elf + " <" + w.input + " 3>/dev/null >/dev/null 2>&1";
  for (auto _ : state) ZK_CHECK(std::system(command.c_str()) == 0);  // NOLINT
  report(state, cycles);
}

void add(const Workload& w) {
  const auto each = [&](const char* executor, auto bench) {
    benchmark::RegisterBenchmark((w.name + "/" + executor).c_str(),
                                 [=](benchmark::State& state) { bench(state, w); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  each("fast", bench_fast);
  each("counting", bench_counting);
  each("skipping", bench_skipping);
  each("tracing", bench_tracing);
  each("profiling", bench_profiling);
  each("qemu-riscv32", bench_qemu);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string guests = ZKVM_GUESTS;
  std::string input = (std::filesystem::temp_directory_path() / "zkvm-bench-XXXXXX").string();
  const int file = mkstemp(input.data());
  ZK_CHECK(file >= 0);
  const uint32_t rounds = 500;  // 54 million instructions
  ZK_CHECK(write(file, &rounds, sizeof(rounds)) == sizeof(rounds));
  close(file);

  add({"integer", guests + "/bench_integer.elf", input});
  for (const char* name : {"mnist_lenet5_plain", "mnist_lenet5_plain_clang"}) {
    add({name, guests + "/" + name + ".elf", ZKVM_DIGITS});
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove(input);
}
