// One block of a call of sha256 (sha256_call.h).
//
//   clk place left | is_last read_only real | cv[2] (8 times) | m[2] tm age_hi (16 times) | after[16] | out[16]
//
// Takes a call with `left` blocks to go, reads the 16 words from `place` on at time 4 clk + 1, has them compressed by
// rows of eight rounds each (sha256_rounds.h), adds what they make of the chaining value to it and hands the call on.
// Buses: chain 2; memory 2 and range16 1 for each word, bytes 8; state 2; words 2; range16 16.
//
// Why it is sound: a call's chain is opened and closed once (sha256_call.h), and left counts down in it, so clk and
// left are this block's own, and so is what is sent under them to rows of rounds. `is_last` stands in the chain as
// what the call is closed with, together with left = 0: so it is 1 in the last block alone. Which words are read, and
// when: hash_call.h. The limbs of `after` are bits' (sha256_rounds.h), those of the chaining value were shown to be
// limbs by who made them, those of `out` are looked up. On padding rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/hash/hash_call.h"
#include "stark/chips/hash/sha256_rounds.h"

namespace zkvm::stark::chips {

template <class E>
struct Sha256ChainTuple {
  E values[20];
};
template <class E>
[[gnu::always_inline]] inline Sha256ChainTuple<E> sha256_chain(const E& done, const E& clk,
                                                               const E& place, const E& left,
                                                               const Limbs<E> (&cv)[kCvWords]) {
  Sha256ChainTuple<E> out{{done, clk, place, left}};
  put_limbs(out.values + 4, cv);
  return out;
}

struct Sha256Block {
  static constexpr const char* kName = "sha256 block";
  static constexpr const char* kColumns =
      "clk place left is_last read_only real cv[16] m[64] after[16] out[16]";
  template <class T>
  struct Cols {
    T clk, place, left;
    T is_last, read_only, real;
    Limbs<T> cv[kCvWords];
    FoundInRam<T> m[kHashBlockWords];
    Limbs<T> after[kCvWords], out[kCvWords];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E &clk = row.clk, &left = row.left, &real = row.real;
    for (const E& flag : {real, row.is_last, row.read_only}) air.assert_bool("flag", flag);
    Limbs<E> cv[kCvWords], after[kCvWords], out[kCvWords], m[kHashBlockWords];
    for (uint32_t i = 0; i < kCvWords; ++i) {
      cv[i] = row.cv[i];
      after[i] = row.after[i];
      out[i] = row.out[i];
      assert_sum(air, "out = cv + after", cv[i], after[i], out[i]);
      check_limbs(air, real, out[i]);
    }
    air.receive(kSha256Chain, real, sha256_chain<E>(0, clk, row.place, left, cv).values);
    air.send(kSha256Chain, real,
             sha256_chain<E>(row.is_last, clk, row.place + kHashBlockWords, left - 1, out).values);
    read_block(air, real, clk, row.place + row.read_only * kReadOnlyBase, row.m, m);
    for (uint32_t eighth = 0; eighth < 2; ++eighth) {
      Limbs<E> words[kEighth];
      for (uint32_t i = 0; i < kEighth; ++i) words[i] = m[kEighth * eighth + i];
      air.send(kSha256Words, real,
               sha256_words<E>(kSha256Message, clk, left, eighth, words).values);
    }
    air.send(kSha256State, real, sha256_state<E>(clk, left, 0, cv).values);
    air.receive(kSha256State, real, sha256_state<E>(clk, left, kSha256Eighths, after).values);
  }

  /// `record`: as HashedBlock of session/rows/hash_rows.h.
  template <class Record>
  static void fill(Cols<Fp>& row, const Record& record) {
    row.clk = fp(record.clk);
    row.place = fp(record.place);
    row.left = fp(record.left);
    row.is_last = fp(record.left == 1);
    row.read_only = fp(record.read_only);
    row.real = Fp::one();
    fill_block_words(row.m, record.clk, record.words);
    for (uint32_t i = 0; i < kCvWords; ++i) {
      row.cv[i] = limbs_of(record.cv[i]);
      row.after[i] = limbs_of(record.cv_after[i] - record.cv[i]);
      row.out[i] = limbs_of(record.cv_after[i]);
    }
  }
};

}  // namespace zkvm::stark::chips
