// Which rows of a segment's record become rows of which chip.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/chips/program_row.h"
#include "stark/session/image/layer_image.h"
#include "stark/session/rows/lookup_counts.h"
#include "vm/elf.h"
#include "vm/record.h"

namespace zkvm::stark::machine {

/// All rows of one chip of instructions, before they are cut into tables.
struct ChipRows {
  const char* chip;  // name
  uint32_t width;
  uint64_t rows;
  /// Writes rows [first, first + count) one after the other; safe to call from several threads.
  std::function<void(uint64_t first, uint64_t count, Fp* out)> fill;
  /// Counts the look-ups of `count` rows.
  void (*count_lookups)(const Fp* rows, uint64_t count, LookupCounts& counts);
};

/// The chips that have rows in this segment, those of the tensor unit (layer_rows.h) left out, but for
/// its calls. `rows_of_text`: the program table, by the record's `index`. All must outlive the result.
[[nodiscard]] std::vector<ChipRows> chip_rows(const vm::Program& program,
                                              std::span<const chips::ProgramRow> rows_of_text,
                                              const LayerImage& layers, const vm::Segment& segment);

}  // namespace zkvm::stark::machine
