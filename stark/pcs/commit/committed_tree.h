// A committed tree as the prover keeps it: the columns of every group on the cosets of the LDE
// domain, their masks, and the Merkle tree over the rows. Main, aux and quotient trees live for one
// proof; slot trees (fixed columns, state that two proofs share) are made once and lent to proofs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "stark/pcs/commit/merkle_tree.h"
#include "stark/pcs/commit/randomness.h"
#include "stark/pcs/commit/stacked_rows.h"
#include "stark/poly/lde.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"
#include "stark/witness/witness.h"

namespace zkvm::stark {

/// The random parts rho of the columns of one group in one tree: `count` coefficients each, column
/// after column. Columns with shorter masks than the longest are filled up with zeros. Of a
/// quotient: the coefficients of its columns from N on (split_quotient).
struct GroupMasks {
  std::vector<Fp> words;
  uint32_t count = 0;

  /// Column c is stream (kMask, first_stream + c), part 0.
  static GroupMasks draw(const Randomness& randomness, uint64_t first_stream,
                         std::span<const uint32_t> lengths);
  [[nodiscard]] ColumnMasks view() const { return {words, count}; }
};

struct CommittedGroup {
  uint8_t log_height = 0;
  TileMatrix on_trace_domain;      // without rows where nobody needs it any more
  std::vector<TileMatrix> cosets;  // 2^log_blowup
  GroupMasks masks;
  std::vector<StackedColumns> stacked;
};

/// First stream of the prover's randomness for a group of a tree: columns follow (up to 2^32).
/// Trees of different slots have different streams, even from one seed.
[[nodiscard]] uint64_t random_stream(const TreeShape& tree, uint8_t log_height);

/// One tree over the stacks of its groups, tallest first.
class CommittedTree {
 public:
  /// Hashes. `place`: its height is that of the rows. `salt_from`: where salt is drawn, if it is
  /// salted. `space`: for the nodes, which may stand there already.
  CommittedTree(const Params& params, std::vector<CommittedGroup> groups, const TreeShape& place,
                const Randomness& salt_from, WordSpace space = {},
                MerkleTree::Nodes nodes = MerkleTree::Nodes::kMake);

  [[nodiscard]] const Digest& root() const { return tree_->root(); }
  [[nodiscard]] const MerkleTree& merkle() const { return *tree_; }
  /// The group of this height, or null.
  [[nodiscard]] const CommittedGroup* group(uint8_t log_height) const;
  [[nodiscard]] std::span<CommittedGroup> groups() { return groups_; }
  /// What it was made for.
  [[nodiscard]] const Params& params() const { return params_; }
  [[nodiscard]] const TreeShape& place() const { return place_; }

 private:
  Params params_;
  TreeShape place_;
  std::vector<CommittedGroup> groups_;
  std::unique_ptr<MerkleTree> tree_;  // reads groups_, whose storage does not move
};

/// The tree of the same fixed columns at a higher rate, from one at a lower: its domains are every
/// 2^k-th point, whose values are there.
[[nodiscard]] CommittedTree at_higher_rate(CommittedTree tree, uint8_t log_blowup);

/// Copies columns of tables into a group's matrix on the trace domain. `first`: the table's first
/// column to copy, `place`: where it goes. Columns that no copy fills become zero.
struct ColumnCopy {
  const Table* table;
  uint32_t first;
  uint32_t count;
  uint32_t place;
};
[[nodiscard]] TileMatrix gather_columns(uint8_t log_height, uint32_t width,
                                        std::span<const ColumnCopy> copies, WordSpace& space);
[[nodiscard]] inline TileMatrix gather_columns(uint8_t log_height, uint32_t width,
                                               std::span<const ColumnCopy> copies) {
  WordSpace space;
  return gather_columns(log_height, width, copies, space);
}

/// A slot's tree, from the tables of the chips that have columns in it; columns that none of them
/// reads become zero. `params` of a shared one: of
/// every proof that will use it (masks depend on the number of queries); of a fixed one log_blowup
/// alone counts, at least that of the proofs. The seed of a shared tree is its own and must be fresh;
/// a fixed tree draws nothing. `space`: what the tree is made in, slot_words() words of it if the slot
/// is fixed and all tables that have columns in it are there.
[[nodiscard]] CommittedTree commit_slot(const VerifyingKey& key, const Params& params,
                                        uint16_t slot, const Witness& witness,
                                        const Randomness::Seed& seed, WordSpace space = {});

/// Words that a fixed slot's tree consists of: columns on the trace domain and on all cosets, nodes.
[[nodiscard]] size_t slot_words(const VerifyingKey& key, uint8_t log_blowup, uint16_t slot);

/// The tree that commit_slot has made in this space, which is only read. Nothing is checked: root()
/// says what the nodes say.
[[nodiscard]] CommittedTree committed_slot(const VerifyingKey& key, const Params& params,
                                           uint16_t slot, WordSpace space);

/// The fixed and shared trees that a proof uses, by slot; made by commit_slot with the same params
/// (fixed ones: with the log_blowup that the key has for their slot).
using SlotTrees = std::map<uint16_t, const CommittedTree*>;

}  // namespace zkvm::stark
