// Accesses to the memory bus, of registers and of RAM: what a row finds in a place and what it
// leaves there.
//
// Times. Tick clk has the times 4 clk + 0, 1, 2 for its accesses; the refresh chip has 4 clk + 3.
// SOUNDNESS: the state chain makes clk count instructions, so every time is an integer below
// about 2^28 (kMaxRows). An access shows that now - before - 1 is an integer in
// [0, 2^30), which modulo p means before < now. So each place's tuples form one chain in time that
// starts at its bank, and an access finds what the access before it left.
#pragma once

#include <cstdint>

#include "stark/chips/buses.h"
#include "stark/chips/words.h"
#include "stark/field/field.h"

namespace zkvm::stark::chips {

/// 1/4 in F.
inline constexpr uint32_t kQuarter = inverse(Fp::from(4)).value();

/// A register or memory word as an access finds it.
template <class T>
struct Found {
  Limbs<T> value;
  T time;  // of the access before
};

/// A word of RAM as an access finds it. RAM is not refreshed, so the age takes two look-ups.
template <class T>
struct FoundInRam {
  Limbs<T> value;
  T time;
  T age_hi;  // (now - time - 1) / 2^16
};

template <class E>
[[gnu::always_inline]] inline E place_of_register(const E& reg) {
  return reg + kMachineBase;
}

template <class E>
[[gnu::always_inline]] inline E place_of_address(const E& address) {
  return address * kQuarter;
}

/// The address base + offset as one element: an integer in [-2^11, kAddressEnd + 2^16 + 2^11).
/// `base` is a register's value, `offset` what the program table has of a load, store or jump.
/// What becomes of it: buses.h, "Places"; jump.h.
template <class B>
[[gnu::always_inline]] inline Expr<B> form_address(B& air, const Expr<B>& real,
                                                   const Limbs<Expr<B>>& base,
                                                   const Expr<B>& offset) {
  // SOUNDNESS: base.hi is a limb, so that this means base.hi <= kAddressEnd / 2^16. (An address
  // that is declared, or in the text, has such a base; one that wraps around past 2^32 would be
  // below kAddressBegin. jal's base is x0, which is 0, and its offset below kAddressEnd.)
  air.send(kRange14, real, {base.hi + ((1 << 14) - 1 - (kAddressEnd >> 16))});
  return base.lo + base.hi * kLimb + offset;
}

/// What a call shows of an operand: how far its end is from that of memory, in high limbs.
inline Fp operand_rest(uint32_t base, Fp bytes) {
  return fp((kAddressEnd - base - bytes.value()) >> 16);
}

/// The base of a call's operand of `bytes` as one element, the operand shown to lie in memory.
/// SOUNDNESS: the first look-up says that base.hi <= kAddressEnd / 2^16, base.hi being a limb: the
/// base is an integer below kAddressEnd + 2^16. bytes <= 2^29 (the caller sees to it), so
/// kAddressEnd - base - bytes is an integer above -(2^29 + 2^16), and the other two say that it is
/// in [0, 2^30) modulo p, hence as an integer. So whatever word of the operand a job names, four
/// times its place is the integer base + offset, in [0, kAddressEnd): no machine word, nothing
/// read-only, and nothing at all if the base is no multiple of 4 (buses.h, "Places").
template <class B>
[[gnu::always_inline]] inline Expr<B> operand(B& air, const Expr<B>& real,
                                              const Limbs<Expr<B>>& base, const Expr<B>& bytes,
                                              const Expr<B>& rest_hi) {
  const Expr<B> address = base.lo + base.hi * kLimb;
  air.send(kRange14, real, {base.hi + ((1 << 14) - 1 - (kAddressEnd >> 16))});
  air.send(kRange16, real, {kAddressEnd - address - bytes - rest_hi * kLimb});
  air.send(kRange14, real, {rest_hi});
  return address;
}

/// One access at time `now`: finds `found`, leaves `left`. The limbs of `left` must be shown to be
/// below 2^16 by the caller (or be those of `found`).
template <class B>
[[gnu::always_inline]] inline void access(B& air, const Expr<B>& real, const Expr<B>& place,
                                          const Found<Expr<B>>& found, const Limbs<Expr<B>>& left,
                                          const Expr<B>& now) {
  air.receive(kMemory, real, {place, found.value.lo, found.value.hi, found.time});
  air.send(kMemory, real, {place, left.lo, left.hi, now});
}

/// Access of a machine word, which refreshes keep younger than 2^16.
template <class B>
[[gnu::always_inline]] inline void access_register(B& air, const Expr<B>& real, const Expr<B>& reg,
                                                   const Found<Expr<B>>& found,
                                                   const Limbs<Expr<B>>& left, const Expr<B>& now) {
  access(air, real, place_of_register(reg), found, left, now);
  air.send(kRange16, real, {now - found.time - 1});
}

template <class B>
[[gnu::always_inline]] inline void read_register(B& air, const Expr<B>& real, const Expr<B>& reg,
                                                 const Found<Expr<B>>& found, const Expr<B>& now) {
  access_register(air, real, reg, found, found.value, now);
}

/// Access of a word of RAM or read-only memory.
template <class B>
[[gnu::always_inline]] inline void access_ram(B& air, const Expr<B>& real, const Expr<B>& place,
                                              const FoundInRam<Expr<B>>& found,
                                              const Limbs<Expr<B>>& left, const Expr<B>& now) {
  air.receive(kMemory, real, {place, found.value.lo, found.value.hi, found.time});
  air.send(kMemory, real, {place, left.lo, left.hi, now});
  air.send(kRange16, real, {now - found.time - 1 - found.age_hi * kLimb});
  air.send(kRange14, real, {found.age_hi});
}

// For fill().

/// The word at `place` as memory holds it: the journal's position and the pc are not split.
inline Limbs<Fp> word_at(uint32_t place, uint32_t x) {
  if (place >= kMachineBase + kJournalWord && place < kMachineBase + kMachineWords)
    return {fp(x), Fp{}};
  return limbs_of(x);
}

/// From an access of the execution record: {value, time}.
template <class Access>
Found<Fp> found(const Access& access) {
  return {limbs_of(access.value), fp(access.time)};
}

template <class Access>
FoundInRam<Fp> found_in_ram(const Access& access, uint32_t now) {
  return {limbs_of(access.value), fp(access.time), fp((now - access.time - 1) >> 16)};
}

}  // namespace zkvm::stark::chips
