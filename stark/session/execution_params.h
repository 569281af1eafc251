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
};

struct ExecutionParams {
  Params params;
  double least_rate;  // the greatest rate of all segments: VerifyOptions::least_rate
};

/// The fewest queries and the least work with which every one of the segments has
/// security_bits + log2(segments) bits, at their common rate. `wish`: as for choose_params.
/// REQUIRES: shapes is not empty; it may leave out repetitions. Errors: those of choose_params.
[[nodiscard]] Result<ExecutionParams> choose_execution_params(std::span<const SegmentShape> shapes,
                                                              size_t segments, Params wish,
                                                              double security_bits);

}  // namespace zkvm::stark::machine
