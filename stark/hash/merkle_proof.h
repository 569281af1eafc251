// Multi-proofs of a Merkle tree over rows of mixed heights, the verifier's side
// (stark/doc/protocol.md, section 3). Header-only; the checks allocate nothing and throw nothing,
// and are safe on hostile input.
//
// Level m has 2^m nodes. Node i of level m has children i and i + 2^m, so the row of a matrix with
// 2^m rows that belongs to index e of a taller one is e mod 2^m:
//
//   rows of 8      leaf_0 .. leaf_7                    leaf_i = RowHash(row_i)
//   level 2        node_i = Node(leaf_i, leaf_(i+4))
//   rows of 4      node_i = Node(node_i, RowHash(row_i))
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

/// All rows of one height in a tree, side by side: 2^log_size rows of `width` words.
struct MerkleHeight {
  unsigned log_size;
  uint32_t width;
};

enum class MerkleCheck {
  kOk,
  kShape,    // heights are not strictly descending, above 2^31 or there is none; a width is 0
  kIndices,  // none, not ascending, not distinct, or above the tallest height
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

[[nodiscard]] constexpr MerkleCheck check_shape(std::span<const MerkleHeight> shape,
                                                std::span<const uint32_t> indices) {
  if (shape.empty() || shape[0].log_size > kMaxMerkleLogSize) return MerkleCheck::kShape;
  for (size_t k = 0; k < shape.size(); ++k) {
    if (shape[k].width == 0) return MerkleCheck::kShape;
    if (k > 0 && shape[k].log_size >= shape[k - 1].log_size) return MerkleCheck::kShape;
  }
  if (indices.empty()) return MerkleCheck::kIndices;
  for (size_t k = 1; k < indices.size(); ++k) {
    if (indices[k] <= indices[k - 1]) return MerkleCheck::kIndices;
  }
  if (indices.back() >> shape[0].log_size != 0) return MerkleCheck::kIndices;
  return MerkleCheck::kOk;
}

}  // namespace merkle_detail

/// What a multi-proof of these indices consists of: known before a byte of it is read.
struct MerkleProofSize {
  uint64_t row_words = 0;
  uint64_t digests = 0;
};

/// Computes the size. `indices` ascending, distinct, below the tallest height; `scratch` 2 *
/// indices.size() words.
[[nodiscard]] constexpr MerkleCheck merkle_proof_size(std::span<const MerkleHeight> shape,
                                                      std::span<const uint32_t> indices,
                                                      std::span<uint32_t> scratch,
                                                      MerkleProofSize& out) {
  const MerkleCheck check = merkle_detail::check_shape(shape, indices);
  if (check != MerkleCheck::kOk) return check;
  const size_t n = indices.size();
  if (scratch.size() / 2 < n) return MerkleCheck::kScratch;
  out = {};
  std::span<const uint32_t> known = indices;
  size_t next_height = 0;
  for (unsigned level = shape[0].log_size;; --level) {
    if (next_height < shape.size() && shape[next_height].log_size == level) {
      out.row_words += uint64_t{shape[next_height++].width} * known.size();
    }
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
  std::vector<uint32_t> rows;   // words, heights from the tallest, indices ascending, salt included
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
  /// digests[k] = Node(pairs[2 k], pairs[2 k + 1]).
  constexpr void nodes(std::span<const Digest> pairs, std::span<Digest> digests) const {
    for (size_t k = 0; k < digests.size(); ++k)
      digests[k] = node_hash(pairs[2 * k], pairs[2 * k + 1]);
  }
};

/// Checks that `rows` are the rows of the tree with this root at `indices`: for each height, the
/// tallest first, for each distinct index e mod 2^log_size, ascending, a row. `digests`: for each
/// level, the lowest first, for each parent of known nodes, ascending, the child that is not known.
/// Every word of both is used and none is missing.
///
/// scratch_indices: 2 * indices.size(), scratch_digests: 4 * indices.size(). Time: linear in the
/// proof times the tree's height.
///
/// SOUNDNESS: a hasher gets rows and pairs in order and knows nothing of the tree, so which digest
/// goes where is decided here, for every hasher alike.
template <class Hasher = MerkleHasher>
[[nodiscard]] constexpr MerkleCheck verify_merkle_proof(
    const Digest& root, std::span<const MerkleHeight> shape, std::span<const uint32_t> indices,
    std::span<const uint32_t> rows, std::span<const Digest> digests,
    std::span<uint32_t> scratch_indices, std::span<Digest> scratch_digests,
    const Hasher& hasher = {}) {
  MerkleProofSize size;
  const MerkleCheck check = merkle_proof_size(shape, indices, scratch_indices, size);
  if (check != MerkleCheck::kOk) return check;
  const size_t n = indices.size();
  if (scratch_digests.size() / 4 < n) return MerkleCheck::kScratch;
  if (rows.size() != size.row_words) return MerkleCheck::kRows;
  if (digests.size() != size.digests) return MerkleCheck::kDigests;

  std::span<const uint32_t> known = indices;
  const std::span<Digest> nodes = scratch_digests.subspan(0, n);  // of the known indices
  const std::span<Digest> row_digests = scratch_digests.subspan(n, n);
  const std::span<Digest> pairs = scratch_digests.subspan(2 * n, 2 * n);
  const auto hash_pairs = [&](size_t count) {
    hasher.nodes(pairs.first(2 * count), nodes.first(count));
  };
  size_t next_height = 0, next_digest = 0;
  for (unsigned level = shape[0].log_size;; --level) {
    if (next_height < shape.size() && shape[next_height].log_size == level) {
      const size_t count = known.size();
      const uint32_t width = shape[next_height].width;
      const auto words = rows.first(count * width);
      rows = rows.subspan(words.size());
      if (next_height++ == 0) {
        hasher.rows(words, width, nodes.first(count));
      } else {
        hasher.rows(words, width, row_digests.first(count));
        for (size_t k = 0; k < count; ++k) {
          pairs[2 * k] = nodes[k];
          pairs[2 * k + 1] = row_digests[k];
        }
        hash_pairs(count);
      }
    }
    if (level == 0) return nodes[0] == root ? MerkleCheck::kOk : MerkleCheck::kRoot;
    const std::span<uint32_t> parents = scratch_indices.subspan((level % 2) * n, n);
    size_t count = 0;
    merkle_detail::for_each_parent(known, level - 1, [&](uint32_t i, size_t left, size_t right) {
      const auto child = [&](size_t at) -> const Digest& {
        return at == merkle_detail::kAbsent ? digests[next_digest++] : nodes[at];
      };
      pairs[2 * count] = child(left);
      pairs[2 * count + 1] = child(right);
      parents[count++] = i;
    });
    hash_pairs(count);
    known = parents.first(count);
  }
}

}  // namespace zkvm::stark
