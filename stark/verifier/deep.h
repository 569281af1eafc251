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

/// The batch of one group: B(x) = R(x) + sum c_i (f_i(x) - y_i)/(x - zeta)
///                                     + sum d_i (f_i(x) - z_i)/(x - w zeta).
class DeepBatch {
 public:
  /// `opened`: the group's opened values, `coefficients`: of squeeze "batch", as many, same order.
  /// Shape and group must outlive the object.
  DeepBatch(const Shape& shape, const GroupShape& group, const Fp5& zeta,
            std::span<const Fp5> opened, std::span<const Fp5> coefficients);

  /// B at every index of `indices` (below the group's domain size).
  /// `rows[tree]`: that tree's rows of this group at these indices, group.row_words(tree) canonical
  /// words each. zeta must not be in F.
  [[nodiscard]] std::vector<Fp5> at(std::span<const uint32_t> indices,
                                    std::span<const uint32_t* const> rows) const;

 private:
  /// Up to 16 columns, without their rows.
  struct Tile {
    uint32_t tree, first, words;
    std::array<uint32_t, 16 * kExtensionDegree> coefficients{};  // centred words of c
    std::vector<OpenedNext> next;
  };

  const Shape& shape_;
  const GroupShape& group_;
  Fp5 zeta_, next_zeta_;
  std::vector<Tile> tiles_;
  Fp5 at_zeta_;  // what the sums of the kernel lack to be sum c_i (f_i(x) - y_i) ...
  Fp5 next_;     // ... and sum d_i (f_i(x) - z_i)
};

}  // namespace zkvm::stark
