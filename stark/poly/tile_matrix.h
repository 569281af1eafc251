// Columns of field elements, stored so that every kernel reads whole cache lines.
//
// Columns are grouped into tiles of 16. A tile is row-major: a row of a tile is 64 bytes, one cache
// line, one AVX-512 vector, one BLAKE3 block; butterflies between rows need no shuffles, and
// sixteen rows transpose into sixteen vectors. After every block of 1024 rows one row is left
// unused: strided passes would otherwise jump by 64 KiB, and all their lines would fall into the
// same cache set (it halves the time of an LDE).
//
// Each tile is memory of its own: matrices of one height are made of equal pieces, so that what one
// frees the next one takes, whatever their widths.
#pragma once

#include <zk/check.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stark/field/field.h"
#include "stark/poly/aligned_words.h"

namespace zkvm::stark {

inline constexpr int kTileWidth = 16;
inline constexpr int kLogBlockRows = 10;
inline constexpr size_t kBlockRows = size_t{1} << kLogBlockRows;

class TileMatrix {
 public:
  TileMatrix() = default;
  // 2^log_rows rows and `columns` columns, unspecified. REQUIRES: 0 <= log_rows <= 24, 0 <= columns
  // <= 2^16. Tiles before `first_tile` have no memory, and must not be touched.
  TileMatrix(int log_rows, int columns, int first_tile = 0);
  // In memory of this space, words_for() words of it.
  TileMatrix(int log_rows, int columns, WordSpace& space);
  [[nodiscard]] static size_t words_for(int log_rows, int columns);

  int log_rows() const { return log_rows_; }
  size_t rows() const { return size_t{1} << log_rows_; }
  int columns() const { return columns_; }
  int tiles() const { return tiles_for(columns_); }
  int first_tile() const { return first_tile_; }

  // Words from the first row of a tile to row r.
  static constexpr size_t row_offset(size_t r) { return (r + (r >> kLogBlockRows)) * kTileWidth; }
  // The 16 words of row r of a tile, canonical Montgomery words of columns 16 tile .. 16 tile + 15.
  uint32_t* row(int tile, size_t r) {
    return tiles_[static_cast<size_t>(tile)].data() + first_row(tile) + row_offset(r);
  }
  const uint32_t* row(int tile, size_t r) const {
    return tiles_[static_cast<size_t>(tile)].data() + first_row(tile) + row_offset(r);
  }

  // How many of a row's 16 words hold columns: fewer than all only in the last tile.
  size_t used_words(int tile) const {
    return static_cast<size_t>(std::min(kTileWidth, columns_ - tile * kTileWidth));
  }

  Fp at(size_t r, int column) const {
    return Fp::from_wire(row(column / kTileWidth, r)[column % kTileWidth]);
  }
  void set(size_t r, int column, Fp value) {
    row(column / kTileWidth, r)[column % kTileWidth] = value.wire;
  }

  // Zeroes the columns of the last tile that are beyond columns(). Transforms keep them zero.
  void zero_spare_columns();

 private:
  // Tiles start at different lines of a page: the same row of all tiles must not fall into one
  // cache set.
  static constexpr size_t kSpareRows = 16;
  static constexpr int tiles_for(int columns) { return (columns + kTileWidth - 1) / kTileWidth; }
  static constexpr size_t tile_words(int log_rows) {
    return row_offset((size_t{1} << log_rows) - 1) + (1 + kSpareRows) * kTileWidth;
  }
  static constexpr size_t first_row(int tile) {
    return static_cast<size_t>(tile) % kSpareRows * kTileWidth;
  }

  int log_rows_ = 0;
  int columns_ = 0;
  int first_tile_ = 0;
  std::vector<AlignedWords> tiles_;
};

}  // namespace zkvm::stark
