// See fri_kernels.h. A fibre's values at y w^j are brought to the coefficients y^u G_u(y^a) by
// an inverse DFT; those, divided by y^u, are combined by products of the fold's challenges, with one
// reduction a coefficient of the result.
#include "stark/pcs/fri/fri_kernels.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

// Inverse roots of order 8: w^-1, w^-2, w^-3.
constexpr Fp kInverse8 = inverse(Fp::root_of_unity(3));
constexpr ShoupFactor kW1 = ShoupFactor::from(kInverse8);
constexpr ShoupFactor kW2 = ShoupFactor::from(kInverse8 * kInverse8);
constexpr ShoupFactor kW3 = ShoupFactor::from(kInverse8 * kInverse8 * kInverse8);

struct Roots {
  PShoupFactor w1, w2, w3;
};

// out[u] = sum_j in[j] w^(-j u), w of order kArity.
template <int kArity>
ZKVM_SIMD_INLINE void inverse_dft(const PFp* in, PFp* out, const Roots& roots) {
  if constexpr (kArity == 2) {
    out[0] = in[0] + in[1];
    out[1] = in[0] - in[1];
  } else if constexpr (kArity == 4) {
    const PFp a0 = in[0] + in[2], a1 = in[1] + in[3];
    const PFp b0 = in[0] - in[2], b1 = times(in[1] - in[3], roots.w2);
    out[0] = a0 + a1;
    out[2] = a0 - a1;
    out[1] = b0 + b1;
    out[3] = b0 - b1;
  } else {
    PFp low[4], high[4], even[4], odd[4];
    for (int j = 0; j < 4; ++j) {
      low[j] = in[j] + in[j + 4];
      high[j] = in[j] - in[j + 4];
    }
    high[1] = times(high[1], roots.w1);
    high[2] = times(high[2], roots.w2);
    high[3] = times(high[3], roots.w3);
    inverse_dft<4>(low, even, roots);
    inverse_dft<4>(high, odd, roots);
    for (int u = 0; u < 4; ++u) {
      out[2 * u] = even[u];
      out[2 * u + 1] = odd[u];
    }
  }
}

// acc[k] += sum_i matrix[k][i] a.c[i], when kBefore products are already in it.
template <int kBefore>
ZKVM_SIMD_INLINE void mac_matrix(CentredAcc acc[5], const PFp a[5], const uint32_t* matrix) {
  Split x[5];
  for (int i = 0; i < 5; ++i) x[i] = split(shifted(a[i]));
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) {
      const int before = kBefore + i;
      if (before >= 8 && before % 4 == 0) acc[k].fold();  // eight at first, then four
      acc[k].mac(x[i], broadcast_split(matrix[5 * k + i]));
    }
  }
}

// acc += sum over v >= kFirst of beta^v / arity * (parts[v] / y^v), power = y^-kFirst.
template <int kArity, int kFirst>
ZKVM_SIMD_INLINE void combine(CentredAcc acc[5], PFp parts[kArity][5], const uint32_t* matrices,
                              PFp power, PFp y_inverse) {
  if constexpr (kFirst < kArity) {
    for (int k = 0; k < 5; ++k) parts[kFirst][k] = parts[kFirst][k] * power;
    mac_matrix<5 * kFirst>(acc, parts[kFirst], matrices + 25 * kFirst);
    combine<kArity, kFirst + 1>(acc, parts, matrices, power * y_inverse, y_inverse);
  }
}

template <int kArity>
void fold(const FoldRun& run) {
  const Roots roots = {broadcast(kW1), broadcast(kW2), broadcast(kW3)};
  const size_t stride = run.out_packs * kCodewordPackWords;
  PFp first = broadcast(run.inverse_points->first);
  for (size_t g = run.first; g < run.first + run.count; ++g) {
    for (size_t lane = 0; lane < 16; lane += kLanes) {
      const uint32_t* in = run.in + g * kCodewordPackWords + lane;
      const PFp y_inverse = first * load_fp(run.inverse_points->powers + lane);
      PFp parts[kArity][5];  // y^u G_u(y^a) * arity, then without y^u
#if defined(__clang__)
#pragma clang loop unroll(disable)
#else
#pragma GCC unroll 1
#endif
      for (size_t k = 0; k < 5; ++k) {
        PFp values[kArity], coefficients[kArity];
        for (size_t j = 0; j < kArity; ++j) {
          values[j] = load_fp(in + j * stride + 16 * k);
          prefetch(in + j * stride + 16 * k + 2 * kCodewordPackWords);
        }
        inverse_dft<kArity>(values, coefficients, roots);
        for (int u = 0; u < kArity; ++u) parts[u][k] = coefficients[u];
      }
      CentredAcc acc[5];
      mac_matrix<0>(acc, parts[0], run.matrices);
      combine<kArity, 1>(acc, parts, run.matrices, y_inverse, y_inverse);
      uint32_t* out = run.out + g * kCodewordPackWords + lane;
      for (size_t k = 0; k < 5; ++k)
        store(out + 16 * k, (acc[k].reduce() + broadcast(run.constant.c[k])).v);
    }
    first = first * broadcast(run.inverse_points->step);
  }
}

}  // namespace

extern const FriKernels fri_kernels = {.fold = {&fold<2>, &fold<4>, &fold<8>}};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
