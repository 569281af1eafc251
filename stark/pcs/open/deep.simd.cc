// See deep_kernels.h. Rows of a tile are transposed, so that lanes are rows; the products of a
// row's columns with their coefficients are summed in 64 bits and reduced once a row.
#include "stark/pcs/open/deep_kernels.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

constexpr size_t kMaxRows = 16 * (kMaxDeepPacks + 1);  // with the pack before the run

ZKVM_SIMD_INLINE void mac(CentredAcc5& acc, const uint32_t* column, const uint32_t* coefficients) {
  acc.mac(split(shifted(load_fp(column))), coefficients);
}
ZKVM_SIMD_INLINE PFp5 reduce(const CentredAcc5& acc, const Fp5& constant) {
  PFp5 out;
  for (int k = 0; k < 5; ++k) out.c[k] = acc.c[k].reduce() + broadcast(constant.c[k]);
  return out;
}

// The numerators sum c (f(x) - y) and sum d / w (f(x) - y') of kLanes rows from `row` on.
struct Numerators {
  PFp5 at_z, at_next;
};
ZKVM_SIMD_INLINE Numerators numerators(const DeepRun& run, size_t row) {
  CentredAcc5 acc, next_acc;
  for (size_t t = 0; t < run.tile_count; ++t) {
    const DeepTile& tile = run.tiles[t];
    const uint32_t* rows = tile.rows + 16 * row;
    for (size_t r = 0; r < kLanes; ++r) prefetch(rows + 16 * (kLanes + r));
    U32 columns[16];
    transpose_in(rows, 16, columns);
    alignas(64) uint32_t words[16 * kLanes];
    for (size_t i = 0; i < 16; ++i) store(words + i * kLanes, columns[i]);
    const uint32_t* coefficients = tile.coefficients;
    for (size_t quad = 0; quad < tile.quads; ++quad) {
      acc.fold();  // room for four, whatever came before: no count in this loop
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i)
        mac(acc, words + (4 * quad + i) * kLanes, coefficients + 5 * i);
      coefficients += 20;
    }
    for (size_t n = 0; n < tile.next_count; ++n) {
      next_acc.make_room(1);
      mac(next_acc, words + tile.next[n].lane * kLanes, tile.next[n].coefficients);
    }
  }
  return {reduce(acc, run.constant), reduce(next_acc, run.next_constant)};
}

// sum_i a[i] b[i], four products.
ZKVM_SIMD_INLINE PFp dot4(const Split a[4], const Fp b[4]) {
  Acc acc;
  for (int i = 0; i < 4; ++i) acc.mac(a[i], broadcast_split(b[i].wire));
  acc.fold();
  return acc.reduce();
}

// m(x) and m(x) / (x - z).
struct Division {
  PFp minimal;
  PFp5 cofactor;
};
ZKVM_SIMD_INLINE Division divide(const DeepRun& run, PFp x) {
  const PFp x2 = x * x, x3 = x2 * x, x4 = x2 * x2, x5 = x4 * x;
  const Split powers[4] = {split(x), split(x2), split(x3), split(x4)};
  Division out;
  out.minimal = x5 + dot4(powers, run.z.coefficients + 1) + broadcast(run.z.coefficients[0]);
  for (int k = 0; k < 5; ++k) {
    Acc acc;
    for (int i = 1; i < 4; ++i)
      acc.mac(powers[i - 1], broadcast_split(run.z.cofactor[i].c[k].wire));
    acc.fold();
    out.cofactor.c[k] = acc.reduce() + broadcast(run.z.cofactor[0].c[k]);
  }
  out.cofactor.c[0] = out.cofactor.c[0] + x4;
  return out;
}

// inverses[k * kMaxRows + i]: coefficient k of 1 / (x - z) at the i-th point, from the pack before
// the run on.
ZKVM_SIMD_INLINE void invert(const DeepRun& run, uint32_t* inverses) {
  alignas(64) uint32_t minimal[kMaxRows];
  alignas(64) uint32_t before[kMaxRows];  // the product of m(x) over all vectors before
  const size_t rows = 16 * (run.packs + 1);
  PFp product = broadcast(Fp::one());
  PFp first = broadcast(run.points->first);  // of the pack
  for (size_t row = 0; row < rows; row += kLanes) {
    const PFp x = first * load_fp(run.points->powers + row % 16);
    if (row % 16 + kLanes == 16) first = first * broadcast(run.points->step);
    const Division division = divide(run, x);
    for (size_t k = 0; k < 5; ++k) store(inverses + k * kMaxRows + row, division.cofactor.c[k].v);
    store(minimal + row, division.minimal.v);
    store(before + row, product.v);
    product = product * division.minimal;
  }
  PFp suffix = inverse(product);  // 1 / product of m(x) over all vectors up to here
  for (size_t row = rows; row > 0;) {
    row -= kLanes;
    const Split reciprocal = split(suffix * load_fp(before + row));
    suffix = suffix * load_fp(minimal + row);
    for (size_t k = 0; k < 5; ++k) {
      uint32_t* at = inverses + k * kMaxRows + row;
      store(at, reduce(mul(split(load(at)), reciprocal)).v);
    }
  }
}

// a b + c d with one reduction a coefficient.
ZKVM_SIMD_INLINE PFp5 sum_of_products(const PFp5& a, const PFp5& b, const PFp5& c, const PFp5& d) {
  Split x[10], m[18];
  for (int i = 0; i < 5; ++i) {
    x[i] = split(a.c[i]);
    x[5 + i] = split(c.c[i]);
  }
  split_factor(b, m);
  split_factor(d, m + 9);
  PFp5 out;
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) {
    Acc acc;
#pragma GCC unroll 10
    for (int i = 0; i < 10; ++i) {
      if (i >= 4 && i % 2 == 0) acc.fold();  // four at first, then two
      acc.mac(x[i], m[i < 5 ? kMulMatrix[k][i] : 9 + kMulMatrix[k][i - 5]]);
    }
    out.c[k] = acc.reduce();
  }
  return out;
}

// R at kLanes rows.
ZKVM_SIMD_INLINE PFp5 random_at(const DeepRun& run, size_t row) {
  U32 columns[16];
  transpose_in(run.blinding_tile + 16 * row, 16, columns);
  PFp5 out;
  for (size_t k = 0; k < 5; ++k) out.c[k] = {columns[run.blinding_first + k]};
  return out;
}

void batch(const DeepRun& run) {
  alignas(64) uint32_t inverses[5 * kMaxRows];
  invert(run, inverses);
  for (size_t row = 0; row < 16 * run.packs; row += kLanes) {
    const Numerators n = numerators(run, row);
    PFp5 here, before;  // 1/(x - z) of these rows and of the ones before
    for (size_t k = 0; k < 5; ++k) {
      const uint32_t* at = inverses + k * kMaxRows + 16 + row;
      here.c[k] = load_fp(at);
      before.c[k] = {load_unaligned(at - 1)};
    }
    PFp5 sum = sum_of_products(n.at_z, here, n.at_next, before);
    if (run.blinding_tile != nullptr) sum = sum + random_at(run, row);
    uint32_t* out = run.out + row / 16 * kCodewordPackWords + row % 16;
    for (size_t k = 0; k < 5; ++k) store(out + 16 * k, sum.c[k].v);
  }
}

}  // namespace

extern const DeepKernels deep_kernels = {.batch = &batch};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
