// What the machine can do at best: the yardsticks that stark_kernels_bench.cc prints beside the
// kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

struct FloorKernels {
  int lanes;
  // `rounds` times three layers of radix-8 butterflies on 8 vectors that stay in registers,
  // twiddles from the L1 cache: 12 butterflies of `lanes` lanes a round, the prototype's text
  // without its memory traffic.
  void (*butterflies)(uint32_t* words, const uint32_t* twiddles, size_t rounds);
  // `rounds` times 5 independent widening multiplications of all lanes.
  void (*multiplications)(uint32_t* words, size_t rounds);
  // Copies with streaming stores; `count` words, a multiple of 16.
  void (*stream_copy)(const uint32_t* from, uint32_t* to, size_t count);
};
ZKVM_SIMD_KERNELS(FloorKernels, floor_kernels);

}  // namespace zkvm::stark
