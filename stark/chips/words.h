// 32-bit values as chips hold them: two limbs of 16 bits, or four bytes; and sums of them.
#pragma once

#include <cstdint>

#include "stark/chips/buses.h"
#include "stark/field/field.h"

namespace zkvm::stark::chips {

inline constexpr uint32_t kLimb = 1u << 16;
// Named in parameters, so that B alone is deduced and integers convert.
template <class B>
using Expr = typename B::Expr;

/// 2^-16 in F: a difference of limbs times this is a carry.
inline constexpr uint32_t kInverseLimb = inverse(Fp::from(kLimb)).value();

/// A 32-bit value: lo + 2^16 hi. SOUNDNESS: limbs that come from the memory bus are below 2^16,
/// because banks hold such limbs and every chip shows it of what it sends.
template <class T>
struct Limbs {
  T lo, hi;
};

/// A 32-bit value in bytes, lowest first.
template <class T>
struct Bytes {
  T byte[4];
};

template <class E>
[[gnu::always_inline]] inline Limbs<E> limbs_of(const Bytes<E>& x) {
  return {x.byte[0] + x.byte[1] * 256, x.byte[2] + x.byte[3] * 256};
}

/// lo, hi < 2^16.
template <class B>
[[gnu::always_inline]] inline void check_limbs(B& air, const Expr<B>& real,
                                               const Limbs<Expr<B>>& word) {
  air.send(kRange16, real, {word.lo});
  air.send(kRange16, real, {word.hi});
}

/// Asserts c = a + b mod 2^32, all limbs below 2^16 (which the caller sees to; padding: all zero).
/// SOUNDNESS: a_i + b_i + carry - c_i lies in (-2^16, 2^17), so that it is 0 or 2^16 modulo p only
/// if it is that integer; the carries need no columns.
template <class B>
[[gnu::always_inline]] inline void assert_sum(B& air, const char* label, const Limbs<Expr<B>>& a,
                                              const Limbs<Expr<B>>& b, const Limbs<Expr<B>>& c) {
  const Expr<B> carry = (a.lo + b.lo - c.lo) * kInverseLimb;
  air.assert_bool(label, carry);
  air.assert_bool(label, (a.hi + b.hi + carry - c.hi) * kInverseLimb);
}

/// The same on rows where `where` is 1, and nothing where it is 0. `where`: asserted boolean by the
/// caller.
template <class B>
[[gnu::always_inline]] inline void assert_sum_where(B& air, const Expr<B>& where, const char* label,
                                                    const Limbs<Expr<B>>& a,
                                                    const Limbs<Expr<B>>& b,
                                                    const Limbs<Expr<B>>& c) {
  const Expr<B> carry = (a.lo + b.lo - c.lo) * kInverseLimb;
  const Expr<B> carry_hi = (a.hi + b.hi + carry - c.hi) * kInverseLimb;
  air.assert_zero(label, where * carry * (carry - 1));
  air.assert_zero(label, where * carry_hi * (carry_hi - 1));
}

// For fill().

/// x as an element. REQUIRES: x < p.
inline Fp fp(uint32_t x) {
  constexpr uint64_t kSquare = Fp::from(uint64_t{Fp::one().wire}).wire;  // 2^64 mod p
  return Fp::from_wire(Fp::reduce(x * kSquare));                         // x 2^32 mod p
}

inline Limbs<Fp> limbs_of(uint32_t x) { return {fp(x & 0xffff), fp(x >> 16)}; }
inline Bytes<Fp> bytes_of(uint32_t x) {
  return {{fp(x & 0xff), fp(x >> 8 & 0xff), fp(x >> 16 & 0xff), fp(x >> 24)}};
}

}  // namespace zkvm::stark::chips
