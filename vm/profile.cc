#include "vm/profile.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "vm/counting.h"
#include "vm/execute.h"

namespace zkvm::vm {
namespace {

// Bounds on what a hostile guest can make us keep.
constexpr size_t kMaxFrames = 4096;
constexpr size_t kMaxNodes = size_t{1} << 20;
constexpr size_t kMaxBlocks = size_t{1} << 22;
// Frames of one sp are looked through this deep.
constexpr size_t kMaxSkippedFrames = 64;
// One frame's tail calls, without repeats: state machines have many.
constexpr int kMaxTailCalls = 32;
constexpr int kSp = 2;

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

// The function that each word of the text belongs to, by the symbols. GCC's "f.cold" is a part of
// f.
class FunctionMap {
 public:
  static constexpr uint32_t kUnknown = 0;

  explicit FunctionMap(const Program& program) : function_of_(program.text().size / 4, kUnknown) {
    const Region& text = program.text();
    std::unordered_map<std::string_view, uint32_t> known;
    for (const Symbol& symbol : program.symbols) {
      if (is_function(symbol, text)) known.try_emplace(symbol.name, index_of(symbol, text) + 1);
    }
    // Each ends where the next one begins, if not before: linear in the text, whatever sizes say.
    auto next = static_cast<uint32_t>(function_of_.size());
    for (auto symbol = program.symbols.rbegin(); symbol != program.symbols.rend(); ++symbol) {
      if (!is_function(*symbol, text)) continue;
      const uint32_t begin = index_of(*symbol, text);
      const uint32_t size = symbol->size == 0 ? next - begin : (symbol->size - 1) / 4 + 1;
      uint32_t function = begin + 1;
      if (std::string_view name = symbol->name; name.ends_with(kCold)) {
        name.remove_suffix(kCold.size());
        if (const auto whole = known.find(name); whole != known.end()) function = whole->second;
      }
      std::fill_n(function_of_.begin() + begin, std::min(size, next - begin), function);
      next = begin;
    }
  }

  // A number of the function that word i stands in, or kUnknown.
  uint32_t at(uint32_t i) const { return i < function_of_.size() ? function_of_[i] : kUnknown; }
  bool starts_at(uint32_t i) const { return at(i) == i + 1; }

 private:
  static constexpr std::string_view kCold = ".cold";

  static bool is_function(const Symbol& symbol, const Region& text) {
    return symbol.function && text.contains(symbol.address);
  }
  static uint32_t index_of(const Symbol& symbol, const Region& text) {
    return (symbol.address - text.base) / 4;
  }

  std::vector<uint32_t> function_of_;  // the index of its first word, plus 1
};

// Follows calls and returns. All positions are indices of text words.
//
// Calls are told by the link register, and so are returns. But longjmp and the unwinder leave
// frames that never return: what tells them is sp, which at a call is at least what it is anywhere
// in the callee. So a frame whose sp is below the present one was left. Where both are equal, the
// callee has no stack of its own (any more), and a return that does not go where the frame says
// went to the function that called it.
class CallTree {
 public:
  explicit CallTree(const Program& program) : base_(program.text().base), functions_(program) {
    add_node({0, 0, program.entry}, false);
  }

  uint32_t node() const { return node_; }
  std::vector<ProfileNode> take_nodes() { return std::move(nodes_); }

  void jump(uint32_t from, uint32_t to, Op op, uint8_t rd, uint8_t rs1, const Registers& x) {
    if (op != Op::kJal && op != Op::kJalr) return;
    if (is_link(rd)) {
      call(from, to, x[kSp]);
    } else if (op == Op::kJalr && is_link(rs1)) {
      go_back(to, x[kSp]);
    } else if (functions_.starts_at(to) && functions_.at(to) != function_of(node_)) {
      call_last(from, to);
    }
  }

 private:
  struct Frame {
    uint32_t return_to;
    uint32_t node;
    uint32_t sp;  // at the call
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
  uint32_t function_of(uint32_t node) const { return functions_.at(index_of(nodes_[node].entry)); }

  void call(uint32_t from, uint32_t to, uint32_t sp) {
    drop_left_frames(sp);
    if (frames_.size() == kMaxFrames) {
      ++frames_beyond_;
      return;
    }
    frames_.push_back({from + 1, node_, sp});
    node_ = child(node_, from, to, false);
  }

  // A tail call: the function that makes it stays in the context, for whoever reads a backtrace,
  // but once only, so that functions that jump to each other in a circle are no endless context.
  void call_last(uint32_t from, uint32_t to) {
    uint32_t at = node_;
    for (int i = 0; i < kMaxTailCalls; ++i) {
      if (index_of(nodes_[at].entry) == to) {
        node_ = at;
        return;
      }
      if (!is_tail_call_[at]) {
        node_ = child(node_, from, to, true);
        return;
      }
      at = nodes_[at].parent;
    }
    node_ = child(nodes_[node_].parent, from, to, true);
  }

  void go_back(uint32_t to, uint32_t sp) {
    const bool left = drop_left_frames(sp);
    if (frames_beyond_ > 0) {
      --frames_beyond_;
      return;
    }
    if (frames_.empty()) return;
    if (frames_.back().return_to == to) return pop_to(frames_.size() - 1);
    const uint32_t function = functions_.at(to);
    const bool known = function != FunctionMap::kUnknown;
    if (!left && known && function == function_of(node_)) return;  // a jump through ra
    const size_t lowest = frames_.size() - std::min(frames_.size(), kMaxSkippedFrames);
    for (size_t i = frames_.size(); i > lowest; --i) {
      const Frame& frame = frames_[i - 1];
      if (frame.sp != sp && !on_other_stack(sp)) break;
      if (frame.return_to == to || (known && function == function_of(frame.node))) {
        return pop_to(i - 1);
      }
    }
    if (frames_.back().sp == sp && sp != 0) pop_to(frames_.size() - 1);
  }

  void pop_to(size_t count) {
    node_ = frames_[count].node;
    frames_.resize(count);
  }

  // Before a stack is set up, and on stacks that a program switches to by itself, sp says nothing
  // of the frames.
  bool on_other_stack(uint32_t sp) const { return frames_.empty() || sp > frames_.front().sp; }

  bool drop_left_frames(uint32_t sp) {
    if (on_other_stack(sp)) return false;
    size_t count = frames_.size();
    while (frames_[count - 1].sp < sp) --count;
    if (count == frames_.size()) return false;
    frames_beyond_ = 0;
    pop_to(count);
    return true;
  }

  uint32_t child(uint32_t parent, uint32_t from, uint32_t to, bool tail_call) {
    const ProfileNode key{parent, base_ + from * 4, base_ + to * 4};
    if (const auto known = children_.find(key); known != children_.end()) return known->second;
    if (nodes_.size() == kMaxNodes) return parent;
    add_node(key, tail_call);
    return children_[key] = static_cast<uint32_t>(nodes_.size() - 1);
  }

  void add_node(const ProfileNode& node, bool tail_call) {
    nodes_.push_back(node);
    is_tail_call_.push_back(tail_call);
  }

  uint32_t base_;
  FunctionMap functions_;
  std::vector<ProfileNode> nodes_;
  std::vector<bool> is_tail_call_;  // of each node
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
  void jump(uint32_t from, uint32_t to, const Insn& insn, const Registers& x) {
    counting_.jump(from, to, insn, x);
    blocks_.add(tree_.node(), start_, from + 1);
    tree_.jump(from, to, insn.op, insn.rd, insn.rs1, x);
    start_ = to;
  }
  void step(uint32_t from, uint32_t to, const Registers& x) {
    counting_.step(from, to, x);
    blocks_.add(tree_.node(), from, from + 1);
    const Decoded d = decode(text_word(text_, from));
    tree_.jump(from, to, d.op, d.rd, d.rs1, x);
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
