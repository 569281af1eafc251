// The cases as guests, as `zkvm import` writes them: on the tensor unit, by instructions, and compiled for the host.
#include <gtest/gtest.h>
#include <zk/blake3.h>
#include <zk/io.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "host/import/evaluate.h"
#include "host/import/lower.h"
#include "tests/guest/qemu.h"
#include "tests/import/cases.h"
#include "tests/import/private_cases.h"
#include "vm/elf.h"
#include "vm/run.h"

#define ZKVM_GROUP(k) void run_case_##k(uint32_t number);
#include "groups.inc"
#undef ZKVM_GROUP

// What a guest of the host reads and commits.
namespace zk {
namespace {
std::vector<uint8_t> input, journal;
size_t at = 0;
}  // namespace

void fail(std::string_view message) { throw std::runtime_error(std::string(message)); }
void read_bytes(std::span<std::byte> out) {
  const size_t words = (out.size() + 3) / 4 * 4;
  if (at + words > input.size()) fail("the input ended");
  std::memcpy(out.data(), input.data() + at, out.size());
  at += words;
}
void commit_bytes(std::span<const std::byte> bytes) {
  const auto* begin = reinterpret_cast<const uint8_t*>(bytes.data());
  journal.insert(journal.end(), begin, begin + bytes.size());
  journal.resize((journal.size() + 3) / 4 * 4);
}
}  // namespace zk

namespace {

using zkvm::import_test::Case;
using zkvm::import_test::Sample;
using namespace zkvm;

constexpr void (*kGroups[])(uint32_t) = {
#define ZKVM_GROUP(k) run_case_##k,
#include "groups.inc"
#undef ZKVM_GROUP
};

void append(std::vector<uint8_t>& words, const std::vector<uint8_t>& bytes, uint8_t flip) {
  for (const uint8_t byte : bytes) words.push_back(byte ^ flip);
  words.resize((words.size() + 3) / 4 * 4);
}

struct Numbered {
  uint32_t number;
  const Case* of;
  std::vector<uint8_t> flips;                   // of each input: as guests read int8
  std::vector<uint8_t> weights = {}, model_id = {};  // of those whose weights are private
};

std::vector<Numbered> imported() {
  std::vector<Numbered> cases;
  uint32_t number = 0;
  for (const Case& c : import_test::all_cases()) {
    if (c.kind == Case::Kind::kRefused) continue;
    Numbered numbered{number++, &c, {}};
    const auto model = onnx_file::read_model(c.model);
    const auto network = importer::lower(*model, {});
    if (!network) {
      ADD_FAILURE() << c.name << ": " << network.error().message;
      continue;
    }
    for (const importer::Port& port : network->inputs)
      numbered.flips.push_back(network->values[port.value].type == importer::Type::kInt8 ? 0x80
                                                                                         : 0);
    constexpr size_t kCount = std::size(kGroups);
    const uint64_t most_rows = import_test::most_rows_of(numbered.number, kCount);
    if (const auto plan =
            import_test::private_plan(*network, numbered.number, kCount, most_rows)) {
      const auto options = import_test::private_options(numbered.number);
      numbered.weights = importer::private_input(*plan, options);
      const auto id = importer::model_id(numbered.weights);
      numbered.model_id.assign(id.begin(), id.end());
    }
    cases.push_back(std::move(numbered));
  }
  return cases;
}

std::vector<uint8_t> input_of(const Numbered& c, const Sample& sample) {
  std::vector<uint8_t> words = c.weights;
  for (size_t i = 0; i < sample.inputs.size(); ++i) append(words, sample.inputs[i], c.flips[i]);
  return words;
}

// What the guest is to commit: the runtime's outputs, or the evaluator's where ours differ.
std::vector<uint8_t> journal_of(const Numbered& c, const Sample& sample) {
  std::vector<std::vector<uint8_t>> outputs = sample.outputs;
  if (c.of->kind == Case::Kind::kDiffers) {
    const auto model = onnx_file::read_model(c.of->model);
    const auto network = importer::lower(*model, {});
    outputs = *importer::evaluate(*network, sample.inputs);
  }
  std::vector<uint8_t> words = c.model_id;
  for (const std::vector<uint8_t>& output : outputs) append(words, output, 0);
  if (import_test::private_options(c.number).public_input) {
    const std::vector<uint8_t> input = input_of(c, sample);
    const zk::Digest digest = zk::blake3(std::span(input).subspan(c.weights.size()));
    words.insert(words.end(), digest.begin(), digest.end());
  }
  return words;
}

vm::Program program_of(const std::string& guest) {
  std::ifstream file(test::guest_path(guest), std::ios::binary);
  const std::vector<uint8_t> elf{std::istreambuf_iterator<char>(file), {}};
  auto program = vm::load_elf(elf);
  EXPECT_TRUE(program.has_value()) << guest;
  return *std::move(program);
}

// All samples of all cases on the VM; `calls` counts layers that the unit computed.
void check_on_vm(const std::string& form, uint64_t& calls) {
  std::vector<vm::Program> programs;
  for (size_t g = 0; g < std::size(kGroups); ++g)
    programs.push_back(program_of("import_group_" + std::to_string(g) + form));
  for (const Numbered& c : imported())
    for (const Sample& sample : c.of->samples) {
      std::vector<uint8_t> input(4);
      std::memcpy(input.data(), &c.number, 4);
      append(input, input_of(c, sample), 0);
      const auto run =
          vm::run(programs[c.number % programs.size()], {.input = input, .console = {}});
      ASSERT_TRUE(run.has_value()) << c.of->name;
      EXPECT_FALSE(run->trap) << c.of->name;
      EXPECT_EQ(run->exit_code, 0u) << c.of->name;
      EXPECT_EQ(run->journal, journal_of(c, sample)) << c.of->name;
      for (const uint64_t count : run->layer_calls) calls += count;
    }
}

TEST(ImportedGuests, OnTheTensorUnit) {
  uint64_t calls = 0;
  check_on_vm("", calls);
  EXPECT_GT(calls, 100u);
}

TEST(ImportedGuests, ByInstructions) {
  uint64_t calls = 0;
  check_on_vm("_plain", calls);
  EXPECT_EQ(calls, 0u);
}

TEST(ImportedGuests, SomeHavePrivateWeights) {
  size_t count = 0;
  for (const Numbered& c : imported()) count += c.weights.empty() ? 0 : 1;
  EXPECT_GT(count, 50u);
}

TEST(ImportedGuests, CompiledForTheHost) {
  for (const Numbered& c : imported())
    for (const Sample& sample : c.of->samples) {
      zk::input = input_of(c, sample);
      zk::at = 0;
      zk::journal.clear();
      kGroups[c.number % std::size(kGroups)](c.number);
      EXPECT_EQ(zk::journal, journal_of(c, sample)) << c.of->name;
      EXPECT_EQ(zk::at, zk::input.size()) << c.of->name;
    }
}

}  // namespace
