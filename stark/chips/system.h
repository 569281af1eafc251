// ecall: read, write, exit as guest/include/zk/abi.h has them.
//
//   clk pc next_pc | read journal out err exit | t7 | a0[2] t0 | a1[2] t1 | a2[2] t2 | c[2] tc
//   gap_hi | position tj
//
// It takes two ticks. a7, a0, a1 are read at 4 clk + 0, 1, 2; with late = 4 (clk + 1), a2 is read
// at late + 0, and a0 becomes the result c at late + 1, where it is found as it was at 4 clk + 1 (a
// refresh may have come between, hence the time tc). A journal write moves the journal's position
// by its words at late + 2. The five flags say which call it is (out, err: a write to the console):
//
//              a7   a0    c                    and
//   read       63   0     4 n, n <= a2 / 4     n words are written to a1 (transfer.h)
//   journal    64   3     a2                   a2 / 4 words at a1 go to the journal (transfer.h)
//   out, err   64   1, 2  a2
//   exit       93   code  code                 the code is public; the next pc is kHaltPc
//
// Buses: state 2, program 1, each register 3, result 3, journal position 3; range14 6 and range16 2
// of lengths and buffers; transfer 2, exit 1.
//
// Why it is sound: the program row says that pc holds an ecall. a7 and a0 are compared limb by limb
// with the numbers of the call whose flag is set, so the flags are what the guest asked for. `read`
// leaves n and the data to the prover: that is what private input means. The other results are
// registers' values, or range checked. Lengths and buffers are argued at the eval. On padding rows
// all flags are 0: no traffic.
//
// What the VM refuses beyond that and the proof does not: a read whose buffer is not writable as
// far as it was asked to be, if fewer words come; a journal write from two adjoining regions;
// console writes of what is not memory; and the host's limits.
#pragma once

#include "stark/chips/cpu.h"

namespace zkvm::stark::chips {

struct System {
  static constexpr const char* kName = "system";
  static constexpr const char* kColumns =
      "clk pc next_pc read journal out err exit t7 a0[2] t0 a1[2] t1 a2[2] t2 c[2] tc gap_hi "
      "position tj";
  template <class T>
  struct Cols {
    T clk, pc, next_pc;
    T read, journal, out, err, exit;
    T a7_time;
    Found<T> a0, a1, a2;
    Word<T> result;
    T result_time;
    T gap_hi;  // of a2 - 4 n
    T position, position_time;
  };

  static constexpr uint32_t kRead = 63, kWrite = 64, kExitCall = 93;
  static constexpr uint32_t kA0 = 10, kA1 = 11, kA2 = 12, kA7 = 17;
  static constexpr uint32_t kStdout = 1, kStderr = 2, kJournalFile = 3;  // the input is file 0

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    for (const E& flag : {row.read, row.journal, row.out, row.err, row.exit})
      air.assert_bool("flag", flag);
    const E writes = row.journal + row.out + row.err;
    const E real = row.read + writes + row.exit;
    const E moves = row.read + row.journal;
    air.assert_bool("one call", real);
    const E late = row.clk * 4 + 4;

    step(air, real, row.clk, row.pc, row.next_pc, 2);
    air.assert_zero("go on", (real - row.exit) * (row.next_pc - row.pc - 4));
    air.assert_zero("halt", row.exit * (row.next_pc - kHaltPc));
    fetch(air, real, row.pc, number(Operation::kEcall), 0, 0, 0, {0, 0}, 0);

    const E call = row.read * kRead + writes * kWrite + row.exit * kExitCall;
    read_register(air, real, kA7, {{call, 0}, row.a7_time}, row.clk * 4);
    read_register(air, real, kA0, row.a0, row.clk * 4 + 1);
    read_register(air, real, kA1, row.a1, row.clk * 4 + 2);
    read_register(air, real, kA2, row.a2, late);
    access_register(air, real, kA0, {row.a0.value, row.result_time}, row.result, late + 1);
    const E file = row.journal * kJournalFile + row.out * kStdout + row.err * kStderr;
    air.assert_zero("file", (1 - row.exit) * (row.a0.value.lo - file));
    air.assert_zero("file", (1 - row.exit) * row.a0.value.hi);

    air.assert_zero("all is written", writes * (row.result.lo - row.a2.value.lo));
    air.assert_zero("all is written", writes * (row.result.hi - row.a2.value.hi));
    air.assert_zero("exit changes nothing", row.exit * (row.result.lo - row.a0.value.lo));
    air.assert_zero("exit changes nothing", row.exit * (row.result.hi - row.a0.value.hi));
    air.send(kExit, row.exit, {row.a0.value.lo, row.a0.value.hi});

    check_multiple_of_4<B>(air, moves, row.a1.value);
    check_multiple_of_4<B>(air, moves, row.a2.value);
    // SOUNDNESS: the transfer that is opened here is the one that is closed, because no other call
    // has this clk and each of its rows leads to one next tuple. It counts `words` down to 0 in as
    // many rows as the integer that `words` is modulo p: at most 2^26, the bound on the sum of all
    // heights. So the result, an integer below 2^30, is 4 times that integer: a result that is no
    // multiple of 4 has no such transfer. The place counts up from the buffer, which is below
    // kAddressEnd; to leave the words of its kind it would have to access what lies behind them,
    // which nobody declares.
    const E place = one_element(row.a1.value) * kQuarter;
    const E words = one_element(row.result) * kQuarter;
    air.send(kTransfer, moves, {row.journal, row.clk, place, words, row.position});
    air.receive(kTransfer, moves, {row.journal, row.clk, place + words, 0, row.position + words});

    // SOUNDNESS: a2 - result is the integer gap in [0, 2^30), modulo p. The result alone might be
    // close to 2^30 and gap close to p - 2^30; but it is at most 4 * 2^26 (above), so that neither
    // side leaves (-2^30, 2^30) and the equation holds as it stands: result <= a2.
    air.send(kRange16, row.read, {row.result.lo});
    air.send(kRange14, row.read, {row.result.hi});
    const E gap_lo = one_element(row.a2.value) - one_element(row.result) - row.gap_hi * kLimb;
    air.send(kRange16, row.read, {gap_lo});
    air.send(kRange14, row.read, {row.gap_hi});

    // The position is what the journal's word holds, so it needs no other check.
    air.assert_zero("input has no position", (1 - row.journal) * row.position);
    access_register(air, row.journal, kJournalWord, {{row.position, 0}, row.position_time},
                    {row.position + words, 0}, late + 2);
  }

  /// `record`: as vm::SystemRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t call = record.a7.value, file = record.a0.value;
    const bool read = call == kRead, exit = call == kExitCall;
    const bool journal = call == kWrite && file == kJournalFile;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .next_pc = fp(exit ? kHaltPc : insn.pc + 4),
           .read = fp(read),
           .journal = fp(journal),
           .out = fp(call == kWrite && file == kStdout),
           .err = fp(call == kWrite && file == kStderr),
           .exit = fp(exit),
           .a7_time = fp(record.a7.time),
           .a0 = found(record.a0),
           .a1 = found(record.a1),
           .a2 = found(record.a2),
           .result = word_of(record.value),
           .result_time = fp(record.result.time),
           .gap_hi = fp(read ? (record.a2.value - record.value) >> 16 : 0),
           .position = fp(journal ? record.journal.value : 0),
           .position_time = fp(journal ? record.journal.time : 0)};
  }

 private:
  template <class E>
  static E one_element(const Word<E>& x) {
    return x.lo + x.hi * kLimb;
  }

  /// x < kAddressEnd, and a multiple of 4. REQUIRES: x has limbs below 2^16.
  template <class B>
  static void check_multiple_of_4(B& air, const Expr<B>& real, const Word<Expr<B>>& x) {
    air.send(kRange14, real, {x.lo * kQuarter});
    air.send(kRange14, real, {x.hi + ((1 << 14) - (kAddressEnd >> 16))});
  }
};

}  // namespace zkvm::stark::chips
