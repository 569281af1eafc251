// BLAKE3 kernels, Merkle trees, prover randomness and proof of work, on every instruction set of
// this CPU, beside the floor of the same run: compressions whose message stays in the first-level
// cache.
//
//   measure build/release/bin/stark_hash_bench --benchmark_enable_random_interleaving=true
//   --benchmark_repetitions=5
//
// core_ns is nanoseconds times threads per unit; the name says which unit: block (64 bytes hashed),
// node, word, hash, row, cell (of the trace; the tree is over the LDE at blowup 2, 64 columns x 2^20).
// plain_rows and stacked_rows are trees over 64 columns x 2^18: rows of 64 words as they lie, and of
// 64 / 2^s words made for the hash, 2^s times as many.
#include <benchmark/benchmark.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "stark/hash/blake3_kernels.h"
#include "stark/hash/merkle_lanes.h"
#include "stark/pcs/commit/merkle_tree.h"
#include "stark/pcs/commit/randomness.h"
#include "stark/pcs/commit/stacked_rows.h"
#include "stark/pcs/fri/grind.h"
#include "stark/poly/tile_matrix.h"

namespace zkvm::stark {
namespace {

// Any words will do.
AlignedWords make_words(size_t count) {
  AlignedWords words(count);
  tbb::parallel_for(size_t{0}, (count + 4095) / 4096, [&](size_t part) {
    uint32_t word = static_cast<uint32_t>(part) * 0x9e3779b9;
    for (size_t i = 4096 * part; i < std::min(count, 4096 * (part + 1)); ++i) {
      words.data()[i] = (word = word * 1664525 + 1013904223) >> 2;
    }
  });
  return words;
}

using Body = std::function<void()>;

// Runs `body` on `threads` threads with the kernels of `target`; an iteration is `units` units.
void add(const std::string& name, SimdTarget target, int threads, double units, Body body) {
  const std::string full =
      name + "/" + std::string(to_string(target)) + "/threads:" + std::to_string(threads);
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    set_simd_target(target);
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<size_t>(threads));
    body();  // makes what it works on
    for (auto _ : state) body();
    state.counters["core_ns"] =
        benchmark::Counter(units * 1e-9 / threads, benchmark::Counter::kIsIterationInvariantRate |
                                                       benchmark::Counter::kInvert);
  })->UseRealTime();
}

// ------------------------------------------------------------------------------------ one thread,
// in cache

void add_kernels(SimdTarget target) {
  constexpr size_t kPacks = 64;  // 1024 rows; four tiles are 256 KiB
  constexpr size_t kRows = kPacks * kPackLanes;
  static const AlignedWords memory = make_words(4 * kRows * kTileWidth + kPackLanes * kTileWidth);
  static AlignedWords out = make_words(kPacks * kDigestPackWords);
  uint32_t* const to = out.data();
  const uint32_t* const from = memory.data();

  add("compress_floor_block", target, 1, 2 * kPackLanes * 64,
      [=] { blake3_kernels().compress_chain(from, 64, to); });
  add("rows_of_4_tiles_block", target, 1, 4 * kRows, [=] {
    RowPiece pieces[4];
    for (size_t t = 0; t < 4; ++t) pieces[t] = {from + t * kRows * kTileWidth, 16, 16, 256};
    blake3_kernels().hash_rows(pieces, 4, kPacks, to);
  });
  add("rows_of_40_columns_block", target, 1, 3 * kRows, [=] {
    RowPiece pieces[40];
    for (size_t i = 0; i < 40; ++i) pieces[i] = {from + i * kRows, 1, 1, 16};
    blake3_kernels().hash_rows(pieces, 40, kPacks, to);
  });
  add("nodes_node", target, 1, kRows,
      [=] { blake3_kernels().hash_nodes(from, from + kPacks * kDigestPackWords, kPacks, to); });
  add("extend_block", target, 1, 512,
      [=] { blake3_kernels().extend(from, from + 8, 64, 8, 0, 512, to); });
  add("nonces_hash", target, 1, 4096,
      [=] { benchmark::DoNotOptimize(blake3_kernels().grind(from, 40, 0, 4096)); });
}

void add_random(SimdTarget target, int threads) {
  constexpr size_t kCount = size_t{1} << 20;
  static std::vector<Fp> column(kCount);
  add("random_word", target, threads, kCount,
      [] { Randomness(Randomness::Seed{}).fill_column(RandomUse::kBlinding, 0, column); });
}

void add_grind(int threads) {
  add("grind_16_bits_expected_hash", simd_target(), threads, 65536.0 * 16, [] {
    for (uint8_t i = 0; i < 16; ++i) {
      Transcript transcript;
      transcript.absorb("seed", {&i, 1});
      benchmark::DoNotOptimize(grind(transcript, "work", 16));
    }
  });
}

// ------------------------------------------------------------------------------------ trees

// The two cosets of an LDE.
class Lde {
 public:
  Lde(int log_trace, int columns) : log_trace_(log_trace) {
    for (int c = 0; c < 2; ++c) {
      TileMatrix& coset = cosets_.emplace_back(log_trace, columns);
      tbb::parallel_for(size_t{0}, coset.rows(), [&](size_t r) {
        for (int column = 0; column < columns; ++column) {
          coset.set(r, column, Fp::from(r * 1664525 + static_cast<size_t>(column)));
        }
      });
    }
  }
  [[nodiscard]] MerkleTree commit() const {
    std::vector<std::vector<RowColumns>> columns(2);
    for (size_t c = 0; c < 2; ++c) append_columns(cosets_[c], columns[c]);
    return MerkleTree(
        std::make_unique<ColumnRows>(static_cast<unsigned>(log_trace_) + 1, std::move(columns)));
  }
  [[nodiscard]] MerkleTree commit_stacks(int log_stack, bool salted = false) const {
    const StackedGroup group{.log_height = static_cast<uint8_t>(log_trace_),
                             .cosets = cosets_,
                             .restart = static_cast<uint32_t>(cosets_[0].columns())};
    std::optional<TreeSalt> salt;
    if (salted) salt = TreeSalt{Randomness({}), 0};
    return MerkleTree(std::make_unique<StackedRows>(static_cast<uint8_t>(log_trace_ + log_stack), 1,
                                                    std::vector{group}, salt));
  }
  // Read once, by the same threads: what the memory alone costs.
  [[nodiscard]] uint32_t sum() const {
    std::atomic<uint32_t> total{0};
    const size_t blocks = cosets_[0].rows() / kBlockRows;
    tbb::parallel_for(size_t{0}, 2 * blocks, [&](size_t task) {
      const TileMatrix& coset = cosets_[task / blocks];
      uint32_t sum = 0;
      for (int tile = 0; tile < coset.tiles(); ++tile) {
        const uint32_t* from = coset.row(tile, task % blocks * kBlockRows);
        for (size_t i = 0; i < kBlockRows * kTileWidth; ++i) sum += from[i];
      }
      total += sum;
    });
    return total;
  }

 private:
  int log_trace_;
  std::vector<TileMatrix> cosets_;
};

constexpr int kLogTrace = 20, kLogStackedTrace = 18, kColumns = 64;

const Lde& wide_lde() {
  static const Lde lde(kLogTrace, kColumns);
  return lde;
}
const Lde& stacked_lde() {
  static const Lde lde(kLogStackedTrace, kColumns);
  return lde;
}
const Lde& narrow_lde() {
  static const Lde lde(kLogTrace, 2);
  return lde;
}

void add_trees(SimdTarget target, int threads) {
  constexpr double kCells = static_cast<double>(kColumns) * (1 << kLogTrace);
  add("leaves_and_tree_cell", target, threads, kCells,
      [] { benchmark::DoNotOptimize(wide_lde().commit()); });
  add("salted_bank_row", target, threads, 2 << kLogTrace,
      [] { benchmark::DoNotOptimize(narrow_lde().commit_stacks(0, true)); });
  constexpr double kStackedCells = static_cast<double>(kColumns) * (1 << kLogStackedTrace);
  add("plain_rows_cell", target, threads, kStackedCells,
      [] { benchmark::DoNotOptimize(stacked_lde().commit()); });
  for (const int log_stack : {0, 1, 2, 4})
    add("stacked_rows_" + std::to_string(log_stack) + "_cell", target, threads, kStackedCells,
        [=] { benchmark::DoNotOptimize(stacked_lde().commit_stacks(log_stack)); });
}

void add_memory_floor(int threads) {
  add("read_lde_floor_cell", simd_target(), threads,
      static_cast<double>(kColumns) * (1 << kLogTrace),
      [] { benchmark::DoNotOptimize(wide_lde().sum()); });
}

// ------------------------------------------------------------------------------------ openings

void add_openings() {
  struct Opened {
    MerkleTree tree = wide_lde().commit();
    std::vector<uint32_t> indices;
    TreeOpening opening;
    std::vector<uint32_t> scratch_indices;
    std::vector<Digest> scratch_digests;

    Opened() {
      std::mt19937 random(1);
      for (int i = 0; i < 261; ++i) {
        indices.push_back(static_cast<uint32_t>(random() >> (31 - kLogTrace)));
      }
      std::ranges::sort(indices);
      indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
      opening = tree.open(indices);
      scratch_indices.resize(2 * indices.size());
      scratch_digests.resize(2 * indices.size());
    }
  };
  const auto get = []() -> Opened& {
    static Opened opened;
    return opened;
  };
  add("open_261_rows", simd_target(), 2, 1,
      [=] { benchmark::DoNotOptimize(get().tree.open(get().indices)); });
  const auto verify = [=](const auto& hasher) {
    Opened& o = get();
    const auto shape = o.tree.shape();
    if (verify_merkle_proof(o.tree.root(), shape, o.indices, o.opening.rows, o.opening.digests,
                            o.scratch_indices, o.scratch_digests, hasher) != MerkleCheck::kOk) {
      std::abort();
    }
  };
  add("verify_261_rows", simd_target(), 1, 1, [=] { verify(MerkleLaneHasher()); });
  add("verify_261_rows_one_by_one", simd_target(), 1, 1, [=] { verify(MerkleHasher()); });
}

void add_all() {
  for (SimdTarget target : available_simd_targets()) add_kernels(target);
  for (SimdTarget target : available_simd_targets()) {
    for (int threads : {1, 2}) {
      add_random(target, threads);
      add_trees(target, threads);
    }
  }
  for (int threads : {1, 2}) {
    add_memory_floor(threads);
    add_grind(threads);
  }
  add_openings();
}

}  // namespace
}  // namespace zkvm::stark

int main(int argc, char** argv) {
  zkvm::stark::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
