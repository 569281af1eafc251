// Where an execution is cut into segments: by what a segment has of ticks, pages and calls. The recording and
// the counting executor ask the same questions, so they cut at the same places.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "vm/elf.h"
#include "vm/hash_call.h"
#include "vm/record.h"
#include "vm/system.h"

namespace zkvm::vm {

// What calls cost beside their tick, in any unit: each call of a layer, and each group of layers once in a
// segment that calls one of them; each call of a hash, and each of its blocks.
struct CallCosts {
  std::vector<uint64_t> call = {};   // of each layer; empty: none costs anything
  std::vector<uint32_t> group = {};  // of each layer, that it is in
  std::vector<uint64_t> once = {};   // of each group
  uint64_t tick = 1;                 // of a tick
  std::array<uint64_t, kHashes> hash_call = {}, hash_block = {};  // by Hash

  bool operator==(const CallCosts&) const = default;
};

// When a segment is cut. A single system call is never split: it may add kMaxJournalBytes / 4
// transfer rows, or a layer's rows and words, or 2^10 blocks, and the pages under them beyond the limits.
// Pages are counted every 256 ticks.
struct SegmentLimits {
  uint32_t clk = kMaxClk;           // at least 4, at most kMaxClk; clk stays below it
  uint32_t pages = 1u << 19;        // 256 bytes of guest memory each, 772 in the record; at least 1
  uint32_t transfers = 1u << 22;    // words of input and journal, at least 1
  uint32_t layer_rows = 1u << 22;   // Layer::table_rows() of all calls, at least 1
  uint32_t hash_blocks = 1u << 20;  // of all calls of a hash, at least 1
  // Of ticks and calls; a call that costs as much alone ends its segment.
  uint64_t cost = std::numeric_limits<uint64_t>::max();
  CallCosts costs = {};
};

// What the segment at work has so far of what its limits bound.
class SegmentUse {
 public:
  // REQUIRES: limits as said there; costs of no or of all layers. The program must outlive this.
  SegmentUse(const Program& program, SegmentLimits limits);

  const SegmentLimits& limits() const { return limits_; }
  void begin();  // a segment

  uint32_t clk() const { return clk_; }  // the tick that comes next, from 1
  void advance(uint64_t ticks) { clk_ += static_cast<uint32_t>(ticks); }
  // One tick, in which that call is made.
  void add(const SystemCall& call);

  // The first tick at which the segment ends unless a call comes before, at least clk().
  uint32_t last_tick() const;
  // clk stays below its limit even after the next instruction. One that nothing happened in is not cut.
  bool must_cut(size_t pages) const { return clk_ >= last_tick() || pages >= limits_.pages; }
  // Not where the segment would only be shorter by it: before a call that does not fit into an empty one.
  bool must_cut_before(const SystemCall& call) const;

  uint64_t cost() const { return call_cost_ + clk_ * limits_.costs.tick; }
  uint64_t layer_rows() const { return layer_rows_; }
  const HashUse& hashes(Hash hash) const { return hashes_[static_cast<size_t>(hash)]; }
  uint64_t transfers() const { return transfers_; }

 private:
  bool is_too_much(uint64_t cost) const;
  uint64_t cost_of(const HashCall& call) const;
  uint64_t cost_of(uint32_t layer) const;
  uint32_t index_of(const LayerCall& call) const;

  const Program* program_;
  SegmentLimits limits_;
  uint32_t clk_ = 1;
  uint64_t call_cost_ = 0;
  std::vector<bool> groups_called_;
  uint64_t layer_rows_ = 0, transfers_ = 0;
  std::array<HashUse, kHashes> hashes_ = {};
};

// The words that a call moves between memory and input or journal, one row of the record each.
inline uint32_t transfers_of(const SystemCall& call) {
  return call.kind == SystemCall::Kind::kRead || call.kind == SystemCall::Kind::kJournal
             ? call.bytes / 4
             : 0;
}

}  // namespace zkvm::vm
