// Columns of field elements, stored so that every kernel reads whole cache lines.
//
// Columns are grouped into tiles of 16. A tile is row-major: a row of a tile is 64 bytes, one cache
// line, one AVX-512 vector, one BLAKE3 block; butterflies between rows need no shuffles, and
// sixteen rows transpose into sixteen vectors. After every block of 1024 rows one row is left
// unused: strided passes would otherwise jump by 64 KiB, and all their lines would fall into the
// same cache set (it halves the time of an LDE).
#pragma once

#include <zk/check.h>

#include <cstddef>
#include <cstdint>

#include "stark/field.h"

namespace zkvm::stark {

inline constexpr int kTileWidth = 16;
inline constexpr int kLogBlockRows = 10;
inline constexpr size_t kBlockRows = size_t{1} << kLogBlockRows;

// 64-byte aligned words; big ones on huge pages, of which up to 1 GiB is kept for reuse when freed.
// Movable, not copyable. Contents are unspecified at first.
class AlignedWords {
 public:
  AlignedWords() = default;
  explicit AlignedWords(size_t count);
  AlignedWords(AlignedWords&& other) noexcept;
  AlignedWords& operator=(AlignedWords&& other) noexcept;
  ~AlignedWords();

  uint32_t* data() { return data_; }
  const uint32_t* data() const { return data_; }
  size_t size() const { return size_; }

  // For tests: whether new memory is filled with 0xffffffff, which is no element, so that reads of
  // what nobody wrote show.
  static void set_poison(bool on);

 private:
  uint32_t* data_ = nullptr;
  size_t size_ = 0;
  size_t block_bytes_ = 0;  // of a large block
};

class TileMatrix {
 public:
  TileMatrix() = default;
  // 2^log_rows rows and `columns` columns, unspecified. REQUIRES: 0 <= log_rows <= 24, 0 <= columns
  // <= 2^16.
  TileMatrix(int log_rows, int columns);

  int log_rows() const { return log_rows_; }
  size_t rows() const { return size_t{1} << log_rows_; }
  int columns() const { return columns_; }
  int tiles() const { return (columns_ + kTileWidth - 1) / kTileWidth; }

  // Words from the first row of a tile to row r.
  static constexpr size_t row_offset(size_t r) { return (r + (r >> kLogBlockRows)) * kTileWidth; }
  // Words between two tiles.
  size_t tile_stride() const { return tile_stride_; }

  // The 16 words of row r of a tile, canonical Montgomery words of columns 16 tile .. 16 tile + 15.
  uint32_t* row(int tile, size_t r) { return words_.data() + tile * tile_stride_ + row_offset(r); }
  const uint32_t* row(int tile, size_t r) const {
    return words_.data() + tile * tile_stride_ + row_offset(r);
  }

  Fp at(size_t r, int column) const {
    return Fp::from_word(row(column / kTileWidth, r)[column % kTileWidth]);
  }
  void set(size_t r, int column, Fp value) {
    row(column / kTileWidth, r)[column % kTileWidth] = value.word;
  }

  // Zeroes the columns of the last tile that are beyond columns(). They take part in every
  // transform and stay zero.
  void zero_spare_columns();

  // Bytes held.
  size_t bytes() const { return words_.size() * sizeof(uint32_t); }

 private:
  int log_rows_ = 0;
  int columns_ = 0;
  size_t tile_stride_ = 0;
  AlignedWords words_;
};

}  // namespace zkvm::stark
