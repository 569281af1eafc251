// BLAKE3 on many lanes: rows and nodes of Merkle trees, extended output, nonce search. Written once
// (blake3.simd.cc), compiled for each instruction set; blake3.h is the reference they are tested
// against.
//
// Digests lie in packs: word w of lane l at pack[16 w + l], 128 words a pack, 64-byte aligned. So a
// node's message is its children's memory: no transposition above the leaves.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

inline constexpr size_t kDigestPackWords = 8 * kPackLanes;

/// Adjacent words of each row of a run of rows. Word i of row r, i < words <= 16, lies at
///
///   first + (r / 16) pack_stride + (r % 16) row_stride + i
///
/// Fast layouts, 64-byte aligned: tiles (row_stride 16, all 16 words readable), single columns
/// (row_stride 1, words 1).
struct RowPiece {
  const uint32_t* first;
  uint32_t words;
  uint32_t row_stride;
  uint32_t pack_stride;
};

struct Blake3Kernels {
  /// out: the row hashes of packs * 16 rows, a row being its pieces side by side. At least one
  /// word.
  void (*hash_rows)(const RowPiece* pieces, size_t piece_count, size_t packs, uint32_t* out);

  /// out[g] = Node(left[g], right[g]), lane by lane; out may be left or right.
  void (*hash_nodes)(const uint32_t* left, const uint32_t* right, size_t packs, uint32_t* out);

  /// What hash_rows and hash_nodes compute of rows and digests as a proof has them: rows one after
  /// the other, digests word by word, as many as there are, at any address. `width` >= 1. Node k has
  /// the children 2 k and 2 k + 1, which `digests` does not overlap.
  void (*hash_packed_rows)(const uint32_t* rows, size_t width, size_t count, uint32_t* digests);
  void (*hash_packed_nodes)(const uint32_t* const* children, size_t count, uint32_t* digests);

  /// Extended output: `blocks` blocks of 16 words, from block `counter` on, of the root block (cv,
  /// block, length, flags). `blocks` is a multiple of 16; out is 64-byte aligned.
  void (*extend)(const uint32_t cv[8], const uint32_t block[16], uint32_t length, uint32_t flags,
                 uint64_t counter, size_t blocks, uint32_t* out);

  /// The smallest good nonce (Transcript::grind_passes) in [first, first + count), or ~0. count is
  /// a multiple of 16.
  uint64_t (*grind)(const uint32_t state[8], unsigned bits, uint64_t first, uint64_t count);

  /// For benchmarks, the floor of all the above: `count` chained compressions of each of 32 lanes,
  /// the message (2 * kDigestPackWords) in the first-level cache. cv: 2 * kDigestPackWords.
  void (*compress_chain)(const uint32_t* message, size_t count, uint32_t* cv);
};

ZKVM_SIMD_KERNELS(Blake3Kernels, blake3_kernels);

}  // namespace zkvm::stark
