#include "stark/session/execution_params.h"

#include <zk/check.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "stark/hash/merkle_proof.h"
#include "stark/protocol/proof.h"

namespace zkvm::stark::machine {
namespace {

/// The shapes without what their sizes and soundness do not depend on, because dozens of parameters are tried: of a
/// chip's key its expressions and forms.
std::vector<SegmentShape> outlines(std::span<const SegmentShape> shapes) {
  std::vector<SegmentShape> out;
  for (const SegmentShape& segment : shapes) {
    SegmentShape& outline = out.emplace_back(
        SegmentShape{{}, segment.tables, segment.publics, segment.cells, segment.count});
    outline.key.tuple_width = segment.key.tuple_width;
    outline.key.slots = segment.key.slots;
    for (const ChipKey& chip : segment.key.chips) {
      ChipKey& of = outline.key.chips.emplace_back();
      of.name = chip.name;
      of.log_height = chip.log_height;
      of.slots = chip.slots;
      of.main_width = chip.main_width;
      of.late_width = chip.late_width;
      of.late_degree = chip.late_degree;
      of.next = chip.next;
      of.asserts = chip.asserts;
      for (const Interaction& interaction : chip.interactions)
        of.interactions.push_back(
            {interaction.bus, interaction.kind, interaction.max_multiplicity, {}, {}});
    }
  }
  return out;
}

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

/// The fewest queries at a given rate, with stacks of a given height, in one regime.
Result<ExecutionParams> params_for(std::span<const SegmentShape> shapes, const Params& wish,
                                   double security_bits, Regime regime) {
  const double bits = security_bits + std::log2(static_cast<double>(segments_of(shapes)));
  ExecutionParams common{wish, 0, regime};
  // Least fixed point: starts at 1 query; a round can only raise queries and rate, so it ends.
  for (;;) {
    common.params.queries = 1;
    common.params.grind_round = 0;
    for (const SegmentShape& segment : shapes) {
      const auto chosen = choose_params(segment.key, segment.tables, segment.publics, wish, bits,
                                        common.least_rate, regime);
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

/// Times as in Weights, in nanoseconds.
constexpr double kPointTime = 250, kCellTime = 20, kHashTime = 7.5;
constexpr double kMostNonceTime = 15e6, kMostNoncePart = 0.05;

struct Weighed {
  double weight = 0;
  bool quick = true;  // the nonces
};

Result<Weighed> weigh(std::span<const SegmentShape> shapes, const Params& params,
                      const Weights& weights) {
  Weighed out;
  for (const SegmentShape& segment : shapes) {
    const auto shape = make_shape(segment.key, params, segment.tables);
    if (!shape) return propagate(shape);
    const double points = std::exp2(shape->log_domain());
    const double cells = static_cast<double>(segment.cells) * std::exp2(params.log_blowup - 1);
    const auto hashes = static_cast<double>(shape->expected_hashes());
    out.weight +=
        static_cast<double>(segment.count) *
        (static_cast<double>(estimate_proof_bytes(*shape)) + weights.bytes_per_point * points +
         weights.bytes_per_cell * cells + weights.bytes_per_hash * hashes);
    const double time = kPointTime * points + kCellTime * cells;
    out.quick &= kHashTime * hashes <= std::max(kMostNonceTime, kMostNoncePart * time);
  }
  return out;
}

/// The best stacks, final polynomial, and work before the queries, one after the other, in one regime.
Result<ExecutionParams> choose_in(Regime regime, std::span<const SegmentShape> shapes,
                                  const Params& wish, double security_bits,
                                  const Weights& weights) {
  bool quick = true;
  const auto with = [&](const Params& params) -> Result<ExecutionParams> {
    auto out = params_for(shapes, params, security_bits, regime);
    if (!out) return out;
    const auto weighed = weigh(shapes, out->params, weights);
    if (!weighed) return propagate(weighed);
    out->weight = weighed->weight;
    quick = weighed->quick;
    return out;
  };
  auto best = with(wish);
  if (!best) return best;

  // All proofs have one form, so the tallest table's domain limits the stacks.
  unsigned tallest = 0;
  for (const SegmentShape& segment : shapes)
    tallest = std::max<unsigned>(tallest, segment.tables[0].log_height);
  Params next = best->params;
  double least = best->weight;
  while (next.log_stack < kMaxLogStack &&
         tallest + wish.log_blowup + next.log_stack < Fp::kTwoAdicity) {
    ++next.log_stack;  // queries differ by a few at most
    const auto weighed = weigh(shapes, next, weights);
    if (!weighed || weighed->weight >= least) break;
    least = weighed->weight;
    Params stacked = wish;
    stacked.log_stack = next.log_stack;
    if (auto better = with(stacked)) best = std::move(better);
  }

  // A longer final polynomial instead of a layer.
  next = wish;
  next.log_stack = best->params.log_stack;
  for (const uint8_t log_final : {uint8_t{11}, uint8_t{12}}) {
    Params longer = next;
    longer.log_final = log_final;
    if (auto other = with(longer); other && other->weight < best->weight) {
      best = std::move(other);
      next = longer;
    }
  }

  // Work before the queries instead of some of them.
  while (next.grind_query < kMaxGrind) {
    ++next.grind_query;
    const auto ground = with(next);
    if (!ground || !quick || ground->weight >= best->weight) break;
    best = ground;
  }
  return best;
}

}  // namespace

Result<ExecutionParams> choose_params_at_rate(std::span<const SegmentShape> shapes,
                                              const Params& wish, double security_bits,
                                              const Weights& weights, Regime widest) {
  ZK_CHECK(wish.log_blowup > 0);
  const std::vector<SegmentShape> outlined = outlines(shapes);
  const auto in = [&](Regime regime) {
    return choose_in(regime, outlined, wish, security_bits, weights);
  };
  if (std::min(widest, widest_regime(segments_of(shapes))) == Regime::kUnique)
    return in(Regime::kUnique);
  // From some 136 bits on unique decoding may have fewer queries, or be the only one to have enough.
  auto johnson = in(Regime::kJohnson);
  if (johnson && security_bits <= kDefaultSecurityBits) return johnson;
  auto unique = in(Regime::kUnique);
  return !johnson || (unique && unique->weight < johnson->weight) ? unique : johnson;
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
