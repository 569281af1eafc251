#include "stark/prover/phases.h"

#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <string>

#include "stark/poly/lde.h"
#include "stark/prover/stages/quotient.h"

namespace zkvm::stark {

Phases::Phases(const Shape& shape, const SlotTrees& slots, const Randomness& randomness,
               StageTimer& timed)
    : shape_(shape), randomness_(randomness), timed_(timed) {
  for (uint32_t t = 0; t < shape_.slot_trees(); ++t)
    trees_.push_back(slots.at(shape_.trees[t].slot));
}

int Phases::log_extra(const GroupShape& group) {
  return std::countr_zero(group.extra_coset);  // a power of two
}

void Phases::extend(Phase phase, size_t g, CommittedGroup& made) {
  const uint32_t tree = shape_.tree(phase);
  const GroupShape& group = shape_.groups[g];
  made.masks = GroupMasks::draw(randomness_, random_stream(shape_.trees[tree], group.log_height),
                                group.mask[tree]);
  while (made.cosets.size() < coset_count())
    made.cosets.emplace_back(group.log_height, static_cast<int>(group.width[tree]));
  const TileMatrix& trace =
      made.on_trace_domain.columns() > 0 ? made.on_trace_domain : made.cosets[0];
  timed_(std::string("extend ") + name(phase), cells(group, tree), "cell", [&] {
    if (shape_.params.zk)
      extend_to_extra(tree, group, trace, made.masks.view(), made.cosets);
    else
      low_degree_extend(trace, {}, made.cosets);
  });
}

/// low_degree_extend to `cosets`, to the extra coset and to its next rows.
void Phases::extend_to_extra(uint32_t tree, const GroupShape& group, const TileMatrix& trace,
                             const ColumnMasks& masks, std::span<TileMatrix> cosets) {
  ExtraValues& values = extra_[{tree, group.log_height}];
  values.at = TileMatrix(log_extra(group), trace.columns());
  std::vector<ExtraCoset> extra = {{kExtraShift, &values.at}};
  // Few columns are read on the next row: mostly acc, which is the last one.
  const auto first_next = std::ranges::find(group.next, tree, &ColumnRef::tree);
  if (first_next != group.next.end()) {
    values.next = TileMatrix(log_extra(group), trace.columns(),
                             static_cast<int>(first_next->column) / kTileWidth);
    extra.push_back({kExtraShift * Fp::root_of_unity(group.log_height), &values.next});
  }
  low_degree_extend(trace, masks, cosets, extra);
}

const Digest& Phases::commit(Phase phase, std::vector<CommittedGroup> groups) {
  ZK_CHECK(shape_.place(phase) == made_.size());
  const uint32_t tree = shape_.tree(phase);
  for (CommittedGroup& group : groups)
    group.stacked =
        std::ranges::find(shape_.groups, group.log_height, &GroupShape::log_height)->stacked[tree];
  timed_("hash rows", cells(shape_, tree), "cell", [&] {
    made_.push_back(std::make_unique<CommittedTree>(shape_.params, std::move(groups),
                                                    shape_.trees[tree], randomness_));
  });
  trees_.push_back(made_.back().get());
  return made_.back()->root();
}

void Phases::drop_trace(const GroupShape& group) {
  for (const auto& tree : made_)
    for (CommittedGroup& made : tree->groups())
      if (made.log_height == group.log_height) made.on_trace_domain = {};
}

std::vector<const TileMatrix*> Phases::on_trace_domain(const GroupShape& group) const {
  std::vector<const TileMatrix*> out;
  for (const CommittedTree* tree : trees_) {
    const CommittedGroup* found = tree->group(group.log_height);
    out.push_back(found == nullptr ? nullptr : &found->on_trace_domain);
  }
  return out;
}

std::vector<const TileMatrix*> Phases::on_coset(const GroupShape& group, size_t c) const {
  std::vector<const TileMatrix*> out;
  for (size_t t = 0; t < trees_.size(); ++t) {
    const CommittedGroup* found = trees_[t]->group(group.log_height);
    out.push_back(found == nullptr ? nullptr : &found->cosets[c << shape_.trees[t].log_stride]);
  }
  return out;
}

std::vector<TreeLde> Phases::extensions(const GroupShape& group) const {
  std::vector<TreeLde> out(trees_.size());
  for (size_t c = 0; c < coset_count(); ++c) {
    const auto matrices = on_coset(group, c);
    for (size_t t = 0; t < trees_.size(); ++t)
      if (matrices[t] != nullptr) out[t].push_back(matrices[t]);
  }
  return out;
}

/// Phases left their values there when they were extended; slots are shared by many proofs, whose
/// extra cosets differ, so theirs are computed now.
Phases::OnExtraCoset Phases::on_extra_coset(const GroupShape& group) {
  for (uint32_t t = 0; t < shape_.slot_trees(); ++t)
    if (const CommittedGroup* slot = trees_[t]->group(group.log_height))
      extend_to_extra(t, group, slot->on_trace_domain, slot->masks.view(), {});
  OnExtraCoset out;
  for (uint32_t t = 0; t < shape_.trees.size(); ++t) {
    const auto found = extra_.find({t, group.log_height});
    out.at.push_back(found == extra_.end() ? nullptr : &found->second.at);
    out.next.push_back(found == extra_.end() ? nullptr : &found->second.next);
  }
  return out;
}

}  // namespace zkvm::stark
