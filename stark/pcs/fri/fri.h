// The prover's section "fri": the commit phase and the openings of its layers.
// Protocol: stark/doc/protocol.md section 10; the verifier's counterpart: stark/verifier/fri.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stark/pcs/commit/merkle_tree.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/protocol/proof.h"
#include "stark/protocol/shape.h"
#include "stark/transcript/transcript.h"

namespace zkvm::stark {

/// A committed layer: its codeword, those of groups that are folded with it, and the tree over the
/// fibres of all.
struct FriLayer {
  Codeword codeword;
  std::vector<Codeword> joined;
  MerkleTree tree;
  uint64_t nonce = 0;
};

struct FriCommitment {
  std::vector<FriLayer> layers;
  std::vector<Fp5> final_polynomial;  // shape.final_bound coefficients
};

/// The commit phase of protocol.md section 10. `batch`: the codeword of every group, tallest first;
/// group g's polynomial must have fewer coefficients than its bound; if not, the proof will not
/// verify. All threads.
/// nullopt only if `cancelled` became true; the transcript is then of no more use.
[[nodiscard]] std::optional<FriCommitment> fri_commit(const Shape& shape,
                                                      std::vector<Codeword> batch,
                                                      Transcript& transcript,
                                                      const std::atomic<bool>* cancelled = nullptr);

/// A codeword of 2^(log_rows + log_arity) elements that lies as codeword.h says.
struct FriFibres {
  const uint32_t* codeword;
  unsigned log_arity;
};

/// A leaf of a FRI layer (protocol.md, section 10) is, for each codeword, for each j < 2^log_arity,
/// element index + j * 2^log_rows.
[[nodiscard]] TreeRows fri_layer_rows(unsigned log_rows, std::span<const FriFibres> codewords);

/// What layer i opens for these query indices (below the tallest domain; any order).
[[nodiscard]] TreeOpening open_layer(const Shape& shape, const FriCommitment& fri, size_t i,
                                     std::span<const uint32_t> indices);

/// F' with F'(Y) = sum_u beta^u G_u(Y), F(X) = sum_u X^u G_u(X^(2^log_arity)). log_arity 1, 2 or 3,
/// at most the codeword's log size. All threads.
[[nodiscard]] Codeword fold(const Codeword& codeword, unsigned log_arity, const Fp5& beta);

/// codeword += factor * other; equal sizes. All threads.
void add_multiple(Codeword& codeword, const Codeword& other, const Fp5& factor);

/// Coefficients of the polynomial with these values on the subgroup, lowest first.
[[nodiscard]] std::vector<Fp5> interpolate(const Codeword& codeword);

}  // namespace zkvm::stark
