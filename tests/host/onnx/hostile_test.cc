// Files that want more than they give: each is refused, or read, within the memory that host/onnx/model.h promises
// and with no more work than its size allows.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/onnx/model.h"
#include "tests/host/onnx/small_model.h"
#include "tests/peak_memory.h"

namespace zkvm::onnx_file::test {
namespace {

using onnx::AttributeProto;
using onnx::TensorProto;
using testing::HasSubstr;

// `bytes` is read under `limits`, or refused with a line that has `text`, within the memory that is promised.
void expect_bounded(const std::vector<uint8_t>& bytes, const Limits& limits,
                    const std::optional<std::string>& text) {
  std::optional<std::string> message;
  const size_t peak = zkvm::test::peak_memory_of([&] {
    const auto model = read_model(bytes, limits);
    if (!model) message = model.error().message;
  });
  EXPECT_LE(peak, 6 * bytes.size() + limits.parts_bytes) << bytes.size() << " bytes of file";
  EXPECT_EQ(message.has_value(), text.has_value()) << message.value_or("it was read");
  if (message && text) {
    EXPECT_THAT(*message, HasSubstr(*text));
  }
}

onnx::NodeProto* node_of(onnx::ModelProto& model) { return model.mutable_graph()->mutable_node(0); }
TensorProto* tensor_of(onnx::ModelProto& model, int32_t type, int count) {
  return add_constant(model, "w", type, {count});
}

// One thing that a file may hold many of, in a model of `count` of them.
using Fill = std::function<void(onnx::ModelProto&, int count)>;

const std::map<std::string, Fill>& many() {
  static const std::map<std::string, Fill> kMany = {
      {"empty nodes",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) model.mutable_graph()->add_node();
       }},
      {"nodes",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i)
           add_node(model, "R", {i == 0 ? "x" : fmt::format("{}", i)}, {fmt::format("{}", i + 1)});
       }},
      {"nodes in reverse",
       [](onnx::ModelProto& model, int count) {
         for (int i = count; i > 0; --i)
           add_node(model, "R", {i == 1 ? "x" : fmt::format("{}", i - 1)}, {fmt::format("{}", i)});
       }},
      {"a cycle",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i)
           add_node(model, "R", {fmt::format("{}", i)}, {fmt::format("{}", (i + 1) % count)});
       }},
      {"nodes of one name",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) add_node(model, "R", {"x"}, {}, "n");
       }},
      {"inputs of a node",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) node_of(model)->add_input("x");
       }},
      {"outputs of a node",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) node_of(model)->add_output(fmt::format("{}", i));
       }},
      {"empty attributes",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) node_of(model)->add_attribute();
       }},
      {"attributes",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) {
           AttributeProto* attribute = node_of(model)->add_attribute();
           attribute->set_name(fmt::format("{}", i));
           attribute->set_i(0);
         }
       }},
      {"tensors of an attribute",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) node_of(model)->add_attribute()->add_tensors();
       }},
      {"integers of an attribute",
       [](onnx::ModelProto& model, int count) {
         AttributeProto* attribute = add_attribute(node_of(model), "a", AttributeProto::INTS);
         for (int i = 0; i < count; ++i) attribute->add_ints(0);
       }},
      {"floats of an attribute",
       [](onnx::ModelProto& model, int count) {
         AttributeProto* attribute = add_attribute(node_of(model), "a", AttributeProto::FLOATS);
         for (int i = 0; i < count; ++i) attribute->add_floats(0);
       }},
      {"texts of an attribute",
       [](onnx::ModelProto& model, int count) {
         AttributeProto* attribute = add_attribute(node_of(model), "a", AttributeProto::STRINGS);
         for (int i = 0; i < count; ++i) attribute->add_strings("");
       }},
      {"constants",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i)
           add_constant(model, fmt::format("{}", i), TensorProto::INT8, {0});
       }},
      {"dimensions",
       [](onnx::ModelProto& model, int count) {
         TensorProto* tensor = tensor_of(model, TensorProto::INT8, 1);
         for (int i = 1; i < count; ++i) tensor->add_dims(1);
       }},
      {"raw bytes",
       [](onnx::ModelProto& model, int count) {
         tensor_of(model, TensorProto::INT8, count)
             ->set_raw_data(std::string(static_cast<size_t>(count), '\1'));
       }},
      {"listed bytes",
       [](onnx::ModelProto& model, int count) {
         TensorProto* tensor = tensor_of(model, TensorProto::INT8, count);
         for (int i = 0; i < count; ++i) tensor->add_int32_data(1);
       }},
      {"listed int64",
       [](onnx::ModelProto& model, int count) {
         TensorProto* tensor = tensor_of(model, TensorProto::INT64, count);
         for (int i = 0; i < count; ++i) tensor->add_int64_data(1);
       }},
      {"listed uint64",
       [](onnx::ModelProto& model, int count) {
         TensorProto* tensor = tensor_of(model, TensorProto::UINT64, count);
         for (int i = 0; i < count; ++i) tensor->add_uint64_data(1);
       }},
      {"listed floats",
       [](onnx::ModelProto& model, int count) {
         TensorProto* tensor = tensor_of(model, TensorProto::FLOAT, count);
         for (int i = 0; i < count; ++i) tensor->add_float_data(1);
       }},
      {"listed texts",
       [](onnx::ModelProto& model, int count) {
         TensorProto* tensor = tensor_of(model, TensorProto::STRING, count);
         for (int i = 0; i < count; ++i) tensor->add_string_data("");
       }},
      {"entries of external data",
       [](onnx::ModelProto& model, int count) {
         TensorProto* tensor = tensor_of(model, TensorProto::INT8, count);
         for (int i = 0; i < count; ++i) tensor->add_external_data();
       }},
      {"inputs",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i)
           add_input(model, fmt::format("{}", i), TensorProto::INT8, {1});
       }},
      {"dimensions of an input",
       [](onnx::ModelProto& model, int count) {
         add_input(model, "z", TensorProto::INT8,
                   std::vector<int64_t>(static_cast<size_t>(count), 1));
       }},
      {"empty values",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) model.mutable_graph()->add_value_info();
       }},
      {"annotations",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i)
           model.mutable_graph()->add_quantization_annotation()->add_quant_parameter_tensor_names();
       }},
      {"sparse tensors",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) model.mutable_graph()->add_sparse_initializer();
       }},
      {"metadata",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) model.add_metadata_props()->set_key(fmt::format("{}", i));
       }},
      {"opsets",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) model.add_opset_import()->set_domain(fmt::format("{}", i));
       }},
      {"functions",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) model.add_functions()->add_node();
       }},
      {"training",
       [](onnx::ModelProto& model, int count) {
         for (int i = 0; i < count; ++i) model.add_training_info()->mutable_algorithm();
       }},
  };
  return kMany;
}

class Many : public testing::TestWithParam<std::string> {};

// Few are within the limits; many are beyond, unless they are no larger in memory than in the file. Whatever the
// answer is, the memory is bounded: at counts around the limit too, where it is largest.
TEST_P(Many, TakeBoundedMemory) {
  const Fill& fill = many().at(GetParam());
  const Limits limits{.parts_bytes = uint64_t{1} << 18};
  size_t refused = 0;
  for (int count = 64; count <= 50'000 && refused < 2; count += count / 3) {
    onnx::ModelProto model = small_model();
    fill(model, count);
    const auto bytes = bytes_of(model);
    const size_t peak = zkvm::test::peak_memory_of([&] {
      const auto result = read_model(bytes, limits);
      if (!result &&
          result.error().message.find("take more than 262144 bytes") != std::string::npos)
        ++refused;
    });
    EXPECT_LE(peak, 6 * bytes.size() + limits.parts_bytes)
        << count << ", " << bytes.size() << " bytes of file";
  }
  const bool is_as_long_as_its_bytes = GetParam() == "raw bytes" || GetParam() == "listed floats" ||
                                       GetParam() == "floats of an attribute";
  EXPECT_EQ(refused == 0, is_as_long_as_its_bytes);
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto& [name, fill] : many()) result.push_back(name);
  return result;
}
INSTANTIATE_TEST_SUITE_P(OnnxHostile, Many, testing::ValuesIn(names()), [](const auto& one) {
  std::string name = one.param;
  for (char& c : name)
    if (c == ' ') c = '_';
  return name;
});

// Said before any is looked at.
TEST(OnnxHostile, MoreNodesThanTheLimit) {
  onnx::ModelProto model = small_model();
  for (int i = 0; i < 100'000; ++i) model.mutable_graph()->add_node();
  expect_bounded(bytes_of(model), {}, "100001 nodes, at most 100000");
}

TEST(OnnxHostile, WeightsThatAreOnlyDeclared) {
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{int64_t{1} << 31},
                                           {1 << 16, 1 << 16},
                                           {1 << 28, 1 << 28, 1 << 28},
                                           std::vector<int64_t>(32, INT64_MAX)}) {
    onnx::ModelProto model = small_model();
    add_constant(model, "w", TensorProto::INT8, dims)->set_raw_data("few");
    expect_bounded(bytes_of(model), {.parts_bytes = 1 << 16}, "has more elements than");
  }
  onnx::ModelProto model = small_model();
  add_constant(model, "w", TensorProto::INT64, {1 << 28})->add_int64_data(1);
  expect_bounded(bytes_of(model), {.parts_bytes = 1 << 16}, "expected 268435456 elements");
  model.mutable_graph()->mutable_initializer(0)->set_data_type(TensorProto::STRING);
  expect_bounded(bytes_of(model), {.parts_bytes = 1 << 16}, "expected 268435456 elements");
}

// A graph in an attribute of a node of a graph in an attribute ...: `depth` of them.
std::vector<uint8_t> nested(int depth) {
  onnx::ModelProto inner = small_model();
  for (int i = 0; i < depth; ++i) {
    onnx::GraphProto graph;
    graph.add_output()->set_name("y");
    graph.add_node()->set_op_type("If");
    graph.mutable_node(0)->add_attribute()->set_name("then_branch");
    graph.mutable_node(0)->mutable_attribute(0)->mutable_g()->Swap(inner.mutable_graph());
    inner.mutable_graph()->Swap(&graph);
  }
  return bytes_of(inner);
}

TEST(OnnxHostile, NestedGraphs) {
  expect_bounded(nested(1), {}, "is a graph");
  expect_bounded(nested(20), {}, "is a graph");
  expect_bounded(nested(1000), {}, "nested more than 100 messages deep");
  // Deeper than any stack, written by hand: a message's length stands before it, so from the inside out.
  std::vector<uint8_t> file;
  const auto wrap = [&](uint8_t tag) {  // bytes in reverse
    std::vector<uint8_t> length;
    for (size_t rest = file.size(); length.empty() || rest != 0; rest >>= 7)
      length.push_back(static_cast<uint8_t>((rest & 127) | (rest > 127 ? 128 : 0)));
    file.insert(file.end(), length.rbegin(), length.rend());
    file.push_back(tag);
  };
  for (int i = 0; i < 50'000; ++i)
    for (const int tag : {0x32, 0x2a, 0x0a}) wrap(static_cast<uint8_t>(tag));  // g, attribute, node
  wrap(0x3a);                                                                  // the model's graph
  std::ranges::reverse(file);
  expect_bounded(file, {}, "nested more than 100 messages deep");
  // Groups, which ONNX has none of, as unknown fields.
  expect_bounded(std::vector<uint8_t>(1'000'000, 0x0b), {}, "no protobuf message");
}

// Opset 9 is for nodes that are all casts: looked up once, not for every import.
TEST(OnnxHostile, ManyImportsOfManyCasts) {
  onnx::ModelProto model = small_model();
  model.mutable_graph()->clear_node();
  model.clear_opset_import();
  for (int i = 0; i < 50'000; ++i) model.add_opset_import()->set_version(9);
  for (int i = 0; i < 50'000; ++i) model.mutable_graph()->add_node()->set_op_type("Cast");
  expect_bounded(bytes_of(model), {}, "output \"y\": no node writes it");
}

// As long a way to a cycle as there is, past nodes with many inputs that are there.
TEST(OnnxHostile, ACycleBehindManyInputs) {
  onnx::ModelProto model = small_model();
  constexpr int kNodes = 500;
  for (int i = 0; i < kNodes; ++i) {
    onnx::NodeProto* node = add_node(model, "Sum", std::vector<std::string>(100, "x"),
                                     {fmt::format("{}", i)}, fmt::format("sum{}", i));
    node->add_input(fmt::format("{}", std::min(i + 1, kNodes - 1)));
  }
  expect_bounded(bytes_of(model), {},
                 "node \"sum499\" (Sum): what it reads depends on what it writes");
}

TEST(OnnxHostile, NothingIsPrinted) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  onnx::ModelProto model = small_model();
  model.mutable_graph()->mutable_node(0)->set_name("\xff\xfe");
  model.mutable_graph()->set_name("\xc3\x28");
  const auto bytes = bytes_of(model);
  EXPECT_TRUE(read_model(bytes));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(read_model(std::span(bytes).first(size))) << size;
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace zkvm::onnx_file::test
