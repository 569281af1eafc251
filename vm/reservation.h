// Address space that costs memory only where it is touched, and reads as zero before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace zkvm::vm {

class Reservation {
 public:
  Reservation() = default;
  // A null reservation when the host refuses; check with operator bool.
  static Reservation of(size_t bytes);
  Reservation(Reservation&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Reservation& operator=(Reservation&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation();

  explicit operator bool() const { return data_ != nullptr; }
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace zkvm::vm
