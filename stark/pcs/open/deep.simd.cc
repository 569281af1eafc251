// See deep_kernels.h. Rows of a tile are transposed, so that lanes are rows; the products of a
// row's columns with their coefficients are summed in 64 bits and reduced once a row and place.
#include "stark/pcs/open/deep_kernels.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

constexpr size_t kMaxRows = 16 * (kMaxDeepPacks + 1);  // with the pack before the run

ZKVM_SIMD_INLINE PFp5 sum_of(const DeepSum& sum, const uint32_t* words) {
  CentredAcc5 acc;
  const uint32_t* coefficients = sum.coefficients;
  const uint32_t* columns = sum.columns;
  for (size_t quad = 0; quad < sum.quads; ++quad) {
    acc.fold();  // room for four, whatever came before: no count in this loop
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i)
      acc.mac(split(shifted(load_fp(words + columns[i] * kLanes))), coefficients + 5 * i);
    columns += 4;
    coefficients += 20;
  }
  PFp5 out;
  for (int k = 0; k < 5; ++k) out.c[k] = acc.c[k].reduce() + broadcast(sum.constant.c[k]);
  return out;
}

// Columns of kLanes rows from `row` on, one vector each.
ZKVM_SIMD_INLINE void load_columns(const DeepRun& run, size_t row, uint32_t* words) {
  for (size_t t = 0; t < run.tile_count; ++t, words += 16 * kLanes) {
    const uint32_t* rows = run.tiles[t] + 16 * row;
    for (size_t r = 0; r < kLanes; ++r) prefetch(rows + 16 * (kLanes + r));
    U32 columns[16];
    transpose_in(rows, 16, columns);
    for (size_t i = 0; i < 16; ++i) store(words + i * kLanes, columns[i]);
  }
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

void batch(const DeepRun& run) {
  alignas(64) uint32_t inverses[5 * kMaxRows];
  invert(run, inverses);
  for (size_t row = 0; row < 16 * run.packs; row += kLanes) {
    load_columns(run, row, run.scratch);
    PFp5 here, before;  // 1/(x - z) of these rows and of the ones before
    for (size_t k = 0; k < 5; ++k) {
      const uint32_t* at = inverses + k * kMaxRows + 16 + row;
      here.c[k] = load_fp(at);
      before.c[k] = {load_unaligned(at - 1)};
    }
    for (size_t p = 0; p < run.place_count; ++p) {
      const DeepPlace& place = run.places[p];
      const PFp5 at_z = sum_of(place.at_z, run.scratch);
      PFp5 sum;
      if (place.at_next.quads == 0)
        sum = at_z * here;
      else
        sum = sum_of_products(at_z, here, sum_of(place.at_next, run.scratch), before);
      if (place.blinding != nullptr) {
        for (size_t k = 0; k < 5; ++k)
          sum.c[k] = sum.c[k] + load_fp(run.scratch + place.blinding[k] * kLanes);
      }
      uint32_t* out = place.out + row / 16 * kCodewordPackWords + row % 16;
      for (size_t k = 0; k < 5; ++k) store(out + 16 * k, sum.c[k].v);
    }
  }
}

void add(const uint32_t* from, size_t packs, uint32_t* to) {
  for (size_t i = 0; i < 16 * packs; i += kLanes)
    store(to + i, (load_fp(to + i) + load_fp(from + i)).v);
}

void lift(uint32_t* low, uint32_t* high, size_t packs, const PointRun* points) {
  PFp first = broadcast(points->first);
  for (size_t row = 0; row < 16 * packs; row += kLanes) {
    const Split y = split(first * load_fp(points->powers + row % 16));
    if (row % 16 + kLanes == 16) first = first * broadcast(points->step);
    const size_t at = row / 16 * kCodewordPackWords + row % 16;
    for (size_t k = 0; k < 5; ++k) {
      const PFp a = load_fp(low + at + 16 * k);
      const PFp b = reduce(mul(split(load_fp(high + at + 16 * k)), y));
      store(low + at + 16 * k, (a + b).v);
      store(high + at + 16 * k, (a - b).v);
    }
  }
}

}  // namespace

extern const DeepKernels deep_kernels = {.batch = &batch, .add = &add, .lift = &lift};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
