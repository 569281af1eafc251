// Merkle trees over rows of mixed heights, the prover's side; see merkle_proof.h for the shape of
// the tree.
//
// The tree does not own the matrices it commits: it reads them once to build and again to open, so
// they must outlive it. For that it forgets its lowest levels: of 2^n leaves it keeps the 2^(n - 4)
// nodes above them (2 bytes a leaf for them and 4 for all), or 2^(n - 2) where that is little, and
// recomputes the few below that an opening asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stark/hash/merkle_proof.h"
#include "stark/pcs/commit/randomness.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/proof.h"

namespace zkvm::stark {

/// Up to 16 adjacent columns. Word i of row r lies at
///
///   first + (r / 16) pack_stride + (r % 16) row_stride + (r / 1024) block_padding + i
///
/// Fast layouts, 64-byte aligned: tiles (row_stride 16, all 16 words readable), single columns
/// (row_stride 1, words 1). Any other works.
struct RowColumns {
  const uint32_t* first;
  uint32_t words;
  uint32_t row_stride;
  uint32_t block_padding = 0;
  uint32_t pack_stride = 16 * row_stride;
};

/// All that a tree commits at one height: 2^log_rows rows, row e = 2^b r + c being row r of coset c
/// (b = log2 of the number of cosets).
struct TreeRows {
  unsigned log_rows;
  /// Of each coset the columns from left to right; equal widths.
  std::vector<std::vector<RowColumns>> cosets;
  bool salted = false;  // kSaltWords random words at the end of each row
};

/// Appends all columns of `matrix`, one coset of an LDE, to a coset of TreeRows.
void append_columns(const TileMatrix& matrix, std::vector<RowColumns>& coset);

/// Where salt comes from: the stream (kSalt, index) of a height h is index + h. Opening draws it
/// again.
struct TreeSalt {
  Randomness randomness;
  uint64_t index;
};

class MerkleTree {
 public:
  /// Builds the tree on all threads. `heights` strictly descending, each a whole number of cosets
  /// (log_rows >= log_cosets), at least one word wide; `salt` if any is salted.
  MerkleTree(unsigned log_cosets, std::vector<TreeRows> heights, std::optional<TreeSalt> salt = {});

  [[nodiscard]] const Digest& root() const { return root_; }

  /// What verify_merkle_proof calls the shape; salt included.
  [[nodiscard]] std::vector<MerkleHeight> shape() const;

  /// The multi-proof of these indices below the tallest height, ascending and distinct.
  [[nodiscard]] TreeOpening open(std::span<const uint32_t> indices) const;

 private:
  // An opening hashes up to 2^forgotten_levels - 1 leaves: with four levels a fifth of the time of
  // a proof of 2^14 rows, and a hundredth of one of 2^20.
  static constexpr unsigned forgotten_levels(unsigned top) { return top <= 18 ? 2 : 4; }
  [[nodiscard]] unsigned top() const { return heights_[0].log_rows; }
  [[nodiscard]] const TreeRows* rows_at(unsigned level) const;
  [[nodiscard]] bool in_packs(unsigned level) const { return level >= log_cosets_ + 4; }
  [[nodiscard]] size_t coset_rows(unsigned level) const {
    return size_t{1} << (level - log_cosets_);
  }
  // Words from the start of nodes_ to a pack's digests.
  [[nodiscard]] size_t pack_offset(unsigned level, size_t coset, size_t row) const;

  void build();
  void hash_run(unsigned level, size_t coset, size_t row, size_t packs, uint32_t* out) const;
  void hash_rows_of_run(const TreeRows& rows, size_t coset, size_t row, size_t packs,
                        uint32_t* out) const;
  void salt_of_run(const TreeRows& rows, size_t coset, size_t row, std::span<Fp> out) const;

  void append_row(const TreeRows& rows, uint32_t index, std::vector<uint32_t>& out) const;
  [[nodiscard]] Digest node(unsigned level, uint32_t index) const;
  [[nodiscard]] Digest compute_node(unsigned level, uint32_t index) const;
  void store_node(unsigned level, uint32_t index, const Digest& digest);

  unsigned log_cosets_;
  std::vector<TreeRows> heights_;
  std::optional<TreeSalt> salt_;
  unsigned stored_top_;  // the lowest level that is kept
  // Level m has words [8 * 2^m, 16 * 2^m). Where each coset has 16 rows or more they lie in packs
  // of 16 lanes, coset by coset (blake3_kernels.h), else digest by digest.
  AlignedWords nodes_;
  Digest root_{};
};

}  // namespace zkvm::stark
