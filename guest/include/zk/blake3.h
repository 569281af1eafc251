// BLAKE3 in all its modes: hash, keyed hash, key derivation, each with output of any length. The same code in a guest
// and on the host; zk/sha256.h has SHA-256.
//
//   zk::commit(zk::blake3(zk::bytes_of(weights)));
//
// Where the bytes stand on a multiple of 4, whole blocks are hashed in place; others are copied.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <array>
#include <span>
#include <string_view>

namespace zk {

using Digest = std::array<uint8_t, 32>;

class Blake3 {
 public:
  using Key = std::span<const uint8_t, 32>;

  Blake3();  // the hash
  explicit Blake3(
      Key key);  // the keyed hash: a message authentication code, a pseudorandom function
  // Derives keys from key material (update): `context` is a constant of the application, and names what for.
  [[nodiscard]] static Blake3 derive_key(std::string_view context);

  void update(std::span<const uint8_t> bytes);

  // The first 32 bytes of output, or as many as `out` takes: shorter outputs begin longer ones. The hasher is
  // unchanged and takes more bytes.
  [[nodiscard]] Digest finish() const;
  void finish(std::span<uint8_t> out) const;

 private:
  Blake3(const uint32_t key[8], uint32_t flags);
  void compress(const uint8_t* blocks, uint32_t count);
  void finish_chunk();
  struct Root;
  void close(Root& root) const;

  static constexpr uint32_t kMaxDepth = 54;  // 2^64 bytes in chunks of 2^10

  uint32_t key_[8];  // what every chunk and every parent begins with
  uint32_t cv_[8];   // of the chunk's blocks so far
  alignas(4) uint8_t block_[64];
  uint32_t filled_ = 0;  // bytes in block_, which is compressed when more follow
  uint32_t blocks_ = 0;  // of this chunk, compressed
  uint64_t chunk_ = 0;
  uint32_t flags_;                 // of the mode
  uint32_t depth_ = 0;             // subtrees in stack_
  uint32_t stack_[kMaxDepth * 8];  // chaining values of whole subtrees, larger ones first
};

[[nodiscard]] Digest blake3(std::span<const uint8_t> bytes);
[[nodiscard]] Digest blake3_keyed(Blake3::Key key, std::span<const uint8_t> bytes);
[[nodiscard]] Digest blake3_derive_key(std::string_view context, std::span<const uint8_t> material);

}  // namespace zk
