#include "host/proof_cost.h"

#include <algorithm>
#include <utility>

#include "host/code_rate.h"
#include "host/program.h"
#include "host/proof_speed.h"
#include "host/verify.h"
#include "stark/session/image/program_image.h"
#include "stark/session/proof_estimate.h"

namespace zkvm {
Result<ProofCost> proof_cost(const vm::Program& program, const vm::RunResult& run,
                             const ProveOptions& options) {
  if (const auto why = why_unprovable(program)) {
    return tl::unexpected(Error{ErrorCode::kUnfitElf, *why});
  }
  stark::machine::SessionOptions session;
  const Result<CodeRate> rate = code_rate(options.rate, stark::machine::kImageRate + 1);
  if (!rate) return tl::unexpected(rate.error());
  session.log_blowup = rate->log_blowup;
  session.weights = rate->weights;
  session.segment_cycles = options.segment_cycles;
  session.memory_bytes = options.memory_limit;
  session.security_bits = options.security_bits;
  session.widest = receipt_regime(options.regime, 1);
  const auto estimate = stark::machine::estimate_proof(program, run, session);
  if (!estimate) return tl::unexpected(Error{ErrorCode::kInsecure, estimate.error().message});
  ProofCost cost;
  cost.segments = static_cast<uint32_t>(estimate->segments);
  cost.cells = estimate->cells;
  cost.seconds = typical_seconds(cost.cells, cost.segments, estimate->params.log_blowup);
  cost.receipt_bytes = estimate->proof_bytes + run.journal.size() + 40 * estimate->banks + 400;
  cost.memory = estimate->memory;
  return cost;
}

}  // namespace zkvm
