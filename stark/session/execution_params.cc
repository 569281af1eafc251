#include "stark/session/execution_params.h"

#include <algorithm>
#include <cmath>

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

}  // namespace

Result<ExecutionParams> choose_execution_params(std::span<const SegmentShape> shapes,
                                                size_t segments, Params wish,
                                                double security_bits) {
  const double bits = security_bits + std::log2(static_cast<double>(segments));
  // All proofs have one form, so the tallest segment's domain decides.
  for (const SegmentShape& segment : shapes)
    while (wish.log_stack > 0 && segment.tables[0].log_height + wish.log_blowup + wish.log_stack >
                                     Fp::kTwoAdicity)
      --wish.log_stack;
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

}  // namespace zkvm::stark::machine
