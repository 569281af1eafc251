// The C face of the verifier: arguments, ownership, outputs, and memory that runs out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <string>

#include "host/model_tensors.h"
#include "host/zkvm_verify_c.h"
#include "tests/host/true_receipt.h"

namespace {

// Allocations that still succeed; below zero: all do. Those that are alive.
std::atomic<int64_t> allocations_left = -1, alive = 0;

void* allocated(size_t bytes, size_t alignment = 0) {
  if (allocations_left == 0) return nullptr;
  if (allocations_left > 0) --allocations_left;
  void* memory = alignment == 0
                     ? std::malloc(bytes == 0 ? 1 : bytes)
                     : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory != nullptr) ++alive;
  return memory;
}

void released(void* memory) {
  if (memory != nullptr) --alive;
  std::free(memory);
}

}  // namespace

// Every allocation of this program, the library's too, which is linked into it.
void* operator new(size_t bytes) {
  void* memory = allocated(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  void* memory = allocated(bytes, static_cast<size_t>(alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return allocated(bytes); }
void operator delete(void* memory) noexcept { released(memory); }
void operator delete(void* memory, size_t) noexcept { released(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { released(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { released(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { released(memory); }

namespace zkvm::test {
namespace {

using ::testing::ElementsAre;
using ::testing::StrEq;
using Bytes = std::vector<uint8_t>;

const TrueReceipt& sample() {
  static const TrueReceipt receipt({41, 0, 0, 0});
  return receipt;
}

constexpr zkvm_verify_options kFewBits = {.security_bits = kTrueBits, .regime = ZKVM_JOHNSON};

struct Answer {
  int code = -1;
  std::string message;
};

Answer ask(const Bytes& receipt, const uint8_t* id, const zkvm_verify_options* options,
           zkvm_verification** out) {
  char message[ZKVM_MESSAGE_BYTES];
  const int code = zkvm_verify(receipt.data(), receipt.size(), id, options, out, message);
  return {code, message};
}

TEST(VerifyC, ATrueReceipt) {
  zkvm_verification* proven = nullptr;
  const Answer answer = ask(sample().bytes, sample().id.data(), &kFewBits, &proven);
  EXPECT_EQ(answer.code, ZKVM_OK);
  EXPECT_THAT(answer.message, StrEq(""));
  ASSERT_NE(proven, nullptr);
  EXPECT_EQ(proven->exit_code, 3);
  EXPECT_THAT(Bytes(proven->journal, proven->journal + proven->journal_bytes),
              ElementsAre(41, 0, 0, 0, 41, 0, 0, 0, 42, 0, 0, 0));
  EXPECT_GE(proven->security_bits, kTrueBits);
  EXPECT_EQ(proven->regime, ZKVM_UNIQUE);
  EXPECT_EQ(proven->segments, sample().receipt.segments.size());
  EXPECT_EQ(proven->has_model, 0u);
  zkvm_verification_free(proven);
}

TEST(VerifyC, DefaultsAreThoseOfCxx) {
  zkvm_verification* proven = nullptr;
  EXPECT_EQ(zkvm_verify_defaults().security_bits, VerifyOptions().security_bits);
  EXPECT_EQ(zkvm_verify_defaults().regime, ZKVM_JOHNSON);
  const Answer answer = ask(sample().bytes, sample().id.data(), nullptr, &proven);
  EXPECT_EQ(answer.code, ZKVM_INSECURE) << answer.message;
  EXPECT_EQ(proven, nullptr);
}

TEST(VerifyC, Arguments) {
  const auto* id = sample().id.data();
  const auto* bytes = sample().bytes.data();
  const size_t count = sample().bytes.size();
  char message[ZKVM_MESSAGE_BYTES];
  auto* proven = reinterpret_cast<zkvm_verification*>(message);  // which the call must not keep
  EXPECT_EQ(zkvm_verify(bytes, count, id, nullptr, nullptr, message), ZKVM_BAD_ARGUMENT);
  EXPECT_EQ(zkvm_verify(nullptr, 1, id, nullptr, &proven, message), ZKVM_BAD_ARGUMENT);
  EXPECT_EQ(proven, nullptr);
  EXPECT_EQ(zkvm_verify(bytes, count, nullptr, nullptr, &proven, message), ZKVM_BAD_ARGUMENT);
  EXPECT_THAT(message, StrEq("image id: expected 32 bytes, found none"));
  EXPECT_EQ(zkvm_verify(nullptr, 0, id, nullptr, &proven, message), ZKVM_MALFORMED_RECEIPT);
  EXPECT_EQ(zkvm_verify(nullptr, 0, id, nullptr, &proven, nullptr), ZKVM_MALFORMED_RECEIPT);
  for (const double bits : {-1.0, double{-INFINITY}, std::nan("")}) {
    const zkvm_verify_options options = {.security_bits = bits, .regime = ZKVM_UNIQUE};
    EXPECT_EQ(ask(sample().bytes, id, &options, &proven).code, ZKVM_BAD_ARGUMENT);
  }
  for (const int regime : {-1, 2, 1 << 30}) {
    const zkvm_verify_options options = {.security_bits = kTrueBits, .regime = regime};
    EXPECT_EQ(ask(sample().bytes, id, &options, &proven).code, ZKVM_BAD_ARGUMENT);
  }
  zkvm_verification_free(nullptr);
  zkvm_outputs_free(nullptr);
}

TEST(VerifyC, Names) {
  EXPECT_STREQ(zkvm_code_name(ZKVM_OK), "ok");
  EXPECT_STREQ(zkvm_code_name(ZKVM_OUT_OF_MEMORY), "out-of-memory");
  EXPECT_STREQ(zkvm_code_name(ZKVM_BAD_ARGUMENT), "bad-argument");
  EXPECT_STREQ(zkvm_code_name(ZKVM_MALFORMED_RECEIPT), "malformed-receipt");
  EXPECT_STREQ(zkvm_code_name(ZKVM_INVALID_RECEIPT), "invalid-receipt");
  EXPECT_STREQ(zkvm_code_name(ZKVM_WRONG_PROGRAM), "wrong-program");
  EXPECT_STREQ(zkvm_code_name(ZKVM_INSECURE), "insecure");
  EXPECT_STREQ(zkvm_code_name(ZKVM_MALFORMED_MODEL), "malformed-model");
  EXPECT_STREQ(zkvm_code_name(ZKVM_WRONG_MODEL), "wrong-model");
  EXPECT_STREQ(zkvm_code_name(ZKVM_UNFIT_TENSORS), "unfit-tensors");
  EXPECT_STREQ(zkvm_code_name(ZKVM_INTERNAL), "internal");
  for (const int other : {-1, 11, 1000}) EXPECT_STREQ(zkvm_code_name(other), "unknown");
  EXPECT_STREQ(zkvm_regime_name(ZKVM_JOHNSON), regime_name(Regime::kJohnson));
  EXPECT_STREQ(zkvm_regime_assumption(ZKVM_UNIQUE), regime_assumption(Regime::kUnique));
  EXPECT_EQ(zkvm_regime_name(2), nullptr);
  EXPECT_EQ(zkvm_regime_assumption(-1), nullptr);
}

TEST(VerifyC, Blake3) {  // of the empty text, as its specification has it
  uint8_t digest[32];
  zkvm_blake3(nullptr, 0, digest);
  EXPECT_THAT(std::span(digest).first(4), ElementsAre(0xaf, 0x13, 0x49, 0xb9));
  const Bytes long_text(1 << 20);
  allocations_left = 0;  // it has no way to say that there are none
  zkvm_blake3(long_text.data(), long_text.size(), digest);
  allocations_left = -1;
}

// A journal and a description of it.
const std::string kModel = R"({"format": 1, "name": "m", "batch": 2, "private_weights": {"bytes": 8}, "public_input": true,
  "inputs": [{"name": "x", "shape": [4], "type": "uint8"}],
  "outputs": [{"name": "a", "shape": [3], "type": "int8", "scale": 0.5, "zero_point": -1, "labels": ["p", "q", "r"]},
              {"name": "b", "shape": [], "type": "int32"}, {"name": "c", "shape": [1, 1], "type": "float32"}]})";

const uint8_t* model_bytes(const std::string& model) {
  return reinterpret_cast<const uint8_t*>(model.data());
}

struct Journal {
  Bytes bytes;
  zkvm_verification of{};

  explicit Journal(const std::string& model = kModel) {
    for (int i = 0; i < 32; ++i) bytes.push_back(1);  // model id
    const auto example = [&](int8_t x, int32_t y, float z) {
      for (const int v : {int{x}, 5, -128}) bytes.push_back(static_cast<uint8_t>(v));
      bytes.push_back(0);
      for (const auto word : {std::bit_cast<uint32_t>(y), std::bit_cast<uint32_t>(z)})
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(word >> (8 * i)));
    };
    example(-3, -70000, 0.25f);
    example(7, 9, -1e30f);
    for (int i = 0; i < 32; ++i) bytes.push_back(2);  // digest of the inputs
    of.has_model = 1;
    zkvm_blake3(model_bytes(model), model.size(), of.model);
    point();
  }
  void point() {
    of.journal = bytes.data();
    of.journal_bytes = bytes.size();
  }
};

Answer read(const Journal& journal, const std::string& model, zkvm_outputs** out) {
  char message[ZKVM_MESSAGE_BYTES];
  const int code = zkvm_read_outputs(&journal.of, model_bytes(model), model.size(), out, message);
  return {code, message};
}

TEST(OutputsC, AllKinds) {
  zkvm_outputs* outputs = nullptr;
  Journal journal;
  const Answer answer = read(journal, kModel, &outputs);
  ASSERT_EQ(answer.code, ZKVM_OK) << answer.message;
  std::ranges::fill(journal.bytes, 0xee);  // nothing points into it
  ASSERT_EQ(outputs->count, 3u);
  EXPECT_EQ(outputs->batch, 2u);
  EXPECT_THAT(std::span(outputs->model_id, 32), testing::Each(1));
  EXPECT_THAT(std::span(outputs->input_digest, 32), testing::Each(2));
  const zkvm_output& a = outputs->outputs[0];
  EXPECT_STREQ(a.name, "a");
  EXPECT_EQ(a.type, ZKVM_INT8);
  EXPECT_THAT(std::span(a.shape, a.axes), ElementsAre(3));
  EXPECT_THAT(std::span(static_cast<const int8_t*>(a.values), a.elements),
              ElementsAre(-3, 5, -128, 7, 5, -128));
  EXPECT_THAT(std::span(a.reals, a.elements), ElementsAre(-1, 3, -63.5, 4, 3, -63.5));
  EXPECT_EQ(a.scale, 0.5f);
  EXPECT_EQ(a.zero_point, -1);
  EXPECT_THAT(std::vector<std::string>(a.labels, a.labels + a.label_count), ElementsAre("q", "p"));
  const zkvm_output& b = outputs->outputs[1];
  EXPECT_EQ(b.axes, 0u);
  EXPECT_THAT(std::span(static_cast<const int32_t*>(b.values), b.elements), ElementsAre(-70000, 9));
  EXPECT_EQ(b.reals, nullptr);
  EXPECT_EQ(b.scale, 0);
  EXPECT_EQ(b.label_count, 0u);
  const zkvm_output& c = outputs->outputs[2];
  EXPECT_EQ(c.type, ZKVM_FLOAT32);
  EXPECT_THAT(std::span(static_cast<const float*>(c.values), c.elements), ElementsAre(0.25f, -1e30f));
  EXPECT_THAT(std::span(c.reals, c.elements), ElementsAre(0.25f, -1e30f));
  zkvm_outputs_free(outputs);
}

TEST(OutputsC, WhatDoesNotFit) {
  zkvm_outputs* outputs = nullptr;
  Journal journal;
  EXPECT_EQ(read(journal, kModel + " ", &outputs).code, ZKVM_WRONG_MODEL);
  EXPECT_EQ(outputs, nullptr);
  journal.of.has_model = 0;
  EXPECT_EQ(read(journal, kModel, &outputs).code, ZKVM_WRONG_MODEL);
  journal.of.has_model = 1;
  journal.of.exit_code = 3;
  const Answer exited = read(journal, kModel, &outputs);
  EXPECT_EQ(exited.code, ZKVM_UNFIT_TENSORS);
  EXPECT_THAT(exited.message, StrEq("exit code: expected 0, found 3"));
  journal.of.exit_code = 0;
  journal.of.journal_bytes -= 4;
  EXPECT_EQ(read(journal, kModel, &outputs).code, ZKVM_UNFIT_TENSORS);
  const std::string broken = kModel.substr(0, 40);
  EXPECT_EQ(read(Journal(broken), broken, &outputs).code, ZKVM_MALFORMED_MODEL);
  char message[ZKVM_MESSAGE_BYTES];
  EXPECT_EQ(zkvm_read_outputs(nullptr, nullptr, 0, &outputs, message), ZKVM_BAD_ARGUMENT);
  EXPECT_EQ(zkvm_read_outputs(&journal.of, nullptr, 1, &outputs, message), ZKVM_BAD_ARGUMENT);
  EXPECT_EQ(zkvm_read_outputs(&journal.of, nullptr, 0, nullptr, message), ZKVM_BAD_ARGUMENT);
}

// A message that is longer than its place ends before it, between two characters.
TEST(OutputsC, LongMessages) {
  std::string long_key;
  for (int i = 0; i < 400; ++i) long_key += "\u00e9";
  const std::string model = R"({"format": 1, ")" + long_key + R"(": 1})";
  zkvm_outputs* outputs = nullptr;
  const Answer answer = read(Journal(model), model, &outputs);
  EXPECT_EQ(answer.code, ZKVM_MALFORMED_MODEL);
  EXPECT_LT(answer.message.size(), size_t{ZKVM_MESSAGE_BYTES});
}

// Wherever memory runs out, that is the answer, and nothing stays behind.
template <class Call, class Free>
void expect_out_of_memory(Call call, Free free) {
  int64_t step = 1, failures = 0;
  for (int64_t left = 0;; left += step) {
    const int64_t before = alive;
    allocations_left = left;
    auto* out = free(nullptr);
    const int code = call(&out);
    allocations_left = -1;
    if (code == ZKVM_OK) {
      free(out);
      EXPECT_EQ(alive, before);
      break;
    }
    ASSERT_EQ(code, ZKVM_OUT_OF_MEMORY) << left;
    ASSERT_EQ(out, nullptr);
    ASSERT_EQ(alive, before) << left;
    if (++failures % 40 == 0) step *= 2;  // a verification makes thousands
  }
  EXPECT_GT(failures, 10);
}

TEST(OutOfMemory, Verify) {
  ASSERT_FALSE(sample().bytes.empty());
  expect_out_of_memory(
      [](zkvm_verification** out) {
        return zkvm_verify(sample().bytes.data(), sample().bytes.size(), sample().id.data(),
                           &kFewBits, out, nullptr);
      },
      [](zkvm_verification* out) {
        zkvm_verification_free(out);
        return static_cast<zkvm_verification*>(nullptr);
      });
}

TEST(OutOfMemory, Outputs) {
  const Journal journal;
  expect_out_of_memory(
      [&](zkvm_outputs** out) {
        return zkvm_read_outputs(&journal.of, model_bytes(kModel), kModel.size(), out, nullptr);
      },
      [](zkvm_outputs* out) {
        zkvm_outputs_free(out);
        return static_cast<zkvm_outputs*>(nullptr);
      });
}

}  // namespace
}  // namespace zkvm::test
