// lb, lbu, lh, lhu, sb, sh: loads and stores of a byte or a half, in one chip.
//
//   clk pc | rd rs1 rs2 offset | a[2] ta | m[2] tm age_hi read_only | x[2] tx | real store half
//   signed | o0 o1 high low negative | c0 c1 c_hi | delta delta_hi
//
// a is read from rs1 at time 4 clk. The word m at address a + offset and the register x, rd of a
// load or rs2 of a store, are accessed at 4 clk + 1 and + 2: first the one that is read. A load
// leaves m as it is and the register as (c0 + 256 c1, c_hi), a store leaves the register as it is
// and changes a limb of m by delta (delta_hi = delta if it is the upper limb, else 0).
//
// The item is the byte or half at offset o0 + 2 o1 of its word; `high` is its most significant
// byte, `low` the other byte of the same limb, `negative` the sign bit of lb and lh. c0 and c1 are
// the bytes of the low limb that the register is left with.
//
// Buses: state 2, program 1, each register 3, memory 4, range14 of the base 1, bytes 2: 16. Loads
// and stores share all but c_hi, delta and delta_hi: two chips would have 129 committed columns.
//
// Why it is sound: the program row pins the operation, and of rd and rs2 the one that is unused to
// 0. The address leads to the word that is there or to no place (buses.h); a load's flag
// `read_only` says of which kind it is, and only one kind is declared; of a store it is asserted to
// be 0, so that a store to constants has no row, whatever it would store. The rest stands at the
// eval. On padding rows `real` is 0: no traffic.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

struct SubWord {
  static constexpr const char* kName = "sub_word";
  static constexpr const char* kColumns =
      "clk pc rd rs1 rs2 offset a[2] ta m[2] tm age_hi read_only x[2] tx real store half signed o0 "
      "o1 high low negative c0 c1 c_hi delta delta_hi";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, rs2, offset;
    Found<T> a;
    FoundInRam<T> m;
    T read_only;
    Found<T> x;
    T real, store, half, is_signed;
    T o0, o1, high, low, negative;
    T c0, c1, c_hi, delta, delta_hi;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    for (const E& flag : {row.real, row.store, row.half, row.is_signed, row.read_only, row.o0,
                          row.o1, row.negative})
      air.assert_bool("flag", flag);
    air.assert_zero("only loads are signed", row.store * row.is_signed);
    air.assert_zero("only signed items are negative", row.negative * (1 - row.is_signed));
    air.assert_zero("stores reach no constants", row.store * row.read_only);
    air.assert_zero("a half is aligned", row.half * row.o0);
    const E load = 1 - row.store;

    // lb lbu lh lhu = 20 21 22 23, sb sh = 25 27: every setting of the flags is another number.
    constexpr uint32_t kLbu = number(Operation::kLbu);
    static_assert(number(Operation::kLb) == kLbu - 1 && number(Operation::kLh) == kLbu + 1 &&
                  number(Operation::kLhu) == kLbu + 2 && number(Operation::kSb) == kLbu + 4 &&
                  number(Operation::kSh) == kLbu + 6);
    const E operation = kLbu + row.half * 2 - row.is_signed + row.store * 4;
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, operation, row.rd, row.rs1, row.rs2, {row.offset, 0}, 0);
    read_register(air, row.real, row.rs1, row.a, row.clk * 4);

    // SOUNDNESS: only the offset that leaves a multiple of 4 leads to a place, so o0 and o1 are the
    // address's last bits.
    const E address = form_address(air, row.real, row.a.value, row.offset);
    const E place = place_of_address(address - row.o0 - row.o1 * 2) + row.read_only * kReadOnlyBase;
    access_ram(air, row.real, place, row.m,
               {row.m.value.lo + row.delta - row.delta_hi, row.m.value.hi + row.delta_hi},
               row.clk * 4 + 1 + row.store);
    access_register(air, row.real, row.rd + row.rs2, row.x, {row.c0 + row.c1 * 256, row.c_hi},
                    row.clk * 4 + 2 - row.store);

    // SOUNDNESS: `low`, c0, c1 and h = high + 128 signed - 256 negative are bytes. So is `high`: it
    // is h where nothing is signed, and c0 or c1 of a load. So high and low are the bytes of the
    // limb that o1 chooses, and which is which follows from o0 and half (two bytes make up one limb
    // only, because 2^16 < p). In lb and lh, that both high and h are bytes leaves one value for
    // `negative`: the top bit of high.
    air.send(kBytes, row.real, {row.high + row.is_signed * 128 - row.negative * 256, row.low});
    air.send(kBytes, row.real, {row.c0, row.c1});
    const E limb = row.m.value.lo + row.o1 * (row.m.value.hi - row.m.value.lo);
    air.assert_equal("the limb's bytes",
                     row.high + row.low * 256 + (row.o0 + row.half) * 255 * (row.high - row.low),
                     limb);

    // SOUNDNESS: a load's c is the item, extended; a store's is x: its limbs are in range.
    air.assert_zero("c0 of a load", load * (row.c0 - row.high - row.half * (row.low - row.high)));
    const E sign = row.negative * 255;
    air.assert_zero("c1 of a load", load * (row.c1 - sign - row.half * (row.high - sign)));
    air.assert_zero("c of a store", row.store * (row.c0 + row.c1 * 256 - row.x.value.lo));
    air.assert_equal("c_hi", row.c_hi, row.store * row.x.value.hi + row.negative * 0xffff);

    // SOUNDNESS: with c0 in the place of a byte, or c0 and c1 in those of a half, the limb is one
    // of two bytes again: below 2^16, and the other byte and limb stay. A load's c0 is `high`, or
    // c0 and c1 are `low` and `high`, so its delta is 0.
    air.assert_equal("delta", row.delta,
                     (row.c0 - row.high) * (1 + row.o0 * 255) +
                         row.half * (row.c1 * 256 - row.high * 255 - row.low));
    air.assert_equal("delta hi", row.delta_hi, row.o1 * row.delta);
  }

  /// `record`: as vm::LoadRow or vm::StoreRow. `read_only`: what kind of memory a load reads.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record,
                   bool read_only = false) {
    constexpr bool kStore = requires { record.rs2; };
    const auto op = static_cast<Operation>(insn.operation);
    const bool half = op == Operation::kLh || op == Operation::kLhu || op == Operation::kSh;
    const bool is_signed = op == Operation::kLb || op == Operation::kLh;
    const uint32_t offset = (record.rs1.value + insn.imm) % 4;
    const uint32_t limb = (record.memory.value >> (offset / 2 * 16)) & 0xffff;
    const bool high_is_upper = half || offset % 2 == 1;
    const uint32_t high = high_is_upper ? limb >> 8 : limb & 0xff;
    const uint32_t low = high_is_upper ? limb & 0xff : limb >> 8;
    const bool negative = is_signed && high >= 128;
    uint32_t c = (half ? limb : high) | (negative ? ~0u << (half ? 16 : 8) : 0);
    uint32_t left = limb;
    if constexpr (kStore) {
      c = record.rs2.value;
      left = half ? c & 0xffff : high_is_upper ? low | (c & 0xff) << 8 : low << 8 | (c & 0xff);
    }
    const Fp delta = fp(left) - fp(limb);
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .offset = imm_on_bus(insn).lo,
           .a = found(record.rs1),
           .m = found_in_ram(record.memory, record.clk * 4 + 1 + kStore),
           .read_only = fp(read_only),
           .x = found(register_of(record)),
           .real = Fp::one(),
           .store = fp(kStore),
           .half = fp(half),
           .is_signed = fp(is_signed),
           .o0 = fp(offset % 2),
           .o1 = fp(offset / 2),
           .high = fp(high),
           .low = fp(low),
           .negative = fp(negative),
           .c0 = fp(c & 0xff),
           .c1 = fp(c >> 8 & 0xff),
           .c_hi = fp(c >> 16),
           .delta = delta,
           .delta_hi = offset / 2 == 1 ? delta : Fp::zero()};
  }

 private:
  template <class Record>
  static const auto& register_of(const Record& record) {
    if constexpr (requires { record.rs2; })
      return record.rs2;
    else
      return record.rd;
  }
};

}  // namespace zkvm::stark::chips
