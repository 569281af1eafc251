// Provers that cheat about SHA-256: every column of its chips, on live rows and on padding rows; and hazards by
// name, most of them rows that are right in themselves for another block. More rows of each table:
// ZKVM_CELL_ROWS=12.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <functional>
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
  const size_t values = asked_rows() ? 6 : 3;
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
  // At the very time of the access; and with an age that is right modulo p alone.
  changed(0, [&](auto& words) { words[0].time = bench.block(0).clk * 4 + 1; });
  bench.expect({"bus memory", "bus range16", "bus bytes"});
  changed(0, [&](auto& words) { words[0].time = bench.block(0).clk * 4 + 1; });
  // m: value[2] time age_hi
  bench.forgery().set({bench.forgery().table(Sha256Block::kName), 0}, "m[3]", fp(0x7f00));
  bench.expect({"bus memory", "bus bytes"});
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

/// What a block's eighths pass on, as numbers: limbs of sums that are not reduced.
struct Sums {
  uint32_t lo = 0, hi = 0;
  friend Sums operator+(Sums a, Sums b) { return {a.lo + b.lo, a.hi + b.hi}; }
  static Sums of(uint32_t x) { return {x & 0xffff, x >> 16}; }
  [[nodiscard]] uint32_t reduced() const { return lo + (hi << 16); }
};
struct Passing {
  uint32_t state[8];  // a .. h
  Sums lower[8], upper[8];
};

uint32_t sigma(uint32_t x, int r0, int r1, int r2) {
  return std::rotr(x, r0) ^ std::rotr(x, r1) ^ std::rotr(x, r2);
}
uint32_t shifted_sigma(uint32_t x, int r0, int r1, int shift) {
  return std::rotr(x, r0) ^ std::rotr(x, r1) ^ x >> shift;
}

/// A row of an eighth that is right for what it is passed, and what it passes on: as an attacker makes one
/// who has put something else in between. `message`: of the first two eighths.
Sha256Rounds::Cols<Fp> follow(const HashedBlock& block, uint32_t eighth, const uint32_t* message,
                              Passing& passing) {
  Sha256Rounds::Cols<Fp> row;
  Sha256Rounds::fill(row, block, eighth);  // its name; all else is overwritten
  uint32_t w[8];
  for (uint32_t i = 0; i < 8; ++i) {
    Sums own;
    if (i >= 2) own = own + Sums::of(shifted_sigma(w[i - 2], 17, 19, 10));
    if (i == 7) own = own + Sums::of(w[0]);
    auto& round = row.rounds[i];
    round.of_w = {};
    if (message != nullptr) {
      w[i] = message[i];
      const Sums word = Sums::of(w[i]);
      row.lower[i] = {fp(word.lo) - fp(own.lo), fp(word.hi) - fp(own.hi)};
    } else {
      row.lower[i] = {fp(passing.lower[i].lo), fp(passing.lower[i].hi)};
      const Sums sum = passing.lower[i] + own;
      w[i] = sum.reduced();
      const uint32_t carries[2] = {sum.lo >> 16, (sum.hi + (sum.lo >> 16)) >> 16};
      for (int half = 0; half < 2; ++half) {
        round.of_w.units[half] = fp(carries[half] & 1);
        round.of_w.more[half] = fp(carries[half] >> 1);
      }
    }
    round.w = bits_of(w[i]);
    row.upper[i] = {fp(passing.upper[i].lo), fp(passing.upper[i].hi)};
    row.sigma0[i] = limbs_of(shifted_sigma(w[i], 7, 18, 3));
    if (i >= 6) row.sigma1[i - 6] = limbs_of(shifted_sigma(w[i], 17, 19, 10));
  }
  auto& [a, b, c, d, e, f, g, h] = passing.state;
  for (int i = 0; i < 3; ++i) {
    row.before_a[i] = bits_of(passing.state[i]);
    row.before_e[i] = bits_of(passing.state[4 + i]);
  }
  row.d = limbs_of(d);
  row.h = limbs_of(h);
  for (uint32_t i = 0; i < 8; ++i) {
    auto& round = row.rounds[i];
    const uint32_t summands[] = {d, h, sigma(e, 6, 11, 25), (e & f) ^ (~e & g),
                                 kSha256Constants[eighth][i], w[i]};
    Sums sum;
    for (const uint32_t x : summands) sum = sum + Sums::of(x);
    const uint32_t new_e = sum.reduced();
    const auto put = [&](auto& carries, int64_t lo, int64_t hi, uint32_t weight, int bias) {
      for (int half = 0; half < 2; ++half) {
        const auto carry = static_cast<uint32_t>((half == 0 ? lo : hi) + bias);
        carries.more[half] = fp(carry >= weight ? 1 : 0);
        carries.units[half] = fp(carry >= weight ? carry - weight : carry);
      }
    };
    put(round.of_e, sum.lo >> 16, (sum.hi + (sum.lo >> 16)) >> 16, 3, 0);
    const Sums to_a = Sums::of(new_e) + Sums::of(sigma(a, 2, 13, 22)) +
                      Sums::of((a & b) ^ (a & c) ^ (b & c));
    const int64_t lo = int64_t{to_a.lo} - (d & 0xffff);
    const int64_t hi = int64_t{to_a.hi} - (d >> 16) + (lo >> 16);
    const uint32_t new_a = to_a.reduced() - d;
    put(round.of_a, lo >> 16, hi >> 16, 2, 1);
    round.a = bits_of(new_a);
    round.e = bits_of(new_e);
    h = g, g = f, f = e, e = new_e;
    d = c, c = b, b = a, a = new_a;
  }
  const Passing before = passing;
  for (uint32_t i = 0; i < 8; ++i) {
    passing.lower[i] = before.upper[i] + Sums::of(i < 7 ? w[i + 1] : shifted_sigma(w[0], 7, 18, 3));
    if (i < 2) passing.lower[i] = passing.lower[i] + Sums::of(shifted_sigma(w[6 + i], 17, 19, 10));
    passing.upper[i] = Sums::of(w[i]);
    if (i < 7) passing.upper[i] = passing.upper[i] + Sums::of(shifted_sigma(w[i + 1], 7, 18, 3));
  }
  return row;
}

/// Rows of a block's eighths, in an order of the attacker's, of words of his, with what he does between two of
/// them: then the block's own row, that it leads to.
struct Attack {
  std::vector<uint32_t> order = {0, 1, 2, 3, 4, 5, 6, 7};
  std::function<void(uint32_t eighth, Passing&)> before = [](uint32_t, Passing&) {};
};
/// Puts the rows of block i, and returns what they make of its chaining value: `message` has 16 words.
std::array<uint32_t, 8> put_attack(Sha256Bench& bench, size_t i, const HashedBlock& block,
                                   const std::array<uint32_t, 16>& message, const Attack& attack) {
  Passing passing{};
  std::ranges::copy(block.cv, passing.state);
  for (const uint32_t eighth : attack.order) {
    attack.before(eighth, passing);
    const auto row =
        follow(block, eighth, eighth < 2 ? message.data() + 8 * eighth : nullptr, passing);
    bench.put_row<Sha256Rounds>(kSha256Eighths * i + eighth, [&](auto& out) { out = row; });
  }
  std::array<uint32_t, 8> after;
  std::ranges::copy(passing.state, after.begin());
  return after;
}

std::array<uint32_t, 16> message_of(const HashedBlock& block) {
  std::array<uint32_t, 16> words;
  for (int k = 0; k < 16; ++k) words[k] = __builtin_bswap32(block.words[k].value);
  return words;
}

/// The call's row leaves this.
void put_left(Sha256Bench& bench, size_t call, const uint32_t (&cv)[8]) {
  Forgery& forgery = bench.forgery();
  const Place at{forgery.table(Sha256Call::kName), call};
  for (int k = 0; k < 8; ++k)
    for (int half = 0; half < 2; ++half)
      forgery.set(at, forgery.column(at.table, fmt::format("word[{}]", 6 * k + 4 + half)),
                  fp(cv[k] >> 16 * half & 0xffff));
}

/// The blocks of the first call, each right for what the one before makes of it; `after_of(i, block)` puts the
/// rows of the rounds.
void put_call(Sha256Bench& bench,
              const std::function<std::array<uint32_t, 8>(size_t, const HashedBlock&)>& after_of) {
  uint32_t cv[8];
  std::ranges::copy(bench.block(0).cv, cv);
  for (size_t i = 0; i < 3; ++i) {
    HashedBlock block = bench.block(i);
    std::ranges::copy(cv, block.cv);
    const auto after = after_of(i, block);
    for (int k = 0; k < 8; ++k) cv[k] = block.cv_after[k] = cv[k] + after[k];
    bench.put_row<Sha256Block>(i, [&](auto& row) { Sha256Block::fill(row, block); });
  }
  put_left(bench, 0, cv);
}

TEST(EvilSha256, OneBusAloneTellsHonestRowsFromOthers) {
  Sha256Bench bench;
  const std::set<std::string> words = {"bus sha256 words"}, state = {"bus sha256 state"},
                              chain = {"bus sha256 chain"};
  const auto attack_block_0 = [&](const Attack& attack,
                                  const std::function<void(std::array<uint32_t, 16>&)>& change) {
    put_call(bench, [&](size_t i, const HashedBlock& block) {
      std::array<uint32_t, 16> message = message_of(block);
      if (i == 0) change(message);
      return put_attack(bench, i, block, message, i == 0 ? attack : Attack{});
    });
  };
  const auto no_change = [](std::array<uint32_t, 16>&) {};
  attack_block_0({}, no_change);
  bench.expect({});  // whoever does nothing is right
  // A word that the message does not have; its two halves for one another.
  attack_block_0({}, [](auto& message) { message[9] ^= 1; });
  bench.expect(words);
  attack_block_0({}, [](auto& message) { std::rotate(message.begin(), message.begin() + 8, message.end()); });
  bench.expect(words);
  // What an eighth passes to the next, and to the one after that; one of them for the other.
  for (uint32_t from = 2; from < 8; ++from) {
    const auto at = [&](auto change) {
      return Attack{.before = [from, change](uint32_t eighth, Passing& passing) {
        if (eighth == from) change(passing);
      }};
    };
    attack_block_0(at([](Passing& p) { p.lower[3].lo ^= 1; }), no_change);
    bench.expect(words);
    if (from == 7) continue;  // which has no use for the others
    attack_block_0(at([](Passing& p) { p.upper[5].hi ^= 1; }), no_change);
    bench.expect(words);
    attack_block_0(at([](Passing& p) { std::swap(p.lower, p.upper); }), no_change);
    bench.expect(words);
  }
  attack_block_0({.before = [](uint32_t eighth, Passing& p) { if (eighth == 1) p.upper[5].hi ^= 1; }},
                 no_change);
  bench.expect(words);
  // The state between two eighths; eighths in another order, each of its own words.
  for (uint32_t from = 0; from < 8; ++from) {
    attack_block_0({.before =
                        [from](uint32_t eighth, Passing& p) {
                          if (eighth == from) p.state[from] ^= 1u << 20;
                        }},
                   no_change);
    bench.expect(state);
  }
  // Blocks that take each other's message.
  put_call(bench, [&](size_t i, const HashedBlock& block) {
    const size_t from = i == 2 ? 2 : 1 - i;
    return put_attack(bench, i, block, message_of(bench.block(from)), {});
  });
  bench.expect(words);
  // Blocks of two calls that take each other's result: the same message, from other chaining values.
  const auto result_of = [&](size_t i) {
    HashedBlock block = bench.block(i);
    std::array<uint32_t, 8> after;
    for (int k = 0; k < 8; ++k) after[k] = block.cv_after[k] - block.cv[k];
    return after;
  };
  const auto exchanged = [&](size_t call, size_t first, size_t other) {
    uint32_t cv[8];
    std::ranges::copy(bench.block(first).cv, cv);
    for (size_t i = first; i < first + 3; ++i) {
      HashedBlock block = bench.block(i);
      std::ranges::copy(cv, block.cv);
      const auto after = i == first ? result_of(other) : put_attack(bench, i, block, message_of(block), {});
      for (int k = 0; k < 8; ++k) cv[k] = block.cv_after[k] = cv[k] + after[k];
      bench.put_row<Sha256Block>(i, [&](auto& row) { Sha256Block::fill(row, block); });
    }
    put_left(bench, call, cv);
  };
  exchanged(0, 0, 3);
  exchanged(1, 3, 0);
  bench.expect(state);
  // Two calls of the same blocks, each from the other's chaining value on.
  for (size_t i = 0; i < 6; ++i) {
    HashedBlock block = bench.block(i);
    const HashedBlock other = bench.block((i + 3) % 6);
    std::ranges::copy(other.cv, block.cv);
    std::ranges::copy(other.cv_after, block.cv_after);
    bench.put(i, block);
  }
  put_left(bench, 0, bench.call(1).after);
  put_left(bench, 1, bench.call(0).after);
  bench.expect(chain);
  // The first two blocks of a call exchanged, and all that follows.
  put_call(bench, [&](size_t i, const HashedBlock& block) {
    const size_t from = i == 2 ? 2 : 1 - i;
    return put_attack(bench, i, block, message_of(bench.block(from)), {});
  });
  for (const size_t i : {0, 1}) {
    const HashedBlock from = bench.block(1 - i);
    Sha256Block::Cols<Fp> words_of;
    Sha256Block::fill(words_of, from);
    Forgery& forgery = bench.forgery();
    const Place at{forgery.table(Sha256Block::kName), i};
    forgery.set(at, "place", fp(from.place));
    const Fp* cells = reinterpret_cast<const Fp*>(&words_of.m);
    for (uint32_t k = 0; k < 4 * kHashBlockWords; ++k)
      forgery.set(at, forgery.column(at.table, fmt::format("m[{}]", k)), cells[k]);
  }
  bench.expect(chain);
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
  // The lower limb's carry is none, and the upper one makes up for it.
  Forgery& forgery = bench.forgery();
  const Place block{forgery.table(Sha256Block::kName), 0};
  forgery.set(block, "out[0]", forgery.get(block, "out[0]") + fp(7));
  forgery.set(block, "out[1]", forgery.get(block, "out[1]") - fp(7) * Fp::from(kInverseLimb));
  EXPECT_TRUE(forgery.complaints().contains("sha256 block: out = cv + after"));
  forgery.reset();
  expect_call_caught<Sha256Call>(bench, {{"real", fp(2)}}, "sha256 call: real");
}

/// Neither bits, nor one eighth.
TEST(EvilSha256, BitsAreBits) {
  Sha256Bench bench;
  // 2 and 1 for 0 and 2: the same limb.
  using Row = Sha256Rounds::Cols<Fp>;
  const std::function<BitWord<Fp>&(Row&)> which[] = {
      [](Row& row) -> auto& { return row.rounds[0].w; },
      [](Row& row) -> auto& { return row.rounds[7].a; },
      [](Row& row) -> auto& { return row.rounds[3].e; },
      [](Row& row) -> auto& { return row.before_a[0]; },
      [](Row& row) -> auto& { return row.before_a[1]; },
      [](Row& row) -> auto& { return row.before_a[2]; },
      [](Row& row) -> auto& { return row.before_e[0]; },
      [](Row& row) -> auto& { return row.before_e[1]; },
      [](Row& row) -> auto& { return row.before_e[2]; }};
  for (const auto& word : which)
    EXPECT_TRUE(with_row(bench, 2, [&](Row& row) {
                  word(row).bit[4] += fp(2);
                  word(row).bit[5] -= Fp::one();
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
      if (block.cv[k] > block.cv_after[k]) {  // the carry out of the upper limb left in it
        set(out(1), forgery.get({t, row}, out(1)) + fp(kLimb));
        EXPECT_TRUE(forgery.complaints().contains("bus range16")) << row << " " << k;
        forgery.reset();
      }
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
  // Other registers, of this time, another number; an instruction that is no ecall.
  for (const char* reg : {"cv[0]", "blocks[0]", "count[0]"})
    expect_caught({{reg, now(reg) + fp(4)}}, "bus memory");
  for (const char* time : {"t7", "t0", "t1", "t2"})
    expect_caught({{time, now("clk") * fp(4) + fp(2)}}, "bus range16");
  expect_caught({{"pc", now("pc") + fp(4)}}, "bus program");
  // An old time of a word that is right modulo p alone. word: value[2] time age_hi left[2]
  expect_caught({{"word[2]", now("clk") * fp(4) + fp(2)}, {"word[3]", fp(0x7f00)}}, "bus bytes");
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
