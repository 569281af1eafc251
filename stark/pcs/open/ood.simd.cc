#include "stark/pcs/open/ood_kernels.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

// m(x) of MinimalPolynomial.
ZKVM_SIMD_INLINE PFp minimal_at(const MinimalPolynomial& point, const PFp powers[6]) {
  Acc acc;
  for (int i = 1; i < 5; ++i)
    acc.mac(split(powers[i]), broadcast_split(point.coefficients[i].wire));
  acc.fold();
  return acc.reduce() + broadcast(point.coefficients[0]) + powers[5];
}

// x q(x).
ZKVM_SIMD_INLINE PFp5 x_quotient_at(const MinimalPolynomial& point, const PFp powers[6]) {
  PFp5 result;
  for (int k = 0; k < 5; ++k) {
    Acc acc;
    for (int i = 0; i < 4; ++i) {
      acc.mac(split(powers[i + 1]), broadcast_split(point.cofactor[i].c[k].wire));
    }
    acc.fold();
    result.c[k] = acc.reduce();
  }
  result.c[0] = result.c[0] + powers[5];
  return result;
}

ZKVM_SIMD_INLINE void powers_of(PFp x, PFp powers[6]) {
  powers[1] = x;
  for (int i = 2; i < 6; ++i) powers[i] = powers[i - 1] * x;
}

void weights(const MinimalPolynomial& point, Fp first, const uint32_t powers[17], size_t count,
             uint32_t* out) {
  constexpr size_t kMaxVectors = kBlockRows / kLanes;
  PFp x[kMaxVectors], minimal[kMaxVectors], prefix[kMaxVectors];
  const size_t vectors = count / kLanes;
  const PFp step = broadcast(Fp::from_wire(powers[kLanes]));
  PFp point_x = PFp{load_unaligned(powers)} * broadcast(first);
  PFp product = broadcast(Fp::one());
  for (size_t i = 0; i < vectors; ++i, point_x = point_x * step) {
    PFp x_powers[6];
    powers_of(point_x, x_powers);
    x[i] = point_x;
    minimal[i] = minimal_at(point, x_powers);
    prefix[i] = product;
    product = product * minimal[i];
  }
  PFp suffix = -inverse(product);
  for (size_t i = vectors; i-- > 0;) {
    const PFp factor = suffix * prefix[i];  // -1 / m(x)
    suffix = suffix * minimal[i];
    PFp x_powers[6];
    powers_of(x[i], x_powers);
    const PFp5 weight = x_quotient_at(point, x_powers) * factor;
    for (size_t k = 0; k < 5; ++k) store(out + k * kBlockRows + i * kLanes, centred(weight.c[k]));
  }
}

void accumulate(const uint32_t* rows, const uint32_t* weights, size_t count, uint32_t sums[80]) {
  for (size_t lane = 0; lane < kTileWidth; lane += kLanes) {
    CentredAcc acc[5];
    for (size_t i = 0; i < count;) {
      // Four products after a fold; the first four have room for them without one.
      const size_t end = i + 4 < count ? i + 4 : count;
      for (; i < end; ++i) {
        const Split cell = split(shifted(load_fp(rows + i * kTileWidth + lane)));
#pragma GCC unroll 5
        for (size_t k = 0; k < 5; ++k)
          acc[k].mac(cell, broadcast_split(weights[k * kBlockRows + i]));
      }
#pragma GCC unroll 5
      for (size_t k = 0; k < 5; ++k) acc[k].fold();
    }
    for (size_t k = 0; k < 5; ++k) {
      uint32_t* sum = sums + k * kTileWidth + lane;
      store(sum, (load_fp(sum) + acc[k].reduce()).v);
    }
  }
}

}  // namespace

extern const OodKernels ood_kernels = {.weights = &weights, .accumulate = &accumulate};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
