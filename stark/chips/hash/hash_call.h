// What the chips of hashes share: the row of a call up to what is its hash's own, and the words of a block.
//
//   clk pc t7 | cv[2] t0 | blocks[2] t1 | count[2] t2 | cv_rest blocks_rest | word[2] tw age_hi left[2] (8 times) |
//   real
//
// A call finds the chaining value at time 4 clk + 2 and leaves there what its blocks, which are read at time
// 4 clk + 1, make of it. Buses of a call: state 2, program 1, each of four registers 3, extents 6, memory 2 and
// range16 1 for each word, bytes 4: 49. Of a block's words: memory 2 and range16 1 each, bytes 8.
//
// Why it is sound: the program row says that pc holds an ecall, and a7 is compared limb by limb. Addresses:
// access.h's `operand`; count is an integer below 2^16, so 64 count <= 2^22. An old time is in the past by 2^24 at
// most, now - time - 1 being a limb and a byte. The accesses at time 4 clk + 2 are to different words, and those of
// blocks come before: so it does not matter where they overlap. Which words a block reads: its place is a quarter
// of an address that the call has shown to be in range (buses.h, "Places"), and only one kind of memory is declared
// there, so read_only is not the prover's choice. The limbs that are left are shown to be such by the block. On
// padding rows `real` is 0: no traffic.
//
// What the VM refuses beyond that and the proof does not: more than 1,024 blocks, and blocks some of which are
// constants.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/hash/buses.h"
#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

inline constexpr uint32_t kHashBlockWords = 16, kHashBlockBytes = 64;
inline constexpr uint32_t kCvWords = 8, kCvBytes = 32;

template <class T>
struct CvWord {
  FoundInRam<T> found;
  Limbs<T> left;
};

template <class T>
struct HashCallCols {
  T clk, pc;
  T a7_time;
  Found<T> cv, blocks, count;
  T cv_rest, blocks_rest;
  CvWord<T> word[kCvWords];
  T real;
};

/// A call as its blocks see it: the place of the first, how many, the chaining value before and after.
template <class E>
struct HashOperands {
  E blocks, count;
  Limbs<E> before[kCvWords], after[kCvWords];
};

/// Accesses kWords words from `place` on at time `now`: word i is before(i) then,
/// and left as left(i).
template <uint32_t kWords, class B, class Before, class Left>
[[gnu::always_inline]] inline void access_words(B& air, const Expr<B>& real, const Expr<B>& place,
                                                const Expr<B>& now, const Before& before,
                                                const Left& left) {
  static_assert(kWords % 2 == 0);
  for (uint32_t i = 0; i < kWords; ++i) {
    const FoundInRam<Expr<B>>& word = before(i);
    access(air, real, place + i, {word.value, word.time}, left(i), now);
    air.send(kRange16, real, {now - word.time - 1 - word.age_hi * kLimb});
    if (i % 2 == 1) air.send(kBytes, real, {before(i - 1).age_hi, word.age_hi});
  }
}

/// Asserts what is the same for all hashes; `number_of_call`: what a7 is.
template <class B>
[[gnu::always_inline]] inline HashOperands<Expr<B>> hash_call(B& air,
                                                              const HashCallCols<Expr<B>>& row,
                                                              uint32_t number_of_call) {
  using E = Expr<B>;
  constexpr uint32_t kA0 = 10, kA7 = 17;
  const E& real = row.real;
  air.assert_bool("real", real);
  step(air, real, row.clk, row.pc, row.pc + 4);
  fetch(air, real, row.pc, number(Operation::kEcall), 0, 0, 0, {0, 0}, 0);
  const E now = row.clk * 4 + 2;
  read_register(air, real, kA7, {{number_of_call & 0xffff, number_of_call >> 16}, row.a7_time},
                now);
  uint32_t reg = kA0;
  for (const Found<E>* a : {&row.cv, &row.blocks, &row.count})
    read_register(air, real, reg++, *a, now);
  air.assert_zero("count", row.count.value.hi);
  const E& count = row.count.value.lo;
  const E cv = operand(air, real, row.cv.value, kCvBytes, row.cv_rest) * kQuarter;
  HashOperands<E> out;
  out.blocks = operand(air, real, row.blocks.value, count * kHashBlockBytes, row.blocks_rest) *
               kQuarter;
  out.count = count;
  for (uint32_t i = 0; i < kCvWords; ++i) {
    out.before[i] = row.word[i].found.value;
    out.after[i] = row.word[i].left;
  }
  access_words<kCvWords>(
      air, real, cv, now, [&](uint32_t i) -> const auto& { return row.word[i].found; },
      [&](uint32_t i) -> const auto& { return row.word[i].left; });
  return out;
}

/// Reads a block's words, from `place` on, into m.
template <class B>
[[gnu::always_inline]] inline void read_block(B& air, const Expr<B>& real, const Expr<B>& clk,
                                              const Expr<B>& place,
                                              const FoundInRam<Expr<B>> (&words)[kHashBlockWords],
                                              Limbs<Expr<B>> (&m)[kHashBlockWords]) {
  access_words<kHashBlockWords>(
      air, real, place, clk * 4 + 1, [&](uint32_t i) -> const auto& { return words[i]; },
      [&](uint32_t i) -> const auto& { return words[i].value; });
  for (uint32_t i = 0; i < kHashBlockWords; ++i) m[i] = words[i].value;
}

// For fill().

/// `record`: as vm::HashRow; `words`: what the accesses to the chaining value find; `after`: what they leave.
template <class Record, class Words>
HashCallCols<Fp> hash_call_row(const ProgramRow& insn, const Record& record, const Words& words,
                               const uint32_t (&after)[kCvWords]) {
  HashCallCols<Fp> row = {
      .clk = fp(record.clk),
      .pc = fp(insn.pc),
      .a7_time = fp(record.a7.time),
      .cv = found(record.a0),
      .blocks = found(record.a1),
      .count = found(record.a2),
      .cv_rest = operand_rest(record.a0.value, fp(kCvBytes)),
      .blocks_rest = operand_rest(record.a1.value, fp(record.a2.value * kHashBlockBytes)),
      .word = {},
      .real = Fp::one()};
  for (uint32_t i = 0; i < kCvWords; ++i)
    row.word[i] = {found_in_ram(words[i], record.clk * 4 + 2), limbs_of(after[i])};
  return row;
}

/// The words of a block; `words`: what the accesses to them find.
template <class Words>
void fill_block_words(FoundInRam<Fp> (&row)[kHashBlockWords], uint32_t clk, const Words& words) {
  for (uint32_t i = 0; i < kHashBlockWords; ++i) row[i] = found_in_ram(words[i], clk * 4 + 1);
}

}  // namespace zkvm::stark::chips
