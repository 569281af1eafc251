// A codeword in E: one value for each point of a domain, in index order. Layout:
// codeword_kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/pcs/open/codeword_kernels.h"
#include "stark/poly/tile_matrix.h"

namespace zkvm::stark {

class Codeword {
 public:
  Codeword() = default;
  /// 2^log_size elements, unspecified. Fewer than 16 still take a whole group.
  explicit Codeword(unsigned log_size)
      : log_size_(log_size), words_(groups() * kCodewordGroupWords) {}

  [[nodiscard]] unsigned log_size() const { return log_size_; }
  [[nodiscard]] size_t size() const { return size_t{1} << log_size_; }
  [[nodiscard]] size_t groups() const { return (size() + kCodewordLanes - 1) / kCodewordLanes; }

  [[nodiscard]] uint32_t* group(size_t g) { return words_.data() + g * kCodewordGroupWords; }
  [[nodiscard]] const uint32_t* group(size_t g) const {
    return words_.data() + g * kCodewordGroupWords;
  }
  [[nodiscard]] Fp5 at(size_t e) const {
    Fp5 value;
    for (size_t k = 0; k < 5; ++k)
      value.c[k] =
          Fp::from_word(group(e / kCodewordLanes)[k * kCodewordLanes + e % kCodewordLanes]);
    return value;
  }
  void set(size_t e, const Fp5& value) {
    for (size_t k = 0; k < 5; ++k)
      group(e / kCodewordLanes)[k * kCodewordLanes + e % kCodewordLanes] = value.c[k].word;
  }

 private:
  unsigned log_size_ = 0;
  AlignedWords words_;
};

/// The points root^i * first of a run of 16-element groups, for the kernels.
[[nodiscard]] inline PointRun make_point_run(Fp first, Fp root) {
  PointRun run{};
  Fp power = Fp::one();
  for (uint32_t& word : run.powers) {
    word = power.word;
    power *= root;
  }
  run.step = power;
  run.first = first;
  return run;
}

}  // namespace zkvm::stark
