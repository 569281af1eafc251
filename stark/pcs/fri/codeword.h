// A codeword in E: one value for each point of a domain, in index order.
//
// It lies in packs of 16 elements: coefficient c of element e at word 80 (e / 16) + 16 c + e % 16,
// 64-byte aligned. So an element's coefficients are lanes of five vectors, and the leaves of a FRI
// layer hash without transposition.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/poly/aligned_words.h"
#include "stark/poly/point_run.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

inline constexpr size_t kCodewordPackWords = 5 * kPackLanes;

class Codeword {
 public:
  Codeword() = default;
  /// 2^log_size elements, unspecified. Fewer than 16 still take a whole pack.
  explicit Codeword(unsigned log_size)
      : log_size_(log_size), words_(packs() * kCodewordPackWords) {}

  [[nodiscard]] unsigned log_size() const { return log_size_; }
  [[nodiscard]] size_t size() const { return size_t{1} << log_size_; }
  [[nodiscard]] size_t packs() const { return (size() + kPackLanes - 1) / kPackLanes; }

  [[nodiscard]] uint32_t* pack(size_t g) { return words_.data() + g * kCodewordPackWords; }
  [[nodiscard]] const uint32_t* pack(size_t g) const {
    return words_.data() + g * kCodewordPackWords;
  }
  [[nodiscard]] Fp5 at(size_t e) const {
    Fp5 value;
    for (size_t k = 0; k < 5; ++k)
      value.c[k] = Fp::from_wire(pack(e / kPackLanes)[k * kPackLanes + e % kPackLanes]);
    return value;
  }
  void set(size_t e, const Fp5& value) {
    for (size_t k = 0; k < 5; ++k)
      pack(e / kPackLanes)[k * kPackLanes + e % kPackLanes] = value.c[k].wire;
  }

 private:
  unsigned log_size_ = 0;
  AlignedWords words_;
};

}  // namespace zkvm::stark
