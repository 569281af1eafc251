// The primitives of simd.h on AVX-512 (F, BW, DQ, VL): 16 lanes, one row of a tile.
#pragma once

#ifdef ZKVM_SIMD_EMULATED  // tests only: the same text on CPUs without AVX-512
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#else
#include <immintrin.h>
#endif
#include <stdint.h>

namespace zkvm::stark::ZKVM_SIMD_TARGET {

inline constexpr int kLanes = 16;

struct U32 {
  __m512i v;
};

ZKVM_SIMD_INLINE U32 broadcast(uint32_t a) { return {_mm512_set1_epi32(static_cast<int>(a))}; }
ZKVM_SIMD_INLINE U32 load(const uint32_t* from) { return {_mm512_load_si512(from)}; }
ZKVM_SIMD_INLINE U32 load_unaligned(const uint32_t* from) { return {_mm512_loadu_si512(from)}; }
ZKVM_SIMD_INLINE void store(uint32_t* to, U32 a) { _mm512_store_si512(to, a.v); }
ZKVM_SIMD_INLINE void store_unaligned(uint32_t* to, U32 a) { _mm512_storeu_si512(to, a.v); }
ZKVM_SIMD_INLINE void stream(uint32_t* to, U32 a) {
#ifdef ZKVM_SIMD_EMULATED  // SIMDe has no streaming store
  store(to, a);
#else
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), a.v);
#endif
}
ZKVM_SIMD_INLINE void stream_fence() { _mm_sfence(); }

ZKVM_SIMD_INLINE U32 operator+(U32 a, U32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator-(U32 a, U32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator&(U32 a, U32 b) { return {_mm512_and_si512(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator|(U32 a, U32 b) { return {_mm512_or_si512(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator^(U32 a, U32 b) { return {_mm512_xor_si512(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 min(U32 a, U32 b) { return {_mm512_min_epu32(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 mul_low(U32 a, U32 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
template <int kBits>
ZKVM_SIMD_INLINE U32 rotate_right(U32 a) {
  return {_mm512_ror_epi32(a.v, kBits)};
}

struct Split {
  __m512i even, odd;
};
ZKVM_SIMD_INLINE Split split(U32 a) { return {a.v, _mm512_srli_epi64(a.v, 32)}; }
ZKVM_SIMD_INLINE Split broadcast_split(uint32_t a) {
  const __m512i all = _mm512_set1_epi32(static_cast<int>(a));
  return {all, all};
}
ZKVM_SIMD_INLINE Split as_broadcast(U32 same_in_all_lanes) {
  return {same_in_all_lanes.v, same_in_all_lanes.v};
}

struct Wide {
  __m512i even, odd;
};
ZKVM_SIMD_INLINE Wide broadcast_wide(uint64_t a) {
  const __m512i all = _mm512_set1_epi64(static_cast<long long>(a));
  return {all, all};
}
ZKVM_SIMD_INLINE Wide operator+(Wide a, Wide b) {
  return {_mm512_add_epi64(a.even, b.even), _mm512_add_epi64(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide operator-(Wide a, Wide b) {
  return {_mm512_sub_epi64(a.even, b.even), _mm512_sub_epi64(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide mul(Split a, Split b) {
  return {_mm512_mul_epu32(a.even, b.even), _mm512_mul_epu32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide mul_signed(Split a, Split b) {
  return {_mm512_mul_epi32(a.even, b.even), _mm512_mul_epi32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide mul_low_words(Wide a, Split b) {
  return {_mm512_mul_epu32(a.even, b.even), _mm512_mul_epu32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide min_high_words(Wide a, Wide b) {
  return {_mm512_min_epu32(a.even, b.even), _mm512_min_epu32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE U32 high_words(Wide a) {
#if defined(ZKVM_SIMD_EMULATED)  // SIMDe has no masked shuffle
  return {_mm512_mask_mov_epi32(_mm512_srli_epi64(a.even, 32), 0xaaaa, a.odd)};
#elif defined(__clang__)
  // clang turns the masked shuffle into a shuffle and a blend; one instruction is enough.
  __m512i high = a.odd;
  const __mmask16 even_lanes = 0x5555;
  asm("vmovshdup %1, %0%{%2%}" : "+v"(high) : "v"(a.even), "Yk"(even_lanes));
  return {high};
#else
  return {_mm512_mask_shuffle_epi32(a.odd, 0x5555, a.even, static_cast<_MM_PERM_ENUM>(0xf5))};
#endif
}

// in[r] lane c  ->  out[c] lane r
ZKVM_SIMD_INLINE void transpose_16x16(const __m512i in[16], __m512i out[16]) {
  __m512i a[16], b[16];
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_epi32(in[2 * i], in[2 * i + 1]);
    a[2 * i + 1] = _mm512_unpackhi_epi32(in[2 * i], in[2 * i + 1]);
  }
  for (int i = 0; i < 4; ++i) {
    b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    a[i] = _mm512_shuffle_i32x4(b[i], b[4 + i], 0x88);
    a[4 + i] = _mm512_shuffle_i32x4(b[i], b[4 + i], 0xdd);
    a[8 + i] = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0x88);
    a[12 + i] = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    out[i] = _mm512_shuffle_i32x4(a[i], a[8 + i], 0x88);
    out[8 + i] = _mm512_shuffle_i32x4(a[i], a[8 + i], 0xdd);
    out[4 + i] = _mm512_shuffle_i32x4(a[4 + i], a[12 + i], 0x88);
    out[12 + i] = _mm512_shuffle_i32x4(a[4 + i], a[12 + i], 0xdd);
  }
}

ZKVM_SIMD_INLINE void transpose_in(const uint32_t* rows, size_t row_stride, U32 columns[16]) {
  __m512i in[16], out[16];
  for (size_t r = 0; r < 16; ++r) in[r] = load_unaligned(rows + r * row_stride).v;
  transpose_16x16(in, out);
  for (int i = 0; i < 16; ++i) columns[i] = {out[i]};
}
template <bool kStream>
ZKVM_SIMD_INLINE void transpose_out(const U32 columns[16], uint32_t* rows, size_t row_stride) {
  __m512i in[16], out[16];
  for (int i = 0; i < 16; ++i) in[i] = columns[i].v;
  transpose_16x16(in, out);
  for (size_t r = 0; r < 16; ++r) {
    if constexpr (kStream) {
      stream(rows + r * row_stride, {out[r]});
    } else {
      store(rows + r * row_stride, {out[r]});
    }
  }
}

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
