#include "vm/hash_call.h"

#include <zk/check.h>

#include <bit>
#include <cstring>

namespace zkvm::vm {
namespace {

// BLAKE3.

constexpr uint32_t kIv[4] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a};
constexpr uint8_t kPermutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

void half_mix(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d, uint32_t word, int of_d,
              int of_b) {
  a += b + word;
  d = std::rotr(d ^ a, of_d);
  c += d;
  b = std::rotr(b ^ c, of_b);
}

void blake3_compress(const HashCall& call, uint32_t i, const uint32_t (&block)[16],
                     uint32_t (&cv)[8]) {
  uint32_t state[16];
  std::memcpy(state, cv, sizeof(cv));
  std::memcpy(state + 8, kIv, sizeof(kIv));
  state[12] = static_cast<uint32_t>(call.counter);
  state[13] = static_cast<uint32_t>(call.counter >> 32);
  state[14] = call.length(i);
  state[15] = call.flags(i);
  uint32_t m[16];
  std::memcpy(m, block, sizeof(m));
  for (int round = 0; round < 7; ++round) {
    for (uint32_t k = 0; k < 8; ++k) {
      const uint32_t turn = k < 4 ? 0 : 1, column = k % 4;
      uint32_t &a = state[column], &b = state[4 + (column + turn) % 4],
               &c = state[8 + (column + 2 * turn) % 4], &d = state[12 + (column + 3 * turn) % 4];
      half_mix(a, b, c, d, m[2 * k], 16, 12);
      half_mix(a, b, c, d, m[2 * k + 1], 8, 7);
    }
    uint32_t permuted[16];
    for (int k = 0; k < 16; ++k) permuted[k] = m[kPermutation[k]];
    std::memcpy(m, permuted, sizeof(m));
  }
  for (int k = 0; k < 8; ++k) cv[k] = state[k] ^ state[k + 8];
}

// SHA-256 (FIPS 180-4, sections 4.1.2, 4.2.2 and 6.2.2).

constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void sha256_compress(const uint32_t (&block)[16], uint32_t (&cv)[8]) {
  using std::rotr;
  uint32_t w[64];
  for (int t = 0; t < 16; ++t) w[t] = __builtin_bswap32(block[t]);
  for (int t = 16; t < 64; ++t) {
    const uint32_t x = w[t - 15], y = w[t - 2];
    w[t] = w[t - 16] + (rotr(x, 7) ^ rotr(x, 18) ^ x >> 3) + w[t - 7] +
           (rotr(y, 17) ^ rotr(y, 19) ^ y >> 10);
  }
  auto [a, b, c, d, e, f, g, h] = cv;
  for (int t = 0; t < 64; ++t) {
    const uint32_t t1 =
        h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + kRound[t] + w[t];
    const uint32_t t2 =
        (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t after[8] = {a, b, c, d, e, f, g, h};
  for (int k = 0; k < 8; ++k) cv[k] += after[k];
}

}  // namespace

void compress(const HashCall& call, uint32_t i, const uint32_t (&block)[16], uint32_t (&cv)[8]) {
  switch (call.hash) {
    case Hash::kBlake3:
      return blake3_compress(call, i, block, cv);
    case Hash::kSha256:
      return sha256_compress(block, cv);
  }
}

bool may_write_cv(const HashCall& call, const Memory& memory) {
  return call.cv % 4 == 0 && call.cv < kAddressEnd && memory.allows(call.cv, kCvBytes, true);
}

bool may_read_blocks(const HashCall& call, const Memory& memory) {
  const uint32_t bytes = call.count * kHashBlockBytes;
  if (call.blocks % 4 != 0 || call.blocks >= kAddressEnd) return false;
  if (memory.allows(call.blocks, bytes, true)) return true;
  if (!memory.allows(call.blocks, bytes, false)) return false;
  for (uint32_t at = call.blocks; at < call.blocks + bytes;) {
    const Region* region = memory.region_at(at);
    if (region->write) return false;
    at = region->base + region->size;
  }
  return true;
}

void touch_hashed(const HashCall& call, Memory& memory) {
  ZK_CHECK(memory.touch(call.blocks, call.count * kHashBlockBytes, false));
  ZK_CHECK(memory.touch(call.cv, kCvBytes, true));
}

void run_hash(const HashCall& call, Memory& memory) {
  touch_hashed(call, memory);
  uint32_t cv[8], block[16];
  std::memcpy(cv, memory.window() + call.cv, sizeof(cv));
  for (uint32_t i = 0; i < call.count; ++i) {
    std::memcpy(block, memory.window() + call.blocks + size_t{i} * kHashBlockBytes,
                sizeof(block));
    compress(call, i, block, cv);
  }
  std::memcpy(memory.window() + call.cv, cv, sizeof(cv));
}

}  // namespace zkvm::vm
