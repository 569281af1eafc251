// What a QDQ file says as written: the models of cases.bin, against ONNX Runtime without optimisation.
#include "host/import/as_written.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/project.h"
#include "tests/import/cases.h"

namespace zkvm::import_test {
namespace {

using onnx_file::ElementType;

const Case& case_of(const std::string& name) {
  return *std::ranges::find(all_cases(), name, &Case::name);
}

// A sample's input as the model has it.
Array input_array(const importer::Network& network, const importer::Port& port,
                  const std::vector<uint8_t>& bytes) {
  const importer::Value& value = network.values[port.value];
  Array array{ArrayType::kInt32, {value.dims.begin(), value.dims.end()}, bytes};
  if (!importer::is_byte(value.type)) return array;
  array.type = value.q.is_signed ? ArrayType::kInt8 : ArrayType::kUint8;
  if (port.model_type != ElementType::kFloat32) return array;
  array.type = ArrayType::kFloat32;
  array.bytes.clear();
  for (const uint8_t byte : bytes) {
    const int x = value.q.is_signed ? static_cast<int8_t>(byte) : byte;
    const float real = static_cast<float>(x - value.q.zero_point) * value.q.scale;
    const auto* raw = reinterpret_cast<const uint8_t*>(&real);
    array.bytes.insert(array.bytes.end(), raw, raw + sizeof(real));
  }
  return array;
}

int byte_of(const Array& array, size_t i) {
  return array.type == ArrayType::kInt8 ? static_cast<int8_t>(array.bytes[i]) : array.bytes[i];
}

TEST(AsWritten, EqualsTheRuntimeWithoutOptimisation) {
  size_t computed = 0, elements = 0;
  std::map<std::string, std::vector<int>> away;  // of elements that differ
  std::vector<std::string> uncovered;
  for (const Case& expected : read_cases(IMPORT_AS_WRITTEN_FILE)) {
    const Case& it = case_of(expected.name);
    const auto model = onnx_file::read_model(it.model);
    ASSERT_TRUE(model) << it.name;
    const auto network = importer::lower(*model, {});
    ASSERT_TRUE(network) << it.name;
    bool is_covered = true;
    for (size_t s = 0; s < it.samples.size() && is_covered; ++s) {
      std::map<std::string, Array> inputs;
      for (size_t i = 0; i < network->inputs.size(); ++i)
        inputs[network->inputs[i].name] =
            input_array(*network, network->inputs[i], it.samples[s].inputs[i]);
      const auto outputs = importer::evaluate_as_written(
          *model, inputs, {expected.outputs.begin(), expected.outputs.end()});
      if (!outputs) {
        uncovered.push_back(it.name + ": " + outputs.error().message);
        is_covered = false;
        continue;
      }
      for (size_t o = 0; o < expected.outputs.size(); ++o) {
        const auto found = outputs->find(expected.outputs[o]);
        ASSERT_NE(found, outputs->end()) << it.name << ": " << expected.outputs[o];
        const std::vector<uint8_t>& bytes = expected.samples[s].outputs[o];
        ASSERT_EQ(found->second.bytes.size(), bytes.size()) << it.name;
        const Array theirs{found->second.type, {}, bytes};
        for (size_t i = 0; i < bytes.size(); ++i, ++elements)
          if (const int distance = std::abs(byte_of(found->second, i) - byte_of(theirs, i)))
            away[it.name].push_back(distance);
      }
    }
    computed += is_covered;
  }
  fmt::print("{} models, {} elements; {} models are not covered\n", computed, elements,
             uncovered.size());
  for (const std::string& line : uncovered) fmt::print("  {}\n", line);
  // Where the order of the runtime's float32 sums decides between two bytes.
  size_t differing = 0;
  for (const auto& [name, distances] : away) {
    EXPECT_TRUE(name.starts_with("averagepool_qdq") || name == "float_conv_and_flatten") << name;
    EXPECT_THAT(distances, testing::Each(1)) << name;
    differing += distances.size();
  }
  EXPECT_LE(differing, 14U);
  EXPECT_GE(computed, 353U);
}

// Of our integers, which equal the optimised runtime's: as far as its own two sessions are from each other.
TEST(AsWritten, DistanceIsThatOfTheRuntimesSessions) {
  importer::WriteOptions options;
  options.name = "model";
  size_t differing = 0, measured = 0;
  for (const Case& expected : read_cases(IMPORT_AS_WRITTEN_FILE)) {
    const Case& it = case_of(expected.name);
    if (it.kind != Case::Kind::kExact || it.name.starts_with("averagepool_qdq")) continue;
    const auto model = onnx_file::read_model(it.model);
    const auto network = importer::lower(*model, {});
    const auto plan = importer::plan(*network);
    ASSERT_TRUE(plan) << it.name;
    const ModelInfo info = importer::model_info(*plan, options);
    std::map<std::string, Array> arrays;
    size_t theirs = 0;
    for (size_t s = 0; s < it.samples.size(); ++s) {
      for (size_t i = 0; i < network->inputs.size(); ++i) {
        Array one = input_array(*network, network->inputs[i], it.samples[s].inputs[i]);
        one.shape.insert(one.shape.begin(), it.samples.size());
        Array& all = arrays.try_emplace(network->inputs[i].name, one.type, one.shape).first->second;
        all.bytes.insert(all.bytes.end(), one.bytes.begin(), one.bytes.end());
      }
      for (size_t o = 0; o < it.outputs.size(); ++o)
        for (size_t i = 0; i < it.samples[s].outputs[o].size(); ++i)
          theirs += it.samples[s].outputs[o][i] != expected.samples[s].outputs[o][i];
    }
    const auto report = importer::distance_to_as_written(*model, *network, info, arrays);
    if (!report) continue;
    ++measured;
    size_t ours = 0;
    for (const importer::CheckedOutput& output : report->outputs)
      ours += output.elements - output.equal;
    EXPECT_EQ(ours, theirs) << it.name;
    differing += ours;
  }
  fmt::print("{} elements of {} models differ\n", differing, measured);
  EXPECT_GT(differing, 0U);
  EXPECT_GE(measured, 300U);
}

TEST(AsWritten, RandomInputsAreTheSameEachTime) {
  ModelInfo info;
  info.inputs = {{"x", {1, 40}, TensorType::kUint8, "uint8"},
                 {"y", {3}, TensorType::kInt8, "int8"}};
  const auto inputs = importer::random_inputs(info, 5);
  ASSERT_TRUE(inputs);
  EXPECT_EQ(inputs->at("x").shape, (std::vector<uint64_t>{5, 1, 40}));
  EXPECT_EQ(inputs->at("x").elements(), 200U);
  EXPECT_EQ(inputs->at("y").type, ArrayType::kInt8);
  EXPECT_EQ(*inputs, *importer::random_inputs(info, 5));
  info.inputs.push_back({"index", {1}, TensorType::kInt32, "int64"});
  EXPECT_FALSE(importer::random_inputs(info, 5));
}

}  // namespace
}  // namespace zkvm::import_test
