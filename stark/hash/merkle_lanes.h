// Rows and nodes of a multi-proof hashed as many at a time as the CPU has lanes: a hasher for
// verify_merkle_proof (merkle_proof.h), which decides what is hashed.
#pragma once

#include "stark/hash/blake3_kernels.h"
#include "stark/hash/merkle_proof.h"

namespace zkvm::stark {

struct MerkleLaneHasher {
  void rows(std::span<const uint32_t> rows, uint32_t width, std::span<Digest> digests) const {
    blake3_kernels().hash_packed_rows(rows.data(), width, digests.size(), words(digests));
  }
  void nodes(const uint32_t* const* children, std::span<Digest> digests) const {
    blake3_kernels().hash_packed_nodes(children, digests.size(), words(digests));
  }

 private:
  // Digests side by side are words side by side.
  static_assert(sizeof(Digest) == 32);
  static uint32_t* words(std::span<Digest> digests) { return digests.data()->data(); }
};

}  // namespace zkvm::stark
