// The prover's section "fri": the commit phase and the openings of its layers.
// Protocol: stark/doc/protocol.md section 10; the verifier's counterpart: stark/verifier/fri.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "stark/pcs/commit/merkle_tree.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/protocol/proof.h"
#include "stark/protocol/shape.h"
#include "stark/transcript/transcript.h"
#include "stark/verifier/fri.h"

namespace zkvm::stark {

/// A committed layer: its codeword and the tree over its fibres.
struct FriLayer {
  Codeword codeword;
  MerkleTree tree;
  uint64_t nonce = 0;
};

struct FriCommitment {
  std::vector<FriLayer> layers;
  std::vector<Fp5> final_polynomial;  // shape.final_bound coefficients
};

/// The commit phase of protocol.md section 10. `batch` must have fewer coefficients than the shape's
/// bound; if not, the proof will not verify. All threads.
/// nullopt only if `cancelled` became true; the transcript is then of no more use.
[[nodiscard]] std::optional<FriCommitment> fri_commit(const Shape& shape, Codeword batch,
                                                      Transcript& transcript,
                                                      const std::atomic<bool>* cancelled = nullptr);

/// The rows of a FRI layer (protocol.md, section 10): fibres of a codeword, elements e + j 2^log_rows
/// for each j < 2^log_arity. The codeword must outlive them.
[[nodiscard]] std::unique_ptr<RowSource> fri_layer_rows(const Codeword& codeword,
                                                        unsigned log_arity);

/// What layer i opens for these query indices (below the common domain; any order).
[[nodiscard]] TreeOpening open_layer(const Shape& shape, const FriCommitment& fri, size_t i,
                                     std::span<const uint32_t> indices);

/// F' with F'(Y) = sum_u beta.weight(u) G_u(Y), F(X) = sum_u X^u G_u(X^(2^log_arity)). log_arity 1, 2
/// or 3, at most the codeword's log size. All threads.
[[nodiscard]] Codeword fold(const Codeword& codeword, unsigned log_arity,
                            const FoldChallenges& beta);

/// Coefficients of the polynomial with these values on the subgroup, lowest first.
[[nodiscard]] std::vector<Fp5> interpolate(const Codeword& codeword);

}  // namespace zkvm::stark
