// Calls of sha256 are proven: the witness satisfies the circuit, and the proof verifies.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "stark/chips/hash/sha256_block.h"
#include "stark/session/proof_estimate.h"
#include "stark/session/rows/table_heights.h"
#include "tests/stark/session/layer_guests.h"
#include "tests/vm/hash_program.h"
#include "vm/run.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;
using vm::Hash;
using vm::HashCall;

std::vector<uint8_t> random_bytes(std::mt19937& random, size_t size) {
  std::vector<uint8_t> out(size);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

// Of one block and more, of constants, of blocks that the chaining value lies on; `both`: calls of blake3
// between, on words of the same memory.
Guest guest(uint32_t seed, bool both = false) {
  std::mt19937 random(seed);
  std::vector<HashCall> calls;
  for (const uint32_t count : {1, 2, 3, 16, 1, 5}) {
    const bool constant = random() % 3 == 0;
    calls.push_back({.cv = kRamBase + static_cast<uint32_t>(random() % 100) * 4,
                     .blocks = (constant ? kHashedConstants : kRamBase) +
                               static_cast<uint32_t>(random() % 100) * 4,
                     .count = count,
                     .modes = static_cast<uint32_t>(random()),
                     .hash = both && random() % 2 == 0 ? Hash::kBlake3 : Hash::kSha256});
  }
  return Guest::of(
      hash_file(calls, random_bytes(random, 2048), random_bytes(random, 2048)).bytes());
}

TEST(Sha256, OfRandomCalls) {
  for (uint32_t seed = 0; seed < 3; ++seed) {
    Guest of = guest(seed, seed == 2);
    EXPECT_EQ(check_execution(of, {}, {}), "") << seed;
    SessionOptions options;
    options.params = quick_params();
    const Proven proven = prove_execution(of, {}, options);
    EXPECT_EQ(proven.execution.journal, vm::run(of.program, {})->journal);
  }
}

// Words of the edges of their range: carries.
TEST(Sha256, OfWordsAtTheirEdges) {
  std::vector<uint8_t> ram(2048, 0xff);
  std::fill_n(ram.begin() + 512, 64, uint8_t{0});
  std::fill_n(ram.begin() + 576, 64, uint8_t{0x80});
  for (const uint8_t first : {uint8_t{0xff}, uint8_t{0}, uint8_t{0x80}}) {
    std::fill_n(ram.begin(), 32, first);
    const HashCall call{
        .cv = kRamBase, .blocks = kRamBase + 448, .count = 8, .hash = Hash::kSha256};
    Guest of = Guest::of(hash_file({call}, ram).bytes());
    EXPECT_EQ(check_execution(of, {}, {}), "");
  }
}

#ifdef ZKVM_GUESTS
// As compilers make the call.
TEST(Sha256, OfCompiledGuests) {
  std::mt19937 random(3);
  std::vector<uint8_t> input = random_bytes(random, 4 + 5 * 64);
  const uint32_t count = 5;
  std::memcpy(input.data(), &count, 4);
  uint32_t cv[8] = {1, 2, 3, 4, 5, 6, 7, 8}, block[16];
  for (uint32_t i = 0; i < count; ++i) {
    std::memcpy(block, &input[4 + 64 * i], 64);
    vm::compress({.count = count, .hash = Hash::kSha256}, i, block, cv);
  }
  std::vector<uint8_t> journal(36);
  journal[0] = 1;
  std::memcpy(&journal[4], cv, 32);
  for (const char* compiler : {"gcc", "clang"}) {
    Guest of =
        Guest::of(read_file(ZKVM_GUESTS + std::string("/test_sha256_call_") + compiler + ".elf"));
    const vm::Io io{.input = input, .console = {}};
    EXPECT_EQ(check_execution(of, io, {}), "");
    SessionOptions options;
    options.params = quick_params();
    EXPECT_EQ(prove_execution(of, io, options).execution.journal, journal);
  }
}
#endif

// As many blocks as a call takes, and rows of rounds in several tables.
TEST(Sha256, OfManyBlocks) {
  std::mt19937 random(5);
  const HashCall call{.cv = kRamBase, .blocks = kRamBase, .count = 1024, .hash = Hash::kSha256};
  Guest of = Guest::of(hash_file({call}, random_bytes(random, 1 << 16)).bytes());
  EXPECT_EQ(check_execution(of, {}, {}), "");
}

// Cut between calls; a segment without a call has no chips that hash.
TEST(Sha256, InSegments) {
  Guest of = guest(9, true);
  SessionOptions options;
  options.params = quick_params();
  options.segment_cycles = 20;
  EXPECT_EQ(check_execution(of, {}, options), "");
  const Proven proven = prove_execution(of, {}, options);
  ASSERT_GT(proven.segments.size(), 3u);
  size_t hashing = 0;
  for (const SegmentProof& segment : proven.segments)
    hashing += static_cast<size_t>(std::ranges::count(segment.uses, kSha256Bank, &BankUse::bank));
  EXPECT_GT(hashing, 0u);
  EXPECT_LT(hashing, proven.segments.size());
}

// What a proof takes is known before: the same rows and cells.
TEST(Sha256, IsEstimated) {
  for (const bool both : {false, true}) {
    Guest of = guest(4, both);
    const auto run = vm::run(of.program, {});
    SessionOptions options;
    const auto estimate = estimate_proof(of.program, *run, options);
    ASSERT_TRUE(estimate);
    EXPECT_EQ(estimate->segments, 1u);
    uint64_t cells = 0;
    auto visiting = Session::plan(of.program, *of.image, {}, options);
    ASSERT_TRUE(visiting->visit_witnesses([&](size_t, const Circuit& circuit, Witness witness) {
      cells += committed_cells(circuit, witness.specs());
    }));
    EXPECT_EQ(estimate->cells, cells);
  }
}

// What a compression commits to, all included but the call: the numbers of chips.md.
TEST(Sha256, CellsOfABlock) {
  EXPECT_LE(
      committed_columns<chips::Sha256Block>() + 8 * committed_columns<chips::Sha256Rounds>(),
      9500u);
}

}  // namespace
}  // namespace zkvm::stark::machine
