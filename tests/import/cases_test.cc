// Every small model of cases.bin, read, lowered and computed on the host: its outputs equal ONNX Runtime's, or differ as
// the case says and no further, or the model is refused by a line that names what is wrong.
#include "tests/import/cases.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "host/import/evaluate.h"
#include "host/import/lower.h"
#include "host/onnx/model.h"

namespace zkvm::import_test {
namespace {

using importer::Network;
using importer::Type;
using importer::Value;

onnx_file::Result<Network> network_of(const Case& it) {
  return onnx_file::read_model(it.model).and_then(
      [](const onnx_file::Model& model) { return importer::lower(model, {}); });
}

int64_t element(const Value& value, const std::vector<uint8_t>& bytes, size_t i) {
  if (value.type == Type::kUint8) return bytes[i];
  if (value.type == Type::kInt8) return static_cast<int8_t>(bytes[i]);
  int32_t word;
  std::memcpy(&word, &bytes[4 * i], 4);
  return word;
}

// How far the outputs of all samples are from the runtime's.
struct Comparison {
  std::string error;  // of evaluate, or of the shapes of its results
  std::string first;  // the first difference, in words
  size_t elements = 0, differences = 0;
  int64_t distance = 0;
};

void compare_output(const Value& value, const std::vector<uint8_t>& expected,
                    const std::vector<uint8_t>& found, const std::string& where, Comparison& all) {
  if (expected.size() != found.size()) {
    all.error =
        fmt::format("{}: expected {} bytes, found {}", where, expected.size(), found.size());
    return;
  }
  const size_t width = value.type == Type::kInt8 || value.type == Type::kUint8 ? 1 : 4;
  for (size_t i = 0; i < expected.size() / width; ++i, ++all.elements) {
    const int64_t want = element(value, expected, i), is = element(value, found, i);
    if (want == is) continue;
    if (all.differences++ == 0)
      all.first = fmt::format("{}, element {}: expected {}, found {}", where, i, want, is);
    all.distance = std::max(all.distance, std::abs(want - is));
  }
}

Comparison compare(const Case& it, const Network& network) {
  Comparison all;
  if (network.outputs.size() != it.outputs.size()) {
    all.error =
        fmt::format("expected {} outputs, found {}", it.outputs.size(), network.outputs.size());
    return all;
  }
  for (size_t s = 0; s < it.samples.size() && all.error.empty(); ++s) {
    const Sample& sample = it.samples[s];
    const auto outputs = importer::evaluate(network, sample.inputs);
    if (!outputs) {
      all.error = outputs.error().message;
      return all;
    }
    for (size_t o = 0; o < outputs->size(); ++o)
      compare_output(network.values[network.outputs[o].value], sample.outputs[o], (*outputs)[o],
                     fmt::format("sample {}, output {}", s, network.outputs[o].name), all);
  }
  return all;
}

template <class Check>
void for_each_of(Case::Kind kind, Check&& check) {
  size_t count = 0, failed = 0;
  for (const Case& it : all_cases()) {
    if (it.kind != kind) continue;
    ++count;
    const std::string complaint = check(it);
    if (complaint.empty()) continue;
    ++failed;
    ADD_FAILURE() << it.name << ": " << complaint;
  }
  fmt::print("{} of {} cases are as they should be\n", count - failed, count);
  EXPECT_GT(count, 0U);
}

TEST(ImportCases, OutputsEqualTheRuntimesBitForBit) {
  for_each_of(Case::Kind::kExact, [](const Case& it) -> std::string {
    const auto network = network_of(it);
    if (!network) return network.error().message;
    const Comparison all = compare(it, *network);
    if (!all.error.empty()) return all.error;
    if (all.differences == 0) return {};
    return fmt::format("{} of {} elements differ, by up to {}; {}", all.differences, all.elements,
                       all.distance, all.first);
  });
}

TEST(ImportCases, OutputsThatDifferAreListedAndDiffer) {
  for_each_of(Case::Kind::kDiffers, [](const Case& it) -> std::string {
    const auto network = network_of(it);
    if (!network) return network.error().message;
    const Comparison all = compare(it, *network);
    if (!all.error.empty()) return all.error;
    if (all.differences == 0) return "is exact: its place is among the exact ones";
    fmt::print("{}: {} of {} elements differ, by up to {}: {}\n", it.name, all.differences,
               all.elements, all.distance, it.reason);
    if (all.distance <= it.distance) return {};
    return fmt::format("expected a distance of at most {}, found {}; {}", it.distance, all.distance,
                       all.first);
  });
}

TEST(ImportCases, ModelsThatAreRefusedSayWhy) {
  for_each_of(Case::Kind::kRefused, [](const Case& it) -> std::string {
    const auto network = network_of(it);
    if (network) return "expected an error, found a network";
    const std::string& line = network.error().message;
    for (const std::string& part : it.parts)
      if (line.find(part) == line.npos)
        return fmt::format("expected a line with \"{}\", found \"{}\"", part, line);
    return line.find('\n') == line.npos ? "" : "expected one line, found: " + line;
  });
}

TEST(ImportCases, InputsAreTheModelsByName) {
  for (const Case& it : all_cases()) {
    if (it.kind == Case::Kind::kRefused) continue;
    const auto network = network_of(it);
    if (!network) continue;
    std::vector<std::string> names;
    for (const importer::Port& port : network->inputs) names.push_back(port.name);
    EXPECT_EQ(names, it.inputs) << it.name;
  }
}

const Case& case_of(const std::string& name) {
  const auto& cases = all_cases();
  return *std::ranges::find(cases, name, &Case::name);
}

// Where nothing but DequantizeLinear, and what changes no element, follows, all of the model is computed: the output
// is the model's own.
TEST(ImportCases, OutputsAreTheModelsWhereNoArithmeticFollows) {
  for (const char* name : {"form_plain", "conv_qdq_pads", "static_cnn_op_u8", "matmul_op_one_row",
                           "tail_identity_and_dropout", "arg_max_cast_float", "top_k"}) {
    const Case& it = case_of(name);
    const auto model = onnx_file::read_model(it.model);
    ASSERT_TRUE(model) << name;
    const auto network = importer::lower(*model, {});
    ASSERT_TRUE(network) << name;
    EXPECT_TRUE(network->tail.empty()) << name;
    ASSERT_EQ(network->outputs.size(), model->outputs.size()) << name;
    for (size_t i = 0; i < model->outputs.size(); ++i) {
      EXPECT_EQ(network->outputs[i].name, model->outputs[i].name) << name;
      EXPECT_EQ(network->outputs[i].model_type, model->outputs[i].type) << name;
    }
  }
}

TEST(ImportCases, OutputsAreWhereTheGraphIsCut) {
  for (const char* name : {"tail_softmax", "tail_sigmoid", "tail_two_heads", "tail_arithmetic"}) {
    const Case& it = case_of(name);
    const auto network = network_of(it);
    ASSERT_TRUE(network) << name;
    EXPECT_FALSE(network->tail.empty()) << name;
    std::vector<std::string> names;
    for (const importer::Port& port : network->outputs) names.push_back(port.name);
    EXPECT_EQ(names, it.outputs) << name;
    for (const importer::TailNode& node : network->tail) EXPECT_FALSE(node.op_type.empty()) << name;
  }
}

}  // namespace
}  // namespace zkvm::import_test
