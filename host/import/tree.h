// Decision trees of ai.onnx.ml, as ONNX Runtime 1.32 computes them on float32 features with one thread: comparisons are
// exact in integers, sums in float32 in the order of the trees. trees.md has the rules; tests/import/make_tree_cases.py
// holds them against the runtime.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/import/network.h"

namespace zkvm::importer {

// Float32 numbers in their order as integers, -0 and 0 equal. REQUIRES: no NaN.
int32_t key_of(float x);
float float_of(int32_t key);  // of kLeastKey to kGreatestKey
inline constexpr int32_t kGreatestKey = 0x7f800000, kLeastKey = -kGreatestKey;  // the infinities

// One comparison or leaf. Children stand behind their parents, and each node but the roots is the child of one.
struct TreeNode {
  enum class Kind : uint8_t {
    kLeaf,       // first, second: from where and how many of TreeEnsemble::weights
    kLessEqual,  // key of the feature <= key -> first, else second
    kMember,     // key of the feature in TreeEnsemble::sets[key] -> first, else second
  };
  Kind kind;
  bool nan_first;  // where a NaN goes
  int32_t key;
  uint32_t feature;
  uint32_t first, second;
};

struct TreeEnsemble {
  struct Interval {
    int32_t least, greatest;  // keys
  };
  struct Weight {
    uint32_t target;
    float value;
  };
  enum class Aggregate : uint8_t { kSum, kAverage, kMin, kMax };
  // How the scores are made of the aggregates, and the class of those.
  enum class Finish : uint8_t {
    kScores,      // as they are; no class
    kGreatest,    // as they are; the first greatest of those that a leaf or a base value scored
    kPair,        // two, as they are; class 1 where the second > limit
    kComplement,  // one s: 1 - s and s; class 1 where s > limit
    kOpposite,    // one s: -s and s; class 1 where s > limit
  };
  enum class Post : uint8_t { kNone, kLogistic, kSoftmax, kSoftmaxZero, kProbit };

  uint32_t features;
  uint32_t targets;  // aggregates
  std::vector<TreeNode> nodes;
  std::vector<uint32_t> roots;
  std::vector<Weight> weights;
  std::vector<std::vector<Interval>> sets;  // each ascending, apart
  Aggregate aggregate = Aggregate::kSum;
  // Added to each aggregate; -0 where nothing is.
  std::vector<float> base;
  Finish finish = Finish::kScores;
  float limit = 0;
  // Some row may reach no leaf with a weight for some target.
  bool may_miss = false;
  Post post = Post::kNone;          // what the model does with the scores; no part of `Trees`
  std::vector<std::string> labels;  // of classes, by their numbers; empty: no class

  [[nodiscard]] uint32_t scores() const {  // how many
    return finish == Finish::kComplement || finish == Finish::kOpposite ? 2 : targets;
  }
};

// TreeEnsembleClassifier and TreeEnsembleRegressor of ai.onnx.ml 1 and later, TreeEnsemble of 5, for rows of
// `features` float32 elements. The file is hostile: memory is bounded by some 20 times the attributes' size.
// Errors, naming the node: kMalformed (lists of different lengths, nodes that are missing, repeated, shared, cyclic or not
// reached), kUnsupported (float64, modes and cases in which the runtime's own result is not defined).
[[nodiscard]] Result<TreeEnsemble> read_trees(const onnx_file::Node& node, uint32_t features);

// What a model does with a feature before it is compared: x - value, ...; value - x.
struct FeatureStep {
  enum class Op : uint8_t { kAdd, kSubtract, kSubtractFrom, kMultiply, kDivide };
  Op op;
  std::vector<float> values;  // of each feature, or one for all
};
// The same trees of features before these float32 steps, one after the other: a step is monotone, so each comparison
// becomes one of the feature itself. Error: kUnsupported, a value that is not finite, or zero where it is a factor.
[[nodiscard]] Result<TreeEnsemble> before_steps(TreeEnsemble trees,
                                                std::span<const FeatureStep> steps,
                                                const std::string& where);

struct TreeResult {
  int32_t label;  // -1 without classes
  std::vector<float> scores;
};
// The oracle. REQUIRES: x has trees.features elements.
[[nodiscard]] TreeResult evaluate_tree(const TreeEnsemble& trees, std::span<const float> x);

// Trees as zk/nn/tree.h has them: of 8 bytes a node, the first child behind its parent.
struct FlatTrees {
  struct Node {
    int32_t key;
    uint16_t field;
    uint16_t jump;
  };
  std::vector<Node> nodes;
  std::vector<uint32_t> roots;
  std::vector<uint32_t> slots;
  bool single;  // each leaf has one weight
  std::vector<TreeEnsemble::Weight> weights;
};
// Error: kUnsupported, more features, weights or nodes in a subtree than 16 bits count.
[[nodiscard]] Result<FlatTrees> flatten(const TreeEnsemble& trees, const std::string& where);
// C++ of a zk::nn::TreeParams, `inline constexpr ... name{...};`. REQUIRES: flatten() has no error.
[[nodiscard]] std::string tree_definition(const TreeEnsemble& trees, const std::string& name);

}  // namespace zkvm::importer
