// The DEEP batch and FRI, beside reading the same memory once:
//
//   measure build/release/bin/stark_fri_bench --benchmark_enable_random_interleaving=true
//
// core_ns is nanoseconds times threads per unit: an LDE cell of a column (DEEP; an add-like circuit
// of 20 main columns and 14 interactions), an element of the first codeword (FRI: all layers).
// ZKVM_SIMD=scalar|avx2|avx512 chooses the path.
#include <benchmark/benchmark.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <string>
#include <vector>

#include "stark/pcs/fri/fri.h"
#include "stark/pcs/open/deep.h"

namespace zkvm::stark {
namespace {

constexpr uint8_t kLogRows = 19;

struct Words {  // any canonical words do
  uint64_t state = 88172645463325252u;
  uint32_t operator()() {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<uint32_t>((state >> 16) % Fp::kModulus);
  }
  Fp5 element() {
    Fp5 out;
    for (Fp& c : out.c) c = Fp::from_wire((*this)());
    return out;
  }
};

Shape add_like_shape() {
  const uint32_t one = Fp::one().wire;
  ChipKey chip;
  chip.name = "add";
  chip.main_width = 20;
  for (uint16_t i = 0; i < 14; ++i)
    chip.interactions.push_back(
        {1, Interaction::Kind::kSend, 1, {one, {}}, {AffineForm{0, {{i, one}}}}});
  VerifyingKey key;
  key.chips = {chip};
  const TableSpec table{0, kLogRows};
  auto shape = make_shape(key, {.zk = true, .queries = 270}, {&table, 1});
  ZK_CHECK(shape);
  return *std::move(shape);
}

/// One group's columns, opened values and coefficients, made once.
struct Deep {
  Shape shape = add_like_shape();
  std::vector<std::vector<TileMatrix>> trees;
  std::vector<Fp5> opened, coefficients;
  Fp5 zeta;
  double cells = 0;  // of the LDE

  Deep() {
    const GroupShape& group = shape.groups[0];
    for (const uint32_t width : group.width) {
      cells += 2.0 * width * group.height();
      trees.emplace_back();
      for (int c = 0; c < 2; ++c) trees.back().emplace_back(kLogRows, static_cast<int>(width));
      for (TileMatrix& coset : trees.back()) {
        tbb::parallel_for(0, coset.tiles(), [&](int tile) {
          Words words;
          for (size_t r = 0; r < coset.rows(); ++r)
            for (int i = 0; i < kTileWidth; ++i) coset.row(tile, r)[i] = words();
        });
      }
    }
    Words words;
    zeta = words.element();
    while (opened.size() < shape.openings()) opened.push_back(words.element());
    while (coefficients.size() < shape.batched()) coefficients.push_back(words.element());
  }
  static Deep& instance() {
    static Deep deep;
    return deep;
  }
};

template <class Body>
void run(benchmark::State& state, double units, Body body) {
  const int threads = static_cast<int>(state.range(0));
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<size_t>(threads));
  for (auto _ : state) body();
  state.counters["core_ns"] =
      benchmark::Counter(units * 1e-9 / threads, benchmark::Counter::kIsIterationInvariantRate |
                                                     benchmark::Counter::kInvert);
  state.SetLabel(std::string(to_string(simd_target())));
}

void BM_Deep(benchmark::State& state) {
  Deep& d = Deep::instance();
  std::vector<std::vector<TreeLde>> lde(1, std::vector<TreeLde>(d.trees.size()));
  for (size_t t = 0; t < d.trees.size(); ++t)
    for (const TileMatrix& coset : d.trees[t]) lde[0][t].push_back(&coset);
  run(state, d.cells, [&] {
    benchmark::DoNotOptimize(deep_batch(d.shape, lde, d.zeta, d.opened, d.coefficients));
  });
}

void BM_ReadOnly(benchmark::State& state) {  // the memory traffic of DEEP
  Deep& d = Deep::instance();
  run(state, d.cells, [&] {
    tbb::parallel_for(size_t{0}, size_t{1} << (kLogRows - kLogBlockRows), [&](size_t block) {
      uint32_t sum = 0;
      for (const auto& tree : d.trees)
        for (const TileMatrix& coset : tree)
          for (int tile = 0; tile < coset.tiles(); ++tile) {
            const uint32_t* words = coset.row(tile, block * kBlockRows);
            for (size_t i = 0; i < kBlockRows * kTileWidth; ++i) sum += words[i];
          }
      benchmark::DoNotOptimize(sum);
    });
  });
}

/// A polynomial of the right degree whose values are cheap to make: a_0 + a_1 X.
Codeword line(unsigned log_size) {
  Words words;
  const Fp5 a0 = words.element(), a1 = words.element();
  Codeword out(log_size);
  Fp x = Fp::one();
  for (size_t e = 0; e < out.size(); ++e, x *= Fp::root_of_unity(static_cast<int>(log_size)))
    out.set(e, a0 + a1 * x);
  return out;
}

void BM_FriFolds(benchmark::State& state) {  // without trees
  const Codeword codeword = line(kLogRows + 1);
  Words words;
  const FoldChallenges beta{{words.element(), words.element(), words.element()}};
  run(state, static_cast<double>(codeword.size()), [&] {
    Codeword folded = fold(codeword, 3, beta);
    while (folded.log_size() > 8) folded = fold(folded, 3, beta);
    benchmark::DoNotOptimize(folded);
  });
}

void BM_FriCommit(benchmark::State& state) {
  const Deep& d = Deep::instance();
  for (auto _ : state) {
    state.PauseTiming();
    Codeword batch = line(kLogRows + 1);
    state.ResumeTiming();
    const int threads = static_cast<int>(state.range(0));
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<size_t>(threads));
    Transcript transcript;
    benchmark::DoNotOptimize(fri_commit(d.shape, std::move(batch), transcript));
  }
  state.counters["core_ns"] = benchmark::Counter(
      static_cast<double>(2 << kLogRows) * 1e-9 / static_cast<double>(state.range(0)),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetLabel(std::string(to_string(simd_target())));
}

#define ZKVM_BENCH(name) \
  BENCHMARK(name)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond)
ZKVM_BENCH(BM_Deep);
ZKVM_BENCH(BM_ReadOnly);
ZKVM_BENCH(BM_FriFolds);
ZKVM_BENCH(BM_FriCommit);

}  // namespace
}  // namespace zkvm::stark

BENCHMARK_MAIN();
