#include "stark/pcs/fri/grind.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <zk/check.h>

#include "stark/hash/blake3_kernels.h"

namespace zkvm::stark {
namespace {

constexpr uint64_t kNoNonce = ~uint64_t{0};
constexpr uint64_t kStep = uint64_t{1} << 13;  // about a tenth of a millisecond

// Steps are handed out in ascending order and each is searched to its first good nonce, and none
// below the best one known is skipped: so the smallest is found, whatever the threads do.
uint64_t smallest_nonce(const Digest& state, unsigned bits, const std::atomic<bool>* cancelled) {
  std::atomic<uint64_t> next{0};
  std::atomic<uint64_t> best{kNoNonce};
  tbb::parallel_for(0, tbb::this_task_arena::max_concurrency(), [&](int) {
    while (cancelled == nullptr || !cancelled->load(std::memory_order_relaxed)) {
      const uint64_t first = next.fetch_add(kStep);
      if (first >= best.load()) return;
      const uint64_t found = blake3_kernels().grind(state.data(), bits, first, kStep);
      if (found == kNoNonce) continue;
      uint64_t known = best.load();
      while (found < known && !best.compare_exchange_weak(known, found)) {
      }
      return;
    }
  });
  if (cancelled != nullptr && cancelled->load()) return kNoNonce;
  return best.load();
}

}  // namespace

std::optional<uint64_t> grind(Transcript& transcript, std::string_view label, unsigned bits,
                              const std::atomic<bool>* cancelled) {
  if (bits == 0) return 0;
  ZK_CHECK(bits <= Transcript::kMaxGrindBits);
  const uint64_t nonce = smallest_nonce(transcript.begin_grind(), bits, cancelled);
  if (nonce == kNoNonce) return std::nullopt;
  ZK_CHECK(transcript.finish_grind(label, bits, nonce));
  return nonce;
}

}  // namespace zkvm::stark
