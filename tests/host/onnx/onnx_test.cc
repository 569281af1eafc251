// What `zkvm import` reads of an ONNX file, and each line that it says where it doesn't.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "host/onnx/model.h"
#include "tests/host/onnx/small_model.h"

namespace zkvm::onnx_file::test {
namespace {

using onnx::AttributeProto;
using onnx::TensorProto;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::string_literals;

Result<Model> read(const onnx::ModelProto& model, const Limits& limits = {}) {
  return read_model(bytes_of(model), limits);
}

void expect_refused(const Result<Model>& model, ErrorCode code, const std::string& text) {
  ASSERT_FALSE(model) << "expected: " << text;
  EXPECT_EQ(model.error().code, code) << model.error().message;
  EXPECT_THAT(model.error().message, HasSubstr(text));
  EXPECT_THAT(model.error().message, testing::Not(HasSubstr("\n")));
}
void expect_malformed(const onnx::ModelProto& model, const std::string& text) {
  expect_refused(read(model), ErrorCode::kMalformed, text);
}
void expect_unsupported(const onnx::ModelProto& model, const std::string& text) {
  expect_refused(read(model), ErrorCode::kUnsupported, text);
}
void expect_too_large(const onnx::ModelProto& model, const std::string& text,
                      const Limits& limits = {}) {
  expect_refused(read(model, limits), ErrorCode::kTooLarge, text);
}

std::vector<std::string> names_of(const Model& model) {
  std::vector<std::string> names;
  for (const Node& node : model.nodes) names.push_back(node.name);
  return names;
}

std::vector<uint8_t> file_bytes(const std::string& path) {
  std::ifstream file(ZKVM_SOURCE_FOLDER "/" + path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// The element type `type` with one element, as read back.
Result<Tensor> constant(const std::function<void(TensorProto&)>& fill, int32_t type,
                        const std::vector<int64_t>& dims) {
  onnx::ModelProto model = small_model();
  fill(*add_constant(model, "w", type, dims));
  auto result = read(model);
  if (!result) return tl::unexpected(result.error());
  return *result->constants.at("w");
}

TEST(OnnxFile, ASmallModel) {
  onnx::ModelProto proto = small_model();
  proto.set_producer_name("a tool");
  proto.set_producer_version("1.2");
  auto* entry = proto.add_metadata_props();
  entry->set_key("labels");
  entry->set_value("cat,dog");
  const auto model = read(proto);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->ir_version, 8);
  EXPECT_EQ(model->opsets.at(""), 17);
  EXPECT_EQ(model->producer, "a tool 1.2");
  EXPECT_EQ(model->metadata.at("labels"), "cat,dog");
  EXPECT_EQ(model->graph_name, "small");
  ASSERT_THAT(model->inputs, SizeIs(1));
  EXPECT_EQ(model->inputs[0].name, "x");
  EXPECT_EQ(model->inputs[0].type, ElementType::kFloat32);
  EXPECT_THAT(model->inputs[0].dims, ElementsAre(1, 4));
  EXPECT_THAT(model->inputs[0].dim_names, ElementsAre("", ""));
  ASSERT_THAT(model->outputs, SizeIs(1));
  EXPECT_TRUE(model->outputs[0].has_type && model->outputs[0].has_shape);
  ASSERT_THAT(model->nodes, SizeIs(1));
  EXPECT_EQ(model->nodes[0].op_type, "Relu");
  EXPECT_EQ(model->nodes[0].domain, "");
  EXPECT_THAT(model->nodes[0].inputs, ElementsAre("x"));
  EXPECT_THAT(model->nodes[0].outputs, ElementsAre("y"));
}

TEST(OnnxFile, FilesOfTheProject) {
  for (const char* path : {"examples/mnist/data/lenet5.int8.onnx",
                           "examples/mnist/data/mlp.int8.onnx", "tests/guest/nn/layers.onnx",
                           "tests/guest/nn/network.onnx", "tests/guest/nn/residual.onnx"}) {
    const auto model = read_model(file_bytes(path));
    ASSERT_TRUE(model) << path << ": " << model.error().message;
    EXPECT_EQ(model->opsets.at(""), 17) << path;
  }
  const auto lenet = read_model(file_bytes("examples/mnist/data/lenet5.int8.onnx"));
  ASSERT_TRUE(lenet);
  EXPECT_EQ(lenet->producer, "onnx.quantize 0.1.0");
  const auto conv = std::ranges::find(lenet->nodes, "QLinearConv", &Node::op_type);
  ASSERT_NE(conv, lenet->nodes.end());
  EXPECT_EQ(std::get<std::vector<int64_t>>(conv->attributes.at("kernel_shape")),
            (std::vector<int64_t>{5, 5}));
  EXPECT_EQ(lenet->constants.at(conv->inputs[3])->type, ElementType::kInt8);
}

TEST(OnnxFile, WhatIsNoModel) {
  const auto not_model = [](const std::vector<uint8_t>& file, const std::string& text) {
    expect_refused(read_model(file), ErrorCode::kMalformed, "expected an ONNX model, " + text);
  };
  not_model({}, "found an empty file");
  const std::string page = "# A page\n";
  not_model({page.begin(), page.end()}, "found bytes that are no protobuf message");
  not_model({0x78, 0x01}, "found no graph");
  onnx::ModelProto without_graph = small_model();
  without_graph.clear_graph();
  not_model(bytes_of(without_graph), "found no graph");
  onnx::ModelProto without_version = small_model();
  without_version.clear_ir_version();
  not_model(bytes_of(without_version), "found no IR version");
  std::vector<uint8_t> cut = bytes_of(small_model());
  cut.pop_back();
  not_model(cut, "found bytes that are no protobuf message");
}

TEST(OnnxFile, Versions) {
  onnx::ModelProto model = small_model();
  for (const int version : {3, 13}) {
    model.set_ir_version(version);
    EXPECT_TRUE(read(model)) << version;
  }
  for (const int version : {2, 14, -1}) {
    model.set_ir_version(version);
    expect_unsupported(model,
                       fmt::format("expected a model of IR version 3 to 13, found {}", version));
  }
  model.set_ir_version(8);
  for (const int version : {10, 27}) {
    model.mutable_opset_import(0)->set_version(version);
    ASSERT_TRUE(read(model)) << version;
    EXPECT_EQ(read(model)->opsets.at(""), version);
  }
  for (const int version : {9, 28}) {
    model.mutable_opset_import(0)->set_version(version);
    expect_unsupported(model,
                       fmt::format("expected ONNX operators of opset 10 to 27, found {}", version));
  }
}

// As skl2onnx writes a forest.
TEST(OnnxFile, OpsetNineForCastAlone) {
  onnx::ModelProto model = small_model();
  model.mutable_opset_import(0)->set_version(9);
  auto* import = model.add_opset_import();
  import->set_domain("ai.onnx.ml");
  import->set_version(1);
  model.mutable_graph()->mutable_node(0)->set_domain("ai.onnx.ml");
  add_node(model, "Cast", {"y"}, {"z"});
  ASSERT_TRUE(read(model));
  EXPECT_EQ(read(model)->opsets.at(""), 9);
  add_node(model, "Relu", {"z"}, {"u"});
  expect_unsupported(model, "expected ONNX operators of opset 10 to 27, found 9");
}

TEST(OnnxFile, Domains) {
  onnx::ModelProto model = small_model();
  model.mutable_opset_import(0)->set_domain("ai.onnx");
  add_node(model, "Relu", {"x"}, {"z"})->set_domain("ai.onnx");
  ASSERT_TRUE(read(model));
  EXPECT_EQ(read(model)->opsets.at(""), 17);
  EXPECT_EQ(read(model)->nodes[1].domain, "");

  auto* import = model.add_opset_import();
  for (const auto& [domain, last] : {std::pair("ai.onnx.ml", 5), {"com.microsoft", 1}}) {
    import->set_domain(domain);
    import->set_version(last);
    ASSERT_TRUE(read(model));
    EXPECT_EQ(read(model)->opsets.at(domain), last);
    import->set_version(last + 1);
    expect_unsupported(model, fmt::format("expected {} operators of opset 1 to {}, found {}",
                                          domain, last, last + 1));
  }
  // Whose operators these are is for those who know operators.
  import->set_domain("org.example");
  add_node(model, "Magic", {"x"}, {"m"})->set_domain("org.example");
  ASSERT_TRUE(read(model));
  EXPECT_EQ(read(model)->nodes[2].domain, "org.example");
  import->set_domain("");
  import->set_version(18);
  expect_malformed(model, "two opsets of domain \"\": 17 and 18");
}

TEST(OnnxFile, OpsetsThatAreLeftOut) {
  onnx::ModelProto model = small_model();
  model.clear_opset_import();
  expect_malformed(model,
                   "node \"relu\" (Relu): expected an opset of ONNX operators among the model's "
                   "imports, found none");
  model.mutable_graph()->mutable_node(0)->set_domain("ai.onnx.ml");
  expect_malformed(model, "node \"relu\" (ai.onnx.ml.Relu): expected an opset of ai.onnx.ml");
  auto* import = model.add_opset_import();
  import->set_domain("ai.onnx.ml");
  import->set_version(3);
  add_node(model, "QLinearAdd", {"x"}, {"z"})->set_domain("com.microsoft");
  ASSERT_TRUE(read(model));
  EXPECT_EQ(read(model)->opsets,
            (std::map<std::string, int64_t>{{"", 27}, {"ai.onnx.ml", 3}, {"com.microsoft", 1}}));
}

// Raw bytes of any type are the elements' own.
TEST(OnnxFile, RawElements) {
  const std::pair<int32_t, ElementType> types[] = {
      {TensorProto::FLOAT, ElementType::kFloat32},   {TensorProto::UINT8, ElementType::kUint8},
      {TensorProto::INT8, ElementType::kInt8},       {TensorProto::INT32, ElementType::kInt32},
      {TensorProto::INT64, ElementType::kInt64},     {TensorProto::BOOL, ElementType::kBool},
      {TensorProto::FLOAT16, ElementType::kFloat16}, {TensorProto::DOUBLE, ElementType::kFloat64},
      {TensorProto::INT16, ElementType::kInt16},     {TensorProto::UINT16, ElementType::kUint16},
      {TensorProto::UINT32, ElementType::kUint32},   {TensorProto::UINT64, ElementType::kUint64}};
  for (const auto& [number, type] : types) {
    const std::string raw(6 * onnx_file::bytes_of(type), '\1');
    const auto tensor =
        constant([&](TensorProto& proto) { proto.set_raw_data(raw); }, number, {2, 3});
    ASSERT_TRUE(tensor) << tensor.error().message;
    EXPECT_EQ(tensor->type, type);
    EXPECT_THAT(tensor->dims, ElementsAre(2, 3));
    EXPECT_EQ(tensor->size(), 6);
    EXPECT_EQ(std::string(tensor->bytes.begin(), tensor->bytes.end()), raw) << name_of(type);
    const auto cut =
        constant([&](TensorProto& proto) { proto.set_raw_data(raw.substr(1)); }, number, {2, 3});
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().message,
              fmt::format("constant \"w\": expected {} bytes of type {} for shape [2, 3], found {}",
                          raw.size(), name_of(type), raw.size() - 1));
  }
}

TEST(OnnxFile, ListedElements) {
  const auto integers = [](int32_t type, const std::vector<int32_t>& values) {
    const auto tensor = constant(
        [&](TensorProto& proto) {
          for (const int32_t value : values) proto.add_int32_data(value);
        },
        type, {std::ssize(values)});
    EXPECT_TRUE(tensor) << tensor.error().message;
    return tensor->integers();
  };
  EXPECT_THAT(integers(TensorProto::INT8, {-128, 127}), ElementsAre(-128, 127));
  EXPECT_THAT(integers(TensorProto::UINT8, {0, 255}), ElementsAre(0, 255));
  EXPECT_THAT(integers(TensorProto::INT16, {-32768, 32767}), ElementsAre(-32768, 32767));
  EXPECT_THAT(integers(TensorProto::UINT16, {65535}), ElementsAre(65535));
  EXPECT_THAT(integers(TensorProto::BOOL, {0, 1}), ElementsAre(0, 1));
  EXPECT_THAT(integers(TensorProto::INT32, {INT32_MIN, INT32_MAX}),
              ElementsAre(INT32_MIN, INT32_MAX));
  const auto half =
      constant([](TensorProto& t) { t.add_int32_data(0x3c00); }, TensorProto::FLOAT16, {});
  EXPECT_THAT(half->values<uint16_t>(), ElementsAre(0x3c00));
  const auto single =
      constant([](TensorProto& t) { t.add_float_data(-0.5f); }, TensorProto::FLOAT, {1});
  EXPECT_THAT(single->values<float>(), ElementsAre(-0.5f));
  const auto twice =
      constant([](TensorProto& t) { t.add_double_data(0.1); }, TensorProto::DOUBLE, {1});
  EXPECT_THAT(twice->values<double>(), ElementsAre(0.1));
  const auto wide =
      constant([](TensorProto& t) { t.add_int64_data(INT64_MIN); }, TensorProto::INT64, {});
  EXPECT_THAT(wide->integers(), ElementsAre(INT64_MIN));
  EXPECT_THAT(wide->dims, IsEmpty());
  const auto word =
      constant([](TensorProto& t) { t.add_uint64_data(UINT32_MAX); }, TensorProto::UINT32, {1});
  EXPECT_THAT(word->integers(), ElementsAre(UINT32_MAX));
  const auto large =
      constant([](TensorProto& t) { t.add_uint64_data(UINT64_MAX); }, TensorProto::UINT64, {1});
  EXPECT_THAT(large->values<uint64_t>(), ElementsAre(UINT64_MAX));
  const auto text = constant(
      [](TensorProto& t) {
        t.add_string_data("cat");
        t.add_string_data("dog");
      },
      TensorProto::STRING, {2});
  EXPECT_THAT(text->strings, ElementsAre("cat", "dog"));
  EXPECT_EQ(text->size(), 2);
}

TEST(OnnxFile, ElementsThatAreNotTheTypes) {
  const auto refused = [](const std::function<void(TensorProto&)>& fill, int32_t type,
                          const std::string& text) {
    const auto tensor = constant(fill, type, {2});
    ASSERT_FALSE(tensor) << text;
    EXPECT_EQ(tensor.error().code, ErrorCode::kMalformed);
    EXPECT_THAT(tensor.error().message, HasSubstr("constant \"w\": "));
    EXPECT_THAT(tensor.error().message, HasSubstr(text));
  };
  const auto int32s = [](int32_t value) {
    return [value](TensorProto& t) {
      t.add_int32_data(value);
      t.add_int32_data(0);
    };
  };
  refused(int32s(128), TensorProto::INT8, "expected elements from -128 to 127, found 128");
  refused(int32s(-1), TensorProto::UINT8, "expected elements from 0 to 255, found -1");
  refused(int32s(65536), TensorProto::FLOAT16, "expected elements from 0 to 65535, found 65536");
  refused(int32s(2), TensorProto::BOOL, "expected 0 or 1 as elements of type bool, found 2");
  refused([](TensorProto& t) { t.set_raw_data("\1\2"); }, TensorProto::BOOL,
          "expected 0 or 1 as elements of type bool, found 2");
  refused(
      [](TensorProto& t) {
        t.add_uint64_data(1);
        t.add_uint64_data(uint64_t{1} << 32);
      },
      TensorProto::UINT32, "expected elements from 0 to 4294967295, found 4294967296");
  // In a field of another type, in none, in two, one too many.
  refused(int32s(1), TensorProto::FLOAT,
          "expected 2 elements of type float32 for shape [2], found");
  refused([](TensorProto&) {}, TensorProto::INT64, "expected 2 elements of type int64");
  refused(
      [](TensorProto& t) {
        t.set_raw_data("ab");
        t.add_int32_data(1);
      },
      TensorProto::INT8, "its elements stand there twice, raw and listed");
  refused(
      [&](TensorProto& t) {
        int32s(1)(t);
        t.add_int32_data(1);
      },
      TensorProto::INT8, "expected 2 elements of type int8 for shape [2], found 3");
  refused([](TensorProto& t) { t.add_string_data("one"); }, TensorProto::STRING,
          "expected 2 elements of type string for shape [2], found 1");
  refused([](TensorProto& t) { t.set_raw_data("ab"); }, TensorProto::STRING,
          "expected 2 elements of type string");
}

TEST(OnnxFile, Shapes) {
  const auto empty = [](TensorProto&) {};
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{0}, {3, 0, 2}}) {
    const auto tensor = constant(empty, TensorProto::FLOAT, dims);
    ASSERT_TRUE(tensor) << tensor.error().message;
    EXPECT_EQ(tensor->size(), 0);
    EXPECT_EQ(tensor->dims, dims);
  }
  const auto refused = [&](const std::vector<int64_t>& dims, ErrorCode code,
                           const std::string& text) {
    const auto tensor = constant(empty, TensorProto::INT8, dims);
    ASSERT_FALSE(tensor) << text;
    EXPECT_EQ(tensor.error().code, code);
    EXPECT_THAT(tensor.error().message, HasSubstr(text));
  };
  refused({2, -1}, ErrorCode::kMalformed, "constant \"w\": a negative dimension in [2, -1]");
  refused({-1, -1}, ErrorCode::kMalformed, "a negative dimension");
  refused({int64_t{1} << 32, int64_t{1} << 32}, ErrorCode::kTooLarge,
          "shape [4294967296, 4294967296] has more elements than the 268435456 left");
  refused({INT64_MAX, 2}, ErrorCode::kTooLarge, "has more elements");
  refused({int64_t{1} << 31}, ErrorCode::kTooLarge, "has more elements");
  // No elements, but a product that whoever leaves a dimension out would meet.
  refused({0, int64_t{1} << 62, 4}, ErrorCode::kTooLarge, "has more elements");
  refused(std::vector<int64_t>(33, 1), ErrorCode::kTooLarge, "33 dimensions, at most 32");
}

TEST(OnnxFile, ElementTypesThatAreRefused) {
  const std::pair<int32_t, const char*> types[] = {{TensorProto::COMPLEX64, "complex64"},
                                                   {TensorProto::COMPLEX128, "complex128"},
                                                   {TensorProto::BFLOAT16, "bfloat16"},
                                                   {17, "float8e4m3fn"},
                                                   {18, "float8e4m3fnuz"},
                                                   {19, "float8e5m2"},
                                                   {20, "float8e5m2fnuz"},
                                                   {21, "uint4"},
                                                   {22, "int4"},
                                                   {23, "float4e2m1"},
                                                   {24, "float8e8m0"},
                                                   {25, "uint2"},
                                                   {26, "int2"},
                                                   {0, "undefined"},
                                                   {99, "number 99"},
                                                   {-1, "number -1"}};
  for (const auto& [number, name] : types) {
    onnx::ModelProto model = small_model();
    add_constant(model, "w", number, {1})->set_raw_data("1");
    expect_unsupported(model,
                       fmt::format("constant \"w\": elements of type {} are not supported", name));
    if (number == 0) continue;
    model = small_model();
    model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
        number);
    expect_unsupported(model,
                       fmt::format("input \"x\": elements of type {} are not supported", name));
  }
}

TEST(OnnxFile, DataElsewhere) {
  onnx::ModelProto model = small_model();
  TensorProto* tensor = add_constant(model, "w", TensorProto::INT8, {1});
  tensor->set_data_location(TensorProto::EXTERNAL);
  auto* entry = tensor->add_external_data();
  entry->set_key("location");
  entry->set_value("/etc/passwd");
  expect_unsupported(model,
                     "constant \"w\": its elements lie in another file; save the model with its "
                     "data inside: onnx.save(onnx.load(FILE), NEW, save_as_external_data=False)");
  tensor->clear_data_location();
  expect_unsupported(model, "its elements lie in another file");
  tensor->clear_external_data();
  tensor->mutable_segment()->set_begin(0);
  expect_unsupported(model, "constant \"w\": a tensor in segments is not supported");
  model = small_model();
  model.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("s");
  expect_unsupported(model, "constant \"s\": sparse initialisers are not supported");
}

TEST(OnnxFile, ElementsOfAllConstantsAreLimited) {
  onnx::ModelProto model = small_model();
  add_constant(model, "a", TensorProto::INT8, {4})->set_raw_data("1234");
  add_constant(model, "b", TensorProto::INT8, {4})->set_raw_data("1234");
  EXPECT_TRUE(read(model, {.elements = 8}));
  expect_too_large(model, "constant \"b\": shape [4] has more elements than the 3 left",
                   {.elements = 7});
  onnx::NodeProto* node = add_node(model, "Constant", {}, {"c"}, "c");
  for (int i = 0; i < 3; ++i) {
    if (i == 0) add_attribute(node, "value_ints", AttributeProto::INTS);
    node->mutable_attribute(0)->add_ints(i);
  }
  EXPECT_TRUE(read(model, {.elements = 11}));
  expect_too_large(model, "node \"c\" (Constant): more elements than the 2 left", {.elements = 10});
}

TEST(OnnxFile, ConstantsAreNoInputs) {
  onnx::ModelProto model = small_model();
  model.set_ir_version(3);
  add_input(model, "w", TensorProto::INT8, {1});
  add_constant(model, "w", TensorProto::INT8, {1})->set_raw_data("1");
  const auto result = read(model);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_THAT(result->inputs, SizeIs(1));
  EXPECT_EQ(result->inputs[0].name, "x");
  EXPECT_TRUE(result->constants.contains("w"));
}

TEST(OnnxFile, ConstantNodes) {
  onnx::ModelProto model = small_model();
  const auto add = [&](const std::string& name, const std::string& attribute,
                       AttributeProto::AttributeType type) {
    return add_attribute(add_node(model, "Constant", {}, {name}), attribute, type);
  };
  auto* tensor = add("tensor", "value", AttributeProto::TENSOR)->mutable_t();
  set_tensor(tensor, TensorProto::INT8, {2});
  tensor->set_raw_data("\1\2");
  add("int", "value_int", AttributeProto::INT)->set_i(-7);
  add("ints", "value_ints", AttributeProto::INTS)->add_ints(5);
  add("no_ints", "value_ints", AttributeProto::INTS);
  add("float", "value_float", AttributeProto::FLOAT)->set_f(0.5f);
  add("floats", "value_floats", AttributeProto::FLOATS)->add_floats(1.5f);
  add("string", "value_string", AttributeProto::STRING)->set_s("cat");
  add("strings", "value_strings", AttributeProto::STRINGS)->add_strings("dog");
  const auto result = read(model);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(names_of(*result), ElementsAre("relu"));
  const auto& constants = result->constants;
  EXPECT_THAT(constants.at("tensor")->integers(), ElementsAre(1, 2));
  EXPECT_THAT(constants.at("int")->integers(), ElementsAre(-7));
  EXPECT_THAT(constants.at("int")->dims, IsEmpty());
  EXPECT_THAT(constants.at("ints")->integers(), ElementsAre(5));
  EXPECT_THAT(constants.at("ints")->dims, ElementsAre(1));
  EXPECT_THAT(constants.at("no_ints")->dims, ElementsAre(0));
  EXPECT_THAT(constants.at("float")->values<float>(), ElementsAre(0.5f));
  EXPECT_THAT(constants.at("floats")->values<float>(), ElementsAre(1.5f));
  EXPECT_THAT(constants.at("string")->strings, ElementsAre("cat"));
  EXPECT_THAT(constants.at("string")->dims, IsEmpty());
  EXPECT_THAT(constants.at("strings")->strings, ElementsAre("dog"));
  EXPECT_THAT(constants.at("strings")->dims, ElementsAre(1));
}

TEST(OnnxFile, ConstantNodesThatAreNone) {
  onnx::ModelProto model = small_model();
  onnx::NodeProto* node = add_node(model, "Constant", {}, {"c"}, "c");
  const std::string title = "node \"c\" (Constant): ";
  expect_malformed(model, title + "expected one attribute, its value");
  AttributeProto* value = add_attribute(node, "valeu", AttributeProto::INT);
  expect_malformed(model, title + "expected one attribute, its value");
  value->set_name("value_int");
  EXPECT_TRUE(read(model));
  node->add_output("d");
  expect_malformed(model, title + "expected no input and one output, found 0 and 2");
  node->mutable_output()->RemoveLast();
  node->add_input("x");
  expect_malformed(model, title + "expected no input and one output, found 1 and 1");
  node->clear_input();
  add_constant(model, "c", TensorProto::INT8, {1})->set_raw_data("1");
  expect_malformed(model, title + "a constant of this name is already there");
  model.mutable_graph()->clear_initializer();
  value->set_type(AttributeProto::SPARSE_TENSOR);
  value->clear_i();
  value->set_name("sparse_value");
  expect_unsupported(
      model, title + "attribute \"sparse_value\" is a sparse tensor, which is not supported");
}

TEST(OnnxFile, Attributes) {
  onnx::ModelProto model = small_model();
  onnx::NodeProto* node = model.mutable_graph()->mutable_node(0);
  add_attribute(node, "i", AttributeProto::INT)->set_i(INT64_MIN);
  add_attribute(node, "f", AttributeProto::FLOAT)->set_f(0.1f);
  add_attribute(node, "s", AttributeProto::STRING)->set_s("SAME_UPPER");
  add_attribute(node, "is", AttributeProto::INTS)->add_ints(-3);
  add_attribute(node, "fs", AttributeProto::FLOATS)->add_floats(0.25f);
  add_attribute(node, "ss", AttributeProto::STRINGS)->add_strings("leaf");
  set_tensor(add_attribute(node, "t", AttributeProto::TENSOR)->mutable_t(), TensorProto::FLOAT,
             {0});
  add_attribute(node, "empty", AttributeProto::INTS);
  add_attribute(node, "zero", AttributeProto::INT);  // as writers of proto3 leave it out
  AttributeProto* untyped = node->add_attribute();
  untyped->set_name("untyped");
  untyped->add_ints(9);
  const auto result = read(model);
  ASSERT_TRUE(result) << result.error().message;
  const auto& attributes = result->nodes[0].attributes;
  EXPECT_EQ(std::get<int64_t>(attributes.at("i")), INT64_MIN);
  EXPECT_EQ(std::get<float>(attributes.at("f")), 0.1f);
  EXPECT_EQ(std::get<std::string>(attributes.at("s")), "SAME_UPPER");
  EXPECT_THAT(std::get<std::vector<int64_t>>(attributes.at("is")), ElementsAre(-3));
  EXPECT_THAT(std::get<std::vector<float>>(attributes.at("fs")), ElementsAre(0.25f));
  EXPECT_THAT(std::get<std::vector<std::string>>(attributes.at("ss")), ElementsAre("leaf"));
  EXPECT_THAT(std::get<TensorPointer>(attributes.at("t"))->dims, ElementsAre(0));
  EXPECT_THAT(std::get<std::vector<int64_t>>(attributes.at("empty")), IsEmpty());
  EXPECT_EQ(std::get<int64_t>(attributes.at("zero")), 0);
  EXPECT_THAT(std::get<std::vector<int64_t>>(attributes.at("untyped")), ElementsAre(9));
}

TEST(OnnxFile, AttributesThatAreRefused) {
  const auto with = [](const std::function<void(AttributeProto&)>& fill) {
    onnx::ModelProto model = small_model();
    AttributeProto* attribute = model.mutable_graph()->mutable_node(0)->add_attribute();
    attribute->set_name("a");
    fill(*attribute);
    return model;
  };
  const std::string where = "node \"relu\" (Relu): attribute \"a\"";
  expect_malformed(with([](AttributeProto&) {}), where + " has no value");
  expect_malformed(with([](AttributeProto& a) {
                     a.set_type(AttributeProto::INT);
                     a.set_f(1);
                   }),
                   where + " has a value that is not of its type");
  expect_malformed(with([](AttributeProto& a) {
                     a.set_i(1);
                     a.add_ints(1);
                   }),
                   where + " has a value that is not of its type");
  expect_malformed(with([](AttributeProto& a) {
                     a.set_type(AttributeProto::INT);
                     a.set_ref_attr_name("outer");
                   }),
                   where + " refers to a function's, outside of one");
  expect_malformed(with([](AttributeProto& a) { a.set_name(""); }),
                   "node \"relu\" (Relu): attribute \"\" has no name");
  for (const bool typed : {false, true})
    expect_unsupported(with([typed](AttributeProto& a) {
                         if (typed) a.set_type(AttributeProto::GRAPH);
                         a.mutable_g();
                       }),
                       where +
                           " is a graph; nodes with graphs of their own (If, Loop, Scan) are "
                           "not supported");
  expect_unsupported(with([](AttributeProto& a) { a.add_graphs(); }), where + " is a graph");
  expect_unsupported(with([](AttributeProto& a) { a.mutable_sparse_tensor(); }),
                     where + " is a sparse tensor, which is not supported");
  expect_unsupported(with([](AttributeProto& a) { a.mutable_tp(); }),
                     where + " is a type, which is not supported");
  expect_unsupported(with([](AttributeProto& a) { a.add_tensors(); }),
                     where + " is a list of tensors, which is not supported");
  expect_unsupported(with([](AttributeProto& a) { a.mutable_t()->set_data_type(22); }),
                     where + ": elements of type int4 are not supported");
  onnx::ModelProto model = small_model();
  for (int i = 0; i < 2; ++i)
    add_attribute(model.mutable_graph()->mutable_node(0), "a", AttributeProto::INT);
  expect_malformed(model, where + " stands there twice");
}

TEST(OnnxFile, Functions) {
  onnx::ModelProto model = small_model();
  auto* function = model.add_functions();
  function->set_domain("org.example");
  function->set_name("Relu");
  EXPECT_TRUE(read(model));  // nobody calls it
  model.mutable_graph()->mutable_node(0)->set_domain("org.example");
  expect_unsupported(
      model,
      "node \"relu\" (org.example.Relu): calls a function of the file, which is not "
      "supported; inline it: onnx.inliner.inline_local_functions(MODEL, convert_version=True)");
}

TEST(OnnxFile, WhatIsForTrainingOrForOthersIsLeftAlone) {
  onnx::ModelProto model = small_model();
  model.add_training_info()->mutable_algorithm()->add_node()->set_op_type("Adam");
  model.mutable_graph()->add_quantization_annotation()->set_tensor_name("x");
  model.mutable_graph()->add_value_info()->set_name("nobody");
  ASSERT_TRUE(read(model));
  EXPECT_THAT(read(model)->nodes, SizeIs(1));
}

TEST(OnnxFile, InputsThatAreRefused) {
  onnx::ModelProto model = small_model();
  auto* input = model.mutable_graph()->mutable_input(0);
  const std::string where = "input \"x\": expected a tensor, found ";
  input->mutable_type()->mutable_tensor_type()->clear_shape();
  expect_unsupported(model, where + "one without a shape");
  input->mutable_type()->mutable_tensor_type()->clear_elem_type();
  expect_malformed(model, where + "no type");
  input->mutable_type()->mutable_sequence_type();
  expect_unsupported(model, where + "a sequence");
  input->mutable_type()->mutable_map_type();
  expect_unsupported(model, where + "a map");
  input->mutable_type()->mutable_optional_type();
  expect_unsupported(model, where + "an optional value");
  input->mutable_type()->mutable_sparse_tensor_type();
  expect_unsupported(model, where + "a sparse tensor");
  input->clear_type();
  expect_malformed(model, where + "no type");
  set_type(input, TensorProto::FLOAT, {int64_t{1} << 40, 1 << 30});
  expect_too_large(model, "input \"x\": shape [1099511627776, 1073741824] has more than 268435456");
  set_type(input, TensorProto::FLOAT, std::vector<int64_t>(33, 1));
  expect_too_large(model, "input \"x\": 35 dimensions, at most 32");
  input->clear_type();
  set_type(input, TensorProto::FLOAT, {1});
  *model.mutable_graph()->add_input() = *input;
  expect_malformed(model, "input \"x\" stands there twice");
  input->clear_name();
  expect_malformed(model, "input \"\": expected a name");
}

TEST(OnnxFile, DimensionsWithoutANumber) {
  onnx::ModelProto model = small_model();
  auto* shape = model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
  shape->mutable_shape()->mutable_dim(0)->set_dim_param("batch");
  shape->mutable_shape()->add_dim();
  shape->mutable_shape()->add_dim()->set_dim_value(-5);
  const auto result = read(model);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->inputs[0].dims, ElementsAre(-1, 4, -1, -1));
  EXPECT_THAT(result->inputs[0].dim_names, ElementsAre("batch", "", "", ""));
}

TEST(OnnxFile, Outputs) {
  onnx::ModelProto model = small_model();
  auto* output = model.mutable_graph()->mutable_output(0);
  output->mutable_type()->mutable_tensor_type()->clear_shape();
  ASSERT_TRUE(read(model));
  EXPECT_TRUE(read(model)->outputs[0].has_type);
  EXPECT_FALSE(read(model)->outputs[0].has_shape);
  // As a ZipMap's.
  output->mutable_type()->mutable_sequence_type()->mutable_elem_type()->mutable_map_type();
  ASSERT_TRUE(read(model));
  EXPECT_FALSE(read(model)->outputs[0].has_type);
  *model.mutable_graph()->add_output() = *output;
  expect_malformed(model, "output \"y\" stands there twice");
  output->set_name("z");
  expect_malformed(model, "output \"z\": no node writes it");
  model.mutable_graph()->clear_output();
  expect_malformed(model, "expected outputs of the graph, found none");
}

TEST(OnnxFile, NodesAreOrdered) {
  onnx::ModelProto model = small_model();
  model.mutable_graph()->clear_node();
  add_node(model, "Add", {"b", "", "c"}, {"y"}, "last");
  add_node(model, "Relu", {"a"}, {"b"}, "second");
  add_node(model, "Relu", {"x"}, {"a"}, "first");
  add_node(model, "Relu", {"x"}, {"unused"}, "beside");
  add_node(model, "Relu", {"a"}, {"c", ""}, "third");
  const auto result = read(model);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(names_of(*result), ElementsAre("first", "second", "beside", "third", "last"));
}

TEST(OnnxFile, AsManyNodesAsThereMayBe) {
  onnx::ModelProto model = small_model();
  constexpr int kNodes = 100'000;
  for (int i = kNodes - 1; i > 0; --i)
    add_node(model, "Relu", {i == 1 ? "x" : fmt::format("{}", i - 1)}, {fmt::format("{}", i)});
  const auto result = read(model);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->nodes, SizeIs(kNodes));
  EXPECT_EQ(result->nodes.back().outputs[0], fmt::format("{}", kNodes - 1));
}

TEST(OnnxFile, NamesThatContradictEachOther) {
  onnx::ModelProto model = small_model();
  add_node(model, "Relu", {"nobody"}, {"z"}, "second");
  expect_malformed(model,
                   "node \"second\" (Relu): expected its input \"nobody\" to be an input, a "
                   "constant or the output of a node, found nothing of that name");
  onnx::NodeProto* node = model.mutable_graph()->mutable_node(1);
  node->set_input(0, "x");
  node->set_output(0, "y");
  expect_malformed(model,
                   "node \"second\" (Relu): its output \"y\" is already the output of node "
                   "\"relu\" (Relu)");
  node->set_output(0, "x");
  expect_malformed(model, "its output \"x\" is already an input or a constant of the model");
  node->set_output(0, "z");
  node->add_output("z");
  expect_malformed(model, "its output \"z\" is already the output of node \"second\"");
  model = small_model();
  for (int i = 0; i < 2; ++i) add_constant(model, "w", TensorProto::INT8, {0});
  expect_malformed(model, "constant \"w\": a constant of this name is already there");
  model.mutable_graph()->mutable_initializer(1)->clear_name();
  expect_malformed(model, "constant \"\": a constant without a name");
  model = small_model();
  model.mutable_graph()->mutable_node(0)->clear_op_type();
  expect_malformed(model, "node \"relu\" (): expected an operator, found none");
}

TEST(OnnxFile, Cycles) {
  onnx::ModelProto model = small_model();
  model.mutable_graph()->mutable_node(0)->set_input(0, "y");
  expect_malformed(model, "node \"relu\" (Relu): what it reads depends on what it writes");
  // A cycle of two, which one node before the others only reads.
  model = small_model();
  add_node(model, "Add", {"x", "b"}, {"z"}, "reader");
  add_node(model, "Add", {"x", "b"}, {"a"}, "one");
  add_node(model, "Add", {"a", "x"}, {"b"}, "two");
  const auto result = read(model);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, testing::AnyOf(HasSubstr("\"one\""), HasSubstr("\"two\"")));
}

TEST(OnnxFile, NodeNamesAreUnique) {
  onnx::ModelProto model = small_model();
  add_node(model, "Relu", {"x"}, {"a"});
  add_node(model, "Relu", {"x"}, {"b"}, "relu");
  add_node(model, "Relu", {"x"}, {"c"}, "relu#2");
  add_node(model, "Relu", {"x"}, {"d"}, "#1");
  const auto result = read(model);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(names_of(*result), ElementsAre("relu", "#1#1", "relu#2", "relu#2#3", "#1"));
}

TEST(OnnxFile, NumberOfNodes) {
  onnx::ModelProto model = small_model();
  add_node(model, "Relu", {"x"}, {"z"});
  EXPECT_TRUE(read(model, {.nodes = 2}));
  expect_too_large(model, "2 nodes, at most 1", {.nodes = 1});
  const auto bytes = bytes_of(model);
  expect_too_large(model, fmt::format("an ONNX model of {} bytes, at most 10", bytes.size()),
                   {.file_bytes = 10});
}

TEST(OnnxFile, MessagesShowNamesInPrint) {
  EXPECT_EQ(printable("conv/1"), "conv/1");
  EXPECT_EQ(printable("a\n\x1b[31m\xff\0"s), "a\\x0a\\x1b[31m\\xff\\x00");
  EXPECT_THAT(printable(std::string(1000, 'n')), SizeIs(200));
  EXPECT_THAT(printable(std::string(1000, 'n')), testing::EndsWith("nn..."));
  EXPECT_THAT(printable(std::string(200, 'n')), testing::Not(HasSubstr("...")));
  onnx::ModelProto model = small_model();
  onnx::NodeProto* node = model.mutable_graph()->mutable_node(0);
  node->set_name("two\nlines");
  node->set_op_type("\x1b[2J");
  node->set_input(0, std::string(100'000, 'n'));
  const auto result = read(model);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("node \"two\\x0alines\" (\\x1b[2J): expected"));
  EXPECT_LT(result.error().message.size(), 1000);
}

}  // namespace
}  // namespace zkvm::onnx_file::test
