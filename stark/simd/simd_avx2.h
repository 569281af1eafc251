// The primitives of simd.h on AVX2: 8 lanes.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace zkvm::stark::ZKVM_SIMD_TARGET {

inline constexpr int kLanes = 8;

struct U32 {
  __m256i v;
};

ZKVM_SIMD_INLINE const __m256i* vector_at(const uint32_t* at) {
  return reinterpret_cast<const __m256i*>(at);
}
ZKVM_SIMD_INLINE __m256i* vector_at(uint32_t* at) { return reinterpret_cast<__m256i*>(at); }

ZKVM_SIMD_INLINE U32 broadcast(uint32_t a) { return {_mm256_set1_epi32(static_cast<int>(a))}; }
ZKVM_SIMD_INLINE U32 load(const uint32_t* from) { return {_mm256_load_si256(vector_at(from))}; }
ZKVM_SIMD_INLINE U32 load_unaligned(const uint32_t* from) {
  return {_mm256_loadu_si256(vector_at(from))};
}
ZKVM_SIMD_INLINE void store(uint32_t* to, U32 a) { _mm256_store_si256(vector_at(to), a.v); }
ZKVM_SIMD_INLINE void store_unaligned(uint32_t* to, U32 a) {
  _mm256_storeu_si256(vector_at(to), a.v);
}
ZKVM_SIMD_INLINE void stream(uint32_t* to, U32 a) { _mm256_stream_si256(vector_at(to), a.v); }
ZKVM_SIMD_INLINE void stream_fence() { _mm_sfence(); }

ZKVM_SIMD_INLINE U32 operator+(U32 a, U32 b) { return {_mm256_add_epi32(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator-(U32 a, U32 b) { return {_mm256_sub_epi32(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator&(U32 a, U32 b) { return {_mm256_and_si256(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator|(U32 a, U32 b) { return {_mm256_or_si256(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 operator^(U32 a, U32 b) { return {_mm256_xor_si256(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 min(U32 a, U32 b) { return {_mm256_min_epu32(a.v, b.v)}; }
ZKVM_SIMD_INLINE U32 mul_low(U32 a, U32 b) { return {_mm256_mullo_epi32(a.v, b.v)}; }
template <int kBits>
ZKVM_SIMD_INLINE U32 rotate_right(U32 a) {
  if constexpr (kBits == 16) {
    return {_mm256_shuffle_epi8(
        a.v, _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6,
                              7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13))};
  } else if constexpr (kBits == 8) {
    return {_mm256_shuffle_epi8(
        a.v, _mm256_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0, 5,
                              6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12))};
  } else {
    return {_mm256_or_si256(_mm256_srli_epi32(a.v, kBits), _mm256_slli_epi32(a.v, 32 - kBits))};
  }
}

struct Split {
  __m256i even, odd;
};
ZKVM_SIMD_INLINE Split split(U32 a) { return {a.v, _mm256_srli_epi64(a.v, 32)}; }
ZKVM_SIMD_INLINE Split broadcast_split(uint32_t a) {
  const __m256i all = _mm256_set1_epi32(static_cast<int>(a));
  return {all, all};
}
ZKVM_SIMD_INLINE Split as_broadcast(U32 same_in_all_lanes) {
  return {same_in_all_lanes.v, same_in_all_lanes.v};
}

struct Wide {
  __m256i even, odd;
};
ZKVM_SIMD_INLINE Wide broadcast_wide(uint64_t a) {
  const __m256i all = _mm256_set1_epi64x(static_cast<long long>(a));
  return {all, all};
}
ZKVM_SIMD_INLINE Wide operator+(Wide a, Wide b) {
  return {_mm256_add_epi64(a.even, b.even), _mm256_add_epi64(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide operator-(Wide a, Wide b) {
  return {_mm256_sub_epi64(a.even, b.even), _mm256_sub_epi64(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide mul(Split a, Split b) {
  return {_mm256_mul_epu32(a.even, b.even), _mm256_mul_epu32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide mul_signed(Split a, Split b) {
  return {_mm256_mul_epi32(a.even, b.even), _mm256_mul_epi32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide mul_low_words(Wide a, Split b) {
  return {_mm256_mul_epu32(a.even, b.even), _mm256_mul_epu32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE Wide min_high_words(Wide a, Wide b) {
  return {_mm256_min_epu32(a.even, b.even), _mm256_min_epu32(a.odd, b.odd)};
}
ZKVM_SIMD_INLINE U32 high_words(Wide a) {
  return {_mm256_blend_epi32(_mm256_shuffle_epi32(a.even, 0xf5), a.odd, 0xaa)};
}

// Transposes the 4 x 4 blocks of both 128-bit halves.
ZKVM_SIMD_INLINE void transpose_4x4(const __m256i in[4], __m256i out[4]) {
  const __m256i low01 = _mm256_unpacklo_epi32(in[0], in[1]);
  const __m256i high01 = _mm256_unpackhi_epi32(in[0], in[1]);
  const __m256i low23 = _mm256_unpacklo_epi32(in[2], in[3]);
  const __m256i high23 = _mm256_unpackhi_epi32(in[2], in[3]);
  out[0] = _mm256_unpacklo_epi64(low01, low23);
  out[1] = _mm256_unpackhi_epi64(low01, low23);
  out[2] = _mm256_unpacklo_epi64(high01, high23);
  out[3] = _mm256_unpackhi_epi64(high01, high23);
}

ZKVM_SIMD_INLINE void transpose_in(const uint32_t* rows, size_t row_stride, U32 columns[16]) {
  for (int quad = 0; quad < 4; ++quad) {  // columns 4 quad .. 4 quad + 3
    __m256i in[4], out[4];
    for (size_t r = 0; r < 4; ++r) {  // row r in the low half, row r + 4 in the high one
      const uint32_t* low = rows + r * row_stride + 4 * quad;
      in[r] = _mm256_inserti128_si256(
          _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low))),
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(low + 4 * row_stride)), 1);
    }
    transpose_4x4(in, out);
    for (int i = 0; i < 4; ++i) columns[4 * quad + i] = {out[i]};
  }
}
template <bool kStream>
ZKVM_SIMD_INLINE void transpose_out(const U32 columns[16], uint32_t* rows, size_t row_stride) {
  __m256i quads[4]
               [4];  // [quad][r]: columns 4 quad .. of row r (low half) and row r + 4 (high half)
  for (int quad = 0; quad < 4; ++quad) {
    const __m256i in[4] = {columns[4 * quad].v, columns[4 * quad + 1].v, columns[4 * quad + 2].v,
                           columns[4 * quad + 3].v};
    transpose_4x4(in, quads[quad]);
  }
  // Both halves of a 64-byte row are stored together, so that a streamed line is written whole.
  for (size_t r = 0; r < 4; ++r) {
    for (int half = 0; half < 2; ++half) {
      const __m256i a = quads[2 * half][r], b = quads[2 * half + 1][r];
      const U32 low{_mm256_permute2x128_si256(a, b, 0x20)};
      const U32 high{_mm256_permute2x128_si256(a, b, 0x31)};
      uint32_t* to = rows + r * row_stride + 8 * half;
      if constexpr (kStream) {
        stream(to, low);
        stream(to + 4 * row_stride, high);
      } else {
        store(to, low);
        store(to + 4 * row_stride, high);
      }
    }
  }
}

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
