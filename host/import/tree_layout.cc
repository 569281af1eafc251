// Trees as constants of a guest.
#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "host/import/tree.h"

namespace zkvm::importer {
namespace {

using Kind = TreeNode::Kind;
constexpr uint32_t kMaxField = 0xffff;

class Flattener {
 public:
  explicit Flattener(const TreeEnsemble& trees) : trees_(trees) {}

  Result<FlatTrees> flatten(const std::string& where) {
    choose_slots();
    flat_.single = std::ranges::all_of(trees_.nodes, [](const TreeNode& node) {
      return node.kind != Kind::kLeaf || node.second == 1;
    });
    const auto refuse = [&](const char* what, uint64_t limit, uint64_t found) {
      return tl::unexpected(
          Error{ErrorCode::kUnsupported,
                fmt::format("{}: expected at most {} {}, found {}", where, limit, what, found)});
    };
    if (slots_.size() > (kMaxField + 1) / 4)
      return refuse("features compared (twice where NaN goes both ways)", (kMaxField + 1) / 4,
                    slots_.size());
    for (const TreeNode& node : trees_.nodes)
      if (node.kind == Kind::kLeaf && node.second > kMaxField)
        return refuse("weights of a leaf", kMaxField, node.second);
    for (const uint32_t root : trees_.roots) add_tree(root);
    if (longest_jump_ > kMaxField)
      return refuse("nodes below a branch's first child", kMaxField, longest_jump_);
    return std::move(flat_);
  }

 private:
  // A slot is a feature's key, NaN counting as the least or as the greatest.
  uint16_t field_of(uint32_t feature, bool nan_least) const {
    const auto found = slots_.find({feature, nan_least});
    ZK_CHECK(found != slots_.end());
    return static_cast<uint16_t>(found->second * 4);
  }
  void choose_slots() {
    for (const TreeNode& node : trees_.nodes) {
      if (node.kind == Kind::kLeaf) continue;
      slots_.emplace(std::pair(node.feature, node.nan_first), 0);
      if (node.kind == Kind::kMember) slots_.emplace(std::pair(node.feature, false), 0);
    }
    uint32_t number = 0;
    for (auto& [slot, place] : slots_) {
      flat_.slots.push_back(slot.first * 2 + (slot.second ? 1 : 0));
      place = number++;
    }
  }

  // Children in the order of the nodes; where one is the second, all of `jumps` lead to it.
  struct Open {
    uint32_t node;
    std::vector<uint32_t> jumps;
  };
  void add_tree(uint32_t root) {
    flat_.roots.push_back(static_cast<uint32_t>(flat_.nodes.size()));
    std::vector<Open> open;
    open.push_back({root, {}});
    while (!open.empty()) {
      const Open at = std::move(open.back());
      open.pop_back();
      const auto place = static_cast<uint32_t>(flat_.nodes.size());
      for (const uint32_t from : at.jumps) {
        const uint32_t jump = place - from - 1;
        longest_jump_ = std::max(longest_jump_, jump);
        flat_.nodes[from].jump = static_cast<uint16_t>(jump);
      }
      const TreeNode& node = trees_.nodes[at.node];
      switch (node.kind) {
        case Kind::kLeaf:
          add_leaf(node);
          break;
        case Kind::kLessEqual:
          flat_.nodes.push_back({node.key, field_of(node.feature, node.nan_first), 0});
          open.push_back({node.second, {place}});
          open.push_back({node.first, {}});
          break;
        case Kind::kMember:
          add_set(node, &open);
          break;
      }
    }
  }

  // A set from above: behind the greatest of an interval it is the second child, behind what lies below its least
  // the first. So the second child stands first.
  void add_set(const TreeNode& node, std::vector<Open>* open) {
    const auto& set = trees_.sets[static_cast<size_t>(node.key)];
    std::vector<uint32_t> to_first, to_second;
    const auto add = [&](std::vector<uint32_t>* jumps, int32_t key, bool nan_least) {
      jumps->push_back(static_cast<uint32_t>(flat_.nodes.size()));
      flat_.nodes.push_back({key, field_of(node.feature, nan_least), 0});
    };
    if (set.empty())  // then only a NaN may lead to the first
      add(&to_first, std::numeric_limits<int32_t>::max() - (node.nan_first ? 1 : 0), false);
    for (size_t i = set.size(); i-- > 0;) {
      add(&to_second, set[i].greatest, node.nan_first && i + 1 == set.size());
      add(&to_first, set[i].least - 1, false);
    }
    open->push_back({node.first, to_first});
    open->push_back({node.second, to_second});
  }

  void add_leaf(const TreeNode& leaf) {
    const auto* weights = &trees_.weights[leaf.first];
    if (flat_.single) {
      flat_.nodes.push_back(
          {std::bit_cast<int32_t>(weights->value), static_cast<uint16_t>(weights->target * 4), 0});
      return;
    }
    std::vector<std::pair<uint32_t, uint32_t>> list;
    for (uint32_t i = 0; i < leaf.second; ++i)
      list.emplace_back(weights[i].target, std::bit_cast<uint32_t>(weights[i].value));
    const auto [at, is_new] =
        lists_.try_emplace(std::move(list), static_cast<int32_t>(flat_.weights.size()));
    if (is_new) flat_.weights.insert(flat_.weights.end(), weights, weights + leaf.second);
    flat_.nodes.push_back({at->second, static_cast<uint16_t>(leaf.second), 0});
  }

  const TreeEnsemble& trees_;
  FlatTrees flat_;
  std::map<std::pair<uint32_t, bool>, uint32_t> slots_;
  std::map<std::vector<std::pair<uint32_t, uint32_t>>, int32_t>
      lists_;  // equal leaves share their weights
  uint32_t longest_jump_ = 0;
};

// Lines of at most 100 columns.
class Lines {
 public:
  explicit Lines(std::string* out) : out_(*out) {}
  void item(const std::string& text) {
    if (column_ + text.size() + 2 > 100) {
      out_ += "\n     ";
      column_ = 5;
    }
    out_ += fmt::format(" {},", text);
    column_ += text.size() + 2;
  }

 private:
  std::string& out_;
  size_t column_ = 1000;
};

const char* name_of(TreeEnsemble::Aggregate aggregate) {
  switch (aggregate) {
    case TreeEnsemble::Aggregate::kSum:
      return "kSum";
    case TreeEnsemble::Aggregate::kAverage:
      return "kAverage";
    case TreeEnsemble::Aggregate::kMin:
      return "kMin";
    case TreeEnsemble::Aggregate::kMax:
      return "kMax";
  }
  return "";
}
const char* name_of(TreeEnsemble::Finish finish) {
  switch (finish) {
    case TreeEnsemble::Finish::kScores:
      return "kScores";
    case TreeEnsemble::Finish::kGreatest:
      return "kGreatest";
    case TreeEnsemble::Finish::kPair:
      return "kPair";
    case TreeEnsemble::Finish::kComplement:
      return "kComplement";
    case TreeEnsemble::Finish::kOpposite:
      return "kOpposite";
  }
  return "";
}

}  // namespace

Result<FlatTrees> flatten(const TreeEnsemble& trees, const std::string& where) {
  return Flattener(trees).flatten(where);
}

std::string tree_definition(const TreeEnsemble& trees, const std::string& name) {
  const Result<FlatTrees> flat = flatten(trees, name);
  ZK_CHECK(flat.has_value());
  std::string text = fmt::format(
      "// {} trees on {} features, {} nodes.\n"
      "inline constexpr zk::nn::TreeParams<{}, {}, {}, {}, {}, {}, {}> {}{{\n"
      "    .aggregate = zk::nn::TreeAggregate::{},\n"
      "    .finish = zk::nn::TreeFinish::{},\n"
      "    .limit = {:a}f,\n"
      "    .may_miss = {},\n"
      "    .base = {{",
      trees.roots.size(), trees.features, flat->nodes.size(), trees.features, flat->slots.size(),
      trees.targets, flat->roots.size(), flat->nodes.size(), flat->weights.size(),
      trees.base.empty() ? 0 : 1, name, name_of(trees.aggregate), name_of(trees.finish),
      trees.limit, trees.may_miss);
  const auto list = [&](const auto& elements, auto&& text_of) {
    Lines lines(&text);
    for (const auto& element : elements) lines.item(text_of(element));
    text += "},\n";
  };
  const auto number = [](uint32_t x) { return fmt::format("{}", x); };
  const auto real = [](float x) { return fmt::format("{:a}f", x); };
  list(trees.base, real);
  text += "    .slots = {";
  list(flat->slots, number);
  text += "    .roots = {";
  list(flat->roots, number);
  text += "    .nodes = {";
  const auto node_text = [](const FlatTrees::Node& node) {
    return fmt::format("{{{}, {}, {}}}", node.key, node.field, node.jump);
  };
  list(flat->nodes, node_text);
  text += "    .weights = {";
  list(flat->weights, [&](const TreeEnsemble::Weight& weight) { return real(weight.value); });
  text += "    .targets = {";
  list(flat->weights,
       [&](const TreeEnsemble::Weight& weight) { return number(weight.target * 4); });
  return text + "};\n";
}

}  // namespace zkvm::importer
