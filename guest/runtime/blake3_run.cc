#include <zk/blake3_call.h>
#include <zk/blake3_run.h>

#include <bit>

namespace zk::detail {
namespace {

// Words and bytes are exchanged by reinterpretation.
static_assert(std::endian::native == std::endian::little);

// kSchedule.word[r][i]: which word of the block is operand i of round r.
struct Schedule {
  uint8_t word[7][16];
};
constexpr Schedule kSchedule = [] {
  constexpr uint8_t kPermutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  Schedule s{};
  for (int i = 0; i < 16; ++i) s.word[0][i] = static_cast<uint8_t>(i);
  for (int r = 1; r < 7; ++r) {
    for (int i = 0; i < 16; ++i) s.word[r][i] = s.word[r - 1][kPermutation[i]];
  }
  return s;
}();

// A word of a block: the bytes of any type.
using BlockWord [[gnu::may_alias]] = uint32_t;

// Inlined: the 16 words of the state stand in registers, and those of the block are loaded where they are used. So a
// quarter round takes the 22 instructions of its operations and 2 loads.
[[gnu::always_inline]] inline void quarter_round(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d,
                                                 uint32_t x, uint32_t y) {
  a += b + x;
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 12);
  a += b + y;
  d = std::rotr(d ^ a, 8);
  c += d;
  b = std::rotr(b ^ c, 7);
}

template <int r>
[[gnu::always_inline]] inline void round(uint32_t v[16], const BlockWord* m) {
  constexpr const auto& s = kSchedule.word[r];
  quarter_round(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  quarter_round(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  quarter_round(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  quarter_round(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  quarter_round(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  quarter_round(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  quarter_round(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  quarter_round(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

// v after the seven rounds: before its halves are combined.
[[gnu::always_inline]] inline void permute(uint32_t v[16], const uint32_t cv[8],
                                           const uint32_t* block, uint64_t counter, uint32_t length,
                                           uint32_t flags) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) v[i] = cv[i];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) v[8 + i] = kBlake3Iv[i];
  v[12] = static_cast<uint32_t>(counter);
  v[13] = static_cast<uint32_t>(counter >> 32);
  v[14] = length;
  v[15] = flags;
  round<0>(v, block);
  round<1>(v, block);
  round<2>(v, block);
  round<3>(v, block);
  round<4>(v, block);
  round<5>(v, block);
  round<6>(v, block);
}

}  // namespace

void blake3_compress_run(uint32_t cv[8], const uint32_t* blocks, size_t count, uint64_t counter,
                         uint32_t first_flags, uint32_t middle_flags, uint32_t last_flags,
                         uint32_t last_length) {
  const auto flag = [](uint32_t x) { return static_cast<uint8_t>(x); };
  const uint32_t last = middle_flags | last_flags | (count == 1 ? first_flags : 0);
  if (blake3_call(cv, blocks, static_cast<uint32_t>(count), counter,
                  {.first = flag(middle_flags | first_flags),
                   .middle = flag(middle_flags),
                   .last = flag(last),
                   .length = flag(last_length)}))
    return;
  uint32_t flags = middle_flags | first_flags;
  for (; count != 0; --count, blocks += 16, flags = middle_flags) {
    uint32_t v[16];
    if (count == 1) flags |= last_flags;
    permute(v, cv, blocks, counter, count == 1 ? last_length : kBlake3BlockBytes, flags);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) cv[i] = v[i] ^ v[i + 8];
  }
}

void blake3_compress_wide(const uint32_t cv[8], const uint32_t block[16], uint64_t counter,
                          uint32_t length, uint32_t flags, uint32_t out[16]) {
  uint32_t v[16];
  permute(v, cv, block, counter, length, flags);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    out[i] = v[i] ^ v[i + 8];
    out[i + 8] = v[i + 8] ^ cv[i];
  }
}

}  // namespace zk::detail
