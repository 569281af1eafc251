// Provers that cheat about BLAKE3: every column of its chips, on live rows and on padding rows; and hazards by
// name, most of them rows that are right in themselves for another block. More rows of each table:
// ZKVM_CELL_ROWS=12.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "stark/chips/hash/blake3_block.h"
#include "stark/chips/hash/blake3_call.h"
#include "stark/chips/hash/blake3_round.h"
#include "tests/evil/hash_bench.h"

namespace zkvm::stark::machine::evil {
namespace {

using namespace chips;
using vm::test::kHashedConstants;
using vm::test::kRamBase;

/// Two calls that differ in their counter alone, one whose chaining value lies on its first block, one of
/// constants. `blocks`: more, in calls of 1,024.
Guest guest(uint32_t blocks = 0) {
  std::vector<vm::HashCall> calls = {
      {kRamBase, kRamBase + 256, 3, 0x123456789abcdef0, 0x37010203},
      {kRamBase, kRamBase + 256, 3, 0x123456789abcdef1, 0x37010203},
      {kRamBase + 260, kRamBase + 256, 2, 5, 0x400b0a01},
      {kRamBase + 64, kHashedConstants, 1, 5, 0x400b0a01}};
  for (; blocks > 0; blocks -= std::min(blocks, 1024u))
    calls.push_back({kRamBase, kRamBase, std::min(blocks, 1024u), 1, 0x400b0a01});
  return guest_of(calls);
}

const std::vector<const char*> kNarrow = {Blake3Call::kName, Blake3Block::kName,
                                          Blake3Round::kName};
const std::vector<const char*> kWhole = {Blake3BlockWhole::kName};
constexpr uint32_t kWholeTable = 3072;  // blocks that are in the whole form

TEST(EvilBlake3, EveryCellOfLiveRowsIsBound) { change_live_rows({guest(), {}}, kNarrow, 4, 6); }
TEST(EvilBlake3, EveryCellOfLiveWholeRowsIsBound) {
  change_live_rows({guest(kWholeTable), {}}, kWhole, 1, asked_rows() ? 6 : 2);
}
TEST(EvilBlake3, EveryCellOfPaddingIsSilent) {
  change_padding({guest(), {}}, kNarrow, 6);
  change_padding({guest(kWholeTable), {}}, kWhole, asked_rows() ? 6 : 2);
}

class Blake3Bench : public HashBench {
 public:
  explicit Blake3Bench(uint32_t more = 0)
      : HashBench(guest(more), vm::Hash::kBlake3), whole_(whole_blocks(blocks()) > 0) {}

  /// Row i of its chip is this block now; and so are the rows of its rounds.
  void put(size_t i, const HashedBlock& block) {
    if (whole_)
      return put_row<Blake3BlockWhole>(i, [&](auto& row) { Blake3BlockWhole::fill(row, block); });
    put_row<Blake3Block>(i, [&](auto& row) { Blake3Block::fill(row, block); });
    for (uint32_t r = 0; r < kBlake3Rounds; ++r)
      put_row<Blake3Round>(7 * i + r, [&](auto& row) { Blake3Round::fill(row, block, r); });
  }

 private:
  bool whole_;
};

TEST(EvilBlake3, HonestRowsPass) {
  Blake3Bench bench;
  bench.put(1, bench.block(1));
  bench.expect({});
  EXPECT_EQ(bench.prove_and_verify(), "");
}

/// Blocks that are right for other flags, lengths, counters, chaining values, places: what follows is right
/// for them, so that the chain alone can notice.
void block_of_another_call(uint32_t more) {
  Blake3Bench bench(more);
  const auto changed = [&](size_t i, auto change) {
    HashedBlock block = bench.block(i);
    change(block);
    bench.put(i, block);
  };
  const std::set<std::string> chain = {"bus blake3 chain"};
  changed(1, [](auto& block) { block.now ^= 1, block.flags ^= 1; });
  bench.expect(chain);
  changed(1, [](auto& block) { block.middle ^= 4; });
  bench.expect(chain);
  changed(1, [](auto& block) { block.last_flags ^= 4; });
  bench.expect(chain);
  changed(2, [](auto& block) { block.last_length -= 1, block.length -= 1; });
  bench.expect(chain);
  changed(1, [](auto& block) { block.counter[0] ^= 1; });
  bench.expect(chain);
  changed(1, [](auto& block) { block.counter[1] ^= 1u << 31; });
  bench.expect(chain);
  changed(1, [](auto& block) { block.cv[7] ^= 1; });
  bench.expect(chain);
  // The second call's block for the first one's: its words were accessed at other times.
  bench.put(1, bench.block(4));
  bench.expect({"bus blake3 chain", "bus memory"});
  // The first two blocks of a call exchanged, each with what the other started from.
  HashedBlock one = bench.block(0), two = bench.block(1);
  std::swap(one.place, two.place);
  std::swap(one.words, two.words);
  bench.put(0, one);
  bench.put(1, two);
  bench.expect(chain);
  // The call ends a block early, or never.
  changed(1, [](auto& block) {
    block.left = 1, block.flags = block.last_flags, block.length = block.last_length;
  });
  bench.expect(chain);
}
TEST(EvilBlake3, BlocksAreTheCallsOwn) { block_of_another_call(0); }
TEST(EvilBlake3, WholeBlocksAreTheCallsOwn) { block_of_another_call(kWholeTable); }

/// Words with other values or times than they have.
void wrong_words(uint32_t more) {
  Blake3Bench bench(more);
  const auto changed = [&](size_t i, auto change) {
    HashedBlock block = bench.block(i);
    std::vector<vm::Access> words(block.words.begin(), block.words.end());
    change(words);
    block.words = words;
    bench.put(i, block);
  };
  // What the block hashes is not what memory holds; the chaining value goes wrong, too.
  changed(0, [](auto& words) { words[3].value ^= 1; });
  bench.expect({"bus memory", "bus blake3 chain"});
  // Two words for one another: a right compression of a message in another order.
  changed(0, [](auto& words) { std::swap(words[3], words[4]); });
  bench.expect({"bus memory", "bus blake3 chain"});
  // The chaining value of the third call lies on its first block, which reads before the call writes. Were it
  // to find what the call leaves, its time would not be in the past.
  const HashedBlock block = bench.block(6);
  changed(6, [&](auto& words) {
    for (uint32_t k = 0; k < 8; ++k) words[1 + k] = {bench.call(2).after[k], block.clk * 4 + 2};
  });
  bench.expect({"bus memory", "bus blake3 chain", "bus range16", "bus bytes"});
  // At the very time of the access, and modulo p.
  changed(0, [&](auto& words) { words[0].time = bench.block(0).clk * 4 + 1; });
  bench.expect({"bus memory", "bus range16", "bus bytes"});
}
TEST(EvilBlake3, WordsAreMemorys) { wrong_words(0); }
TEST(EvilBlake3, WordsOfWholeBlocksAreMemorys) { wrong_words(kWholeTable); }

/// Constants for memory of the same address: the other kind of a place is not declared.
TEST(EvilBlake3, ReadsOneKindOfMemory) {
  Blake3Bench bench;
  HashedBlock block = bench.block(8);
  ASSERT_TRUE(block.read_only);
  block.read_only = false;
  bench.put(8, block);
  bench.expect({"bus memory"});
  block = bench.block(0);
  block.read_only = true;
  bench.put(0, block);
  bench.expect({"bus memory"});
}

/// A round with words of the message exchanged, of another round, left out, or done twice: right in itself.
TEST(EvilBlake3, RoundsFollowOneAnother) {
  Blake3Bench bench;
  const HashedBlock block = bench.block(0);
  const auto state = std::set<std::string>{"bus blake3 state"};
  std::vector<vm::Access> words(block.words.begin(), block.words.end());
  std::swap(words[0], words[1]);
  HashedBlock other = block;
  other.words = words;
  for (uint32_t r = 0; r < kBlake3Rounds; ++r) {
    bench.put_row<Blake3Round>(r, [&](auto& row) { Blake3Round::fill(row, other, r); });
    bench.expect(state);
    // As another one of seven: of the same block, or of the next.
    bench.put_row<Blake3Round>(r, [&](auto& row) { Blake3Round::fill(row, block, (r + 1) % 7); });
    bench.expect(state);
    bench.put_row<Blake3Round>(r, [&](auto& row) { Blake3Round::fill(row, bench.block(1), r); });
    bench.expect(state);
    bench.put_row<Blake3Round>(r, [&](auto&) {});
    bench.expect(state);
  }
  // All rounds of a block for those of another, whose name they bear.
  for (uint32_t r = 0; r < kBlake3Rounds; ++r)
    bench.put_row<Blake3Round>(r, [&](auto& row) {
      Blake3Round::fill(row, bench.block(1), r);
      row.left = fp(block.left);
    });
  bench.expect(state);
}

/// What fill_round() does, with a fault in its first quarter round and all that follows right for it.
enum class Fault : uint8_t { kRotateBy12, kRotateBy7, kRotateBytes, kSum, kCarry, kXor };
void fill_faulty(Blake3Round::Cols<Fp>& row, const HashedBlock& block, Fault fault) {
  Blake3Round::fill(row, block, 0);
  uint32_t m[16], v[16];
  for (int i = 0; i < 16; ++i) m[i] = block.words[i].value;
  first_state(block.cv, block.counter, block.length, block.flags, v);
  uint32_t a = v[0], b = v[4], c = v[8], d = v[12];
  Blake3Mix<Fp>& cells = row.cells.columns[0];
  const auto is = [&](Fault which) { return fault == which; };
  a += b + m[0] + (is(Fault::kSum) ? 1 : is(Fault::kCarry) ? 1u << 16 : 0);
  cells.a1 = bytes_of(a);
  const uint32_t d1 = d ^ a ^ (is(Fault::kXor) ? 4 : 0);
  cells.d1 = bytes_of(d1);
  d = std::rotr(d1, is(Fault::kRotateBytes) ? 8 : 16);
  c += d;
  cells.c1 = bytes_of(c);
  uint32_t x = b ^ c;
  cells.low = bytes_of(x & 0x0f0f0f0f);
  cells.high = bytes_of(x >> 4 & 0x0f0f0f0f);
  // Nibbles that make the same byte: 16 taken from the high one and given to the low one.
  if (is(Fault::kRotateBy12)) cells.low.byte[1] += fp(16), cells.high.byte[1] -= Fp::one();
  b = std::rotr(x, 12);
  a += b + m[1];
  cells.a2 = bytes_of(a);
  cells.d2 = bytes_of(d ^ a);
  d = std::rotr(d ^ a, 8);
  c += d;
  cells.c2 = bytes_of(c);
  x = b ^ c;
  cells.x = bytes_of(x);
  cells.top.fill(x >> 7 & 0x01010101);
  if (is(Fault::kRotateBy7)) cells.top.top.byte[2] = Fp::one() - cells.top.top.byte[2];
}

TEST(EvilBlake3, QuarterRoundsAreRight) {
  Blake3Bench bench;
  const auto wrong = [&](Fault fault) {
    bench.put_row<Blake3Round>(0, [&](auto& row) { fill_faulty(row, bench.block(0), fault); });
    const std::set<std::string> found = bench.forgery().complaints();
    bench.forgery().reset();
    return found;
  };
  EXPECT_TRUE(wrong(Fault::kSum).contains("blake3 round: a = a + b + m"));
  EXPECT_TRUE(wrong(Fault::kCarry).contains("blake3 round: a = a + b + m"));
  EXPECT_TRUE(wrong(Fault::kXor).contains("bus and8"));
  EXPECT_TRUE(wrong(Fault::kRotateBytes).contains("blake3 round: c = c + d"));
  EXPECT_TRUE(wrong(Fault::kRotateBy12).contains("bus xor8"));
  // b2 is looked up in the diagonal that it goes on in.
  EXPECT_TRUE(wrong(Fault::kRotateBy7).contains("bus xor8"));
}

/// What columns stand for: each of these changes is made up for elsewhere by who cheats, but for the assert.
TEST(EvilBlake3, WhatIsAssertedIsAsserted) {
  Blake3Bench bench;
  const auto asserted = [&](const char* chip, const char* column, Fp value, const char* by) {
    Forgery& forgery = bench.forgery();
    forgery.set({forgery.table(chip), 0}, column, value);
    EXPECT_TRUE(forgery.complaints().contains(fmt::format("{}: {}", chip, by))) << chip << column;
    forgery.reset();
  };
  for (const char* column : {"is_last", "read_only", "real"})
    asserted(Blake3Block::kName, column, fp(2), "flag");
  asserted(Blake3Block::kName, "flags", fp(200), "flags");
  asserted(Blake3Block::kName, "length", fp(65), "length");
  asserted(Blake3Round::kName, "real", fp(2), "real");
  asserted(Blake3Call::kName, "real", fp(2), "real");
  for (const char* column : {"first", "middle", "last_flags", "last_length"})
    asserted(Blake3Call::kName, column, fp(200), "flags");
  // a1, a2, c1, c2 in both limbs, and top bits, of every quarter round.
  for (const bool diagonal : {false, true})
    for (int i = 0; i < 4; ++i) {
      const auto complaint = [&](auto change) {
        bench.put_row<Blake3Round>(0, [&](auto& row) {
          Blake3Round::fill(row, bench.block(0), 0);
          if (diagonal)
            change(row.cells.diagonals[i]);
          else
            change(row.cells.columns[i]);
        });
        const auto found = bench.forgery().complaints();
        bench.forgery().reset();
        return found;
      };
      for (const int byte : {0, 3}) {
        EXPECT_TRUE(complaint([&](auto& mix) { mix.a1.byte[byte] += fp(7); })
                        .contains("blake3 round: a = a + b + m"));
        EXPECT_TRUE(complaint([&](auto& mix) { mix.a2.byte[byte] += fp(7); })
                        .contains("blake3 round: a = a + b + m"));
        EXPECT_TRUE(complaint([&](auto& mix) { mix.c1.byte[byte] += fp(7); })
                        .contains("blake3 round: c = c + d"));
        EXPECT_TRUE(complaint([&](auto& mix) { mix.c2.byte[byte] += fp(7); })
                        .contains("blake3 round: c = c + d"));
      }
      EXPECT_TRUE(complaint([&](auto& mix) {
                    auto* bits = reinterpret_cast<Fp*>(&mix.top);
                    bits[0] = fp(2);
                  }).contains("blake3 round: top bit"));
    }
}

/// A top bit that is not, at the end of a row, with the limb that it makes: no two bytes make that.
TEST(EvilBlake3, TopBitsAreRightAtTheEndOfARow) {
  Blake3Bench bench;
  for (const int k : {0, 1}) {
    Blake3Round::Cols<Fp> row;
    Blake3Round::fill(row, bench.block(0), 0);
    auto& cells = row.cells.diagonals[0];
    const auto limb = [&] {  // of the word v[5]: one that takes its upper byte's bits apart by this
      return cells.top.of(2 - 2 * k) + cells.x.byte[3 - 2 * k] * fp(2) +
             (cells.x.byte[2 * k] - cells.top.top[k] * fp(128)) * fp(512);
    };
    EXPECT_LT(limb().value(), 1u << 16) << k;
    cells.top.top[k] = Fp::one() - cells.top.top[k];
    EXPECT_GE(limb().value(), 1u << 16) << k;
    bench.put_row<Blake3Round>(0, [&](auto& out) { out = row; });
    bench.expect({"bus blake3 state"});
  }
}

/// The call's row: other registers, numbers of blocks, modes.
TEST(EvilBlake3, CallsAreWhatTheGuestAskedFor) {
  Blake3Bench bench;
  const auto expect_caught = [&](std::initializer_list<std::pair<const char*, Fp>> cells,
                                 const char* by) {
    expect_call_caught<Blake3Call>(bench, cells, by);
  };
  const auto now = [&](const char* column) {
    return bench.forgery().get({bench.forgery().table(Blake3Call::kName), 0}, column);
  };
  // Modes taken apart otherwise; a count with a high limb; one block less.
  expect_caught({{"first", now("first") + fp(256)}, {"middle", now("middle") - Fp::one()}},
                "bus bytes");
  expect_caught({{"count[1]", Fp::one()}}, "blake3 call: count");
  expect_caught({{"count[0]", fp(2)}}, "bus blake3 chain");
  expect_caught({{"counter_lo[0]", now("counter_lo[0]") + Fp::one()}}, "bus blake3 chain");
  // What it leaves is not what the last block has made, and memory would hold it.
  expect_caught({{"word[4]", now("word[4]") + Fp::one()}}, "bus blake3 chain");
  expect_caught({{"clk", now("clk") + Fp::one()}}, "bus state");
}

TEST(EvilBlake3, OperandsEndInMemory) { check_extents<Blake3Call>(); }

TEST(EvilBlake3, TheListOfBanksSaysWhetherASegmentHashes) {
  check_list_of_banks(guest(), kBlake3Bank);
}

// The checker and the verifier say of a whole proof what the forgery's own count says.
TEST(EvilBlake3, TheVerifierRefusesWhatTheForgeryIsCaughtBy) {
  Blake3Bench bench;
  HashedBlock block = bench.block(1);
  block.counter[0] ^= 1;
  bench.put(1, block);
  EXPECT_NE(bench.prove_and_verify(), "");
}

}  // namespace
}  // namespace zkvm::stark::machine::evil
