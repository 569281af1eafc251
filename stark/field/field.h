// The field and its extension, scalar.
//
// F  = integers modulo p = 2^31 - 2^24 + 1 (KoalaBear); F* has order 2^24 * 127 and generator 3.
// E  = F[X] / (X^5 + X^2 - 1), |E| ~ 2^154.9: what challenges are drawn from.
//
// An element of F is held as its Montgomery word a * 2^32 mod p, always canonical (< p). The same
// word, little endian, is its wire form: memory is hashed, sent and read as it lies
// (stark/doc/format.md).
//
// Compiled into guests too: <stdint.h> types, constexpr, no allocation. The arithmetic operators
// are forced inline, so that translation units built for several instruction sets may include this
// file without leaving the linker a choice between them (see simd.h).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ZKVM_FIELD_INLINE [[gnu::always_inline]] constexpr

namespace zkvm::stark {

struct Fp {
  static constexpr uint32_t kModulus = 0x7f000001;
  static constexpr uint32_t kModulusInverse = 0x81000001;  // p^-1 mod 2^32
  static constexpr int kTwoAdicity = 24;
  static constexpr uint32_t kGenerator = 3;

  uint32_t wire = 0;  // a * 2^32 mod p, < p

  // The element that an integer stands for; any integer is accepted and reduced.
  static constexpr Fp from(uint64_t integer) {
    return {static_cast<uint32_t>(((integer % kModulus) << 32) % kModulus)};
  }
  // The same of a signed one.
  ZKVM_FIELD_INLINE static Fp from_signed(int64_t integer) {
    const int64_t p = kModulus;
    const auto reduced = static_cast<uint64_t>((integer % p + p) % p);
    return {static_cast<uint32_t>((reduced << 32) % kModulus)};
  }
  // The element with this wire form. REQUIRES: wire < p.
  ZKVM_FIELD_INLINE static Fp from_wire(uint32_t wire) { return {wire}; }
  // Whether a word from outside is the wire form of an element; every other word must be rejected.
  ZKVM_FIELD_INLINE static bool is_canonical(uint32_t word) { return word < kModulus; }

  ZKVM_FIELD_INLINE static Fp zero() { return {0}; }
  ZKVM_FIELD_INLINE static Fp one() { return {0x01fffffe}; }
  // Of order 2^log; root_of_unity(log)^2 = root_of_unity(log - 1). REQUIRES: 0 <= log <= 24.
  static constexpr Fp root_of_unity(int log);

  // The integer in [0, p) that this element stands for.
  constexpr uint32_t value() const { return reduce(wire); }

  // T * 2^-32 mod p. REQUIRES: T < 2^32 * p.
  ZKVM_FIELD_INLINE static uint32_t reduce(uint64_t t) {
    // t - (t p^-1 mod 2^32) p is divisible by 2^32 and lies in (-2^32 p, 2^32 p).
    uint32_t quotient = static_cast<uint32_t>(t) * kModulusInverse;
    uint32_t high = static_cast<uint32_t>(t >> 32);
    uint32_t subtract = static_cast<uint32_t>((static_cast<uint64_t>(quotient) * kModulus) >> 32);
    return high - subtract + (high < subtract ? kModulus : 0);
  }

  ZKVM_FIELD_INLINE friend Fp operator+(Fp a, Fp b) {
    uint32_t sum = a.wire + b.wire;  // < 2^32
    return {sum - (sum >= kModulus ? kModulus : 0)};
  }
  ZKVM_FIELD_INLINE friend Fp operator-(Fp a, Fp b) {
    return {a.wire - b.wire + (a.wire < b.wire ? kModulus : 0)};
  }
  ZKVM_FIELD_INLINE friend Fp operator*(Fp a, Fp b) {
    return {reduce(static_cast<uint64_t>(a.wire) * b.wire)};
  }
  ZKVM_FIELD_INLINE Fp operator-() const { return Fp{} - *this; }
  ZKVM_FIELD_INLINE Fp& operator+=(Fp b) { return *this = *this + b; }
  ZKVM_FIELD_INLINE Fp& operator-=(Fp b) { return *this = *this - b; }
  ZKVM_FIELD_INLINE Fp& operator*=(Fp b) { return *this = *this * b; }
  ZKVM_FIELD_INLINE friend bool operator==(Fp a, Fp b) { return a.wire == b.wire; }
};

// c[0] + c[1] X + ... + c[4] X^4 in E. On the wire: the five words in this order.
struct Fp5 {
  static constexpr int kDegree = 5;

  Fp c[5];

  ZKVM_FIELD_INLINE static Fp5 zero() { return {}; }
  ZKVM_FIELD_INLINE static Fp5 one() { return from(Fp::one()); }
  // The image of a in E.
  ZKVM_FIELD_INLINE static Fp5 from(Fp a) { return {{a, {}, {}, {}, {}}}; }

  ZKVM_FIELD_INLINE friend Fp5 operator+(const Fp5& a, const Fp5& b) {
    return {{a.c[0] + b.c[0], a.c[1] + b.c[1], a.c[2] + b.c[2], a.c[3] + b.c[3], a.c[4] + b.c[4]}};
  }
  ZKVM_FIELD_INLINE friend Fp5 operator-(const Fp5& a, const Fp5& b) {
    return {{a.c[0] - b.c[0], a.c[1] - b.c[1], a.c[2] - b.c[2], a.c[3] - b.c[3], a.c[4] - b.c[4]}};
  }
  ZKVM_FIELD_INLINE friend Fp5 operator+(const Fp5& a, Fp b) {
    return {{a.c[0] + b, a.c[1], a.c[2], a.c[3], a.c[4]}};
  }
  ZKVM_FIELD_INLINE friend Fp5 operator-(const Fp5& a, Fp b) {
    return {{a.c[0] - b, a.c[1], a.c[2], a.c[3], a.c[4]}};
  }
  ZKVM_FIELD_INLINE friend Fp5 operator+(Fp a, const Fp5& b) { return b + a; }
  ZKVM_FIELD_INLINE friend Fp5 operator-(Fp a, const Fp5& b) { return -b + a; }
  ZKVM_FIELD_INLINE friend Fp5 operator*(const Fp5& a, Fp b) {
    return {{a.c[0] * b, a.c[1] * b, a.c[2] * b, a.c[3] * b, a.c[4] * b}};
  }
  ZKVM_FIELD_INLINE friend Fp5 operator*(Fp a, const Fp5& b) { return b * a; }
  friend constexpr Fp5 operator*(const Fp5& a, const Fp5& b);
  ZKVM_FIELD_INLINE Fp5 operator-() const { return {{-c[0], -c[1], -c[2], -c[3], -c[4]}}; }
  template <class T>
  ZKVM_FIELD_INLINE Fp5& operator+=(const T& b) {
    return *this = *this + b;
  }
  template <class T>
  ZKVM_FIELD_INLINE Fp5& operator-=(const T& b) {
    return *this = *this - b;
  }
  template <class T>
  ZKVM_FIELD_INLINE Fp5& operator*=(const T& b) {
    return *this = *this * b;
  }
  ZKVM_FIELD_INLINE friend bool operator==(const Fp5& a, const Fp5& b) {
    return a.c[0] == b.c[0] && a.c[1] == b.c[1] && a.c[2] == b.c[2] && a.c[3] == b.c[3] &&
           a.c[4] == b.c[4];
  }
};

// Multiplication by b is linear in a: coefficient k of a * b is sum_i a.c[i] * m[kMulMatrix[k][i]],
// where m = (b0, b1, b2, b3, b4, b1 - b4, b0 - b3, b4 - b2, b3 + b4 - b1). From X^5 = 1 - X^2.
inline constexpr int kMulMatrix[5][5] = {
    {0, 4, 3, 2, 5}, {1, 0, 4, 3, 2}, {2, 5, 6, 7, 8}, {3, 2, 5, 6, 7}, {4, 3, 2, 5, 6}};

constexpr Fp5 operator*(const Fp5& a, const Fp5& b) {
  const Fp b1_b4 = b.c[1] - b.c[4];
  const Fp m[9] = {b.c[0], b.c[1],          b.c[2],          b.c[3],        b.c[4],
                   b1_b4,  b.c[0] - b.c[3], b.c[4] - b.c[2], b.c[3] - b1_b4};
  Fp5 product;
  // Unrolled at every level of optimisation: else the matrix is looked up 25 times.
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) {
    // Four products stay below 4 p^2 < 2 * 2^32 p; after the subtraction a fifth fits, and the sum
    // is again below 2 * 2^32 p < 2^64.
    constexpr uint64_t kFold = static_cast<uint64_t>(Fp::kModulus) << 32;
    uint64_t sum = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      sum += static_cast<uint64_t>(a.c[i].wire) * m[kMulMatrix[k][i]].wire;
    if (sum >= kFold) sum -= kFold;
    sum += static_cast<uint64_t>(a.c[4].wire) * m[kMulMatrix[k][4]].wire;
    if (sum >= kFold) sum -= kFold;
    product.c[k] = Fp::from_wire(Fp::reduce(sum));
  }
  return product;
}

// base^exponent, with 0^0 = 1.
template <class Field>
constexpr Field pow(Field base, uint64_t exponent) {
  Field result = Field::one();
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

struct RootsOfUnity {
  Fp of_log[Fp::kTwoAdicity + 1];
};
inline constexpr RootsOfUnity kRootsOfUnity = [] {
  RootsOfUnity roots;
  Fp root = pow(Fp::from(Fp::kGenerator), 127);
  for (int log = Fp::kTwoAdicity; log >= 0; --log, root *= root) roots.of_log[log] = root;
  return roots;
}();
constexpr Fp Fp::root_of_unity(int log) { return kRootsOfUnity.of_log[log]; }

// 1 / a, and 0 for a = 0 (Fermat).
constexpr Fp inverse(Fp a) { return pow(a, Fp::kModulus - 2); }

// The images of 1, X, .., X^4 under a -> a^(p^power), a linear map over F.
struct Frobenius {
  Fp5 image[5];

  constexpr Fp5 operator()(const Fp5& a) const {
    Fp5 sum;
    for (int i = 0; i < 5; ++i) sum += image[i] * a.c[i];
    return sum;
  }
};

constexpr Frobenius make_frobenius(int power) {
  Fp5 x{{{}, Fp::one(), {}, {}, {}}};
  for (int i = 0; i < power; ++i) x = pow(x, Fp::kModulus);
  Frobenius map;
  map.image[0] = Fp5::one();
  for (int i = 1; i < 5; ++i) map.image[i] = map.image[i - 1] * x;
  return map;
}

inline constexpr Frobenius kFrobenius = make_frobenius(1);         // a -> a^p
inline constexpr Frobenius kFrobeniusSquared = make_frobenius(2);  // a -> a^(p^2)

// 1 / a, and 0 for a = 0. With r = p + p^2 + p^3 + p^4, a^(1 + r) is the norm of a, in F (Itoh,
// Tsujii 1988).
constexpr Fp5 inverse(const Fp5& a) {
  const Fp5 p_p2 = kFrobenius(a * kFrobenius(a));
  const Fp5 a_r = p_p2 * kFrobeniusSquared(p_p2);
  const Fp norm = (a * a_r).c[0];
  return a_r * inverse(norm);
}

// out[i] = 1 / in[i], and 0 where in[i] = 0, by one inversion and 3 multiplications an element
// (Montgomery). REQUIRES: in and out do not overlap; out has `count` elements.
template <class Field>
constexpr void batch_inverse(const Field* in, Field* out, size_t count) {
  Field product = Field::one();
  for (size_t i = 0; i < count; ++i) {
    out[i] = product;
    if (!(in[i] == Field{})) product *= in[i];
  }
  Field suffix = inverse(product);
  for (size_t i = count; i-- > 0;) {
    if (in[i] == Field{}) {
      out[i] = Field{};
    } else {
      out[i] *= suffix;
      suffix *= in[i];
    }
  }
}

}  // namespace zkvm::stark
