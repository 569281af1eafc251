// BLAKE3's rounds on words in bytes: what the chips of blocks and rounds share.
//
// A quarter round mixes four words of the state, a b c d, with two of the message:
//
//   a1 = a + b + m     d1 = (d ^ a1) >>> 16     c1 = c + d1     b1 = (b ^ c1) >>> 12
//   a2 = a1 + b1 + m'  d2 = (d1 ^ a2) >>> 8     c2 = c1 + d2    b2 = (b1 ^ c2) >>> 7
//
// Its 40 cells are the bytes of the sums a1 c1 a2 c2 and of the xors before they are rotated, of which the
// one for b1 stands in nibbles and the one for b2, x, beside its top bits; of those, where b2 is wanted in
// limbs, two do. Rotations then are affine. Buses: and8 12, xor8 4.
//
// Why it is sound: of each xor both operands are looked up, in bytes: so the sums' bytes are bytes, the
// limbs that they make are below 2^16, and so are those of words that come in. A sum's carry, (a + b + m -
// a1) / 2^16 in F of a limb, is a difference in (-2^16, 3 2^16) over 2^16: it is 0, 1 or 2 modulo p only
// if it is that integer. and8 has one and of two bytes, so that what is the sum less twice it is their xor;
// xor8 has one pair of nibbles. A rotation by 7 takes bytes apart, x = (x - 128 top) + 128 top, top being 0
// or 1: were it not x's top bit, the byte of b2 that has 2 (x - 128 top) and a top bit would be 256 or more,
// or negative, but the next quarter round or the end of the block looks it up. Of a limb's two bytes it is
// the upper one then: the limb is the lower byte's top bit, 2 x and 2^9 (x - 128 top) of the next two bytes,
// which would not be in [0, 2^16), but whoever receives it has it in bytes.
#pragma once

#include <bit>
#include <type_traits>

#include "stark/chips/hash/buses.h"
#include "stark/hash/blake3.h"

namespace zkvm::stark::chips {

inline constexpr uint32_t kHalf = inverse(Fp::from(2)).value();
inline constexpr uint32_t kBlake3Rounds = 7;

template <class T>
struct AllTopBits {
  Bytes<T> top;
  [[nodiscard]] T of(int k) const { return top.byte[k]; }
  void fill(uint32_t bits) { top = bytes_of(bits); }
};
/// Where b2 is wanted in limbs alone: of the lower byte of each, which crosses into the other one.
template <class T>
struct CrossingTopBits {
  T top[2];
  [[nodiscard]] T of(int k) const { return k % 2 == 0 ? top[k / 2] : T(0); }
  void fill(uint32_t bits) {
    for (int k = 0; k < 2; ++k) top[k] = fp(bits >> 16 * k & 1);
  }
};

template <class T, template <class> class TopBits = AllTopBits>
struct Blake3Mix {
  static constexpr bool kInLimbs = std::is_same_v<TopBits<T>, CrossingTopBits<T>>;
  Bytes<T> a1, d1, c1, low, high, a2, d2, c2, x;
  TopBits<T> top;
};

template <class T, template <class> class TopBits = AllTopBits>
struct Blake3RoundCells {
  Blake3Mix<T> columns[4];
  Blake3Mix<T, TopBits> diagonals[4];
};

/// The words of a state: v[0..3], v[4..7], v[8..11], v[12..15].
template <class E>
struct Blake3State {
  Limbs<E> a[4];
  Bytes<E> b[4];
  Limbs<E> c[4];
  Bytes<E> d[4];
};

/// Quarter round i of a round works on column i mod 4, or on the diagonal that begins there.
constexpr uint32_t blake3_column(uint32_t i, uint32_t word) { return (i + (i < 4 ? 0 : word)) % 4; }

/// x is the xor of a and b, byte by byte.
template <class B>
[[gnu::always_inline]] inline void look_up_xor(B& air, const Expr<B>& real, const Bytes<Expr<B>>& a,
                                               const Bytes<Expr<B>>& b, const Bytes<Expr<B>>& x) {
  for (int k = 0; k < 4; ++k)
    air.send(kAnd8, real, {a.byte[k], b.byte[k], (a.byte[k] + b.byte[k] - x.byte[k]) * kHalf});
}

/// sum = a + b + m mod 2^32.
template <class B>
[[gnu::always_inline]] inline void assert_sum_of_three(B& air, const Limbs<Expr<B>>& a,
                                                       const Limbs<Expr<B>>& b,
                                                       const Limbs<Expr<B>>& m,
                                                       const Limbs<Expr<B>>& sum) {
  const Expr<B> carry = (a.lo + b.lo + m.lo - sum.lo) * kInverseLimb;
  air.assert_zero("a = a + b + m", carry * (carry - 1) * (carry - 2));
  const Expr<B> carry_hi = (a.hi + b.hi + m.hi + carry - sum.hi) * kInverseLimb;
  air.assert_zero("a = a + b + m", carry_hi * (carry_hi - 1) * (carry_hi - 2));
}

template <class E>
[[gnu::always_inline]] inline Bytes<E> rotated_by_bytes(const Bytes<E>& x, int bytes) {
  return {{x.byte[bytes % 4], x.byte[(bytes + 1) % 4], x.byte[(bytes + 2) % 4],
           x.byte[(bytes + 3) % 4]}};
}

template <class B, class Cells>
[[gnu::always_inline]] inline void assert_mix(B& air, const Expr<B>& real, Limbs<Expr<B>>& a,
                                              Bytes<Expr<B>>& b, Limbs<Expr<B>>& c,
                                              Bytes<Expr<B>>& d, const Limbs<Expr<B>> (&m)[2],
                                              const Cells& cells) {
  using E = Expr<B>;
  const Limbs<E> a1 = limbs_of(cells.a1), a2 = limbs_of(cells.a2);
  const Limbs<E> c1 = limbs_of(cells.c1), c2 = limbs_of(cells.c2);
  assert_sum_of_three<B>(air, a, limbs_of(b), m[0], a1);
  look_up_xor<B>(air, real, d, cells.a1, cells.d1);
  const Bytes<E> d1 = rotated_by_bytes(cells.d1, 2);
  assert_sum<B>(air, "c = c + d", c, limbs_of(d1), c1);
  Bytes<E> b1;
  for (int k = 0; k < 4; ++k) {
    air.send(kXor8, real, {b.byte[k], cells.c1.byte[k], cells.low.byte[k], cells.high.byte[k]});
    b1.byte[k] = cells.high.byte[(k + 1) % 4] + cells.low.byte[(k + 2) % 4] * 16;
  }
  assert_sum_of_three<B>(air, a1, limbs_of(b1), m[1], a2);
  look_up_xor<B>(air, real, d1, cells.a2, cells.d2);
  d = rotated_by_bytes(cells.d2, 1);
  assert_sum<B>(air, "c = c + d", c1, limbs_of(d), c2);
  look_up_xor<B>(air, real, b1, cells.c2, cells.x);
  for (int k = 0; k < 4; ++k) {
    const int next = (k + 1) % 4;
    if (k % 2 == 0 || !Cells::kInLimbs) air.assert_bool("top bit", cells.top.of(k));
    b.byte[k] = cells.top.of(k) + (cells.x.byte[next] - cells.top.of(next) * 128) * 2;
  }
  a = a2;
  c = c2;
}

/// A round; the message is permuted for the next one. With CrossingTopBits the words b have right limbs, but
/// not bytes.
template <class B, class Cells>
[[gnu::always_inline]] inline void assert_round(B& air, const Expr<B>& real,
                                                Blake3State<Expr<B>>& v, Limbs<Expr<B>> (&m)[16],
                                                const Cells& cells) {
  const auto mix = [&](uint32_t i, const auto& of_mix) {
    assert_mix<B>(air, real, v.a[i % 4], v.b[blake3_column(i, 1)], v.c[blake3_column(i, 2)],
                  v.d[blake3_column(i, 3)], {m[2 * i], m[2 * i + 1]}, of_mix);
  };
  for (uint32_t i = 0; i < 4; ++i) mix(i, cells.columns[i]);
  for (uint32_t i = 4; i < 8; ++i) mix(i, cells.diagonals[i - 4]);
  Limbs<Expr<B>> before[16];
  for (int i = 0; i < 16; ++i) before[i] = m[i];
  for (int i = 0; i < 16; ++i) m[i] = before[blake3::kPermutation[i]];
}

// For fill().

/// The same on words; v[0..15] is the state.
template <class Cells>
void fill_round(Cells& cells, uint32_t (&v)[16], uint32_t (&m)[16]) {
  const auto mix = [&](uint32_t i, auto& out) {
    uint32_t &a = v[i % 4], &b = v[4 + blake3_column(i, 1)], &c = v[8 + blake3_column(i, 2)],
             &d = v[12 + blake3_column(i, 3)];
    a += b + m[2 * i];
    out.a1 = bytes_of(a);
    out.d1 = bytes_of(d ^ a);
    d = std::rotr(d ^ a, 16);
    c += d;
    out.c1 = bytes_of(c);
    out.low = bytes_of((b ^ c) & 0x0f0f0f0f);
    out.high = bytes_of((b ^ c) >> 4 & 0x0f0f0f0f);
    b = std::rotr(b ^ c, 12);
    a += b + m[2 * i + 1];
    out.a2 = bytes_of(a);
    out.d2 = bytes_of(d ^ a);
    d = std::rotr(d ^ a, 8);
    c += d;
    out.c2 = bytes_of(c);
    out.x = bytes_of(b ^ c);
    out.top.fill((b ^ c) >> 7 & 0x01010101);
    b = std::rotr(b ^ c, 7);
  };
  for (uint32_t i = 0; i < 4; ++i) mix(i, cells.columns[i]);
  for (uint32_t i = 4; i < 8; ++i) mix(i, cells.diagonals[i - 4]);
  uint32_t before[16];
  for (int i = 0; i < 16; ++i) before[i] = m[i];
  for (int i = 0; i < 16; ++i) m[i] = before[blake3::kPermutation[i]];
}

inline void first_state(const uint32_t (&cv)[8], const uint32_t (&counter)[2], uint32_t length,
                        uint32_t flags, uint32_t (&v)[16]) {
  for (int i = 0; i < 8; ++i) v[i] = cv[i];
  for (int i = 0; i < 4; ++i) v[8 + i] = blake3::kIv[i];
  v[12] = counter[0];
  v[13] = counter[1];
  v[14] = length;
  v[15] = flags;
}

}  // namespace zkvm::stark::chips
