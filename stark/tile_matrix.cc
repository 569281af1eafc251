#include "stark/tile_matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace zkvm::stark {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
std::atomic<bool> poison{false};

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

AlignedWords::AlignedWords(size_t count) : size_(count) {
  if (count == 0) return;
  const size_t bytes = count * sizeof(uint32_t);
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  data_ = static_cast<uint32_t*>(std::aligned_alloc(alignment, round_up(bytes, alignment)));
  ZK_CHECK(data_ != nullptr);
  if (alignment == kHugePage) madvise(data_, round_up(bytes, kHugePage), MADV_HUGEPAGE);
  if (poison.load(std::memory_order_relaxed)) std::memset(data_, 0xff, bytes);
}

AlignedWords::AlignedWords(AlignedWords&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedWords& AlignedWords::operator=(AlignedWords&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AlignedWords::~AlignedWords() { std::free(data_); }

void AlignedWords::set_poison(bool on) { poison.store(on, std::memory_order_relaxed); }

TileMatrix::TileMatrix(int log_rows, int columns) : log_rows_(log_rows), columns_(columns) {
  ZK_CHECK(0 <= log_rows && log_rows <= Fp::kTwoAdicity);
  ZK_CHECK(0 <= columns && columns <= 1 << 16);
  tile_stride_ = row_offset(rows() - 1) + kTileWidth;
  // One spare row between large tiles: the same row of all tiles must not fall into one cache set.
  if (rows() >= kBlockRows) tile_stride_ += kTileWidth;
  words_ = AlignedWords(tile_stride_ * static_cast<size_t>(tiles()));
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
