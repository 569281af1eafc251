// Trees of ai.onnx.ml against ONNX Runtime's results on the rows of tree_cases.bin: the oracle, the guest's operator
// compiled for the host, and a guest.
#include "host/import/tree.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include "host/import/evaluate.h"
#include "host/import/lower.h"
#include "tests/guest/qemu.h"
#include "tests/import/cases.h"
#include "tests/import/one_branch.h"
#include "tree_cases.h"
#include "vm/elf.h"
#include "vm/run.h"

namespace zkvm::importer {
namespace {

using import_test::Case;
using Bytes = std::vector<uint8_t>;

const std::vector<Case>& cases() {
  static const std::vector<Case> all = import_test::read_cases(ZKVM_TREE_CASES_FILE);
  return all;
}

onnx_file::Result<Network> network_of(const Case& it) {
  return onnx_file::read_model(it.model).and_then(
      [](const onnx_file::Model& model) { return lower(model, {}); });
}

// Rows of features, and of each what is committed.
struct Rows {
  std::vector<Bytes> inputs, outputs;
};
Rows rows_of(const Case& it, size_t features) {
  const Bytes& x = it.samples.at(0).inputs.at(0);
  Rows rows;
  const size_t count = x.size() / (4 * features);
  for (size_t row = 0; row < count; ++row) {
    const auto cut = [&](const Bytes& all) {
      const auto size = static_cast<ptrdiff_t>(all.size() / count),
                 at = size * static_cast<ptrdiff_t>(row);
      return Bytes(all.begin() + at, all.begin() + at + size);
    };
    rows.inputs.push_back(cut(x));
    Bytes outputs;
    for (const Bytes& output : it.samples[0].outputs) {
      const Bytes part = cut(output);
      outputs.insert(outputs.end(), part.begin(), part.end());
    }
    rows.outputs.push_back(std::move(outputs));
  }
  return rows;
}

TEST(Trees, OracleEqualsOnnxRuntime) {
  size_t rows_compared = 0;
  for (const Case& it : cases()) {
    SCOPED_TRACE(it.name);
    const auto network = network_of(it);
    ASSERT_TRUE(network) << network.error().message;
    ASSERT_EQ(network->operators.size(), 1u);
    const Rows rows = rows_of(it, elements_of(network->values[network->inputs.at(0).value].dims));
    for (size_t row = 0; row < rows.inputs.size(); ++row, ++rows_compared) {
      const auto result = evaluate(*network, std::span(&rows.inputs[row], 1));
      ASSERT_TRUE(result) << result.error().message;
      Bytes all;
      for (const Bytes& output : *result) all.insert(all.end(), output.begin(), output.end());
      EXPECT_EQ(all, rows.outputs[row]) << "row " << row;
    }
  }
  EXPECT_EQ(cases().size(), 62u);
  EXPECT_EQ(rows_compared, 32u * 62);
}

// Rows tell a threshold from its neighbours: else the tests above would say little of comparisons.
TEST(Trees, RowsTellNeighbouringThresholdsApart) {
  size_t told = 0, count = 0;
  for (const Case& it : cases()) {
    const auto network = network_of(it);
    ASSERT_TRUE(network);
    TreeEnsemble trees = *std::get<Trees>(network->operators.at(0).what).trees;
    const Rows rows = rows_of(it, trees.features);
    for (const int32_t step : {1, -1}) {
      for (TreeNode& node : trees.nodes)
        if (node.kind == TreeNode::Kind::kLessEqual) node.key += step;
      bool differs = false;
      for (size_t row = 0; row < rows.inputs.size(); ++row) {
        std::vector<float> x(trees.features);
        std::memcpy(x.data(), rows.inputs[row].data(), rows.inputs[row].size());
        const TreeResult result = evaluate_tree(trees, x);
        Bytes all(4 * (result.scores.size() + (result.label < 0 ? 0 : 1)));
        if (result.label >= 0) std::memcpy(all.data(), &result.label, 4);
        std::memcpy(all.data() + all.size() - 4 * result.scores.size(), result.scores.data(),
                    4 * result.scores.size());
        differs |= all != rows.outputs[row];
      }
      for (TreeNode& node : trees.nodes)
        if (node.kind == TreeNode::Kind::kLessEqual) node.key -= step;
      told += differs;
      ++count;
    }
  }
  EXPECT_GT(told, count * 2 / 3) << "of " << count;
}

template <const auto& kParams>
Bytes run_on_host(const Bytes& input) {
  zk::nn::Tensor<float, 1, std::remove_cvref_t<decltype(kParams)>::kFeatures> x;
  EXPECT_EQ(input.size(), sizeof(x));
  std::memcpy(x.data, input.data(), sizeof(x));
  const auto result = zk::nn::tree_ensemble<kParams>(x);
  Bytes bytes(sizeof(result));
  if constexpr (requires { result.label; }) {
    std::memcpy(bytes.data(), result.label.data, 4);
    std::memcpy(bytes.data() + 4, result.scores.data, sizeof(result.scores.data));
  } else {
    std::memcpy(bytes.data(), result.data, sizeof(result.data));
  }
  return bytes;
}

struct HostOperator {
  const char* name;
  Bytes (*run)(const Bytes&);
  size_t features;
};
constexpr HostOperator kOperators[] = {
#define OPERATOR(name) \
  {#name, run_on_host<k_##name>, std::remove_cvref_t<decltype(k_##name)>::kFeatures},
    ZKVM_TREE_CASES(OPERATOR)
#undef OPERATOR
};

TEST(Trees, OperatorOnTheHostEqualsOnnxRuntime) {
  ASSERT_EQ(std::size(kOperators), cases().size());
  for (size_t i = 0; i < cases().size(); ++i) {
    SCOPED_TRACE(cases()[i].name);
    ASSERT_EQ(cases()[i].name, kOperators[i].name);
    const Rows rows = rows_of(cases()[i], kOperators[i].features);
    for (size_t row = 0; row < rows.inputs.size(); ++row)
      EXPECT_EQ(kOperators[i].run(rows.inputs[row]), rows.outputs[row]) << "row " << row;
  }
}

TEST(Trees, GuestEqualsOnnxRuntimeOnTheVm) {
  Bytes input(4), journal;
  uint32_t count = 0;
  const auto append = [](Bytes* to, const Bytes& bytes) {
    to->insert(to->end(), bytes.begin(), bytes.end());
  };
  for (uint32_t i = 0; i < cases().size(); ++i) {
    const Rows rows = rows_of(cases()[i], kOperators[i].features);
    for (size_t row = 0; row < rows.inputs.size(); ++row, ++count) {
      Bytes number(4);
      std::memcpy(number.data(), &i, 4);
      append(&input, number);
      append(&input, rows.inputs[row]);
      append(&journal, rows.outputs[row]);
    }
  }
  std::memcpy(input.data(), &count, 4);
  for (const char* compiler : {"gcc", "clang"}) {
    std::ifstream file(test::guest_path(std::string("test_trees_") + compiler), std::ios::binary);
    const Bytes elf{std::istreambuf_iterator<char>(file), {}};
    const auto program = vm::load_elf(elf);
    ASSERT_TRUE(program) << program.error().message;
    const auto run = vm::run(*program, {.input = input, .console = {}});
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_FALSE(run->trap);
    EXPECT_EQ(run->exit_code, 0u);
    EXPECT_EQ(run->journal, journal) << compiler;
  }
}

TEST(Trees, KeysAreInTheOrderOfFloats) {
  std::mt19937 random(1);
  std::vector<float> floats = {-INFINITY, INFINITY, 0.0f,    -0.0f,
                               1e-45f,    -1e-45f,  FLT_MAX, -FLT_MAX};
  while (floats.size() < 400) {
    const float x = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (!std::isnan(x)) floats.push_back(x);
  }
  for (const float a : floats) {
    EXPECT_EQ(float_of(key_of(a)), a);
    for (const float b : floats) EXPECT_EQ(a < b, key_of(a) < key_of(b)) << a << " " << b;
  }
  EXPECT_EQ(key_of(-INFINITY), kLeastKey);
  EXPECT_EQ(key_of(INFINITY), kGreatestKey);
}

bool compared(const std::string& mode, float x, float y) {
  if (mode == "BRANCH_LEQ") return x <= y;
  if (mode == "BRANCH_LT") return x < y;
  if (mode == "BRANCH_GTE") return x >= y;
  if (mode == "BRANCH_GT") return x > y;
  if (mode == "BRANCH_EQ") return x == y;
  return x != y;
}

// Thresholds are moved before the steps so that the same features go the same way: on features at the boundary and far.
TEST(Trees, StepsBeforeAreFoldedExactly) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  using Op = FeatureStep::Op;
  size_t both = 0, checks = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto value = [&] {
      return std::ldexp(normal(random), static_cast<int>(random() % 40) - 20);
    };
    std::vector<FeatureStep> steps(1 + random() % 4);
    for (FeatureStep& step : steps) step = {static_cast<Op>(random() % 5), {value()}};
    const auto apply = [&](float x) {
      for (const FeatureStep& step : steps) {
        const volatile float v = step.values[0];
        x = step.op == Op::kAdd            ? x + v
            : step.op == Op::kSubtract     ? x - v
            : step.op == Op::kSubtractFrom ? v - x
            : step.op == Op::kMultiply     ? x * v
                                           : x / v;
      }
      return x;
    };
    const char* const modes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                 "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
    const std::string mode = modes[random() % 6];
    const bool missing = random() % 2 == 1;
    const float around = value(), threshold = random() % 8 == 0 ? value() : apply(around);
    if (std::isnan(threshold)) continue;
    const auto plain = read_trees(import_test::one_branch(mode, threshold, missing), 1);
    ASSERT_TRUE(plain) << plain.error().message;
    const auto folded = before_steps(*plain, steps, "test");
    ASSERT_TRUE(folded) << folded.error().message;
    std::vector<float> xs = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, FLT_MAX, -FLT_MAX, value()};
    for (int i = -20; i <= 20; ++i) xs.push_back(float_of(key_of(around) + i));
    bool some[2] = {};
    for (const float x : xs) {
      const float y = apply(x);
      const bool expected =
          std::isnan(x) ? missing || mode == "BRANCH_NEQ" : compared(mode, y, threshold);
      EXPECT_EQ(evaluate_tree(*folded, std::vector{x}).scores[0], expected ? 1 : 2)
          << mode << " " << x;
      some[expected] = true;
      ++checks;
    }
    both += some[0] && some[1];
  }
  EXPECT_GT(both, 1500u);
  EXPECT_GT(checks, 100'000u);

  const auto plain = read_trees(import_test::one_branch("BRANCH_LEQ", 0, false), 1);
  const std::vector<FeatureStep> many(65, {Op::kAdd, {1.0f}});
  EXPECT_EQ(before_steps(*plain, many, "test").error().message,
            "test: before trees: expected at most 64 operators, found 65");
  const std::vector<FeatureStep> zero(1, {Op::kMultiply, {0.0f}});
  EXPECT_EQ(before_steps(*plain, zero, "test").error().message,
            "test: before trees: expected finite constants, factors not 0, found 0");
}

}  // namespace
}  // namespace zkvm::importer
