// One chunk of the constraint stage (constraints.h): what the kernels read and write.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/air/assert_kernels.h"
#include "stark/prover/stages/interactions.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

struct ChipPlan {
  AssertKernel kernel;
  uint32_t asserts;
  uint32_t width;
  const uint32_t* columns;  // places in the buffer; null: consecutive, from first_column on
  uint32_t first_column;
  struct NextColumn {
    uint32_t column;  // of the chip
    uint32_t place;   // in the buffer of next rows
  };
  const NextColumn* next;
  uint32_t next_count;
};

/// The pair's equation times alpha^i, rearranged: (h F1 - alpha^i m1) f2 - m2 F1, F1 = alpha^i f1.
/// F1 comes from a table like f1, so alpha^i is free. Single: h F1 - alpha^i m1.
struct ConstraintPair {
  bool single;
  Fingerprint scaled_first, second;
  PackedForm multiplicity[2];  // with the sign
  uint32_t minus_alpha[5];     // -alpha^i, Montgomery words
};

struct ConstraintPlan {
  InteractionView interactions;
  const ConstraintPair* pairs;
  uint32_t pair_count;
  const ChipPlan* chips;
  uint32_t chip_count;
  const uint32_t* late;                // LatePowers::words()
  const uint32_t (*assert_powers)[5];  // centred words, over all chips
  uint32_t running_sum_matrix[5][5];   // multiplication by alpha^i of the running sum
  uint32_t constant[5];                // added to each row's result
  uint32_t tiles, columns;             // of the current row
  uint32_t next_tiles, next_columns;
  uint32_t h;         // place of the first pair's column
  uint32_t acc;       // of acc's first
  uint32_t next_acc;  // place of acc's five columns, in the buffer of next rows
  uint32_t gathered;  // widest chip
  uint32_t values;    // most asserts of a chip
};

struct ConstraintChunk {
  const uint32_t* const* tiles;       // per tile its first row of the chunk
  const uint32_t* const* next_tiles;  // per tile the next row of the first row
  const uint32_t* const* next_tails;  // per tile the next row of the last row
  uint32_t rows;                      // a multiple of the lanes
  uint32_t* out;                      // first word of the first row; rows are 16 words apart
  uint32_t* scratch;                  // scratch_words(plan), 64-byte aligned
};

struct ConstraintKernels {
  uint32_t lanes;
  size_t (*scratch_words)(const ConstraintPlan& plan);
  void (*evaluate_chunk)(const ConstraintPlan& plan, const ConstraintChunk& chunk);
};
ZKVM_SIMD_KERNELS(ConstraintKernels, constraint_kernels);

}  // namespace zkvm::stark
