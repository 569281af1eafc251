// What stands behind the last quantised tensors, as `zkvm import` writes it, against ONNX Runtime's own outputs;
// make_tail_cases.py has them. check_tails.py does the same for the functions in Python.
#include "host/import/tail.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

#include "host/import/evaluate.h"
#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/project.h"
#include "tests/guest/qemu.h"
#include "tests/import/cases.h"
#include "vm/elf.h"
#include "vm/run.h"

namespace {

using Run =
    std::function<std::vector<std::vector<double>>(const std::vector<std::vector<uint8_t>>&)>;
#include "tails.inc"

using namespace zkvm;
using import_test::Case;

// Of each element, relative to the greater of 1 and itself: 4 units in the last place are half of it. The runtime's Sigmoid,
// Tanh and Erf are polynomials whose error is that of 1 near their ends, and sums that cancel keep the error of their parts.
constexpr double kRelative = 1e-6;
bool is_near(double got, double want) {
  return std::abs(got - want) <= kRelative * std::max(1.0, std::abs(want));
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = import_test::read_cases(IMPORT_TAIL_CASES_FILE);
  return all;
}
const Case& case_called(const std::string& name) {
  for (const Case& c : cases())
    if (c.name == name) return c;
  ADD_FAILURE() << "no case " << name;
  return cases().front();
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
  for (const Case& c : cases()) {
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
  for (const Case& c : cases()) {
    const auto tail = importer::write_tail(network_of(c), "name");
    ASSERT_TRUE(tail.has_value()) << c.name;
    ASSERT_EQ(tail->outputs.size(), c.outputs.size()) << c.name;
    for (size_t o = 0; o < c.outputs.size(); ++o) EXPECT_EQ(tail->outputs[o].name, c.outputs[o]);
  }
}

// A network that has a tail, and its only node changed.
importer::Network changed(const std::function<void(importer::TailNode&)>& change) {
  importer::Network network = network_of(case_called("tail_softmax"));
  change(network.tail.back());
  return network;
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

// --float-tail -----------------------------------------------------------------------------------
importer::Plan plan_of(const Case& c) {
  auto plan = importer::plan(network_of(c));
  EXPECT_TRUE(plan.has_value()) << c.name;
  return *std::move(plan);
}
importer::WriteOptions float_tail(const Case& c) {
  importer::WriteOptions options;
  options.name = c.name;
  options.float_tail = true;
  return options;
}

void append(std::vector<uint8_t>& words, const std::vector<uint8_t>& bytes, uint8_t flip) {
  for (const uint8_t byte : bytes) words.push_back(byte ^ flip);
  words.resize((words.size() + 3) / 4 * 4);
}

// The guest's journal, read by what the guest says of its model, against the runtime's outputs.
void check_guest(const std::string& name, const std::string& guest) {
  const Case& c = case_called(name);
  const auto model = onnx_file::read_model(c.model);
  const importer::Network network = network_of(c);
  const ModelInfo info = importer::model_info(plan_of(c), float_tail(c));
  EXPECT_EQ(complaint_of(info), std::nullopt);
  std::ifstream file(test::guest_path(guest), std::ios::binary);
  const std::vector<uint8_t> elf{std::istreambuf_iterator<char>(file), {}};
  const auto program = vm::load_elf(elf);
  ASSERT_TRUE(program.has_value()) << guest;
  for (const import_test::Sample& sample : c.samples) {
    std::vector<uint8_t> input;
    for (size_t i = 0; i < sample.inputs.size(); ++i)
      append(input, sample.inputs[i], info.inputs[i].type == TensorType::kInt8 ? 0x80 : 0);
    const auto run = vm::run(*program, {.input = input, .console = {}});
    ASSERT_TRUE(run.has_value() && !run->trap) << guest;
    ASSERT_EQ(run->journal.size(), info.output_bytes());
    size_t at = 0;
    for (size_t o = 0; o < info.outputs.size(); ++o) {
      const TensorInfo& output = info.outputs[o];
      EXPECT_EQ(output.name, c.outputs[o]);
      const std::vector<float> want = wanted(sample.outputs[o], model->outputs[o].type);
      ASSERT_EQ(want.size(), output.elements());
      const std::vector<uint8_t> bytes(
          run->journal.begin() + static_cast<ptrdiff_t>(at),
          run->journal.begin() + static_cast<ptrdiff_t>(at + output.bytes()));
      for (size_t i = 0; i < want.size(); ++i)
        EXPECT_TRUE(is_near(output.type == TensorType::kFloat32 ? elements<float>(bytes)[i]
                            : output.type == TensorType::kInt32 ? elements<int32_t>(bytes)[i]
                            : output.type == TensorType::kInt8  ? elements<int8_t>(bytes)[i]
                                                                : bytes[i],
                            want[i]))
            << guest << " " << output.name << " [" << i << "]";
      at += output.padded_bytes();
    }
  }
}

TEST(FloatTails, BehindALayerOnTheUnit) { check_guest("tail_behind_gemm", "tail_behind_gemm"); }
TEST(FloatTails, BesideOutputsOfOtherTypes) { check_guest("tail_and_others", "tail_and_others"); }

TEST(FloatTails, AreRefusedWhereThereIsNoneOrOneThatIsNotKnown) {
  const Case& c = case_called("tail_softmax");
  const auto message = [&](const importer::Plan& plan) {
    const auto files = importer::write_guest(plan, float_tail(c));
    return files ? "written" : files.error().message;
  };
  importer::Plan plan = plan_of(c);
  EXPECT_EQ(message(plan), "written");
  plan.network.tail.back().op_type = "NonMaxSuppression";
  EXPECT_EQ(message(plan),
            "--float-tail: NonMaxSuppression node softmax1: not an operator that is written as a "
            "function");
  plan.network.tail.clear();
  EXPECT_EQ(message(plan),
            "--float-tail: expected float32 arithmetic behind the last quantised tensors, found "
            "none");
}

// The files of a project that have to do with its tail.
std::vector<std::string> functions_of(const importer::Plan& plan,
                                      const importer::WriteOptions& options) {
  std::vector<std::string> names;
  const auto files = importer::write_guest(plan, options);
  EXPECT_TRUE(files.has_value());
  for (const importer::ProjectFile& file : *files)
    if (file.name.find("_outputs.") != std::string::npos) names.push_back(file.name);
  return names;
}

TEST(Tails, AreFilesOfTheProjectWhereTheJournalHoldsWhatTheyRead) {
  const Case& c = case_called("tail_softmax");
  importer::Plan plan = plan_of(c);
  importer::WriteOptions options;
  options.name = "net";
  EXPECT_EQ(functions_of(plan, options),
            (std::vector<std::string>{"net_outputs.h", "net_outputs.py"}));
  options.output = importer::WriteOptions::Output::kArgMax;
  EXPECT_TRUE(functions_of(plan, options).empty());
  options.output = importer::WriteOptions::Output::kAll;
  plan.network.tail.back().op_type = "NonMaxSuppression";
  EXPECT_TRUE(functions_of(plan, options).empty());
}

}  // namespace
