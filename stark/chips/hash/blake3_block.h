// One block of a call of blake3 (blake3_call.h).
//
//   clk place left | now middle last[2] | flags length | is_last read_only real | counter cv | m[2] tm age_hi (16
//   times) | rounds | out[8][4]
//
// Takes a call with `left` blocks to go, reads the 16 words from `place` on at time 4 clk + 1, compresses them
// into the chaining value and hands the call on. In the whole form the row has all rounds: counter and the second
// half of cv stand in bytes, `rounds` are the cells of 56 quarter rounds. In the other one `rounds` is the state v
// after them in bytes, and rows of their own have them (blake3_round.h): for few blocks, of which a table of the
// whole form would be padding. Buses: chain 2; memory 2 and range16 1 for each word, bytes 8; and8 32 at the end;
// and 896 of rounds, or state 6.
//
// Why it is sound: a call's chain is opened and closed once (blake3_call.h), and left counts down in it, so clk
// and left are this block's own, and so is what is sent on the state bus under them. `is_last` decides the
// flags and length; it stands in the chain as what the call is closed with, together with left = 0: so it is 1
// in the last block alone. Which words are read, and when: hash_call.h. Rounds: blake3_mix.h; every byte of v is
// looked up with the other half of the state. On padding rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/hash/blake3_mix.h"
#include "stark/chips/hash/hash_call.h"

namespace zkvm::stark::chips {

/// What stays the same in a call, and what comes after the chaining value: for kBlake3Chain.
template <class E>
struct Blake3Job {
  E clk, middle, last_flags, last_length;
  Limbs<E> counter[2];
};

template <class E>
struct Blake3ChainTuple {
  E values[28];
};
template <class E>
[[gnu::always_inline]] inline Blake3ChainTuple<E> blake3_chain(const E& done,
                                                               const Blake3Job<E>& job,
                                                               const E& place, const E& left,
                                                               const E& flags,
                                                               const Limbs<E> (&cv)[8]) {
  Blake3ChainTuple<E> out{{done, job.clk, place, left, flags, job.middle, job.last_flags,
                           job.last_length, job.counter[0].lo, job.counter[0].hi, job.counter[1].lo,
                           job.counter[1].hi}};
  put_limbs(out.values + 12, cv);
  return out;
}

/// State and message before a round on kBlake3State. `exchange`: sends or receives a tuple.
template <class E, class Exchange>
[[gnu::always_inline]] inline void exchange_blake3_state(const E& clk, const E& left,
                                                         const E& round, const Limbs<E> (&v)[16],
                                                         const Limbs<E> (&m)[16],
                                                         const Exchange& exchange) {
  constexpr int kThird = 22;
  E limbs[3 * kThird];
  for (int i = 0; i < 16; ++i) {
    limbs[2 * i] = v[i].lo;
    limbs[2 * i + 1] = v[i].hi;
    limbs[32 + 2 * i] = m[i].lo;
    limbs[33 + 2 * i] = m[i].hi;
  }
  limbs[64] = limbs[65] = E(0);
  for (int part = 0; part < 3; ++part) {
    E tuple[4 + kThird] = {clk, left, round, part};
    for (int i = 0; i < kThird; ++i) tuple[4 + i] = limbs[kThird * part + i];
    exchange(tuple);
  }
}

namespace blake3_block_detail {
template <class T, bool kWhole>
struct Start {
  Bytes<T> counter[2];
  Limbs<T> low[4];
  Bytes<T> high[4];
  [[nodiscard]] Limbs<T> counter_of(int i) const { return limbs_of(counter[i]); }
  [[nodiscard]] Limbs<T> cv(int i) const { return i < 4 ? low[i] : limbs_of(high[i - 4]); }
};
template <class T>
struct Start<T, false> {
  Limbs<T> counter[2], words[8];
  [[nodiscard]] const Limbs<T>& counter_of(int i) const { return counter[i]; }
  [[nodiscard]] const Limbs<T>& cv(int i) const { return words[i]; }
};
template <class T, bool kWhole>
struct Rounds {
  Blake3RoundCells<T> round[kBlake3Rounds];
};
template <class T>
struct Rounds<T, false> {
  Bytes<T> v[16];
};
}  // namespace blake3_block_detail

template <bool kWhole>
struct Blake3BlockForm {
  static constexpr const char* kName = kWhole ? "blake3 block whole" : "blake3 block";
  static constexpr const char* kColumns =
      kWhole ? "clk place left now middle last_flags last_length flags length is_last read_only "
               "real counter[8] cv_low[8] cv_high[16] m[64] mix[2240] out[32]"
             : "clk place left now middle last_flags last_length flags length is_last read_only "
               "real counter[4] cv[16] m[64] v[64] out[32]";
  template <class T>
  struct Cols {
    T clk, place, left;
    T now, middle, last_flags, last_length;
    T flags, length;
    T is_last, read_only, real;
    blake3_block_detail::Start<T, kWhole> start;
    FoundInRam<T> m[kHashBlockWords];
    blake3_block_detail::Rounds<T, kWhole> rounds;
    Bytes<T> out[8];
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E &real = row.real, &last = row.is_last;
    for (const E& flag : {real, last, row.read_only}) air.assert_bool("flag", flag);
    chain(air, row);
    air.assert_zero("flags", row.flags - row.now - last * (row.last_flags - row.now));
    air.assert_zero("length", row.length - (real - last) * kHashBlockBytes - last * row.last_length);
    Limbs<E> m[kHashBlockWords];
    read_block(air, real, row.clk, row.place + row.read_only * kReadOnlyBase, row.m, m);
    Bytes<E> v[16];
    if constexpr (kWhole)
      in_this_row(air, row, m, v);
    else
      in_other_rows(air, row, m, v);
    for (int i = 0; i < 8; ++i) look_up_xor<B>(air, real, v[i], v[i + 8], row.out[i]);
  }

  /// `record`: as HashedBlock of session/rows/hash_rows.h.
  template <class Record>
  static void fill(Cols<Fp>& row, const Record& record) {
    row.clk = fp(record.clk);
    row.place = fp(record.place);
    row.left = fp(record.left);
    row.now = fp(record.now);
    row.middle = fp(record.middle);
    row.last_flags = fp(record.last_flags);
    row.last_length = fp(record.last_length);
    row.flags = fp(record.flags);
    row.length = fp(record.length);
    row.is_last = fp(record.left == 1);
    row.read_only = fp(record.read_only);
    row.real = Fp::one();
    uint32_t m[kHashBlockWords], v[16];
    for (uint32_t i = 0; i < kHashBlockWords; ++i) m[i] = record.words[i].value;
    fill_block_words(row.m, record.clk, record.words);
    first_state(record.cv, record.counter, record.length, record.flags, v);
    auto& start = row.start;
    Blake3RoundCells<Fp> unused;
    for (uint32_t r = 0; r < kBlake3Rounds; ++r) {
      if constexpr (kWhole)
        fill_round(row.rounds.round[r], v, m);
      else
        fill_round(unused, v, m);
    }
    if constexpr (kWhole) {
      for (int i = 0; i < 2; ++i) start.counter[i] = bytes_of(record.counter[i]);
      for (int i = 0; i < 4; ++i) {
        start.low[i] = limbs_of(record.cv[i]);
        start.high[i] = bytes_of(record.cv[4 + i]);
      }
    } else {
      for (int i = 0; i < 2; ++i) start.counter[i] = limbs_of(record.counter[i]);
      for (int i = 0; i < 8; ++i) start.words[i] = limbs_of(record.cv[i]);
      for (int i = 0; i < 16; ++i) row.rounds.v[i] = bytes_of(v[i]);
    }
    for (int i = 0; i < 8; ++i) row.out[i] = bytes_of(v[i] ^ v[i + 8]);
  }

 private:
  template <class B, class Row>
  [[gnu::always_inline]] static void chain(B& air, const Row& row) {
    using E = Expr<B>;
    const Blake3Job<E> job{row.clk,
                           row.middle,
                           row.last_flags,
                           row.last_length,
                           {row.start.counter_of(0), row.start.counter_of(1)}};
    Limbs<E> in[8], out[8];
    for (int i = 0; i < 8; ++i) {
      in[i] = row.start.cv(i);
      out[i] = limbs_of(row.out[i]);
    }
    air.receive(kBlake3Chain, row.real,
                blake3_chain<E>(0, job, row.place, row.left, row.now, in).values);
    air.send(kBlake3Chain, row.real,
             blake3_chain<E>(row.is_last, job, row.place + kHashBlockWords, row.left - 1, row.middle, out)
                 .values);
  }

  /// The state after all rounds, whose cells the row has.
  template <class B, class Row>
  [[gnu::always_inline]] static void in_this_row(B& air, const Row& row, Limbs<Expr<B>> (&m)[16],
                                                 Bytes<Expr<B>> (&v)[16]) {
    using E = Expr<B>;
    Blake3State<E> state;
    for (int i = 0; i < 4; ++i) {
      state.a[i] = row.start.low[i];
      state.b[i] = row.start.high[i];
      state.c[i] = {row.real * (blake3::kIv[i] & 0xffff), row.real * (blake3::kIv[i] >> 16)};
    }
    state.d[0] = row.start.counter[0];
    state.d[1] = row.start.counter[1];
    state.d[2] = {{row.length, 0, 0, 0}};
    state.d[3] = {{row.flags, 0, 0, 0}};
    for (uint32_t r = 0; r < kBlake3Rounds; ++r)
      assert_round<B>(air, row.real, state, m, row.rounds.round[r]);
    const auto& end = row.rounds.round[kBlake3Rounds - 1].diagonals;
    for (uint32_t i = 0; i < 4; ++i) {
      v[i] = end[i].a2;
      v[8 + blake3_column(4 + i, 2)] = end[i].c2;
    }
    for (int i = 0; i < 4; ++i) {
      v[4 + i] = state.b[i];
      v[12 + i] = state.d[i];
    }
  }

  /// The same from the rows of its rounds.
  template <class B, class Row>
  [[gnu::always_inline]] static void in_other_rows(B& air, const Row& row, Limbs<Expr<B>> (&m)[16],
                                                   Bytes<Expr<B>> (&v)[16]) {
    using E = Expr<B>;
    Limbs<E> first[16], after[16];
    for (int i = 0; i < 8; ++i) first[i] = row.start.cv(i);
    for (int i = 0; i < 4; ++i) first[8 + i] = {blake3::kIv[i] & 0xffff, blake3::kIv[i] >> 16};
    first[12] = row.start.counter[0];
    first[13] = row.start.counter[1];
    first[14] = {row.length, 0};
    first[15] = {row.flags, 0};
    for (int i = 0; i < 16; ++i) {
      v[i] = row.rounds.v[i];
      after[i] = limbs_of(v[i]);
    }
    const E& real = row.real;
    exchange_blake3_state<E>(row.clk, row.left, 0, first, m,
                             [&](const auto& tuple) { air.send(kBlake3State, real, tuple); });
    Limbs<E> permuted[16];
    for (int i = 0; i < 16; ++i) {
      int from = i;
      for (uint32_t r = 0; r < kBlake3Rounds; ++r) from = blake3::kPermutation[from];
      permuted[i] = m[from];
    }
    exchange_blake3_state<E>(row.clk, row.left, kBlake3Rounds, after, permuted,
                             [&](const auto& tuple) { air.receive(kBlake3State, real, tuple); });
  }
};
using Blake3Block = Blake3BlockForm<false>;
using Blake3BlockWhole = Blake3BlockForm<true>;

}  // namespace zkvm::stark::chips
