// ecall of blake3: a7 = kCallNumber, a0 = address of the chaining value, a1 = address of the blocks, a2 = how
// many, a3 and a4 = the counter, a5 = flags of the first block, of those between, of the last, and the length of
// the last, byte by byte. All registers are left as they are.
//
//   clk pc t7 | cv[2] t0 | blocks[2] t1 | count[2] t2 | counter[2] t3 | counter[2] t4 | modes[2] t5 | cv_rest
//   blocks_rest | first middle last_flags last_length | word[2] tw age_hi left[2] (8 times) | real
//
// Finds the chaining value at time 4 clk + 2 and leaves there what its blocks (blake3_block.h), which read
// at time 4 clk + 1, make of it. Buses: state 2, program 1, each register 3, extents 6, modes 2, memory 2 and
// range16 1 for each word, bytes 4, chain 2: 62.
//
// Why it is sound: the program row says that pc holds an ecall, and a7 is compared limb by limb. The chain that
// is opened here is the one that is closed here, because no other call has this clk and each block leads to one
// next tuple with one block less: `count` blocks, an integer below 2^16, from the first place on. Addresses:
// access.h's `operand`; 64 count <= 2^22. The accesses at time 4 clk + 2 are to different words, and those of
// blocks come before: so it does not matter where they overlap. The limbs that are left are a block's bytes. On
// padding rows `real` is 0: no traffic.
//
// What the VM refuses beyond that and the proof does not: more than 1,024 blocks, and blocks some of which are
// constants.
#pragma once

#include "stark/chips/hash/blake3_block.h"
#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

struct Blake3Call {
  static constexpr const char* kName = "blake3 call";
  static constexpr const char* kColumns =
      "clk pc t7 cv[2] t0 blocks[2] t1 count[2] t2 counter_lo[2] t3 counter_hi[2] t4 modes[2] t5 "
      "cv_rest blocks_rest first middle last_flags last_length word[48] real";
  template <class T>
  struct Word {
    FoundInRam<T> found;
    Limbs<T> left;
  };
  template <class T>
  struct Cols {
    T clk, pc;
    T a7_time;
    Found<T> cv, blocks, count, counter[2], modes;
    T cv_rest, blocks_rest;
    T first, middle, last_flags, last_length;
    Word<T> word[8];
    T real;
  };

  static constexpr uint32_t kCallNumber = 0x7a6b0010;  // guest/include/zk/abi.h
  static constexpr uint32_t kA0 = 10, kA7 = 17;
  static constexpr uint32_t kBytesOfCv = 32, kBytesOfBlock = 64, kWordsOfBlock = 16;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E &clk = row.clk, &real = row.real;
    air.assert_bool("real", real);
    step(air, real, clk, row.pc, row.pc + 4);
    fetch(air, real, row.pc, number(Operation::kEcall), 0, 0, 0, {0, 0}, 0);
    const E now = clk * 4 + 2;
    read_register(air, real, kA7, {{kCallNumber & 0xffff, kCallNumber >> 16}, row.a7_time}, now);
    uint32_t reg = kA0;
    for (const Found<E>* a :
         {&row.cv, &row.blocks, &row.count, &row.counter[0], &row.counter[1], &row.modes})
      read_register(air, real, reg++, *a, now);
    air.assert_zero("flags", row.modes.value.lo - row.first - row.middle * 256);
    air.assert_zero("flags", row.modes.value.hi - row.last_flags - row.last_length * 256);
    air.send(kBytes, real, {row.first, row.middle});
    air.send(kBytes, real, {row.last_flags, row.last_length});

    air.assert_zero("count", row.count.value.hi);
    const E& count = row.count.value.lo;
    const E cv = operand(air, real, row.cv.value, kBytesOfCv, row.cv_rest) * kQuarter;
    const E blocks =
        operand(air, real, row.blocks.value, count * kBytesOfBlock, row.blocks_rest) *
        kQuarter;
    Limbs<E> in[8], out[8];
    for (uint32_t i = 0; i < 8; ++i) {
      const FoundInRam<E>& found = row.word[i].found;
      in[i] = found.value;
      out[i] = row.word[i].left;
      access(air, real, cv + i, {found.value, found.time}, out[i], now);
      air.send(kRange16, real, {now - found.time - 1 - found.age_hi * kLimb});
      if (i % 2 == 1) air.send(kBytes, real, {row.word[i - 1].found.age_hi, found.age_hi});
    }
    const Blake3Job<E> job{clk,
                           row.middle,
                           row.last_flags,
                           row.last_length,
                           {row.counter[0].value, row.counter[1].value}};
    air.send(kBlake3Chain, real, blake3_chain<E>(0, job, blocks, count, row.first, in).values);
    air.receive(kBlake3Chain, real,
                blake3_chain<E>(1, job, blocks + count * kWordsOfBlock, 0, row.middle, out).values);
  }

  /// `record`: as vm::Blake3Row; `words`: what the accesses to the chaining value find; `after`: what
  /// they leave.
  template <class Record, class Words>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record, const Words& words,
                   const uint32_t (&after)[8]) {
    const uint32_t modes = record.a5.value;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .a7_time = fp(record.a7.time),
           .cv = found(record.a0),
           .blocks = found(record.a1),
           .count = found(record.a2),
           .counter = {found(record.a3), found(record.a4)},
           .modes = found(record.a5),
           .cv_rest = operand_rest(record.a0.value, fp(kBytesOfCv)),
           .blocks_rest = operand_rest(record.a1.value, fp(record.a2.value * kBytesOfBlock)),
           .first = fp(modes & 0xff),
           .middle = fp(modes >> 8 & 0xff),
           .last_flags = fp(modes >> 16 & 0xff),
           .last_length = fp(modes >> 24),
           .word = {},
           .real = Fp::one()};
    for (uint32_t i = 0; i < 8; ++i)
      row.word[i] = {found_in_ram(words[i], record.clk * 4 + 2), limbs_of(after[i])};
  }
};

}  // namespace zkvm::stark::chips
