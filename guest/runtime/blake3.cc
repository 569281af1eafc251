// BLAKE3: chunks of 16 blocks, and the tree of their chaining values.
#include <string.h>
#include <zk/blake3.h>
#include <zk/blake3_run.h>
#include <zk/zk_c.h>

#include <new>

namespace zk {
namespace {

using detail::kBlake3BlockBytes;

constexpr uint32_t kChunkBlocks = 16;

constexpr uint32_t kChunkStart = 1;
constexpr uint32_t kChunkEnd = 2;
constexpr uint32_t kParent = 4;
constexpr uint32_t kRoot = 8;
constexpr uint32_t kKeyedHash = 16;
constexpr uint32_t kDeriveKeyContext = 32;
constexpr uint32_t kDeriveKeyMaterial = 64;

void copy(uint32_t to[8], const uint32_t from[8]) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) to[i] = from[i];
}

bool is_word_aligned(const uint8_t* bytes) {
  return reinterpret_cast<uintptr_t>(bytes) % sizeof(uint32_t) == 0;
}

// The first `bytes` bytes of a block, and zeros behind them.
void pad(const void* block, uint32_t bytes, uint32_t out[16]) {
  if (bytes != 0) memcpy(out, block, bytes);  // `block` of no bytes may be null
  memset(reinterpret_cast<uint8_t*>(out) + bytes, 0, kBlake3BlockBytes - bytes);
}

Digest digest_of(const uint32_t words[8]) {
  Digest digest;
  memcpy(digest.data(), words, sizeof(digest));
  return digest;
}

// What one chunk hashes to: of a node of a tree, say. Nothing is copied but what is no whole block.
// REQUIRES: aligned to words, at most a chunk.
Digest hash_of_chunk(std::span<const uint8_t> bytes) {
  constexpr uint32_t kEnd = kChunkEnd | kRoot;
  const auto* const blocks = reinterpret_cast<const uint32_t*>(bytes.data());
  const size_t whole = bytes.size() / kBlake3BlockBytes;
  const auto rest = static_cast<uint32_t>(bytes.size() % kBlake3BlockBytes);
  uint32_t cv[8], last[16];
  copy(cv, detail::kBlake3Iv);
  if (rest == 0 && whole != 0) {
    detail::blake3_compress_run(cv, blocks, whole, 0, kChunkStart, 0, kEnd, kBlake3BlockBytes);
  } else {
    if (whole != 0)
      detail::blake3_compress_run(cv, blocks, whole, 0, kChunkStart, 0, 0, kBlake3BlockBytes);
    pad(blocks + 16 * whole, rest, last);
    detail::blake3_compress_run(cv, last, 1, 0, whole == 0 ? kChunkStart : 0, 0, kEnd, rest);
  }
  return digest_of(cv);
}

}  // namespace

Blake3::Blake3(const uint32_t key[8], uint32_t flags) : flags_(flags) {
  copy(key_, key);
  copy(cv_, key);
}

Blake3::Blake3() : Blake3(detail::kBlake3Iv, 0) {}

Blake3::Blake3(Key key) : flags_(kKeyedHash) {
  memcpy(key_, key.data(), sizeof(key_));
  copy(cv_, key_);
}

Blake3 Blake3::derive_key(std::string_view context) {
  Blake3 hasher(detail::kBlake3Iv, kDeriveKeyContext);
  hasher.update({reinterpret_cast<const uint8_t*>(context.data()), context.size()});
  const Digest key = hasher.finish();
  Blake3 derived(key);
  derived.flags_ = kDeriveKeyMaterial;
  return derived;
}

// Whole blocks of one chunk, behind which more bytes follow.
void Blake3::compress(const uint8_t* blocks, uint32_t count) {
  const bool ends = blocks_ + count == kChunkBlocks;
  detail::blake3_compress_run(cv_, reinterpret_cast<const uint32_t*>(blocks), count, chunk_,
                              blocks_ == 0 ? kChunkStart : 0, flags_, ends ? kChunkEnd : 0,
                              kBlake3BlockBytes);
  blocks_ += count;
  if (ends) finish_chunk();
}

// Pushes the chunk's chaining value and joins subtrees of equal size: one for each trailing zero of the number of
// chunks. Two neighbours on the stack are the block of their parent.
void Blake3::finish_chunk() {
  copy(&stack_[8 * depth_++], cv_);
  for (uint64_t count = ++chunk_; count % 2 == 0; count /= 2) {
    uint32_t* const children = &stack_[8 * (depth_ - 2)];
    copy(cv_, key_);
    detail::blake3_compress_run(cv_, children, 1, 0, 0, flags_ | kParent, 0, kBlake3BlockBytes);
    copy(children, cv_);
    --depth_;
  }
  copy(cv_, key_);
  blocks_ = 0;
}

void Blake3::update(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    size_t taken;
    if (filled_ == kBlake3BlockBytes) {
      compress(block_, 1);
      filled_ = 0;
    }
    if (filled_ == 0 && bytes.size() > kBlake3BlockBytes && is_word_aligned(bytes.data())) {
      const size_t blocks = (bytes.size() - 1) / kBlake3BlockBytes, room = kChunkBlocks - blocks_;
      const size_t count = blocks < room ? blocks : room;
      compress(bytes.data(), static_cast<uint32_t>(count));
      taken = count * kBlake3BlockBytes;
    } else {
      const size_t room = kBlake3BlockBytes - filled_;
      taken = bytes.size() < room ? bytes.size() : room;
      memcpy(block_ + filled_, bytes.data(), taken);
      filled_ += static_cast<uint32_t>(taken);
    }
    bytes = bytes.subspan(taken);
  }
}

// The last compression, the root's, which every block of output is computed from.
struct Blake3::Root {
  uint32_t cv[8];
  uint32_t block[16];
  uint32_t length;
  uint32_t flags;
};

// The chunk is closed, then the stack is joined from the right. Each compression is held back until it is known whether
// another one follows.
void Blake3::close(Root& root) const {
  copy(root.cv, cv_);
  pad(block_, filled_, root.block);
  root.length = filled_;
  root.flags = flags_ | kChunkEnd | (blocks_ == 0 ? kChunkStart : 0);
  uint64_t counter = chunk_;
  for (uint32_t depth = depth_; depth-- != 0;) {
    detail::blake3_compress_run(root.cv, root.block, 1, counter, 0, root.flags, 0, root.length);
    copy(&root.block[8], root.cv);
    copy(root.block, &stack_[8 * depth]);
    copy(root.cv, key_);
    root.length = kBlake3BlockBytes;
    root.flags = flags_ | kParent;
    counter = 0;
  }
  root.flags |= kRoot;
}

Digest Blake3::finish() const {
  Root root;
  close(root);
  detail::blake3_compress_run(root.cv, root.block, 1, 0, 0, root.flags, 0, root.length);
  return digest_of(root.cv);
}

// Apart from the digest, so that programs which need no more have no code of the wide compression.
void Blake3::finish(std::span<uint8_t> out) const {
  Root root;
  close(root);
  for (uint64_t index = 0; !out.empty(); ++index) {
    uint32_t words[16];
    detail::blake3_compress_wide(root.cv, root.block, index, root.length, root.flags, words);
    const size_t count = out.size() < sizeof(words) ? out.size() : sizeof(words);
    memcpy(out.data(), words, count);
    out = out.subspan(count);
  }
}

Digest blake3(std::span<const uint8_t> bytes) {
  if (bytes.size() <= kChunkBlocks * kBlake3BlockBytes && is_word_aligned(bytes.data()))
    return hash_of_chunk(bytes);
  Blake3 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Digest blake3_keyed(Blake3::Key key, std::span<const uint8_t> bytes) {
  Blake3 hasher(key);
  hasher.update(bytes);
  return hasher.finish();
}

Digest blake3_derive_key(std::string_view context, std::span<const uint8_t> material) {
  Blake3 hasher = Blake3::derive_key(context);
  hasher.update(material);
  return hasher.finish();
}

}  // namespace zk

extern "C" {

static_assert(sizeof(zk_blake3_hasher) == sizeof(zk::Blake3) &&
              alignof(zk_blake3_hasher) == alignof(zk::Blake3));

void zk_blake3_begin(zk_blake3_hasher* hasher) { new (hasher) zk::Blake3(); }
void zk_blake3_begin_keyed(zk_blake3_hasher* hasher, const uint8_t key[32]) {
  new (hasher) zk::Blake3(zk::Blake3::Key(key, 32));
}
void zk_blake3_begin_derive_key(zk_blake3_hasher* hasher, const char* context) {
  new (hasher) zk::Blake3(zk::Blake3::derive_key(context));
}
void zk_blake3_update(zk_blake3_hasher* hasher, const void* data, size_t bytes) {
  reinterpret_cast<zk::Blake3*>(hasher)->update({static_cast<const uint8_t*>(data), bytes});
}
void zk_blake3_finish(const zk_blake3_hasher* hasher, void* out, size_t bytes) {
  reinterpret_cast<const zk::Blake3*>(hasher)->finish({static_cast<uint8_t*>(out), bytes});
}
void zk_blake3(uint8_t out[32], const void* data, size_t bytes) {
  const zk::Digest digest = zk::blake3({static_cast<const uint8_t*>(data), bytes});
  memcpy(out, digest.data(), digest.size());
}

}  // extern "C"
