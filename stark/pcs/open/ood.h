// Out-of-domain evaluation: committed columns at a point zeta of E, from their values on LDE
// coset 0.
//
// On s H_N a polynomial u of degree < N has the barycentric form (Berrut, Trefethen 2004,
// section 4)
//   u(zeta) = (zeta^N - s^N) / (N s^N) * sum_r u(x_r) x_r / (zeta - x_r),   x_r = s w_N^r,
// one product base x extension per cell. Coset 0 holds the values of u = f + (s^N - 1) rho there,
// and
//   fhat(zeta) = f(zeta) + (zeta^N - 1) rho(zeta) = u(zeta) + (zeta^N - s^N) rho(zeta).
#pragma once

#include <span>
#include <vector>

#include "stark/field/field.h"
#include "stark/poly/lde.h"
#include "stark/poly/tile_matrix.h"

namespace zkvm::stark {

// The weights of one point for matrices of one height; 20 bytes a row.
class OutOfDomainPoint {
 public:
  // REQUIRES: log_rows >= 1; zeta is not on LDE coset 0 (it is not in F but with probability
  // 2^-124).
  OutOfDomainPoint(int log_rows, const Fp5& zeta);

  // fhat(zeta) of the given columns (all, in order, without a list). `coset0` and `masks` are what
  // low_degree_extend() wrote and took. Tiles that hold none of the columns are not read.
  std::vector<Fp5> evaluate(const TileMatrix& coset0, const ColumnMasks& masks) const;
  std::vector<Fp5> evaluate(const TileMatrix& coset0, const ColumnMasks& masks,
                            std::span<const int> columns) const;

 private:
  int log_rows_;
  Fp5 zeta_;
  // Per block of rows: words [k][row] of x_r / (zeta - x_r), centred (simd.h).
  AlignedWords weights_;
};

}  // namespace zkvm::stark
