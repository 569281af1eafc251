#include "stark/machine/table_heights.h"

#include <limits>

namespace zkvm::stark::machine {
namespace {

/// Heights as a set: bit h for 2^h.
using HeightSet = uint32_t;

constexpr uint64_t price(unsigned log) { return (uint64_t{1} << log) + kColumnPrice; }

/// The cheapest tables for `rows` rows with heights of the set below 2^end: as many of the tallest
/// as are full, then either one more of it, or lower ones. Returns what a column of them costs.
uint64_t split_rows(uint64_t rows, HeightSet set, unsigned end, std::vector<uint8_t>* tables) {
  if (rows == 0) return 0;
  unsigned log = end - 1;
  while ((set >> log & 1) == 0) --log;
  const uint64_t full = rows >> log, rest = rows - (full << log);
  if (tables != nullptr) tables->insert(tables->end(), full, static_cast<uint8_t>(log));
  uint64_t cost = full * price(log);
  if (rest == 0) return cost;
  const HeightSet lower = set & ((HeightSet{1} << log) - 1);
  if (lower != 0 && split_rows(rest, set, log, nullptr) < price(log))
    return cost + split_rows(rest, set, log, tables);
  if (tables != nullptr) tables->push_back(static_cast<uint8_t>(log));
  return cost + price(log);
}

uint64_t cost_of(HeightSet set, std::span<const RowsToPlace> chips, HeightSet present) {
  uint64_t cost = 0;
  for (const RowsToPlace& chip : chips)
    cost += chip.columns * split_rows(chip.rows, set, kMaxLogHeight + 1, nullptr);
  for (unsigned log = 0; log <= kMaxLogHeight; ++log)
    if ((set | present) >> log & 1) cost += kHeightColumns * price(log);
  return cost;
}

}  // namespace

uint32_t committed_columns(const ChipKey& chip) {
  return chip.main_width + static_cast<uint32_t>(5 * chip.interactions.size() + 1) / 2;
}

std::vector<std::vector<uint8_t>> choose_heights(std::span<const RowsToPlace> chips,
                                                 std::span<const uint8_t> present) {
  HeightSet given = 0;
  for (const uint8_t log : present) given |= HeightSet{1} << log;
  HeightSet best = 0;
  uint64_t least = std::numeric_limits<uint64_t>::max();
  constexpr HeightSet kLeast = HeightSet{1} << kMinLogHeight;
  for (HeightSet set = kLeast; set < HeightSet{2} << kMaxLogHeight; set += kLeast)
    if (const uint64_t cost = cost_of(set, chips, given); cost < least) least = cost, best = set;
  std::vector<std::vector<uint8_t>> heights(chips.size());
  for (size_t i = 0; i < chips.size(); ++i)
    split_rows(chips[i].rows, best, kMaxLogHeight + 1, &heights[i]);
  return heights;
}

}  // namespace zkvm::stark::machine
