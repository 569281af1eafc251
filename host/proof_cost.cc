#include "host/proof_cost.h"

#include <algorithm>
#include <utility>

#include "host/program.h"
#include "host/proof_speed.h"
#include "stark/session/proof_estimate.h"

namespace zkvm {
namespace {

// Bytes at the peak, fitted to the measured proofs of README.md.
constexpr double kBytesPerProof = 48e6;
double bytes_per_cell(uint8_t log_blowup) { return log_blowup == 1 ? 10.5 : 20; }

}  // namespace

Result<ProofCost> proof_cost(const vm::Program& program, const vm::RunResult& run,
                             const ProveOptions& options) {
  if (const auto why = why_unprovable(program)) {
    return tl::unexpected(Error{ErrorCode::kUnfitElf, *why});
  }
  stark::machine::SessionOptions session;
  session.log_blowup = log_blowup(options.rate, run.cycles);
  session.segment_cycles = options.segment_cycles;
  session.memory_bytes = options.memory_limit;
  session.security_bits = options.security_bits;
  const auto estimate = stark::machine::estimate_proof(program, run, session);
  if (!estimate) return tl::unexpected(Error{ErrorCode::kInsecure, estimate.error().message});
  ProofCost cost;
  cost.segments = static_cast<uint32_t>(estimate->segments);
  cost.cells = estimate->cells;
  cost.seconds = typical_seconds(cost.cells, cost.segments, session.log_blowup);
  cost.receipt_bytes = estimate->proof_bytes + run.journal.size() + 40 * estimate->banks + 400;
  cost.memory =
      static_cast<uint64_t>(kBytesPerProof + bytes_per_cell(session.log_blowup) *
                                                 static_cast<double>(estimate->largest_cells)) +
      4 * cost.receipt_bytes;
  return cost;
}

}  // namespace zkvm
