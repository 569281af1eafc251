// The parameters that all segments of an execution share. Proofs that share a tree must have one
// number of queries, because masks depend on it, and must all be computed at one least rate,
// because only then one root means one polynomial (stark/doc/soundness.md).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "stark/protocol/error.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark::machine {

/// What parameters of a segment depend on.
struct SegmentShape {
  VerifyingKey key;
  std::vector<TableSpec> tables;
  size_t publics;
  uint64_t cells = 0;  // committed
  uint64_t count = 1;  // segments of this shape
};

/// Rate 1/4 in place of 1/2 must save a byte of receipt for so many committed cells, which each take
/// some 20 ns more then: a megabyte for five seconds.
inline constexpr uint64_t kCellsPerByte = 256;

/// Committed words that a row of main and aux together should have at least: stacks of more columns
/// make rows, and with them receipts, shorter; but then there are more rows to hash, and each has a
/// block for the sake of few words.
inline constexpr uint32_t kRowWords = 112;

struct ExecutionParams {
  Params params;
  double least_rate;  // the greatest rate of all segments: VerifyOptions::least_rate
};

/// The fewest queries and the least work with which every one of the segments has
/// security_bits + log2(segments) bits, at their common rate. `wish`: as for choose_params; but
/// log_stack is as great as leaves rows of `row_words` and the domain allows, and log_blowup 0 is 2
/// where that is worth its time (kCellsPerByte), else 1.
/// REQUIRES: shapes is not empty. Errors: those of choose_params.
[[nodiscard]] Result<ExecutionParams> choose_execution_params(std::span<const SegmentShape> shapes,
                                                              const Params& wish,
                                                              double security_bits,
                                                              uint32_t row_words = kRowWords);

/// Bytes of a proof with this shape: what differs from proof to proof are the digests that its
/// queries have in common, some hundredths of it; here those of one choice of queries.
[[nodiscard]] uint64_t estimate_proof_bytes(const Shape& shape);

}  // namespace zkvm::stark::machine
