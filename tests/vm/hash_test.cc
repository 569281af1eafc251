// Calls of hashes by guests: every executor against other implementations, and every trap.
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "stark/hash/blake3.h"
#include "tests/vm/every_executor.h"
#include "tests/vm/hash_program.h"
#include "vm/hash_call.h"

namespace zkvm::vm::test {
namespace {

constexpr uint32_t kRam = 4096;
constexpr Hash kBoth[] = {Hash::kBlake3, Hash::kSha256};

std::vector<uint8_t> random_bytes(std::mt19937& random, size_t size) {
  std::vector<uint8_t> out(size);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

uint32_t length_of_last(const HashCall& call) { return call.modes >> 24; }

void compress_elsewhere(const HashCall& call, uint32_t i, const uint8_t* block, uint32_t (&cv)[8]) {
  if (call.hash == Hash::kSha256) {
    SHA256_CTX context;
    SHA256_Init(&context);
    std::memcpy(context.h, cv, sizeof(cv));
    SHA256_Transform(&context, block);
    std::memcpy(cv, context.h, sizeof(cv));
    return;
  }
  const bool last = i == call.count - 1;
  const uint32_t flags = last     ? call.modes >> 16 & 0xff
                         : i == 0 ? call.modes & 0xff
                                  : call.modes >> 8 & 0xff;
  uint32_t words[16];
  std::memcpy(words, block, 64);
  stark::blake3::compress(cv, words, call.counter, last ? length_of_last(call) : 64, flags, cv);
}

// What `ram` is after a call, by the definition in zk/blake3_call.h or zk/sha256_call.h.
void apply(const HashCall& call, std::vector<uint8_t>& ram, const std::vector<uint8_t>& constants) {
  uint32_t cv[8];
  std::memcpy(cv, &ram[call.cv - kRamBase], 32);
  for (uint32_t i = 0; i < call.count; ++i) {
    const uint32_t at = call.blocks + 64 * i;
    compress_elsewhere(
        call, i, at >= kHashedConstants ? &constants[at - kHashedConstants] : &ram[at - kRamBase],
        cv);
  }
  std::memcpy(&ram[call.cv - kRamBase], cv, 32);
}

TEST(Hash, IsThatOfAnotherImplementation) {
  std::mt19937 random(1);
  for (int run = 0; run < 30; ++run) {
    std::vector<uint8_t> ram = random_bytes(random, kRam), constants = random_bytes(random, 256);
    std::vector<HashCall> calls;
    for (int i = 0; i < 6; ++i) {
      const bool constant = random() % 4 == 0;
      const auto count = static_cast<uint32_t>(1 + random() % (constant ? 4 : 20));
      const uint32_t base = constant ? kHashedConstants : kRamBase, size = constant ? 256 : kRam;
      calls.push_back(
          {.cv = kRamBase + static_cast<uint32_t>(random() % (kRam / 4 - 7)) * 4,
           .blocks = base + static_cast<uint32_t>(random() % (size / 4 - 16 * count + 1)) * 4,
           .count = count,
           .counter = uint64_t{random()} << 32 | random(),
           .modes = static_cast<uint32_t>(random()),
           .hash = kBoth[i % 2]});
    }
    const Program program = load(hash_file(calls, ram, constants));
    const RunResult result = run_everywhere(program);
    std::array<HashUse, kHashes> uses = {};
    for (const HashCall& call : calls) {
      apply(call, ram, constants);
      HashUse& use = uses[static_cast<size_t>(call.hash)];
      ++use.calls;
      use.blocks += call.count;
    }
    EXPECT_EQ(result.journal, ram);
    EXPECT_EQ(result.exit_code, calls.back().cv);
    EXPECT_EQ(result.hashes, uses);
  }
}

// A message of 200 bytes, whose hash the reference implementation publishes by its definition alone: one
// chunk of four blocks.
TEST(Hash, HashesAChunkOfBlake3) {
  std::vector<uint8_t> ram(512);
  for (int i = 0; i < 200; ++i) ram[64 + i] = static_cast<uint8_t>(i % 251);
  std::memcpy(ram.data(), stark::blake3::kIv, 32);
  const std::vector<uint8_t> message(ram.begin() + 64, ram.begin() + 264);
  const HashCall call{kRamBase, kRamBase + 64, 4, 0, 1u | 0u << 8 | 10u << 16 | 8u << 24};
  const RunResult result = run_everywhere(load(hash_file({call}, ram)));
  const stark::Digest digest = stark::blake3_hash(message);
  EXPECT_EQ(std::memcmp(result.journal.data(), digest.data(), 32), 0);
}

// The message abc of FIPS 180-4's examples, padded.
TEST(Hash, HashesABlockOfSha256) {
  std::vector<uint8_t> ram(96);
  SHA256_CTX initial;
  SHA256_Init(&initial);
  std::memcpy(ram.data(), initial.h, 32);
  std::memcpy(&ram[32], "abc\x80", 4);
  ram[95] = 24;
  const HashCall call{
      .cv = kRamBase, .blocks = kRamBase + 32, .count = 1, .hash = Hash::kSha256};
  const RunResult result = run_everywhere(load(hash_file({call}, ram)));
  const uint32_t digest[8] = {0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                              0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad};
  EXPECT_EQ(std::memcmp(result.journal.data(), digest, 32), 0);
}

// By an address that the call cannot use, or a number of blocks; the journal of a run that traps is empty.
std::optional<Trap> trap_of(const HashCall& call, uint64_t cycles = uint64_t{1} << 40) {
  const Program program =
      load(hash_file({call}, std::vector<uint8_t>(kRam, 1), std::vector<uint8_t>(256, 2)));
  RunLimits limits;
  limits.cycles = cycles;
  return run_everywhere(program, {}, limits).trap;
}

void check_traps(Hash hash) {
  const HashCall good{kRamBase, kRamBase + 64, 2, 0, 0x40000000, hash};
  ASSERT_FALSE(trap_of(good));
  const auto expect = [&](TrapKind kind, uint32_t address, uint32_t detail, const HashCall& call) {
    const auto trap = trap_of(call);
    ASSERT_TRUE(trap);
    EXPECT_EQ(trap->kind, kind);
    EXPECT_EQ(trap->address, address);
    EXPECT_EQ(trap->detail, detail);
  };
  const auto with = [&](auto change) {
    HashCall call = good;
    change(call);
    return call;
  };
  for (const uint32_t count : {0u, zk::abi::kMaxHashBlocks + 1, ~0u})
    expect(TrapKind::kBadLength, good.blocks, count, with([&](auto& call) { call.count = count; }));
  // Misaligned, beyond the end, undeclared, and the chaining value among constants.
  for (const uint32_t cv :
       {kRamBase + 2, kRamBase + kRam - 28, kRamBase - 4, 0u, 0xfffffffcu, kHashedConstants})
    expect(TrapKind::kBadBuffer, cv, 32, with([&](auto& call) { call.cv = cv; }));
  for (const uint32_t blocks :
       {kRamBase + 1, kRamBase + kRam - 124, kRamBase - 4, 0u, 0xffffffc0u, kHashedConstants + 132})
    expect(TrapKind::kBadBuffer, blocks, 128, with([&](auto& call) { call.blocks = blocks; }));
  EXPECT_FALSE(trap_of(with([](auto& call) { call.blocks = kHashedConstants + 128; })));
  EXPECT_FALSE(trap_of(with([](auto& call) { call.cv = kRamBase + kRam - 32; })));
  EXPECT_FALSE(trap_of(with([](auto& call) { call.blocks = kRamBase + kRam - 128; })));
}
TEST(Hash, Traps) {
  for (const Hash hash : kBoth) check_traps(hash);
}

// Constants that adjoin memory are readable as one buffer, but a call reads one kind.
TEST(Hash, DoesNotReadTwoKindsOfMemory) {
  for (const Hash hash : kBoth) {
    ElfFile file =
        hash_file({{kRamBase, kRamBase + kRam - 64, 2, 0, 0, hash}}, std::vector<uint8_t>(kRam));
    file.segments.push_back({kRamBase + kRam, PF_R, std::vector<uint8_t>(64), 64});
    const auto trap = run_everywhere(load(file)).trap;
    ASSERT_TRUE(trap);
    EXPECT_EQ(trap->kind, TrapKind::kBadBuffer);
  }
}

// Hashing counts as instructions do.
TEST(Hash, StopsAtTheLimitOfCycles) {
  for (const Hash hash : kBoth) {
    const HashCall call{kRamBase, kRamBase + 64, 16, 0, 0, hash};
    EXPECT_FALSE(trap_of(call, call.work()));
    const auto trap = trap_of(call, call.work() - 1);
    ASSERT_TRUE(trap);
    EXPECT_EQ(trap->kind, TrapKind::kCycleLimit);
  }
}

}  // namespace
}  // namespace zkvm::vm::test
