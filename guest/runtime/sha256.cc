#include <string.h>
#include <zk/sha256.h>
#include <zk/sha256_run.h>
#include <zk/zk_c.h>

#include <new>

namespace zk {
namespace {

using detail::exchange_bytes;

constexpr uint32_t kBlockWords = 16;
constexpr uint32_t kBlockBytes = 4 * kBlockWords;
constexpr uint32_t kInitial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void compress(uint32_t state[8], const uint8_t* blocks, size_t count) {
  detail::sha256_compress_run(state, reinterpret_cast<const uint32_t*>(blocks), count);
}

}  // namespace

Sha256::Sha256() { memcpy(state_, kInitial, sizeof(state_)); }

void Sha256::update(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const uint32_t filled = length_ % kBlockBytes;
    size_t taken;
    if (filled == 0 && bytes.size() >= kBlockBytes &&
        reinterpret_cast<uintptr_t>(bytes.data()) % sizeof(uint32_t) == 0) {
      const size_t count = bytes.size() / kBlockBytes;
      compress(state_, bytes.data(), count);
      taken = count * kBlockBytes;
    } else {
      const size_t room = kBlockBytes - filled;
      taken = bytes.size() < room ? bytes.size() : room;
      memcpy(block_ + filled, bytes.data(), taken);
      if (taken == room) compress(state_, block_, 1);
    }
    length_ += taken;
    bytes = bytes.subspan(taken);
  }
}

Digest Sha256::finish() const {
  // A bit 1, zeros, and the number of bits in the last 8 bytes.
  uint32_t last[2 * kBlockWords] = {};
  const uint32_t filled = length_ % kBlockBytes;
  memcpy(last, block_, filled);
  last[filled / 4] |= 0x80u << 8 * (filled % 4);
  const uint32_t words = filled < kBlockBytes - 8 ? kBlockWords : 2 * kBlockWords;
  last[words - 2] = exchange_bytes(static_cast<uint32_t>(length_ >> 29));
  last[words - 1] = exchange_bytes(static_cast<uint32_t>(length_ << 3));
  uint32_t state[8];
  memcpy(state, state_, sizeof(state));
  detail::sha256_compress_run(state, last, words / kBlockWords);
  for (uint32_t& word : state) word = exchange_bytes(word);
  Digest digest;
  memcpy(digest.data(), state, sizeof(digest));
  return digest;
}

Digest sha256(std::span<const uint8_t> bytes) {
  Sha256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace zk

extern "C" {

static_assert(sizeof(zk_sha256_hasher) == sizeof(zk::Sha256) &&
              alignof(zk_sha256_hasher) == alignof(zk::Sha256));

void zk_sha256_begin(zk_sha256_hasher* hasher) { new (hasher) zk::Sha256(); }
void zk_sha256_update(zk_sha256_hasher* hasher, const void* data, size_t bytes) {
  reinterpret_cast<zk::Sha256*>(hasher)->update({static_cast<const uint8_t*>(data), bytes});
}
void zk_sha256_finish(const zk_sha256_hasher* hasher, uint8_t out[32]) {
  const zk::Digest digest = reinterpret_cast<const zk::Sha256*>(hasher)->finish();
  memcpy(out, digest.data(), digest.size());
}
void zk_sha256(uint8_t out[32], const void* data, size_t bytes) {
  const zk::Digest digest = zk::sha256({static_cast<const uint8_t*>(data), bytes});
  memcpy(out, digest.data(), digest.size());
}

}  // extern "C"
