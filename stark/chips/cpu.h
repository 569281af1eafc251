// What every instruction chip does: fetch, step, read and write registers and memory.
//
// Times. Tick clk has the times 4 clk + 0, 1, 2 for its accesses; the refresh chip has 4 clk + 3.
// SOUNDNESS: the state chain makes clk count instructions, so every time is an integer below
// about 2^28 (kMaxRows). An access shows that now - before - 1 is an integer in
// [0, 2^30), which modulo p means before < now. So each place's tuples form one chain in time that
// starts at its bank, and an access finds what the access before it left.
#pragma once

#include <cstdint>

#include "stark/chips/buses.h"
#include "stark/chips/program.h"
#include "stark/field/field.h"

namespace zkvm::stark::chips {

inline constexpr uint32_t kLimb = 1u << 16;
// Named in parameters, so that B alone is deduced and integers convert.
template <class B>
using Expr = typename B::Expr;

/// 2^-16 in F: a difference of limbs times this is a carry.
inline constexpr uint32_t kInverseLimb = inverse(Fp::from(kLimb)).value();

/// 1/4 in F.
inline constexpr uint32_t kQuarter = inverse(Fp::from(4)).value();

/// A 32-bit value: lo + 2^16 hi. SOUNDNESS: limbs that come from the memory bus are below 2^16,
/// because banks hold such limbs and every chip shows it of what it sends.
template <class T>
struct Word {
  T lo, hi;
};

/// A 32-bit value in bytes, lowest first.
template <class T>
struct Bytes {
  T byte[4];
};

template <class E>
[[gnu::always_inline]] inline Word<E> word_of(const Bytes<E>& x) {
  return {x.byte[0] + x.byte[1] * 256, x.byte[2] + x.byte[3] * 256};
}

/// A register or memory word as an access finds it.
template <class T>
struct Found {
  Word<T> value;
  T time;  // of the access before
};

/// A word of RAM as an access finds it. RAM is not refreshed, so the age takes two look-ups.
template <class T>
struct FoundInRam {
  Word<T> value;
  T time;
  T age_hi;  // (now - time - 1) / 2^16
};

template <class E>
[[gnu::always_inline]] inline E place_of_register(const E& reg) {
  return reg + kMachineBase;
}

/// From the instruction at (clk, pc) to the next one.
template <class B>
[[gnu::always_inline]] inline void step(B& air, const Expr<B>& real, const Expr<B>& clk,
                                        const Expr<B>& pc, const Expr<B>& next_pc) {
  air.receive(kState, real, {clk, pc});
  air.send(kState, real, {clk + 1, next_pc});
}

/// The look-up of the instruction at pc: `operation`, `rd`, ... are the fields of its ProgramRow.
template <class B>
[[gnu::always_inline]] inline void fetch(B& air, const Expr<B>& real, const Expr<B>& pc,
                                         const Expr<B>& operation, const Expr<B>& rd,
                                         const Expr<B>& rs1, const Expr<B>& rs2,
                                         const Word<Expr<B>>& imm, const Expr<B>& target) {
  air.send(kProgram, real, {pc, operation, rd, rs1, rs2, imm.lo, imm.hi, target});
}

/// One access at time `now`: finds `found`, leaves `left`. The limbs of `left` must be shown to be
/// below 2^16 by the caller (or be those of `found`).
template <class B>
[[gnu::always_inline]] inline void access(B& air, const Expr<B>& real, const Expr<B>& place,
                                          const Found<Expr<B>>& found, const Word<Expr<B>>& left,
                                          const Expr<B>& now) {
  air.receive(kMemory, real, {place, found.value.lo, found.value.hi, found.time});
  air.send(kMemory, real, {place, left.lo, left.hi, now});
}

/// Access of a machine word, which refreshes keep younger than 2^16.
template <class B>
[[gnu::always_inline]] inline void access_register(B& air, const Expr<B>& real, const Expr<B>& reg,
                                                   const Found<Expr<B>>& found,
                                                   const Word<Expr<B>>& left, const Expr<B>& now) {
  access(air, real, place_of_register(reg), found, left, now);
  air.send(kRange16, real, {now - found.time - 1});
}

template <class B>
[[gnu::always_inline]] inline void read_register(B& air, const Expr<B>& real, const Expr<B>& reg,
                                                 const Found<Expr<B>>& found, const Expr<B>& now) {
  access_register(air, real, reg, found, found.value, now);
}

/// rs1 and rd of an instruction: two registers; or, of a chip for instructions with rd = rs1, one,
/// which is read and overwritten in one access. Such an instruction may be a row of either chip.
/// SOUNDNESS: the look-up of the program row has rd in the place of rs1, so no other instruction
/// has such a row. If rs2 is the same register, its access at 4 clk + 1 comes first and leaves the
/// value as it is. (The record has other times then: such instructions go to the general chip.)
template <class T, bool kIsInPlace>
struct Rs1AndRd {
  T rd, rs1;
  T ta;  // of the access before to rs1
  Found<T> old;
  [[nodiscard]] const T& source() const { return rs1; }
};
template <class T>
struct Rs1AndRd<T, true> {
  T rd;
  T ta;
  [[nodiscard]] const T& source() const { return rd; }
};

/// rs1 holds `a` and rd gets `c`, whose limbs must be in range.
template <class B, bool kIsInPlace>
[[gnu::always_inline]] inline void read_and_write(B& air, const Expr<B>& real,
                                                  const Rs1AndRd<Expr<B>, kIsInPlace>& row,
                                                  const Word<Expr<B>>& a, const Word<Expr<B>>& c,
                                                  const Expr<B>& clk) {
  if constexpr (kIsInPlace) {
    access_register(air, real, row.rd, {a, row.ta}, c, clk * 4 + 2);
  } else {
    read_register(air, real, row.rs1, {a, row.ta}, clk * 4);
    access_register(air, real, row.rd, row.old, c, clk * 4 + 2);
  }
}

/// The second operand of a chip that serves register and immediate forms: b is what rs2 holds where
/// `reg` is 1, and the immediate where `real` is 1 and `reg` is 0.
/// SOUNDNESS: the asserts let `reg` be 1 only where `real` is; the operation in the caller's fetch
/// says which form it is, so the program row fixes `reg`.
template <class B>
[[gnu::always_inline]] inline void read_operand(B& air, const Expr<B>& real, const Expr<B>& reg,
                                                const Expr<B>& rs2, const Word<Expr<B>>& imm,
                                                const Found<Expr<B>>& b, const Expr<B>& now) {
  air.assert_bool("register form", reg);
  air.assert_bool("immediate form", real - reg);
  air.assert_zero("b = imm", (real - reg) * (b.value.lo - imm.lo));
  air.assert_zero("b = imm", (real - reg) * (b.value.hi - imm.hi));
  read_register(air, reg, rs2, b, now);
}

/// Access of a word of RAM or read-only memory.
template <class B>
[[gnu::always_inline]] inline void access_ram(B& air, const Expr<B>& real, const Expr<B>& place,
                                              const FoundInRam<Expr<B>>& found,
                                              const Word<Expr<B>>& left, const Expr<B>& now) {
  air.receive(kMemory, real, {place, found.value.lo, found.value.hi, found.time});
  air.send(kMemory, real, {place, left.lo, left.hi, now});
  air.send(kRange16, real, {now - found.time - 1 - found.age_hi * kLimb});
  air.send(kRange14, real, {found.age_hi});
}

/// The address base + offset as one element: an integer in [-2^11, kAddressEnd + 2^16 + 2^11).
/// `base` is a register's value, `offset` what the program table has of a load, store or jump.
/// What becomes of it: buses.h, "Places"; jump.h.
template <class B>
[[gnu::always_inline]] inline Expr<B> form_address(B& air, const Expr<B>& real,
                                                   const Word<Expr<B>>& base,
                                                   const Expr<B>& offset) {
  // SOUNDNESS: base.hi is a limb, so that this means base.hi <= kAddressEnd / 2^16. (An address
  // that is declared, or in the text, has such a base; one that wraps around past 2^32 would be
  // below kAddressBegin. jal's base is x0, which is 0, and its offset below kAddressEnd.)
  air.send(kRange14, real, {base.hi + ((1 << 14) - 1 - (kAddressEnd >> 16))});
  return base.lo + base.hi * kLimb + offset;
}

template <class E>
[[gnu::always_inline]] inline E place_of_address(const E& address) {
  return address * kQuarter;
}

/// lo, hi < 2^16.
template <class B>
[[gnu::always_inline]] inline void check_word(B& air, const Expr<B>& real,
                                              const Word<Expr<B>>& word) {
  air.send(kRange16, real, {word.lo});
  air.send(kRange16, real, {word.hi});
}

/// Asserts c = a + b mod 2^32, all limbs below 2^16 (which the caller sees to; padding: all zero).
/// SOUNDNESS: a_i + b_i + carry - c_i lies in (-2^16, 2^17), so that it is 0 or 2^16 modulo p only
/// if it is that integer; the carries need no columns.
template <class B>
[[gnu::always_inline]] inline void assert_sum(B& air, const char* label, const Word<Expr<B>>& a,
                                              const Word<Expr<B>>& b, const Word<Expr<B>>& c) {
  const Expr<B> carry = (a.lo + b.lo - c.lo) * kInverseLimb;
  air.assert_bool(label, carry);
  air.assert_bool(label, (a.hi + b.hi + carry - c.hi) * kInverseLimb);
}

/// The same on rows where `where` is 1, and nothing where it is 0. `where`: asserted boolean by the
/// caller.
template <class B>
[[gnu::always_inline]] inline void assert_sum_where(B& air, const Expr<B>& where, const char* label,
                                                    const Word<Expr<B>>& a, const Word<Expr<B>>& b,
                                                    const Word<Expr<B>>& c) {
  const Expr<B> carry = (a.lo + b.lo - c.lo) * kInverseLimb;
  const Expr<B> carry_hi = (a.hi + b.hi + carry - c.hi) * kInverseLimb;
  air.assert_zero(label, where * carry * (carry - 1));
  air.assert_zero(label, where * carry_hi * (carry_hi - 1));
}

// For fill().

/// x as an element. REQUIRES: x < p.
inline Fp fp(uint32_t x) {
  constexpr uint64_t kSquare = Fp::from(uint64_t{Fp::one().word}).word;  // 2^64 mod p
  return Fp::from_word(Fp::reduce(x * kSquare));                         // x 2^32 mod p
}
inline Word<Fp> word_of(uint32_t x) { return {fp(x & 0xffff), fp(x >> 16)}; }
inline Bytes<Fp> bytes_of(uint32_t x) {
  return {{fp(x & 0xff), fp(x >> 8 & 0xff), fp(x >> 16 & 0xff), fp(x >> 24)}};
}
/// The word at `place` as memory holds it: the journal's position and the pc are not split.
inline Word<Fp> word_at(uint32_t place, uint32_t x) {
  if (place >= kMachineBase + kJournalWord && place < kMachineBase + kMachineWords)
    return {fp(x), Fp{}};
  return word_of(x);
}
/// From an access of the execution record: {value, time}.
template <class Access>
Found<Fp> found(const Access& access) {
  return {word_of(access.value), fp(access.time)};
}
/// `record`: rs1, rd as in vm::RegisterRow.
template <bool kIsInPlace, class Record>
Rs1AndRd<Fp, kIsInPlace> rs1_and_rd(const ProgramRow& insn, const Record& record) {
  if constexpr (kIsInPlace)
    return {fp(insn.rd), fp(record.rs1.time)};
  else
    return {fp(insn.rd), fp(insn.rs1), fp(record.rs1.time), found(record.rd)};
}
/// What read_operand finds: an access, or with a record of the immediate form imm.
template <class Record>
Found<Fp> operand(const ProgramRow& insn, const Record& record) {
  if constexpr (requires { record.rs2; })
    return found(record.rs2);
  else
    return {word_of(insn.imm), Fp::zero()};
}
template <class Access>
FoundInRam<Fp> found_in_ram(const Access& access, uint32_t now) {
  return {word_of(access.value), fp(access.time), fp((now - access.time - 1) >> 16)};
}

}  // namespace zkvm::stark::chips
