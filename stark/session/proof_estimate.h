// What the proof of an execution will take, from how often each instruction was executed: no record
// is made, so it costs milliseconds where a session's first run would take seconds.
//
// Exact for an execution of one segment, up to the digests in common of a proof's queries. Of more
// segments it supposes that layers are called in their order, that each segment's instructions are like
// those of the others, and that it uses all memory that any uses.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stark/machine/image.h"
#include "stark/protocol/error.h"
#include "stark/protocol/shape.h"
#include "stark/session/rows/segment_witness.h"
#include "stark/session/session.h"
#include "vm/elf.h"
#include "vm/run.h"

namespace zkvm::stark::machine {

struct ProofEstimate {
  size_t segments = 0;
  Params params;
  uint64_t cells = 0;        // committed, of all segments
  uint64_t memory = 0;       // at the peak, in bytes
  uint64_t proof_bytes = 0;  // of all segments' proofs
  uint64_t banks = 0;        // uses of banks, of all segments
};

/// Bytes of what is kept of a program: three copies of its contents, and its layers.
[[nodiscard]] uint64_t program_bytes(const vm::Program& program);

/// Rows of each chip in a segment of `cycles` of the execution's instructions, if they are like all.
/// With all of them: count_rows() of the record.
[[nodiscard]] RowCounts estimate_rows(const vm::Program& program, const vm::RunResult& run,
                                      uint64_t cycles);

/// `run`: as by vm::run(), without a trap. `options`: those of the session that would prove it. Errors: those of machine_circuit and
/// choose_execution_params.
[[nodiscard]] Result<ProofEstimate> estimate_proof(const vm::Program& program,
                                                   const vm::RunResult& run,
                                                   const SessionOptions& options);

/// Cells that a segment's proof commits to, those of quotients not counted.
[[nodiscard]] uint64_t committed_cells(const Circuit& circuit, std::span<const TableSpec> tables);

/// Cells that a call of a layer commits to in tables with a free number of rows, those of the cheaper form,
/// padding not counted; and those of its weights, once for a segment.
[[nodiscard]] uint64_t layer_cells(const vm::Layer& layer);

/// What segments are cut by, in cells that they commit to, roughly: of a tick, and of calls.
inline constexpr uint64_t kCellsPerTick = 65;
[[nodiscard]] vm::CallCosts call_costs(const LayerImage& layers);

}  // namespace zkvm::stark::machine
