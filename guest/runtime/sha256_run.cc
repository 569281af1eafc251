#include <zk/sha256_call.h>
#include <zk/sha256_run.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace zk::detail {
namespace {

static_assert(std::endian::native == std::endian::little);

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, section 4.2.2).
constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The four sums of rotations. RV32IM has no rotation: the shifts to the right and those to the left are each nested,
// which takes 11 and 9 instructions.
constexpr uint32_t upper_0(uint32_t x) {  // by 2, 13, 22
  return (((x >> 9 ^ x) >> 11 ^ x) >> 2) ^ (((x << 11 ^ x) << 9 ^ x) << 10);
}
constexpr uint32_t upper_1(uint32_t x) {  // by 6, 11, 25
  return (((x >> 14 ^ x) >> 5 ^ x) >> 6) ^ (((x << 5 ^ x) << 14 ^ x) << 7);
}
constexpr uint32_t lower_0(uint32_t x) {  // by 7, 18; shifted by 3
  return (((x >> 11 ^ x) >> 4 ^ x) >> 3) ^ ((x << 11 ^ x) << 14);
}
constexpr uint32_t lower_1(uint32_t x) {  // by 17, 19; shifted by 10
  return (((x >> 2 ^ x) >> 7 ^ x) >> 10) ^ ((x << 2 ^ x) << 13);
}

// A word of a block: the bytes of any type.
using BlockWord [[gnu::may_alias]] = uint32_t;

struct State {
  uint32_t s[8];
  uint32_t w[16];    // the schedule: the last 16 words
  uint32_t b_xor_c;  // what the majority needs of the round before
};

// Round i of 16. Nothing moves: a is s[-i] of s[0..7].
template <int i, bool extend>
[[gnu::always_inline]] inline void round(State& state, const uint32_t* constants) {
  auto& [s, w, b_xor_c] = state;
  const uint32_t a = s[(0 - i) & 7], b = s[(1 - i) & 7];
  const uint32_t e = s[(4 - i) & 7], f = s[(5 - i) & 7], g = s[(6 - i) & 7];
  uint32_t &d = s[(3 - i) & 7], &h = s[(7 - i) & 7];
  if constexpr (extend)
    w[i] += lower_1(w[(i + 14) & 15]) + w[(i + 9) & 15] + lower_0(w[(i + 1) & 15]);
  h += w[i] + constants[i];
  h += upper_1(e);
  h += ((f ^ g) & e) ^ g;
  d += h;
  const uint32_t a_xor_b = a ^ b;
  h += (a_xor_b & b_xor_c) ^ b;
  h += upper_0(a);
  b_xor_c = a_xor_b;
}

template <bool extend, int... i>
[[gnu::always_inline]] inline void rounds(State& state, const uint32_t* constants,
                                          std::integer_sequence<int, i...>) {
  (round<i, extend>(state, constants), ...);
}

}  // namespace

void sha256_compress_run(uint32_t state[8], const uint32_t* blocks, size_t count) {
  while (count != 0) {
    const size_t run = std::min<size_t>(count, abi::kMaxHashBlocks);
    if (!sha256_call(state, blocks, static_cast<uint32_t>(run))) break;
    blocks += 16 * run;
    count -= run;
  }
  constexpr std::make_integer_sequence<int, 16> k16;
  for (const BlockWord* block = blocks; count != 0; --count, block += 16) {
    State v;
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) v.w[i] = exchange_bytes(block[i]);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) v.s[i] = state[i];
    v.b_xor_c = v.s[1] ^ v.s[2];
    rounds<false>(v, kRound, k16);
    for (int i = 16; i < 64; i += 16) rounds<true>(v, kRound + i, k16);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) state[i] += v.s[i];
  }
}

}  // namespace zk::detail
