// A proof as a value and as bytes: stark/doc/format.md. One proof has one byte string.
//
// Reading goes in two steps, because how many rows are opened depends on the query indices, and
// they on everything before: read_head, then the transcript, then read_openings. Every length is
// known before anything is allocated for it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stark/field/field.h"
#include "stark/hash/merkle_proof.h"
#include "stark/protocol/bytes.h"
#include "stark/protocol/error.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

struct Proof {
  struct Layer {
    Digest root;
    uint64_t nonce = 0;
    bool operator==(const Layer&) const = default;
  };

  Params params;
  std::vector<TableSpec> tables;
  std::vector<Digest> roots;  // of the phases' trees, in the shape's order
  std::vector<Fp5> sums;      // S of each group, tallest first
  std::optional<uint64_t> nonce_late;  // if and only if there is a late phase
  uint64_t nonce_logup = 0;
  uint64_t nonce_zeta = 0;
  uint64_t nonce_batch = 0;
  std::vector<Fp5> openings;  // in the order of protocol.md section 8
  std::vector<Layer> layers;
  std::vector<Fp5> final_polynomial;
  uint64_t nonce_query = 0;
  std::vector<TreeOpening> trees;  // of the shape's trees, then of the layers
  bool operator==(const Proof&) const = default;

  [[nodiscard]] const Digest& root(const Shape& shape, Phase phase) const {
    return roots[shape.place(phase)];
  }

  /// The canonical bytes. Needs lengths that fit params and tables.
  [[nodiscard]] std::vector<uint8_t> serialise() const;
};

/// The rows of a tree of the shape, or of FRI layer `tree - shape.trees.size()`.
[[nodiscard]] MerkleShape merkle_shape(const Shape& shape, size_t tree);
/// Number of trees that a proof opens: the shape's and the layers'.
[[nodiscard]] inline size_t opened_trees(const Shape& shape) {
  return shape.trees.size() + shape.layers.size();
}

/// The rows of such a tree that queries open, ascending.
[[nodiscard]] std::vector<uint32_t> opened_rows(const Shape& shape, size_t tree,
                                                std::span<const uint32_t> indices);

/// The distinct residues of `indices` modulo 2^log_size, ascending.
[[nodiscard]] std::vector<uint32_t> distinct_below(std::span<const uint32_t> indices,
                                                   unsigned log_size);

/// Reads the first of untrusted bytes, up to the parameters. Errors: kFormat, kTruncated, kParams.
[[nodiscard]] Result<Params> read_params(ByteReader& in);

/// Reads untrusted bytes up to the query nonce and gives the shape they promise.
/// Errors: kFormat, kTruncated, kNonCanonical and those of make_shape.
[[nodiscard]] Result<Shape> read_head(const VerifyingKey& key, ByteReader& in, Proof& proof);

/// Reads the rest, to the last byte. `indices`: the query indices, in any order, repeated or not.
/// Errors: kTruncated, kNonCanonical, kFormat (a number of digests), kTrailing.
[[nodiscard]] Result<void> read_openings(const Shape& shape, std::span<const uint32_t> indices,
                                         ByteReader& in, Proof& proof);

}  // namespace zkvm::stark
