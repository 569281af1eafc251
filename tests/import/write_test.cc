// What `zkvm import` writes of a model is what all readers of guests take, or there is an error.
#include "host/import/write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/project.h"
#include "tests/import/cases.h"
#include "vm/elf.h"

namespace zkvm::test {
namespace {

using import_test::Case;
using ::testing::HasSubstr;

importer::Plan plan_of(const Case& c) {
  const auto model = onnx_file::read_model(c.model);
  auto network = importer::lower(*model, {});
  EXPECT_TRUE(network) << c.name << ": " << network.error().message;
  auto plan = importer::plan(*std::move(network));
  EXPECT_TRUE(plan) << c.name << ": " << plan.error().message;
  return *std::move(plan);
}

importer::WriteOptions options() {
  importer::WriteOptions options;
  options.name = "net";
  options.onnx = {"maker 1.0", 13, std::string(64, 'a')};
  return options;
}

// A dense layer reads a flattened tensor as it lies, but not one of which it gets the beginning alone.
TEST(Plan, TheBeginningOfATensorIsNotTheTensor) {
  for (const uint32_t width : {10u, 20u}) {
    importer::Network network;
    const layers::Quantisation q{};
    network.values = {{"x", importer::Type::kInt8, {1, 20}, q},
                      {"part", importer::Type::kInt8, {1, width}, q},
                      {"y", importer::Type::kInt8, {1, 4}, q}};
    importer::Move move{.inputs = {0}, .y = 1, .from = {}};
    for (uint32_t i = 0; i < width; ++i) move.from.push_back(i);
    importer::Linear linear{.x = 1, .y = 2, .rows = true, .layer = {.name = "", .outputs = 4}};
    linear.layer.weights.assign(size_t{4} * width, 1);
    linear.layer.bias.assign(4, 0);
    linear.layer.weight_scales = {1};
    network.operators = {{"slice1", "", "Slice", move}, {"dense1", "", "MatMul", linear}};
    network.inputs = {{0, "x", {}}};
    network.outputs = {{2, "y", {}}};
    const auto plan = importer::plan(network);
    ASSERT_TRUE(plan) << plan.error().message;
    // All of it is read in place; of the beginning there is a copy.
    EXPECT_EQ(plan->network.operators.size(), width == 20 ? 1u : 2u);
  }
}

TEST(WriteGuest, SaysOfItsModelWhatIsRead) {
  size_t written = 0;
  for (const Case& c : import_test::all_cases()) {
    if (c.kind == Case::Kind::kRefused) continue;
    const importer::Plan plan = plan_of(c);
    const auto files = importer::write_guest(plan, options());
    ASSERT_TRUE(files) << c.name << ": " << files.error().message;
    const auto file = std::ranges::find(*files, "net.model.json", &importer::ProjectFile::name);
    ASSERT_NE(file, files->end());
    const auto read = read_model_info(std::vector<uint8_t>(file->bytes.begin(), file->bytes.end()));
    ASSERT_TRUE(read) << c.name << ": " << read.error().message;
    EXPECT_EQ(*read, importer::model_info(plan, options())) << c.name;
    ++written;
  }
  EXPECT_GT(written, 0u);
}

TEST(WriteGuest, RefusesWhatNobodyWouldRead) {
  const auto cases = import_test::all_cases();
  const auto some =
      std::ranges::find_if_not(cases, [](const Case& c) { return c.kind == Case::Kind::kRefused; });
  ASSERT_NE(some, cases.end());
  const importer::Plan good = plan_of(*some);
  const auto message = [](const importer::Plan& plan, const importer::WriteOptions& write) {
    const auto files = importer::write_guest(plan, write);
    EXPECT_FALSE(files);
    return files ? std::string() : files.error().message;
  };
  importer::WriteOptions write = options();
  write.onnx.producer = std::string(kMaxNameBytes + 1, 'p');
  EXPECT_THAT(message(good, write), HasSubstr("of its model: onnx.producer: "));
  importer::Plan plan = good;
  plan.network.outputs[0].name = std::string(kMaxNameBytes + 1, 'y');
  EXPECT_THAT(message(plan, options()), HasSubstr("outputs[0]: name: "));
  plan = good;
  plan.network.outputs[0].labels.assign(vm::kMaxModelBytes / 1000, std::string(1000, 'l'));
  EXPECT_THAT(message(plan, options()), HasSubstr("bytes of names and labels"));
}

}  // namespace
}  // namespace zkvm::test
