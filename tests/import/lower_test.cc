// What lowering makes of small models that are written here node by node: which operators are left, how they are called,
// what is refused and what is warned of. That their bytes are the runtime's: cases_test.cc.
#include "host/import/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "host/import/lower/functions.h"

namespace zkvm::importer {
namespace {

using onnx_file::Attribute;
using onnx_file::ElementType;
using onnx_file::Model;
using onnx_file::Tensor;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class T>
onnx_file::TensorPointer tensor(ElementType type, std::vector<int64_t> dims,
                                const std::vector<T>& values) {
  Tensor result{.type = type, .dims = std::move(dims), .bytes = {}, .strings = {}};
  result.bytes.resize(values.size() * sizeof(T));
  std::memcpy(result.bytes.data(), values.data(), result.bytes.size());
  return std::make_shared<const Tensor>(std::move(result));
}

// A model with one input and one output, whose scales and zero points have names: s05 is 0.5, z3 is the int8 3.
class Builder {
 public:
  Builder(ElementType type, std::vector<int64_t> dims, std::vector<std::string> dim_names = {}) {
    model.ir_version = 8;
    model.opsets = {{"", 17}, {"com.microsoft", 1}};
    dim_names.resize(dims.size());
    model.inputs = {{"x", type, std::move(dims), std::move(dim_names)}};
    for (const float scale : {0.5f, 0.25f, 0.125f})
      model.constants["s" + std::to_string(static_cast<int>(scale * 1000))] =
          tensor<float>(ElementType::kFloat32, {}, {scale});
    model.constants["z3"] = tensor<int8_t>(ElementType::kInt8, {}, {3});
    model.constants["z0"] = tensor<int8_t>(ElementType::kInt8, {}, {0});
    model.constants["u0"] = tensor<uint8_t>(ElementType::kUint8, {}, {0});
  }
  Builder& node(const std::string& op, std::vector<std::string> inputs, const std::string& output,
                std::map<std::string, Attribute> attributes = {}, const std::string& domain = "") {
    model.nodes.push_back(
        {op + "_" + output, op, domain, std::move(inputs), {output}, std::move(attributes)});
    return *this;
  }
  Result<Network> lowered(const LowerOptions& options = {}) {
    model.outputs = {{model.nodes.back().outputs[0], ElementType::kFloat32, {}, {}}};
    return lower(model, options);
  }

  Model model;
};

std::vector<std::string> names_of(const Network& network) {
  std::vector<std::string> names;
  for (const Operator& op : network.operators) names.push_back(op.name);
  return names;
}

TEST(Lower, ComposesMovesThatFollowOneAnother) {
  Builder model(ElementType::kInt8, {1, 2, 3, 4});
  model.model.constants["shape"] = tensor<int64_t>(ElementType::kInt64, {2}, {1, -1});
  model.node("Transpose", {"x"}, "a", {{"perm", std::vector<int64_t>{0, 2, 3, 1}}})
      .node("Reshape", {"a", "shape"}, "b")
      .node("QLinearSigmoid", {"b", "s125", "z3", "s125", "z0"}, "y", {}, "com.microsoft");
  const auto network = model.lowered();
  ASSERT_TRUE(network) << network.error().message;
  ASSERT_EQ(network->operators.size(), 1U);
  const auto& move = std::get<Move>(network->operators[0].what);
  EXPECT_EQ(move.tables.size(), 1U);
  EXPECT_THAT(std::vector(move.from.begin(), move.from.begin() + 4), ElementsAre(0, 12, 1, 13));
}

TEST(Lower, KeepsAMoveWhoseResultOthersRead) {
  Builder model(ElementType::kInt8, {2, 3});
  model.node("Transpose", {"x"}, "a")
      .node("QLinearSigmoid", {"a", "s125", "z3", "s125", "z0"}, "b", {}, "com.microsoft")
      .node("QLinearAdd", {"a", "s125", "z3", "b", "s125", "z0", "s250", "z0"}, "y", {},
            "com.microsoft");
  const auto network = model.lowered();
  ASSERT_TRUE(network) << network.error().message;
  EXPECT_THAT(names_of(*network), ElementsAre("transpose1", "table1", "add1"));
}

TEST(Lower, FoldsATableIntoTheLayerBeforeIt) {
  Builder model(ElementType::kInt8, {1, 2});
  model.model.constants["w"] = tensor<int8_t>(ElementType::kInt8, {2, 2}, {1, 2, 3, -4});
  model.node("QLinearMatMul", {"x", "s500", "z3", "w", "s250", "z0", "s500", "z0"}, "a")
      .node("QLinearLeakyRelu", {"a", "s500", "z0", "s500", "z0"}, "y", {{"alpha", 0.25f}},
            "com.microsoft");
  const auto network = model.lowered();
  ASSERT_TRUE(network) << network.error().message;
  EXPECT_THAT(names_of(*network), ElementsAre("dense1"));
  const auto& linear = std::get<Linear>(network->operators[0].what);
  EXPECT_THAT(linear.layer.weights, ElementsAre(1, 3, 2, -4));  // by output
  ASSERT_EQ(linear.layer.table.size(), 256U);
  EXPECT_EQ(linear.layer.table[128 + 8], 128 + 8);
  EXPECT_EQ(linear.layer.table[128 - 8], 128 - 2);
}

TEST(Lower, WarnsOfSumsThatTheRuntimeSaturates) {
  for (const auto& [w, warns] : {std::pair<int8_t, bool>{64, false}, {65, true}}) {
    Builder model(ElementType::kUint8, {1, 2});
    model.model.constants["w"] = tensor<int8_t>(ElementType::kInt8, {2, 1}, {64, w});
    model.node("QLinearMatMul", {"x", "s500", "u0", "w", "s250", "z0", "s500", "u0"}, "y");
    const auto network = model.lowered();
    ASSERT_TRUE(network) << network.error().message;
    EXPECT_EQ(network->warnings.empty(), !warns) << int{w};
  }
}

// The runtime's default session makes one quantisation of both: findings/onnxruntime_two_quantisations_become_one.sh.
TEST(Lower, KeepsTwoQuantisationsInARow) {
  Builder model(ElementType::kFloat32, {1, 4});
  model.node("QuantizeLinear", {"x", "s125", "z0"}, "a")
      .node("DequantizeLinear", {"a", "s125", "z0"}, "b")
      .node("QuantizeLinear", {"b", "s500", "z3"}, "c")
      .node("DequantizeLinear", {"c", "s500", "z3"}, "y");
  const auto network = model.lowered();
  ASSERT_TRUE(network) << network.error().message;
  ASSERT_THAT(names_of(*network), ElementsAre("table1"));
  const auto& move = std::get<Move>(network->operators[0].what);
  ASSERT_EQ(move.tables.size(), 1U);
  ASSERT_EQ(move.tables[0].size(), 256U);
  EXPECT_EQ(move.tables[0][2], 3);  // 0.25 is half a step: to even, then the zero point
  EXPECT_EQ(move.tables[0][3], 4);
  EXPECT_EQ(move.tables[0][6], 5);
  EXPECT_THAT(network->warnings, Contains(HasSubstr("session.disable_double_qdq_remover=1")));
}

TEST(Lower, TakesDimensionsByName) {
  const auto model = [] {
    Builder made(ElementType::kInt8, {-1, -1, 4}, {"batch", "length", ""});
    made.node("QLinearSigmoid", {"x", "s125", "z3", "s125", "z0"}, "y", {}, "com.microsoft");
    return made;
  };
  const auto refused = model().lowered();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("dimension 1 (length)"));
  const auto network = model().lowered({.dims = {{"length", 7}}});
  ASSERT_TRUE(network) << network.error().message;
  EXPECT_THAT(network->values[network->outputs[0].value].dims, ElementsAre(1, 7, 4));
}

TEST(Lower, RefusesABatch) {
  Builder model(ElementType::kInt8, {2, 1, 4, 4});
  model.node("MaxPool", {"x"}, "y", {{"kernel_shape", std::vector<int64_t>{2, 2}}});
  const auto network = model.lowered();
  ASSERT_FALSE(network);
  EXPECT_THAT(network.error().message, HasSubstr("export the model with a batch of 1"));
}

// findings/onnxruntime_steps_beyond_the_window.sh
TEST(Lower, RefusesPoolsThatTheRuntimeCrops) {
  for (const char* op : {"MaxPool", "AveragePool"}) {
    for (const auto& [width, step, refused] :
         {std::tuple<int64_t, int64_t, bool>{8, 4, true}, {8, 3, false}, {7, 4, true}}) {
      Builder model(ElementType::kInt8, {1, 1, width});
      const std::map<std::string, Attribute> attributes = {
          {"kernel_shape", std::vector<int64_t>{2}},
          {"strides", std::vector<int64_t>{step}},
          {"auto_pad", "SAME_UPPER"}};
      model.node("DequantizeLinear", {"x", "s500", "z0"}, "a")
          .node(op, {"a"}, "b", attributes)
          .node("QuantizeLinear", {"b", "s500", "z0"}, "y");
      const auto network = model.lowered();
      ASSERT_EQ(!network, refused) << op << " " << width << " by " << step;
      if (refused) {
        EXPECT_THAT(network.error().message, HasSubstr("ONNX Runtime crops there: give pads"));
      }
    }
  }
}

// Held against the runtime: it takes pads of 0 for one or two elements that no window reads, and crops from three on.
TEST(Lower, RefusesConvolutionsThatTheRuntimeCrops) {
  for (const auto& [width, step, refused] :
       {std::tuple<int64_t, int64_t, bool>{6, 4, false}, {7, 4, false}, {8, 4, true}}) {
    Builder model(ElementType::kInt8, {1, 1, width});
    model.model.constants["w"] = tensor<int8_t>(ElementType::kInt8, {1, 1, 1}, {1});
    model.node("QLinearConv", {"x", "s500", "z0", "w", "s500", "z0", "s250", "z0"}, "y",
               {{"strides", std::vector<int64_t>{step}}, {"auto_pad", "SAME_UPPER"}});
    const auto network = model.lowered();
    ASSERT_EQ(!network, refused) << width << " by " << step;
    if (refused) {
      EXPECT_THAT(network.error().message, HasSubstr("ONNX Runtime crops there: give pads"));
    }
  }
}

TEST(Lower, RefusesAttributesThatItDoesNotKnow) {
  Builder model(ElementType::kInt8, {1, 1, 4, 4});
  model.node("MaxPool", {"x"}, "y",
             {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"twist", int64_t{1}}});
  const auto network = model.lowered();
  ASSERT_FALSE(network);
  EXPECT_THAT(network.error().message, HasSubstr("MaxPool node MaxPool_y: attribute twist"));
}

TEST(Lower, EndsWhereArithmeticBegins) {
  Builder model(ElementType::kFloat32, {1, 4});
  model.node("QuantizeLinear", {"x", "s125", "z3"}, "q")
      .node("DequantizeLinear", {"q", "s125", "z3"}, "d")
      .node("Softmax", {"d"}, "y");
  const auto network = model.lowered();
  ASSERT_TRUE(network) << network.error().message;
  EXPECT_THAT(names_of(*network), IsEmpty());
  ASSERT_EQ(network->outputs.size(), 1U);
  EXPECT_EQ(network->outputs[0].name, "q");
  EXPECT_EQ(network->inputs[0].model_type, ElementType::kFloat32);
  EXPECT_EQ(network->tail.back().op_type, "Softmax");
}

// The standard has the numbers the other way round: findings/onnxruntime_treeensemble_post_transform.sh.
TEST(Lower, TakesTheTransformsOfTreesByTheRuntimesNumbers) {
  using Ints = std::vector<int64_t>;
  for (const auto& [number, op] : {std::pair<int64_t, const char*>{1, "Sigmoid"}, {2, "Softmax"}}) {
    Builder model(ElementType::kFloat32, {1, 1});
    model.model.opsets["ai.onnx.ml"] = 5;
    model.node("TreeEnsemble", {"x"}, "y",
               {{"tree_roots", Ints{0, 1}},
                {"nodes_featureids", Ints{0, 0}},
                {"nodes_truenodeids", Ints{0, 2}},
                {"nodes_falsenodeids", Ints{1, 3}},
                {"nodes_trueleafs", Ints{1, 1}},
                {"nodes_falseleafs", Ints{1, 1}},
                {"nodes_modes", tensor<uint8_t>(ElementType::kUint8, {2}, {0, 0})},
                {"nodes_splits", tensor<float>(ElementType::kFloat32, {2}, {0, 0})},
                {"leaf_targetids", Ints{0, 0, 1, 1}},
                {"leaf_weights", tensor<float>(ElementType::kFloat32, {4}, {1, 2, 3, 4})},
                {"n_targets", int64_t{2}},
                {"post_transform", number}},
               "ai.onnx.ml");
    const auto network = model.lowered();
    ASSERT_TRUE(network) << network.error().message;
    ASSERT_EQ(network->tail.size(), 1U);
    EXPECT_EQ(network->tail[0].op_type, op) << number;
  }
}

// No stack, and no more memory than tensors may have.
TEST(Lower, BoundsWhatAModelCosts) {
  Builder deep(ElementType::kFloat32, {1, 4});
  std::string before = "x";
  for (int i = 0; i < 100'000; ++i) {
    const std::string name = "n" + std::to_string(i);
    deep.node("Sqrt", {before}, name);
    before = name;
  }
  const auto refused = deep.lowered();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("quantise the model first"));

  Builder wide(ElementType::kInt8, {1, 1});
  wide.model.constants["shape"] = tensor<int64_t>(ElementType::kInt64, {2}, {1 << 10, 1 << 10});
  for (int i = 0; i < 300; ++i) wide.node("Expand", {"x", "shape"}, "e" + std::to_string(i));
  const auto large = wide.lowered();
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::kTooLarge);
}

// Of the tables' functions: the C library's float64, rounded, but where that itself may round to the other side.
TEST(LowerFunctions, AreRoundedOnce) {
  using namespace lowering;
  const auto nearly = [](float found, double exact) {
    const auto expected = static_cast<float>(exact);
    return found == expected || std::nextafter(expected, found) == found;
  };
  int other = 0, count = 0;
  for (float x = -20; x < 20; x += 0.00371f) {
    const std::pair<float, double> pairs[] = {
        {exp_f(x), std::exp(double{x})},
        {tanh_f(x), std::tanh(double{x})},
        {erf_f(x), std::erf(double{x})},
        {sigmoid_f(x), 1 / (1 + std::exp(-double{x}))},
        {log_f(std::abs(x)), std::log(std::abs(double{x}))},
        {softplus_f(x), std::log1p(std::exp(double{x}))},
        {pow_f(std::abs(x), 1.7f), std::pow(std::abs(double{x}), double{1.7f})}};
    for (const auto& [found, exact] : pairs) {
      EXPECT_TRUE(nearly(found, exact)) << x << ": " << found << ", " << exact;
      other += found != static_cast<float>(exact);
      ++count;
    }
  }
  EXPECT_LE(other, count / 10'000);
  EXPECT_TRUE(std::isnan(log_f(-1)));
  EXPECT_EQ(exp_f(1000), std::numeric_limits<float>::infinity());
  EXPECT_EQ(pow_f(-2, 3), -8);
}

}  // namespace
}  // namespace zkvm::importer
