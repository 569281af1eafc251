// Every operation of stark/simd/simd.h as a loop over arrays, for simd_test.cc.
#pragma once

#include <stddef.h>

#include "stark/field/factor.h"
#include "stark/field/field.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

// Arrays are 64-byte aligned; `count` is a multiple of 16. Fp5 arrays hold coefficient k of element
// i at [k * count + i].
struct SimdTestKernels {
  int lanes;
  void (*u32_ops)(const uint32_t* a, const uint32_t* b, size_t count, uint32_t* out[10]);
  void (*fp_ops)(const uint32_t* a, const uint32_t* b, size_t count, uint32_t* out[7]);
  void (*times)(const uint32_t* any_words, size_t count, ShoupFactor factor, uint32_t* out);
  // Sums of products a[j * count + i] * b[j * count + i] over j < terms.
  void (*sum_of_products)(const uint32_t* a, const uint32_t* b, size_t count, int terms,
                          uint32_t* out);
  void (*centred_sum)(const uint32_t* a, const uint32_t* b, size_t count, int terms, uint32_t* out);
  void (*shifted_sum)(const uint32_t* a, const Fp* weights, size_t count, int terms, uint32_t* out);
  void (*fp5_ops)(const uint32_t* a, const uint32_t* b, size_t count, uint32_t* out[8]);
  // 16 columns of `rows` rows: to columns, [c * rows + r], and back, plainly and streamed.
  void (*transposes)(const uint32_t* tile, size_t rows, size_t row_stride, uint32_t* columns,
                     uint32_t* stored, uint32_t* streamed);
};
ZKVM_SIMD_KERNELS(SimdTestKernels, simd_test_kernels);

}  // namespace zkvm::stark
