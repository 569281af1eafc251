// The buses of the chips that hash.
#pragma once

#include "stark/chips/words.h"

namespace zkvm::stark::chips {

/// a, b, low nibble and high nibble of a ^ b; a, b < 2^8.
inline constexpr Bus<4> kXor8{34, "xor8"};
/// Whether the call is done, clk, place, blocks left, flags of the next block, of those between, of the
/// last, length of the last, counter (4 limbs), chaining value (16 limbs): a call between two blocks.
inline constexpr Bus<28> kBlake3Chain{35, "blake3 chain"};
/// clk, blocks left, round, part, this third of the 64 limbs of state and message before the round: a block
/// between two rounds.
inline constexpr Bus<26> kBlake3State{36, "blake3 state"};
/// Whether the call is done, clk, place, blocks left, chaining value (16 limbs): a call between two blocks.
inline constexpr Bus<20> kSha256Chain{37, "sha256 chain"};
/// clk, blocks left, eighth, state before it (16 limbs): a block between two eighths of its rounds.
inline constexpr Bus<19> kSha256State{38, "sha256 state"};
/// What (kSha256Message, ..), clk, blocks left, eighth, eight words (16 limbs).
inline constexpr Bus<20> kSha256Words{39, "sha256 words"};

/// Puts words into a tuple from `to` on: the lower limb of each, then its upper one.
template <class E, size_t kWords>
[[gnu::always_inline]] inline void put_limbs(E* to, const Limbs<E> (&words)[kWords]) {
  for (const Limbs<E>& word : words) {
    *to++ = word.lo;
    *to++ = word.hi;
  }
}

}  // namespace zkvm::stark::chips
