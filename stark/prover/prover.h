// The prover. Read prover.cc beside verifier.cc: the same sections in the same order.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/pcs/commit/committed_tree.h"
#include "stark/protocol/error.h"
#include "stark/protocol/proof.h"
#include "stark/protocol/statement.h"
#include "stark/prover/stage_timer.h"
#include "stark/transcript/transcript.h"

namespace zkvm::stark {

struct ProverOptions {
  Params params;                         // see choose_params (soundness.h)
  std::optional<Randomness::Seed> seed;  // tests only; by default fresh from the system
  TranscriptLog* log = nullptr;          // sees every message
  /// Called between stages with the part of the work that is done, 0..1, and what comes next.
  /// Returning false cancels.
  std::function<bool(double, const char*)> progress;
};

struct ProverStats {
  std::vector<StageTime> stages;
  uint64_t committed_cells = 0;  // trace cells of main, aux and quotient trees, salt not counted
  uint64_t committed_bytes = 0;  // of those cells: trace and LDE
  uint64_t nonce_hashes = 0;     // that all nonces are expected to take
};

/// The statement that prove() proves: the witness's publics and the roots of the shared trees.
[[nodiscard]] Statement make_statement(const Circuit& circuit, const Witness& witness,
                                       const SlotTrees& slots);

/// Proves that the witness satisfies the circuit; slot columns of the witness must be those of the
/// slots' trees. A witness that violates a constraint gives a proof that does not verify: use
/// checker.h to find out what is wrong with it. Its tables are let go once they are committed: move it
/// here. Errors: kParams, kTables, kStatement, kCancelled.
[[nodiscard]] Result<Proof> prove(const Circuit& circuit, Witness witness, const SlotTrees& slots,
                                  const ProverOptions& options, ProverStats* stats = nullptr);

}  // namespace zkvm::stark
