// The verifier's sections "fri" and "queries": the commit phase replayed, the folds checked.
// Protocol: stark/doc/protocol.md section 10.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "stark/field/field.h"
#include "stark/protocol/error.h"
#include "stark/protocol/proof.h"
#include "stark/protocol/shape.h"
#include "stark/transcript/transcript.h"

namespace zkvm::stark {

/// One challenge for each halving of a fold: F(X) = E(X^2) + X O(X^2) becomes E + beta[0] O, and this
/// is halved by beta[1] ..
struct FoldChallenges {
  std::array<Fp5, kMaxLogArity> beta;

  /// Of part u of F(X) = sum_u X^u G_u(X^a): the product of the challenges of u's bits.
  [[nodiscard]] Fp5 weight(size_t u) const;
};

/// Draws those of a fold by 2^log_arity. REQUIRES: log_arity <= kMaxLogArity.
[[nodiscard]] FoldChallenges squeeze_fold(Transcript& transcript, unsigned log_arity);

struct FriChallenges {
  std::vector<FoldChallenges> beta;  // per layer
  std::vector<uint32_t> indices;     // of the queries, in the order drawn, below the common domain
};

/// Replays "fri/..." and "queries". Errors: kNonce, with the layer.
[[nodiscard]] Result<FriChallenges> replay_fri(const Shape& shape, const Proof& proof,
                                               Transcript& transcript);

/// The value at y^a of the fold by beta of a polynomial whose values at y w^j, w = root(log a), are
/// `fibre` (a = 2^log_arity <= 8 of them): sum_u weight(u) G_u(y^a). `y_inverse` = 1/y.
[[nodiscard]] Fp5 fold_fibre(std::span<const Fp5> fibre, Fp y_inverse, const FoldChallenges& beta);

/// Every query from the batch codeword to the final polynomial.
/// `batch`: its values at the distinct indices, ascending. `layer_rows[i]`: rows of layer i at the
/// distinct leaf indices, ascending; canonical words that were checked against the layer's root.
/// Errors: kDeep (layer 0 does not hold the batch), kFold (with the layer), kFinal; each
/// with the index.
[[nodiscard]] Result<void> check_queries(const Shape& shape, const FriChallenges& challenges,
                                         std::span<const Fp5> batch,
                                         std::span<const uint32_t* const> layer_rows,
                                         std::span<const Fp5> final_polynomial);

}  // namespace zkvm::stark
