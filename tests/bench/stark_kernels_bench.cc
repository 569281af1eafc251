// Field, NTT, LDE and out-of-domain evaluation, beside what the machine can do at best, in one run:
//
//   measure build/release/bin/stark_kernels_bench --benchmark_enable_random_interleaving=true
//
// core_ns is nanoseconds times threads per unit: a trace cell (LDE, NTT, evaluation), a row
// (weights), a butterfly of one lane, a product of one lane, 64 bytes moved.
// ZKVM_SIMD=scalar|avx2|avx512 chooses the path.
#include <benchmark/benchmark.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <string>
#include <vector>

#include "stark/pcs/open/ood.h"
#include "stark/poly/lde.h"
#include "stark/poly/ntt.h"
#include "tests/bench/stark_floor_kernels.h"

namespace zkvm::stark {
namespace {

constexpr int kLogRows = 20, kColumns = 64;
constexpr double kCells = static_cast<double>(kColumns) * (1 << kLogRows);

// Any canonical words do.
void fill(TileMatrix& matrix) {
  tbb::parallel_for(0, matrix.tiles(), [&](int tile) {
    uint64_t state = 88172645463325252u + static_cast<uint64_t>(tile);
    for (size_t r = 0; r < matrix.rows(); ++r) {
      for (int c = 0; c < kTileWidth; ++c) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        matrix.row(tile, r)[c] = static_cast<uint32_t>((state >> 16) % Fp::kModulus);
      }
    }
  });
}

// One trace and its LDE, made once.
struct Matrices {
  TileMatrix trace{kLogRows, kColumns};
  std::vector<TileMatrix> cosets;
  std::vector<Fp> masks;

  Matrices() : masks(600 * kColumns, Fp::from(12345)) {
    for (int c = 0; c < 2; ++c) cosets.emplace_back(kLogRows, kColumns);
    fill(trace);
    for (TileMatrix& coset : cosets) fill(coset);
  }
  static Matrices& instance() {
    static Matrices matrices;
    return matrices;
  }
};

// Reports core-nanoseconds per unit, for `units` units an iteration by `threads` threads.
void report(benchmark::State& state, double units, int threads) {
  state.counters["core_ns"] =
      benchmark::Counter(units * 1e-9 / threads, benchmark::Counter::kIsIterationInvariantRate |
                                                     benchmark::Counter::kInvert);
  state.SetLabel(std::string(to_string(simd_target())));
}

template <class Body>
void run(benchmark::State& state, double units, Body body) {
  const int threads = static_cast<int>(state.range(0));
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<size_t>(threads));
  for (auto _ : state) body();
  report(state, units, threads);
}

void BM_Lde(benchmark::State& state) {
  Matrices& m = Matrices::instance();
  run(state, kCells, [&] { low_degree_extend(m.trace, {}, m.cosets); });
}
void BM_LdeMasked(benchmark::State& state) {
  Matrices& m = Matrices::instance();
  run(state, kCells, [&] { low_degree_extend(m.trace, {m.masks, 600}, m.cosets); });
}
void BM_LdeMaskedSmallCoset(benchmark::State& state) {
  Matrices& m = Matrices::instance();
  TileMatrix values(11, kColumns);
  const ExtraCoset extra[] = {{Fp::from(7), &values}};
  run(state, kCells, [&] { low_degree_extend(m.trace, {m.masks, 600}, m.cosets, extra); });
}
void BM_InverseAcrossBlocks(benchmark::State& state) {
  Matrices& m = Matrices::instance();
  run(state, kCells, [&] { inverse_across_blocks(m.trace, m.cosets[0], Fp::one()); });
}
void BM_ForwardAcrossBlocks(benchmark::State& state) {
  Matrices& m = Matrices::instance();
  run(state, kCells, [&] { forward_across_blocks(m.cosets[0], Fp::from(3)); });
}

const Fp5 kZeta{{Fp::from(1), Fp::from(2), Fp::from(3), Fp::from(4), Fp::from(5)}};
void BM_OutOfDomainWeights(benchmark::State& state) {
  run(state, 1 << kLogRows, [&] { OutOfDomainPoint point(kLogRows, kZeta); });
}
void BM_OutOfDomain(benchmark::State& state) {
  Matrices& m = Matrices::instance();
  const OutOfDomainPoint point(kLogRows, kZeta);
  run(state, kCells, [&] { benchmark::DoNotOptimize(point.evaluate(m.cosets[0], {})); });
}

void BM_FloorButterflies(benchmark::State& state) {
  constexpr size_t kRounds = 100000;
  AlignedWords words(128), twiddles(2048);
  for (size_t i = 0; i < 2048; ++i)
    twiddles.data()[i] = static_cast<uint32_t>(i * 1000003 % Fp::kModulus);
  for (size_t i = 0; i < 128; ++i) words.data()[i] = static_cast<uint32_t>(i);
  for (auto _ : state) floor_kernels().butterflies(words.data(), twiddles.data(), kRounds);
  report(state, 12.0 * kRounds * floor_kernels().lanes, 1);
}
void BM_FloorMultiplications(benchmark::State& state) {
  constexpr size_t kRounds = 100000;
  AlignedWords words(128);
  for (size_t i = 0; i < 128; ++i) words.data()[i] = static_cast<uint32_t>(i * 77777777);
  for (auto _ : state) floor_kernels().multiplications(words.data(), kRounds);
  report(state, 5.0 * kRounds * floor_kernels().lanes, 1);
}
void BM_FloorCopy(benchmark::State& state) {
  Matrices& m = Matrices::instance();
  constexpr size_t kWords = kBlockRows * kTileWidth;  // of a block of a tile
  run(state, kCells * 2 * 4 / 64, [&] {
    tbb::parallel_for(size_t{0}, m.trace.rows() / kBlockRows, [&](size_t block) {
      for (int tile = 0; tile < m.trace.tiles(); ++tile)
        floor_kernels().stream_copy(m.trace.row(tile, block * kBlockRows),
                                    m.cosets[0].row(tile, block * kBlockRows), kWords);
    });
  });
}

BENCHMARK(BM_FloorMultiplications)->UseRealTime();
BENCHMARK(BM_FloorButterflies)->UseRealTime();
BENCHMARK(BM_FloorCopy)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Lde)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_LdeMasked)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_LdeMaskedSmallCoset)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_InverseAcrossBlocks)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ForwardAcrossBlocks)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_OutOfDomainWeights)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_OutOfDomain)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace zkvm::stark

BENCHMARK_MAIN();
