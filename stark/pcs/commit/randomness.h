// The prover's randomness: one 32-byte seed, expanded by BLAKE3 into independent streams of field
// elements. A stream is addressed, not consumed, so threads need no order and one seed gives one
// proof on any number of threads and any instruction set.
//
// ZERO-KNOWLEDGE: elements are uniform (by rejection, no bias) as long as BLAKE3's extended output
// of an unknown seed is pseudo-random. A seed must be fresh for every proof, and a shared
// tree's seed is its own; nothing of it may reach a proof.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stark/field/field.h"
#include "stark/hash/blake3.h"

namespace zkvm::stark {

/// What a stream is for: streams of different uses are independent.
enum class RandomUse : uint32_t {
  kMask,           // rho of a committed column
  kSalt,           // salt of a tree's rows
  kQuotientChunk,  // ra of a group's quotient
  kBlinding,       // R of a group, or the columns that fill its chunks' stack
  kBlindColumn,    // what a group sends on the blind bus
};

class Randomness {
 public:
  using Seed = std::array<uint8_t, 32>;

  /// A seed from the operating system through BoringSSL (RAND_bytes). Aborts if there is no
  /// entropy.
  [[nodiscard]] static Seed fresh_seed();

  explicit Randomness(const Seed& seed) : seed_(seed) {}

  /// The first out.size() elements of part `part` of stream (use, index). Any two of (use, index,
  /// part) name independent sequences. part < 2^32, out.size() < 2^30.
  void fill(RandomUse use, uint64_t index, uint64_t part, std::span<Fp> out) const;

  /// Fills a long column on all threads: elements [i * 4096, (i + 1) * 4096) are part i.
  void fill_column(RandomUse use, uint64_t index, std::span<Fp> out) const;

 private:
  [[nodiscard]] Blake3Xof stream(RandomUse use, uint64_t index) const;
  static void fill_part(const Blake3Xof& stream, uint64_t part, std::span<Fp> out);

  Seed seed_;
};

}  // namespace zkvm::stark
