#include "stark/air/assert_kernels.simd.h"
#include "tests/bench/stark_air_bench_chip.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

uint64_t products(uint64_t count) {
  alignas(64) uint32_t words[8 * kLanes];
  for (uint32_t i = 0; i < 8 * kLanes; ++i) words[i] = i * 0x9e3779b9u;
  Split a[8];
  for (int i = 0; i < 8; ++i) a[i] = split(load(words + i * kLanes));
  Wide sums[4] = {broadcast_wide(0), broadcast_wide(0), broadcast_wide(0), broadcast_wide(0)};
  for (uint64_t n = 0; n < count; n += 16 * kLanes) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      // The factor comes from memory, as coefficients do.
      const Split factor =
          broadcast_split(reinterpret_cast<const volatile uint32_t*>(words)[i % 8]);
      sums[i % 4] = sums[i % 4] + mul(a[i % 8], factor);
    }
  }
  alignas(64) uint32_t out[kLanes];
  store(out, high_words(sums[0] + sums[1] + sums[2] + sums[3]));
  return out[0];
}

}  // namespace

extern const AssertKernels bench_asserts = assert_kernels(BenchChips{});
extern const BenchFloor bench_floor = {.products = &products};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
