// The verifier's section "deep": the batch codeword of a group at opened rows.
// Protocol: stark/doc/protocol.md section 10.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "stark/field/field.h"
#include "stark/protocol/shape.h"
#include "stark/verifier/deep_kernels.h"

namespace zkvm::stark {

/// An element as opened rows have it: five words.
inline Fp5 element_at(const uint32_t* words) {
  Fp5 out;
#pragma GCC unroll 5
  for (int k = 0; k < Fp5::kDegree; ++k) out.c[k] = Fp::from_wire(words[k]);
  return out;
}

/// root_of_unity(log)^exponent, exponent < 2^log: the squarings of pow() are in the table.
inline Fp root_power(int log, uint32_t exponent) {
  Fp power = Fp::one();
  for (; log > 0; --log, exponent >>= 1)
    power *= (exponent & 1) != 0 ? Fp::root_of_unity(log) : Fp::one();
  return power;
}

/// The batch: B(e) = R(x) + sum over groups of
///   sum c (F(x_h) - V(x_h)) / (x_n - zeta) + sum d (F(x_h) - W(x_h)) / (x_n - w zeta).
class DeepBatch {
 public:
  /// `opened`: all opened values, `coefficients`: shape.batched() challenges, in the order of
  /// sections 8 and 10. The shape must outlive the object.
  DeepBatch(const Shape& shape, const Fp5& zeta, std::span<const Fp5> opened,
            std::span<const Fp5> coefficients);

  /// B at every one of `indices`, distinct and ascending, below the common domain.
  /// `rows[tree]`: that tree's rows at the distinct indices e mod its domain, ascending; canonical
  /// words. zeta must not be in F.
  [[nodiscard]] std::vector<Fp5> at(std::span<const uint32_t> indices,
                                    std::span<const uint32_t* const> rows) const;

 private:
  /// Up to 16 words of a row, without their rows.
  struct Tile {
    uint32_t tree, first, words;
    std::array<uint32_t, 16 * kExtensionDegree> coefficients{};  // centred words of c
  };
  /// - sum c V of a quotient's stacks in trees of one height: coefficients of X^j by j.
  struct Known {
    uint8_t log_height;
    std::vector<Fp5> polynomial;
  };
  /// A group's stacks that are opened at one point z: sum c (F(x_h) - V(x_h)) / (x_n - z).
  struct Quotient {
    uint8_t log_height;
    Fp5 point;
    std::vector<Tile> tiles;  // tree by tree
    std::vector<Known> known;
    Fp5 offset;  // what the sums of the kernel lack to be sums of c F

    /// Adds a stack with its challenge.
    void add(uint32_t tree, uint32_t word, const Fp5& coefficient);
    [[nodiscard]] Known& known_at(uint8_t height);
  };

  /// Adds the sums of a quotient's tiles [first, last), all of trees with these rows, at each row.
  void add_sums(const Quotient& quotient, size_t first, size_t last,
                std::span<const uint32_t* const> rows, size_t count, std::vector<Fp5>& sums) const;

  const Shape& shape_;
  std::vector<Quotient> quotients_;
};

}  // namespace zkvm::stark
