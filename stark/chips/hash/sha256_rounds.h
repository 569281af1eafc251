// An eighth of a block of SHA-256: eight of its rounds, on bits (sha256_block.h).
//
//   clk left | eighth[8] | a[32] b[32] c[32] e[32] f[32] g[32] | d[2] h[2] | lower[16] upper[16] | sigma0[16]
//   sigma1[4] | a[32] e[32] w[32] and 12 carries (8 times)
//
// FIPS 180-4, 6.2.2: with a(i), e(i) the words that round i makes, so that b = a(i - 2) .. d = a(i - 4), f = e(i - 2)
// .. h = e(i - 4) there,
//
//   T    = e(i-4) + Sigma1(e(i-1)) + Ch(e(i-1), e(i-2), e(i-3)) + K(i) + w(i)
//   e(i) = a(i-4) + T        a(i) = T + Sigma0(a(i-1)) + Maj(a(i-1), a(i-2), a(i-3))
//   w(j) = w(j-16) + sigma0(w(j-15)) + w(j-7) + sigma1(w(j-2))            from the third eighth on
//
// all modulo 2^32. Sums of three bits modulo 2 have degree 3, so words are bits, rotations are free, and nothing is
// looked up. A row knows its own eight words in bits. Of those that are to come it hands on sums, in limbs that are
// not reduced: `lower`, of its own words all but what its own words add; `upper`, of the eight after them what words
// before its own add. Words of the message come from the block instead. Buses: state 2, words 5.
//
// Why it is sound: what is asserted to be bits is bits, and makes limbs; d and h come as limbs. Each sum is one of at
// most six limbs and a carry, below 2^19, and each carry is a small integer by an assert, so that the sum is right as an
// integer; the carry out of the upper limb is dropped. (a(i) is e(i) - a(i-4) + Sigma0 + Maj, whose carry is -1 to 2.)
// `eighth` is one bit of eight at most, and none on padding rows, where there is no traffic.
//
// Which rows there are: a block sends the state before eighth 0 and receives the one before eighth 8, both under its
// clk and left, which no other block has; each row leads from one eighth to the next, so there is one row of each, in
// between. So what is sent to the words of an eighth is received by its row and nobody else. The first two rows receive
// words of the message: what `lower` has there is the prover's choice, but only makes up for what the words' equation
// adds, and nothing of it goes on: the second row's `upper` is the first one's, which has none of it, and the first row
// sends no `lower`. The last row sends none either, and the last two no `upper`.
#pragma once

#include <bit>
#include <initializer_list>
#include <span>

#include "stark/chips/hash/buses.h"
#include "stark/chips/words.h"

namespace zkvm::stark::chips {

/// A 32-bit value in bits, lowest first.
template <class T>
struct BitWord {
  T bit[32];
};

/// The word whose bit i is bit(i), in limbs.
template <class E, class Bit>
[[gnu::always_inline]] inline Limbs<E> limbs_of_bits(const Bit& bit) {
  E limb[2];
  for (int half = 0; half < 2; ++half) {
    limb[half] = bit(16 * half + 15);
    for (int i = 14; i >= 0; --i) limb[half] = limb[half] + limb[half] + bit(16 * half + i);
  }
  return {limb[0], limb[1]};
}
template <class E>
[[gnu::always_inline]] inline Limbs<E> limbs_of(const BitWord<E>& x) {
  return limbs_of_bits<E>([&](int i) -> const E& { return x.bit[i]; });
}
inline BitWord<Fp> bits_of(uint32_t x) {
  BitWord<Fp> out;
  for (int i = 0; i < 32; ++i) out.bit[i] = fp(x >> i & 1);
  return out;
}

/// The word with its bytes in the other order.
template <class E>
[[gnu::always_inline]] inline Limbs<E> limbs_of_exchanged(const BitWord<E>& x) {
  E byte[4];
  for (int k = 0; k < 4; ++k) {
    byte[k] = x.bit[8 * k + 7];
    for (int i = 6; i >= 0; --i) byte[k] = byte[k] + byte[k] + x.bit[8 * k + i];
  }
  return {byte[3] + byte[2] * 256, byte[1] + byte[0] * 256};
}

/// What a tuple of kSha256Words is of.
enum : uint8_t { kSha256Message, kSha256Lower, kSha256Upper };

inline constexpr uint32_t kSha256Eighths = 8, kEighth = 8;

/// FIPS 180-4, section 4.2.2.
inline constexpr uint32_t kSha256Constants[kSha256Eighths][kEighth] = {
    {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
     0xab1c5ed5},
    {0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
     0xc19bf174},
    {0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc,
     0x76f988da},
    {0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351,
     0x14292967},
    {0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
     0x92722c85},
    {0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585,
     0x106aa070},
    {0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
     0x682e6ff3},
    {0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
     0xc67178f2}};

/// State (kSha256State) or words (kSha256Words) of an eighth of a block.
template <class E>
struct Sha256StateTuple {
  E values[19];
};
template <class E>
[[gnu::always_inline]] inline Sha256StateTuple<E> sha256_state(const E& clk, const E& left,
                                                               const E& eighth,
                                                               const Limbs<E> (&state)[8]) {
  Sha256StateTuple<E> out{{clk, left, eighth}};
  put_limbs(out.values + 3, state);
  return out;
}
template <class E>
struct Sha256WordsTuple {
  E values[20];
};
template <class E>
[[gnu::always_inline]] inline Sha256WordsTuple<E> sha256_words(uint32_t what, const E& clk,
                                                               const E& left, const E& eighth,
                                                               const Limbs<E> (&words)[kEighth]) {
  Sha256WordsTuple<E> out{{E(what), clk, left, eighth}};
  put_limbs(out.values + 4, words);
  return out;
}

struct Sha256Rounds {
  static constexpr const char* kName = "sha256 rounds";
  static constexpr const char* kColumns =
      "clk left eighth[8] before_a[96] before_e[96] d[2] h[2] lower[16] upper[16] sigma0[16] "
      "sigma1[4] rounds[864]";
  /// Of a sum, lower limb and upper one.
  template <class T>
  struct Carries {
    T units[2], more[2];
  };
  template <class T>
  struct Round {
    BitWord<T> a, e, w;
    Carries<T> of_a, of_e, of_w;
  };
  template <class T>
  struct Cols {
    T clk, left;
    T eighth[kSha256Eighths];
    BitWord<T> before_a[3], before_e[3];  // a b c, e f g
    Limbs<T> d, h;
    Limbs<T> lower[kEighth], upper[kEighth];
    Limbs<T> sigma0[kEighth], sigma1[2];  // of all words, of the last two
    Round<T> rounds[kEighth];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    E real = 0, eighth = 0;
    for (uint32_t p = 0; p < kSha256Eighths; ++p) {
      air.assert_bool("eighth", row.eighth[p]);
      real = real + row.eighth[p];
      eighth = eighth + row.eighth[p] * p;
    }
    air.assert_bool("eighth", real);
    for (const auto* words : {&row.before_a, &row.before_e})
      for (const BitWord<E>& word : *words) assert_bits(air, word);
    for (const Round<E>& round : row.rounds) {
      for (const BitWord<E>* word : {&round.a, &round.e, &round.w}) assert_bits(air, *word);
      assert_carries(air, round);
    }
    Limbs<E> w[kEighth];
    for (uint32_t i = 0; i < kEighth; ++i) w[i] = limbs_of(row.rounds[i].w);
    schedule(air, row, w, real, eighth);

    // a(i), e(i) at i + 4.
    Limbs<E> a[kEighth + 4], e[kEighth + 4];
    a[0] = row.d;
    e[0] = row.h;
    for (uint32_t i = 1; i < 4; ++i) {
      a[i] = limbs_of(row.before_a[3 - i]);
      e[i] = limbs_of(row.before_e[3 - i]);
    }
    exchange_state(air, row, real, eighth, a, e, true);
    for (uint32_t i = 0; i < kEighth; ++i) {
      const Round<E>& round = row.rounds[i];
      a[i + 4] = limbs_of(round.a);
      e[i + 4] = limbs_of(round.e);
      const auto before = [&](uint32_t back, const BitWord<E> Round<E>::* which,
                              const BitWord<E> (&first)[3]) -> const BitWord<E>& {
        return back <= i ? row.rounds[i - back].*which : first[back - i - 1];
      };
      const auto a_at = [&](uint32_t k) -> const auto& { return before(k, &Round<E>::a, row.before_a); };
      const auto e_at = [&](uint32_t k) -> const auto& { return before(k, &Round<E>::e, row.before_e); };
      Limbs<E> k{0, 0};
      for (uint32_t p = 0; p < kSha256Eighths; ++p) {
        k.lo = k.lo + row.eighth[p] * (kSha256Constants[p][i] & 0xffff);
        k.hi = k.hi + row.eighth[p] * (kSha256Constants[p][i] >> 16);
      }
      const Limbs<E> sums_e[] = {a[i], e[i], upper_sigma<6, 11, 25>(e_at(1)),
                                 choice(e_at(1), e_at(2), e_at(3)), k, w[i]};
      const Carries<E>& of_e = round.of_e;
      assert_total(air, "e", total<E>(sums_e), e[i + 4], of_e.units[0] + of_e.more[0] * 3,
                   of_e.units[1] + of_e.more[1] * 3);
      const Limbs<E> sums_a[] = {e[i + 4], upper_sigma<2, 13, 22>(a_at(1)),
                                 majority(a_at(1), a_at(2), a_at(3))};
      Limbs<E> sum = total<E>(sums_a);
      sum = {sum.lo - a[i].lo, sum.hi - a[i].hi};
      const Carries<E>& of_a = round.of_a;
      assert_total(air, "a", sum, a[i + 4], of_a.units[0] + of_a.more[0] * 2 - real,
                   of_a.units[1] + of_a.more[1] * 2 - real);
    }
    exchange_state(air, row, real, eighth, a, e, false);
  }

  /// Eighth `eighth` of a block; `record`: as HashedBlock of session/rows/hash_rows.h.
  template <class Record>
  static void fill(Cols<Fp>& row, const Record& record, uint32_t eighth) {
    row = {};
    row.clk = fp(record.clk);
    row.left = fp(record.left);
    row.eighth[eighth] = Fp::one();
    const uint32_t first = kEighth * eighth;
    uint32_t w[64] = {};
    for (uint32_t t = 0; t < 16; ++t) w[t] = __builtin_bswap32(record.words[t].value);
    for (uint32_t t = 16; t < first + kEighth; ++t)
      w[t] = w[t - 16] + small_sigma<7, 18, 3>(w[t - 15]) + w[t - 7] +
             small_sigma<17, 19, 10>(w[t - 2]);
    uint32_t a[68], e[68];  // a(i), e(i) at i + 4
    for (uint32_t i = 0; i < 4; ++i) {
      a[i] = record.cv[3 - i];
      e[i] = record.cv[7 - i];
    }
    for (uint32_t t = 0; t < first + kEighth; ++t) {
      const uint32_t k = kSha256Constants[t / kEighth][t % kEighth];
      const uint32_t x = e[t + 3], y = a[t + 3];
      const uint32_t sigma1 = upper_sigma<6, 11, 25>(x), sigma0 = upper_sigma<2, 13, 22>(y);
      const uint32_t chosen = (x & e[t + 2]) ^ (~x & e[t + 1]);
      const uint32_t most = (y & a[t + 2]) ^ (y & a[t + 1]) ^ (a[t + 2] & a[t + 1]);
      e[t + 4] = a[t] + e[t] + sigma1 + chosen + k + w[t];
      a[t + 4] = e[t + 4] - a[t] + sigma0 + most;
      if (t < first) continue;
      Round<Fp>& round = row.rounds[t - first];
      round.a = bits_of(a[t + 4]);
      round.e = bits_of(e[t + 4]);
      round.w = bits_of(w[t]);
      fill_carries(round.of_e, {a[t], e[t], sigma1, chosen, k, w[t]}, 0, 3);
      fill_carries(round.of_a, {e[t + 4], sigma0, most}, a[t], 2);
    }
    for (uint32_t i = 0; i < 3; ++i) {
      row.before_a[i] = bits_of(a[first + 3 - i]);
      row.before_e[i] = bits_of(e[first + 3 - i]);
    }
    row.d = limbs_of(a[first]);
    row.h = limbs_of(e[first]);
    for (uint32_t i = 0; i < kEighth; ++i)
      row.sigma0[i] = limbs_of(small_sigma<7, 18, 3>(w[first + i]));
    for (uint32_t i = 0; i < 2; ++i)
      row.sigma1[i] = limbs_of(small_sigma<17, 19, 10>(w[first + 6 + i]));
    fill_sums(row, w, eighth);
  }

 private:
  template <class B>
  [[gnu::always_inline]] static void assert_bits(B& air, const BitWord<Expr<B>>& word) {
    for (const auto& bit : word.bit) air.assert_bool("bit", bit);
  }
  /// Of e: 0, 1 or 2 and 0 or 3. Of a and w: two bits.
  template <class B>
  [[gnu::always_inline]] static void assert_carries(B& air, const Round<Expr<B>>& round) {
    for (int half = 0; half < 2; ++half) {
      for (const auto* carries : {&round.of_a, &round.of_w}) {
        air.assert_bool("carry", carries->units[half]);
        air.assert_bool("carry", carries->more[half]);
      }
      const auto& units = round.of_e.units[half];
      air.assert_zero("carry", units * (units - 1) * (units - 2));
      air.assert_bool("carry", round.of_e.more[half]);
    }
  }

  template <class E>
  [[gnu::always_inline]] static Limbs<E> total(std::span<const Limbs<E>> summands) {
    Limbs<E> sum = summands[0];
    for (const Limbs<E>& x : summands.subspan(1)) sum = {sum.lo + x.lo, sum.hi + x.hi};
    return sum;
  }
  /// The sum of limbs, whose carries are lo and hi, is x modulo 2^32.
  template <class B>
  [[gnu::always_inline]] static void assert_total(B& air, const char* label,
                                                  const Limbs<Expr<B>>& sum,
                                                  const Limbs<Expr<B>>& x, const Expr<B>& lo,
                                                  const Expr<B>& hi) {
    air.assert_zero(label, sum.lo - x.lo - lo * kLimb);
    air.assert_zero(label, sum.hi + lo - x.hi - hi * kLimb);
  }

  template <class E>
  [[gnu::always_inline]] static E exclusive_or(const E& x, const E& y) {
    return x + y - x * y * 2;
  }
  template <int r0, int r1, int r2, class E>
  [[gnu::always_inline]] static Limbs<E> upper_sigma(const BitWord<E>& x) {
    return limbs_of_bits<E>([&](int i) {
      return exclusive_or<E>(exclusive_or<E>(x.bit[(i + r0) % 32], x.bit[(i + r1) % 32]),
                             x.bit[(i + r2) % 32]);
    });
  }
  template <int r0, int r1, int shift, class E>
  [[gnu::always_inline]] static Limbs<E> small_sigma(const BitWord<E>& x) {
    return limbs_of_bits<E>([&](int i) {
      const E two = exclusive_or<E>(x.bit[(i + r0) % 32], x.bit[(i + r1) % 32]);
      return i + shift < 32 ? exclusive_or<E>(two, x.bit[i + shift]) : two;
    });
  }
  template <class E>
  [[gnu::always_inline]] static Limbs<E> choice(const BitWord<E>& x, const BitWord<E>& y,
                                                const BitWord<E>& z) {
    return limbs_of_bits<E>(
        [&](int i) -> E { return z.bit[i] + x.bit[i] * (y.bit[i] - z.bit[i]); });
  }
  template <class E>
  [[gnu::always_inline]] static Limbs<E> majority(const BitWord<E>& x, const BitWord<E>& y,
                                                  const BitWord<E>& z) {
    return limbs_of_bits<E>([&](int i) -> E {
      const E both = x.bit[i] * y.bit[i];
      return both + z.bit[i] * (x.bit[i] + y.bit[i] - both * 2);
    });
  }

  /// The row's words, and what it receives and sends of sums.
  template <class B>
  [[gnu::always_inline]] static void schedule(B& air, const Cols<Expr<B>>& row,
                                              const Limbs<Expr<B>> (&w)[kEighth],
                                              const Expr<B>& real, const Expr<B>& eighth) {
    using E = Expr<B>;
    for (uint32_t i = 0; i < kEighth; ++i) {
      const Limbs<E> sigma = small_sigma<7, 18, 3>(row.rounds[i].w);
      air.assert_zero("sigma0", row.sigma0[i].lo - sigma.lo);
      air.assert_zero("sigma0", row.sigma0[i].hi - sigma.hi);
    }
    Limbs<E> message[kEighth], lower[kEighth], upper[kEighth], next_lower[kEighth],
        next_upper[kEighth];
    const auto plus = [](const Limbs<E>& x, const Limbs<E>& y) -> Limbs<E> {
      return {x.lo + y.lo, x.hi + y.hi};
    };
    for (uint32_t i = 0; i < kEighth; ++i) {
      message[i] = limbs_of_exchanged(row.rounds[i].w);
      lower[i] = row.lower[i];
      upper[i] = row.upper[i];
      next_lower[i] = plus(upper[i], i + 1 < kEighth ? w[i + 1] : row.sigma0[0]);
      if (i < 2) next_lower[i] = plus(next_lower[i], row.sigma1[i]);
      next_upper[i] = i + 1 < kEighth ? plus(w[i], row.sigma0[i + 1]) : w[i];

      Limbs<E> sum = lower[i];
      if (i >= 2) sum = plus(sum, small_sigma<17, 19, 10>(row.rounds[i - 2].w));
      if (i == 7) sum = plus(sum, w[0]);
      const Carries<E>& of_w = row.rounds[i].of_w;
      assert_total(air, "w", sum, w[i], of_w.units[0] + of_w.more[0] * 2,
                   of_w.units[1] + of_w.more[1] * 2);
    }
    for (uint32_t i = 0; i < 2; ++i) {
      const Limbs<E> sigma = small_sigma<17, 19, 10>(row.rounds[6 + i].w);
      air.assert_zero("sigma1", row.sigma1[i].lo - sigma.lo);
      air.assert_zero("sigma1", row.sigma1[i].hi - sigma.hi);
    }
    const auto& p = row.eighth;
    const E next = eighth + 1;
    const auto tuple = [&](uint32_t what, const E& of, const auto& words) {
      return sha256_words<E>(what, row.clk, row.left, of, words);
    };
    air.receive(kSha256Words, p[0] + p[1], tuple(kSha256Message, eighth, message).values);
    air.receive(kSha256Words, real - p[0] - p[1], tuple(kSha256Lower, eighth, lower).values);
    air.send(kSha256Words, real - p[0] - p[7], tuple(kSha256Lower, next, next_lower).values);
    air.receive(kSha256Words, real - p[0] - p[7], tuple(kSha256Upper, eighth, upper).values);
    air.send(kSha256Words, real - p[6] - p[7], tuple(kSha256Upper, next, next_upper).values);
  }

  /// Receives the state before the row's rounds, or sends the one after them.
  template <class B>
  [[gnu::always_inline]] static void exchange_state(B& air, const Cols<Expr<B>>& row,
                                                    const Expr<B>& real, const Expr<B>& eighth,
                                                    const Limbs<Expr<B>> (&a)[kEighth + 4],
                                                    const Limbs<Expr<B>> (&e)[kEighth + 4],
                                                    bool before) {
    using E = Expr<B>;
    Limbs<E> state[8];
    for (uint32_t i = 0; i < 4; ++i) {
      state[i] = a[(before ? 3 : kEighth + 3) - i];
      state[4 + i] = e[(before ? 3 : kEighth + 3) - i];
    }
    if (before)
      air.receive(kSha256State, real,
                  sha256_state<E>(row.clk, row.left, eighth, state).values);
    else
      air.send(kSha256State, real, sha256_state<E>(row.clk, row.left, eighth + 1, state).values);
  }

  // For fill().

  template <int r0, int r1, int r2>
  static uint32_t upper_sigma(uint32_t x) {
    return std::rotr(x, r0) ^ std::rotr(x, r1) ^ std::rotr(x, r2);
  }
  template <int r0, int r1, int shift>
  static uint32_t small_sigma(uint32_t x) {
    return std::rotr(x, r0) ^ std::rotr(x, r1) ^ x >> shift;
  }

  /// Of summands less one word; `weight`: of the column `more`. With one word less, a carry is one more.
  static void fill_carries(Carries<Fp>& out, std::initializer_list<uint32_t> summands,
                           uint32_t less, uint32_t weight) {
    const int64_t bias = summands.size() == 3 ? 1 : 0;
    int64_t carry = 0;
    for (int half = 0; half < 2; ++half) {
      int64_t sum = carry - (less >> 16 * half & 0xffff);
      for (const uint32_t x : summands) sum += x >> 16 * half & 0xffff;
      carry = sum >> 16;
      const auto stored = static_cast<uint32_t>(carry + bias);
      const uint32_t more = stored >= weight ? 1 : 0;
      out.units[half] = fp(stored - more * weight);
      out.more[half] = fp(more);
    }
  }

  static void fill_sums(Cols<Fp>& row, const uint32_t (&w)[64], uint32_t eighth) {
    const uint32_t first = kEighth * eighth;
    /// What words below `end` add to word t, lower limb and upper one.
    const auto added = [&](uint32_t t, uint32_t end, int half) {
      uint32_t sum = 0;
      const auto add = [&](uint32_t from, uint32_t x) {
        if (from < end) sum += x >> 16 * half & 0xffff;
      };
      add(t - 16, w[t - 16]);
      add(t - 15, small_sigma<7, 18, 3>(w[t - 15]));
      add(t - 7, w[t - 7]);
      add(t - 2, small_sigma<17, 19, 10>(w[t - 2]));
      return sum;
    };
    for (uint32_t i = 0; i < kEighth; ++i) {
      const uint32_t t = first + i;
      Round<Fp>& round = row.rounds[i];
      if (eighth >= 1 && eighth <= 6)
        row.upper[i] = {fp(added(t + kEighth, first, 0)), fp(added(t + kEighth, first, 1))};
      if (eighth >= 2) {
        row.lower[i] = {fp(added(t, first, 0)), fp(added(t, first, 1))};
        const uint32_t lo = added(t, t, 0) >> 16;
        const uint32_t hi = (added(t, t, 1) + lo) >> 16;
        for (int half = 0; half < 2; ++half) {
          const uint32_t carry = half == 0 ? lo : hi;
          round.of_w.units[half] = fp(carry & 1);
          round.of_w.more[half] = fp(carry >> 1);
        }
      } else {  // what makes up for what the equation adds to a word of the message
        Limbs<Fp> sum = limbs_of(w[t]);
        const auto less = [&](uint32_t x) { sum = {sum.lo - fp(x & 0xffff), sum.hi - fp(x >> 16)}; };
        if (i >= 2) less(small_sigma<17, 19, 10>(w[t - 2]));
        if (i == 7) less(w[first]);
        row.lower[i] = sum;
      }
    }
  }
};

}  // namespace zkvm::stark::chips
