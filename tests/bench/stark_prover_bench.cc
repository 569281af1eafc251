// The whole prover and verifier on the prototypes' shape: 20 main columns, 14 interactions, 12
// asserts of degree up to 3, 128 bits, blowup 2.
//
//   prove/LOG_HEIGHT/ZK/THREADS          core_us_per_row; a counter per stage in core-ns per row;
//                                        committed MiB
//   prove_groups/LOG_HEIGHT/ZK/THREADS   the same, of a table of each height from 12 to LOG_HEIGHT
//   verify/LOG_HEIGHT                    ms, proof bytes, queries
//
// All main cells are 0, which satisfies the chip; no kernel's time depends on the values.
// Peak memory: run one case alone,
//   /usr/bin/time -v stark_prover_bench --benchmark_filter=prove/20/1/2
#include <benchmark/benchmark.h>
#include <tbb/global_control.h>
#include <zk/check.h>

#include <map>

#include "stark/protocol/soundness.h"
#include "stark/prover/prover.h"
#include "stark/verifier/verifier.h"
#include "tests/bench/stark_air_bench_chip.h"

namespace zkvm::stark {
namespace {

struct Case {
  Circuit circuit;
  Witness witness;
  Params params;
};

/// One table of each height from `from` down to `to`.
Case make_case(uint8_t from, uint8_t to, bool zk) {
  auto circuit = Circuit::make(BenchChips{}, {.kernels = &bench_asserts});
  ZK_CHECK(circuit.has_value());
  Case out{*std::move(circuit), {}, {}};
  for (uint8_t log_height = from; log_height >= to; --log_height)
    out.witness.tables.push_back({0, log_height, 20, {}, [](uint64_t, uint64_t count, Fp* rows) {
                                    std::fill_n(rows, 20 * count, Fp::zero());
                                  }});
  Params wish;
  wish.zk = zk;
  const auto params = choose_params(out.circuit.key(), out.witness.specs(), 0, wish);
  ZK_CHECK(params.has_value());
  out.params = *params;
  return out;
}

Proof prove_case(const Case& c, ProverStats& stats) {
  ProverOptions options;
  options.params = c.params;
  auto proof = prove(c.circuit, c.witness, {}, options, &stats);
  ZK_CHECK(proof.has_value());
  return *std::move(proof);
}

void bench_prove(benchmark::State& state, const Case& c) {
  const auto threads = static_cast<size_t>(state.range(2));
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
  ProverStats stats;
  double seconds = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(prove_case(c, stats));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  double rows = 0;
  for (const Table& table : c.witness.tables) rows += static_cast<double>(1u << table.log_height);
  const double scale =
      static_cast<double>(threads) / rows / static_cast<double>(state.iterations());
  state.counters["core_us_per_row"] = 1e6 * seconds * scale;
  for (const StageTime& stage : stats.stages)
    state.counters[stage.name + " ns/row"] = 1e9 * stage.seconds * scale;
  state.counters["committed MiB"] = static_cast<double>(stats.committed_bytes) /
                                    static_cast<double>(state.iterations()) / 1048576;
}

void bench_one_table(benchmark::State& state) {
  const auto log_height = static_cast<uint8_t>(state.range(0));
  bench_prove(state, make_case(log_height, log_height, state.range(1) != 0));
}
void bench_groups(benchmark::State& state) {
  bench_prove(state, make_case(static_cast<uint8_t>(state.range(0)), 12, state.range(1) != 0));
}

void bench_verify(benchmark::State& state) {
  const auto log_height = static_cast<uint8_t>(state.range(0));
  const Case c = make_case(log_height, log_height, true);
  ProverStats stats;
  const auto bytes = prove_case(c, stats).serialise();
  for (auto _ : state) {
    const auto ok = verify(c.circuit.key(), {}, bytes);
    if (!ok) state.SkipWithError(ok.error().message.c_str());
  }
  state.counters["proof bytes"] = static_cast<double>(bytes.size());
  state.counters["queries"] = c.params.queries;
}

BENCHMARK(bench_one_table)
    ->Name("prove")
    ->ArgsProduct({{14, 18, 20}, {0, 1}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(bench_groups)
    ->Name("prove_groups")
    ->ArgsProduct({{14, 18}, {1}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(bench_verify)->Name("verify")->Arg(14)->Arg(20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace zkvm::stark

BENCHMARK_MAIN();
