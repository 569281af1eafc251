// The verifier's section "openings": the values at zeta and w zeta, and the constraint identity
// that they must satisfy. Protocol: stark/doc/protocol.md sections 6 to 8.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stark/field/field.h"
#include "stark/protocol/error.h"
#include "stark/protocol/late.h"
#include "stark/protocol/shape.h"
#include "stark/protocol/statement.h"

namespace zkvm::stark {

/// The challenges that constraints depend on.
struct OpeningChallenges {
  LatePowers late;    // not set without the late phase
  Fp5 gamma, beta;  // LogUp
  Fp5 alpha;
  Fp5 zeta;
};

/// The opened values of one group, by column.
class GroupOpenings {
 public:
  /// `values`: shape.openings(group) values in the order of protocol.md section 8; not copied.
  GroupOpenings(const Shape& shape, const GroupShape& group, std::span<const Fp5> values);

  /// At zeta.
  [[nodiscard]] const Fp5& at(ColumnRef column) const {
    return values_[first_[column.tree] + column.column];
  }
  /// At w zeta; `column` must be one of the group's next columns.
  [[nodiscard]] const Fp5& next(ColumnRef column) const;
  /// sum_j X^j at(column + j): the value of the extension column that starts there.
  [[nodiscard]] Fp5 extension_at(ColumnRef column) const;
  [[nodiscard]] Fp5 extension_next(ColumnRef column) const;

 private:
  std::span<const Fp5> values_;
  std::span<const ColumnRef> next_columns_;
  std::vector<uint32_t> first_;  // per tree, then of the next columns
};

/// f = gamma + sum beta^i v_i + beta^K bus.
class OpenedFingerprint {
 public:
  OpenedFingerprint(const Fp5& gamma, const Fp5& beta, unsigned tuple_width);
  [[nodiscard]] Fp5 operator()(uint16_t bus, std::span<const Fp5> tuple) const;

 private:
  Fp5 gamma_;
  std::vector<Fp5> powers_;  // beta^0 .. beta^K
};

/// The public side of LogUp: sum of S over the groups and of sign * multiplicity / f over the
/// public interactions is zero. Errors: kBusSum; kChallenge if a fingerprint is zero.
[[nodiscard]] Result<void> check_bus_sum(const Statement& statement,
                                         const OpenedFingerprint& fingerprint,
                                         std::span<const Fp5> sums);

/// sum_i alpha^i C_i(zeta) = (zeta^N - 1) (Qa(zeta) + zeta^m Qb(zeta)) in every group.
/// `values`: all opened values of the proof. Errors: kConstraints, with the group.
[[nodiscard]] Result<void> check_constraints(const VerifyingKey& key, const Shape& shape,
                                             const OpeningChallenges& challenges,
                                             const OpenedFingerprint& fingerprint,
                                             std::span<const Fp5> sums,
                                             std::span<const Fp5> values);

}  // namespace zkvm::stark
