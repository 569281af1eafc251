// See codeword_kernels.h. The products of a row's columns with their coefficients are summed in
// 64-bit lanes, column by lane, and reduced once a row; sixteen rows are then transposed, so that
// the division works on lanes of rows.
#include "stark/codeword_kernels.h"
#include "stark/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

constexpr size_t kVectorsPerGroup = 16 / kLanes;
// A row's five sums, a vector each, in rows of whole tiles for transpose_in.
constexpr size_t kSumWords = (5 * kLanes + 15) / 16 * 16;

#if defined(ZKVM_SIMD_IS_AVX2) || defined(ZKVM_SIMD_IS_AVX512)
// Words whose odd lanes were moved down beforehand.
ZKVM_SIMD_INLINE Split load_split(const uint32_t* words, const uint32_t* odd_words) {
  return {load(words).v, load(odd_words).v};
}
#else
ZKVM_SIMD_INLINE Split load_split(const uint32_t* words, const uint32_t*) { return {*words}; }
#endif

// The sums over the columns of row `row` of the run, lane by lane, to sums[k * kLanes ..].
ZKVM_SIMD_INLINE void row_sums(const DeepPoint& point, size_t row, uint32_t* sums) {
  // Products that a CentredAcc still takes; a tile comes in steps that never pass it.
  constexpr int kStep = kVectorsPerRow < 4 ? kVectorsPerRow : 4;
  CentredAcc acc[5];
  int left = 8;
  const uint32_t* coefficients = point.coefficients;
  for (size_t t = 0; t < point.tile_count; ++t) {
    const uint32_t* words = point.tiles[t] + 16 * row;
    prefetch(words + 16 * 16);
    for (int v = 0; v < kVectorsPerRow; v += kStep) {
      if (left == 0) {
        for (int k = 0; k < 5; ++k) acc[k].fold();
        left = 4;
      }
      left -= kStep;
#pragma GCC unroll 4
      for (int i = 0; i < kStep; ++i) {
        const size_t at = static_cast<size_t>(v + i) * kLanes;
        const Split x = split(shifted(load_fp(words + at)));
#pragma GCC unroll 5
        for (size_t k = 0; k < 5; ++k) {
          const uint32_t* c = coefficients + 32 * k + at;
          acc[k].mac(x, load_split(c, c + 16));
        }
      }
    }
    coefficients += kDeepTileCoefficients;
  }
#pragma GCC unroll 5
  for (size_t k = 0; k < 5; ++k) store(sums + k * kLanes, acc[k].reduce().v);
}

// kLanes rows from `row` on: the numerators sum c_i (f_i(x) - y_i), lane = row.
ZKVM_SIMD_INLINE PFp5 numerators(const DeepPoint& point, size_t row) {
  alignas(64) uint32_t sums[kLanes * kSumWords];
#if defined(__clang__)
#pragma clang loop unroll(disable)
#else
#pragma GCC unroll 1
#endif
  for (size_t r = 0; r < kLanes; ++r) row_sums(point, row + r, sums + r * kSumWords);
  PFp5 total = broadcast(point.constant);
  for (size_t block = 0; block < kSumWords / 16; ++block) {
    U32 columns[16];
    transpose_in(sums + 16 * block, kSumWords, columns);
    for (size_t i = 0; i < 16; ++i) {
      const size_t k = (16 * block + i) / kLanes;
      if (k < 5) total.c[k] = total.c[k] + PFp{columns[i]};
    }
  }
  return total;
}

// Sums of canonical products in pairs: the shortest way to sum_i a_i b_i.
ZKVM_SIMD_INLINE PFp dot4(const Split a[4], const Fp b[4]) {
  Acc acc;
  for (int i = 0; i < 4; ++i) acc.mac(a[i], broadcast_split(b[i].word));
  acc.fold();
  return acc.reduce();
}

// m(x) and m(x) / (x - z).
struct Division {
  PFp minimal;
  PFp5 cofactor;
};
ZKVM_SIMD_INLINE Division divide(const DeepPoint& point, PFp x) {
  const PFp x2 = x * x, x3 = x2 * x, x4 = x2 * x2, x5 = x4 * x;
  const Split powers[4] = {split(x), split(x2), split(x3), split(x4)};
  Division out;
  out.minimal = x5 + dot4(powers, point.minimal + 1) + broadcast(point.minimal[0]);
  for (int k = 0; k < 5; ++k) {
    Acc acc;
    for (int i = 1; i < 4; ++i)
      acc.mac(powers[i - 1], broadcast_split(point.cofactor[i].c[k].word));
    acc.fold();
    out.cofactor.c[k] = acc.reduce() + broadcast(point.cofactor[0].c[k]);
  }
  out.cofactor.c[0] = out.cofactor.c[0] + x4;
  return out;
}

ZKVM_SIMD_INLINE PFp5 load_vectors(const uint32_t* words) {
  PFp5 out;
  for (size_t k = 0; k < 5; ++k) out.c[k] = load_fp(words + 16 * k);
  return out;
}
ZKVM_SIMD_INLINE void store_vectors(uint32_t* words, const PFp5& a) {
  for (size_t k = 0; k < 5; ++k) store(words + 16 * k, a.c[k].v);
}

// R at kLanes rows.
ZKVM_SIMD_INLINE PFp5 random_at(const DeepRun& run, size_t row) {
  U32 columns[16];
  transpose_in(run.random_tile + 16 * row, 16, columns);
  PFp5 out;
  for (size_t k = 0; k < 5; ++k) out.c[k] = {columns[run.random_first + k]};
  return out;
}

void batch(const DeepRun& run) {
  constexpr size_t kMaxVectors = kMaxDeepGroups * kVectorsPerGroup;
  alignas(64) uint32_t minimal[2 * kMaxVectors * kLanes];  // m(x), per vector and point
  alignas(64) uint32_t before[2 * kMaxVectors * kLanes];   // the product of all m(x) before it
  alignas(64) uint32_t quotient[2 * kMaxDeepGroups * kCodewordGroupWords];  // numerator * cofactor
  const size_t vectors = run.groups * kVectorsPerGroup;
  const auto quotient_at = [&](size_t v, size_t p) __attribute__((always_inline)) {
    return quotient + (2 * (v / kVectorsPerGroup) + p) * kCodewordGroupWords +
           v % kVectorsPerGroup * kLanes;
  };

  PFp product = broadcast(Fp::one());
  PFp first = broadcast(run.points->first);  // of the group
  for (size_t v = 0; v < vectors; ++v) {
    const size_t lane = v % kVectorsPerGroup * kLanes;
    const PFp x = first * load_fp(run.points->powers + lane);
    if (lane + kLanes == 16) first = first * broadcast(run.points->step);
    for (size_t p = 0; p < run.point_count; ++p) {
      const DeepPoint& point = run.at[p];
      const Division division = divide(point, x);
      store_vectors(quotient_at(v, p), numerators(point, v * kLanes) * division.cofactor);
      const size_t at = (2 * v + p) * kLanes;
      store(minimal + at, division.minimal.v);
      store(before + at, product.v);
      product = product * division.minimal;
    }
  }

  PFp suffix = inverse(product);  // 1 / product of all m(x) up to here
  for (size_t v = vectors; v-- > 0;) {
    PFp5 sum = broadcast(Fp5::zero());
    if (run.random_tile != nullptr) sum = random_at(run, v * kLanes);
    for (size_t p = run.point_count; p-- > 0;) {
      const size_t at = (2 * v + p) * kLanes;
      const PFp reciprocal = suffix * load_fp(before + at);
      suffix = suffix * load_fp(minimal + at);
      sum = sum + load_vectors(quotient_at(v, p)) * reciprocal;
    }
    store_vectors(
        run.out + v / kVectorsPerGroup * kCodewordGroupWords + v % kVectorsPerGroup * kLanes, sum);
  }
}

}  // namespace

extern const DeepKernels deep_kernels = {.batch = &batch};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
