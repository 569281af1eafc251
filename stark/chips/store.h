// sw, and sb, sh.
//
//   StoreWord   clk pc | rs1 rs2 offset | a[2] ta | b[2] tb | m[2] tm age_hi | real
//   StoreSub    the same, and  half o0 o1 | b0 drop keep delta delta_hi
//
// a is read from rs1 at time 4 clk, b from rs2 at 4 clk + 1; the word at address a + offset is
// found as m and left as the new word at 4 clk + 2. Buses: state 2, program 1, each register 3,
// memory 4, range14 of the base 1; StoreSub also bytes 2.
//
// Why it is sound: the program row pins rs1, rs2 and offset to pc. The address leads to the
// writable word that is there or to no place (buses.h): stores have no read-only flag, so that a
// store to constants has no row, whatever it would store. sw leaves b, whose limbs are in range
// because they come from memory; StoreSub's argument stands at its eval. On padding rows `real` is
// 0: no traffic.
#pragma once

#include "stark/chips/cpu.h"

namespace zkvm::stark::chips {

struct StoreWord {
  static constexpr const char* kName = "sw";
  static constexpr const char* kColumns =
      "clk pc rs1 rs2 offset a[2] ta b[2] tb m[2] tm age_hi real";
  template <class T>
  struct Cols {
    T clk, pc, rs1, rs2, offset;
    Found<T> a, b;
    FoundInRam<T> m;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kSw), 0, row.rs1, row.rs2, {row.offset, 0}, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    read_register(air, row.real, row.rs2, row.b, row.clk * 4 + 1);
    const auto address = form_address(air, row.real, row.a.value, row.offset);
    access_ram(air, row.real, place_of_address(address), row.m, row.b.value, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rs2, memory as in vm::StoreRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .offset = imm_on_bus(insn).lo,
           .a = found(record.rs1),
           .b = found(record.rs2),
           .m = found_in_ram(record.memory, record.clk * 4 + 2),
           .real = Fp::one()};
  }
};

/// b0 is rs2's lowest byte. A byte at offset o0 + 2 o1 replaces `drop` and leaves `keep`, the other
/// byte of its limb; of a half's limb drop is the lower byte and keep the upper one. The limb
/// changes by `delta`, the word's upper limb by delta_hi.
struct StoreSub {
  static constexpr const char* kName = "store_sub";
  static constexpr const char* kColumns =
      "clk pc rs1 rs2 offset a[2] ta b[2] tb m[2] tm age_hi real half o0 o1 b0 drop keep delta "
      "delta_hi";
  template <class T>
  struct Cols {
    StoreWord::Cols<T> word;
    T half, o0, o1, b0, drop, keep, delta, delta_hi;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const auto& word = row.word;
    air.assert_bool("real", word.real);
    air.assert_bool("half", row.half);
    air.assert_bool("o0", row.o0);
    air.assert_bool("o1", row.o1);
    air.assert_zero("a half is aligned", row.half * row.o0);

    static_assert(number(Operation::kSb) + 1 == number(Operation::kSh));
    step(air, word.real, word.clk, word.pc, word.pc + 4);
    fetch(air, word.real, word.pc, number(Operation::kSb) + row.half, 0, word.rs1, word.rs2,
          {word.offset, 0}, 0);
    read_register(air, word.real, word.rs1, word.a, word.clk * 4);
    read_register(air, word.real, word.rs2, word.b, word.clk * 4 + 1);

    // SOUNDNESS: as in LoadSub, o0 and o1 are the address's last bits, and the bytes of the limb
    // that they choose and of b's low limb are unique. So delta is the difference of two limbs, and
    // the limb that changes becomes one of two bytes that were looked up: below 2^16.
    const E limb = word.m.value.lo + row.o1 * (word.m.value.hi - word.m.value.lo);
    air.assert_equal("the limb's bytes",
                     row.drop + row.keep * 256 + row.o0 * 255 * (row.drop - row.keep), limb);
    air.send(kBytes, word.real, {row.drop, row.keep});
    constexpr uint32_t kInverse256 = inverse(Fp::from(256)).value();
    const E b1 = (word.b.value.lo - row.b0) * kInverse256;
    air.send(kBytes, word.real, {row.b0, b1});
    air.assert_equal("delta", row.delta,
                     (row.b0 - row.drop) * (1 + row.o0 * 255) + row.half * 256 * (b1 - row.keep));
    air.assert_equal("delta hi", row.delta_hi, row.o1 * row.delta);

    const E address = form_address(air, word.real, word.a.value, word.offset);
    access_ram(air, word.real, place_of_address(address - row.o0 - row.o1 * 2), word.m,
               {word.m.value.lo + row.delta - row.delta_hi, word.m.value.hi + row.delta_hi},
               word.clk * 4 + 2);
  }

  /// As StoreWord::fill.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const bool half = static_cast<Operation>(insn.operation) == Operation::kSh;
    const uint32_t offset = (record.rs1.value + insn.imm) % 4;
    const uint32_t limb = (record.memory.value >> (offset / 2 * 16)) & 0xffff;
    const uint32_t b = record.rs2.value & 0xffff;
    const bool upper = offset % 2 == 1;
    const uint32_t drop = upper ? limb >> 8 : limb & 0xff;
    const uint32_t keep = upper ? limb & 0xff : limb >> 8;
    const uint32_t left = half    ? b
                          : upper ? (limb & 0xff) | (b & 0xff) << 8
                                  : (limb & 0xff00) | (b & 0xff);
    const Fp delta = fp(left) - fp(limb);
    StoreWord::fill(row.word, insn, record);
    row.half = fp(half);
    row.o0 = fp(offset % 2);
    row.o1 = fp(offset / 2);
    row.b0 = fp(b & 0xff);
    row.drop = fp(drop);
    row.keep = fp(keep);
    row.delta = delta;
    row.delta_hi = offset / 2 == 1 ? delta : Fp::zero();
  }
};

}  // namespace zkvm::stark::chips
