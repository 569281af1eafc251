// Words in bytes and their products: what multiplication and division share.
//
// SOUNDNESS: p = 32512 * 2^16 + 1, so a product of two limbs can reach p (65025 * 32768 does) and
// stand for another number. Products of bytes are at most 255^2 = 65025, and product_limb adds them
// up to what stays below 2^26:
//
//   limb 0   65025 (1 + 2 * 256) = 33357825 < 2^25
//   limb 1   65025 (3 + 4 * 256) = 66780675 < 2^26
//   limb 2   65025 (3 + 2 * 256) = 33487875 < 2^25
//   limb 3   65025                          < 2^16
#pragma once

#include <cstdint>

#include "stark/chips/words.h"

namespace zkvm::stark::chips {

/// All bytes below 2^8.
template <class B>
[[gnu::always_inline]] inline void check_bytes(B& air, const Expr<B>& real,
                                               const Bytes<Expr<B>>& x) {
  air.send(kBytes, real, {x.byte[0], x.byte[1]});
  air.send(kBytes, real, {x.byte[2], x.byte[3]});
}

/// Limb 0, 1, 2 or 3 of a * b before carries: a * b = sum of 2^(16 i) product_limb(a, b, i).
template <class E>
[[gnu::always_inline]] inline E product_limb(const Bytes<E>& a, const Bytes<E>& b, int limb) {
  E even = 0, odd = 0;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      if (i + j == 2 * limb) even = even + a.byte[i] * b.byte[j];
      if (i + j == 2 * limb + 1) odd = odd + a.byte[i] * b.byte[j];
    }
  return even + odd * 256;
}

/// For fill(): x in bytes, as integers.
inline Bytes<uint32_t> integer_bytes_of(uint32_t x) {
  return {{x & 0xff, x >> 8 & 0xff, x >> 16 & 0xff, x >> 24}};
}

}  // namespace zkvm::stark::chips
