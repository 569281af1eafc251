// The trees of a proof, as far as they are made: those of slots, which are lent, and one of each
// phase; and their columns, wherever a stage reads them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "stark/pcs/commit/committed_tree.h"
#include "stark/pcs/open/deep.h"
#include "stark/protocol/shape.h"
#include "stark/prover/stage_timer.h"

namespace zkvm::stark {

/// Cells of a group's columns in a tree, on the trace domain.
[[nodiscard]] inline uint64_t cells(const GroupShape& group, uint32_t tree) {
  return uint64_t{group.height()} * group.width[tree];
}

/// Of all groups.
[[nodiscard]] inline uint64_t cells(const Shape& shape, uint32_t tree) {
  uint64_t count = 0;
  for (const GroupShape& group : shape.groups) count += cells(group, tree);
  return count;
}

class Phases {
 public:
  /// REQUIRES: a tree for each slot of the shape. All arguments must outlive the object.
  Phases(const Shape& shape, const SlotTrees& slots, const Randomness& randomness,
         StageTimer& timed);

  /// Draws masks for group g of a phase and extends it, from its trace or, without one, in place
  /// from cosets[0].
  void extend(Phase phase, size_t g, CommittedGroup& group);
  /// Hashes the rows of a phase's groups: its tree. REQUIRES: it is the next phase.
  const Digest& commit(Phase phase, std::vector<CommittedGroup> groups);

  /// Slots, then phases.
  [[nodiscard]] std::span<const CommittedTree* const> trees() const { return trees_; }
  /// The group's values on the trace domain, of the phases so far, are read no more.
  void drop_trace(const GroupShape& group);
  [[nodiscard]] size_t coset_count() const { return size_t{1} << shape_.params.log_blowup; }

  /// Per tree the group's matrix on the trace domain; null where it has none.
  [[nodiscard]] std::vector<const TileMatrix*> on_trace_domain(const GroupShape& group) const;
  /// The same on a coset of the LDE domain.
  [[nodiscard]] std::vector<const TileMatrix*> on_coset(const GroupShape& group, size_t c) const;
  /// All cosets, tree by tree.
  [[nodiscard]] std::vector<TreeLde> extensions(const GroupShape& group) const;

  /// The same on the quotient's extra coset, and the rows after.
  struct OnExtraCoset {
    std::vector<const TileMatrix*> at, next;
  };
  [[nodiscard]] OnExtraCoset on_extra_coset(const GroupShape& group);
  void drop_extra_cosets() { extra_.clear(); }
  /// Log of its number of points.
  [[nodiscard]] static int log_extra(const GroupShape& group);

 private:
  struct ExtraValues {
    TileMatrix at, next;
  };

  void extend_to_extra(uint32_t tree, const GroupShape& group, const TileMatrix& trace,
                       const ColumnMasks& masks, std::span<TileMatrix> cosets);

  const Shape& shape_;
  const Randomness& randomness_;
  StageTimer& timed_;
  std::vector<const CommittedTree*> trees_;           // in the shape's order, as far as made
  std::vector<std::unique_ptr<CommittedTree>> made_;  // of the phases
  std::map<std::pair<uint32_t, uint8_t>, ExtraValues> extra_;  // by tree and height
};

}  // namespace zkvm::stark
