// Trees that contradict themselves, are deep, or are damaged: an error or trees, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "host/import/tree.h"
#include "tests/import/one_branch.h"

namespace zkvm::importer {
namespace {

using import_test::Floats;
using import_test::Ints;
using import_test::one_branch;
using import_test::Texts;
using onnx_file::Node;
using ::testing::HasSubstr;

std::string error_of(const Node& node, uint32_t features = 2) {
  const auto trees = read_trees(node, features);
  return trees ? "no error" : trees.error().message;
}
std::string error_with(const std::string& name, onnx_file::Attribute value) {
  Node node = one_branch("BRANCH_LEQ", 0, false);
  node.attributes[name] = std::move(value);
  return error_of(node);
}

TEST(Trees, WhatContradictsItselfIsRefusedByALineThatSaysWhat) {
  EXPECT_EQ(error_of(one_branch("BRANCH_LEQ", 0, false)), "no error");
  const std::string where = "TreeEnsembleRegressor node trees: ";
  EXPECT_EQ(error_with("nodes_nodeids", Ints{0, 1}),
            where + "attribute nodes_nodeids: expected 3 elements, found 2");
  EXPECT_EQ(error_with("nodes_nodeids", Ints{0, 1, 1}), where + "tree 0: node 1: found twice");
  EXPECT_EQ(error_with("nodes_nodeids", Ints{0, 1, -2}),
            where + "entry 2: expected tree and node ids of 0 to 2^31 - 1, found -2");
  EXPECT_EQ(error_with("nodes_nodeids", Ints{0, 1, int64_t{1} << 31}),
            where + "entry 2: expected tree and node ids of 0 to 2^31 - 1, found 2147483648");
  EXPECT_EQ(error_with("nodes_treeids", Ints{0, 0, 1}),
            where + "tree 0: node 0: expected a false node of the tree, found 2");
  EXPECT_EQ(error_with("nodes_treeids", Ints{0, 1, 0}),
            where + "tree 0: expected its nodes together, found others between them");
  EXPECT_EQ(error_with("nodes_truenodeids", Ints{3, 0, 0}),
            where + "tree 0: node 0: expected a true node of the tree, found 3");
  EXPECT_EQ(error_with("nodes_truenodeids", Ints{0, 0, 0}),
            where + "entry 0 of the nodes: expected one node that leads to it, found several");
  EXPECT_EQ(error_with("nodes_truenodeids", Ints{2, 0, 0}),
            where + "entry 2 of the nodes: expected one node that leads to it, found several");
  EXPECT_EQ(error_with("nodes_modes", Texts{"LEAF", "LEAF", "LEAF"}),
            where + "tree 0: leaf 0: expected a weight, found none");
  EXPECT_EQ(error_with("nodes_modes", Texts{"BRANCH_MAYBE", "LEAF", "LEAF"}),
            where + "attribute nodes_modes: expected a BRANCH_ mode or LEAF, found BRANCH_MAYBE");
  EXPECT_EQ(error_with("nodes_featureids", Ints{2, 0, 0}),
            where + "a node compares feature 2: expected 0 to 1");
  EXPECT_EQ(error_with("nodes_featureids", Ints{-1, 0, 0}),
            where + "a node compares feature -1: expected 0 to 1");
  EXPECT_EQ(error_with("nodes_values", Floats{NAN, 0, 0}), where + "a node compares with NaN");
  EXPECT_EQ(error_with("nodes_values", int64_t{1}),
            where + "attribute nodes_values: expected floats");
  EXPECT_EQ(error_with("target_ids", Ints{0, 1}),
            where + "attribute target_ids: expected 0 to 0, found 1");
  EXPECT_EQ(error_with("target_nodeids", Ints{1, 3}),
            where + "target_nodeids: tree 0: expected a node of it, found 3");
  EXPECT_EQ(error_with("target_nodeids", Ints{1, 1}),
            where + "tree 0: leaf 2: expected a weight, found none");
  EXPECT_EQ(error_with("target_weights", Floats{1, INFINITY}),
            where + "attribute target_weights: expected finite numbers, found inf");
  EXPECT_EQ(error_with("n_targets", int64_t{1} << 31),
            where + "expected 1 to 16384 targets, found 2147483648");
  EXPECT_EQ(error_with("base_values", Floats{1, 2}),
            where + "attribute base_values: expected 1 elements, found 2");
  EXPECT_EQ(error_with("aggregate_function", std::string("MEAN")),
            where + "attribute aggregate_function: expected SUM, AVERAGE, MIN or MAX, found MEAN");
  EXPECT_EQ(error_with("post_transform", std::string("RELU")),
            where +
                "attribute post_transform: expected NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO or "
                "PROBIT, found RELU");
  EXPECT_EQ(error_with("depth", int64_t{1}), where + "attribute depth: not one of the operator's");
}

// A chain of branches: depth costs no stack. And what one branch more than 16 bits count is refused.
TEST(Trees, DepthIsNoLimitAndJumpsAre) {
  const auto chain = [](int64_t depth, bool deep_first) {
    Node node = one_branch("BRANCH_LEQ", 0, false);
    Ints trees, ids, features, truths, falsehoods, leaf_ids, targets;
    Texts modes;
    Floats values, weights;
    for (int64_t i = 0; i <= 2 * depth; ++i) {
      const bool leaf = i % 2 == 1 || i == 2 * depth;
      trees.push_back(0), ids.push_back(i), features.push_back(0),
          values.push_back(static_cast<float>(i));
      modes.push_back(leaf ? "LEAF" : "BRANCH_LEQ");
      truths.push_back(leaf ? 0 : i + (deep_first ? 2 : 1));
      falsehoods.push_back(leaf ? 0 : i + (deep_first ? 1 : 2));
      if (leaf)
        leaf_ids.push_back(i), targets.push_back(0), weights.push_back(static_cast<float>(i));
    }
    node.attributes = {{"nodes_treeids", trees},           {"nodes_nodeids", ids},
                       {"nodes_featureids", features},     {"nodes_modes", modes},
                       {"nodes_values", values},           {"nodes_truenodeids", truths},
                       {"nodes_falsenodeids", falsehoods}, {"target_treeids", targets},
                       {"target_nodeids", leaf_ids},       {"target_ids", targets},
                       {"target_weights", weights},        {"n_targets", int64_t{1}}};
    return read_trees(node, 1);
  };
  const auto long_second = chain(100'000, false);
  ASSERT_TRUE(long_second) << long_second.error().message;
  EXPECT_EQ(evaluate_tree(*long_second, std::vector{1e30f}).scores[0], 200'000);
  EXPECT_TRUE(flatten(*long_second, "test"));
  const auto long_first = chain(40'000, true);
  ASSERT_TRUE(long_first);
  const auto flat = flatten(*long_first, "test");
  ASSERT_FALSE(flat);
  EXPECT_EQ(flat.error().message,
            "test: expected at most 65535 nodes below a branch's first child, found 79999");
}

// Numbers by chance in every list of small trees: an error or trees, and no more nodes than the file has.
TEST(Trees, DamagedListsAreRefusedOrTrees) {
  std::mt19937 random(3);
  size_t good = 0;
  for (int round = 0; round < 6000; ++round) {
    Node node = one_branch("BRANCH_LEQ", 0, false);
    for (auto& [name, value] : node.attributes) {
      if (random() % 4 != 0) continue;
      if (auto* list = std::get_if<Ints>(&value)) {
        for (int64_t& x : *list)
          if (random() % 3 == 0)
            x = random() % 8 == 0 ? static_cast<int64_t>(random()) << 31
                                  : static_cast<int64_t>(random() % 4);
        if (random() % 16 == 0) list->resize(random() % 6);
      } else if (auto* modes = std::get_if<Texts>(&value)) {
        const char* const some[] = {"LEAF", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_GT", ""};
        for (std::string& mode : *modes)
          if (random() % 3 == 0) mode = some[random() % 5];
      }
    }
    const auto trees = read_trees(node, 1 + static_cast<uint32_t>(random() % 3));
    if (!trees) {
      EXPECT_THAT(trees.error().message, HasSubstr("TreeEnsembleRegressor node trees: "));
      continue;
    }
    ++good;
    ASSERT_LE(trees->nodes.size(), 6u);
    const std::vector<float> x(trees->features, 1.0f);
    EXPECT_EQ(evaluate_tree(*trees, x).scores.size(), trees->scores());
    EXPECT_TRUE(flatten(*trees, "test"));
  }
  EXPECT_GT(good, 300u);
}

// TreeEnsemble: x0 <= 1 ? (x1 in {2, 40} ? 1 : 2) : 3.
Node two_branches() {
  const auto floats = [](const Floats& values) {
    onnx_file::Tensor tensor;
    tensor.dims = {static_cast<int64_t>(values.size())};
    tensor.bytes.resize(4 * values.size());
    std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    return std::make_shared<const onnx_file::Tensor>(std::move(tensor));
  };
  onnx_file::Tensor modes;
  modes.type = onnx_file::ElementType::kUint8;
  modes.dims = {2};
  modes.bytes = {0, 6};
  return {.name = "trees",
          .op_type = "TreeEnsemble",
          .domain = "ai.onnx.ml",
          .inputs = {"x"},
          .outputs = {"y"},
          .attributes = {{"tree_roots", Ints{0}},
                         {"nodes_featureids", Ints{0, 1}},
                         {"nodes_truenodeids", Ints{1, 0}},
                         {"nodes_falsenodeids", Ints{2, 1}},
                         {"nodes_trueleafs", Ints{0, 1}},
                         {"nodes_falseleafs", Ints{1, 1}},
                         {"nodes_modes", std::make_shared<const onnx_file::Tensor>(modes)},
                         {"nodes_splits", floats({1, 0})},
                         {"membership_values", floats({2, 40, NAN})},
                         {"leaf_targetids", Ints{0, 0, 0}},
                         {"leaf_weights", floats({1, 2, 3})},
                         {"n_targets", int64_t{1}}}};
}

TEST(Trees, DamagedPlacesAreRefusedOrTrees) {
  const auto whole = read_trees(two_branches(), 2);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(evaluate_tree(*whole, Floats{1, 40.5f}).scores, Floats{1});
  EXPECT_EQ(evaluate_tree(*whole, Floats{1, 41}).scores, Floats{2});
  EXPECT_EQ(evaluate_tree(*whole, Floats{NAN, 2}).scores, Floats{3});

  const std::string where = "TreeEnsemble node trees: ";
  const auto error_of_change = [](const std::string& name, onnx_file::Attribute value) {
    Node node = two_branches();
    node.attributes[name] = std::move(value);
    return error_of(node);
  };
  EXPECT_EQ(error_of_change("tree_roots", Ints{2}),
            where + "attribute tree_roots: expected one of 2 nodes, found 2");
  EXPECT_EQ(error_of_change("nodes_trueleafs", Ints{0, 0}),
            where + "entry 0 of the nodes: expected one node that leads to it, found several");
  EXPECT_EQ(error_of_change("nodes_falsenodeids", Ints{3, 1}),
            where + "node 0: nodes_falsenodeids: expected one of 3 leaves, found 3");
  EXPECT_EQ(error_of_change("leaf_targetids", Ints{0, 0}),
            where + "attribute leaf_weights: expected 2 elements, found 3");
  EXPECT_EQ(error_of_change("post_transform", int64_t{5}),
            where + "attribute post_transform: expected 0 to 4, found 5");

  std::mt19937 random(4);
  size_t good = 0;
  for (int round = 0; round < 6000; ++round) {
    Node node = two_branches();
    for (auto& [name, value] : node.attributes)
      if (auto* list = std::get_if<Ints>(&value); list && random() % 4 == 0) {
        for (int64_t& x : *list)
          if (random() % 3 == 0)
            x = random() % 8 == 0 ? static_cast<int64_t>(random()) << 31
                                  : static_cast<int64_t>(random() % 4);
        if (random() % 16 == 0) list->resize(random() % 6);
      }
    const auto trees = read_trees(node, 2);
    if (!trees) {
      EXPECT_THAT(trees.error().message, HasSubstr(where));
      continue;
    }
    ++good;
    ASSERT_LE(trees->nodes.size(), 5u * trees->roots.size());
    EXPECT_EQ(evaluate_tree(*trees, Floats{1, 2}).scores.size(), trees->scores());
    EXPECT_TRUE(flatten(*trees, "test"));
  }
  EXPECT_GT(good, 300u);
}

}  // namespace
}  // namespace zkvm::importer
