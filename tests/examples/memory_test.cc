// LeNet-5 with its weights as private input gives what the fixed one gives, and an attention what plain loops do: by
// the tensor unit and by instructions, in guests of both compilers, under qemu-riscv32 and on the host.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/examples/memory/infer.h"
#include "tests/guest/qemu.h"
#include "vm/run.h"

namespace {

using Bytes = std::vector<uint8_t>;
constexpr int kPixels = 784, kClasses = 10;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
// Part `number`, of so many bytes, of a file of examples/mnist/data.
Bytes data(const char* name, int number, int bytes) {
  const Bytes all = read_file(std::string(ZKVM_MNIST_DATA) + "/" + name);
  const auto begin = all.begin() + std::ptrdiff_t{number} * bytes;
  return {begin, begin + bytes};
}

void append(Bytes* bytes, std::span<const uint8_t> more) {
  bytes->insert(bytes->end(), more.begin(), more.end());
  bytes->resize((bytes->size() + 3) / 4 * 4);
}

// [channel][token], as they are stored: x + 128.
using Elements = std::vector<int>;
Elements any(std::mt19937& random) {
  Elements x;
  for (int i = 0; i < attention::kWidth * attention::kTokens; ++i)
    x.push_back(static_cast<int>(random() % 256) - 128);
  return x;
}
Bytes stored(const Elements& x) {
  Bytes bytes;
  for (const int e : x) bytes.push_back(static_cast<uint8_t>(e + 128));
  return bytes;
}
int requantised(int sum, const attention::Product& p) {
  const int y = zk::nn::rescale(sum, zk::nn::multiplier_of(p.scale));
  return zk::nn::saturate<int8_t>(y, p.zero_y);
}

struct Case {
  Bytes input, journal;
  Elements query, key, values;
  Bytes result;  // of the attention, as int8 [token][channel]

  explicit Case(int number) {
    std::mt19937 random(static_cast<uint32_t>(number));
    query = any(random), key = any(random), values = any(random);
    attend();
    append(&input, data("digits.u8", number, kPixels));
    append(&input, read_file(ZKVM_MEMORY_WEIGHTS));
    for (const Elements& x : {query, key, values}) append(&input, stored(x));
    append(&journal, data("lenet5.logits.i8", number, kClasses));
    append(&journal, result);
  }

  void attend() {
    constexpr int kTokens = attention::kTokens, kWidth = attention::kWidth;
    const auto &s = attention::kScores, &v = attention::kValues;
    for (int i = 0; i < kTokens; ++i) {
      int scores[kTokens];
      for (int j = 0; j < kTokens; ++j) {
        int sum = 0;
        for (int k = 0; k < kWidth; ++k)
          sum += (query[k * kTokens + i] - s.zero_a) * (key[k * kTokens + j] - s.zero_b);
        scores[j] = requantised(sum, s);
      }
      for (int k = 0; k < kWidth; ++k) {
        int sum = 0;
        for (int j = 0; j < kTokens; ++j)
          sum += (scores[j] - v.zero_a) * (values[k * kTokens + j] - v.zero_b);
        result.push_back(static_cast<uint8_t>(requantised(sum, v)));
      }
    }
  }
};

zkvm::vm::RunResult run(const std::string& guest, const Bytes& input) {
  const auto program = zkvm::vm::load_elf(read_file(zkvm::test::guest_path(guest)));
  EXPECT_TRUE(program) << program.error().message;
  auto result = zkvm::vm::run(*program, {.input = input, .console = {}});
  EXPECT_TRUE(result);
  return *std::move(result);
}

TEST(WeightsInMemory, AreReadAndGiveWhatFixedOnesGive) {
  for (int number = 0; number < 20; ++number) {
    const Case c(number);
    for (const char* guest : {"test_memory_gcc_on", "test_memory_clang_on"}) {
      const auto result = run(guest, c.input);
      ASSERT_FALSE(result.trap) << guest;
      ASSERT_EQ(result.journal, c.journal) << guest << ", digit " << number;
      EXPECT_EQ(result.layer_calls, std::vector<uint64_t>(9, 1));
      EXPECT_LT(result.cycles, 20'000u) << "no instruction moves a weight";
    }
  }
}

TEST(WeightsInMemory, ByInstructionsGiveTheSame) {
  const Case c(3);
  for (const char* guest : {"test_memory_gcc_off", "test_memory_clang_off"}) {
    const auto result = run(guest, c.input);
    ASSERT_FALSE(result.trap) << guest;
    EXPECT_EQ(result.journal, c.journal) << guest;
    EXPECT_LT(result.cycles, 7'000'000u);
    const zkvm::test::QemuRun qemu = zkvm::test::run_qemu(zkvm::test::guest_path(guest), c.input);
    EXPECT_EQ(qemu.journal, c.journal) << guest;
  }
}

TEST(WeightsInMemory, OnTheHostGiveTheSame) {
  const Bytes weights = read_file(ZKVM_MEMORY_WEIGHTS);
  for (int number = 0; number < 20; ++number) {
    const Case c(number);
    lenet5::Image digit;
    digit.fill_gaps();
    for (int i = 0; i < kPixels; ++i)
      digit.bytes()[lenet5::Image::byte_of(0, i / 28, i % 28)] = c.input[size_t(i)];
    size_t at = 0;
    const auto logits = memory::infer(digit, [&](const auto& layer) {
      typename std::remove_cvref_t<decltype(layer)>::Weights w;
      memcpy(w.words, weights.data() + at, sizeof(w.words));
      at += sizeof(w.words);
      return w;
    });
    EXPECT_EQ(at, weights.size());
    EXPECT_EQ(memcmp(logits.data, c.journal.data(), kClasses), 0);
    const auto set = [](auto& x, const Elements& elements) {
      x.fill_padding();
      for (int k = 0, i = 0; k < attention::kWidth; ++k)
        for (int token = 0; token < attention::kTokens; ++token)
          x.set(k, 0, token, static_cast<int8_t>(elements[size_t(i++)]));
    };
    attention::Query query;
    attention::Key key, values;
    set(query, c.query), set(key, c.key), set(values, c.values);
    const auto y = memory::elements(memory::attend(query, key, values));
    EXPECT_EQ(memcmp(y.data, c.result.data(), sizeof(y.data)), 0);
  }
}

// A bias that the unit does not have ends the run.
TEST(WeightsInMemory, BiasesBeyondTheUnitTrap) {
  Case c(0);
  // The last word of the weights is a bias of the last layer.
  const size_t at = kPixels + read_file(ZKVM_MEMORY_WEIGHTS).size() - 1;
  c.input[at] = 0x10;
  const auto result = run("test_memory_gcc_on", c.input);
  ASSERT_TRUE(result.trap);
  EXPECT_EQ(result.trap->kind, zkvm::vm::TrapKind::kBadBias);
  const auto plain = run("test_memory_gcc_off", c.input);
  ASSERT_TRUE(plain.trap);
  EXPECT_EQ(plain.trap->kind, zkvm::vm::TrapKind::kBreakpoint);
}

}  // namespace
