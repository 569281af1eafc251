// ecall of blake3: a7 = kCallNumber, a0 = address of the chaining value, a1 = address of the blocks, a2 = how
// many, a3 and a4 = the counter, a5 = flags of the first block, of those between, of the last, and the length of
// the last, byte by byte. All registers are left as they are.
//
//   call (hash_call.h) | counter[2] t3 | counter[2] t4 | modes[2] t5 | first middle last_flags last_length
//
// Buses: those of a call, each register 3, modes 2, chain 2: 62.
//
// Why it is sound: hash_call.h for what is read and left. The chain that is opened here is the one that is closed
// here, because no other call has this clk and each block (blake3_block.h) leads to one next tuple with one block
// less: `count` blocks from the first place on. The limbs that are left are a block's bytes.
#pragma once

#include "stark/chips/hash/blake3_block.h"

namespace zkvm::stark::chips {

struct Blake3Call {
  static constexpr const char* kName = "blake3 call";
  static constexpr const char* kColumns =
      "clk pc t7 cv[2] t0 blocks[2] t1 count[2] t2 cv_rest blocks_rest word[48] real "
      "counter_lo[2] t3 counter_hi[2] t4 modes[2] t5 first middle last_flags last_length";
  template <class T>
  struct Cols {
    HashCallCols<T> call;
    Found<T> counter[2], modes;
    T first, middle, last_flags, last_length;
  };

  static constexpr uint32_t kCallNumber = 0x7a6b0010;  // guest/include/zk/abi.h
  static constexpr uint32_t kA3 = 13;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E &clk = row.call.clk, &real = row.call.real;
    const HashOperands<E> call = hash_call(air, row.call, kCallNumber);
    uint32_t reg = kA3;
    for (const Found<E>* a : {&row.counter[0], &row.counter[1], &row.modes})
      read_register(air, real, reg++, *a, clk * 4 + 2);
    air.assert_zero("flags", row.modes.value.lo - row.first - row.middle * 256);
    air.assert_zero("flags", row.modes.value.hi - row.last_flags - row.last_length * 256);
    air.send(kBytes, real, {row.first, row.middle});
    air.send(kBytes, real, {row.last_flags, row.last_length});
    const Blake3Job<E> job{clk,
                           row.middle,
                           row.last_flags,
                           row.last_length,
                           {row.counter[0].value, row.counter[1].value}};
    air.send(kBlake3Chain, real,
             blake3_chain<E>(0, job, call.blocks, call.count, row.first, call.before).values);
    air.receive(kBlake3Chain, real,
                blake3_chain<E>(1, job, call.blocks + call.count * kHashBlockWords, 0, row.middle,
                                call.after)
                    .values);
  }

  /// As hash_call_row().
  template <class Record, class Words>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record, const Words& words,
                   const uint32_t (&after)[kCvWords]) {
    const uint32_t modes = record.a5.value;
    row = {.call = hash_call_row(insn, record, words, after),
           .counter = {found(record.a3), found(record.a4)},
           .modes = found(record.a5),
           .first = fp(modes & 0xff),
           .middle = fp(modes >> 8 & 0xff),
           .last_flags = fp(modes >> 16 & 0xff),
           .last_length = fp(modes >> 24)};
  }
};

}  // namespace zkvm::stark::chips
