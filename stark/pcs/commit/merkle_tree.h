// Merkle trees over rows, the prover's side; see merkle_proof.h for the shape of the tree.
//
// The tree does not own the columns it commits: it reads them once to build and again to open, so
// they must outlive it. For that it forgets its lowest levels: of 2^n leaves it keeps the 2^(n - 3)
// nodes above them (4 bytes a leaf for them and 8 for all), and recomputes the few below that an
// opening asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "stark/hash/merkle_proof.h"
#include "stark/pcs/commit/row_source.h"
#include "stark/poly/tile_matrix.h"

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

  [[nodiscard]] const uint32_t* row(size_t r) const {
    return first + r / kPackLanes * pack_stride + r % kPackLanes * row_stride +
           r / kBlockRows * block_padding;
  }
  /// As a run of rows from this one on.
  [[nodiscard]] RowPiece piece(size_t r) const { return {row(r), words, row_stride, pack_stride}; }
};

/// Appends all columns of `matrix`, one coset of an LDE.
void append_columns(const TileMatrix& matrix, std::vector<RowColumns>& coset);

/// Rows that are columns side by side.
class ColumnRows : public RowSource {
 public:
  /// By coset, each at least one word wide.
  ColumnRows(unsigned log_rows, std::vector<std::vector<RowColumns>> cosets);

  [[nodiscard]] std::unique_ptr<Coset> coset(size_t index, unsigned log_count) const override;
  void append_row(uint32_t index, std::vector<uint32_t>& out) const override;

 private:
  std::vector<std::vector<RowColumns>> cosets_;
};

class MerkleTree {
 public:
  /// Whether the nodes are to be made, or stand in the space already.
  enum class Nodes : bool { kMake, kThere };
  /// Builds the tree on all threads. At least one word a row. Nodes are words_for() words of the
  /// space.
  explicit MerkleTree(std::unique_ptr<const RowSource> rows, WordSpace space = {},
                      Nodes nodes = Nodes::kMake);
  [[nodiscard]] static size_t words_for(unsigned log_rows, unsigned log_cosets);

  [[nodiscard]] const Digest& root() const { return root_; }
  [[nodiscard]] MerkleShape shape() const { return {rows_->log_rows(), rows_->words()}; }

  /// The multi-proof of these indices, ascending and distinct.
  [[nodiscard]] TreeOpening open(std::span<const uint32_t> indices) const;

 private:
  // An opening hashes up to 2^kForgottenLevels - 1 leaves.
  static constexpr unsigned kForgottenLevels = 3;
  static unsigned stored_top(unsigned log_rows, unsigned log_cosets);
  [[nodiscard]] unsigned top() const { return rows_->log_rows(); }
  [[nodiscard]] unsigned log_cosets() const { return rows_->log_cosets(); }
  [[nodiscard]] bool in_packs(unsigned level) const { return level >= log_cosets() + 4; }
  [[nodiscard]] size_t coset_rows(unsigned level) const {
    return size_t{1} << (level - log_cosets());
  }
  // Words from the start of nodes_ to a pack's digests.
  [[nodiscard]] size_t pack_offset(unsigned level, size_t coset, size_t row) const;

  void build();
  void hash_leaves();
  static void hash_run(const RowRuns& runs, size_t first, size_t stride, size_t packs,
                       uint32_t* out);

  [[nodiscard]] Digest node(unsigned level, uint32_t index) const;
  [[nodiscard]] Digest compute_node(unsigned level, uint32_t index) const;
  void store_node(unsigned level, uint32_t index, const Digest& digest);

  std::unique_ptr<const RowSource> rows_;
  unsigned stored_top_;  // the lowest level that is kept
  // Level m has words [8 * 2^m, 16 * 2^m). Where each coset has 16 rows or more they lie in packs
  // of 16 lanes, coset by coset (blake3_kernels.h), else digest by digest.
  AlignedWords nodes_;
  Digest root_{};
};

}  // namespace zkvm::stark
