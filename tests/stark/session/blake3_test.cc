// Calls of blake3 are proven: the witness satisfies the circuit, and the proof verifies.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "stark/chips/hash/blake3_block.h"
#include "stark/chips/hash/blake3_round.h"
#include "stark/session/proof_estimate.h"
#include "stark/session/rows/hash_rows.h"
#include "stark/session/rows/table_heights.h"
#include "tests/stark/session/layer_guests.h"
#include "tests/vm/hash_program.h"
#include "vm/run.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;
using vm::HashCall;

std::vector<uint8_t> random_bytes(std::mt19937& random, size_t size) {
  std::vector<uint8_t> out(size);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

// Of one block and more, of constants, of blocks that the chaining value lies on, all flags and lengths.
Guest guest(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<HashCall> calls;
  for (const uint32_t count : {1, 2, 3, 16, 1, 5}) {
    const bool constant = random() % 3 == 0;
    calls.push_back({.cv = kRamBase + static_cast<uint32_t>(random() % 100) * 4,
                     .blocks = (constant ? kHashedConstants : kRamBase) +
                               static_cast<uint32_t>(random() % 100) * 4,
                     .count = count,
                     .counter = uint64_t{random()} << 32 | random(),
                     .modes = static_cast<uint32_t>(random())});
  }
  return Guest::of(
      hash_file(calls, random_bytes(random, 2048), random_bytes(random, 2048)).bytes());
}

TEST(Blake3, OfRandomCalls) {
  for (uint32_t seed = 0; seed < 3; ++seed) {
    Guest of = guest(seed);
    EXPECT_EQ(check_execution(of, {}, {}), "") << seed;
    SessionOptions options;
    options.params = quick_params();
    const Proven proven = prove_execution(of, {}, options);
    EXPECT_EQ(proven.execution.journal, vm::run(of.program, {})->journal);
  }
}

// Words of the edges of their range: carries, and rotations of ones.
TEST(Blake3, OfWordsAtTheirEdges) {
  std::vector<uint8_t> ram(2048, 0xff);
  std::fill_n(ram.begin() + 512, 64, uint8_t{0});
  std::fill_n(ram.begin() + 576, 64, uint8_t{0x80});
  const HashCall call{kRamBase, kRamBase + 448, 8, ~uint64_t{0}, ~0u};
  Guest of = Guest::of(hash_file({call}, ram).bytes());
  EXPECT_EQ(check_execution(of, {}, {}), "");
}

#ifdef ZKVM_GUESTS
// As compilers make the call.
TEST(Blake3, OfCompiledGuests) {
  std::mt19937 random(3);
  std::vector<uint8_t> input = random_bytes(random, 4 + 5 * 64);
  const uint32_t count = 5;
  std::memcpy(input.data(), &count, 4);
  uint32_t cv[8] = {1, 2, 3, 4, 5, 6, 7, 8}, block[16];
  for (uint32_t i = 0; i < count; ++i) {
    std::memcpy(block, &input[4 + 64 * i], 64);
    blake3::compress(cv, block, 0x100000002, i == 4 ? 33 : 64, i == 4 ? 10 : i == 0 ? 1 : 4, cv);
  }
  std::vector<uint8_t> journal(36);
  journal[0] = 1;
  std::memcpy(&journal[4], cv, 32);
  for (const char* compiler : {"gcc", "clang"}) {
    Guest of =
        Guest::of(read_file(ZKVM_GUESTS + std::string("/test_blake3_call_") + compiler + ".elf"));
    const vm::Io io{.input = input, .console = {}};
    EXPECT_EQ(check_execution(of, io, {}), "");
    SessionOptions options;
    options.params = quick_params();
    EXPECT_EQ(prove_execution(of, io, options).execution.journal, journal);
  }
}
#endif

// So many blocks that they fill a table with all rounds in a row, and some beside.
TEST(Blake3, OfManyBlocks) {
  constexpr uint32_t kRam = 1 << 16;
  std::mt19937 random(5);
  std::vector<HashCall> calls;
  for (int i = 0; i < 4; ++i) calls.push_back({kRamBase + 4u * i, kRamBase, 1024, 7, 0x40030201});
  calls.push_back({kRamBase, kRamBase, 10, 7, 0x40030201});
  Guest of = Guest::of(hash_file(calls, random_bytes(random, kRam)).bytes());
  EXPECT_EQ(check_execution(of, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  const Proven proven = prove_execution(of, {}, options);
  EXPECT_EQ(proven.execution.journal, vm::run(of.program, {})->journal);
}

TEST(Blake3, FormsFillTheirTables) {
  EXPECT_EQ(whole_blocks(0), 0u);
  EXPECT_EQ(whole_blocks(3071), 0u);
  EXPECT_EQ(whole_blocks(3072), 3072u);
  EXPECT_EQ(whole_blocks(4096), 4096u);
  EXPECT_EQ(whole_blocks(4100), 4096u);
  EXPECT_EQ(whole_blocks(8191), 8191u);
}

// Cut between calls; a segment without a call has no chips that hash.
TEST(Blake3, InSegments) {
  Guest of = guest(9);
  SessionOptions options;
  options.params = quick_params();
  options.segment_cycles = 20;
  EXPECT_EQ(check_execution(of, {}, options), "");
  const Proven proven = prove_execution(of, {}, options);
  ASSERT_GT(proven.segments.size(), 3u);
  size_t hashing = 0;
  for (const SegmentProof& segment : proven.segments)
    hashing += static_cast<size_t>(std::ranges::count(segment.uses, kBlake3Bank, &BankUse::bank));
  EXPECT_GT(hashing, 1u);
  EXPECT_LT(hashing, proven.segments.size());
}

// What a layer read and what it wrote are hashed: words that both units of the machine find.
TEST(Blake3, BesideLayers) {
  const LayerGuest layers({dense_layer(16, 64, 1)});
  const auto [in, out, b] = layers.places[0];
  ASSERT_EQ(layers.layers[0].out_extent(), 64u);
  Assembler text;
  const uint32_t cv = kDataBase + LayerGuest::kBytes - 32;
  call_hash(text, {cv, in, 1, 0, 0x40010000});
  text.call(vm::call_number(layers.layers[0]), 0, in, out);
  call_hash(text, {cv, out, 1, 0, 0x40020000});
  text.call(zk::abi::kSysWrite, zk::abi::kFdJournal, cv, 32).exit(0);
  auto file = ElfFile::of(text.words(), layers.data);
  file.segments[1].memory_size = LayerGuest::kBytes;
  file.sections.push_back({".zkvm.layers", vm::write_layers(layers.layers)});

  uint32_t expected[8] = {}, block[16];
  std::memcpy(block, layers.data.data(), 64);
  blake3::compress(expected, block, 0, 64, 1, expected);
  const std::vector<uint8_t> results = layers.journal();
  std::memcpy(block, results.data(), 64);
  blake3::compress(expected, block, 0, 64, 2, expected);

  Guest of = Guest::of(file.bytes());
  EXPECT_EQ(check_execution(of, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  const Proven proven = prove_execution(of, {}, options);
  EXPECT_EQ(std::memcmp(proven.execution.journal.data(), expected, 32), 0);
}

// What a proof takes is known before: the same rows and cells.
TEST(Blake3, IsEstimated) {
  Guest of = guest(4);
  const auto run = vm::run(of.program, {});
  SessionOptions options;
  const auto estimate = estimate_proof(of.program, *run, options);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->segments, 1u);
  const auto session = Session::plan(of.program, *of.image, {}, options);
  ASSERT_TRUE(session);
  uint64_t cells = 0;
  auto visiting = Session::plan(of.program, *of.image, {}, options);
  ASSERT_TRUE(visiting->visit_witnesses([&](size_t, const Circuit& circuit, Witness witness) {
    cells += committed_cells(circuit, witness.specs());
  }));
  EXPECT_EQ(estimate->cells, cells);
}

// What a compression commits to, all included but the call: the numbers of chips.md.
TEST(Blake3, CellsOfABlock) {
  EXPECT_LE(committed_columns<chips::Blake3BlockWhole>(), 5000u);
  EXPECT_LE(committed_columns<chips::Blake3Block>() + 7 * committed_columns<chips::Blake3Round>(),
            5700u);
}

}  // namespace
}  // namespace zkvm::stark::machine
