// One chunk of the LogUp stage (logup.h): what the kernels read and write.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/field.h"
#include "stark/prover/stages/interactions.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

struct LogupPair {
  bool single;  // the second interaction does not exist
  Fingerprint fingerprint[2];
  PackedForm multiplicity[2];  // with the sign
};

struct LogupPlan {
  InteractionView interactions;
  const LogupPair* pairs;
  uint32_t pair_count;
  uint32_t tiles;    // tiles that the interactions read
  uint32_t columns;  // 16 * tiles
  uint32_t aux_tiles;
  uint32_t acc;  // its first column in aux
};

struct LogupChunk {
  const uint32_t* const* tiles;  // per tile its first row of the chunk; rows follow one another
  uint32_t* const* aux_tiles;    // likewise, to be written
  uint32_t rows;                 // a multiple of the lanes
  Fp5* total;                    // sum of h over the chunk
  uint32_t* scratch;             // scratch_words(plan, rows), 64-byte aligned
};

struct LogupKernels {
  uint32_t lanes;
  size_t (*scratch_words)(const LogupPlan& plan, uint32_t rows);
  /// Writes h, and acc as if the chunk's first row were the first of all and S were 0.
  void (*logup_chunk)(const LogupPlan& plan, const LogupChunk& chunk);
  /// Row r of a tile += start + r * step; start and step have 16 words.
  void (*add_line)(uint32_t* rows, uint32_t count, const uint32_t* start, const uint32_t* step);
};
ZKVM_SIMD_KERNELS(LogupKernels, logup_kernels);

}  // namespace zkvm::stark
