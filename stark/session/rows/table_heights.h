// Into which tables the rows of a segment's chips go: heights are powers of two, so a chip's rows
// are spread over several tables of a few heights, and little is lost to padding.
//
// Three things work against many small tables: every height in use costs columns of its own (running
// sum, quotient); every column of every table is opened once at zeta; and the shorter the shortest
// table, the more queries. The search minimises committed cells plus a price for each column of each
// table: a part of the average height of a column, times the growth of queries that short tables
// cause. (How many words a query opens depends on the cells alone.)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stark/machine/image.h"
#include "stark/protocol/key.h"

namespace zkvm::stark::machine {

struct RowsToPlace {
  uint64_t rows;
  uint32_t columns;  // committed per row: main, and the aux columns of its interactions
};

/// Committed columns of a table of this chip: its main columns and half a pair column, five
/// elements, for each interaction.
[[nodiscard]] uint32_t committed_columns(const ChipKey& chip);

/// Committed columns of each height in use: blind column, its half pair, running sum, quotient.
inline constexpr uint32_t kHeightColumns = 19;

/// What another table of jobs takes beside its cells, in rows.
inline constexpr uint64_t kTablePrice = 1u << 11;

/// Heights (log2) of tables for these jobs, each of which must be in one: table by table, each takes as
/// many in turn as it has room for. `least`: of all. REQUIRES: at most 2^kMaxLogHeight rows each, and some.
[[nodiscard]] std::vector<uint8_t> heights_for_jobs(std::span<const uint64_t> jobs,
                                                    uint8_t least = kMinLogHeight);

/// For each chip the heights (log2) of its tables, tallest first; none for a chip without rows.
/// `present`: heights that the proof has anyway. `log_blowup`: of the proof. REQUIRES: the chips look
/// at no next row.
[[nodiscard]] std::vector<std::vector<uint8_t>> choose_heights(std::span<const RowsToPlace> chips,
                                                               std::span<const uint8_t> present,
                                                               uint8_t log_blowup = 1);

}  // namespace zkvm::stark::machine
