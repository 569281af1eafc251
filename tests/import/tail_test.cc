// What stands behind the last quantised tensors, as `zkvm import` writes it, against ONNX Runtime's own outputs;
// make_tail_cases.py has them. check_tails.py does the same for the functions in Python.
#include "host/import/tail.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "host/import/evaluate.h"
#include "host/import/lower.h"
#include "tests/import/cases.h"

namespace {

using Run =
    std::function<std::vector<std::vector<double>>(const std::vector<std::vector<uint8_t>>&)>;
#include "tails.inc"

using namespace zkvm;
using import_test::Case;

// Of each element: 4 units in the last place, or kRelative of the greater of 1 and itself. Sigmoid, Tanh and Erf of the
// runtime are polynomials whose error is that of 1 near their ends, and sums that cancel keep the error of their parts.
constexpr double kRelative = 1e-6;
bool is_near(double got, float want) {
  const double unit =
      std::nextafter(std::abs(want), std::numeric_limits<float>::infinity()) - std::abs(want);
  return std::abs(got - double{want}) <=
         std::max(4 * unit, kRelative * std::max(1.0, std::abs(double{want})));
}

importer::Network network_of(const Case& c) {
  const auto model = onnx_file::read_model(c.model);
  auto network = importer::lower(*model, {});
  EXPECT_TRUE(network.has_value()) << c.name;
  return *std::move(network);
}

template <class T>
std::vector<T> elements(const std::vector<uint8_t>& bytes) {
  std::vector<T> result(bytes.size() / sizeof(T));
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

// The runtime's elements, of the type that the model says.
std::vector<float> wanted(const std::vector<uint8_t>& bytes, onnx_file::ElementType type) {
  std::vector<float> result;
  const auto add = [&](const auto& values) {
    for (const auto value : values) result.push_back(static_cast<float>(value));
  };
  switch (type) {
    case onnx_file::ElementType::kInt64:
      add(elements<int64_t>(bytes));
      break;
    case onnx_file::ElementType::kInt8:
      add(elements<int8_t>(bytes));
      break;
    case onnx_file::ElementType::kUint8:
      add(bytes);
      break;
    default:
      add(elements<float>(bytes));
  }
  return result;
}

TEST(Tails, EqualTheRuntime) {
  size_t compared = 0;
  for (const Case& c : import_test::read_cases(IMPORT_TAIL_CASES_FILE)) {
    const auto model = onnx_file::read_model(c.model);
    const importer::Network network = network_of(c);
    ASSERT_TRUE(kRuns.contains(c.name));
    for (const import_test::Sample& sample : c.samples) {
      const auto ports = importer::evaluate(network, sample.inputs);
      ASSERT_TRUE(ports.has_value()) << c.name;
      const auto outputs = kRuns.at(c.name)(*ports);
      ASSERT_EQ(outputs.size(), sample.outputs.size()) << c.name;
      for (size_t o = 0; o < outputs.size(); ++o) {
        const std::vector<float> want = wanted(sample.outputs[o], model->outputs[o].type);
        ASSERT_EQ(outputs[o].size(), want.size()) << c.name << " output " << c.outputs[o];
        for (size_t i = 0; i < want.size(); ++i, ++compared)
          EXPECT_TRUE(is_near(outputs[o][i], want[i]))
              << c.name << " output " << c.outputs[o] << " [" << i << "]: " << outputs[o][i]
              << ", the runtime has " << want[i];
      }
    }
  }
  EXPECT_GT(compared, 4000u);
}

TEST(Tails, SaysWhatTheOutputsAre) {
  for (const Case& c : import_test::read_cases(IMPORT_TAIL_CASES_FILE)) {
    const auto tail = importer::write_tail(network_of(c), "name");
    ASSERT_TRUE(tail.has_value()) << c.name;
    ASSERT_EQ(tail->outputs.size(), c.outputs.size()) << c.name;
    for (size_t o = 0; o < c.outputs.size(); ++o) EXPECT_EQ(tail->outputs[o].name, c.outputs[o]);
  }
}

// A network that has a tail, and its only node changed.
importer::Network changed(const std::function<void(importer::TailNode&)>& change) {
  for (const Case& c : import_test::read_cases(IMPORT_TAIL_CASES_FILE)) {
    if (c.name != "tail_softmax") continue;
    importer::Network network = network_of(c);
    change(network.tail.back());
    return network;
  }
  ADD_FAILURE() << "no such case";
  return {};
}

std::string refusal(const std::function<void(importer::TailNode&)>& change) {
  const auto tail = importer::write_tail(changed(change), "name");
  return tail ? "written" : tail.error().message;
}

TEST(Tails, WhatIsNotKnownIsNotWritten) {
  using Node = importer::TailNode;
  EXPECT_EQ(refusal([](Node&) {}), "written");
  EXPECT_EQ(refusal([](Node& node) { node.op_type = "NonMaxSuppression", node.node = "nms\n"; }),
            "NonMaxSuppression node nms/x0a: not an operator that is written as a function");
  EXPECT_EQ(refusal([](Node& node) { node.attributes["beta"] = int64_t{1}; }),
            "Softmax node softmax1: beta: an unknown attribute");
  EXPECT_EQ(refusal([](Node& node) { node.attributes["axis"] = 1.0f; }),
            "Softmax node softmax1: axis: an attribute of another type");
  EXPECT_EQ(refusal([](Node& node) { node.attributes["axis"] = int64_t{2}; }),
            "Softmax node softmax1: axis 2: expected one of 2");
  EXPECT_EQ(refusal([](Node& node) { node.inputs = {"nothing"}; }),
            "Softmax node softmax1: input nothing: made of what is not in float32");
  EXPECT_EQ(refusal([](Node& node) { node.inputs.clear(); }),
            "Softmax node softmax1: expected an input 0");
  EXPECT_EQ(refusal([](Node& node) { node.outputs = node.inputs; }).substr(0, 29),
            "Softmax node softmax1: output");
}

}  // namespace
