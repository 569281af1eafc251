// Where a Merkle tree gets its rows from: once to build, and one by one to open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "stark/hash/blake3_kernels.h"
#include "stark/poly/aligned_words.h"

namespace zkvm::stark {

/// Runs of rows, `count` of them `step` rows apart, as pieces to be hashed. A thread has one.
struct RowRuns {
  std::vector<std::vector<RowPiece>> pieces;  // of each run
  AlignedWords words;                         // what pieces may point to
};

/// Rows lie coset by coset: index e is row e / 2^log_cosets of coset e mod 2^log_cosets.
class RowSource {
 public:
  virtual ~RowSource() = default;
  RowSource(unsigned log_rows, unsigned log_cosets, uint32_t words)
      : log_rows_(log_rows), log_cosets_(log_cosets), words_(words) {}
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;

  [[nodiscard]] unsigned log_rows() const { return log_rows_; }
  [[nodiscard]] unsigned log_cosets() const { return log_cosets_; }
  [[nodiscard]] uint32_t words() const { return words_; }  // of a row
  [[nodiscard]] size_t coset_rows() const { return size_t{1} << (log_rows_ - log_cosets_); }

  /// The rows of a coset, with what is best made for all of them at once.
  class Coset {
   public:
    virtual ~Coset() = default;
    Coset() = default;
    Coset(const Coset&) = delete;
    Coset& operator=(const Coset&) = delete;
    /// Rows [row + m step, row + m step + 16 packs) of the coset for each m < 2^log_count. `row` is
    /// a multiple of 16 packs, below `step` = coset rows / 2^log_count.
    virtual void load(size_t row, size_t packs, RowRuns& out) const = 0;
  };
  /// REQUIRES: cosets of 2^log_count * 16 rows or more.
  [[nodiscard]] virtual std::unique_ptr<Coset> coset(size_t index, unsigned log_count) const = 0;

  /// Appends one row.
  virtual void append_row(uint32_t index, std::vector<uint32_t>& out) const = 0;

 private:
  unsigned log_rows_, log_cosets_;
  uint32_t words_;
};

}  // namespace zkvm::stark
