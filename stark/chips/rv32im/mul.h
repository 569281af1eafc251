// mul; and mulh, mulhsu, mulhu.
//
//   Mul       clk pc | rd rs1 ta old[2] tc | rs2 | a[4] | b[4] tb | c[2] | carry[2] | real
//   MulHigh   clk pc | rd rs1 rs2 | a[4] ta | b[4] tb | c[2] | old[2] tc |
//             low[2] carry[3] top | sign_a sign_b | mulh mulhsu mulhu
//
// a and b are in bytes, c in limbs; p_i is product_limb(a, b, i), all of whose terms are bytes
// times bytes (byte_products.h). Each line is one assert; all carries but `top` are shown below
// 2^14.
//
//   Mul       p_0 = c_lo + 2^16 carry_0             MulHigh   p_0 = low_lo + 2^16 carry_0
//             p_1 + carry_0 = c_hi + 2^16 carry_1             p_1 + carry_0 = low_hi + 2^16 carry_1
//
//             p_2 + carry_1 = c_lo + [a < 0] b_lo + [b < 0] a_lo + 2^16 carry_2
//             p_3 + carry_2 = c_hi + [a < 0] b_hi + [b < 0] a_hi + 2^16 top       top in -2 .. 0
//
// because with signs the product is a b - 2^32 ([a < 0] b + [b < 0] a) of the unsigned ones.
// [a < 0] is sign_a in mulh and mulhsu and 0 in mulhu; [b < 0] is sign_b in mulh alone.
//
// MulInPlace is for rd = rs1 (instruction.h, Rs1AndRd): it has `rd ta` in place of
// `rd rs1 ta old[2] tc` and one access to it, at 4 clk + 2, that finds a and leaves c.
//
// Buses: state 2, program 1, each register 3, bytes 4, then
//   Mul       c range16 2, carries range14 2: 20 interactions, 23 columns.
//   MulHigh   c and low range16 4, carries range14 3, signs bytes 1: 24 interactions, 31 columns.
// (Limbs of a times bytes of b need fewer bytes, but the partial products then exceed 2^24 and have
// to be split themselves: 21 interactions and 26 columns for mul.)
//
// Why it is sound: a and b have limbs below 2^16 (memory) and bytes below 2^8, which leaves one way
// to split them. Every line holds over the integers, not only modulo p = 32512 * 2^16 + 1:
//
//   left sides    at most 66780675 + 2^14 < 2^26, at least -2 (carry_2 lies in -2 .. 2^14 - 3)
//   right sides   in [-2^17, 3 * 65535 + 2^16 (2^14 - 1)], so above -2^18 and below 2^30 + 2^18
//
// and their difference is less than 2^30 + 2^26 + 2^19 < p. So the limbs on the right, below 2^16,
// are the left sides modulo 2^16 (less the corrections), and the carries are what they must be.
// (With carries in range16, carry + 32512 and limb + 1 would pass: 1 + 2^16 * 32512 = p.)
// Honest carries fit: carry_0 <= 509, carry_1 <= 1019, carry_2 in -2 .. 510.
#pragma once

#include "stark/chips/instruction.h"
#include "stark/chips/rv32im/byte_products.h"

namespace zkvm::stark::chips {

template <bool kIsInPlace_>
struct MulForm {
  static constexpr bool kIsInPlace = kIsInPlace_;
  static constexpr const char* kName = kIsInPlace ? "mul in place" : "mul";
  static constexpr const char* kColumns =
      kIsInPlace ? "clk pc rd ta rs2 a[4] b[4] tb c[2] carry[2] real"
                 : "clk pc rd rs1 ta old[2] tc rs2 a[4] b[4] tb c[2] carry[2] real";
  template <class T>
  struct Cols {
    T clk, pc;
    Rs1AndRd<T, kIsInPlace> registers;
    T rs2;
    Bytes<T> a, b;
    T tb;
    Limbs<T> c;
    T carry[2];
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    step(air, row.real, row.clk, row.pc, row.pc + 4);
    fetch(air, row.real, row.pc, number(Operation::kMul), row.registers.rd, row.registers.source(),
          row.rs2, {0, 0}, 0);
    read_register(air, row.real, row.rs2, {limbs_of(row.b), row.tb}, row.clk * 4 + 1);
    check_bytes(air, row.real, row.a);
    check_bytes(air, row.real, row.b);

    air.assert_equal("c.lo", product_limb(row.a, row.b, 0), row.c.lo + row.carry[0] * kLimb);
    air.assert_equal("c.hi", product_limb(row.a, row.b, 1) + row.carry[0],
                     row.c.hi + row.carry[1] * kLimb);
    air.send(kRange14, row.real, {row.carry[0]});
    air.send(kRange14, row.real, {row.carry[1]});
    check_limbs(air, row.real, row.c);
    read_and_write(air, row.real, row.registers, limbs_of(row.a), row.c, row.clk);
  }

  /// `record`: clk, rs1, rs2, rd as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const Bytes<uint32_t> a = integer_bytes_of(record.rs1.value);
    const Bytes<uint32_t> b = integer_bytes_of(record.rs2.value);
    const uint32_t lo = product_limb(a, b, 0), hi = product_limb(a, b, 1) + (lo >> 16);
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .registers = rs1_and_rd<kIsInPlace>(insn, record),
           .rs2 = fp(insn.rs2),
           .a = bytes_of(record.rs1.value),
           .b = bytes_of(record.rs2.value),
           .tb = fp(record.rs2.time),
           .c = {fp(lo & 0xffff), fp(hi & 0xffff)},
           .carry = {fp(lo >> 16), fp(hi >> 16)},
           .real = Fp::one()};
  }
};
using Mul = MulForm<false>;
using MulInPlace = MulForm<true>;

struct MulHigh {
  static constexpr const char* kName = "mulh";
  static constexpr const char* kColumns =
      "clk pc rd rs1 rs2 a[4] ta b[4] tb c[2] old[2] tc low[2] carry[3] top sign_a sign_b mulh "
      "mulhsu mulhu";
  template <class T>
  struct Cols {
    T clk, pc, rd, rs1, rs2;
    Bytes<T> a;
    T ta;
    Bytes<T> b;
    T tb;
    Limbs<T> c;
    Found<T> old;
    Limbs<T> low;
    T carry[3];
    T top;
    T sign_a, sign_b;
    T mulh, mulhsu, mulhu;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E real = row.mulh + row.mulhsu + row.mulhu;
    air.assert_bool("mulh", row.mulh);
    air.assert_bool("mulhsu", row.mulhsu);
    air.assert_bool("mulhu", row.mulhu);
    air.assert_bool("real", real);
    const Limbs<E> a = limbs_of(row.a), b = limbs_of(row.b);

    step(air, real, row.clk, row.pc, row.pc + 4);
    fetch(air, real, row.pc,
          row.mulh * number(Operation::kMulh) + row.mulhsu * number(Operation::kMulhsu) +
              row.mulhu * number(Operation::kMulhu),
          row.rd, row.rs1, row.rs2, {0, 0}, 0);
    read_register(air, real, row.rs1, {a, row.ta}, row.clk * 4);
    read_register(air, real, row.rs2, {b, row.tb}, row.clk * 4 + 1);
    check_bytes(air, real, row.a);
    check_bytes(air, real, row.b);

    // SOUNDNESS: a byte less 128 sign lies in (-2^7, 2^8), and its double is a byte only if it is
    // in [0, 2^7): the sign is the top bit.
    air.assert_bool("sign_a", row.sign_a);
    air.assert_bool("sign_b", row.sign_b);
    air.send(kBytes, real,
             {(row.a.byte[3] - row.sign_a * 128) * 2, (row.b.byte[3] - row.sign_b * 128) * 2});
    const E a_negative = (row.mulh + row.mulhsu) * row.sign_a;
    const E b_negative = row.mulh * row.sign_b;

    air.assert_equal("low.lo", product_limb(row.a, row.b, 0), row.low.lo + row.carry[0] * kLimb);
    air.assert_equal("low.hi", product_limb(row.a, row.b, 1) + row.carry[0],
                     row.low.hi + row.carry[1] * kLimb);
    air.assert_equal("c.lo", product_limb(row.a, row.b, 2) + row.carry[1],
                     row.c.lo + a_negative * b.lo + b_negative * a.lo + row.carry[2] * kLimb);
    air.assert_equal("c.hi", product_limb(row.a, row.b, 3) + row.carry[2],
                     row.c.hi + a_negative * b.hi + b_negative * a.hi + row.top * kLimb);
    air.assert_zero("top", row.top * (row.top + 1) * (row.top + 2));
    air.send(kRange14, real, {row.carry[0]});
    air.send(kRange14, real, {row.carry[1]});
    air.send(kRange14, real, {row.carry[2] + 2});
    check_limbs(air, real, row.low);
    check_limbs(air, real, row.c);
    access_register(air, real, row.rd, row.old, row.c, row.clk * 4 + 2);
  }

  /// `record`: clk, rs1, rs2, rd as in vm::RegisterRow.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record) {
    const uint32_t a = record.rs1.value, b = record.rs2.value;
    const auto operation = static_cast<Operation>(insn.operation);
    const uint32_t sign_a = a >> 31, sign_b = b >> 31;
    const bool a_negative = sign_a != 0 && operation != Operation::kMulhu;
    const bool b_negative = sign_b != 0 && operation == Operation::kMulh;
    const Bytes<uint32_t> x = integer_bytes_of(a), y = integer_bytes_of(b);

    uint32_t carry[2];
    carry[0] = product_limb(x, y, 0) >> 16;
    carry[1] = (product_limb(x, y, 1) + carry[0]) >> 16;
    // What the last two lines have apart from c; shifts of negative numbers round down.
    const int64_t lo = int64_t{product_limb(x, y, 2)} + carry[1] -
                       int64_t{a_negative ? b & 0xffff : 0} - int64_t{b_negative ? a & 0xffff : 0};
    const int64_t hi = int64_t{product_limb(x, y, 3)} + (lo >> 16) -
                       int64_t{a_negative ? b >> 16 : 0} - int64_t{b_negative ? a >> 16 : 0};
    const auto signed_fp = [](int64_t v) {
      return v < 0 ? -fp(static_cast<uint32_t>(-v)) : fp(static_cast<uint32_t>(v));
    };
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .rd = fp(insn.rd),
           .rs1 = fp(insn.rs1),
           .rs2 = fp(insn.rs2),
           .a = bytes_of(a),
           .ta = fp(record.rs1.time),
           .b = bytes_of(b),
           .tb = fp(record.rs2.time),
           .c = {signed_fp(lo & 0xffff), signed_fp(hi & 0xffff)},
           .old = found(record.rd),
           .low = limbs_of(a * b),
           .carry = {fp(carry[0]), fp(carry[1]), signed_fp(lo >> 16)},
           .top = signed_fp(hi >> 16),
           .sign_a = fp(sign_a),
           .sign_b = fp(sign_b),
           .mulh = fp(operation == Operation::kMulh),
           .mulhsu = fp(operation == Operation::kMulhsu),
           .mulhu = fp(operation == Operation::kMulhu)};
  }
};

}  // namespace zkvm::stark::chips
