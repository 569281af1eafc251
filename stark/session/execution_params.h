// The parameters that all segments of an execution share. Proofs that share a tree must have one
// number of queries, because masks depend on it, and must all be computed at one least rate,
// because only then one root means one polynomial (stark/doc/soundness.md).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "stark/protocol/error.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"
#include "stark/protocol/soundness.h"

namespace zkvm::stark::machine {

/// What parameters of a segment depend on.
struct SegmentShape {
  VerifyingKey key;
  std::vector<TableSpec> tables;
  size_t publics;
  uint64_t cells = 0;  // committed
  uint64_t count = 1;  // segments of this shape
};

/// What time weighs in bytes of receipt, for what is not asked for. Measured on two cores: a quarter
/// of a microsecond a point of the common domain, which has leaves and nodes of its own to hash and a
/// place in the batch; 20 ns a committed cell for each doubling of the domain; 7.5 ns a hash of a nonce.
/// So with these numbers a megabyte weighs two seconds of points, or six of cells and of nonces.
struct Weights {
  double bytes_per_point = 1.0 / 8;
  double bytes_per_cell = 1.0 / 320;
  double bytes_per_hash = 1.0 / 800;
  uint8_t lowest_rate = 2;  // the lowest rate that may be chosen, as log2 of the blowup
};

struct ExecutionParams {
  Params params;
  double least_rate;                // the greatest rate of all segments: VerifyOptions::least_rate
  Regime regime = Regime::kUnique;  // in which they are enough
  double weight = 0;                // of all proofs: bytes, and time as bytes
};

/// The fewest queries and the least work with which every one of the segments has
/// security_bits + log2(segments) bits, at their common rate. `wish`: as for choose_params; but
/// log_stack, log_final and grind_query, from the wished one on, are the best ones by these weights: all nonces are
/// expected within 15 ms, or 5 % of the proof's time. Several segments are judged in unique decoding,
/// one in the widest regime. REQUIRES: shapes is not empty, wish.log_blowup > 0.
/// Errors: those of choose_params.
[[nodiscard]] Result<ExecutionParams> choose_params_at_rate(std::span<const SegmentShape> shapes,
                                                            const Params& wish,
                                                            double security_bits,
                                                            const Weights& weights, Regime widest);

/// The same at the best rate by these weights where wish.log_blowup is 0: a table's heights depend on
/// the rate, so shapes_for(log_blowup), Result<std::vector<SegmentShape>>, makes those for a rate. They
/// are those of its last call when this returns without an error.
template <std::invocable<uint8_t> ShapesFor>
[[nodiscard]] Result<ExecutionParams> choose_execution_params(ShapesFor shapes_for, Params wish,
                                                              double security_bits,
                                                              const Weights& weights = {},
                                                              Regime widest = Regime::kJohnson) {
  const bool any = wish.log_blowup == 0;
  const uint8_t first = any ? uint8_t{1} : wish.log_blowup;
  const uint8_t last = any ? std::max(weights.lowest_rate, first) : first;
  std::optional<Result<ExecutionParams>> best;
  auto shapes = shapes_for(first);
  for (uint8_t rate = first; rate <= last; ++rate) {
    if (rate == 2 && rate != first) shapes = shapes_for(rate);  // lower ones want the same heights
    wish.log_blowup = rate;
    Result<ExecutionParams> chosen =
        shapes ? choose_params_at_rate(*shapes, wish, security_bits, weights, widest)
               : Result<ExecutionParams>(propagate(shapes));
    if (!best || (chosen && (!*best || chosen->weight <= (*best)->weight)))
      best = std::move(chosen);
  }
  if (any && last > 1 && *best && (*best)->params.log_blowup == 1) {
    shapes = shapes_for(1);
    if (!shapes) return propagate(shapes);
  }
  return std::move(*best);
}

/// Bytes of a proof with this shape: what differs from proof to proof are the digests that its
/// queries have in common, some hundredths of it; here those of one choice of queries.
[[nodiscard]] uint64_t estimate_proof_bytes(const Shape& shape);

}  // namespace zkvm::stark::machine
