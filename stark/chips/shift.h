// sll, srl, sra and slli, srli, srai.
//
//   ShiftImm   clk pc rd rs1 amount | a[2] ta | x[4] y[2] | power by[3] | sign top |
//              c[2] | old[2] tc | sll srl sra
//   Shift      the same | rs2 rest b_hi tb
//
// The amount is 8 k + j, j < 8. a is multiplied by a power of two up to 2^8, P = 2^j to the left
// and 2^(8 - j) to the right, which leaves five bytes z; the result is four bytes out of them,
// moved by k to the left or by k + 1 to the right. Zeros come in from below, and from above 255
// sign.
//
//   a_lo P = x_0 + 2^8 x_1 + 2^16 y_0        z = x_0, x_1, x_2 + y_0, x_3, y_1 + top
//   a_hi P = x_2 + 2^8 x_3 + 2^16 y_1        top = sign (256 - P): -2^32 sign P, seen in byte 4
//
// sign is the top bit of a in sra and 0 in sll and srl. The shift table has P and k for the key
// 256 right + low byte of the second operand; by = (k = 1, k = 2, k = 3).
//
// Buses: state 2, program 1, rs1 3, rd 3, bytes 3 (x, y), shift 1, sign range16 1: 14 interactions,
// 28 columns. Shift adds rs2 3 and bytes 1 (the second operand's low limb): 18, 32 columns. The
// immediate forms are by far the more frequent ones; in one chip they would pay for the others.
//
// Why it is sound: the operation fixes the direction, so the table fixes P and k (the key has one
// meaning because the amount is below 2^8: a byte of rs2, or an immediate below 32, which is all
// that the program table has for these operations). Both lines hold over the integers: both sides
// are in [0, 2^24). So x and y are the bytes of the products. x_2 is a multiple of P (or 0 if
// P = 256) and y_0, y_1 < P, so that no byte of z exceeds 255: x_2 + y_0 <= 256 - P + P - 1, and
// y_1 + top <= P - 1 + 256 - P. So c has limbs below 2^16 and needs no check of its own.
#pragma once

#include "stark/chips/cpu.h"

namespace zkvm::stark::chips {

/// What both forms share.
template <class T>
struct ShiftColumns {
  T clk, pc, rd, rs1, amount;
  Found<T> a;
  T x[4], y[2];
  T power;
  T by[3];
  T sign, top;
  Word<T> c;
  Found<T> old;
  T sll, srl, sra;
};

template <class T>
[[gnu::always_inline]] inline T is_shift(const ShiftColumns<T>& row) {
  return row.sll + row.srl + row.sra;
}

/// Number of the operation in its register form.
template <class T>
[[gnu::always_inline]] inline T shift_operation(const ShiftColumns<T>& row) {
  return row.sll * number(Operation::kSll) + row.srl * number(Operation::kSrl) +
         row.sra * number(Operation::kSra);
}

/// Everything but the fetch and the second operand. REQUIRES: row.amount < 2^8 on live rows.
template <class B>
[[gnu::always_inline]] inline void assert_shift(B& air, const ShiftColumns<Expr<B>>& row) {
  using E = Expr<B>;
  const E left = row.sll, right = row.srl + row.sra, real = is_shift(row);
  air.assert_bool("sll", row.sll);
  air.assert_bool("srl", row.srl);
  air.assert_bool("sra", row.sra);
  air.assert_bool("real", real);
  step(air, real, row.clk, row.pc, row.pc + 4);
  read_register(air, real, row.rs1, row.a, row.clk * 4);

  const E by[4] = {real - row.by[0] - row.by[1] - row.by[2], row.by[0], row.by[1], row.by[2]};
  for (int k = 0; k < 4; ++k) air.assert_bool("by k bytes", by[k]);
  air.send(kShift, real, {right * 256 + row.amount, row.power, by[1] + by[2] * 2 + by[3] * 3});

  const Word<E>& a = row.a.value;
  air.assert_equal("a.lo * P", a.lo * row.power, row.x[0] + row.x[1] * 256 + row.y[0] * kLimb);
  air.assert_equal("a.hi * P", a.hi * row.power, row.x[2] + row.x[3] * 256 + row.y[1] * kLimb);
  air.send(kBytes, real, {row.x[0], row.x[1]});
  air.send(kBytes, real, {row.x[2], row.x[3]});
  air.send(kBytes, real, {row.y[0], row.y[1]});

  // SOUNDNESS: a.hi - 2^15 sign lies in [-2^15, 2^16), and its double is below 2^16 only if it lies
  // in [0, 2^15): the sign is the top bit.
  air.assert_bool("sign", row.sign);
  air.assert_zero("only sra has a sign", row.sign * (1 - row.sra));
  air.send(kRange16, row.sra, {(a.hi - row.sign * 32768) * 2});
  air.assert_equal("top", row.top, row.sign * (256 - row.power));

  // z with what comes in on both sides, and pairs of neighbours: z_0 is byte[3].
  const E fill = row.sign * 255;
  const E byte[11] = {
      0,    0,    0,   row.x[0], row.x[1], row.x[2] + row.y[0], row.x[3], row.y[1] + row.top,
      fill, fill, fill};
  E limb[10];
  for (int i = 0; i < 10; ++i) limb[i] = byte[i] + byte[i + 1] * 256;
  for (int half = 0; half < 2; ++half) {
    E to_left = 0, to_right = 0;
    for (int k = 0; k < 4; ++k) {
      to_left = to_left + by[k] * limb[3 + 2 * half - k];
      to_right = to_right + by[k] * limb[4 + 2 * half + k];
    }
    air.assert_equal(half == 0 ? "c.lo" : "c.hi", left * to_left + right * to_right,
                     half == 0 ? row.c.lo : row.c.hi);
  }
  access_register(air, real, row.rd, row.old, row.c, row.clk * 4 + 2);
}

/// `operation` in its register form, `second`: the second operand.
template <class Record>
void fill_shift(ShiftColumns<Fp>& row, const ProgramRow& insn, const Record& record,
                Operation operation, uint32_t second) {
  const uint32_t a = record.rs1.value, amount = second & 31, k = amount / 8, j = amount % 8;
  const bool left = operation == Operation::kSll, arithmetic = operation == Operation::kSra;
  const uint32_t power = left ? 1u << j : 256u >> j;
  const uint32_t sign = arithmetic ? a >> 31 : 0;
  const uint32_t lo = (a & 0xffff) * power, hi = (a >> 16) * power;
  const auto extended = static_cast<uint64_t>(sign != 0 ? int64_t{a} - (int64_t{1} << 32) : a);
  row = {.clk = fp(record.clk),
         .pc = fp(insn.pc),
         .rd = fp(insn.rd),
         .rs1 = fp(insn.rs1),
         .amount = fp(second & 0xff),
         .a = found(record.rs1),
         .x = {fp(lo & 0xff), fp(lo >> 8 & 0xff), fp(hi & 0xff), fp(hi >> 8 & 0xff)},
         .y = {fp(lo >> 16), fp(hi >> 16)},
         .power = fp(power),
         .by = {fp(k == 1), fp(k == 2), fp(k == 3)},
         .sign = fp(sign),
         .top = fp(sign * (256 - power)),
         .c = word_of(left ? a << amount : static_cast<uint32_t>(extended >> amount)),
         .old = found(record.rd),
         .sll = fp(left),
         .srl = fp(operation == Operation::kSrl),
         .sra = fp(arithmetic)};
}

struct ShiftImm {
  static constexpr const char* kName = "shift_imm";
  static constexpr const char* kColumns =
      "clk pc rd rs1 amount a[2] ta x[4] y[2] power by[3] sign top c[2] old[2] tc sll srl sra";
  template <class T>
  using Cols = ShiftColumns<T>;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const typename B::Expr real = is_shift(row);
    fetch(air, real, row.pc, shift_operation(row) + real * kImmediate, row.rd, row.rs1, 0,
          {row.amount, 0}, 0);
    assert_shift(air, row);
  }

  /// `record`: clk, rs1, rd as in vm::ImmediateRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    fill_shift(row, insn, record, static_cast<Operation>(insn.operation - kImmediate), insn.imm);
  }
};

struct Shift {
  static constexpr const char* kName = "shift";
  static constexpr const char* kColumns =
      "clk pc rd rs1 amount a[2] ta x[4] y[2] power by[3] sign top c[2] old[2] tc sll srl sra "
      "rs2 rest b_hi tb";
  template <class T>
  struct Cols {
    ShiftColumns<T> shift;
    T rs2;
    T rest;  // rs2 holds amount + 2^8 rest + 2^16 b_hi
    T b_hi;
    T tb;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const auto& shift = row.shift;
    const typename B::Expr real = is_shift(shift);
    fetch(air, real, shift.pc, shift_operation(shift), shift.rd, shift.rs1, row.rs2, {0, 0}, 0);
    read_register(air, real, row.rs2, {{shift.amount + row.rest * 256, row.b_hi}, row.tb},
                  shift.clk * 4 + 1);
    air.send(kBytes, real, {shift.amount, row.rest});
    assert_shift(air, shift);
  }

  /// `record`: clk, rs1, rs2, rd as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t b = record.rs2.value;
    fill_shift(row.shift, insn, record, static_cast<Operation>(insn.operation), b);
    row.rs2 = fp(insn.rs2);
    row.rest = fp(b >> 8 & 0xff);
    row.b_hi = fp(b >> 16);
    row.tb = fp(record.rs2.time);
  }
};

}  // namespace zkvm::stark::chips
