// Models that want more than they give, and damaged ones, all the way to the guest's files: each is refused by one
// line, or imported, within bounds of memory.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>

#include "host/import/identifiers.h"
#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/write.h"
#include "tests/import/cases.h"
#include "tests/peak_memory.h"

namespace zkvm::import_test {
namespace {

using importer::Identifiers;
using importer::Network;
using onnx_file::Attribute;
using onnx_file::ElementType;
using onnx_file::Error;
using onnx_file::Model;
using onnx_file::Node;
using onnx_file::Tensor;
using testing::HasSubstr;

using Files = std::vector<importer::ProjectFile>;

onnx_file::Result<Files> imported(const Model& model) {
  return importer::lower(model, {})
      .and_then([](Network network) { return importer::plan(std::move(network)); })
      .and_then([](const importer::Plan& plan) {
        importer::WriteOptions options;
        options.name = "guest", options.model_file = "guest.onnx";
        return importer::write_guest(plan, options);
      });
}

// The error's line, "" where there is none. It must be one line, and the import take at most `bytes`.
std::string outcome(const Model& model, size_t bytes) {
  std::string message;
  const size_t peak = zkvm::test::peak_memory_of([&] {
    const auto files = imported(model);
    if (!files) message = files.error().message;
  });
  EXPECT_LE(peak, bytes) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

template <class T>
onnx_file::TensorPointer tensor(ElementType type, std::vector<int64_t> dims,
                                const std::vector<T>& values) {
  Tensor result{.type = type, .dims = std::move(dims), .bytes = {}, .strings = {}};
  result.bytes.resize(values.size() * sizeof(T));
  std::memcpy(result.bytes.data(), values.data(), result.bytes.size());
  return std::make_shared<const Tensor>(std::move(result));
}

// Inputs are int8, outputs named.
struct Bomb {
  Bomb() {
    model.ir_version = 8;
    model.opsets = {{"", 17}, {"com.microsoft", 1}};
    model.constants["s"] = tensor<float>(ElementType::kFloat32, {}, {0.5f});
    model.constants["z"] = tensor<int8_t>(ElementType::kInt8, {}, {3});
  }
  Bomb& input(const std::string& name, std::vector<int64_t> dims) {
    std::vector<std::string> names(dims.size());
    model.inputs.push_back({name, ElementType::kInt8, std::move(dims), std::move(names)});
    return *this;
  }
  Bomb& output(const std::string& name) {
    model.outputs.push_back({name, ElementType::kInt8, {}, {}});
    return *this;
  }
  Bomb& node(const std::string& op, std::vector<std::string> inputs, const std::string& to,
             std::map<std::string, Attribute> attributes = {}, const std::string& domain = "") {
    model.nodes.push_back({fmt::format("#{}", model.nodes.size()),
                           op,
                           domain,
                           std::move(inputs),
                           {to},
                           std::move(attributes)});
    return *this;
  }
  Bomb& sigmoid(const std::string& from, const std::string& to) {
    return node("QLinearSigmoid", {from, "s", "z", "s", "z"}, to, {}, "com.microsoft");
  }
  Bomb& integers(const std::string& name, const std::vector<int64_t>& values) {
    model.constants[name] =
        tensor<int64_t>(ElementType::kInt64, {static_cast<int64_t>(values.size())}, values);
    return *this;
  }

  Model model;
};

constexpr size_t kMebi = size_t{1} << 20;

TEST(HostileImport, TensorsOfAllKindsAreCounted) {
  EXPECT_THAT(
      outcome(Bomb().input("x", {1 << 14, 1 << 14}).sigmoid("x", "y").output("y").model, kMebi),
      HasSubstr("tensor x: expected at most 67108864 elements"));
  EXPECT_THAT(
      outcome(Bomb().input("x", {1 << 13, 1 << 13}).sigmoid("x", "y").output("y").model, kMebi),
      HasSubstr("tensor y: expected at most 67108864 elements"));
  EXPECT_THAT(outcome(Bomb()
                          .input("x", {1, 1})
                          .integers("shape", {1 << 14, 1 << 14})
                          .node("Expand", {"x", "shape"}, "a")
                          .sigmoid("a", "y")
                          .output("y")
                          .model,
                      kMebi),
              HasSubstr("Expand node #0: expected at most 67108864 elements"));
}

// Bytes that many nodes read by scales of their own are copied for each.
TEST(HostileImport, BytesReadByOtherScalesAreCounted) {
  Bomb bomb;
  bomb.input("x", {1, 1, 1 << 10, 1 << 10}).sigmoid("x", "y").output("y");
  bomb.model.constants["w"] = tensor<int8_t>(ElementType::kInt8, {1, 1, 1, 1}, {1});
  for (int i = 0; i < 200; ++i) {
    const std::string scale = fmt::format("s{}", i);
    bomb.model.constants[scale] =
        tensor<float>(ElementType::kFloat32, {}, {1.0f + static_cast<float>(i)});
    bomb.node("QLinearConv", {"x", scale, "z", "w", "s", "z", "s", "z"}, fmt::format("c{}", i),
              {{"strides", std::vector<int64_t>{1024, 1024}}});
    bomb.output(fmt::format("c{}", i));
  }
  EXPECT_THAT(outcome(bomb.model, 512 * kMebi), HasSubstr("elements in all tensors"));
}

TEST(HostileImport, MovesAreBounded) {
  Bomb large;
  large.input("x", {1, 1}).integers("shape", {1 << 11, (1 << 11) + 1});
  large.model.inputs[0].type = ElementType::kInt32;
  large.node("Expand", {"x", "shape"}, "y").output("y");
  EXPECT_THAT(outcome(large.model, 128 * kMebi),
              HasSubstr("tensor y of 2048x2049: expected at most 16777216 bytes to be moved"));

  std::mt19937 random(7);
  std::vector<int64_t> order(90'000);
  for (int64_t& i : order) i = static_cast<int64_t>(random() % order.size());
  Bomb irregular;
  irregular.input("x", {1, 90'000}).integers("first", order);
  std::ranges::shuffle(order, random);
  irregular.integers("second", order);
  irregular.node("Gather", {"x", "first"}, "a", {{"axis", int64_t{1}}});
  irregular.node("Gather", {"a", "second"}, "b", {{"axis", int64_t{1}}});
  irregular.sigmoid("b", "y").output("y");
  EXPECT_THAT(outcome(irregular.model, 32 * kMebi),
              HasSubstr("tensor y: its elements are moved in no order"));
}

TEST(HostileImport, LongChainsOfMovesAreOne) {
  Bomb bomb;
  bomb.input("x", {2, 2});
  std::string last = "x";
  for (int i = 0; i < 3000; ++i) {
    const std::string y = fmt::format("y{}", i);
    if (i % 2 == 0)
      bomb.sigmoid(last, y);
    else
      bomb.node("Transpose", {last}, y);
    last = y;
  }
  EXPECT_EQ(outcome(bomb.output(last).model, 16 * kMebi), "");
}

TEST(HostileImport, PoolsThatPadOtherwiseShareACopy) {
  Bomb bomb;
  bomb.input("x", {1, 1, 64, 64}).output("c");
  bomb.model.constants["w"] =
      tensor<int8_t>(ElementType::kInt8, {1, 1, 3, 3}, std::vector<int8_t>(9, 1));
  bomb.node("QLinearConv", {"x", "s", "z", "w", "s", "z", "s", "z"}, "c",
            {{"pads", std::vector<int64_t>(4, 1)}});
  for (int i = 0; i < 20; ++i) {
    const std::string y = fmt::format("p{}", i);
    bomb.node("MaxPool", {"x"}, y,
              {{"kernel_shape", std::vector<int64_t>{2, 2}},
               {"strides", std::vector<int64_t>{32, 32}},
               {"pads", std::vector<int64_t>{1, 1, 0, 0}}});
    bomb.output(y);
  }
  auto network = importer::lower(bomb.model, {});
  ASSERT_TRUE(network) << network.error().message;
  const auto plan = importer::plan(*std::move(network));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(std::ranges::count_if(plan->network.operators,
                                  [&](const importer::Operator& op) {
                                    const auto* move = std::get_if<importer::Move>(&op.what);
                                    return move && move->inputs[0] == plan->network.inputs[0].value;
                                  }),
            1);
}

TEST(HostileImport, LinesAndPortsAreBounded) {
  Bomb lines;
  lines.input("x", {1, 1, 2, 2});
  std::string last = "x";
  for (int i = 0; i <= 10'000; ++i) {
    const std::string y = fmt::format("p{}", i);
    lines.node("MaxPool", {last}, y, {{"kernel_shape", std::vector<int64_t>{1, 1}}});
    last = y;
  }
  EXPECT_THAT(outcome(lines.output(last).model, 64 * kMebi),
              HasSubstr("expected at most 10000 lines of a guest, found 10001"));
  Bomb ports;
  ports.input("x", {1}).sigmoid("x", "y");
  for (int i = 0; i < 1025; ++i) ports.output("y");
  EXPECT_THAT(outcome(ports.model, kMebi),
              HasSubstr("expected at most 1024 inputs and outputs each, found 1 and 1025"));
}

TEST(HostileImport, NamesBecomeIdentifiersInLinearTime) {
  Identifiers names;
  names.take("conv1");
  std::string name;
  const std::string underscores(size_t{1} << 24, '_');
  EXPECT_LE(zkvm::test::allocation_of([&] { name = names.add(underscores); }), 65536U);
  EXPECT_EQ(name, "x");
  EXPECT_EQ(names.add("a\n\"b\\"), "a_b");
  EXPECT_EQ(names.add("template"), "template_2");
  EXPECT_EQ(names.add("conv_1"), "conv_1_2");  // its type would be Conv1
  for (int i = 2; i < 20'000; ++i) name = names.add("x");
  EXPECT_EQ(name, "x_19999");
}

TEST(HostileImport, WarningsShowNamesAsPrintableText) {
  Bomb bomb;
  bomb.input("x", {1, 2, 4, 4}).output("c");
  bomb.model.inputs[0].type = ElementType::kUint8;
  bomb.model.constants["u"] = tensor<uint8_t>(ElementType::kUint8, {}, {3});
  bomb.model.constants["w"] =
      tensor<int8_t>(ElementType::kInt8, {1, 2, 3, 3}, std::vector<int8_t>(18, 127));
  bomb.node("QLinearConv", {"x", "s", "u", "w", "s", "z", "s", "z"}, "c");
  bomb.model.nodes[0].name = "\n\n<img src=x>\xff";
  const auto network = importer::lower(bomb.model, {});
  ASSERT_TRUE(network) << network.error().message;
  ASSERT_EQ(network->warnings.size(), 1U);
  EXPECT_TRUE(std::ranges::all_of(network->warnings[0], [](char c) { return c >= 32 && c < 127; }))
      << network->warnings[0];
}

// An int32 that is an output by two shapes, one of them an input's.
TEST(HostileImport, PortsOfOneTensorKeepTheirShapes) {
  Bomb bomb;
  bomb.input("x", {2, 3}).integers("flat", {6}).integers("tall", {3, 2});
  bomb.model.inputs[0].type = ElementType::kInt32;
  bomb.node("Reshape", {"x", "flat"}, "a").node("Reshape", {"x", "tall"}, "b");
  const auto network = importer::lower(bomb.output("a").output("b").output("x").model, {});
  ASSERT_TRUE(network) << network.error().message;
  const auto dims = [&](const importer::Port& port) { return network->values[port.value].dims; };
  EXPECT_EQ(dims(network->inputs[0]), (importer::Dims{2, 3}));
  EXPECT_EQ(dims(network->outputs[0]), (importer::Dims{6}));
  EXPECT_EQ(dims(network->outputs[1]), (importer::Dims{3, 2}));
  EXPECT_EQ(dims(network->outputs[2]), (importer::Dims{2, 3}));
  EXPECT_EQ(outcome(bomb.model, kMebi), "");
}

// Bytes of the file, damaged.
std::vector<uint8_t> damaged(std::vector<uint8_t> bytes, std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random()) % n; };
  for (size_t times = 1 + below(4); times > 0 && bytes.size() > 1; --times) {
    const size_t at = below(bytes.size());
    switch (below(4)) {
      case 0:
        bytes[at] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:
        bytes[at] = static_cast<uint8_t>(random());
        break;
      case 2:
        bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(at));
        break;
      default:
        bytes[at] = bytes[below(bytes.size())];
    }
  }
  return bytes;
}

// What the file says, changed where protobuf would not notice.
void change(Model& model, std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random()) % n; };
  constexpr int64_t kNumbers[] = {0,
                                  1,
                                  -1,
                                  2,
                                  3,
                                  127,
                                  255,
                                  4096,
                                  int64_t{1} << 31,
                                  int64_t{1} << 32,
                                  std::numeric_limits<int64_t>::min(),
                                  std::numeric_limits<int64_t>::max()};
  const auto number = [&] { return kNumbers[below(std::size(kNumbers))]; };
  if (model.nodes.empty()) return;
  Node& node = model.nodes[below(model.nodes.size())];
  switch (below(6)) {
    case 0:
      if (!node.inputs.empty()) {
        const Node& other = model.nodes[below(model.nodes.size())];
        if (!other.inputs.empty())
          node.inputs[below(node.inputs.size())] = other.inputs[below(other.inputs.size())];
      }
      break;
    case 1:
      for (auto& [name, attribute] : node.attributes)
        if (auto* one = std::get_if<int64_t>(&attribute))
          *one = number();
        else if (auto* list = std::get_if<std::vector<int64_t>>(&attribute); list && !list->empty())
          (*list)[below(list->size())] = number();
      break;
    case 2:
      if (!model.inputs.empty()) {
        auto& dims = model.inputs[below(model.inputs.size())].dims;
        if (!dims.empty()) dims[below(dims.size())] = number();
      }
      break;
    case 3:
      if (!model.constants.empty()) {
        auto at = model.constants.begin();
        std::advance(at, static_cast<ptrdiff_t>(below(model.constants.size())));
        Tensor tensor = *at->second;
        if (!tensor.bytes.empty())
          tensor.bytes[below(tensor.bytes.size())] = static_cast<uint8_t>(random());
        at->second = std::make_shared<const Tensor>(std::move(tensor));
      }
      break;
    case 4:
      node.op_type = model.nodes[below(model.nodes.size())].op_type;
      break;
    default:
      if (!node.inputs.empty())
        node.inputs.erase(node.inputs.begin() + static_cast<ptrdiff_t>(below(node.inputs.size())));
  }
}

TEST(HostileImport, DamagedCasesAreRefusedOrImportedWithinBounds) {
  const uint64_t rounds = zkvm::test::from_environment("ZKVM_IMPORT_MUTATIONS", 300);
  std::mt19937 random(20'261'128);
  size_t read = 0, written = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    const Case& it = all_cases()[random() % all_cases().size()];
    if (it.model.size() > 20'000) continue;
    const bool of_bytes = random() % 2 == 0;
    std::string message;
    const size_t peak = zkvm::test::peak_memory_of([&] {
      auto model = onnx_file::read_model(of_bytes ? damaged(it.model, random) : it.model);
      if (!model) {
        message = model.error().message;
        return;
      }
      ++read;
      if (!of_bytes)
        for (size_t times = 1 + random() % 3; times > 0; --times) change(*model, random);
      const auto files = imported(*model);
      if (files)
        ++written;
      else
        message = files.error().message;
    });
    EXPECT_LE(peak, 2048 * kMebi) << it.name << ", round " << round << ": " << message;
  }
  EXPECT_GT(read, rounds / 3);
  EXPECT_GT(written, rounds / 20);
}

}  // namespace
}  // namespace zkvm::import_test
