// ecall: read, write, exit as guest/include/zk/abi.h has them.
//
//   clk pc next_pc | read journal console exit | t7 | a0[2] t0 | a1[2] t1 | a2[2] t2 | c[2] |
//   long inverse | gap | position
//
// a7, a1, a2 are read, a0 is found and left as the result c, and a journal write moves the
// journal's position by its words: all at time 4 clk + 2, because they are different words. The
// four flags say which call it is (console: a write to it):
//
//              a7   a0    c                    and
//   read       63   0     4 n, 4 n <= a2       n words are written to a1 (transfer.h)
//   journal    64   3     a2                   a2 / 4 words at a1 go to the journal (transfer.h)
//   console    64   1, 2  a2
//   exit       93   code  code                 the code is public; the next pc is kHaltPc
//
// A read delivers less than 2^16 bytes, whatever it is asked for. `gap` is what is left of it in
// words: (most - 4 n) / 4, where most is a2 or, if that is `long`, 2^16 - 4; of a journal write it
// is the age of the journal's position. `inverse` is that of the high limb of a long a2.
//
// Buses: state 2, program 1, each register 3, journal position 2, gap's range16 1, buffer's and
// length's range14 1, transfer 2, exit 1: 22.
//
// Why it is sound: the program row says that pc holds an ecall. a7 and a0 are compared limb by limb
// with the numbers of the call whose flag is set, so the flags are what the guest asked for. `read`
// leaves n and the data to the prover: that is what private input means. The other results are
// registers' values. Lengths and buffers are argued at the eval. The accesses may have one time
// because no two are to one place: four registers, the journal's word, and words of RAM and
// constants in transfers. On padding rows all flags are 0: no traffic.
//
// What the VM refuses beyond that and the proof does not: a read whose buffer is not writable as
// far as it was asked to be, if fewer words come; a buffer that is no multiple of 4, if no word
// moves; a length of 2^16 or more that is no multiple of 4, of a read; console writes of what is
// not memory; and the host's limits.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

struct System {
  static constexpr const char* kName = "system";
  static constexpr const char* kColumns =
      "clk pc next_pc read journal console exit t7 a0[2] t0 a1[2] t1 a2[2] t2 c[2] long inverse "
      "gap position";
  template <class T>
  struct Cols {
    T clk, pc, next_pc;
    T read, journal, console, exit;
    T a7_time;
    Found<T> a0, a1, a2;
    Limbs<T> result;
    T is_long, inverse;
    T gap;
    T position;
  };

  static constexpr uint32_t kRead = 63, kWrite = 64, kExitCall = 93;
  static constexpr uint32_t kA0 = 10, kA1 = 11, kA2 = 12, kA7 = 17;
  static constexpr uint32_t kStdout = 1, kStderr = 2, kJournalFile = 3;  // the input is file 0
  static constexpr uint32_t kMostBytesRead = (1 << 16) - 4;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    for (const E& flag : {row.read, row.journal, row.console, row.exit})
      air.assert_bool("flag", flag);
    const E writes = row.journal + row.console;
    const E real = row.read + writes + row.exit;
    const E moves = row.read + row.journal;
    air.assert_bool("one call", real);
    const E now = row.clk * 4 + 2;

    step(air, real, row.clk, row.pc, row.next_pc);
    air.assert_zero("go on", (real - row.exit) * (row.next_pc - row.pc - 4));
    air.assert_zero("halt", row.exit * (row.next_pc - kHaltPc));
    fetch(air, real, row.pc, number(Operation::kEcall), 0, 0, 0, {0, 0}, 0);

    const E call = row.read * kRead + writes * kWrite + row.exit * kExitCall;
    read_register(air, real, kA7, {{call, 0}, row.a7_time}, now);
    access_register(air, real, kA0, row.a0, row.result, now);
    read_register(air, real, kA1, row.a1, now);
    read_register(air, real, kA2, row.a2, now);
    const Limbs<E>&file = row.a0.value, &length = row.a2.value, &result = row.result;
    air.assert_zero("file", moves * (file.lo - row.journal * kJournalFile));
    air.assert_zero("file", row.console * (file.lo - kStdout) * (file.lo - kStderr));
    air.assert_zero("file", (1 - row.exit) * file.hi);

    air.assert_zero("all is written", writes * (result.lo - length.lo));
    air.assert_zero("all is written", writes * (result.hi - length.hi));
    air.assert_zero("exit changes nothing", row.exit * (result.lo - file.lo));
    air.assert_zero("exit changes nothing", row.exit * (result.hi - file.hi));
    air.send(kExit, row.exit, {file.lo, file.hi});

    // SOUNDNESS: both high limbs come from memory, so their sum is small only if both are: a1 and
    // a2 are below kAddressEnd + 2^16, each is the integer that it is modulo p, and so is a journal
    // write's result. (Buffer and length of what the VM accepts end by kAddressEnd together.)
    air.send(kRange14, moves,
             {row.a1.value.hi + length.hi + ((1 << 14) - 1 - (kAddressEnd >> 16))});

    // SOUNDNESS: the transfer that is opened here is the one that is closed, because no other call
    // has this clk and each of its rows leads to one next tuple. It counts `words` down to 0 in as
    // many rows as the integer that `words` is modulo p: at most 2^26, the bound on the sum of all
    // heights. So 4 words, the result modulo p, is an integer of at most 2^28. A journal write's
    // length is that integer: a multiple of 4. The place is a quarter of a buffer below
    // kAddressEnd + 2^16, modulo p: if a word moves, somebody declares it, and the buffer is 4
    // times it (as in buses.h, "Places": as integers). It counts up from there; to leave the words
    // of its kind it would have to access what lies behind them, which nobody declares.
    const E place = one_element(row.a1.value) * kQuarter;
    const E words = one_element(result) * kQuarter;
    air.send(kTransfer, moves, {row.journal, row.clk, place, words, row.position});
    air.receive(kTransfer, moves, {row.journal, row.clk, place + words, 0, row.position + words});

    // SOUNDNESS: a read's result is its low limb, r = 4 words, in [0, 2^28] (above). most - r =
    // 4 gap is in [0, 2^18), modulo p and hence as integers: so r <= most, which is below 2^16 and
    // at most a2, because a long a2 has a high limb other than 0.
    air.assert_bool("long", row.is_long);
    air.assert_zero("only reads are long", row.is_long * (1 - row.read));
    air.assert_zero("long", row.is_long * (length.hi * row.inverse - 1));
    air.assert_zero("no inverse", (1 - row.is_long) * row.inverse);
    air.assert_zero("less than 2^16 bytes are read", row.read * result.hi);
    const E most = length.lo + row.is_long * (kMostBytesRead - length.lo);
    air.assert_zero("gap of a read", row.read * (most - result.lo - row.gap * 4));
    air.assert_zero("no gap", (1 - moves) * row.gap);

    // The position is what the journal's word holds, so it needs no other check.
    air.assert_zero("input has no position", (1 - row.journal) * row.position);
    access(air, row.journal, E(kMachineBase + kJournalWord), {{row.position, 0}, now - 1 - row.gap},
           {row.position + words, 0}, now);
    air.send(kRange16, moves, {row.gap});
  }

  /// `record`: as vm::SystemRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t call = record.a7.value, file = record.a0.value, length = record.a2.value;
    const bool read = call == kRead, exit = call == kExitCall;
    const bool journal = call == kWrite && file == kJournalFile;
    const bool is_long = read && length >= kLimb;
    const uint32_t most = is_long ? kMostBytesRead : length;
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .next_pc = fp(exit ? kHaltPc : insn.pc + 4),
           .read = fp(read),
           .journal = fp(journal),
           .console = fp(call == kWrite && !journal),
           .exit = fp(exit),
           .a7_time = fp(record.a7.time),
           .a0 = found(record.a0),
           .a1 = found(record.a1),
           .a2 = found(record.a2),
           .result = limbs_of(record.value),
           .is_long = fp(is_long),
           .inverse = is_long ? inverse(fp(length >> 16)) : Fp::zero(),
           .gap = fp(read      ? (most - record.value) / 4
                     : journal ? record.clk * 4 + 1 - record.journal.time
                               : 0),
           .position = fp(journal ? record.journal.value : 0)};
  }

 private:
  template <class E>
  static E one_element(const Limbs<E>& x) {
    return x.lo + x.hi * kLimb;
  }
};

}  // namespace zkvm::stark::chips
