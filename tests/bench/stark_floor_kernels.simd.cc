#include "tests/bench/stark_floor_kernels.h"

#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

void butterflies(uint32_t* words, const uint32_t* twiddles, size_t rounds) {
  PFp x[8];
  for (int k = 0; k < 8; ++k) x[k] = load_fp(words + 16 * k);
  for (size_t round = 0; round < rounds; ++round) {
    const uint32_t* w = twiddles + 16 * (round & 127);
#pragma GCC unroll 3
    for (int m = 0; m < 3; ++m) {
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) {
        if (k >> m & 1) continue;
        const int q = (1 << m) + (k & ((1 << m) - 1));
        const PFp u = x[k];
        const PFp v = times(x[k | 1 << m], {broadcast_split(w[q]), broadcast(w[8 + q])});
        x[k] = m < 2 && (k >> (m + 1) & 1) ? PFp{u.v + v.v} : u + v;
        x[k | 1 << m] =
            m < 2 && (k >> (m + 1) & 1) ? PFp{u.v + (broadcast(Fp::kModulus) - v.v)} : u - v;
      }
    }
  }
  for (int k = 0; k < 8; ++k) store(words + 16 * k, x[k].v);
}

void multiplications(uint32_t* words, size_t rounds) {
  Wide x[5];
  for (int k = 0; k < 5; ++k) x[k] = mul(split(load(words + 16 * k)), split(load(words + 16 * k)));
  const Split factor = split(load(words));
  for (size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 5
    for (int k = 0; k < 5; ++k) x[k] = mul_low_words(x[k], factor);
  }
  for (int k = 0; k < 5; ++k) store(words + 16 * k, high_words(x[k]));
}

void stream_copy(const uint32_t* from, uint32_t* to, size_t count) {
  for (size_t i = 0; i < count; i += 16) {
    for (size_t lane = 0; lane < 16; lane += kLanes) stream(to + i + lane, load(from + i + lane));
  }
  stream_fence();
}

}  // namespace

extern const FloorKernels floor_kernels = {.lanes = kLanes,
                                           .butterflies = &butterflies,
                                           .multiplications = &multiplications,
                                           .stream_copy = &stream_copy};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
