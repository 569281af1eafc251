#include "stark/prover/stage_floors.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "stark/hash/blake3_kernels.h"
#include "stark/poly/lde.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {
namespace {

/// The least time that `body` took, of all that began within 50 ms, in nanoseconds.
template <class Body>
double least_ns(const Body& body) {
  using Clock = std::chrono::steady_clock;
  double least = std::numeric_limits<double>::infinity();
  for (const auto end = Clock::now() + std::chrono::milliseconds(50); Clock::now() < end;) {
    const auto start = Clock::now();
    body();
    least = std::min(least, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  }
  return least;
}

int threads() { return std::max(1, tbb::this_task_arena::max_concurrency()); }

double extended_cell(unsigned log_blowup) {
  const int columns = 4 * kTileWidth * threads();
  TileMatrix trace(kLogBlockRows, columns);
  for (size_t r = 0; r < trace.rows(); ++r)
    for (int c = 0; c < columns; ++c)
      trace.set(r, c, Fp::from(r * 1664525 + static_cast<size_t>(c)));
  std::vector<TileMatrix> cosets;
  for (size_t c = 0; c < size_t{1} << log_blowup; ++c) cosets.emplace_back(kLogBlockRows, columns);
  return least_ns([&] { low_degree_extend(trace, {}, cosets); }) /
         (static_cast<double>(trace.rows()) * columns);
}

/// A word of a row; a block has 16.
double hashed_word() {
  constexpr size_t kCount = 2048;            // compressions, one after the other, ...
  constexpr size_t kLanes = 2 * kPackLanes;  // ... of each of so many lanes
  const int parts = threads();
  std::vector<AlignedWords> message, cv;
  for (int i = 0; i < parts; ++i) {
    for (auto* words :
         {&message.emplace_back(2 * kDigestPackWords), &cv.emplace_back(2 * kDigestPackWords)})
      std::fill_n(words->data(), words->size(), 1u);
  }
  const double ns = least_ns([&] {
    tbb::parallel_for(0, parts, [&](int i) {
      const auto part = static_cast<size_t>(i);
      blake3_kernels().compress_chain(message[part].data(), kCount, cv[part].data());
    });
  });
  return ns / (static_cast<double>(16 * kCount * kLanes) * parts);
}

/// A hash of a nonce.
double nonce_hash() {
  constexpr uint64_t kCount = 1 << 13;
  const int parts = threads();
  const Digest state{};
  const double ns = least_ns([&] {
    tbb::parallel_for(0, parts, [&](int i) {
      // No nonce here has so many zeros.
      (void)blake3_kernels().grind(state.data(), kMaxGrind, kCount * static_cast<uint64_t>(i),
                                   kCount);
    });
  });
  return ns / (static_cast<double>(kCount) * parts);
}

}  // namespace

std::map<std::string, double> measure_stage_floors(unsigned log_blowup) {
  const double extended = extended_cell(log_blowup);
  return {{"extend main", extended},
          {"extend aux", extended},
          {"proof of work", nonce_hash()},
          {"hash rows", hashed_word() * (1u << log_blowup)}};  // words of a trace cell
}

}  // namespace zkvm::stark
