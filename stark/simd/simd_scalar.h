// The primitives of simd.h on one lane: the readable reference, and the path of every other CPU.
#pragma once

#include <stdint.h>

namespace zkvm::stark::ZKVM_SIMD_TARGET {

inline constexpr int kLanes = 1;

struct U32 {
  uint32_t v;
};

ZKVM_SIMD_INLINE U32 broadcast(uint32_t a) { return {a}; }
ZKVM_SIMD_INLINE U32 load(const uint32_t* from) { return {*from}; }
ZKVM_SIMD_INLINE U32 load_unaligned(const uint32_t* from) { return {*from}; }
ZKVM_SIMD_INLINE void store(uint32_t* to, U32 a) { *to = a.v; }
ZKVM_SIMD_INLINE void store_unaligned(uint32_t* to, U32 a) { *to = a.v; }
ZKVM_SIMD_INLINE void stream(uint32_t* to, U32 a) { *to = a.v; }
ZKVM_SIMD_INLINE void stream_fence() {}

ZKVM_SIMD_INLINE U32 operator+(U32 a, U32 b) { return {a.v + b.v}; }
ZKVM_SIMD_INLINE U32 operator-(U32 a, U32 b) { return {a.v - b.v}; }
ZKVM_SIMD_INLINE U32 operator&(U32 a, U32 b) { return {a.v & b.v}; }
ZKVM_SIMD_INLINE U32 operator|(U32 a, U32 b) { return {a.v | b.v}; }
ZKVM_SIMD_INLINE U32 operator^(U32 a, U32 b) { return {a.v ^ b.v}; }
ZKVM_SIMD_INLINE U32 min(U32 a, U32 b) { return {a.v < b.v ? a.v : b.v}; }
ZKVM_SIMD_INLINE U32 mul_low(U32 a, U32 b) { return {a.v * b.v}; }
template <int kBits>
ZKVM_SIMD_INLINE U32 rotate_right(U32 a) {
  return {a.v >> kBits | a.v << (32 - kBits)};
}

struct Split {
  uint32_t v;
};
ZKVM_SIMD_INLINE Split split(U32 a) { return {a.v}; }
ZKVM_SIMD_INLINE Split broadcast_split(uint32_t a) { return {a}; }
ZKVM_SIMD_INLINE Split as_broadcast(U32 a) { return {a.v}; }

struct Wide {
  uint64_t v;
};
ZKVM_SIMD_INLINE Wide broadcast_wide(uint64_t a) { return {a}; }
ZKVM_SIMD_INLINE Wide operator+(Wide a, Wide b) { return {a.v + b.v}; }
ZKVM_SIMD_INLINE Wide operator-(Wide a, Wide b) { return {a.v - b.v}; }
ZKVM_SIMD_INLINE Wide mul(Split a, Split b) { return {static_cast<uint64_t>(a.v) * b.v}; }
ZKVM_SIMD_INLINE Wide mul_signed(Split a, Split b) {
  return {static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(a.v)) *
                                static_cast<int32_t>(b.v))};
}
ZKVM_SIMD_INLINE Wide mul_low_words(Wide a, Split b) {
  return {static_cast<uint64_t>(static_cast<uint32_t>(a.v)) * b.v};
}
ZKVM_SIMD_INLINE Wide min_high_words(Wide a, Wide b) {
  return {(a.v >> 32) < (b.v >> 32) ? a.v : b.v};
}
ZKVM_SIMD_INLINE U32 high_words(Wide a) { return {static_cast<uint32_t>(a.v >> 32)}; }

ZKVM_SIMD_INLINE void transpose_in(const uint32_t* rows, size_t, U32 columns[16]) {
  for (int i = 0; i < 16; ++i) columns[i] = {rows[i]};
}
template <bool kStream>
ZKVM_SIMD_INLINE void transpose_out(const U32 columns[16], uint32_t* rows, size_t) {
  for (int i = 0; i < 16; ++i) rows[i] = columns[i].v;
}

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
