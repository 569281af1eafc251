// Matrices of random elements and the slow definitions that transforms are compared with.
#pragma once

#include <algorithm>
#include <random>
#include <span>

#include "stark/field/field.h"
#include "stark/poly/tile_matrix.h"

namespace zkvm::stark {

inline Fp draw(std::mt19937_64& random) {
  return Fp::from_wire(static_cast<uint32_t>(random() % Fp::kModulus));
}

inline TileMatrix random_matrix(int log_rows, int columns, std::mt19937_64& random) {
  TileMatrix matrix(log_rows, columns);
  for (size_t r = 0; r < matrix.rows(); ++r) {
    for (int c = 0; c < columns; ++c) matrix.set(r, c, draw(random));
  }
  matrix.zero_spare_columns();
  return matrix;
}

inline TileMatrix copy(const TileMatrix& from) {
  TileMatrix to(from.log_rows(), from.columns());
  for (int tile = 0; tile < from.tiles(); ++tile) {
    for (size_t r = 0; r < from.rows(); ++r)
      std::copy_n(from.row(tile, r), kTileWidth, to.row(tile, r));
  }
  return to;
}

inline bool equal(const TileMatrix& a, const TileMatrix& b) {
  for (int column = 0; column < a.columns(); ++column) {
    for (size_t r = 0; r < a.rows(); ++r) {
      if (!(a.at(r, column) == b.at(r, column))) return false;
    }
  }
  return a.rows() == b.rows() && a.columns() == b.columns();
}

// sum_i coefficients[i] x^i, in F or E.
template <class Field>
Field horner(std::span<const Fp> coefficients, Field x) {
  Field sum{};
  for (size_t i = coefficients.size(); i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

}  // namespace zkvm::stark
