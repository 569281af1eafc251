// lw, and lb, lbu, lh, lhu.
//
//   LoadWord   clk pc | rd rs1 offset | a[2] ta | m[2] tm age_hi read_only | old[2] tc | real
//   LoadSub    the same, and  o0 o1 half signed | low high negative c_lo
//
// a is read from rs1 at time 4 clk; m, the word at address a + offset, at 4 clk + 1; rd gets its
// value at 4 clk + 2, where the access finds old. The place says by `read_only` which kind of
// memory it is in. Buses: state 2, program 1, each register 3, memory 4, range14 of the base 1;
// LoadSub also bytes 1, and8 1.
//
// Why it is sound: the program row pins rd, rs1 and offset to pc. The address leads to at most one
// place (buses.h), read_only or not: only one of both kinds is declared, so the flag is not the
// prover's choice. m has limbs in range because it comes from memory, and lw passes it on.
// LoadSub's own argument stands at its eval. On padding rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/cpu.h"

namespace zkvm::stark::chips {

struct LoadWord {
  static constexpr const char* kName = "lw";
  static constexpr const char* kColumns =
      "clk pc rd rs1 offset a[2] ta m[2] tm age_hi read_only old[2] tc real";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, offset;
    Found<T> a;
    FoundInRam<T> m;
    T read_only;
    Found<T> old;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    air.assert_bool("read only", row.read_only);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kLw), row.rd, row.rs1, 0, {row.offset, 0}, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);
    const auto address = form_address(air, row.real, row.a.value, row.offset);
    access_ram(air, row.real, place_of_address(address) + row.read_only * kReadOnlyBase, row.m,
               row.m.value, row.clk * 4 + 1);
    access_register(air, row.real, row.rd, row.old, row.m.value, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, memory, rd as in vm::LoadRow. `read_only`: what kind of memory it reads.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record, bool read_only) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .offset = imm_on_bus(insn).lo,
           .a = found(record.rs1),
           .m = found_in_ram(record.memory, record.clk * 4 + 1),
           .read_only = fp(read_only),
           .old = found(record.rd),
           .real = Fp::one()};
  }
};

/// The item is the byte or half at offset o0 + 2 o1 of its word; `high` its most significant byte,
/// `low` the other byte of the same limb, `negative` the sign bit of lb and lh; rd gets (c_lo,
/// 0xffff negative).
struct LoadSub {
  static constexpr const char* kName = "load_sub";
  static constexpr const char* kColumns =
      "clk pc rd rs1 offset a[2] ta m[2] tm age_hi read_only old[2] tc real half signed o0 o1 low "
      "high negative c_lo";
  template <class T>
  struct Cols {
    LoadWord::Cols<T> word;
    T half, is_signed, o0, o1, low, high, negative, c_lo;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const auto& word = row.word;
    air.assert_bool("real", word.real);
    air.assert_bool("half", row.half);
    air.assert_bool("signed", row.is_signed);
    air.assert_zero("signed needs real", row.is_signed * (1 - word.real));
    air.assert_bool("read only", word.read_only);
    air.assert_bool("o0", row.o0);
    air.assert_bool("o1", row.o1);
    air.assert_zero("a half is aligned", row.half * row.o0);

    // lb lbu lh lhu = 20 21 22 23.
    static_assert(number(Operation::kLb) + 1 == number(Operation::kLbu) &&
                  number(Operation::kLb) + 2 == number(Operation::kLh) &&
                  number(Operation::kLb) + 3 == number(Operation::kLhu));
    const E operation = number(Operation::kLbu) + row.half * 2 - row.is_signed;
    step(air, word.real, word.clk, word.pc, word.pc + 4);
    fetch(air, word.real, word.pc, operation, word.rd, word.rs1, 0, {word.offset, 0}, 0);
    read_register(air, word.real, word.rs1, word.a, word.clk * 4);
    const E address = form_address(air, word.real, word.a.value, word.offset);
    const E place =
        place_of_address(address - row.o0 - row.o1 * 2) + word.read_only * kReadOnlyBase;
    access_ram(air, word.real, place, word.m, word.m.value, word.clk * 4 + 1);

    // SOUNDNESS: only the offset that leaves a multiple of 4 leads to a place, so o0 and o1 are the
    // address's last bits. They choose a limb, whose two bytes are unique (both below 2^8, and
    // 2^16 < p), and for a byte which of them is `high`.
    const E limb = word.m.value.lo + row.o1 * (word.m.value.hi - word.m.value.lo);
    const E high_is_upper = row.o0 + row.half;
    air.assert_equal("the limb's bytes",
                     row.high + row.low * 256 + high_is_upper * 255 * (row.high - row.low), limb);
    air.send(kBytes, word.real, {row.low, row.high});
    air.send(kAnd8, row.is_signed, {row.high, 128, row.negative * 128});
    air.assert_zero("only signed items are negative", row.negative * (1 - row.is_signed));
    const E byte_lo = row.high + row.negative * 0xff00;
    const E half_lo = row.low + row.high * 256;
    air.assert_equal("extend", row.c_lo, byte_lo + row.half * (half_lo - byte_lo));
    // c_lo is below 2^16 by this, and negative a bit.
    access_register(air, word.real, word.rd, word.old, {row.c_lo, row.negative * 0xffff},
                    word.clk * 4 + 2);
  }

  /// As LoadWord::fill.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record, bool read_only) {
    const auto op = static_cast<Operation>(insn.operation);
    const bool half = op == Operation::kLh || op == Operation::kLhu;
    const bool is_signed = op == Operation::kLb || op == Operation::kLh;
    const uint32_t offset = (record.rs1.value + insn.imm) % 4;
    const uint32_t limb = (record.memory.value >> (offset / 2 * 16)) & 0xffff;
    const bool high_is_upper = half || offset % 2 == 1;
    const uint32_t high = high_is_upper ? limb >> 8 : limb & 0xff;
    const uint32_t low = high_is_upper ? limb & 0xff : limb >> 8;
    const bool negative = is_signed && high >= 128;
    LoadWord::fill(row.word, insn, record, read_only);
    row.half = fp(half);
    row.is_signed = fp(is_signed);
    row.o0 = fp(offset % 2);
    row.o1 = fp(offset / 2);
    row.low = fp(low);
    row.high = fp(high);
    row.negative = fp(negative);
    row.c_lo = fp(half ? limb : high + negative * 0xff00u);
  }
};

}  // namespace zkvm::stark::chips
