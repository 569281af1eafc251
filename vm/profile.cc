#include "vm/profile.h"

#include <unordered_map>

#include "vm/counting.h"
#include "vm/execute.h"

namespace zkvm::vm {
namespace {

// Bounds on what a hostile guest can make us keep.
constexpr size_t kMaxFrames = 4096;
constexpr size_t kMaxNodes = size_t{1} << 20;
constexpr size_t kMaxBlocks = size_t{1} << 22;
// Returns that skip frames (longjmp) are looked for this deep.
constexpr size_t kMaxSkippedFrames = 64;

bool is_link(uint8_t r) { return r == 1 || r == 5; }

// Counts by (node, begin, end): linear probing, a power of two of slots, at most half full.
class BlockTable {
 public:
  BlockTable() : slots_(1 << 12) {}

  void add(uint32_t node, uint32_t begin, uint32_t end) {
    Slot& slot = find(node, begin, end);
    if (slot.count++ == 0) insert(slot, node, begin, end);
  }

  uint64_t unattributed() const { return unattributed_; }

  // Indices become pcs.
  std::vector<ProfileBlock> blocks(uint32_t text_base) const {
    std::vector<ProfileBlock> blocks;
    for (const Slot& s : slots_) {
      if (s.count == 0) continue;
      blocks.push_back({s.node, text_base + s.begin * 4, text_base + s.end * 4, s.count});
    }
    return blocks;
  }

 private:
  struct Slot {
    uint32_t node, begin, end;
    uint64_t count = 0;  // 0: free
  };

  Slot& find(uint32_t node, uint32_t begin, uint32_t end) {
    const uint64_t mixed =
        (uint64_t{node} << 32 ^ uint64_t{begin} << 16 ^ end) * 0x9e3779b97f4a7c15;
    for (size_t i = mixed >> 32;; ++i) {
      Slot& s = slots_[i & (slots_.size() - 1)];
      if (s.count == 0 || (s.begin == begin && s.end == end && s.node == node)) return s;
    }
  }

  void insert(Slot& slot, uint32_t node, uint32_t begin, uint32_t end) {
    if (used_ == kMaxBlocks) {
      slot.count = 0;
      unattributed_ += end - begin;
      return;
    }
    slot.node = node;
    slot.begin = begin;
    slot.end = end;
    if (++used_ * 2 > slots_.size()) grow();
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& s : old) {
      if (s.count != 0) find(s.node, s.begin, s.end) = s;
    }
  }

  std::vector<Slot> slots_;
  size_t used_ = 0;
  uint64_t unattributed_ = 0;
};

// Follows calls and returns. All positions are indices of text words.
class CallTree {
 public:
  CallTree(const Program& program) : base_(program.text().base), starts_(program.text().size / 4) {
    for (const Symbol& symbol : program.symbols) {
      if (symbol.function && program.text().contains(symbol.address)) {
        starts_[index_of(symbol.address)] = true;
      }
    }
    nodes_.push_back({0, 0, program.entry});
  }

  uint32_t node() const { return node_; }
  std::vector<ProfileNode> take_nodes() { return std::move(nodes_); }

  void jump(uint32_t from, uint32_t to, Op op, uint8_t rd, uint8_t rs1) {
    if (op != Op::kJal && op != Op::kJalr) return;
    if (is_link(rd)) {
      call(from, to);
    } else if (op == Op::kJalr && is_link(rs1)) {
      go_back(to);
    } else if (to < starts_.size() && starts_[to] && to != index_of(nodes_[node_].entry)) {
      node_ = child(nodes_[node_].parent, from, to);  // a tail call
    }
  }

 private:
  struct Frame {
    uint32_t return_to;
    uint32_t node;
  };
  struct KeyHash {
    size_t operator()(const ProfileNode& n) const {
      return (uint64_t{n.parent} << 32 ^ uint64_t{n.call_site} << 8 ^ n.entry) *
                 0x9e3779b97f4a7c15 >>
             16;
    }
  };
  struct KeyEqual {
    bool operator()(const ProfileNode& a, const ProfileNode& b) const {
      return a.parent == b.parent && a.call_site == b.call_site && a.entry == b.entry;
    }
  };

  uint32_t index_of(uint32_t pc) const { return (pc - base_) / 4; }

  void call(uint32_t from, uint32_t to) {
    if (frames_.size() == kMaxFrames) {
      ++frames_beyond_;
      return;
    }
    frames_.push_back({from + 1, node_});
    node_ = child(node_, from, to);
  }

  void go_back(uint32_t to) {
    if (frames_beyond_ > 0) {
      --frames_beyond_;
      return;
    }
    const size_t lowest = frames_.size() - std::min(frames_.size(), kMaxSkippedFrames);
    for (size_t i = frames_.size(); i > lowest; --i) {
      if (frames_[i - 1].return_to != to) continue;
      node_ = frames_[i - 1].node;
      frames_.resize(i - 1);
      return;
    }
  }

  uint32_t child(uint32_t parent, uint32_t from, uint32_t to) {
    const ProfileNode key{parent, base_ + from * 4, base_ + to * 4};
    if (const auto known = children_.find(key); known != children_.end()) return known->second;
    if (nodes_.size() == kMaxNodes) return parent;
    nodes_.push_back(key);
    return children_[key] = static_cast<uint32_t>(nodes_.size() - 1);
  }

  uint32_t base_;
  std::vector<bool> starts_;  // of functions
  std::vector<ProfileNode> nodes_;
  std::unordered_map<ProfileNode, uint32_t, KeyHash, KeyEqual> children_;
  std::vector<Frame> frames_;
  uint64_t frames_beyond_ = 0;
  uint32_t node_ = 0;
};

// An Observer (vm/fast.h).
class ProfilingObserver {
 public:
  explicit ProfilingObserver(const Program& program)
      : text_(program.text()), counting_(text_), tree_(program) {}

  void enter(uint32_t i) {
    counting_.enter(i);
    start_ = i;
  }
  void leave(uint32_t i) {
    counting_.leave(i);
    if (i != start_) blocks_.add(tree_.node(), start_, i);
  }
  void jump(uint32_t from, uint32_t to, const Insn& insn) {
    counting_.jump(from, to, insn);
    blocks_.add(tree_.node(), start_, from + 1);
    tree_.jump(from, to, insn.op, insn.rd, insn.rs1);
    start_ = to;
  }
  void step(uint32_t from, uint32_t to) {
    counting_.step(from, to);
    blocks_.add(tree_.node(), from, from + 1);
    const Decoded d = decode(text_word(text_, from));
    tree_.jump(from, to, d.op, d.rd, d.rs1);
  }

  std::vector<uint64_t> counts() const { return counting_.counts(); }
  BlockTable& blocks() { return blocks_; }
  CallTree& tree() { return tree_; }

 private:
  const Region& text_;
  CountingObserver counting_;
  CallTree tree_;
  BlockTable blocks_;
  uint32_t start_ = 0;
};

}  // namespace

Result<Profile> profile(const Program& program, const Io& io, const RunLimits& limits) {
  ProfilingObserver observer(program);
  auto run = execute_with(program, io, limits, observer);
  if (!run) return tl::unexpected(std::move(run.error()));
  return Profile{.run = std::move(*run),
                 .nodes = observer.tree().take_nodes(),
                 .blocks = observer.blocks().blocks(program.text().base),
                 .last_node = observer.tree().node(),
                 .unattributed = observer.blocks().unattributed()};
}

}  // namespace zkvm::vm
