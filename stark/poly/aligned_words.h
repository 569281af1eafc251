// Memory for vectors and matrices of words.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zkvm::stark {

// 64-byte aligned words; big ones on huge pages, and kept for reuse when freed, but never so many
// that they and those in use exceed the most that ever was in use. Movable, not copyable. Contents
// are unspecified at first.
class AlignedWords {
 public:
  AlignedWords() = default;
  explicit AlignedWords(size_t count);
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
  size_t block_bytes_ = 0;  // as it was allocated; 0: by the C library
};

}  // namespace zkvm::stark
