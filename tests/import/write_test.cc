// What `zkvm import` writes of a model is what all readers of guests take, or there is an error.
#include "host/import/write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/project.h"
#include "tests/import/cases.h"
#include "vm/elf.h"

namespace zkvm::test {
namespace {

using import_test::Case;
using ::testing::HasSubstr;
using ::testing::Not;

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

// Private weights: files that are no secret are the same for any weights and biases.
TEST(Plan, NothingPublicDependsOnPrivateWeights) {
  std::mt19937 random(1);
  size_t count = 0;
  for (const Case& c : import_test::all_cases()) {
    if (c.kind == Case::Kind::kRefused) continue;
    const auto model = onnx_file::read_model(c.model);
    importer::Network network = *importer::lower(*model, {});
    const auto files_of = [](const importer::Network& of, uint8_t salt) {
      const auto plan = importer::plan(of, {.private_weights = true});
      importer::WriteOptions write = options();
      write.salt.fill(salt);
      write.batch = 2;
      return plan ? importer::write_guest(*plan, write)
                  : tl::unexpected<importer::Error>(plan.error());
    };
    const auto first = files_of(network, 7);
    if (!first) continue;
    for (importer::Operator& op : network.operators)
      if (auto* linear = std::get_if<importer::Linear>(&op.what); linear && linear->from_model) {
        const int zero = *linear->from_model->stored_zero;
        for (int16_t& w : linear->layer.weights)
          w = static_cast<int16_t>(static_cast<int>(random() % 256) - zero);
        for (int32_t& b : linear->layer.bias) b = static_cast<int32_t>(random() % 2001) - 1000;
      }
    const auto second = files_of(network, 8);
    ASSERT_TRUE(second) << c.name << ": " << second.error().message;
    ASSERT_EQ(first->size(), second->size());
    bool differs = false;
    for (size_t i = 0; i < first->size(); ++i) {
      const importer::ProjectFile &a = (*first)[i], &b = (*second)[i];
      EXPECT_EQ(a.name, b.name);
      EXPECT_EQ(a.is_secret, a.name == "net.weights" || a.name == "example.input") << a.name;
      if (a.is_secret)
        differs |= a.bytes != b.bytes;
      else
        EXPECT_EQ(a.bytes, b.bytes) << c.name << ": " << a.name;
    }
    EXPECT_TRUE(differs) << c.name;
    ++count;
  }
  EXPECT_GT(count, 200u);
}

// What would stand in the program is refused, by its node.
TEST(Plan, RefusesConstantsBesidePrivateWeights) {
  std::set<std::string> refused;
  for (const Case& c : import_test::all_cases()) {
    if (c.kind == Case::Kind::kRefused) continue;
    const auto plan = importer::plan(*importer::lower(*onnx_file::read_model(c.model), {}),
                                     {.private_weights = true});
    if (plan) continue;
    EXPECT_EQ(plan.error().code, onnx_file::ErrorCode::kUnsupported) << c.name;
    EXPECT_THAT(plan.error().message, HasSubstr("private-weights: ")) << c.name;
    for (const char* what : {"constants would be part", "one zero point", "found none", "bias of"})
      if (plan.error().message.find(what) != std::string::npos) refused.insert(what);
  }
  EXPECT_TRUE(refused.contains("constants would be part"));
  EXPECT_TRUE(refused.contains("found none"));
}

// A network of `x -> a -> b -> c`, and of the sum of c and a.
importer::Plan sum_behind_a_chain() {
  importer::Network network;
  const auto add = [&](const char* name) {
    network.values.push_back({name, importer::Type::kInt8, {1, 1024}, {}});
    return static_cast<importer::ValueId>(network.values.size() - 1);
  };
  const auto x = add("x"), a = add("a"), b = add("b"), c = add("c"), y = add("y");
  const auto flip = [](importer::ValueId from, importer::ValueId to) {
    importer::Move move{.inputs = {from}, .y = to, .from = {}};
    for (uint32_t i = 0; i < 1024; ++i) move.from.push_back(1023 - i);
    return move;
  };
  importer::Pair pair{.a = c, .b = a, .y = y, .table = nullptr};
  network.operators = {{"a", "", "", flip(x, a)},
                       {"b", "", "", flip(a, b)},
                       {"c", "", "", flip(b, c)},
                       {"y", "", "", pair}};
  network.inputs = {{x, "x", {}}};
  network.outputs = {{y, "y", {}}};
  importer::Plan plan;
  plan.storage.resize(network.values.size());
  plan.network = std::move(network);
  return plan;
}

TEST(PlaceTensors, TakesTheBytesOfTensorsThatNobodyReadsAnyMore) {
  const importer::Plan plan = sum_behind_a_chain();
  const auto places = place_tensors(plan, {.tensor = 1, .together = 5 * 1024 - 1});
  EXPECT_EQ(places.offsets.size(), 5u);
  EXPECT_EQ(places.bytes, 3 * 1024u);  // c, a and y; b, too, is read while there are two others
  const auto at = [&](importer::ValueId v) { return places.offsets.at(v); };
  for (const auto& [one, other] : {std::pair{0, 1}, {1, 2}, {1, 3}, {2, 3}, {1, 4}, {3, 4}})
    EXPECT_NE(at(static_cast<uint32_t>(one)), at(static_cast<uint32_t>(other))) << one << other;
}

TEST(PlaceTensors, LeavesWhatIsNotWorthIt) {
  const importer::Plan plan = sum_behind_a_chain();
  EXPECT_EQ(place_tensors(plan, {.tensor = 1, .together = 5 * 1024}).bytes, 0u);
  EXPECT_EQ(place_tensors(plan, {.tensor = 1025, .together = 0}).bytes, 0u);
}

// Of all cases: no two tensors that are there at one time share a byte.
TEST(PlaceTensors, KeepsApartWhatIsNeededAtOneTime) {
  uint64_t together = 0, separate = 0;
  for (const Case& c : import_test::all_cases()) {
    if (c.kind == Case::Kind::kRefused) continue;
    const importer::Plan plan = plan_of(c);
    const auto places = place_tensors(plan, {.tensor = 1, .together = 0});
    std::map<importer::ValueId, bool> needed;  // by the operators from here on
    const auto check = [&] {
      std::vector<std::pair<uint64_t, uint64_t>> taken;
      for (const auto& [v, offset] : places.offsets)
        if (needed[v]) taken.emplace_back(offset, offset + plan.bytes_of(v));
      std::ranges::sort(taken);
      for (size_t i = 1; i < taken.size(); ++i)
        EXPECT_LE(taken[i - 1].second, taken[i].first) << c.name;
      if (!taken.empty()) EXPECT_LE(taken.back().second, places.bytes) << c.name;
    };
    for (const importer::Port& port : plan.network.outputs) needed[port.value] = true;
    for (auto op = plan.network.operators.rbegin(); op != plan.network.operators.rend(); ++op) {
      std::vector<importer::ValueId> writes;
      importer::for_each_operand(
          *op, [&](importer::ValueId v) { needed[v] = true; },
          [&](importer::ValueId v) { writes.push_back(v); });
      for (const importer::ValueId v : writes) needed[v] = true;
      check();
      for (const importer::ValueId v : writes) needed[v] = false;
    }
    for (const auto& [v, offset] : places.offsets) separate += plan.bytes_of(v);
    together += places.bytes;
  }
  EXPECT_LT(together, separate);
}

// Products whose sums the unit can hold are on it, unless it is a pair that says what lies beyond the last channel.
TEST(Plan, ProductsOfComputedTensorsAreOnTheUnit) {
  const auto is_on_unit = [](uint32_t inner, bool behind_pair) {
    importer::Network network;
    const layers::Quantisation q{};
    const auto value = [&](const char* name, importer::Dims dims) {
      network.values.push_back({name, importer::Type::kInt8, std::move(dims), q});
      return static_cast<importer::ValueId>(network.values.size() - 1);
    };
    const auto x = value("x", {2, 3, inner}), b = value("b", {2, inner, 5}),
               a = value("a", {2, 3, inner}), y = value("y", {2, 3, 5});
    if (behind_pair)
      network.operators.push_back(
          {"add1", "", "Add",
           importer::Pair{x, x, a, std::make_shared<std::vector<uint8_t>>(1 << 16)}});
    network.operators.push_back(
        {"mat_mul1", "", "MatMul", importer::MatMul{behind_pair ? a : x, b, y, 0.01f}});
    network.inputs = {{x, "x", {}}, {b, "b", {}}};
    network.outputs = {{y, "y", {}}};
    const auto plan = importer::plan(network);
    EXPECT_TRUE(plan) << plan.error().message;
    for (size_t i = 0; i < plan->network.operators.size(); ++i)
      if (plan->network.operators[i].name == "mat_mul1") return !plan->calls_of[i].empty();
    return ADD_FAILURE(), false;
  };
  for (const uint32_t inner : {1u, 4u, 7u, 16u}) {
    EXPECT_TRUE(is_on_unit(inner, false)) << inner;
    EXPECT_EQ(is_on_unit(inner, true), inner % 4 == 0) << inner;
  }
  EXPECT_TRUE(is_on_unit(31868, false)) << "32640 of it are the span";
  EXPECT_FALSE(is_on_unit(31872, false));
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

importer::Plan plan_of_table(uint32_t size) {
  importer::Network network;
  network.values = {{"x", importer::Type::kInt8, {1, size}, {}},
                    {"y", importer::Type::kInt8, {1, 4}, {}}};
  network.operators = {
      {"slice1", "", "Slice", importer::Move{.inputs = {0}, .y = 1, .from = {0, 1, 2, 3}}}};
  network.inputs = {{0, "x", {}}};
  network.outputs = {{1, "y", {}}};
  auto plan = importer::plan(network);
  EXPECT_TRUE(plan);
  return *std::move(plan);
}

std::string file_of(const importer::Plan& plan, const std::string& name) {
  const auto files = importer::write_guest(plan, options());
  const auto file = std::ranges::find(*files, name, &importer::ProjectFile::name);
  return file == files->end() ? "" : file->bytes;
}

// Reading takes up to two copies of an input beside the tensor: a guest that had no room for them ended with a trap.
TEST(WriteGuest, StackHasRoomForReadingALargeInput) {
  const auto stack = [](uint32_t size) {
    const std::string text = file_of(plan_of_table(size), "CMakeLists.txt");
    const size_t at = text.find("STACK ");
    return at == std::string::npos ? 0 : std::stoul(text.substr(at + 6)) << 10;
  };
  EXPECT_GE(stack(70000), 3u * 70000 + (64u << 10));
  EXPECT_LT(stack(1000), 80u << 10);
}

// A guest of one's own includes the network, which has no main() and reads nothing.
TEST(WriteGuest, NetworkStandsInAHeader) {
  const importer::Plan plan = plan_of_table(8);
  const std::string network = file_of(plan, "net_network.h"), guest = file_of(plan, "net_guest.cc");
  EXPECT_THAT(network, HasSubstr("inline Outputs infer(const X& x)"));
  EXPECT_THAT(network, Not(HasSubstr("main(")));
  EXPECT_THAT(network, Not(HasSubstr("read_tensor")));
  EXPECT_THAT(guest, HasSubstr("#include \"net_network.h\""));
  EXPECT_THAT(guest, HasSubstr("infer(x)"));
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
