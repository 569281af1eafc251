// BLAKE3, scalar and readable: the compression function, the two uses that Merkle trees make of it
// (row and node hash), and the official hash with extended output for the transcript. The fast
// paths (blake3_kernels.h) are tested against this file. Header-only, constexpr, no allocation: it
// is also compiled into guests.
//
// Source: "BLAKE3: one function, fast everywhere" (O'Connor, Aumasson, Neves, Wilcox-O'Hearn,
// 2020), section 2.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <zk/blake3_call.h>

#include <array>
#include <bit>
#include <span>
#include <type_traits>

namespace zkvm::stark {

// Words and bytes are exchanged by reinterpretation: memory is hashed as it lies.
static_assert(std::endian::native == std::endian::little);

/// 32 bytes of hash output as little-endian words.
using Digest = std::array<uint32_t, 8>;

namespace blake3 {

inline constexpr size_t kBlockBytes = 64;
inline constexpr size_t kBlockWords = 16;
inline constexpr size_t kChunkBytes = 1024;

inline constexpr uint32_t kChunkStart = 1;
inline constexpr uint32_t kChunkEnd = 2;
inline constexpr uint32_t kParent = 4;
inline constexpr uint32_t kRoot = 8;

/// Flags of a Merkle node. No block of a row has kParent, so no row passes for a node or a node for
/// a row.
inline constexpr uint32_t kNodeFlags = kParent | kChunkStart | kChunkEnd | kRoot;

inline constexpr uint32_t kIv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/// Word i of the message of a round is word kPermutation[i] of the round's before.
inline constexpr uint8_t kPermutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

/// kSchedule.word[r][i]: which message word is operand i of round r (the fixed permutation, applied
/// r times).
struct Schedule {
  uint8_t word[7][16];
};
inline constexpr Schedule kSchedule = [] {
  Schedule s{};
  for (int i = 0; i < 16; ++i) s.word[0][i] = static_cast<uint8_t>(i);
  for (int r = 1; r < 7; ++r) {
    for (int i = 0; i < 16; ++i) s.word[r][i] = s.word[r - 1][kPermutation[i]];
  }
  return s;
}();

// Both inlined, so that the state stays in registers.
[[gnu::always_inline]] constexpr void quarter_round(uint32_t& a, uint32_t& b, uint32_t& c,
                                                    uint32_t& d, uint32_t x, uint32_t y) {
  a += b + x;
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 12);
  a += b + y;
  d = std::rotr(d ^ a, 8);
  c += d;
  b = std::rotr(b ^ c, 7);
}

template <int R>
[[gnu::always_inline]] constexpr void round(uint32_t v[16], const uint32_t m[16]) {
  constexpr const auto& s = kSchedule.word[R];
  quarter_round(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  quarter_round(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  quarter_round(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  quarter_round(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  quarter_round(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  quarter_round(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  quarter_round(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  quarter_round(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

/// The state after seven rounds: before the two halves are combined. Out of line: it is 5 KB of
/// code in a guest.
[[gnu::noinline]] constexpr void permute(const uint32_t cv[8], const uint32_t block[16],
                                         uint64_t counter, uint32_t length, uint32_t flags,
                                         uint32_t out[16]) {  // clang-format off
  uint32_t v[16] = {cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7],
                    kIv[0], kIv[1], kIv[2], kIv[3], static_cast<uint32_t>(counter),
                    static_cast<uint32_t>(counter >> 32), length, flags};  // clang-format on
  round<0>(v, block);
  round<1>(v, block);
  round<2>(v, block);
  round<3>(v, block);
  round<4>(v, block);
  round<5>(v, block);
  round<6>(v, block);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) out[i] = v[i];
}

/// The new chaining value; `out` may be `cv`. In a guest by the machine's call, where it has one.
constexpr void compress(const uint32_t cv[8], const uint32_t block[16], uint64_t counter,
                        uint32_t length, uint32_t flags, uint32_t out[8]) {
  if (!std::is_constant_evaluated()) {
    uint32_t in_place[8];
#pragma GCC unroll 8  // no call of memcpy
    for (int i = 0; i < 8; ++i) in_place[i] = cv[i];
    const zk::detail::Blake3Modes modes = {0, 0, static_cast<uint8_t>(flags),
                                           static_cast<uint8_t>(length)};
    if (zk::detail::blake3_call(in_place, block, 1, counter, modes)) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) out[i] = in_place[i];
      return;
    }
  }
  uint32_t v[16];
  permute(cv, block, counter, length, flags, v);
  for (int i = 0; i < 8; ++i) out[i] = v[i] ^ v[i + 8];
}

/// All 16 output words of a root block (extended output).
constexpr void compress_wide(const uint32_t cv[8], const uint32_t block[16], uint64_t counter,
                             uint32_t length, uint32_t flags, uint32_t out[16]) {
  uint32_t v[16];
  permute(cv, block, counter, length, flags, v);
  for (int i = 0; i < 8; ++i) {
    out[i] = v[i] ^ v[i + 8];
    out[i + 8] = v[i + 8] ^ cv[i];
  }
}

}  // namespace blake3

/// A Merkle node over two children, eight words each: one compression.
constexpr Digest node_hash(const uint32_t left[8], const uint32_t right[8]) {
  uint32_t block[16] = {};
  for (int i = 0; i < 8; ++i) {
    block[i] = left[i];
    block[8 + i] = right[i];
  }
  Digest out{};
  blake3::compress(blake3::kIv, block, 0, blake3::kBlockBytes, blake3::kNodeFlags, out.data());
  return out;
}
constexpr Digest node_hash(const Digest& left, const Digest& right) {
  return node_hash(left.data(), right.data());
}

/// The hash of a table row, fed in pieces: a chain of compressions over the words, zero-padded to
/// whole blocks (at least one). SOUNDNESS: the padding does not bind the length; every row's width
/// is fixed by the statement. Unlike the official hash a row of more than 1024 bytes stays one
/// chain, so that lanes never diverge.
class RowHasher {
 public:
  constexpr void update(std::span<const uint32_t> words) {
    for (uint32_t word : words) {
      if (filled_ == blake3::kBlockWords) compress(0);
      block_[filled_++] = word;
    }
  }

  /// The digest; the hasher is spent.
  [[nodiscard]] constexpr Digest finish() {
    while (filled_ < blake3::kBlockWords) block_[filled_++] = 0;
    compress(blake3::kChunkEnd | blake3::kRoot);
    return cv_;
  }

 private:
  constexpr void compress(uint32_t flags) {
    blake3::compress(cv_.data(), block_, 0, blake3::kBlockBytes, flags | start_, cv_.data());
    start_ = 0;
    filled_ = 0;
  }

  Digest cv_ = std::to_array(blake3::kIv);
  uint32_t block_[blake3::kBlockWords] = {};
  size_t filled_ = 0;
  uint32_t start_ = blake3::kChunkStart;
};

/// The hash of a whole row.
[[nodiscard]] constexpr Digest row_hash(std::span<const uint32_t> words) {
  RowHasher hasher;
  hasher.update(words);
  return hasher.finish();
}

/// Extended output of a finished hash: an endless stream of words, from the start or from any block
/// on. Copyable; the root block it holds is all there is to it.
class Blake3Xof {
 public:
  constexpr Blake3Xof(const uint32_t cv[8], const uint32_t block[16], uint32_t length,
                      uint32_t flags)
      : length_(length), flags_(flags | blake3::kRoot) {
    for (int i = 0; i < 8; ++i) cv_[i] = cv[i];
    for (int i = 0; i < 16; ++i) block_[i] = block[i];
  }

  /// The next four output bytes, little-endian.
  constexpr uint32_t next_word() {
    if (used_ == blake3::kBlockWords) {
      blake3::compress_wide(cv_, block_, counter_++, length_, flags_, output_);
      used_ = 0;
    }
    return output_[used_++];
  }

  /// Continues at byte 64 * `block` of the output.
  constexpr void seek(uint64_t block) {
    counter_ = block;
    used_ = blake3::kBlockWords;
  }

  // The root block, for code that computes many output blocks at once (randomness.cc).
  [[nodiscard]] constexpr const uint32_t* cv() const { return cv_; }
  [[nodiscard]] constexpr const uint32_t* block() const { return block_; }
  [[nodiscard]] constexpr uint32_t length() const { return length_; }
  [[nodiscard]] constexpr uint32_t flags() const { return flags_; }

 private:
  uint32_t cv_[8] = {};
  uint32_t block_[16] = {};
  uint32_t output_[16] = {};
  uint64_t counter_ = 0;
  uint32_t length_;
  uint32_t flags_;
  size_t used_ = blake3::kBlockWords;
};

/// The official hash (default mode: no key, no context), incremental. At most 2^64 - 1 bytes.
class Blake3 {
 public:
  constexpr void update(std::span<const uint8_t> bytes) {
    for (size_t i = 0; i < bytes.size();) {
      if (filled_ % 4 == 0 && bytes.size() - i >= 4) {
        put_word(uint32_t{bytes[i]} | uint32_t{bytes[i + 1]} << 8 | uint32_t{bytes[i + 2]} << 16 |
                 uint32_t{bytes[i + 3]} << 24);
        i += 4;
      } else {
        put_byte(bytes[i++]);
      }
    }
  }

  /// The same as `update` over the memory of `words`.
  constexpr void update_words(std::span<const uint32_t> words) {
    if (filled_ % 4 != 0) return update_shifted(words);
    while (!words.empty()) {
      if (filled_ == blake3::kBlockBytes) flush_block();
      const size_t room = blake3::kBlockWords - filled_ / 4;
      const size_t count = words.size() < room ? words.size() : room;
      uint32_t* to = block_ + filled_ / 4;
      for (size_t i = 0; i < count; ++i) to[i] = words[i];
      filled_ += static_cast<uint32_t>(4 * count);
      words = words.subspan(count);
    }
  }

  /// The first 32 bytes of output. The hasher is unchanged and takes more bytes.
  [[nodiscard]] constexpr Digest finish() const {
    Blake3Xof xof = finish_xof();
    Digest out{};
    for (uint32_t& word : out) word = xof.next_word();
    return out;
  }

  /// The output as a stream. The hasher is unchanged.
  [[nodiscard]] constexpr Blake3Xof finish_xof() const {
    // The last chunk is closed, then the stack of complete subtrees is folded from the right; only
    // the last compression is the root, so the stream holds it back.
    uint32_t cv[8];
    copy(cv, cv_.data());
    uint32_t block[16] = {};
    for (size_t i = 0; 4 * i < filled_; ++i) block[i] = block_[i];
    uint32_t length = filled_;
    uint32_t flags = chunk_flags() | blake3::kChunkEnd;
    uint64_t counter = chunk_;
    for (int depth = stack_size_ - 1; depth >= 0; --depth) {
      blake3::compress(cv, block, counter, length, flags, &block[8]);
      for (int i = 0; i < 8; ++i) block[i] = stack_[depth][i];
      copy(cv, blake3::kIv);
      length = blake3::kBlockBytes;
      flags = blake3::kParent;
      counter = 0;
    }
    return {cv, block, length, flags};
  }

 private:
  static constexpr int kMaxDepth = 54;  // 2^64 bytes in chunks of 2^10

  static constexpr void copy(uint32_t to[8], const uint32_t from[8]) {
    for (int i = 0; i < 8; ++i) to[i] = from[i];
  }

  [[nodiscard]] constexpr uint32_t chunk_flags() const {
    return blocks_ == 0 ? blake3::kChunkStart : 0;
  }

  constexpr void put_byte(uint8_t byte) {
    if (filled_ == blake3::kBlockBytes) flush_block();
    uint32_t& word = block_[filled_ / 4];
    word = (filled_ % 4 == 0 ? 0 : word) | uint32_t{byte} << 8 * (filled_ % 4);
    ++filled_;
  }

  constexpr void put_word(uint32_t word) {
    if (filled_ == blake3::kBlockBytes) flush_block();
    block_[filled_ / 4] = word;
    filled_ += 4;
  }

  // Words that begin within one of the block: their first bytes end it, the rest begins the next.
  constexpr void update_shifted(std::span<const uint32_t> words) {
    const uint32_t shift = 8 * (filled_ % 4);
    for (uint32_t word : words) {
      block_[filled_ / 4] |= word << shift;
      if (filled_ + 4 > blake3::kBlockBytes) {
        flush_block();
        filled_ = shift / 8;
      } else {
        filled_ += 4;
      }
      block_[filled_ / 4] = word >> (32 - shift);
    }
  }

  // Called when a full block is followed by more input, so it is never the last block of the
  // message.
  constexpr void flush_block() {
    bool ends_chunk = blocks_ + 1 == blake3::kChunkBytes / blake3::kBlockBytes;
    uint32_t end = ends_chunk ? blake3::kChunkEnd : 0;
    blake3::compress(cv_.data(), block_, chunk_, blake3::kBlockBytes, chunk_flags() | end,
                     cv_.data());
    ++blocks_;
    if (ends_chunk) finish_chunk();
    filled_ = 0;
  }

  // Pushes the chunk's chaining value and merges equal subtrees: one merge per trailing zero of the
  // chunk count.
  constexpr void finish_chunk() {
    ++chunk_;
    uint32_t block[16] = {};
    copy(&block[8], cv_.data());
    for (uint64_t count = chunk_; count % 2 == 0; count /= 2) {
      copy(block, stack_[--stack_size_]);
      blake3::compress(blake3::kIv, block, 0, blake3::kBlockBytes, blake3::kParent, &block[8]);
    }
    copy(stack_[stack_size_++], &block[8]);
    cv_ = std::to_array(blake3::kIv);
    blocks_ = 0;
  }

  Digest cv_ = std::to_array(blake3::kIv);
  uint32_t block_[blake3::kBlockWords] = {};  // a word that is begun ends with zeros
  uint32_t filled_ = 0;                       // bytes in block_
  uint32_t blocks_ = 0;  // blocks of this chunk already compressed
  uint64_t chunk_ = 0;
  uint32_t stack_[kMaxDepth][8] = {};
  int stack_size_ = 0;
};

/// BLAKE3 of a byte string.
[[nodiscard]] constexpr Digest blake3_hash(std::span<const uint8_t> bytes) {
  Blake3 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace zkvm::stark
