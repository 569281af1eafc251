// zk::ed25519_verify in guests of both languages and compilers, on the VM and under qemu-riscv32: against signatures by
// value, and against BoringSSL, which shares no code with libsodium.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/curve25519.h>
#include <openssl/sha.h>

#include <fstream>
#include <random>

#include "tests/guest/ed25519/vectors.h"
#include "tests/guest/qemu.h"
#include "vm/run.h"

namespace zkvm::test {
namespace {

using Bytes = std::vector<uint8_t>;
using Number = std::array<uint8_t, 32>;  // little-endian

// What a guest is asked, and what it has to answer.
struct Case {
  std::string name;
  Bytes key, message, signature;
  bool valid = false;
};

Bytes from_hex(const std::string& hex) {
  Bytes out;
  for (size_t i = 0; i < hex.size(); i += 2)
    out.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

bool boringssl_takes(const Case& item) {
  return ED25519_verify(item.message.data(), item.message.size(), item.signature.data(),
                        item.key.data()) == 1;
}

struct Signer {
  std::array<uint8_t, 32> seed;
  std::array<uint8_t, 32> public_key;
  std::array<uint8_t, 64> private_key;

  explicit Signer(std::mt19937& random) {
    for (uint8_t& byte : seed) byte = static_cast<uint8_t>(random());
    ED25519_keypair_from_seed(public_key.data(), private_key.data(), seed.data());
  }
  [[nodiscard]] Case sign(std::string name, Bytes message) const {
    Case out{std::move(name),
             {public_key.begin(), public_key.end()},
             std::move(message),
             Bytes(64),
             true};
    EXPECT_EQ(ED25519_sign(out.signature.data(), out.message.data(), out.message.size(),
                           private_key.data()),
              1);
    return out;
  }
};

Bytes random_bytes(std::mt19937& random, size_t bytes) {
  Bytes out(bytes);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

constexpr Number kL = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                       0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                       0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

// out += sign * L; false, and out is unchanged, where that is no number of 32 bytes.
bool add_l(std::span<uint8_t, 32> out, int sign) {
  Number sum;
  int carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += out[i] + sign * kL[i];
    sum[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  if (carry == 0) std::ranges::copy(sum, out.begin());
  return carry == 0;
}
std::span<uint8_t, 32> r_of(Case& item) { return std::span(item.signature).first<32>(); }
std::span<uint8_t, 32> s_of(Case& item) { return std::span(item.signature).last<32>(); }

std::vector<Case> by_value() {
  std::vector<Case> out;
  for (const auto& [source, vectors] : {std::pair("RFC 8032 ", std::span<const Vector>(kRfc8032)),
                                        {"Wycheproof ", kWycheproof},
                                        {"speccheck ", kSpeccheck}})
    for (const Vector& item : vectors)
      out.push_back({std::string(source) + item.name, from_hex(item.key), from_hex(item.message),
                     from_hex(item.signature), item.valid});
  return out;
}

// p + k and 2^255 - 19 - k beside the numbers that are written so; the top bit is the sign of x.
std::vector<Number> special_points() {
  std::vector<Number> out;
  for (const int first : {0, 1, 2, 3, 4, 18, 19}) out.push_back({static_cast<uint8_t>(first)});
  for (const int first : {0xda, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xff}) {
    Number number;
    number.fill(0xff);
    number[0] = static_cast<uint8_t>(first);
    number[31] = 0x7f;
    out.push_back(number);
  }
  const size_t positive = out.size();
  for (size_t i = 0; i < positive; ++i) out.push_back(out[i]), out.back()[31] |= 0x80;
  return out;
}

// Everything that makes another signature of a true one, as Wycheproof's generator does.
std::vector<Case> changed() {
  std::mt19937 random(2);
  const Signer signer(random);
  const Case good = signer.sign("signed", random_bytes(random, 57));
  std::vector<Case> out{good};
  const auto add = [&](std::string name, auto&& change) {
    Case item = good;
    item.name = std::move(name);
    item.valid = false;
    change(item);
    out.push_back(std::move(item));
  };
  Case multiple = good;
  for (int times = 1; add_l(s_of(multiple), 1); ++times)
    add("S + " + std::to_string(times) + " L",
        [&](Case& item) { item.signature = multiple.signature; });
  for (const int bit :
       {0, 1, 7, 8, 100, 200, 251, 252, 253, 254, 255, 256, 300, 400, 500, 507, 508, 509, 510, 511})
    add("bit of the signature " + std::to_string(bit),
        [&](Case& item) { item.signature[bit / 8] ^= 1 << bit % 8; });
  for (const int bit : {0, 31, 128, 254, 255})
    add("bit of the key " + std::to_string(bit),
        [&](Case& item) { item.key[bit / 8] ^= 1 << bit % 8; });
  add("bit of the message", [](Case& item) { item.message.back() ^= 0x80; });
  add("longer message", [](Case& item) { item.message.push_back(0); });
  add("shorter message", [](Case& item) { item.message.pop_back(); });
  add("no message", [](Case& item) { item.message.clear(); });
  add("R and S exchanged",
      [](Case& item) { std::ranges::rotate(item.signature, item.signature.begin() + 32); });
  add("all ones", [](Case& item) { item.signature.assign(64, 0xff); });
  Number l_less_one = kL;
  --l_less_one[0];
  for (const Number& s : {Number{}, Number{1}, l_less_one, kL})
    add("S special", [&](Case& item) { std::ranges::copy(s, s_of(item).begin()); });
  for (const Number& point : special_points()) {
    add("R special", [&](Case& item) { std::ranges::copy(point, r_of(item).begin()); });
    add("key special", [&](Case& item) { std::ranges::copy(point, item.key.begin()); });
  }
  return out;
}

// With the neutral element as key, R = S B is a "signature" of every message: RFC 8032's equation holds.
Case of_the_neutral_key() {
  std::mt19937 random(3);
  const Signer signer(random);
  Case out{"neutral key", Bytes(32), random_bytes(random, 20), Bytes(64), false};
  out.key[0] = 1;
  std::array<uint8_t, 64> scalar;
  SHA512(signer.seed.data(), signer.seed.size(), scalar.data());
  scalar[0] &= 248, scalar[31] &= 127, scalar[31] |= 64;
  std::ranges::copy(signer.public_key, r_of(out).begin());
  std::copy_n(scalar.begin(), 32, s_of(out).begin());
  while (add_l(s_of(out), -1)) {
  }
  return out;
}

// Signatures by BoringSSL, of messages of each length; every third is changed in a bit somewhere.
std::vector<Case> random_cases() {
  std::mt19937 random(4);
  std::vector<Case> out;
  for (size_t bytes = 0; bytes <= 300; ++bytes) {
    const Signer signer(random);
    Case item = signer.sign(std::to_string(bytes) + " bytes", random_bytes(random, bytes));
    if (bytes % 3 == 1) {
      Bytes& changed = bytes % 9 == 1 ? item.key : bytes % 9 == 4 ? item.message : item.signature;
      changed[random() % changed.size()] ^= 1 << random() % 8;
      item.name += ", changed";
      item.valid = false;
    }
    out.push_back(std::move(item));
  }
  return out;
}

std::vector<Case> each(std::span<const Case> cases, size_t step) {
  std::vector<Case> out;
  for (size_t i = 0; i < cases.size(); i += step) out.push_back(cases[i]);
  return out;
}

Bytes input_of(std::span<const Case> cases) {
  Bytes out;
  const auto put = [&](std::span<const uint8_t> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    out.resize((out.size() + 3) / 4 * 4);
  };
  for (const Case& item : cases) {
    const auto bytes = static_cast<uint32_t>(item.message.size());
    put({reinterpret_cast<const uint8_t*>(&bytes), 4});
    put(item.key);
    put(item.signature);
    put(item.message);
  }
  return out;
}

void expect_answers(std::span<const Case> cases, std::span<const uint8_t> journal,
                    const std::string& where) {
  ASSERT_EQ(journal.size(), 4 * cases.size()) << where;
  for (size_t i = 0; i < cases.size(); ++i) {
    uint32_t answer;
    std::memcpy(&answer, &journal[4 * i], 4);
    EXPECT_EQ(answer, cases[i].valid ? 1u : 0u) << cases[i].name << ", " << where;
  }
}

vm::RunResult run_vm(const std::string& name, const Bytes& input) {
  std::ifstream file(guest_path(name), std::ios::binary);
  const Bytes elf{std::istreambuf_iterator<char>(file), {}};
  const auto program = vm::load_elf(elf);
  if (!program) return ADD_FAILURE() << program.error().message, vm::RunResult{};
  auto run = vm::run(*program, {.input = input, .console = {}});
  if (!run) return ADD_FAILURE() << run.error().message, vm::RunResult{};
  EXPECT_FALSE(run->trap);
  return *run;
}

void check(const std::string& name, std::span<const Case> cases) {
  expect_answers(cases, run_vm(name, input_of(cases)).journal, name + " on the VM");
}
void check_under_qemu(const std::string& name, std::span<const Case> cases) {
  const QemuRun qemu = run_qemu(guest_path(name), input_of(cases));
  EXPECT_EQ(qemu.status, 0) << qemu.err;
  expect_answers(cases, qemu.journal, name + " under qemu");
}

// What the cases say is BoringSSL's opinion, too, but for small orders, which it doesn't refuse.
TEST(Ed25519, AnswersThatAreExpectedAreBoringSslsButForSmallOrders) {
  for (const std::vector<Case>& cases : {by_value(), changed(), random_cases()})
    for (const Case& item : cases) {
      const bool small = item.name.find("Small") != std::string::npos || item.name == "key special";
      if (!small) EXPECT_EQ(boringssl_takes(item), item.valid) << item.name;
    }
  EXPECT_TRUE(boringssl_takes(of_the_neutral_key()));
}

class Ed25519Guest : public ::testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static std::string cpp() { return std::string("test_ed25519_") + GetParam(); }
  [[nodiscard]] static std::string c() { return std::string("test_ed25519_c_") + GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Compilers, Ed25519Guest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(Ed25519Guest, TakesAndRefusesTheSignaturesByValue) {
  for (const std::string& name : {cpp(), c()}) {
    check(name, by_value());
    check_under_qemu(name, by_value());
  }
}

TEST_P(Ed25519Guest, RefusesEveryChange) {
  check(cpp(), changed());
  check_under_qemu(cpp(), each(changed(), 7));
}

TEST_P(Ed25519Guest, RefusesTheKeyThatSignsEverything) {
  check(cpp(), std::vector{of_the_neutral_key()});
}

TEST_P(Ed25519Guest, AnswersAsBoringSslOnMessagesOfEveryLength) {
  const std::vector<Case> cases = random_cases();
  check(cpp(), each(cases, std::string(GetParam()) == "gcc" ? 1 : 7));
  check_under_qemu(cpp(), each(cases, 13));
}

TEST_P(Ed25519Guest, TakesSoManyCycles) {
  std::mt19937 random(5);
  const Signer signer(random);
  const auto cycles = [&](size_t bytes) {
    return run_vm(cpp(), input_of(std::vector{signer.sign("", random_bytes(random, bytes))}))
        .cycles;
  };
  EXPECT_LT(cycles(32), 2'400'000);
  EXPECT_LT(cycles(4096) - cycles(32), 4096 * 100);
}

}  // namespace
}  // namespace zkvm::test
