// Changes to proofs that know where every byte belongs: what a forger would try, and what a
// careless parser would let pass. Every mutation differs from the proof it was made from, so a
// verifier must refuse it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "stark/protocol/proof.h"

namespace zkvm::stark {

/// A run of bytes of one kind in a serialised proof.
struct ProofBytes {
  enum class Kind { kInteger, kField, kDigest };
  std::string name;  // "tree 2: rows"
  Kind kind;
  size_t offset;
  size_t length;  // bytes
  size_t item;    // bytes of one item: an integer, a word, an element of E, a digest
};

/// The classes of bytes of proof.serialise(), in order, without gaps.
[[nodiscard]] std::vector<ProofBytes> proof_layout(const Proof& proof);

class ProofMutator {
 public:
  /// `other`: a second proof of the same shape, from which parts are borrowed; may be `good`
  /// itself.
  ProofMutator(const Proof& good, const Proof& other, uint64_t seed);

  /// The next mutation, never equal to the good proof's bytes; `what` says what was done.
  [[nodiscard]] std::vector<uint8_t> next(std::string& what);

  /// Flips one bit in the middle of this class.
  [[nodiscard]] std::vector<uint8_t> flip(const ProofBytes& at) const;

  [[nodiscard]] const std::vector<ProofBytes>& layout() const { return layout_; }
  [[nodiscard]] const std::vector<uint8_t>& good() const { return bytes_; }

 private:
  [[nodiscard]] std::vector<uint8_t> change_bytes(std::string& what);
  [[nodiscard]] std::vector<uint8_t> change_structure(std::string& what);
  [[nodiscard]] size_t below(size_t count) { return static_cast<size_t>(random_() % count); }

  Proof proof_, other_;
  std::vector<uint8_t> bytes_, other_bytes_;
  std::vector<ProofBytes> layout_;
  std::mt19937_64 random_;
};

}  // namespace zkvm::stark
