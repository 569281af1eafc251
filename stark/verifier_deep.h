// The verifier's section "deep": the batch codeword of a group at opened rows.
// Protocol: stark/doc/protocol.md section 10.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stark/field.h"
#include "stark/shape.h"

namespace zkvm::stark {

/// The batch of one group: B(x) = R(x) + sum c_i (f_i(x) - y_i)/(x - zeta)
///                                     + sum d_i (f_i(x) - z_i)/(x - w zeta).
class DeepBatch {
 public:
  /// `opened`: the group's opened values, `coefficients`: of squeeze "batch", as many, same order.
  /// Both must outlive the object.
  DeepBatch(const Shape& shape, const GroupShape& group, const Fp5& zeta,
            std::span<const Fp5> opened, std::span<const Fp5> coefficients);

  /// B at every index of `indices` (below the group's domain size).
  /// `rows[tree]`: that tree's rows of this group at these indices, group.row_words(tree) canonical
  /// words each. zeta must not be in F.
  [[nodiscard]] std::vector<Fp5> at(std::span<const uint32_t> indices,
                                    std::span<const uint32_t* const> rows) const;

 private:
  const Shape& shape_;
  const GroupShape& group_;
  Fp5 zeta_, next_zeta_;
  std::span<const Fp5> coefficients_;  // at zeta, then of the next columns
  size_t at_zeta_ = 0;                 // how many are at zeta
  Fp5 opened_at_zeta_;                 // sum c_i y_i
  Fp5 opened_next_;                    // sum d_i z_i
};

}  // namespace zkvm::stark
