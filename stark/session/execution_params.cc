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

/// All proofs have one form: the largest segment's rows decide, and the tallest one's domain.
uint8_t log_stack(std::span<const SegmentShape> shapes, uint8_t log_blowup, uint32_t row_words) {
  const SegmentShape& largest = *std::ranges::max_element(shapes, {}, &SegmentShape::cells);
  uint8_t out = 0, tallest = 0;
  for (const SegmentShape& segment : shapes)
    tallest = std::max(tallest, segment.tables[0].log_height);
  while (out < kMaxLogStack && tallest + log_blowup + out < Fp::kTwoAdicity &&
         largest.cells >> (largest.tables[0].log_height + out + 1) >= row_words)
    ++out;
  return out;
}

/// At a given rate.
Result<ExecutionParams> params_at(std::span<const SegmentShape> shapes, Params wish,
                                  double security_bits, uint32_t row_words) {
  const double bits = security_bits + std::log2(static_cast<double>(segments_of(shapes)));
  wish.log_stack = log_stack(shapes, wish.log_blowup, row_words);
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

Result<uint64_t> bytes_of(std::span<const SegmentShape> shapes, const Params& params) {
  uint64_t bytes = 0;
  for (const SegmentShape& segment : shapes) {
    const auto shape = make_shape(segment.key, params, segment.tables);
    if (!shape) return propagate(shape);
    bytes += segment.count * estimate_proof_bytes(*shape);
  }
  return bytes;
}

}  // namespace

Result<ExecutionParams> choose_execution_params(std::span<const SegmentShape> shapes,
                                                const Params& wish, double security_bits,
                                                uint32_t row_words) {
  if (wish.log_blowup != 0) return params_at(shapes, wish, security_bits, row_words);
  Params half_wish = wish, quarter_wish = wish;
  half_wish.log_blowup = 1;
  quarter_wish.log_blowup = 2;
  auto half = params_at(shapes, half_wish, security_bits, row_words);
  auto quarter = params_at(shapes, quarter_wish, security_bits, row_words);
  if (!half || !quarter) return half ? half : quarter;
  const auto long_bytes = bytes_of(shapes, half->params);
  const auto short_bytes = bytes_of(shapes, quarter->params);
  if (!long_bytes) return propagate(long_bytes);
  if (!short_bytes) return propagate(short_bytes);
  uint64_t cells = 0;
  for (const SegmentShape& segment : shapes) cells += segment.count * segment.cells;
  const uint64_t saved = *long_bytes - std::min(*long_bytes, *short_bytes);
  return saved >= cells / kCellsPerByte ? quarter : half;
}

uint64_t estimate_proof_bytes(const Shape& shape) {
  constexpr uint64_t kDigest = 32, kElement = 4 * uint64_t{kExtensionDegree};
  const Params& params = shape.params;
  const uint64_t nonce = params.grind_round > 0 ? 8 : 0;
  uint64_t bytes = 4 + 4 + params.serialise().size() + serialise(shape.tables).size();
  bytes += shape.phases.size() * kDigest + kElement * shape.groups.size() + 3 * nonce;
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
