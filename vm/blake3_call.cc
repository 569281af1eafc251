#include "vm/blake3_call.h"

#include <zk/check.h>

#include <bit>
#include <cstring>

namespace zkvm::vm {
namespace {

constexpr uint32_t kIv[4] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a};
constexpr uint8_t kPermutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

void half_mix(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d, uint32_t word, int of_d,
              int of_b) {
  a += b + word;
  d = std::rotr(d ^ a, of_d);
  c += d;
  b = std::rotr(b ^ c, of_b);
}

}  // namespace

void blake3_compress(const Blake3Call& call, uint32_t i, const uint32_t (&block)[16],
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

bool may_write_cv(const Blake3Call& call, const Memory& memory) {
  return call.cv % 4 == 0 && call.cv < kAddressEnd && memory.allows(call.cv, kBlake3CvBytes, true);
}

bool may_read_blocks(const Blake3Call& call, const Memory& memory) {
  const uint32_t bytes = call.count * kBlake3BlockBytes;
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

void touch_blake3(const Blake3Call& call, Memory& memory) {
  ZK_CHECK(memory.touch(call.blocks, call.count * kBlake3BlockBytes, false));
  ZK_CHECK(memory.touch(call.cv, kBlake3CvBytes, true));
}

void run_blake3(const Blake3Call& call, Memory& memory) {
  touch_blake3(call, memory);
  uint32_t cv[8], block[16];
  std::memcpy(cv, memory.window() + call.cv, sizeof(cv));
  for (uint32_t i = 0; i < call.count; ++i) {
    std::memcpy(block, memory.window() + call.blocks + size_t{i} * kBlake3BlockBytes,
                sizeof(block));
    blake3_compress(call, i, block, cv);
  }
  std::memcpy(memory.window() + call.cv, cv, sizeof(cv));
}

}  // namespace zkvm::vm
