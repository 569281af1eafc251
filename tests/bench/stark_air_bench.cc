// LogUp and constraint stages on the shape of the prototypes: a chip of 20 columns with 14
// interactions (7 pairs, tuples of 3 to 7 elements) and 12 asserts, 2^20 rows, blowup 2.
//
//   core_seconds_per_row: CPU time of all threads per row (LogUp) or LDE row (constraints)
//
// Beside each stands its floor in the same run: the products of the stage alone, straight through
// the multiplier, with operands from the L1 cache. A stage that takes 2 times its floor spends half
// of its time on additions, reductions, transposes and memory.
#include <benchmark/benchmark.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <memory>
#include <random>

#include "stark/prover/stages/constraints.h"
#include "stark/prover/stages/logup.h"
#include "tests/bench/stark_air_bench_chip.h"

namespace zkvm::stark {
namespace {

constexpr uint8_t kLogHeight = 20;

struct Setup {
  Circuit circuit;
  Shape shape;
  std::unique_ptr<TileMatrix> main, aux, out;
  LatePowers late;
  LogupChallenges logup;
  Fp5 alpha;

  std::vector<const TileMatrix*> trees() const { return {main.get(), aux.get(), nullptr}; }
};

void fill_random(TileMatrix& matrix, std::mt19937_64& random) {
  for (size_t r = 0; r < matrix.rows(); ++r)
    for (int c = 0; c < matrix.columns(); ++c)
      matrix.set(r, c, Fp::from_wire(static_cast<uint32_t>(random() % Fp::kModulus)));
}

Setup& setup() {
  static Setup instance = [] {
    auto circuit = Circuit::make(BenchChips{}, {.kernels = &bench_asserts});
    ZK_CHECK(circuit.has_value());
    Params params;
    params.zk = false;
    params.queries = 261;
    const TableSpec table{0, kLogHeight};
    auto shape = make_shape(circuit->key(), params, {&table, 1});
    ZK_CHECK(shape.has_value());
    Setup s{*std::move(circuit), *std::move(shape), {}, {}, {}, {}, {}, {}};
    std::mt19937_64 random(1);
    const auto element = [&] {
      Fp5 x;
      for (Fp& c : x.c) c = Fp::from(random());
      return x;
    };
    const GroupShape& group = s.shape.groups[0];
    const auto matrix = [&](uint32_t tree) {
      return std::make_unique<TileMatrix>(kLogHeight, static_cast<int>(group.width[tree]));
    };
    s.main = matrix(s.shape.tree(Phase::kMain));
    s.aux = matrix(s.shape.tree(Phase::kAux));
    s.out = std::make_unique<TileMatrix>(kLogHeight, 10);
    s.logup = {element(), element()};
    s.alpha = element();
    fill_random(*s.main, random);
    fill_random(*s.aux, random);
    return s;
  }();
  return instance;
}

void run_with(benchmark::State& state, SimdTarget target, const auto& body) {
  const SimdTarget before = simd_target();
  const auto targets = available_simd_targets();
  if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
    state.SkipWithError("not on this CPU");
    return;
  }
  set_simd_target(target);
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism,
                                    static_cast<size_t>(state.range(0)));
  for (auto _ : state) body();
  // CPU time of the whole process, so threads need no division and other load hardly counts.
  state.counters["core_seconds_per_row"] =
      benchmark::Counter(static_cast<double>(state.iterations() << kLogHeight),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  set_simd_target(before);
}

void logup(benchmark::State& state, SimdTarget target) {
  Setup& s = setup();
  run_with(state, target, [&] {
    const auto trees = s.trees();
    benchmark::DoNotOptimize(fill_logup(s.shape, s.shape.groups[0], s.circuit.key().tuple_width,
                                        s.logup, trees, *s.aux));
  });
}

void constraints(benchmark::State& state, SimdTarget target) {
  Setup& s = setup();
  run_with(state, target, [&] {
    const auto trees = s.trees();
    evaluate_quotient(s.circuit, s.shape, s.shape.groups[0], {s.late, s.logup, s.alpha, s.alpha}, Fp::one(),
                      {trees, {}}, *s.out, 0);
  });
}

void floor_of(benchmark::State& state, SimdTarget target, uint64_t products) {
  run_with(state, target, [&] {
    const int threads = static_cast<int>(state.range(0));
    tbb::parallel_for(0, 64 * threads, [&](int) {
      benchmark::DoNotOptimize(
          bench_floor().products((products << kLogHeight) / static_cast<uint64_t>(64 * threads)));
    });
  });
}

// Per row: 70 - 14 terms of tuples beyond the first elements; 14 multiplicities; 5 products in E a
// pair. Reductions count, too: 2 products each.
constexpr uint64_t kLogupProducts = 56 * 5 + 14 * 5 * 2 + 14 * 5 + 7 * 5 * 2 + 7 * 5 * (25 + 10);
constexpr uint64_t kConstraintProducts =
    (56 + 7) * 5 + 14 * 5 * 2 + 14 * 5 + 7 * (25 + 10) + 7 * 25 + 25 + 12 * 5 + 16 * 3;

void register_all() {
  for (const SimdTarget target : available_simd_targets())
    for (const int threads : {1, 2}) {
      const std::string suffix = "/" + std::string(to_string(target)) + "/threads";
      const auto add = [&](const std::string& name, auto run) {
        benchmark::RegisterBenchmark((name + suffix).c_str(), run)
            ->Arg(threads)
            ->Unit(benchmark::kMillisecond)
            ->MeasureProcessCPUTime();
      };
      add("logup", [=](benchmark::State& s) { logup(s, target); });
      add("logup floor", [=](benchmark::State& s) { floor_of(s, target, kLogupProducts); });
      add("constraints", [=](benchmark::State& s) { constraints(s, target); });
      add("constraints floor",
          [=](benchmark::State& s) { floor_of(s, target, kConstraintProducts); });
    }
}

}  // namespace
}  // namespace zkvm::stark

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  zkvm::stark::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
