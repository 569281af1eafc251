// Decision trees: ai.onnx.ml's TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble, bit-exact with ONNX
// Runtime 1.32's float32 kernels on one thread, up to the post transform.
//
// Comparisons are of integers: float32 numbers in their order are. Sums are float32 in the order of the trees.
#pragma once

#include <stdint.h>

#include <array>
#include <bit>
#include <limits>
#include <type_traits>

#include "zk/nn/tensor.h"

namespace zk::nn {

// A branch, or with jump 0 a leaf. The branch goes to the next node where the key of its slot is at most `key`, else
// `jump` nodes further than that. A leaf's key is the bits of its weight, `field` the target; or where leaves have
// several weights, their place and number.
struct TreeNode {
  int32_t key;
  uint16_t field;  // bytes from the first slot, or target
  uint16_t jump;
};

enum class TreeAggregate : uint8_t { kSum, kAverage, kMin, kMax };
// How scores are made of the aggregates, and the class of those.
enum class TreeFinish : uint8_t {
  kScores,      // as they are; no class
  kGreatest,    // as they are; the first greatest of those with a weight or a base value
  kPair,        // two, as they are; class 1 where the second > limit
  kComplement,  // one s: 1 - s and s; class 1 where s > limit
  kOpposite,    // one s: -s and s; class 1 where s > limit
};

// `zkvm import` writes these.
template <int kFeatures_, int kSlots_, int kTargets_, int kTrees_, int kNodes_, int kWeights_,
          bool kHasBase_>
struct TreeParams {
  static constexpr int kFeatures = kFeatures_, kSlots = kSlots_, kTargets = kTargets_,
                       kTrees = kTrees_;
  static constexpr bool kSingle = kWeights_ == 0;  // each leaf has one weight, in the node
  static constexpr bool kHasBase = kHasBase_;
  static constexpr int at_least_one(int n) { return n > 0 ? n : 1; }

  TreeAggregate aggregate;
  TreeFinish finish;
  float limit;
  bool may_miss;  // a row may reach no leaf with a weight for some target
  float base[kHasBase ? kTargets : 1];
  // Which keys the branches compare: twice the feature, plus 1 where a NaN counts as the least and not the greatest.
  uint32_t slots[at_least_one(kSlots)];
  uint32_t roots[kTrees];
  TreeNode nodes[kNodes_];
  float weights[at_least_one(kWeights_)];
  uint16_t targets[at_least_one(kWeights_)];

  static constexpr int scores(TreeFinish finish) {
    return finish == TreeFinish::kComplement || finish == TreeFinish::kOpposite ? 2 : kTargets;
  }
};

template <int kScores>
struct TreeResult {
  Tensor<int32_t, 1> label;  // the class's number
  Tensor<float, kScores> scores;
};

// Float32 bits in their order as integers, -0 and 0 equal; a NaN is the least or the greatest of all.
constexpr int32_t tree_key(uint32_t bits, bool nan_least) {
  if ((bits & 0x7fffffff) > 0x7f800000) [[unlikely]]
    return nan_least ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(static_cast<int32_t>(bits) < 0 ? 0x80000000u - bits : bits);
}

// The leaf that keys lead to.
inline const TreeNode* tree_leaf(const TreeNode* node, const int32_t* keys) {
  while (node->jump != 0) {
    const int32_t key =
        *reinterpret_cast<const int32_t*>(reinterpret_cast<const char*>(keys) + node->field);
    const uint32_t jump = node->jump;
    const int32_t limit = node->key;
    ++node;
    if (key > limit) node += jump;
  }
  return node;
}

// Sums or extremes by target, of weights as leaves are reached.
template <const auto& kParams>
class TreeScores {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  static constexpr int kTargets = Params::kTargets;
  static constexpr bool kSums =
      kParams.aggregate == TreeAggregate::kSum || kParams.aggregate == TreeAggregate::kAverage;
  // Sums start from 0; an extreme's first weight must be known.
  static constexpr bool kCounts = kParams.may_miss || !kSums;

 public:
  void add(uint32_t offset, float weight) {
    float& score = *reinterpret_cast<float*>(reinterpret_cast<char*>(scores_.data()) + offset);
    if constexpr (kSums) {
      score += weight;
    } else if (!scored_[offset / 4] ||
               (kParams.aggregate == TreeAggregate::kMin ? weight < score : weight > score)) {
      score = weight;
    }
    if constexpr (kCounts) scored_[offset / 4] = true;
  }

  auto finish() {
    for (int i = 0; i < kTargets; ++i) finish_target(i);
    const float s = scores_[kTargets - 1];
    constexpr TreeFinish kFinish = kParams.finish;
    TreeResult<Params::scores(kFinish)> result;
    if constexpr (kFinish == TreeFinish::kComplement || kFinish == TreeFinish::kOpposite) {
      result.scores.data[0] = kFinish == TreeFinish::kComplement ? 1 - s : -s;
      result.scores.data[1] = s;
    } else {
      for (int i = 0; i < kTargets; ++i) result.scores.data[i] = scores_[i];
    }
    if constexpr (kFinish == TreeFinish::kScores) {
      return result.scores;
    } else {
      result.label.data[0] = kFinish == TreeFinish::kGreatest ? greatest() : s > kParams.limit;
      return result;
    }
  }

 private:
  void finish_target(int i) {
    float& score = scores_[i];
    if constexpr (kParams.aggregate == TreeAggregate::kAverage)
      score /= static_cast<float>(Params::kTrees);
    if constexpr (kCounts) {
      if (!scored_[i]) {
        constexpr bool kBaseScores = kParams.finish == TreeFinish::kGreatest && Params::kHasBase;
        score = kBaseScores ? kParams.base[i] : 0;
        scored_[i] = kBaseScores;
        return;
      }
    }
    if constexpr (Params::kHasBase) {
      score += kParams.base[i];
    } else if constexpr (!kSums) {
      score += 0.0f;  // -0 becomes 0
    }
  }

  int32_t greatest() const {
    int32_t label = -1;
    for (int32_t i = 0; i < kTargets; ++i) {
      if (kCounts && !scored_[i]) continue;
      if (label < 0 || scores_[i] > scores_[label]) label = i;
    }
    return label;
  }

  std::array<float, kTargets> scores_{};
  std::array<bool, kCounts ? kTargets : 1> scored_{};
};

// A row x of kFeatures float32 elements through all trees. `kParams` is a constexpr TreeParams. Returns label and scores
// before a post transform; of regressors the scores alone.
template <const auto& kParams, int... kDims>
auto tree_ensemble(const Tensor<float, kDims...>& x) {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  static_assert(Tensor<float, kDims...>::kSize == Params::kFeatures,
                "zk::nn::tree_ensemble: x must have the model's features");
  std::array<int32_t, Params::at_least_one(Params::kSlots)> keys;
  for (int i = 0; i < Params::kSlots; ++i) {
    const uint32_t slot = kParams.slots[i];
    keys[i] = tree_key(std::bit_cast<uint32_t>(x.data[slot >> 1]), slot & 1);
  }
  TreeScores<kParams> scores;
  for (const uint32_t root : kParams.roots) {
    const TreeNode* leaf = tree_leaf(kParams.nodes + root, keys.data());
    if constexpr (Params::kSingle) {
      scores.add(leaf->field, std::bit_cast<float>(leaf->key));
    } else {
      const float* weight = kParams.weights + leaf->key;
      const uint16_t* target = kParams.targets + leaf->key;
      for (const float* end = weight + leaf->field; weight != end;)
        scores.add(*target++, *weight++);
    }
  }
  return scores.finish();
}

}  // namespace zk::nn
