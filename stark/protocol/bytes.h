// Reading and writing the little-endian formats of stark/doc/format.md. The reader never reads past
// its end and never throws: the first failure sticks, every later read gives zero, and the caller
// looks once.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "stark/field/field.h"
#include "stark/hash/blake3.h"

namespace zkvm::stark {

class ByteWriter {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_integral_v<T> && std::endian::native == std::endian::little);
    put_raw(&value, sizeof(T));
  }
  void put(const Digest& digest) { put_raw(digest.data(), sizeof(digest)); }
  void put_text(std::string_view text) { put_raw(text.data(), text.size()); }
  void put_bytes(std::span<const uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  [[nodiscard]] std::span<const uint8_t> view() const { return bytes_; }
  [[nodiscard]] std::vector<uint8_t> take() && { return std::move(bytes_); }
  [[nodiscard]] size_t size() const { return bytes_.size(); }

 private:
  void put_raw(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }

  std::vector<uint8_t> bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  /// An integer of type T; 0 after the end (then failed()).
  template <class T>
  [[nodiscard]] T get() {
    static_assert(std::is_unsigned_v<T>);
    if (remaining() < sizeof(T)) {
      truncated_ = true;
      position_ = bytes_.size();
      return 0;
    }
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));  // as memory is
    position_ += sizeof(T);
    return value;
  }
  /// A field element in wire form; values >= p are non-canonical.
  [[nodiscard]] uint32_t get_field() {
    const auto word = get<uint32_t>();
    if (!Fp::is_canonical(word)) non_canonical_ = true;
    return word;
  }
  [[nodiscard]] Digest get_digest() {
    Digest digest{};
    get_words(digest);
    return digest;
  }
  /// As many words as fit into `words`; zeros after the end (then failed()).
  void get_words(std::span<uint32_t> words) {
    const auto bytes = get_bytes(words.size_bytes());
    std::ranges::fill(words.subspan(bytes.size() / 4), 0u);
    if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  }
  /// The same of field elements in wire form.
  void get_fields(std::span<uint32_t> words) {
    get_words(words);
    uint32_t largest = 0;
    for (const uint32_t word : words) largest = std::max(largest, word);
    if (!Fp::is_canonical(largest)) non_canonical_ = true;
  }
  /// `length` bytes, where they lie; none after the end (then failed()).
  [[nodiscard]] std::span<const uint8_t> get_bytes(uint64_t length) {
    if (remaining() < length) {
      truncated_ = true;
      position_ = bytes_.size();
      return {};
    }
    const auto size = static_cast<size_t>(length);
    position_ += size;
    return bytes_.subspan(position_ - size, size);
  }
  [[nodiscard]] std::string_view get_text(size_t length) {
    const auto text = get_bytes(length);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }
  /// Whether `count` items of at least `item_bytes` each can still follow: to be asked before
  /// allocating.
  [[nodiscard]] bool can_hold(uint64_t count, uint64_t item_bytes) {
    if (count <= remaining() / item_bytes) return true;
    truncated_ = true;
    return false;
  }
  [[nodiscard]] size_t remaining() const { return bytes_.size() - position_; }
  [[nodiscard]] size_t position() const { return position_; }
  [[nodiscard]] bool truncated() const { return truncated_; }
  [[nodiscard]] bool non_canonical() const { return non_canonical_; }
  [[nodiscard]] bool failed() const { return truncated_ || non_canonical_; }

 private:
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  bool truncated_ = false;
  bool non_canonical_ = false;
};

}  // namespace zkvm::stark
