// The same layers as guests of both compilers: on the VM, by instructions (from parameters, and from a model's
// layers) and on the tensor unit, and under qemu-riscv32.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/guest/nn/layers.h"
#include "tests/guest/nn/vectors.h"
#include "tests/guest/qemu.h"
#include "vm/run.h"

namespace {

// Cuts `bytes` into the tensors of every sample and pads each to words, as guests read and commit
// them.
std::vector<uint8_t> padded(const std::vector<uint8_t>& bytes, bool outputs) {
  std::vector<uint8_t> words;
  size_t at = 0;
  for (int sample = 0; sample < kSamples; ++sample) {
    layers::for_each([&](auto x, auto layer) {
      const size_t size = outputs ? sizeof(layer(x).data) : sizeof(x.data);
      words.insert(words.end(), bytes.data() + at, bytes.data() + at + size);
      words.resize((words.size() + 3) / 4 * 4);
      at += size;
    });
  }
  EXPECT_EQ(at, bytes.size());
  return words;
}

// Runs a guest on the VM, which must give this journal. Returns how often it called a layer.
uint64_t layer_calls_of_a_good_run(const std::string& path, const std::vector<uint8_t>& input,
                                   const std::vector<uint8_t>& journal) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<uint8_t> elf{std::istreambuf_iterator<char>(file),
                                 std::istreambuf_iterator<char>()};
  const auto program = zkvm::vm::load_elf(elf);
  if (!program) return ADD_FAILURE() << program.error().message, 0;
  const auto run = zkvm::vm::run(*program, {.input = input, .console = {}});
  if (!run) return ADD_FAILURE() << run.error().message, 0;
  EXPECT_FALSE(run->trap);
  EXPECT_EQ(run->exit_code, 0u);
  EXPECT_EQ(run->journal, journal);
  return std::accumulate(run->layer_calls.begin(), run->layer_calls.end(), uint64_t{0});
}

class LayersGuest : public ::testing::TestWithParam<const char*> {
 protected:
  LayersGuest() {
    const std::vector<uint8_t> tensors = padded(read_vector("inputs.bin"), false);
    input_ = {kSamples, 0, 0, 0};
    input_.insert(input_.end(), tensors.begin(), tensors.end());
  }

  static std::string elf(const std::string& tensor) {
    return zkvm::test::guest_path(std::string("test_layers_") + GetParam() + "_" + tensor);
  }
  std::vector<uint8_t> input_;
  const std::vector<uint8_t> journal_ = padded(read_vector("outputs.bin"), true);
};

INSTANTIATE_TEST_SUITE_P(Compilers, LayersGuest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(LayersGuest, EqualsOnnxRuntimeOnTheVm) {
  EXPECT_EQ(layer_calls_of_a_good_run(elf("off"), input_, journal_), 0u);
}

TEST_P(LayersGuest, WithWrittenParametersEqualsOnnxRuntimeOnTheVm) {
  EXPECT_EQ(layer_calls_of_a_good_run(elf("written"), input_, journal_), 0u);
}

// All but the average pools are there.
TEST_P(LayersGuest, EqualsOnnxRuntimeOnTheTensorUnit) {
  EXPECT_EQ(layer_calls_of_a_good_run(elf("on"), input_, journal_), 9u * kSamples);
}

TEST_P(LayersGuest, EqualsOnnxRuntimeUnderQemu) {
  for (const char* kind : {"off", "written"}) {
    const zkvm::test::QemuRun run = zkvm::test::run_qemu(elf(kind), input_);
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(run.journal, journal_) << kind;
  }
}

class ResidualGuest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr uint8_t kSamples = 16;
  ResidualGuest() {
    for (const uint8_t byte : read_vector("residual_inputs.bin")) input_.push_back(byte);
  }
  static std::string elf(const std::string& tensor) {
    return zkvm::test::guest_path(std::string("test_residual_") + GetParam() + "_" + tensor);
  }
  std::vector<uint8_t> input_;
  const std::vector<uint8_t> journal_ = read_vector("residual_outputs.bin");
};

INSTANTIATE_TEST_SUITE_P(Compilers, ResidualGuest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(ResidualGuest, EqualsOnnxRuntimeOnTheVm) {
  EXPECT_EQ(layer_calls_of_a_good_run(elf("off"), input_, journal_), 0u);
}

TEST_P(ResidualGuest, EqualsOnnxRuntimeOnTheTensorUnit) {
  EXPECT_EQ(layer_calls_of_a_good_run(elf("on"), input_, journal_), 8u * kSamples);
}

TEST_P(ResidualGuest, EqualsOnnxRuntimeUnderQemu) {
  const zkvm::test::QemuRun run = zkvm::test::run_qemu(elf("off"), input_);
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.journal, journal_);
}

class NetworkGuest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr uint8_t kSamples = 32;
  NetworkGuest() {
    for (const uint8_t byte : read_vector("network_inputs.bin")) input_.push_back(byte);
  }
  static std::string elf(const std::string& tensor) {
    return zkvm::test::guest_path(std::string("test_network_") + GetParam() + "_" + tensor);
  }
  std::vector<uint8_t> input_;
  const std::vector<uint8_t> journal_ = read_vector("network_outputs.bin");
};

INSTANTIATE_TEST_SUITE_P(Compilers, NetworkGuest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(NetworkGuest, EqualsOnnxRuntimeOnTheVm) {
  EXPECT_EQ(layer_calls_of_a_good_run(elf("off"), input_, journal_), 0u);
}

TEST_P(NetworkGuest, EqualsOnnxRuntimeOnTheTensorUnit) {
  EXPECT_EQ(layer_calls_of_a_good_run(elf("on"), input_, journal_), 7u * kSamples);
}

TEST_P(NetworkGuest, EqualsOnnxRuntimeUnderQemu) {
  const zkvm::test::QemuRun run = zkvm::test::run_qemu(elf("off"), input_);
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.journal, journal_);
}

}  // namespace
