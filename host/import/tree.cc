#include "host/import/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace zkvm::importer {

int32_t key_of(float x) {
  const int32_t bits = std::bit_cast<int32_t>(x);
  return bits >= 0 ? bits : static_cast<int32_t>(0x80000000u - static_cast<uint32_t>(bits));
}

float float_of(int32_t key) {
  return std::bit_cast<float>(key >= 0 ? static_cast<uint32_t>(key)
                                       : 0x80000000u - static_cast<uint32_t>(key));
}

namespace {

using onnx_file::Attribute;
using onnx_file::ElementType;
using onnx_file::TensorPointer;
using Interval = TreeEnsemble::Interval;
using Kind = TreeNode::Kind;
using Finish = TreeEnsemble::Finish;
using Post = TreeEnsemble::Post;
using Aggregate = TreeEnsemble::Aggregate;

// Why the trees are refused. Thrown and caught in this file.
struct Refusal {
  Error error;
};

enum class Mode : uint8_t {
  kLessEqual,
  kLess,
  kGreaterEqual,
  kGreater,
  kEqual,
  kNotEqual,
  kMember,
  kLeaf
};

// What both forms of the operators say, node by node of the file. `truth` and `falsehood` are places in these lists.
struct FileNode {
  Mode mode;
  bool missing_is_true;
  int64_t feature;
  float value;
  uint32_t truth = 0, falsehood = 0;
  std::vector<float> members = {};  // of kMember
};

constexpr uint32_t kMaxTargets = 1 << 14;
constexpr uint32_t kMaxMember = 1 << 24;
constexpr size_t kMaxSteps = 64;

// From the file's nodes to TreeNodes: children behind parents, comparisons as keys.
class Reader {
 public:
  Reader(const onnx_file::Node& node, uint32_t features) : node_(node) {
    trees_.features = features;
  }

  TreeEnsemble read() {
    if (node_.op_type == "TreeEnsemble") {
      read_ensemble();
    } else if (node_.op_type == "TreeEnsembleClassifier" ||
               node_.op_type == "TreeEnsembleRegressor") {
      read_by_ids(node_.op_type == "TreeEnsembleClassifier");
    } else {
      refuse("expected an operator of trees");
    }
    for (const auto& [name, attribute] : node_.attributes) {
      if (!seen_.contains(name)) refuse("attribute {}: not one of the operator's", name);
    }
    return std::move(trees_);
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    throw Refusal{
        {ErrorCode::kUnsupported, where() + fmt::format(text, std::forward<Args>(args)...)}};
  }
  template <class... Args>
  [[noreturn]] void malformed(fmt::format_string<Args...> text, Args&&... args) const {
    throw Refusal{
        {ErrorCode::kMalformed, where() + fmt::format(text, std::forward<Args>(args)...)}};
  }
  std::string where() const { return fmt::format("{} node {}: ", node_.op_type, node_.name); }

  // Attributes ------------------------------------------------------------------------------------
  template <class T>
  const T* attribute(const std::string& name, const char* type) {
    seen_.insert(name);
    const auto found = node_.attributes.find(name);
    if (found == node_.attributes.end()) return nullptr;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) malformed("attribute {}: expected {}", name, type);
    return value;
  }
  std::string text(const std::string& name, const std::string& otherwise) {
    const auto* value = attribute<std::string>(name, "a string");
    return value ? *value : otherwise;
  }
  int64_t integer(const std::string& name, int64_t otherwise) {
    const auto* value = attribute<int64_t>(name, "an integer");
    return value ? *value : otherwise;
  }
  const std::vector<int64_t>& integers(const std::string& name) {
    static const std::vector<int64_t> kNone;
    const auto* value = attribute<std::vector<int64_t>>(name, "integers");
    return value ? *value : kNone;
  }
  const std::vector<std::string>& strings(const std::string& name) {
    static const std::vector<std::string> kNone;
    const auto* value = attribute<std::vector<std::string>>(name, "strings");
    return value ? *value : kNone;
  }
  std::vector<float> tensor_of_floats(const std::string& name) {
    const auto* value = attribute<TensorPointer>(name, "a tensor");
    if (value == nullptr) return {};
    if ((*value)->type != ElementType::kFloat32)
      refuse("attribute {}: expected float32, found {}; export with float32 features", name,
             onnx_file::name_of((*value)->type));
    return (*value)->values<float>();
  }
  // A list of floats, or the tensor that ai.onnx.ml 3 has instead.
  std::vector<float> floats(const std::string& name) {
    const auto* list = attribute<std::vector<float>>(name, "floats");
    std::vector<float> tensor = tensor_of_floats(name + "_as_tensor");
    if (list == nullptr || list->empty()) return tensor;
    if (!tensor.empty())
      malformed("attributes {0} and {0}_as_tensor: expected one of them, found both", name);
    return *list;
  }
  void expect_size(const std::string& name, size_t found, size_t expected) const {
    if (found != expected)
      malformed("attribute {}: expected {} elements, found {}", name, expected, found);
  }
  void expect_finite(const std::string& name, const std::vector<float>& values) const {
    for (const float x : values) {
      if (!std::isfinite(x)) refuse("attribute {}: expected finite numbers, found {}", name, x);
    }
  }
  Post post_of(const std::string& name) const {
    constexpr std::pair<std::string_view, Post> kPosts[] = {{"NONE", Post::kNone},
                                                            {"LOGISTIC", Post::kLogistic},
                                                            {"SOFTMAX", Post::kSoftmax},
                                                            {"SOFTMAX_ZERO", Post::kSoftmaxZero},
                                                            {"PROBIT", Post::kProbit}};
    for (const auto& [text, post] : kPosts)
      if (name == text) return post;
    refuse(
        "attribute post_transform: expected NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO or PROBIT, found "
        "{}",
        onnx_file::printable(name));
  }
  Mode mode_of(const std::string& name) const {
    constexpr std::pair<std::string_view, Mode> kModes[] = {{"BRANCH_LEQ", Mode::kLessEqual},
                                                            {"BRANCH_LT", Mode::kLess},
                                                            {"BRANCH_GTE", Mode::kGreaterEqual},
                                                            {"BRANCH_GT", Mode::kGreater},
                                                            {"BRANCH_EQ", Mode::kEqual},
                                                            {"BRANCH_NEQ", Mode::kNotEqual},
                                                            {"LEAF", Mode::kLeaf}};
    for (const auto& [text, mode] : kModes)
      if (name == text) return mode;
    refuse("attribute nodes_modes: expected a BRANCH_ mode or LEAF, found {}",
           onnx_file::printable(name));
  }

  // TreeEnsembleClassifier and Regressor: nodes by the number of their tree and their own ------------------
  struct Place {
    int64_t tree, node;
    uint32_t index;
    auto operator<=>(const Place&) const = default;
  };
  std::optional<uint32_t> find(int64_t tree, int64_t node) const {
    const auto at = std::ranges::lower_bound(places_, Place{tree, node, 0});
    if (at == places_.end() || at->tree != tree || at->node != node) return std::nullopt;
    return at->index;
  }

  void read_by_ids(bool classifier) {
    const std::string class_or_target = classifier ? "class_" : "target_";
    const auto& tree_ids = integers("nodes_treeids");
    const auto& node_ids = integers("nodes_nodeids");
    const auto& features = integers("nodes_featureids");
    const auto& modes = strings("nodes_modes");
    const auto& truths = integers("nodes_truenodeids");
    const auto& falsehoods = integers("nodes_falsenodeids");
    const auto& missing = integers("nodes_missing_value_tracks_true");
    const std::vector<float> values = floats("nodes_values");
    floats("nodes_hitrates");  // statistics
    const size_t count = tree_ids.size();
    if (count == 0) malformed("attribute nodes_treeids: expected nodes, found none");
    if (count > std::numeric_limits<int32_t>::max())
      refuse("expected fewer than 2^31 nodes, found {}", count);
    expect_size("nodes_nodeids", node_ids.size(), count);
    expect_size("nodes_featureids", features.size(), count);
    expect_size("nodes_modes", modes.size(), count);
    expect_size("nodes_truenodeids", truths.size(), count);
    expect_size("nodes_falsenodeids", falsehoods.size(), count);
    expect_size("nodes_values", values.size(), count);
    if (!missing.empty()) expect_size("nodes_missing_value_tracks_true", missing.size(), count);

    places_.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      for (const int64_t id : {tree_ids[i], node_ids[i]})  // the runtime takes 32 bits of them
        if (id < 0 || id > std::numeric_limits<int32_t>::max())
          malformed("entry {}: expected tree and node ids of 0 to 2^31 - 1, found {}", i, id);
      places_.push_back({tree_ids[i], node_ids[i], i});
    }
    std::ranges::sort(places_);
    for (size_t i = 1; i < count; ++i) {
      if (places_[i].tree == places_[i - 1].tree && places_[i].node == places_[i - 1].node)
        malformed("tree {}: node {}: found twice", places_[i].tree, places_[i].node);
    }
    // The runtime's root of a tree is the first of its nodes in the file, whatever its number.
    std::vector<uint32_t> roots;
    for (uint32_t i = 0; i < count; ++i)
      if (i == 0 || tree_ids[i] != tree_ids[i - 1]) roots.push_back(i);
    std::set<int64_t> trees;
    for (const uint32_t root : roots)
      if (!trees.insert(tree_ids[root]).second)
        malformed("tree {}: expected its nodes together, found others between them",
                  tree_ids[root]);

    file_.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      FileNode node{.mode = mode_of(modes[i]),
                    .missing_is_true = !missing.empty() && missing[i] == 1,
                    .feature = features[i],
                    .value = values[i]};
      if (node.mode != Mode::kLeaf) {
        for (const bool truth : {true, false}) {
          const int64_t id = truth ? truths[i] : falsehoods[i];
          const auto child = find(tree_ids[i], id);
          if (!child)
            malformed("tree {}: node {}: expected a {} node of the tree, found {}", tree_ids[i],
                      node_ids[i], truth ? "true" : "false", id);
          (truth ? node.truth : node.falsehood) = *child;
        }
      }
      file_.push_back(std::move(node));
    }

    const auto& weight_trees = integers(class_or_target + "treeids");
    const auto& weight_nodes = integers(class_or_target + "nodeids");
    const auto& targets = integers(class_or_target + "ids");
    const std::vector<float> weights = floats(class_or_target + "weights");
    expect_size(class_or_target + "treeids", weight_trees.size(), targets.size());
    expect_size(class_or_target + "nodeids", weight_nodes.size(), targets.size());
    expect_size(class_or_target + "weights", weights.size(), targets.size());
    expect_finite(class_or_target + "weights", weights);

    const auto& label_strings = strings("classlabels_strings");
    const auto& label_numbers = integers("classlabels_int64s");
    const int64_t declared =
        classifier ? static_cast<int64_t>(label_strings.empty() ? label_numbers.size()
                                                                : label_strings.size())
                   : integer("n_targets", 0);
    set_targets(declared, classifier ? "classes" : "targets");
    for (const int64_t target : targets) check_target(class_or_target + "ids", target);

    // Leaves' weights in the order of the file; the runtime leaves out what is not a leaf's.
    std::vector<uint32_t> leaf_of(targets.size(), UINT32_MAX);
    std::vector<uint32_t> ends(count + 1, 0);
    for (size_t i = 0; i < targets.size(); ++i) {
      const auto leaf = find(weight_trees[i], weight_nodes[i]);
      if (!leaf)
        malformed("{}nodeids: tree {}: expected a node of it, found {}", class_or_target,
                  weight_trees[i], weight_nodes[i]);
      if (file_[*leaf].mode != Mode::kLeaf) continue;
      leaf_of[i] = *leaf;
      ++ends[*leaf + 1];
    }
    for (size_t i = 0; i < count; ++i) ends[i + 1] += ends[i];
    trees_.weights.resize(ends[count]);
    std::vector<uint32_t> next(ends.begin(), ends.end() - 1);
    for (size_t i = 0; i < targets.size(); ++i)
      if (leaf_of[i] != UINT32_MAX)
        trees_.weights[next[leaf_of[i]]++] = {static_cast<uint32_t>(targets[i]), weights[i]};

    const uint32_t reached = build(roots, [&](uint32_t leaf) {
      if (ends[leaf] == ends[leaf + 1])
        malformed("tree {}: leaf {}: expected a weight, found none", tree_ids[leaf],
                  node_ids[leaf]);
      return std::pair(ends[leaf], ends[leaf + 1] - ends[leaf]);
    });
    if (reached != count)
      malformed("expected each node in its tree, found {} that no root leads to", count - reached);

    const Post post = post_of(text("post_transform", "NONE"));
    const std::vector<float> base = floats("base_values");
    expect_finite("base_values", base);
    if (classifier) {
      finish_classifier(targets, weights, base, post);
      name_classes(label_strings, label_numbers);
    } else {
      constexpr std::pair<std::string_view, Aggregate> kAggregates[] = {
          {"SUM", Aggregate::kSum},
          {"AVERAGE", Aggregate::kAverage},
          {"MIN", Aggregate::kMin},
          {"MAX", Aggregate::kMax}};
      const std::string aggregate = text("aggregate_function", "SUM");
      const auto found =
          std::ranges::find(kAggregates, aggregate, [](const auto& a) { return a.first; });
      if (found == std::end(kAggregates))
        refuse("attribute aggregate_function: expected SUM, AVERAGE, MIN or MAX, found {}",
               onnx_file::printable(aggregate));
      trees_.aggregate = found->second;
      finish_regressor(base, post);
    }
  }

  // TreeEnsemble: branches and leaves by their places ---------------------------------------------------
  void read_ensemble() {
    const auto& roots = integers("tree_roots");
    const auto& features = integers("nodes_featureids");
    const auto& truths = integers("nodes_truenodeids");
    const auto& falsehoods = integers("nodes_falsenodeids");
    const auto& true_leaves = integers("nodes_trueleafs");
    const auto& false_leaves = integers("nodes_falseleafs");
    const auto& missing = integers("nodes_missing_value_tracks_true");
    const std::vector<float> splits = tensor_of_floats("nodes_splits");
    const std::vector<float> members = tensor_of_floats("membership_values");
    tensor_of_floats("nodes_hitrates");
    const auto* modes_tensor = attribute<TensorPointer>("nodes_modes", "a tensor");
    if (modes_tensor == nullptr || (*modes_tensor)->type != ElementType::kUint8)
      malformed("attribute nodes_modes: expected a tensor of uint8");
    const std::vector<uint8_t>& modes = (*modes_tensor)->bytes;
    const size_t count = features.size();
    if (count > std::numeric_limits<int32_t>::max())
      refuse("expected fewer than 2^31 nodes, found {}", count);
    expect_size("nodes_truenodeids", truths.size(), count);
    expect_size("nodes_falsenodeids", falsehoods.size(), count);
    expect_size("nodes_trueleafs", true_leaves.size(), count);
    expect_size("nodes_falseleafs", false_leaves.size(), count);
    expect_size("nodes_splits", splits.size(), count);
    expect_size("nodes_modes", modes.size(), count);
    if (!missing.empty()) expect_size("nodes_missing_value_tracks_true", missing.size(), count);

    const auto& targets = integers("leaf_targetids");
    const std::vector<float> weights = tensor_of_floats("leaf_weights");
    if (targets.empty()) malformed("attribute leaf_targetids: expected leaves, found none");
    if (targets.size() + count > std::numeric_limits<int32_t>::max())
      refuse("expected fewer than 2^31 nodes and leaves, found {}", targets.size() + count);
    expect_size("leaf_weights", weights.size(), targets.size());
    expect_finite("leaf_weights", weights);
    set_targets(integer("n_targets", 0), "targets");
    for (size_t i = 0; i < targets.size(); ++i) {
      check_target("leaf_targetids", targets[i]);
      trees_.weights.push_back({static_cast<uint32_t>(targets[i]), weights[i]});
    }

    // Branches first, then leaves.
    file_.reserve(count + targets.size());
    size_t next_member = 0;
    for (size_t i = 0; i < count; ++i) {
      constexpr Mode kModes[] = {Mode::kLessEqual, Mode::kLess,  Mode::kGreaterEqual,
                                 Mode::kGreater,   Mode::kEqual, Mode::kNotEqual,
                                 Mode::kMember};
      if (modes[i] >= std::size(kModes))
        refuse("attribute nodes_modes: expected 0 to 6, found {}", modes[i]);
      FileNode node{.mode = kModes[modes[i]],
                    .missing_is_true = !missing.empty() && missing[i] == 1,
                    .feature = features[i],
                    .value = splits[i]};
      for (const bool truth : {true, false}) {
        const int64_t id = truth ? truths[i] : falsehoods[i];
        const bool leaf = (truth ? true_leaves[i] : false_leaves[i]) != 0;
        const size_t limit = leaf ? targets.size() : count;
        if (id < 0 || static_cast<uint64_t>(id) >= limit)
          malformed("node {}: {}: expected one of {} {}, found {}", i,
                    truth ? "nodes_truenodeids" : "nodes_falsenodeids", limit,
                    leaf ? "leaves" : "nodes", id);
        (truth ? node.truth : node.falsehood) =
            static_cast<uint32_t>(leaf ? count + static_cast<size_t>(id) : static_cast<size_t>(id));
      }
      if (node.mode == Mode::kMember) {
        while (next_member < members.size() && !std::isnan(members[next_member]))
          node.members.push_back(members[next_member++]);
        ++next_member;
        if (node.members.empty()) malformed("node {}: expected members of a set, found none", i);
      }
      file_.push_back(std::move(node));
    }
    for (size_t i = 0; i < targets.size(); ++i)
      file_.push_back({.mode = Mode::kLeaf, .missing_is_true = false, .feature = 0, .value = 0});

    std::vector<uint32_t> places;
    for (const int64_t root : roots) {
      if (root < 0 || static_cast<uint64_t>(root) >= count)
        malformed("attribute tree_roots: expected one of {} nodes, found {}", count, root);
      places.push_back(static_cast<uint32_t>(root));
    }
    if (places.empty()) malformed("attribute tree_roots: expected roots, found none");
    first_leaf_ = static_cast<uint32_t>(count);
    build(places, [&](uint32_t leaf) { return std::pair(leaf - first_leaf_, uint32_t{1}); });

    const int64_t aggregate = integer("aggregate_function", 1);
    constexpr Aggregate kAggregates[] = {Aggregate::kAverage, Aggregate::kSum, Aggregate::kMin,
                                         Aggregate::kMax};
    if (aggregate < 0 || aggregate > 3)
      refuse("attribute aggregate_function: expected 0 to 3, found {}", aggregate);
    trees_.aggregate = kAggregates[aggregate];
    const int64_t post = integer("post_transform", 0);
    // The runtime's numbers; in the standard 1 is SOFTMAX and 2 LOGISTIC.
    constexpr Post kPosts[] = {Post::kNone, Post::kLogistic, Post::kSoftmax, Post::kSoftmaxZero,
                               Post::kProbit};
    if (post < 0 || post > 4) refuse("attribute post_transform: expected 0 to 4, found {}", post);
    finish_regressor({}, kPosts[post]);
  }

  void set_targets(int64_t targets, const char* what) {
    if (targets < 1 || targets > kMaxTargets)
      refuse("expected 1 to {} {}, found {}", kMaxTargets, what, targets);
    trees_.targets = static_cast<uint32_t>(targets);
  }
  void check_target(const std::string& name, int64_t target) const {
    if (target < 0 || target >= trees_.targets)
      malformed("attribute {}: expected 0 to {}, found {}", name, trees_.targets - 1, target);
  }

  // Trees ---------------------------------------------------------------------------------------------
  // Depth first from each root: a parent before its children. Leaves of TreeEnsemble may have several parents, branches
  // not, but for what LightGBM's converter writes: a chain of BRANCH_EQ of one feature and one true node, which is a set.
  // `weights_of` gives a leaf's place and number of weights. Returns how many nodes of the file it met.
  template <class WeightsOf>
  uint32_t build(const std::vector<uint32_t>& roots, WeightsOf&& weights_of) {
    std::vector<bool> met(file_.size(), false);
    uint32_t count = 0;
    const auto meet = [&](uint32_t place) {
      if (met[place] && place < first_leaf_)
        malformed("entry {} of the nodes: expected one node that leads to it, found several",
                  place);
      if (!met[place]) ++count;
      met[place] = true;
    };
    struct Open {
      uint32_t place;
      uint32_t parent;
      bool first;
    };
    std::vector<Open> open;
    for (const uint32_t root : roots) {
      open.push_back({root, UINT32_MAX, false});
      while (!open.empty()) {
        const Open at = open.back();
        open.pop_back();
        meet(at.place);
        const auto index = static_cast<uint32_t>(trees_.nodes.size());
        if (at.parent == UINT32_MAX) {
          trees_.roots.push_back(index);
        } else {
          (at.first ? trees_.nodes[at.parent].first : trees_.nodes[at.parent].second) = index;
        }
        const FileNode& node = file_[at.place];
        if (node.mode == Mode::kLeaf) {
          const auto [first, weights] = weights_of(at.place);
          trees_.nodes.push_back({Kind::kLeaf, false, 0, 0, first, weights});
          continue;
        }
        uint32_t falsehood = node.falsehood;
        std::vector<float> members = node.members;
        if (node.mode == Mode::kEqual) {
          members.push_back(node.value);
          const auto continues = [&](const FileNode& next) {
            return next.mode == Mode::kEqual && next.feature == node.feature &&
                   next.truth == node.truth && next.missing_is_true == node.missing_is_true;
          };
          while (continues(file_[falsehood])) {
            meet(falsehood);
            members.push_back(file_[falsehood].value);
            falsehood = file_[falsehood].falsehood;
          }
        }
        const bool swapped = add_branch(node, members);
        open.push_back({swapped ? node.truth : falsehood, index, false});
        open.push_back({swapped ? falsehood : node.truth, index, true});
      }
    }
    return count;
  }

  // The comparison as one of keys. Returns whether its true node is the second.
  bool add_branch(const FileNode& node, const std::vector<float>& members) {
    if (node.feature < 0 || node.feature >= trees_.features)
      malformed("a node compares feature {}: expected 0 to {}", node.feature, trees_.features - 1);
    TreeNode branch{
        Kind::kLessEqual, node.missing_is_true, 0, static_cast<uint32_t>(node.feature), 0, 0};
    if (node.mode != Mode::kMember && std::isnan(node.value)) refuse("a node compares with NaN");
    bool swapped = false;
    switch (node.mode) {
      case Mode::kLessEqual:
        branch.key = key_of(node.value);
        break;
      case Mode::kLess:
        branch.key = key_of(node.value) - 1;
        break;
      case Mode::kGreaterEqual:
        branch.key = key_of(node.value) - 1;
        swapped = true;
        break;
      case Mode::kGreater:
        branch.key = key_of(node.value);
        swapped = true;
        break;
      case Mode::kEqual:
      case Mode::kNotEqual:
      case Mode::kMember: {
        std::vector<Interval> set;
        if (node.mode == Mode::kNotEqual) {
          set = {{key_of(node.value), key_of(node.value)}};
          swapped = true;
        } else {
          set = node.mode == Mode::kEqual ? exact_set(members) : member_set(members);
        }
        branch.kind = Kind::kMember;
        branch.key = static_cast<int32_t>(trees_.sets.size());
        trees_.sets.push_back(std::move(set));
        break;
      }
      case Mode::kLeaf:
        break;
    }
    // A NaN makes each comparison false but the one with BRANCH_NEQ, which is true whatever missing values do.
    if (node.mode == Mode::kNotEqual) {
      branch.nan_first = false;
    } else if (swapped) {
      branch.nan_first = !branch.nan_first;
    }
    trees_.nodes.push_back(branch);
    return swapped;
  }

  std::vector<Interval> exact_set(const std::vector<float>& members) const {
    std::vector<Interval> set;
    for (const float x : members) {
      if (std::isnan(x)) refuse("a node compares with NaN");
      set.push_back({key_of(x), key_of(x)});
    }
    return ordered(std::move(set));
  }

  // BRANCH_MEMBER as the runtime has it: exact for less than 31 members of 0 to 30; else the members must be integers,
  // and a feature is rounded towards 0 before it is looked up.
  std::vector<Interval> member_set(const std::vector<float>& members) const {
    if (members.size() < 31 &&
        std::ranges::all_of(members, [](float x) { return x >= 0 && x <= 30; }))
      return exact_set(members);
    std::vector<Interval> set;
    for (const float x : members) {
      if (!(std::abs(x) <= kMaxMember) || x != std::trunc(x))
        refuse(
            "BRANCH_MEMBER: expected integers of at most 2^24, or less than 31 numbers of 0 to 30, "
            "found {}",
            x);
      set.push_back({x > 0 ? key_of(x) : key_of(x - 1) + 1, x < 0 ? key_of(x) : key_of(x + 1) - 1});
    }
    return ordered(std::move(set));
  }

  static std::vector<Interval> ordered(std::vector<Interval> set) {
    std::ranges::sort(set, {}, &Interval::least);
    std::vector<Interval> joined;
    for (const Interval& interval : set) {
      if (!joined.empty() && interval.least <= joined.back().greatest + 1) {
        joined.back().greatest = std::max(joined.back().greatest, interval.greatest);
      } else {
        joined.push_back(interval);
      }
    }
    return joined;
  }

  // What the runtime makes of the sums ---------------------------------------------------------------
  // Of each target: whether one tree gives it a weight whichever leaf is reached.
  std::vector<bool> always_scored() const {
    std::vector<bool> always(trees_.targets, false);
    std::vector<uint32_t> leaves_with(trees_.targets, 0), last_leaf(trees_.targets, UINT32_MAX),
        touched;
    for (size_t tree = 0; tree < trees_.roots.size(); ++tree) {
      const size_t end =
          tree + 1 < trees_.roots.size() ? trees_.roots[tree + 1] : trees_.nodes.size();
      uint32_t leaves = 0;
      touched.clear();
      for (auto index = trees_.roots[tree]; index < end; ++index) {
        const TreeNode& node = trees_.nodes[index];
        if (node.kind != Kind::kLeaf) continue;
        ++leaves;
        for (uint32_t i = node.first; i < node.first + node.second; ++i) {
          const uint32_t target = trees_.weights[i].target;
          if (last_leaf[target] == index) continue;
          last_leaf[target] = index;
          if (leaves_with[target]++ == 0) touched.push_back(target);
        }
      }
      for (const uint32_t target : touched) {
        if (leaves_with[target] == leaves) always[target] = true;
        leaves_with[target] = 0;
      }
    }
    return always;
  }

  void finish_regressor(const std::vector<float>& base, Post post) {
    if (!base.empty()) expect_size("base_values", base.size(), trees_.targets);
    trees_.base = base;
    trees_.post = post;
    if (trees_.targets == 1) {
      for (const TreeNode& node : trees_.nodes)
        if (node.kind == Kind::kLeaf && node.second != 1)
          refuse("one target: expected one weight of each leaf, found {}", node.second);
      if (base.empty()) trees_.base = {0.0f};
      if (post != Post::kProbit) trees_.post = Post::kNone;
    } else {
      const std::vector<bool> always = always_scored();
      trees_.may_miss = std::ranges::find(always, false) != always.end();
    }
  }

  void finish_classifier(const std::vector<int64_t>& classes, const std::vector<float>& weights,
                         const std::vector<float>& base, Post post) {
    trees_.post = post;
    if (trees_.targets == 1) refuse("expected two classes or more, found one");
    const std::vector<bool> always = always_scored();
    trees_.may_miss = std::ranges::find(always, false) != always.end();
    if (trees_.targets > 2) {
      if (!base.empty()) expect_size("base_values", base.size(), trees_.targets);
      trees_.finish = Finish::kGreatest;
      trees_.base = base;
      return;
    }
    if (base.size() > 1)
      refuse(
          "attribute base_values: two classes: expected none or one, found {}, of which the "
          "runtime takes one",
          base.size());
    const bool one_class = std::ranges::all_of(classes, [&](int64_t c) { return c == classes[0]; });
    const bool positive = std::ranges::none_of(weights, [](float x) { return x < 0; });
    if (!one_class) {
      if (trees_.may_miss)
        refuse(
            "two classes: expected a weight of both in all leaves of a tree, found leaves without; "
            "the runtime's "
            "result is not defined there");
      trees_.finish = Finish::kPair;
      if (!base.empty()) trees_.base = {base[0], -0.0f};
      two_literal_labels_ = true;
      return;
    }
    trees_.limit = positive ? 0.5f : 0.0f;
    trees_.may_miss = false;
    if (classes[0] == 1) {  // then the first class's score is 0, and base_values goes there, unseen
      trees_.finish = Finish::kPair;
      return;
    }
    trees_.targets = 1;
    trees_.base = base;
    if (post == Post::kProbit)
      refuse(
          "post_transform PROBIT with one weight for two classes: the runtime's result is not "
          "defined");
    if (post != Post::kLogistic) trees_.post = Post::kNone;
    trees_.finish = positive && post != Post::kLogistic ? Finish::kComplement : Finish::kOpposite;
  }

  // Where leaves have weights of both classes, the runtime gives the numbers 0 and 1 whatever the labels are.
  void name_classes(const std::vector<std::string>& strings, const std::vector<int64_t>& numbers) {
    if (!strings.empty()) {
      trees_.labels = strings;
    } else if (two_literal_labels_) {
      trees_.labels = {"0", "1"};
    } else {
      for (const int64_t number : numbers) trees_.labels.push_back(fmt::format("{}", number));
    }
  }

  const onnx_file::Node& node_;
  TreeEnsemble trees_ = {};
  std::set<std::string> seen_;
  std::vector<Place> places_;
  std::vector<FileNode> file_;
  uint32_t first_leaf_ = UINT32_MAX;  // of file_, where leaves may be shared
  bool two_literal_labels_ = false;
};

// Steps before the trees ------------------------------------------------------------------------------
bool falls(const FeatureStep& step, uint32_t feature) {
  const float value = step.values[step.values.size() == 1 ? 0 : feature];
  switch (step.op) {
    case FeatureStep::Op::kAdd:
    case FeatureStep::Op::kSubtract:
      return false;
    case FeatureStep::Op::kSubtractFrom:
      return true;
    case FeatureStep::Op::kMultiply:
    case FeatureStep::Op::kDivide:
      return value < 0;
  }
  return false;
}

float stepped(std::span<const FeatureStep> steps, uint32_t feature, float x) {
  for (const FeatureStep& step : steps) {
    const float value = step.values[step.values.size() == 1 ? 0 : feature];
    switch (step.op) {
      case FeatureStep::Op::kAdd:
        x = x + value;
        break;
      case FeatureStep::Op::kSubtract:
        x = x - value;
        break;
      case FeatureStep::Op::kSubtractFrom:
        x = value - x;
        break;
      case FeatureStep::Op::kMultiply:
        x = x * value;
        break;
      case FeatureStep::Op::kDivide:
        x = x / value;
        break;
    }
  }
  return x;
}

// The least key for which holds(key), where it is false up to some key and true behind; kGreatestKey + 1: none.
template <class Holds>
int32_t first_key(Holds&& holds) {
  int32_t low = kLeastKey, high = kGreatestKey + 1;
  while (low < high) {
    const auto middle = static_cast<int32_t>((int64_t{low} + high) >> 1);
    if (holds(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

Result<TreeEnsemble> read_trees(const onnx_file::Node& node, uint32_t features) {
  try {
    return Reader(node, features).read();
  } catch (const Refusal& refusal) {
    return tl::unexpected(refusal.error);
  }
}

Result<TreeEnsemble> before_steps(TreeEnsemble trees, std::span<const FeatureStep> steps,
                                  const std::string& where) {
  if (steps.size() > kMaxSteps)  // each comparison goes through all of them some 30 times
    return tl::unexpected(
        Error{ErrorCode::kUnsupported,
              fmt::format("{}: before trees: expected at most {} operators, found {}", where,
                          kMaxSteps, steps.size())});
  for (const FeatureStep& step : steps) {
    const bool factor =
        step.op == FeatureStep::Op::kMultiply || step.op == FeatureStep::Op::kDivide;
    if (step.values.size() != 1 && step.values.size() != trees.features)
      return tl::unexpected(
          Error{ErrorCode::kMalformed, fmt::format("{}: expected 1 or {} constants, found {}",
                                                   where, trees.features, step.values.size())});
    for (const float value : step.values)
      if (!std::isfinite(value) || (factor && value == 0))
        return tl::unexpected(Error{
            ErrorCode::kUnsupported,
            fmt::format("{}: before trees: expected finite constants, factors not 0, found {}",
                        where, value)});
  }
  for (TreeNode& node : trees.nodes) {
    if (node.kind == Kind::kLeaf) continue;
    const uint32_t feature = node.feature;
    const bool falling =
        std::ranges::count_if(steps, [&](const FeatureStep& s) { return falls(s, feature); }) % 2 ==
        1;
    const auto moved = [&](int32_t key) { return key_of(stepped(steps, feature, float_of(key))); };
    // Of those that lie above `key` after the steps the least key, or if falling of those that do not.
    const auto boundary = [&](int32_t key) {
      return first_key([&](int32_t at) { return (moved(at) > key) != falling; });
    };
    if (node.kind == Kind::kLessEqual) {
      node.key = boundary(node.key) - 1;
      if (falling) {
        std::swap(node.first, node.second);
        node.nan_first = !node.nan_first;
      }
      continue;
    }
    std::vector<Interval>& set = trees.sets[static_cast<size_t>(node.key)];
    std::vector<Interval> before;
    for (const Interval& interval : set) {
      const int32_t low = boundary(interval.least - 1), high = boundary(interval.greatest);
      const Interval range = falling ? Interval{high, low - 1} : Interval{low, high - 1};
      if (range.least <= range.greatest) before.push_back(range);
    }
    if (falling) std::ranges::reverse(before);
    set = std::move(before);
  }
  return trees;
}

TreeResult evaluate_tree(const TreeEnsemble& trees, std::span<const float> x) {
  std::vector<float> sums(trees.targets, 0.0f);
  std::vector<bool> scored(trees.targets, false);
  for (const uint32_t root : trees.roots) {
    const TreeNode* node = &trees.nodes[root];
    while (node->kind != Kind::kLeaf) {
      bool first = node->nan_first;
      if (const float feature = x[node->feature]; !std::isnan(feature)) {
        const int32_t key = key_of(feature);
        first =
            node->kind == Kind::kLessEqual
                ? key <= node->key
                : std::ranges::any_of(trees.sets[static_cast<size_t>(node->key)],
                                      [&](const Interval& interval) {
                                        return interval.least <= key && key <= interval.greatest;
                                      });
      }
      node = &trees.nodes[first ? node->first : node->second];
    }
    for (uint32_t i = node->first; i < node->first + node->second; ++i) {
      const auto [target, value] = trees.weights[i];
      float& sum = sums[target];
      if (trees.aggregate == Aggregate::kSum || trees.aggregate == Aggregate::kAverage) {
        sum += value;
      } else if (!scored[target] ||
                 (trees.aggregate == Aggregate::kMin ? value < sum : value > sum)) {
        sum = value;
      }
      scored[target] = true;
    }
  }
  // A score without weights is written as 0, but with three classes and more as its base value.
  for (size_t i = 0; i < sums.size(); ++i) {
    if (trees.aggregate == Aggregate::kAverage) sums[i] /= static_cast<float>(trees.roots.size());
    if (scored[i]) {
      if (!trees.base.empty()) sums[i] += trees.base[i];
      if (trees.base.empty() && trees.aggregate >= Aggregate::kMin)
        sums[i] += 0.0f;  // -0 becomes 0
    } else if (trees.finish == Finish::kGreatest && !trees.base.empty()) {
      sums[i] = trees.base[i];
      scored[i] = true;
    } else {
      sums[i] = 0;
    }
  }
  TreeResult result{-1, sums};
  const float s = sums.back();
  switch (trees.finish) {
    case Finish::kScores:
      break;
    case Finish::kGreatest:
      for (size_t i = 0; i < sums.size(); ++i)
        if (scored[i] && (result.label < 0 || sums[i] > sums[static_cast<size_t>(result.label)]))
          result.label = static_cast<int32_t>(i);
      break;
    case Finish::kPair:
      result.label = s > trees.limit;
      break;
    case Finish::kComplement:
      result = {s > trees.limit, {1 - s, s}};
      break;
    case Finish::kOpposite:
      result = {s > trees.limit, {-s, s}};
      break;
  }
  return result;
}

}  // namespace zkvm::importer
