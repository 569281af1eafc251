#include "stark/session/execution_params.h"

#include <zk/check.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "stark/hash/merkle_proof.h"
#include "stark/protocol/proof.h"
#include "stark/protocol/soundness.h"

namespace zkvm::stark::machine {
namespace {

/// The greatest rate of the shapes with these very parameters.
Result<double> greatest_rate(std::span<const SegmentShape> shapes, const Params& params) {
  double rate = 0;
  for (const SegmentShape& segment : shapes) {
    const auto shape = make_shape(segment.key, params, segment.tables);
    if (!shape) return propagate(shape);
    rate = std::max(rate, soundness(*shape, segment.key.tuple_width, segment.publics).rho);
  }
  return rate;
}

size_t segments_of(std::span<const SegmentShape> shapes) {
  size_t count = 0;
  for (const SegmentShape& segment : shapes) count += segment.count;
  return count;
}

/// The fewest queries at a given rate, with stacks of a given height.
Result<ExecutionParams> params_for(std::span<const SegmentShape> shapes, const Params& wish,
                                   double security_bits) {
  const double bits = security_bits + std::log2(static_cast<double>(segments_of(shapes)));
  ExecutionParams common{wish, 0};
  // Least fixed point: starts at 1 query; a round can only raise queries and rate, so it ends.
  for (;;) {
    common.params.queries = 1;
    common.params.grind_round = 0;
    for (const SegmentShape& segment : shapes) {
      const auto chosen = choose_params(segment.key, segment.tables, segment.publics, wish, bits,
                                        common.least_rate);
      if (!chosen) return propagate(chosen);
      common.params.queries = std::max(common.params.queries, chosen->queries);
      common.params.grind_round = std::max(common.params.grind_round, chosen->grind_round);
    }
    const auto rate = greatest_rate(shapes, common.params);
    if (!rate) return propagate(rate);
    if (*rate <= common.least_rate) return common;
    common.least_rate = *rate;
  }
}

/// The same parameters, weighed.
Result<ExecutionParams> weigh(std::span<const SegmentShape> shapes, const ExecutionParams& params,
                              const Weights& weights) {
  ExecutionParams out{params.params, params.least_rate};
  for (const SegmentShape& segment : shapes) {
    const auto shape = make_shape(segment.key, params.params, segment.tables);
    if (!shape) return propagate(shape);
    const double points = std::exp2(shape->log_domain());
    const double cells =
        static_cast<double>(segment.cells) * std::exp2(params.params.log_blowup - 1);
    out.weight += static_cast<double>(segment.count) *
                  (static_cast<double>(estimate_proof_bytes(*shape)) +
                   weights.bytes_per_point * points + weights.bytes_per_cell * cells);
  }
  return out;
}

}  // namespace

Result<ExecutionParams> choose_params_at_rate(std::span<const SegmentShape> shapes,
                                              const Params& wish, double security_bits,
                                              const Weights& weights) {
  ZK_CHECK(wish.log_blowup > 0);
  const auto best_with = [&](uint8_t log_stack) -> Result<ExecutionParams> {
    Params with = wish;
    with.log_stack = log_stack;
    const auto params = params_for(shapes, with, security_bits);
    if (!params) return propagate(params);
    return weigh(shapes, *params, weights);
  };
  const auto without = best_with(0);
  if (!without) return without;
  // All proofs have one form, so the tallest table's domain limits the stacks.
  unsigned tallest = 0;
  for (const SegmentShape& segment : shapes)
    tallest = std::max<unsigned>(tallest, segment.tables[0].log_height);
  ExecutionParams best = *without;
  for (ExecutionParams next = best;
       next.params.log_stack < kMaxLogStack &&
       tallest + wish.log_blowup + next.params.log_stack < Fp::kTwoAdicity;) {
    ++next.params.log_stack;  // queries differ by a few at most
    const auto weighed = weigh(shapes, next, weights);
    if (!weighed || weighed->weight >= best.weight) break;
    best = *weighed;
  }
  return best.params.log_stack == 0 ? without : best_with(best.params.log_stack);
}

uint64_t estimate_proof_bytes(const Shape& shape) {
  constexpr uint64_t kDigest = 32, kElement = 4 * uint64_t{kExtensionDegree};
  const Params& params = shape.params;
  const uint64_t nonce = params.grind_round > 0 ? 8 : 0;
  uint64_t bytes = 4 + 4 + params.serialise().size() + serialise(shape.tables).size();
  // As many nonces as phases: before lambda, gamma, zeta and the batch.
  bytes += shape.phases.size() * (kDigest + nonce) + kElement * shape.groups.size();
  bytes += kElement * (uint64_t{shape.openings()} + shape.final_bound);
  bytes += shape.layers.size() * (kDigest + nonce) + (params.grind_query > 0 ? 8 : 0);

  std::mt19937 random(1);  // which queries does not matter, only that they are anyhow
  std::vector<uint32_t> indices(params.queries);
  for (uint32_t& index : indices) index = static_cast<uint32_t>(random());
  for (size_t tree = 0; tree < opened_trees(shape); ++tree) {
    const std::vector<uint32_t> rows = opened_rows(shape, tree, indices);
    std::vector<uint32_t> scratch(2 * rows.size());
    MerkleProofSize size;
    ZK_CHECK(merkle_proof_size(merkle_shape(shape, tree), rows, scratch, size) == MerkleCheck::kOk);
    bytes += 4 * size.row_words + 4 + kDigest * size.digests;
  }
  return bytes;
}

}  // namespace zkvm::stark::machine
