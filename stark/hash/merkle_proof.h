// Multi-proofs of a Merkle tree over rows of words, the verifier's side (stark/doc/protocol.md,
// section 3). Header-only; the checks allocate nothing and throw nothing, and are safe on hostile
// input.
//
// Level m has 2^m nodes. Node i of level m has children i and i + 2^m:
//
//   rows of 8      node_i = RowHash(row_i)
//   level 2        node_i = Node(node_i, node_(i+4))
//   level 0        node_0 = root
//
// SOUNDNESS: which compression takes which words is fixed by the shape and the indices alone, and
// rows and nodes use different flags; so two accepted openings of one root that differ in a row
// contain a collision of the compression function.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <span>
#include <vector>

#include "stark/hash/blake3.h"

namespace zkvm::stark {

/// The rows of a tree: 2^log_size of `width` words.
struct MerkleShape {
  unsigned log_size;
  uint32_t width;
};

enum class MerkleCheck {
  kOk,
  kShape,    // more than 2^31 rows, or rows of no words
  kIndices,  // none, not ascending, not distinct, or not below the number of rows
  kScratch,  // too little scratch
  kRows,     // not the number of words that shape and indices ask for
  kDigests,  // not the number of digests that shape and indices ask for
  kRoot,     // the root differs
};

inline constexpr unsigned kMaxMerkleLogSize = 31;

namespace merkle_detail {

inline constexpr size_t kAbsent = ~size_t{0};

// Calls visit(i, left, right) for each known node i of `level`, ascending, given the known nodes of
// level + 1, ascending; left and right are the places of its children among these, or kAbsent.
template <class Visit>
constexpr void for_each_parent(std::span<const uint32_t> children, unsigned level, Visit&& visit) {
  const uint32_t half = uint32_t{1} << level;
  size_t split = 0;
  while (split < children.size() && children[split] < half) ++split;
  for (size_t left = 0, right = split; left < split || right < children.size();) {
    const bool has_left = left < split;
    const bool has_right = right < children.size();
    const uint32_t of_left = has_left ? children[left] : 0;
    const uint32_t of_right = has_right ? children[right] - half : 0;
    if (has_left && has_right && of_left == of_right) {
      visit(of_left, left++, right++);
    } else if (has_left && (!has_right || of_left < of_right)) {
      visit(of_left, left++, kAbsent);
    } else {
      visit(of_right, kAbsent, right++);
    }
  }
}

[[nodiscard]] constexpr MerkleCheck check_shape(const MerkleShape& shape,
                                                std::span<const uint32_t> indices) {
  if (shape.log_size > kMaxMerkleLogSize || shape.width == 0) return MerkleCheck::kShape;
  if (indices.empty()) return MerkleCheck::kIndices;
  for (size_t k = 1; k < indices.size(); ++k) {
    if (indices[k] <= indices[k - 1]) return MerkleCheck::kIndices;
  }
  if (indices.back() >> shape.log_size != 0) return MerkleCheck::kIndices;
  return MerkleCheck::kOk;
}

}  // namespace merkle_detail

/// What a multi-proof of these indices consists of: known before a byte of it is read.
struct MerkleProofSize {
  uint64_t row_words = 0;
  uint64_t digests = 0;
};

/// Computes the size. `indices` ascending, distinct, below the number of rows; `scratch` 2 *
/// indices.size() words.
[[nodiscard]] constexpr MerkleCheck merkle_proof_size(const MerkleShape& shape,
                                                      std::span<const uint32_t> indices,
                                                      std::span<uint32_t> scratch,
                                                      MerkleProofSize& out) {
  const MerkleCheck check = merkle_detail::check_shape(shape, indices);
  if (check != MerkleCheck::kOk) return check;
  const size_t n = indices.size();
  if (scratch.size() / 2 < n) return MerkleCheck::kScratch;
  out = {.row_words = uint64_t{shape.width} * n};
  std::span<const uint32_t> known = indices;
  for (unsigned level = shape.log_size;; --level) {
    if (level == 0) return MerkleCheck::kOk;
    const std::span<uint32_t> parents = scratch.subspan((level % 2) * n, n);
    size_t count = 0;
    merkle_detail::for_each_parent(known, level - 1, [&](uint32_t i, size_t left, size_t right) {
      out.digests += (left == merkle_detail::kAbsent) + (right == merkle_detail::kAbsent);
      parents[count++] = i;
    });
    known = parents.first(count);
  }
}

/// What a tree shows at a set of indices: a multi-proof.
struct TreeOpening {
  std::vector<uint32_t> rows;   // words, indices ascending, salt included
  std::vector<Digest> digests;  // in the order of protocol.md section 3
  bool operator==(const TreeOpening&) const = default;
};

/// Rows and nodes hashed one at a time. merkle_lanes.h has another, for a CPU with vectors.
struct MerkleHasher {
  /// digests[k] = the hash of row k: digests.size() rows of `width` words, one after the other.
  constexpr void rows(std::span<const uint32_t> rows, uint32_t width,
                      std::span<Digest> digests) const {
    for (size_t k = 0; k < digests.size(); ++k)
      digests[k] = row_hash(rows.subspan(k * width, width));
  }
  /// digests[k] = the node of two digests, the words of which begin at children[2 k] and
  /// children[2 k + 1].
  constexpr void nodes(const uint32_t* const* children, std::span<Digest> digests) const {
    for (size_t k = 0; k < digests.size(); ++k)
      digests[k] = node_hash(children[2 * k], children[2 * k + 1]);
  }
};

/// Checks that `rows` are the rows of the tree with this root at `indices`. `digests`: for each
/// level, the lowest first, for each parent of known nodes, ascending, the child that is not known.
/// Every word of both is used and none is missing.
///
/// scratch_indices and scratch_digests: 2 * indices.size(). Time: linear in the
/// proof times the tree's height.
///
/// SOUNDNESS: a hasher gets rows and children in order and knows nothing of the tree: which digest
/// goes where is decided here, for every hasher alike.
template <class Hasher = MerkleHasher>
[[nodiscard]] constexpr MerkleCheck verify_merkle_proof(
    const Digest& root, const MerkleShape& shape, std::span<const uint32_t> indices,
    std::span<const uint32_t> rows, std::span<const Digest> digests,
    std::span<uint32_t> scratch_indices, std::span<Digest> scratch_digests,
    const Hasher& hasher = {}) {
  MerkleProofSize size;
  const MerkleCheck check = merkle_proof_size(shape, indices, scratch_indices, size);
  if (check != MerkleCheck::kOk) return check;
  const size_t n = indices.size();
  if (scratch_digests.size() / 2 < n) return MerkleCheck::kScratch;
  if (rows.size() != size.row_words) return MerkleCheck::kRows;
  if (digests.size() != size.digests) return MerkleCheck::kDigests;

  std::span<const uint32_t> known = indices;
  std::span<Digest> nodes = scratch_digests.subspan((shape.log_size % 2) * n, n);  // of the known
  size_t next_digest = 0;
  hasher.rows(rows, shape.width, nodes);
  for (unsigned level = shape.log_size;; --level) {
    if (level == 0) return nodes[0] == root ? MerkleCheck::kOk : MerkleCheck::kRoot;
    const std::span<uint32_t> parents = scratch_indices.subspan((level % 2) * n, n);
    const std::span<Digest> parent_nodes = scratch_digests.subspan(((level - 1) % 2) * n, n);
    // Children are hashed where they lie: of a full batch, or of the rest of a level.
    constexpr size_t kBatch = 16;
    const uint32_t* children[2 * kBatch] = {};
    size_t count = 0, hashed = 0;
    const auto hash = [&] {
      hasher.nodes(children, parent_nodes.subspan(hashed, count - hashed));
      hashed = count;
    };
    merkle_detail::for_each_parent(known, level - 1, [&](uint32_t i, size_t left, size_t right) {
      const auto child = [&](size_t at) {
        return (at == merkle_detail::kAbsent ? digests[next_digest++] : nodes[at]).data();
      };
      children[2 * (count - hashed)] = child(left);
      children[2 * (count - hashed) + 1] = child(right);
      parents[count++] = i;
      if (count - hashed == kBatch) hash();
    });
    hash();
    known = parents.first(count);
    nodes = parent_nodes;
  }
}

}  // namespace zkvm::stark
