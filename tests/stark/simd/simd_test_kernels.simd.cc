#include "tests/stark/simd/simd_test_kernels.h"

#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

void u32_ops(const uint32_t* a, const uint32_t* b, size_t count, uint32_t* out[10]) {
  for (size_t i = 0; i < count; i += kLanes) {
    const U32 x = load(a + i), y = load_unaligned(b + i);
    store(out[0] + i, x + y);
    store(out[1] + i, x - y);
    store(out[2] + i, x & y);
    store(out[3] + i, x | y);
    store(out[4] + i, x ^ y);
    store(out[5] + i, min(x, y));
    store(out[6] + i, mul_low(x, y));
    store_unaligned(out[7] + i, rotate_right<16>(x) ^ rotate_right<8>(y));
    stream(out[8] + i, rotate_right<12>(x));
    stream(out[9] + i, rotate_right<7>(x));
  }
  stream_fence();
}

void fp_ops(const uint32_t* a, const uint32_t* b, size_t count, uint32_t* out[7]) {
  for (size_t i = 0; i < count; i += kLanes) {
    const PFp x = load_fp(a + i), y = load_fp(b + i);
    store(out[0] + i, (x + y).v);
    store(out[1] + i, (x - y).v);
    store(out[2] + i, (x * y).v);
    store(out[3] + i, (-x).v);
    store(out[4] + i, twice(x).v);
    store(out[5] + i, inverse(x).v);
    store(out[6] + i, centred(x));
  }
}

void times_all(const uint32_t* any_words, size_t count, ShoupFactor factor, uint32_t* out) {
  for (size_t i = 0; i < count; i += kLanes) {
    store(out + i, times(load(any_words + i), broadcast(factor)).v);
  }
}

void sum_of_products(const uint32_t* a, const uint32_t* b, size_t count, int terms, uint32_t* out) {
  for (size_t i = 0; i < count; i += kLanes) {
    Acc acc;
    for (int j = 0; j < terms; ++j) {
      acc.mac(split(load(a + j * count + i)), split(load(b + j * count + i)));
      if (j >= 3 && (j & 1)) acc.fold();
    }
    store(out + i, acc.reduce().v);
  }
}

void centred_sum(const uint32_t* a, const uint32_t* b, size_t count, int terms, uint32_t* out) {
  for (size_t i = 0; i < count; i += kLanes) {
    CentredAcc acc;
    for (int j = 0; j < terms; ++j) {
      if (j >= 8 && j % 4 == 0) acc.fold();
      acc.mac(split(centred(load_fp(a + j * count + i))),
              split(centred(load_fp(b + j * count + i))));
    }
    store(out + i, acc.reduce().v);
  }
}

void shifted_sum(const uint32_t* a, const Fp* weights, size_t count, int terms, uint32_t* out) {
  for (size_t i = 0; i < count; i += kLanes) {
    CentredAcc acc;
    Fp sum_of_weights = Fp::zero();
    for (int j = 0; j < terms; ++j) {
      acc.mac(split(shifted(load_fp(a + j * count + i))),
              broadcast_split(centred_word(weights[j])));
      sum_of_weights += weights[j];
    }
    store(out + i, (acc.reduce() + broadcast(centre() * sum_of_weights)).v);
  }
}

void store5(uint32_t* out, size_t count, const PFp5& a) {
  for (int k = 0; k < 5; ++k) store(out + k * count, a.c[k].v);
}

void fp5_ops(const uint32_t* a, const uint32_t* b, size_t count, uint32_t* out[8]) {
  for (size_t i = 0; i < count; i += kLanes) {
    PFp5 x, y;
    for (int k = 0; k < 5; ++k) {
      x.c[k] = load_fp(a + k * count + i);
      y.c[k] = load_fp(b + k * count + i);
    }
    store5(out[0] + i, count, x + y);
    store5(out[1] + i, count, x - y);
    store5(out[2] + i, count, x * y);
    store5(out[3] + i, count, -x);
    store5(out[4] + i, count, x * y.c[0]);
    store5(out[5] + i, count, x + y.c[0]);
    store5(out[6] + i, count, inverse(x));
    store5(out[7] + i, count, x - y.c[0]);
  }
}

void transposes(const uint32_t* tile, size_t rows, size_t row_stride, uint32_t* columns,
                uint32_t* stored, uint32_t* streamed) {
  for (size_t r = 0; r < rows; r += kLanes) {
    U32 lanes_are_rows[16];
    transpose_in(tile + r * row_stride, row_stride, lanes_are_rows);
    for (int c = 0; c < 16; ++c) store(columns + c * rows + r, lanes_are_rows[c]);
    transpose_out<false>(lanes_are_rows, stored + r * row_stride, row_stride);
    transpose_out<true>(lanes_are_rows, streamed + r * row_stride, row_stride);
  }
  stream_fence();
}

}  // namespace

extern const SimdTestKernels simd_test_kernels = {
    .lanes = kLanes,
    .u32_ops = &u32_ops,
    .fp_ops = &fp_ops,
    .times = &times_all,
    .sum_of_products = &sum_of_products,
    .centred_sum = &centred_sum,
    .shifted_sum = &shifted_sum,
    .fp5_ops = &fp5_ops,
    .transposes = &transposes,
};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
