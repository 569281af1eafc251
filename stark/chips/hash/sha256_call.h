// ecall of sha256: a7 = kCallNumber, a0 = address of the chaining value, a1 = address of the blocks, a2 = how many.
// All registers are left as they are.
//
//   call (hash_call.h)
//
// Buses: those of a call, chain 2: 51.
//
// Why it is sound: hash_call.h for what is read and left. The chain that is opened here is the one that is closed
// here, because no other call has this clk and each block (sha256_block.h) leads to one next tuple with one block
// less: `count` blocks from the first place on, one at least. The limbs that are left are a block's, which looks them
// up.
#pragma once

#include "stark/chips/hash/sha256_block.h"

namespace zkvm::stark::chips {

struct Sha256Call {
  static constexpr const char* kName = "sha256 call";
  static constexpr const char* kColumns =
      "clk pc t7 cv[2] t0 blocks[2] t1 count[2] t2 cv_rest blocks_rest word[48] real";
  template <class T>
  struct Cols {
    HashCallCols<T> call;
  };

  static constexpr uint32_t kCallNumber = 0x7a6b0011;  // guest/include/zk/abi.h

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E &clk = row.call.clk, &real = row.call.real;
    const HashOperands<E> call = hash_call(air, row.call, kCallNumber);
    air.send(kSha256Chain, real,
             sha256_chain<E>(0, clk, call.blocks, call.count, call.before).values);
    air.receive(kSha256Chain, real,
                sha256_chain<E>(1, clk, call.blocks + call.count * kHashBlockWords, 0, call.after)
                    .values);
  }

  /// As hash_call_row().
  template <class Record, class Words>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record, const Words& words,
                   const uint32_t (&after)[kCvWords]) {
    row.call = hash_call_row(insn, record, words, after);
  }
};

}  // namespace zkvm::stark::chips
