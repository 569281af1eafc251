// sll, srl, sra and slli, srli, srai.
//
//   ShiftImm   clk pc rd rs1 ta old[2] tc | a[2] | x[4] y[2] | power by[3] | sign top | c[2] |
//              sll srl sra
//   Shift      the same | rs2 imm[2] | amount rest b_hi tb | reg
//
// The amount is 8 k + j, j < 8. a is multiplied by a power of two up to 2^8, P = 2^j to the left
// and 2^(8 - j) to the right, which leaves five bytes z; the result is four bytes out of them,
// moved by k to the left or by k + 1 to the right. Zeros come in from below, and from above 255
// sign.
//
//   a_lo P = x_0 + 2^8 x_1 + 2^16 y_0        z = x_0, x_1, x_2 + y_0, x_3, y_1 + top
//   a_hi P = x_2 + 2^8 x_3 + 2^16 y_1        top = sign (256 - P): -2^32 sign P, seen in byte 4
//
// sign is the top bit of a in sra and 0 in sll and srl; by = (k = 1, k = 2, k = 3). P and k of an
// immediate stand in its program row (imm_on_bus); Shift looks them up in the shift table under the
// key 256 right + low byte of rs2 where reg is 1, and is an immediate form itself where it is 0: a
// segment with few of those has no table for them.
//
// ShiftImmInPlace is for rd = rs1 (instruction.h, Rs1AndRd): it has `rd ta` in place of
// `rd rs1 ta old[2] tc` and one access to it, at 4 clk + 2, that finds a and leaves c.
//
// Buses: state 2, program 1, rs1 3, rd 3, bytes 3 (x, y), sign range16 1: 13 interactions. Shift
// adds rs2 3, bytes 1 (the second operand's low limb), shift 1: 18. The immediate forms are mostly
// by far the more frequent ones; in one chip they would pay for the others.
//
// Why it is sound: the operation fixes the direction, and with the amount P and k: in the program
// row, or in the table (whose key has one meaning, because the amount is a byte); it also fixes
// reg, a boolean that is 0 on padding rows. Both lines hold
// over the integers: both sides are in [0, 2^24). So x and y are the bytes of the products. x_2 is
// a multiple of P (or 0 if P = 256) and y_0, y_1 < P, so that no byte of z exceeds 255: x_2 + y_0
// <= 256 - P + P - 1, and y_1 + top <= P - 1 + 256 - P. So c has limbs below 2^16 and needs no
// check of its own.
#pragma once

#include "stark/chips/instruction.h"

namespace zkvm::stark::chips {

/// What all forms share.
template <class T, bool kIsInPlace = false>
struct ShiftColumns {
  T clk, pc;
  Rs1AndRd<T, kIsInPlace> registers;
  Limbs<T> a;
  T x[4], y[2];
  T power;
  T by[3];
  T sign, top;
  Limbs<T> c;
  T sll, srl, sra;
};

template <class T, bool kIsInPlace>
[[gnu::always_inline]] inline T is_shift(const ShiftColumns<T, kIsInPlace>& row) {
  return row.sll + row.srl + row.sra;
}

/// k.
template <class T, bool kIsInPlace>
[[gnu::always_inline]] inline T shifted_bytes(const ShiftColumns<T, kIsInPlace>& row) {
  return row.by[0] + row.by[1] * 2 + row.by[2] * 3;
}

/// Number of the operation in its register form.
template <class T, bool kIsInPlace>
[[gnu::always_inline]] inline T shift_operation(const ShiftColumns<T, kIsInPlace>& row) {
  return row.sll * number(Operation::kSll) + row.srl * number(Operation::kSrl) +
         row.sra * number(Operation::kSra);
}

/// Everything but the fetch and the second operand. The caller fixes power and shifted_bytes().
template <class B, bool kIsInPlace>
[[gnu::always_inline]] inline void assert_shift(B& air,
                                                const ShiftColumns<Expr<B>, kIsInPlace>& row) {
  using E = Expr<B>;
  const E left = row.sll, right = row.srl + row.sra, real = is_shift(row);
  air.assert_bool("sll", row.sll);
  air.assert_bool("srl", row.srl);
  air.assert_bool("sra", row.sra);
  air.assert_bool("real", real);
  step(air, real, row.clk, row.pc, row.pc + 4);

  const E by[4] = {real - row.by[0] - row.by[1] - row.by[2], row.by[0], row.by[1], row.by[2]};
  for (int k = 0; k < 4; ++k) air.assert_bool("by k bytes", by[k]);

  const Limbs<E>& a = row.a;
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
  read_and_write(air, real, row.registers, a, row.c, row.clk);
}

/// `operation` in its register form, `second`: the second operand.
template <bool kIsInPlace, class Record>
void fill_shift(ShiftColumns<Fp, kIsInPlace>& row, const ProgramRow& insn, const Record& record,
                Operation operation, uint32_t second) {
  const uint32_t a = record.rs1.value, amount = second & 31;
  const bool left = operation == Operation::kSll, arithmetic = operation == Operation::kSra;
  const auto [power, k] = shift_by(!left, amount);
  const uint32_t sign = arithmetic ? a >> 31 : 0;
  const uint32_t lo = (a & 0xffff) * power, hi = (a >> 16) * power;
  const auto extended = static_cast<uint64_t>(sign != 0 ? int64_t{a} - (int64_t{1} << 32) : a);
  row = {.clk = fp(record.clk),
         .pc = fp(insn.pc),
         .registers = rs1_and_rd<kIsInPlace>(insn, record),
         .a = limbs_of(a),
         .x = {fp(lo & 0xff), fp(lo >> 8 & 0xff), fp(hi & 0xff), fp(hi >> 8 & 0xff)},
         .y = {fp(lo >> 16), fp(hi >> 16)},
         .power = fp(power),
         .by = {fp(k == 1), fp(k == 2), fp(k == 3)},
         .sign = fp(sign),
         .top = fp(sign * (256 - power)),
         .c = limbs_of(left ? a << amount : static_cast<uint32_t>(extended >> amount)),
         .sll = fp(left),
         .srl = fp(operation == Operation::kSrl),
         .sra = fp(arithmetic)};
}

template <bool kIsInPlace_>
struct ShiftImmForm {
  static constexpr bool kIsInPlace = kIsInPlace_;
  static constexpr const char* kName = kIsInPlace ? "shift_imm in place" : "shift_imm";
  static constexpr const char* kColumns =
      kIsInPlace
          ? "clk pc rd ta a[2] x[4] y[2] power by[3] sign top c[2] sll srl sra"
          : "clk pc rd rs1 ta old[2] tc a[2] x[4] y[2] power by[3] sign top c[2] sll srl sra";
  template <class T>
  using Cols = ShiftColumns<T, kIsInPlace>;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const typename B::Expr real = is_shift(row);
    fetch(air, real, row.pc, shift_operation(row) + real * kImmediate, row.registers.rd,
          row.registers.source(), 0, {row.power, shifted_bytes(row)}, 0);
    assert_shift(air, row);
  }

  /// `record`: clk, rs1, rd as in vm::ImmediateRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    fill_shift(row, insn, record, static_cast<Operation>(insn.operation % kImmediate), insn.imm);
  }
};
using ShiftImm = ShiftImmForm<false>;
using ShiftImmInPlace = ShiftImmForm<true>;

struct Shift {
  static constexpr const char* kName = "shift";
  static constexpr const char* kColumns =
      "clk pc rd rs1 ta old[2] tc a[2] x[4] y[2] power by[3] sign top c[2] sll srl sra rs2 imm[2] "
      "amount rest b_hi tb reg";
  template <class T>
  struct Cols {
    ShiftColumns<T> shift;
    T rs2;
    Limbs<T> imm;          // of an immediate form: power and shifted_bytes()
    T amount, rest, b_hi;  // rs2 holds amount + 2^8 rest + 2^16 b_hi
    T tb;
    T reg;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const auto& shift = row.shift;
    using E = typename B::Expr;
    const E real = is_shift(shift), right = shift.srl + shift.sra, immediate = real - row.reg;
    air.assert_bool("register form", row.reg);
    air.assert_bool("immediate form", immediate);
    fetch(air, real, shift.pc, shift_operation(shift) + immediate * kImmediate, shift.registers.rd,
          shift.registers.source(), row.rs2, row.imm, 0);
    air.assert_zero("power", immediate * (shift.power - row.imm.lo));
    air.assert_zero("bytes", immediate * (shifted_bytes(shift) - row.imm.hi));
    read_register(air, row.reg, row.rs2, {{row.amount + row.rest * 256, row.b_hi}, row.tb},
                  shift.clk * 4 + 1);
    air.send(kBytes, row.reg, {row.amount, row.rest});
    air.send(kShift, row.reg, {right * 256 + row.amount, shift.power, shifted_bytes(shift)});
    assert_shift(air, shift);
  }

  /// `record`: clk, rs1, rd, and in the register form rs2, as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    constexpr bool kRegister = requires { record.rs2; };
    const auto operation = static_cast<Operation>(insn.operation % kImmediate);
    if constexpr (kRegister) {
      const uint32_t b = record.rs2.value;
      fill_shift(row.shift, insn, record, operation, b);
      row.amount = fp(b & 0xff);
      row.rest = fp(b >> 8 & 0xff);
      row.b_hi = fp(b >> 16);
      row.tb = fp(record.rs2.time);
    } else {
      fill_shift(row.shift, insn, record, operation, insn.imm);
      row.amount = row.rest = row.b_hi = row.tb = Fp::zero();
    }
    row.rs2 = fp(insn.rs2);
    const ImmOnBus imm = imm_on_bus(insn);
    row.imm = {imm.lo, imm.hi};
    row.reg = fp(kRegister);
  }
};

}  // namespace zkvm::stark::chips
