// The witness: what is in the tables before anything is committed.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "stark/air/chip.h"
#include "stark/field/field.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"
#include "stark/protocol/statement.h"

namespace zkvm::stark {

struct Witness;

/// The rows of one chip: 2^log_height rows of all its columns but late ones (slot columns first).
/// Either held, row after row, or produced on demand; a producer is called from several threads at
/// once. Late columns are made once their challenges are drawn.
struct Table {
  /// Writes `count` rows from row `first` on to `rows`, row after row. Must always give the same.
  using Producer = std::function<void(uint64_t first, uint64_t count, Fp* rows)>;
  /// Writes the late columns of all rows of `table`, one of the witness, row after row.
  using LateProducer = std::function<void(const Witness& witness, const Table& table,
                                          const LatePowers& late, Fp* rows)>;

  uint16_t chip = 0;
  uint8_t log_height = 0;
  uint32_t width = 0;
  std::vector<Fp> cells;  // height * width; or empty, and `produce` is set
  Producer produce = {};
  LateProducer make_late = {};  // if and only if the chip has late columns

  [[nodiscard]] uint64_t height() const { return uint64_t{1} << log_height; }
  void read(uint64_t first, uint64_t count, Fp* rows) const;
  /// A cell, to be changed. REQUIRES: the rows are held.
  [[nodiscard]] Fp& cell(uint64_t row, uint32_t column);
};

/// The table of these rows, filled up to 2^log_height with `padding`. Late columns of the rows are
/// left out.
/// REQUIRES: rows.size() <= 2^log_height; chip is the index of Chip in the circuit.
template <ChipDefinition Chip, class Row = typename Chip::template Cols<Fp>>
Table make_table(uint16_t chip, uint8_t log_height, std::vector<Row> rows,
                 const Row& padding = {}) {
  rows.resize(size_t{1} << log_height, padding);
  constexpr size_t kKept = kWidth<Chip> - kLateWidth<Chip>;
  Table table{chip, log_height, static_cast<uint32_t>(kKept), {}};
  table.cells.reserve(rows.size() * kKept);
  for (const Row& row : rows) {
    const Fp* cells = reinterpret_cast<const Fp*>(&row);
    table.cells.insert(table.cells.end(), cells, cells + kKept);
  }
  return table;
}

/// The tables of one proof and what the verifier adds to the buses.
struct Witness {
  std::vector<Table> tables;
  std::vector<PublicInteraction> publics;

  /// Brings the tables into the protocol's order: by height, tallest first, then by chip.
  void sort();
  /// The late columns of a table of it, row after row: height * late_width.
  [[nodiscard]] std::vector<Fp> late_columns(const Table& table, uint32_t late_width,
                                             const LatePowers& late) const;
  /// The table list of the statement. REQUIRES: sorted.
  [[nodiscard]] std::vector<TableSpec> specs() const;
};

}  // namespace zkvm::stark
