// The primitives of simd.h on WebAssembly's SIMD128: 4 lanes. Of host/web alone.
#pragma once

#include <stdint.h>
#include <wasm_simd128.h>

namespace zkvm::stark::ZKVM_SIMD_TARGET {

inline constexpr int kLanes = 4;

struct U32 {
  v128_t v;
};

ZKVM_SIMD_INLINE U32 broadcast(uint32_t a) { return {wasm_u32x4_splat(a)}; }
ZKVM_SIMD_INLINE U32 load(const uint32_t* from) { return {wasm_v128_load(from)}; }
ZKVM_SIMD_INLINE U32 load_unaligned(const uint32_t* from) { return load(from); }
ZKVM_SIMD_INLINE void store(uint32_t* to, U32 a) { wasm_v128_store(to, a.v); }
ZKVM_SIMD_INLINE void store_unaligned(uint32_t* to, U32 a) { store(to, a); }
ZKVM_SIMD_INLINE void stream(uint32_t* to, U32 a) { store(to, a); }
ZKVM_SIMD_INLINE void stream_fence() {}

ZKVM_SIMD_INLINE U32 operator+(U32 a, U32 b) { return {wasm_i32x4_add(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator-(U32 a, U32 b) { return {wasm_i32x4_sub(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator&(U32 a, U32 b) { return {wasm_v128_and(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator|(U32 a, U32 b) { return {wasm_v128_or(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator^(U32 a, U32 b) { return {wasm_v128_xor(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 min(U32 a, U32 b) { return {wasm_u32x4_min(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 mul_low(U32 a, U32 b) { return {wasm_i32x4_mul(a.v, b.v)}; }
template <int kBits>
ZKVM_SIMD_INLINE U32 rotate_right(U32 a) {
  if constexpr (kBits == 16) {
    return {wasm_i16x8_shuffle(a.v, a.v, 1, 0, 3, 2, 5, 4, 7, 6)};
  } else if constexpr (kBits == 8) {
    return {wasm_i8x16_shuffle(a.v, a.v, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)};
  } else {
    return {wasm_v128_or(wasm_u32x4_shr(a.v, kBits), wasm_i32x4_shl(a.v, 32 - kBits))};
  }
}

// Lanes 0 and 1, 2 and 3: the multiplier takes two neighbours and widens them, so nothing is moved.
struct Split {
  v128_t v;
};
ZKVM_SIMD_INLINE Split split(U32 a) { return {a.v}; }
ZKVM_SIMD_INLINE Split broadcast_split(uint32_t a) { return {wasm_u32x4_splat(a)}; }
ZKVM_SIMD_INLINE Split as_broadcast(U32 same_in_all_lanes) { return {same_in_all_lanes.v}; }

struct Wide {
  v128_t low, high;  // of lanes 0 and 1, and of 2 and 3
};
ZKVM_SIMD_INLINE Wide broadcast_wide(uint64_t a) {
  const v128_t all = wasm_u64x2_splat(a);
  return {all, all};
}
ZKVM_SIMD_INLINE Wide operator+(Wide a, Wide b) {
  return {wasm_i64x2_add(a.low, b.low), wasm_i64x2_add(a.high, b.high)};
}
ZKVM_SIMD_INLINE Wide operator-(Wide a, Wide b) {
  return {wasm_i64x2_sub(a.low, b.low), wasm_i64x2_sub(a.high, b.high)};
}
ZKVM_SIMD_INLINE Wide mul(Split a, Split b) {
  return {wasm_u64x2_extmul_low_u32x4(a.v, b.v), wasm_u64x2_extmul_high_u32x4(a.v, b.v)};
}
ZKVM_SIMD_INLINE Wide mul_signed(Split a, Split b) {
  return {wasm_i64x2_extmul_low_i32x4(a.v, b.v), wasm_i64x2_extmul_high_i32x4(a.v, b.v)};
}
ZKVM_SIMD_INLINE Wide mul_low_words(Wide a, Split b) {
  return mul(Split{wasm_i32x4_shuffle(a.low, a.high, 0, 2, 4, 6)}, b);
}
ZKVM_SIMD_INLINE Wide min_high_words(Wide a, Wide b) {
  return {wasm_u32x4_min(a.low, b.low), wasm_u32x4_min(a.high, b.high)};
}
ZKVM_SIMD_INLINE U32 high_words(Wide a) {
  return {wasm_i32x4_shuffle(a.low, a.high, 1, 3, 5, 7)};
}

ZKVM_SIMD_INLINE void transpose_4x4(const v128_t in[4], v128_t out[4]) {
  const v128_t low01 = wasm_i32x4_shuffle(in[0], in[1], 0, 4, 1, 5);
  const v128_t high01 = wasm_i32x4_shuffle(in[0], in[1], 2, 6, 3, 7);
  const v128_t low23 = wasm_i32x4_shuffle(in[2], in[3], 0, 4, 1, 5);
  const v128_t high23 = wasm_i32x4_shuffle(in[2], in[3], 2, 6, 3, 7);
  out[0] = wasm_i64x2_shuffle(low01, low23, 0, 2);
  out[1] = wasm_i64x2_shuffle(low01, low23, 1, 3);
  out[2] = wasm_i64x2_shuffle(high01, high23, 0, 2);
  out[3] = wasm_i64x2_shuffle(high01, high23, 1, 3);
}

ZKVM_SIMD_INLINE void transpose_in(const uint32_t* rows, size_t row_stride, U32 columns[16]) {
  for (size_t quad = 0; quad < 4; ++quad) {  // columns 4 quad .. 4 quad + 3
    v128_t in[4], out[4];
    for (size_t r = 0; r < 4; ++r) in[r] = load(rows + r * row_stride + 4 * quad).v;
    transpose_4x4(in, out);
    for (size_t i = 0; i < 4; ++i) columns[4 * quad + i] = {out[i]};
  }
}
template <bool kStream>
ZKVM_SIMD_INLINE void transpose_out(const U32 columns[16], uint32_t* rows, size_t row_stride) {
  for (size_t quad = 0; quad < 4; ++quad) {
    const v128_t in[4] = {columns[4 * quad].v, columns[4 * quad + 1].v, columns[4 * quad + 2].v,
                          columns[4 * quad + 3].v};
    v128_t out[4];
    transpose_4x4(in, out);
    for (size_t r = 0; r < 4; ++r) store(rows + r * row_stride + 4 * quad, {out[r]});
  }
}

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
