// Hashes and commitments on the host against vectors of others; then the same requests in guests of both languages and
// compilers, on the VM and under qemu-riscv32, against the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "stark/hash/blake3.h"
#include "tests/guest/hash/answer.h"
#include "tests/guest/qemu.h"
#include "vm/run.h"

namespace zkvm::test {
namespace {

using Bytes = std::vector<uint8_t>;
using ::testing::HasSubstr;

nlohmann::json vectors(const std::string& name) {
  std::ifstream file(std::string(ZKVM_VECTORS "/") + name);
  return nlohmann::json::parse(file)["cases"];
}

Bytes from_hex(const std::string& hex) {
  Bytes out;
  for (size_t i = 0; i < hex.size(); i += 2)
    out.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

Bytes data_of(const HashRequest& request) {
  Bytes data(request.bytes);
  fill(data.data(), request.bytes, request.seed);
  return data;
}

// By the library on this host, at the alignment that is asked for.
Bytes answer_of(const HashRequest& request) {
  std::vector<uint32_t> memory(request.bytes / 4 + 2);
  auto* const data = reinterpret_cast<uint8_t*>(memory.data()) + request.alignment;
  fill(data, request.bytes, request.seed);
  Bytes out(request.output);
  hash::answer(request, {data, request.bytes}, out.data());
  return out;
}

HashRequest request_of(HashKind kind, uint32_t bytes, uint32_t output = 32) {
  HashRequest request{};
  request.kind = kind;
  request.bytes = bytes;
  request.output = output;
  return request;
}

HashRequest request_of(const nlohmann::json& committed) {
  HashRequest request = request_of(kCommitFile, committed["bytes"]);
  if (committed["type"] == 0) return request;
  request.kind = kCommitTensor;
  request.type = committed["type"];
  for (const uint32_t axis : committed["shape"]) request.shape[request.axes++] = axis;
  return request;
}

// Every edge of blocks, chunks and the tree above them.
std::vector<uint32_t> edges() {
  std::vector<uint32_t> out;
  for (const uint32_t edge : {0, 64, 128, 960, 1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 9216,
                              15360, 16384, 17408, 31744, 65536})
    for (const uint32_t bytes : {edge - 1, edge, edge + 1})
      if (bytes <= kMostBytes) out.push_back(bytes);
  return out;
}

TEST(Blake3, HasTheOfficialVectorsInEveryMode) {
  for (const auto& item : vectors("blake3.json")) {
    const uint32_t bytes = item["input_len"];
    for (const auto& [kind, name] :
         {std::pair(kBlake3, "hash"), std::pair(kBlake3Keyed, "keyed_hash"),
          std::pair(kBlake3Derived, "derive_key")}) {
      const Bytes expected = from_hex(item[name]);
      // Every length of output is the beginning of longer ones, over the ends of output blocks.
      for (const uint32_t output : {1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 131}) {
        if (output > expected.size()) break;
        EXPECT_EQ(answer_of(request_of(kind, bytes, output)),
                  Bytes(expected.begin(), expected.begin() + output))
            << name << " of " << bytes;
      }
    }
  }
}

// stark/hash/blake3.h shares no code with the guests' library.
TEST(Blake3, EqualsTheProofSystemsAtEveryEdge) {
  std::vector<uint32_t> lengths = edges();
  std::mt19937 random(5);
  for (int i = 0; i < 50; ++i) lengths.push_back(random() % 20000);
  for (const uint32_t bytes : lengths) {
    HashRequest request = request_of(kBlake3, bytes, 200);
    request.seed = bytes + 1;
    stark::Blake3 hasher;
    hasher.update(data_of(request));
    stark::Blake3Xof stream = hasher.finish_xof();
    Bytes expected(request.output);
    for (size_t i = 0; i < expected.size(); i += 4) {
      const uint32_t word = stream.next_word();
      std::memcpy(&expected[i], &word, 4);
    }
    for (uint32_t alignment = 0; alignment < 4; ++alignment) {
      request.alignment = alignment;
      EXPECT_EQ(answer_of(request), expected) << bytes << " at " << alignment;
    }
  }
}

// Runs as no hasher asks for them, too: each number in its place, in every block.
std::vector<HashRequest> runs() {
  std::vector<HashRequest> out;
  std::mt19937 random(7);
  for (uint32_t i = 0; i < 60; ++i) {
    HashRequest request = request_of(kRun, 64 * (1 + i % 20));
    request.seed = 1 + i;
    for (uint32_t& word : request.shape) word = static_cast<uint32_t>(random());
    for (uint32_t* byte : {&request.shape[2], &request.shape[3], &request.shape[4], &request.shape[5]})
      *byte &= 0xff;  // flags and a length
    out.push_back(request);
  }
  return out;
}

TEST(Blake3, ARunIsItsBlocksInOrder) {
  for (const HashRequest& request : runs()) {
    const Bytes data = data_of(request);
    uint32_t cv[8], block[16];
    Bytes expected(32);
    fill_salt(expected.data(), request.seed);
    std::memcpy(cv, expected.data(), 32);
    const auto& [low, high, first, middle, last, last_length, a, b] = request.shape;
    for (size_t at = 0; at < data.size(); at += 64) {
      const bool is_last = at + 64 == data.size();
      std::memcpy(block, &data[at], 64);
      stark::blake3::compress(cv, block, uint64_t{high} << 32 | low, is_last ? last_length : 64,
                              middle | (at == 0 ? first : 0) | (is_last ? last : 0), cv);
    }
    std::memcpy(expected.data(), cv, 32);
    EXPECT_EQ(answer_of(request), expected) << data.size() / 64 << " blocks";
  }
}

TEST(Blake3, AnyPiecesGiveTheSameHash) {
  for (const uint32_t bytes : {1u, 64u, 1000u, 1024u, 2048u, 5000u, 8193u}) {
    HashRequest request = request_of(kBlake3, bytes, 64);
    const Bytes whole = answer_of(request);
    for (const uint32_t piece : {1u, 3u, 4u, 63u, 64u, 65u, 128u, 1000u, 1024u, 1025u, 4999u}) {
      request.piece = piece;
      request.alignment = piece % 3;
      EXPECT_EQ(answer_of(request), whole) << bytes << " in pieces of " << piece;
    }
  }
}

// FIPS 180-4's example and those of NIST's "SHA-256" page of examples with intermediate values.
TEST(Sha256, HasNistsVectors) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
       "lmnopqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1000000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [text, digest] : cases)
    EXPECT_THAT(zk::sha256(bytes_of(text)), ::testing::ElementsAreArray(from_hex(digest)))
        << text.size();
}

TEST(Sha256, EqualsBoringSsl) {
  std::vector<uint32_t> lengths = edges();
  for (uint32_t bytes = 0; bytes < 200; ++bytes) lengths.push_back(bytes);
  for (const uint32_t bytes : lengths) {
    HashRequest request = request_of(kSha256, bytes);
    request.seed = bytes + 1;
    Bytes expected(32);
    const Bytes data = data_of(request);
    SHA256(data.data(), data.size(), expected.data());
    for (const uint32_t piece : {0u, 1u, 63u, 64u, 65u, 200u}) {
      if (piece == 1 && bytes > 2000) continue;
      request.piece = piece;
      request.alignment = piece % 4;
      EXPECT_EQ(answer_of(request), expected) << bytes << " in pieces of " << piece;
    }
  }
}

// The counts of bytes that one word of the length does not hold; the data are the same gigabyte again and again.
TEST(Sha256, CountsBitsBeyondAWord) {
  const Bytes data(1 << 20, 7);
  zk::Sha256 hasher;
  SHA256_CTX expected;
  SHA256_Init(&expected);
  for (int i = 0; i < 513; ++i) {
    hasher.update(data);
    SHA256_Update(&expected, data.data(), data.size());
  }
  Bytes digest(32);
  SHA256_Final(digest.data(), &expected);
  EXPECT_THAT(hasher.finish(), ::testing::ElementsAreArray(digest));
}

TEST(Commitment, HasTheVectorsOfItsPage) {
  for (const auto& item : vectors("commitment.json"))
    EXPECT_EQ(answer_of(request_of(item)), from_hex(item["commitment"])) << item;
}

TEST(Commitment, EveryFieldChangesIt) {
  const Bytes data = {1, 2, 3, 4, 5, 6, 7, 8};
  std::set<zk::Digest> seen;
  const auto is_new = [&](const zk::Digest& digest) { EXPECT_TRUE(seen.insert(digest).second); };
  const zk::Salt salt = {9};
  is_new(zk::commitment(data, salt));
  for (uint8_t type = 1; type <= 12; ++type) {
    const uint32_t elements = 8 / zk::element_bytes(zk::ElementType{type});
    for (const std::vector<uint32_t>& shape : std::vector<std::vector<uint32_t>>{
             {elements}, {1, elements}, {elements, 1}, {1, 1, elements}})
      if (elements != 1 || shape.size() != 2 || shape[0] != shape[1])  // {1, 1} once
        is_new(zk::commitment(data, zk::ElementType{type}, std::span(shape), salt));
  }
  for (size_t i = 0; i < salt.size(); ++i) {
    zk::Salt other = salt;
    other[i] ^= 0x80;
    is_new(zk::commitment(data, other));
    is_new(zk::commitment(data, zk::ElementType::kInt8, {8}, other));
  }
  for (size_t i = 0; i < data.size(); ++i) {
    Bytes other = data;
    other[i] ^= 1;
    is_new(zk::commitment(other, salt));
    is_new(zk::commitment(std::span(data).first(i), salt));
  }
}

TEST(Commitment, TypesOfCppHaveTheirNumbers) {
  EXPECT_EQ(zk::kElementType<int8_t>, zk::ElementType::kInt8);
  EXPECT_EQ(zk::kElementType<uint8_t>, zk::ElementType::kUint8);
  EXPECT_EQ(zk::kElementType<int16_t>, zk::ElementType::kInt16);
  EXPECT_EQ(zk::kElementType<uint16_t>, zk::ElementType::kUint16);
  EXPECT_EQ(zk::kElementType<int32_t>, zk::ElementType::kInt32);
  EXPECT_EQ(zk::kElementType<uint32_t>, zk::ElementType::kUint32);
  EXPECT_EQ(zk::kElementType<int64_t>, zk::ElementType::kInt64);
  EXPECT_EQ(zk::kElementType<uint64_t>, zk::ElementType::kUint64);
  EXPECT_EQ(zk::kElementType<float>, zk::ElementType::kFloat32);
  EXPECT_EQ(zk::kElementType<double>, zk::ElementType::kFloat64);
  EXPECT_EQ(zk::element_bytes(zk::ElementType{0}), 0u);
  EXPECT_EQ(zk::element_bytes(zk::ElementType{13}), 0u);
}

TEST(CommitmentDeathTest, RefusesTensorsThatAreNotWhatTheirShapeSays) {
  const Bytes data(12);
  const auto commit = [&](zk::ElementType type, std::vector<uint32_t> shape) {
    (void)zk::commitment(data, type, std::span<const uint32_t>(shape), {});
  };
  EXPECT_DEATH(commit(zk::ElementType::kInt8, {11}), "shape.elements");
  EXPECT_DEATH(commit(zk::ElementType::kInt16, {12}), "shape.elements");
  EXPECT_DEATH(commit(zk::ElementType{0}, {12}), "element_bytes");
  EXPECT_DEATH(commit(zk::ElementType{13}, {12}), "element_bytes");
  EXPECT_DEATH(commit(zk::ElementType::kInt8, {12, 1, 1, 1, 1, 1, 1, 1, 1}), "kMaxAxes");
  // A product that has these elements modulo 2^64.
  EXPECT_DEATH(commit(zk::ElementType::kInt8, {1u << 31, 1u << 31, 4, 12}), "shape.elements");
}

// Requests of every kind for guests.
std::vector<HashRequest> requests() {
  std::vector<HashRequest> out;
  for (const auto& item : vectors("blake3.json"))
    for (const HashKind kind : {kBlake3, kBlake3Keyed, kBlake3Derived, kSha256})
      if (item["input_len"] <= 16384 || kind == kBlake3)
        out.push_back(request_of(kind, item["input_len"], kind == kSha256 ? 32 : 64));
  for (const auto& item : vectors("commitment.json")) out.push_back(request_of(item));
  std::mt19937 random(6);
  for (int i = 0; i < 150; ++i) {
    HashRequest request = request_of(static_cast<HashKind>(random() % 5), random() % 3000);
    request.seed = 1 + random() % 1000;
    request.alignment = random() % 4;
    request.piece = i % 3 == 0 ? 0 : 1 + random() % 1500;
    if (request.kind <= kBlake3Derived && i % 2 == 0) request.output = random() % 300;
    out.push_back(request);
  }
  return out;
}

Bytes input_of(const std::vector<HashRequest>& requests) {
  Bytes out(requests.size() * sizeof(HashRequest));
  std::memcpy(out.data(), requests.data(), out.size());
  return out;
}

void put(Bytes& journal, const Bytes& value) {
  journal.insert(journal.end(), value.begin(), value.end());
  journal.resize((journal.size() + 3) / 4 * 4);
}

Bytes journal_of(const std::vector<HashRequest>& requests) {
  Bytes out;
  for (const HashRequest& request : requests) put(out, answer_of(request));
  return out;
}

vm::RunResult run_vm(const std::string& name, const Bytes& input) {
  std::ifstream file(guest_path(name), std::ios::binary);
  const Bytes elf{std::istreambuf_iterator<char>(file), {}};
  const auto program = vm::load_elf(elf);
  if (!program) return ADD_FAILURE() << program.error().message, vm::RunResult{};
  auto run = vm::run(*program, {.input = input, .console = {}});
  if (!run) return ADD_FAILURE() << run.error().message, vm::RunResult{};
  return *run;
}

class HashGuest : public ::testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static std::string guest(const std::string& name) {
    return "test_" + name + "_" + GetParam();
  }
};

INSTANTIATE_TEST_SUITE_P(Compilers, HashGuest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(HashGuest, CAndCppGiveTheHostsAnswersOnTheVmAndUnderQemu) {
  const std::vector<HashRequest> requests = test::requests();
  const Bytes input = input_of(requests), journal = journal_of(requests);
  for (const char* name : {"hash", "hash_c"}) {
    const vm::RunResult run = run_vm(guest(name), input);
    EXPECT_FALSE(run.trap) << name;
    EXPECT_EQ(run.journal, journal) << name;
    const QemuRun qemu = run_qemu(guest_path(guest(name)), input);
    EXPECT_EQ(qemu.status, 0) << name << qemu.err;
    EXPECT_EQ(qemu.journal, journal) << name;
  }
}

TEST(HashGuestOfGcc, CompressesRunsAsTheHost) {
  const Bytes input = input_of(runs()), journal = journal_of(runs());
  EXPECT_EQ(run_vm("test_hash_gcc", input).journal, journal);
  EXPECT_EQ(run_qemu(guest_path("test_hash_gcc"), input).journal, journal);
}

// Blocks are calls of the machine, so what is left are pieces: chunks of BLAKE3 and the tree of them, a call for up to
// 64 KiB of SHA-256, and what stands before and behind.
TEST_P(HashGuest, TakesFewInstructionsAByte) {
  const auto cycles = [&](HashKind kind, uint32_t bytes) {
    const uint64_t all = run_vm(guest("hash"), input_of({request_of(kind, bytes)})).cycles;
    return static_cast<double>(
        all - run_vm(guest("hash"), input_of({request_of(kNothing, bytes)})).cycles);
  };
  constexpr uint32_t kBytes = 65536;
  EXPECT_LT(cycles(kBlake3, kBytes) / kBytes, 0.32);
  EXPECT_LT(cycles(kCommitFile, kBytes) / kBytes, 0.34);
  EXPECT_LT(cycles(kSha256, kBytes) / kBytes, 0.014);
  EXPECT_LT(cycles(kBlake3, 64), 500);
  EXPECT_LT(cycles(kSha256, 2048), 900);
}

// A salt (seed 0), then the bytes 0 to 5, in whole words.
Bytes committed_input(uint32_t choice, const Bytes& data = {0, 1, 2, 3, 4, 5}) {
  Bytes input(4 + 32);
  std::memcpy(input.data(), &choice, 4);
  fill_salt(input.data() + 4, 0);
  put(input, data);
  return input;
}

Bytes committed_journal(bool tensor, uint32_t sum, bool published = true) {
  Bytes journal;
  for (const auto& item : vectors("commitment.json")) {
    const HashRequest request = request_of(item);
    const bool wanted = tensor ? request.kind == kCommitTensor && request.type == 1 &&
                                     request.axes == 2 && request.shape[0] == 2
                               : request.kind == kCommitFile;
    if (published && wanted && request.bytes == 6) put(journal, from_hex(item["commitment"]));
  }
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&sum);
  put(journal, Bytes(bytes, bytes + 4));
  return journal;
}

TEST_P(HashGuest, PublishesTheCommitmentToWhatItReads) {
  const std::string name = guest("committed");
  EXPECT_EQ(run_vm(name, committed_input(0)).journal, committed_journal(true, 15));
  EXPECT_EQ(run_vm(name, committed_input(1)).journal, committed_journal(true, 15, false));
  EXPECT_EQ(run_vm(name, committed_input(2)).journal, committed_journal(true, 5));
  EXPECT_EQ(run_vm(name, committed_input(3)).journal, committed_journal(false, 5));
  EXPECT_EQ(run_vm(name, committed_input(4)).journal, committed_journal(false, 5, false));
  EXPECT_EQ(run_vm(guest("committed_c"), committed_input(0)).journal, committed_journal(true, 15));
  EXPECT_EQ(run_vm(guest("committed_c"), committed_input(3)).journal, committed_journal(false, 5));
  const QemuRun qemu = run_qemu(guest_path(name), committed_input(0));
  EXPECT_EQ(qemu.journal, committed_journal(true, 15)) << qemu.err;
}

TEST_P(HashGuest, TrapsOnDataOfAnotherCommitment) {
  const std::string name = guest("committed");
  for (const uint32_t choice : {1, 4}) {
    for (const Bytes& data : {Bytes{0, 1, 2, 3, 4, 6}, Bytes{1, 1, 2, 3, 4, 5}}) {
      const vm::RunResult run = run_vm(name, committed_input(choice, data));
      EXPECT_TRUE(run.trap) << choice;
      EXPECT_TRUE(run.journal.empty()) << choice;
    }
    Bytes other_salt = committed_input(choice);
    other_salt[4] ^= 1;
    EXPECT_TRUE(run_vm(name, other_salt).trap) << choice;
    const QemuRun qemu = run_qemu(guest_path(name), other_salt);
    EXPECT_EQ(qemu.signal, SIGTRAP);
    EXPECT_THAT(qemu.err, HasSubstr("the input is not what the program's commitment is to"));
  }
  EXPECT_TRUE(run_vm(name, committed_input(5)).trap);  // six elements of shape 2x2
  Bytes short_input = committed_input(0);
  short_input.resize(short_input.size() - 4);
  EXPECT_TRUE(run_vm(name, short_input).trap);
}

// Padding behind the data is not committed to: it is no part of them.
TEST_P(HashGuest, IgnoresThePaddingOfTheInput) {
  Bytes input = committed_input(0);
  input.back() ^= 0xff;
  EXPECT_EQ(run_vm(guest("committed"), input).journal, committed_journal(true, 15));
}

}  // namespace
}  // namespace zkvm::test
