#include "stark/poly/tile_matrix.h"

#include <algorithm>

namespace zkvm::stark {

TileMatrix::TileMatrix(int log_rows, int columns, int first_tile)
    : log_rows_(log_rows), columns_(columns), first_tile_(first_tile) {
  ZK_CHECK(0 <= log_rows && log_rows <= Fp::kTwoAdicity);
  ZK_CHECK(0 <= columns && columns <= 1 << 16);
  for (int tile = 0; tile < tiles(); ++tile)
    tiles_.emplace_back(tile < first_tile ? 0 : tile_words(log_rows));
}

TileMatrix::TileMatrix(int log_rows, int columns, WordSpace& space)
    : TileMatrix(log_rows, columns, tiles_for(columns)) {
  first_tile_ = 0;
  for (AlignedWords& tile : tiles_) tile = space.take(tile_words(log_rows));
}

size_t TileMatrix::words_for(int log_rows, int columns) {
  return static_cast<size_t>(tiles_for(columns)) * tile_words(log_rows);
}

void TileMatrix::zero_spare_columns() {
  const int used = columns_ % kTileWidth;
  if (used == 0) return;
  for (size_t r = 0; r < rows(); ++r) {
    uint32_t* words = row(tiles() - 1, r);
    std::fill(words + used, words + kTileWidth, 0);
  }
}

}  // namespace zkvm::stark
