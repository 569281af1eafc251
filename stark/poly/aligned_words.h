// Memory for vectors and matrices of words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace zkvm::stark {

// 64-byte aligned words; big ones on huge pages, and kept for reuse when freed, but never so many
// that they and those in use exceed the most that ever was in use. Movable, not copyable. Contents
// are unspecified at first.
class AlignedWords {
 public:
  AlignedWords() = default;
  explicit AlignedWords(size_t count);
  // Words of somebody else's, 64-byte aligned, which `owner` keeps. Where they can only be read,
  // nobody may write to these either.
  AlignedWords(uint32_t* words, size_t count, std::shared_ptr<const void> owner);
  AlignedWords(AlignedWords&& other) noexcept;
  AlignedWords& operator=(AlignedWords&& other) noexcept;
  ~AlignedWords();

  uint32_t* data() { return data_; }
  const uint32_t* data() const { return data_; }
  size_t size() const { return size_; }

  // Returns what is kept to the system. How many bytes that were.
  static size_t release_kept();

  // For tests: whether new memory is filled with 0xffffffff, which is no element, so that reads of
  // what nobody wrote show.
  static void set_poison(bool on);

 private:
  uint32_t* data_ = nullptr;
  size_t size_ = 0;
  size_t block_bytes_ = 0;             // as it was allocated; 0: by the C library
  std::shared_ptr<const void> owner_;  // of words that are not this one's to free
};

// Where words are taken from: the process's memory, or one stretch of somebody else's, block after
// block.
class WordSpace {
 public:
  WordSpace() = default;  // the process's
  // 64-byte aligned.
  WordSpace(uint32_t* words, size_t count, std::shared_ptr<const void> owner);
  // REQUIRES: of a stretch, `count` words are left, and a multiple of 16.
  [[nodiscard]] AlignedWords take(size_t count);

 private:
  uint32_t* next_ = nullptr;
  size_t left_ = 0;
  std::shared_ptr<const void> owner_;  // null: of the process's memory
};

}  // namespace zkvm::stark
