#include "vm/segment_limits.h"

#include <zk/check.h>

#include <algorithm>
#include <utility>

namespace zkvm::vm {

SegmentUse::SegmentUse(const Program& program, SegmentLimits limits)
    : program_(&program), limits_(std::move(limits)) {
  ZK_CHECK(limits_.clk >= 4 && limits_.clk <= kMaxClk && limits_.pages >= 1 &&
           limits_.transfers >= 1 && limits_.layer_rows >= 1 && limits_.hash_blocks >= 1 &&
           limits_.costs.tick >= 1);
  ZK_CHECK(limits_.costs.call.empty() || (limits_.costs.call.size() == program.layers.size() &&
                                          limits_.costs.group.size() == program.layers.size()));
  begin();
}

void SegmentUse::begin() {
  clk_ = 1;
  call_cost_ = layer_rows_ = transfers_ = 0;
  hashes_ = {};
  groups_called_.assign(limits_.costs.once.size(), false);
}

void SegmentUse::add(const SystemCall& call) {
  transfers_ += transfers_of(call);
  if (call.kind == SystemCall::Kind::kLayer) {
    const uint32_t layer = index_of(call.layer);
    layer_rows_ += call.layer.layer->table_rows();
    call_cost_ += cost_of(layer);
    if (!groups_called_.empty()) groups_called_[limits_.costs.group[layer]] = true;
  }
  if (call.kind == SystemCall::Kind::kHash) {
    HashUse& use = hashes_[static_cast<size_t>(call.hash.hash)];
    ++use.calls;
    use.blocks += call.hash.count;
    call_cost_ += cost_of(call.hash);
  }
  ++clk_;
}

uint32_t SegmentUse::last_tick() const {
  const uint64_t left = limits_.cost - std::min(limits_.cost, call_cost_);
  const uint64_t end = std::min<uint64_t>(limits_.clk, left / limits_.costs.tick);
  return std::max(clk_, static_cast<uint32_t>(std::max<uint64_t>(end, 4)) - 1);
}

bool SegmentUse::must_cut_before(const SystemCall& call) const {
  switch (call.kind) {
    case SystemCall::Kind::kRead:
    case SystemCall::Kind::kJournal:
      return transfers_ > 0 && transfers_ + transfers_of(call) > limits_.transfers;
    case SystemCall::Kind::kLayer: {
      const uint64_t rows = call.layer.layer->table_rows();
      if (layer_rows_ > 0 && layer_rows_ + rows > limits_.layer_rows) return true;
      const uint64_t cost = cost_of(index_of(call.layer));
      return is_too_much(cost) && (layer_rows_ > 0 || (clk_ > 1 && cost <= limits_.cost));
    }
    case SystemCall::Kind::kHash: {
      const uint64_t blocks = hashes(call.hash.hash).blocks;
      if (blocks > 0 && blocks + call.hash.count > limits_.hash_blocks) return true;
      const uint64_t cost = cost_of(call.hash);
      return is_too_much(cost) && (blocks > 0 || (clk_ > 1 && cost <= limits_.cost));
    }
    case SystemCall::Kind::kConsole:
    case SystemCall::Kind::kExit:
      return false;
  }
  return false;
}

// For one call more.
bool SegmentUse::is_too_much(uint64_t call_cost) const { return cost() + call_cost > limits_.cost; }

uint64_t SegmentUse::cost_of(const HashCall& call) const {
  const auto hash = static_cast<size_t>(call.hash);
  return limits_.costs.hash_call[hash] + call.count * limits_.costs.hash_block[hash];
}

// Of a call in this segment.
uint64_t SegmentUse::cost_of(uint32_t layer) const {
  const CallCosts& costs = limits_.costs;
  if (costs.call.empty()) return 0;
  const uint32_t group = costs.group[layer];
  return costs.call[layer] + (groups_called_[group] ? 0 : costs.once[group]);
}

uint32_t SegmentUse::index_of(const LayerCall& call) const {
  return static_cast<uint32_t>(call.layer - program_->layers.data());
}

}  // namespace zkvm::vm
