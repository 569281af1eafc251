// From the record of a segment to the tables of its proof.
//
//   vm::Segment, program, words of the banks  ->  Witness of machine_circuit(image, bank uses)
//
// The rows of a class of instructions become rows of one or two chips (chip_rows.h), the rows of a
// chip are spread over tables of a few heights (table_heights.h). Tables are produced on demand
// from the record, so there is no second copy of it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/machine/circuit.h"
#include "stark/session/image/program_image.h"
#include "stark/session/rows/bank_words.h"
#include "stark/session/rows/layer_rows.h"
#include "stark/session/rows/row_counts.h"
#include "stark/session/rows/table_heights.h"
#include "stark/witness/witness.h"
#include "vm/elf.h"
#include "vm/record.h"
#include "vm/survey.h"

namespace zkvm::stark::machine {

/// A program as the prover has it.
struct MachineProgram {
  const vm::Program& program;
  const ProgramImage& image;  // of that program
};

/// How many rows of each chip with a free number of them. `jobs`: the segment's.
[[nodiscard]] RowCounts count_rows(const ProgramImage& image, const vm::Survey& survey,
                                   const LayerJobs& jobs);
/// Adds the rows of jobs.
void add_jobs(RowCounts& rows, const LayerJobs& jobs);

/// Heights (log2) of the tables of each of these chips, tallest first.
using ChipHeights = std::map<std::string, std::vector<uint8_t>>;
/// `jobs`: of the chips whose rows are counted there, what these rows are.
[[nodiscard]] ChipHeights chip_heights(const Circuit& circuit, const RowCounts& rows,
                                       HeightSearch& search, const LayerJobs& jobs = {});

/// The tables of a proof with these heights, in the protocol's order.
[[nodiscard]] std::vector<TableSpec> place_tables(const Circuit& circuit,
                                                  const ChipHeights& heights);

/// The witness of a segment; it has the tables of place_tables(). `heights`: chip_heights() of the
/// segment's count_rows(), `forms`: those of its jobs. `memory`: the banks' words at the segment's start. All but `publics`
/// must outlive the witness, unchanged: tables read them.
[[nodiscard]] Witness segment_witness(const MachineProgram& program, const Circuit& circuit,
                                      std::span<const BankUse> uses, const BankWords& memory,
                                      const vm::Segment& segment, const ChipHeights& heights,
                                      const WideForms& forms,
                                      std::vector<PublicInteraction> publics);

/// The tables of these banks alone: enough to commit the trees that the segment shares with others.
[[nodiscard]] Witness bank_witness(const MachineProgram& program, const Circuit& circuit,
                                   std::span<const BankUse> uses, const BankWords& memory,
                                   const vm::Segment& segment);

}  // namespace zkvm::stark::machine
