// Packed arithmetic: one text for every instruction set.
//
// A kernel is written once, against the types below, in a file `*.simd.cc` that CMake compiles once
// per target (zkvm_simd_sources in stark/simd/simd.cmake) into the namespace
// zkvm::stark::ZKVM_SIMD_TARGET, which is scalar, avx2 or avx512. It loops over the lanes it gets:
// kLanes = 1, 8 or 16. A row of a tile is always kTileWidth = 16 words, kVectorsPerRow vectors.
// simd_dispatch.h picks a target at run time.
//
//   U32     kLanes words: load/store, + - & | ^, min, mul_low, rotate_right (BLAKE3 needs no more)
//   PFp     kLanes elements of F (P: packed), canonical unless said otherwise
//   PFp5    kLanes elements of E
//   PShoupFactor, times(): product with a prepared constant, the cheapest one
//   Split, Wide: a U32 as the widening multiplier takes it, and kLanes 64-bit sums of products
//   Acc, CentredAcc, CentredAcc5: sums of products that are reduced once
//
// RULE (one definition): a *.simd.cc file must not use inline functions or templates that other
// files use too, the standard library's included, unless they are forced inline. The linker keeps
// one copy, which may be the AVX-512 one. Tables are made by ordinary code and come as pointers.
// The test stark_simd_symbols checks it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "stark/field/factor.h"
#include "stark/field/field.h"
#include "stark/simd/simd_dispatch.h"

#ifndef ZKVM_SIMD_TARGET
#error "simd.h belongs in *.simd.cc files, see zkvm_simd_sources()"
#endif

// Functions, and lambdas behind their parameters. Where nothing else is optimised, all that is inlined into one function
// takes sanitizers a minute a file.
#if defined(__OPTIMIZE__)
#define ZKVM_SIMD_INLINE [[gnu::always_inline]] inline
#define ZKVM_SIMD_INLINE_LAMBDA __attribute__((always_inline))
#else
#define ZKVM_SIMD_INLINE inline
#define ZKVM_SIMD_INLINE_LAMBDA
#endif

#if defined(ZKVM_SIMD_IS_AVX512)
#include "stark/simd/simd_avx512.h"
#elif defined(ZKVM_SIMD_IS_AVX2)
#include "stark/simd/simd_avx2.h"
#else
#include "stark/simd/simd_scalar.h"
#endif

// What each of these headers defines, beside the obvious:
//   Split split(U32)               even lanes as they are, odd lanes moved to even places
//   Wide  mul(Split, Split)        full unsigned products; mul_signed takes the words as int32
//   Wide  mul_low_words(Wide, Split)   (a mod 2^32) * b
//   Wide  min_high_words(Wide a, Wide b)   the smaller one. REQUIRES: equal low words
//   U32   high_words(Wide)         each sum >> 32
//   void  transpose_in(rows, row_stride, U32 columns[16])   16 words of each of kLanes rows -> 16
//                                  vectors, lane = row; stride in words
//   void  transpose_out<kStream>(columns, rows, row_stride)   and back; rows 64-byte aligned
//   void  stream(to, U32)          a store that bypasses the caches; stream_fence() before others
//                                  may read it

namespace zkvm::stark::ZKVM_SIMD_TARGET {

inline constexpr int kVectorsPerRow = 16 / kLanes;

ZKVM_SIMD_INLINE void prefetch(const void* line) { __builtin_prefetch(line, 0, 3); }
ZKVM_SIMD_INLINE void prefetch_l2(const void* line) { __builtin_prefetch(line, 0, 2); }

// Up to 16 words of up to kLanes rows, transposed: `words` of each of `live` rows to 16 vectors,
// lane = row; where there is no word, 0. `readable`: words from the first on that may be read.
ZKVM_SIMD_INLINE void load_rows(const uint32_t* rows, size_t row_stride, size_t words, size_t live,
                                size_t readable, uint32_t* to) {
  U32 columns[16];
  if (live == kLanes && (kLanes - 1) * row_stride + 16 <= readable) {
    transpose_in(rows, row_stride, columns);
  } else {
    alignas(64) uint32_t tile[16 * kLanes] = {};
    for (size_t r = 0; r < live; ++r) {
      for (size_t i = 0; i < words; ++i) tile[16 * r + i] = rows[r * row_stride + i];
    }
    transpose_in(tile, 16, columns);
  }
  for (size_t i = 0; i < 16; ++i) {
    store(to + i * kLanes, i < words ? columns[i] : broadcast(0));
  }
}

// ---------------------------------------------------------------------------------------------- F

// min(a, a - p) brings [0, 2p) to [0, p): for a < p the difference wraps to a large number.
ZKVM_SIMD_INLINE U32 subtract_p_once(U32 a) { return min(a, a - broadcast(Fp::kModulus)); }
ZKVM_SIMD_INLINE U32 add_p_if_negative(U32 a) { return min(a, a + broadcast(Fp::kModulus)); }

struct PFp {
  U32 v;

  ZKVM_SIMD_INLINE friend PFp operator+(PFp a, PFp b) { return {subtract_p_once(a.v + b.v)}; }
  ZKVM_SIMD_INLINE friend PFp operator-(PFp a, PFp b) { return {add_p_if_negative(a.v - b.v)}; }
  ZKVM_SIMD_INLINE PFp operator-() const { return PFp{broadcast(0)} - *this; }
};

ZKVM_SIMD_INLINE PFp broadcast(Fp a) { return {broadcast(a.wire)}; }
ZKVM_SIMD_INLINE PFp load_fp(const uint32_t* from) { return {load(from)}; }
ZKVM_SIMD_INLINE PFp twice(PFp a) { return a + a; }
ZKVM_SIMD_INLINE Split split(PFp a) { return split(a.v); }

// p and p^-1 mod 2^32 as multipliers. They come from memory, because compilers who know the value
// of a factor 2^31 - 2^24 + 1 make shifts and additions of the product, which take twice as long.
ZKVM_SIMD_INLINE Split modulus() {
  const U32 p = load(kSimdConstants.modulus);
  return as_broadcast(p);
}
ZKVM_SIMD_INLINE Split modulus_inverse() {
  const U32 inverse = load(kSimdConstants.modulus_inverse);
  return as_broadcast(inverse);
}

// T * 2^-32 mod p, canonical. REQUIRES: T < 2^32 p.
ZKVM_SIMD_INLINE PFp reduce(Wide t) {
  const Wide quotient = mul_low_words(t, modulus_inverse());
  return {add_p_if_negative(high_words(t - mul_low_words(quotient, modulus())))};
}
// The same. REQUIRES: T < 2 * 2^32 p, which is all but 1/65 of the 64-bit range.
ZKVM_SIMD_INLINE PFp reduce_2p(Wide t) {
  const Wide quotient = mul_low_words(t, modulus_inverse());
  const Wide multiple = mul_low_words(quotient, modulus());
  return {add_p_if_negative(subtract_p_once(high_words(t)) - high_words(multiple))};
}
// Subtracts 2^32 p once if that is possible: [0, 2 * 2^32 p) -> [0, 2^32 p).
ZKVM_SIMD_INLINE Wide fold(Wide t) {
  return min_high_words(t, t - broadcast_wide(uint64_t{Fp::kModulus} << 32));
}

ZKVM_SIMD_INLINE PFp operator*(PFp a, PFp b) { return reduce(mul(split(a), split(b))); }

struct PShoupFactor {
  Split w;
  U32 w_mu;
};
ZKVM_SIMD_INLINE PShoupFactor broadcast(const ShoupFactor& t) {
  return {broadcast_split(t.w), broadcast(t.w_mu)};
}
// a * w, canonical, for *any* 32-bit word a: sums that were not reduced may be passed.
ZKVM_SIMD_INLINE PFp times(U32 a, PShoupFactor t) {
  const Wide multiple = mul(split(mul_low(a, t.w_mu)), modulus());
  return {add_p_if_negative(high_words(mul(split(a), t.w) - multiple))};
}
ZKVM_SIMD_INLINE PFp times(PFp a, PShoupFactor t) { return times(a.v, t); }

// 1 / a, and 0 for a = 0, by a fixed chain for p - 2 = 0b111'1110'1111'1111'1111'1111'1111'1111.
ZKVM_SIMD_INLINE PFp inverse(PFp a) {
  PFp power = a;  // a^(leading bits of p - 2)
  for (int bit = 29; bit >= 0; --bit) {
    power = power * power;
    if (bit != 24) power = power * a;
  }
  return power;
}

// ------------------------------------------------------------------------------------------- sums

// A sum of products of canonical elements. Counted in products, each below 2^31 p: a sum holds
// four; fold() leaves two; reduce() takes four.
struct Acc {
  Wide sum = broadcast_wide(0);

  ZKVM_SIMD_INLINE void mac(Split a, Split b) { sum = sum + mul(a, b); }
  ZKVM_SIMD_INLINE void fold() { sum = ZKVM_SIMD_TARGET::fold(sum); }
  ZKVM_SIMD_INLINE PFp reduce() const { return reduce_2p(sum); }
};

// A sum of products of centred words, |a|, |b| <= (p - 1) / 2: each is at most p^2 / 4, so that
// eight stay within +-2^32 p, which the bias makes positive. At most eight mac() before reduce() or
// the first fold(), four more after each fold(), and reduce() as after eight.
struct CentredAcc {
  Wide sum = broadcast_wide(uint64_t{Fp::kModulus} << 32);

  ZKVM_SIMD_INLINE void mac(Split a, Split b) { sum = sum + mul_signed(a, b); }
  ZKVM_SIMD_INLINE void fold() {
    sum = ZKVM_SIMD_TARGET::fold(sum) + broadcast_wide(uint64_t{Fp::kModulus} << 31);
  }
  ZKVM_SIMD_INLINE PFp reduce() const { return reduce_2p(sum); }
};

// Sums of products of columns with elements of E, whose coefficients are centred words: a
// CentredAcc for each coefficient, and the count of what they still take.
struct CentredAcc5 {
  CentredAcc c[5];
  int room = 8;  // products until the next fold

  ZKVM_SIMD_INLINE void mac(Split column, const uint32_t* coefficients) {
#pragma GCC unroll 5
    for (int k = 0; k < 5; ++k) c[k].mac(column, broadcast_split(coefficients[k]));
  }
  ZKVM_SIMD_INLINE void fold() {
#pragma GCC unroll 5
    for (int k = 0; k < 5; ++k) c[k].fold();
  }
  // Before so many products, at most four: folds if there is no room for them.
  ZKVM_SIMD_INLINE void make_room(int products) {
    if (room < products) {
      fold();
      room = 4;
    }
    room -= products;
  }
};

// The representative in [-(p - 1) / 2, (p - 1) / 2] of each word.
ZKVM_SIMD_INLINE U32 centred(PFp a) {
  return subtract_p_once(a.v + broadcast(kCentre)) - broadcast(kCentre);
}
// One operation instead of four, but another element: the words of a - (p - 1) / 2, as centred
// words. The caller corrects: sum_i shifted(a_i) c_i = sum_i a_i c_i - centre() sum_i c_i, a
// constant that alphas can absorb.
ZKVM_SIMD_INLINE U32 shifted(PFp a) { return a.v - broadcast(kCentre); }
// centred_word() of factor.h is the same for a scalar, for broadcast_split.

// ---------------------------------------------------------------------------------------------- E

struct PFp5 {
  PFp c[5];
};

ZKVM_SIMD_INLINE PFp5 broadcast(const Fp5& a) {
  return {{broadcast(a.c[0]), broadcast(a.c[1]), broadcast(a.c[2]), broadcast(a.c[3]),
           broadcast(a.c[4])}};
}
ZKVM_SIMD_INLINE PFp5 operator+(const PFp5& a, const PFp5& b) {
  return {{a.c[0] + b.c[0], a.c[1] + b.c[1], a.c[2] + b.c[2], a.c[3] + b.c[3], a.c[4] + b.c[4]}};
}
ZKVM_SIMD_INLINE PFp5 operator-(const PFp5& a, const PFp5& b) {
  return {{a.c[0] - b.c[0], a.c[1] - b.c[1], a.c[2] - b.c[2], a.c[3] - b.c[3], a.c[4] - b.c[4]}};
}
ZKVM_SIMD_INLINE PFp5 operator-(const PFp5& a) {
  return {{-a.c[0], -a.c[1], -a.c[2], -a.c[3], -a.c[4]}};
}
ZKVM_SIMD_INLINE PFp5 operator+(const PFp5& a, PFp b) {
  return {{a.c[0] + b, a.c[1], a.c[2], a.c[3], a.c[4]}};
}
ZKVM_SIMD_INLINE PFp5 operator-(const PFp5& a, PFp b) {
  return {{a.c[0] - b, a.c[1], a.c[2], a.c[3], a.c[4]}};
}
ZKVM_SIMD_INLINE PFp5 operator*(const PFp5& a, PFp b) {
  const Split factor = split(b);
  PFp5 product;
  for (int k = 0; k < 5; ++k) product.c[k] = reduce(mul(split(a.c[k]), factor));
  return product;
}
// What kMulMatrix (field.h) picks from, of a factor b.
ZKVM_SIMD_INLINE void split_factor(const PFp5& b, Split m[9]) {
  const PFp b1_b4 = b.c[1] - b.c[4];
  for (int i = 0; i < 5; ++i) m[i] = split(b.c[i]);
  m[5] = split(b1_b4);
  m[6] = split(b.c[0] - b.c[3]);
  m[7] = split(b.c[4] - b.c[2]);
  m[8] = split(b.c[3] - b1_b4);
}
ZKVM_SIMD_INLINE PFp5 operator*(const PFp5& a, const PFp5& b) {
  Split a_split[5], m_split[9];
  for (int i = 0; i < 5; ++i) a_split[i] = split(a.c[i]);
  split_factor(b, m_split);
  PFp5 product;
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) {
    Acc acc;
    acc.sum = mul(a_split[0], m_split[kMulMatrix[k][0]]);
#pragma GCC unroll 3
    for (int i = 1; i < 4; ++i) acc.mac(a_split[i], m_split[kMulMatrix[k][i]]);
    acc.fold();
    acc.mac(a_split[4], m_split[kMulMatrix[k][4]]);
    product.c[k] = acc.reduce();
  }
  return product;
}

// The map that `map` is on every lane.
ZKVM_SIMD_INLINE PFp5 apply(const Frobenius& map, const PFp5& a) {
  Split a_split[5];
  for (int i = 0; i < 5; ++i) a_split[i] = split(a.c[i]);
  PFp5 image;
  for (int k = 0; k < 5; ++k) {
    Acc acc;
    for (int i = 0; i < 4; ++i) acc.mac(a_split[i], broadcast_split(map.image[i].c[k].wire));
    acc.fold();
    acc.mac(a_split[4], broadcast_split(map.image[4].c[k].wire));
    image.c[k] = acc.reduce();
  }
  return image;
}

// 1 / a, and 0 for a = 0; see inverse(Fp5). About 90 products: invert products of many elements.
ZKVM_SIMD_INLINE PFp5 inverse(const PFp5& a) {
  const PFp5 p_p2 = apply(kFrobenius, a * apply(kFrobenius, a));
  const PFp5 a_r = p_p2 * apply(kFrobeniusSquared, p_p2);
  return a_r * inverse((a * a_r).c[0]);
}

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
