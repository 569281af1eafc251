// How much memory a session's proofs take, from their shapes: which matrices the prover holds at
// which stage (prover.cc), fixed and shared trees, records, receipts. What of it is not counted in
// matrices is fitted to measured proofs.
#pragma once

#include <cstdint>
#include <span>

#include "stark/air/circuit.h"
#include "stark/protocol/shape.h"
#include "stark/session/rows/layer_rows.h"
#include "vm/elf.h"
#include "vm/survey.h"

namespace zkvm::stark::machine {

/// Bytes that the prover of one proof holds at its peak, the trees of its slots among them.
/// `rows_bytes`: what its tables are made from, until all but aux and quotient is committed.
[[nodiscard]] uint64_t prover_memory(const Shape& shape, uint64_t rows_bytes);

/// Bytes of a tree of fixed columns, as it is kept: `log_blowup` of the tree; rows tallest first.
[[nodiscard]] uint64_t fixed_tree_memory(std::span<const Slot::Row> rows, uint8_t log_blowup);

/// Bytes that a segment's record takes, and the words of memory that it refers to.
/// `pages`: of this segment, or of one before, if that had more.
[[nodiscard]] uint64_t record_memory(const vm::Program& program, const vm::Survey& survey,
                                     uint64_t pages);
/// The same where only these numbers are known.
[[nodiscard]] uint64_t record_memory(uint64_t cycles, uint64_t layer_words);

/// Bytes of the rows of layers' jobs (LayerRows).
[[nodiscard]] uint64_t jobs_memory(const Circuit& circuit, const LayerJobs& jobs);

/// Of a whole session.
struct MemoryUse {
  uint64_t largest_segment = 0;  // its proof, with record and rows
  uint64_t segments = 1;
  uint64_t proof_bytes = 0;    // of all segments' proofs
  uint64_t program_bytes = 0;  // contents of the ELF file's regions, and layers
  uint64_t other_trees = 0;    // fixed and shared ones that are kept beside that segment's
  uint64_t layer_lists = 0;    // LayerImage::memory()
};
[[nodiscard]] uint64_t estimate_memory(const MemoryUse& use);

}  // namespace zkvm::stark::machine
