// Provers that cheat about SHA-256: every column of its chips, on live rows and on padding rows; and hazards by
// name, most of them rows that are right in themselves for another block. More rows of each table:
// ZKVM_CELL_ROWS=12.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "stark/chips/hash/sha256_block.h"
#include "stark/chips/hash/sha256_call.h"
#include "tests/evil/hash_bench.h"

namespace zkvm::stark::machine::evil {
namespace {

using namespace chips;
using vm::Hash;
using vm::test::kHashedConstants;
using vm::test::kRamBase;

/// Two calls of the same blocks, one whose chaining value lies on its first block, one of constants.
Guest guest() {
  const auto call = [](uint32_t cv, uint32_t blocks, uint32_t count) {
    return vm::HashCall{.cv = cv, .blocks = blocks, .count = count, .hash = Hash::kSha256};
  };
  return guest_of({call(kRamBase, kRamBase + 256, 3), call(kRamBase + 128, kRamBase + 256, 3),
                   call(kRamBase + 260, kRamBase + 256, 2),
                   call(kRamBase + 64, kHashedConstants, 1)});
}

const std::vector<const char*> kChips = {Sha256Call::kName, Sha256Block::kName,
                                         Sha256Rounds::kName};

/// The sums of words after its own that the first eighth and the last have no use for.
bool is_free(const Forgery& forgery, Place at, const std::string& column) {
  return column.starts_with("upper") && (forgery.get(at, "eighth[0]") == Fp::one() ||
                                         forgery.get(at, "eighth[7]") == Fp::one());
}

TEST(EvilSha256, EveryCellOfLiveRowsIsBound) {
  const size_t values = long_tests() ? 6 : 3;
  change_live_rows({guest(), {}}, {Sha256Call::kName, Sha256Block::kName}, 4, 6);
  change_live_rows({guest(), {}}, {Sha256Rounds::kName}, 8, values, is_free);
}
TEST(EvilSha256, EveryCellOfPaddingIsSilent) { change_padding({guest(), {}}, kChips, 3); }

class Sha256Bench : public HashBench {
 public:
  Sha256Bench() : HashBench(guest(), Hash::kSha256) {}

  /// Row i of its chip is this block now; and so are the rows of its rounds.
  void put(size_t i, const HashedBlock& block) {
    put_row<Sha256Block>(i, [&](auto& row) { Sha256Block::fill(row, block); });
    put_rounds(i, block);
  }
  void put_rounds(size_t i, const HashedBlock& block) {
    for (uint32_t r = 0; r < kSha256Eighths; ++r) put_eighth(i, r, block, r);
  }
  /// Row r of block i is this eighth of this block.
  void put_eighth(size_t i, uint32_t r, const HashedBlock& block, uint32_t eighth) {
    put_row<Sha256Rounds>(kSha256Eighths * i + r,
                          [&](auto& row) { Sha256Rounds::fill(row, block, eighth); });
  }
};

/// The same block from another chaining value or of other words.
HashedBlock hashed_again(HashedBlock block) {
  uint32_t words[16];
  for (int k = 0; k < 16; ++k) words[k] = block.words[k].value;
  std::ranges::copy(block.cv, block.cv_after);
  vm::compress({.count = 1, .hash = Hash::kSha256}, 0, words, block.cv_after);
  return block;
}

TEST(EvilSha256, HonestRowsPass) {
  Sha256Bench bench;
  bench.put(1, bench.block(1));
  bench.expect({});
  EXPECT_EQ(bench.prove_and_verify(), "");
}

TEST(EvilSha256, BlocksAreTheCallsOwn) {
  Sha256Bench bench;
  const std::set<std::string> chain = {"bus sha256 chain"};
  const auto changed = [&](size_t i, auto change) {
    HashedBlock block = bench.block(i);
    change(block);
    bench.put(i, hashed_again(block));
  };
  changed(1, [](auto& block) { block.cv[7] ^= 1; });
  bench.expect(chain);
  changed(2, [](auto& block) { block.cv[0] ^= 1u << 31; });
  bench.expect(chain);
  // The second call's block for the first one's: its words were accessed at other times.
  bench.put(1, bench.block(4));
  bench.expect({"bus sha256 chain", "bus memory"});
  // The first two blocks of a call exchanged, each with what the other started from.
  HashedBlock one = bench.block(0), two = bench.block(1);
  std::swap(one.place, two.place);
  std::swap(one.words, two.words);
  bench.put(0, hashed_again(one));
  bench.put(1, hashed_again(two));
  bench.expect(chain);
  // The call ends a block early, or never.
  changed(1, [](auto& block) { block.left = 1; });
  bench.expect(chain);
  changed(2, [](auto& block) { block.left = 2; });
  bench.expect(chain);
}

TEST(EvilSha256, WordsAreMemorys) {
  Sha256Bench bench;
  const auto changed = [&](size_t i, auto change) {
    HashedBlock block = bench.block(i);
    std::vector<vm::Access> words(block.words.begin(), block.words.end());
    change(words);
    block.words = words;
    bench.put(i, hashed_again(block));
  };
  // What the block hashes is not what memory holds; the chaining value goes wrong, too.
  changed(0, [](auto& words) { words[3].value ^= 1; });
  bench.expect({"bus memory", "bus sha256 chain"});
  changed(0, [](auto& words) { std::swap(words[3], words[4]); });
  bench.expect({"bus memory", "bus sha256 chain"});
  // The chaining value of the third call lies on its first block, which reads before the call writes. Were it
  // to find what the call leaves, its time would not be in the past.
  const HashedBlock block = bench.block(6);
  changed(6, [&](auto& words) {
    for (uint32_t k = 0; k < 8; ++k) words[1 + k] = {bench.call(2).after[k], block.clk * 4 + 2};
  });
  bench.expect({"bus memory", "bus sha256 chain", "bus range16", "bus bytes"});
  // At the very time of the access, and modulo p.
  changed(0, [&](auto& words) { words[0].time = bench.block(0).clk * 4 + 1; });
  bench.expect({"bus memory", "bus range16", "bus bytes"});
}

/// Constants for memory of the same address: the other kind of a place is not declared.
TEST(EvilSha256, ReadsOneKindOfMemory) {
  Sha256Bench bench;
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

/// Eighths of the rounds of other words, of another eighth, left out, done twice, of another block.
TEST(EvilSha256, EighthsFollowOneAnother) {
  Sha256Bench bench;
  const HashedBlock block = bench.block(0);
  const std::set<std::string> both = {"bus sha256 state", "bus sha256 words"};
  HashedBlock other = block;
  std::vector<vm::Access> words(block.words.begin(), block.words.end());
  words[0].value ^= 1;
  other.words = words;
  for (uint32_t r = 0; r < kSha256Eighths; ++r) {
    bench.put_eighth(0, r, other, r);
    bench.expect(both);
    bench.put_eighth(0, r, block, (r + 1) % kSha256Eighths);
    bench.expect(both);
    bench.put_eighth(0, r, bench.block(1), r);
    bench.expect(both);
    bench.put_row<Sha256Rounds>(r, [&](auto&) {});
    bench.expect(both);
  }
  // All of a block for those of another, whose name they bear.
  HashedBlock renamed = bench.block(1);
  renamed.left = block.left;
  bench.put_rounds(0, renamed);
  bench.expect(both);
  // All of the words of another block, from this one's chaining value: the message is the block's.
  renamed = block;
  renamed.words = bench.block(1).words;
  bench.put_rounds(0, renamed);
  bench.expect(both);
}

/// A row with `fault` in it, and what follows of it right for it: which complaints there are.
std::set<std::string> with_row(Sha256Bench& bench, uint32_t eighth,
                               const std::function<void(Sha256Rounds::Cols<Fp>&)>& fault) {
  Sha256Rounds::Cols<Fp> row;
  Sha256Rounds::fill(row, bench.block(0), eighth);
  fault(row);
  bench.put_row<Sha256Rounds>(eighth, [&](auto& out) { out = row; });
  const auto found = bench.forgery().complaints();
  bench.forgery().reset();
  return found;
}

/// Sums whose carries are what makes them fit: a small integer is all that they may be.
TEST(EvilSha256, CarriesAreSmall) {
  Sha256Bench bench;
  using Round = Sha256Rounds::Round<Fp>;
  using Carries = Sha256Rounds::Carries<Fp>;
  // A bit of the word changes, and a part of the limb's carry makes up for it modulo p.
  const auto flip_with_carry = [&](auto word, auto carries, int half, bool more, uint32_t weight) {
    return with_row(bench, 3, [&](auto& row) {
      Fp& bit = (row.rounds[5].*word).bit[16 * half + 3];
      const Fp before = bit;
      bit = Fp::one() - bit;
      Carries& of = row.rounds[5].*carries;
      (more ? of.more : of.units)[half] += (before - bit) * fp(8) * Fp::from(kInverseLimb) *
                                           (more ? inverse(fp(weight)) : Fp::one());
    });
  };
  for (const int half : {0, 1})
    for (const bool more : {false, true}) {
      const auto caught = [&](auto word, auto carries, uint32_t weight) {
        return flip_with_carry(word, carries, half, more, weight).contains("sha256 rounds: carry");
      };
      EXPECT_TRUE(caught(&Round::a, &Round::of_a, 2)) << half << more;
      EXPECT_TRUE(caught(&Round::e, &Round::of_e, 3)) << half << more;
      EXPECT_TRUE(caught(&Round::w, &Round::of_w, 2)) << half << more;
    }
}

/// What columns stand for: each of these changes is made up for elsewhere by who cheats, but for the assert.
TEST(EvilSha256, WhatIsAssertedIsAsserted) {
  Sha256Bench bench;
  for (const int limb : {0, 1}) {
    const auto other = [&](Limbs<Fp>& x) { (limb == 0 ? x.lo : x.hi) += Fp::one(); };
    EXPECT_TRUE(with_row(bench, 0, [&](auto& row) { other(row.sigma0[4]); })
                    .contains("sha256 rounds: sigma0"));
    EXPECT_TRUE(with_row(bench, 0, [&](auto& row) { other(row.sigma1[1]); })
                    .contains("sha256 rounds: sigma1"));
    EXPECT_TRUE(
        with_row(bench, 4, [&](auto& row) { other(row.lower[3]); }).contains("sha256 rounds: w"));
    EXPECT_TRUE(
        with_row(bench, 4, [&](auto& row) { other(row.h); }).contains("sha256 rounds: e"));
    EXPECT_TRUE(
        with_row(bench, 4, [&](auto& row) { other(row.d); }).contains("sha256 rounds: a"));
  }
  const auto block_with = [&](const char* column, Fp value) {
    Forgery& forgery = bench.forgery();
    forgery.set({forgery.table(Sha256Block::kName), 0}, column, value);
    const auto found = forgery.complaints();
    forgery.reset();
    return found;
  };
  for (const char* column : {"is_last", "read_only", "real"})
    EXPECT_TRUE(block_with(column, fp(2)).contains("sha256 block: flag")) << column;
  for (const char* column : {"out[0]", "out[15]", "after[0]", "after[15]", "cv[0]", "cv[15]"})
    EXPECT_TRUE(block_with(column, fp(1 << 20)).contains("sha256 block: out = cv + after"))
        << column;
  expect_call_caught<Sha256Call>(bench, {{"real", fp(2)}}, "sha256 call: real");
}

/// Neither bits, nor one eighth.
TEST(EvilSha256, BitsAreBits) {
  Sha256Bench bench;
  // 2 and 1 for 0 and 2: the same limb.
  EXPECT_TRUE(with_row(bench, 2, [](auto& row) {
                row.rounds[0].w.bit[4] += fp(2);
                row.rounds[0].w.bit[5] -= Fp::one();
              }).contains("sha256 rounds: bit"));
  EXPECT_TRUE(with_row(bench, 2, [](auto& row) {
                row.before_a[1].bit[4] += fp(2);
                row.before_a[1].bit[5] -= Fp::one();
              }).contains("sha256 rounds: bit"));
  // Two at once, whose constants add up; half of two.
  EXPECT_TRUE(with_row(bench, 2, [](auto& row) {
                row.eighth[3] = Fp::one();
              }).contains("sha256 rounds: eighth"));
  EXPECT_TRUE(with_row(bench, 2, [](auto& row) {
                row.eighth[1] = row.eighth[3] = inverse(fp(2));
                row.eighth[2] = Fp{};
              }).contains("sha256 rounds: eighth"));
}

/// In the first two eighths, `lower` only makes up for what words are not: it goes nowhere.
TEST(EvilSha256, SumsOfTheMessageGoNowhere) {
  Sha256Bench bench;
  for (const uint32_t eighth : {0u, 1u}) {
    const auto shifted = [](auto& row) {
      row.lower[4].lo += fp(kLimb);
      row.rounds[4].of_w.units[0] = Fp::one();
      row.lower[4].hi -= Fp::one();
    };
    EXPECT_EQ(with_row(bench, eighth, shifted), std::set<std::string>{}) << eighth;
  }
  // From the third on they are the words before.
  EXPECT_TRUE(with_row(bench, 2, [](auto& row) {
                row.lower[4].hi += Fp::one();
                row.lower[4].lo -= fp(kLimb);
              }).contains("bus sha256 words"));
  // What the first eighth hands on to the third, through the second.
  EXPECT_TRUE(with_row(bench, 1, [](auto& row) { row.upper[4].hi += Fp::one(); })
                  .contains("bus sha256 words"));
  EXPECT_TRUE(with_row(bench, 0, [](auto& row) { row.sigma0[4].hi += Fp::one(); })
                  .contains("sha256 rounds: sigma0"));
}

/// What a block makes is reduced: no limb of it is 2^16 or more, in place of a carry.
TEST(EvilSha256, SumsWithTheChainingValueAreReduced) {
  Sha256Bench bench;
  Forgery& forgery = bench.forgery();
  const size_t t = forgery.table(Sha256Block::kName);
  size_t tried = 0;
  for (uint64_t row = 0; row < bench.blocks(); ++row)
    for (uint32_t k = 0; k < 8; ++k) {
      const auto out = [&](int half) { return fmt::format("out[{}]", 2 * k + half); };
      const auto set = [&](const std::string& column, Fp value) {
        forgery.set({t, row}, forgery.column(t, column), value);
      };
      const HashedBlock block = bench.block(row);
      if ((block.cv[k] & 0xffff) <= (block.cv_after[k] & 0xffff)) continue;  // no carry out of it
      ++tried;
      set(out(0), forgery.get({t, row}, out(0)) + fp(kLimb));
      set(out(1), forgery.get({t, row}, out(1)) - Fp::one());
      EXPECT_TRUE(forgery.complaints().contains("bus range16")) << row << " " << k;
      forgery.reset();
    }
  EXPECT_GT(tried, 5u);
}

/// The call's row: other registers, numbers of blocks.
TEST(EvilSha256, CallsAreWhatTheGuestAskedFor) {
  Sha256Bench bench;
  const auto expect_caught = [&](std::initializer_list<std::pair<const char*, Fp>> cells,
                                 const char* by) {
    expect_call_caught<Sha256Call>(bench, cells, by);
  };
  const auto now = [&](const char* column) {
    return bench.forgery().get({bench.forgery().table(Sha256Call::kName), 0}, column);
  };
  expect_caught({{"count[1]", Fp::one()}}, "sha256 call: count");
  expect_caught({{"count[0]", fp(2)}}, "bus sha256 chain");
  // What it leaves is not what the last block has made, and memory would hold it.
  expect_caught({{"word[4]", now("word[4]") + Fp::one()}}, "bus sha256 chain");
  expect_caught({{"clk", now("clk") + Fp::one()}}, "bus state");
}

/// No blocks at all: the chain is opened and closed by the call, which leaves what it finds.
TEST(EvilSha256, ACallHasABlock) {
  Sha256Bench bench;
  Forgery& forgery = bench.forgery();
  const Place at{forgery.table(Sha256Call::kName), 3};
  forgery.set(at, "count[0]", Fp{});
  for (int k = 0; k < 8; ++k) {
    // word: value[2] time age_hi left[2]
    for (int half = 0; half < 2; ++half)
      forgery.set(at, forgery.column(at.table, fmt::format("word[{}]", 6 * k + 4 + half)),
                  forgery.get(at, fmt::format("word[{}]", 6 * k + half)));
  }
  bench.put_row<Sha256Block>(8, [](auto&) {});
  for (uint32_t r = 0; r < kSha256Eighths; ++r)
    bench.put_row<Sha256Rounds>(8 * 8 + r, [](auto&) {});
  forgery.repair_banks();
  EXPECT_TRUE(forgery.complaints().contains("bus sha256 chain"));
}

TEST(EvilSha256, OperandsEndInMemory) { check_extents<Sha256Call>(); }

TEST(EvilSha256, TheListOfBanksSaysWhetherASegmentHashes) {
  check_list_of_banks(guest(), kSha256Bank);
}

// The checker and the verifier say of a whole proof what the forgery's own count says.
TEST(EvilSha256, TheVerifierRefusesWhatTheForgeryIsCaughtBy) {
  Sha256Bench bench;
  HashedBlock block = bench.block(1);
  block.cv[0] ^= 1;
  bench.put(1, hashed_again(block));
  EXPECT_NE(bench.prove_and_verify(), "");
}

}  // namespace
}  // namespace zkvm::stark::machine::evil
