// Low-degree extension: the columns of a trace as polynomials, masked for zero-knowledge, evaluated
// where FRI and the constraints need them.
#pragma once

#include <cstddef>
#include <span>

#include "stark/field/field.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

// Column c is committed as fhat_c = f_c + (X^N - 1) rho_c, where rho_c has the coefficients
// coefficients[c * count .. (c + 1) * count). It agrees with f_c on the trace domain H_N. count =
// 0: no masks.
struct ColumnMasks {
  std::span<const Fp> coefficients;
  size_t count = 0;
};

// One more coset to evaluate on, of M <= N points, for coefficients that the others cannot
// show: row r of `values` becomes the masked columns at shift * w_M^r, M = values->rows().
struct ExtraCoset {
  Fp shift;
  TileMatrix* values;  // its first tile is where the columns begin that are wanted
};

// Coset c of a blowup 2^b is lde_shift(log N) * w_(2^b N)^c * H_N.
constexpr Fp coset_shift(int log_rows, int log_blowup, size_t c) {
  return lde_shift(static_cast<unsigned>(log_rows)) *
         pow(Fp::root_of_unity(log_rows + log_blowup), c);
}

// trace: N rows, the columns' values on H_N in natural order. It is only read, and may be
// cosets[0], which then replaces it. cosets: 2^b matrices shaped like the trace, or none; coset c
// gets fhat at coset_shift(log N, b, c) * w_N^r in row r.
//   Point e = 2^b r + c of the LDE domain, lde_shift(log N) * w_(2^b N)^e, is row r of coset c.
// extra: any number of extra cosets, each with masks.count <= M <= N, M >= 2, as many columns as
// the trace. REQUIRES: log N >= 1, log N + b <= 24, masks.count <= N, masks for every column or
// none. Time: that of 1 + 2^b transforms of N rows a column; memory: two blocks of a tile per
// thread.
void low_degree_extend(const TileMatrix& trace, const ColumnMasks& masks,
                       std::span<TileMatrix> cosets, std::span<const ExtraCoset> extra = {});

// The same cosets from coefficients in bit-reversed order (ntt.h), which stand in cosets[0] and are
// replaced. `tails`: coefficients from N on; column c is f_c + X^N rho_c.
void evaluate_on_cosets(const ColumnMasks& tails, std::span<TileMatrix> cosets);

// coset.values = the columns with these coefficients, N of them, in bit-reversed order, at its
// points. REQUIRES: as for low_degree_extend.
void evaluate_on_extra_coset(const TileMatrix& coefficients, const ExtraCoset& coset);

}  // namespace zkvm::stark
