#include "stark/session/rows/table_heights.h"

#include <zk/check.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace zkvm::stark::machine {
namespace {

/// Heights as a set: bit h for 2^h.
using HeightSet = uint32_t;

/// Tables for `rows` rows from a set of heights. `price`: of a column beside its cells.
class Splitter {
 public:
  Splitter(HeightSet set, uint64_t price) : set_(set), price_(price) {}

  /// The cheapest with heights below 2^end: as many of the tallest as are full, then either one
  /// more of it, or lower ones. Returns what a column of them costs.
  uint64_t split(uint64_t rows, std::vector<uint8_t>* tables, unsigned end = kMaxLogHeight + 1) {
    if (rows == 0) return 0;
    unsigned log = end - 1;
    while ((set_ >> log & 1) == 0) --log;
    const uint64_t full = rows >> log, rest = rows - (full << log);
    if (tables != nullptr) tables->insert(tables->end(), full, static_cast<uint8_t>(log));
    const uint64_t cost = full * column(log);
    if (rest == 0) return cost;
    const bool has_lower = (set_ & ((HeightSet{1} << log) - 1)) != 0;
    if (has_lower && split(rest, nullptr, log) < column(log))
      return cost + split(rest, tables, log);
    if (tables != nullptr) tables->push_back(static_cast<uint8_t>(log));
    return cost + column(log);
  }
  [[nodiscard]] uint64_t column(unsigned log) const { return (uint64_t{1} << log) + price_; }

 private:
  HeightSet set_;
  uint64_t price_;
};

/// What a column costs beside its cells, in cells of a column of average height: its opened value,
/// and a table's share of all else.
constexpr double kColumnPrice = 0.25;

uint8_t least_for(uint8_t log_blowup) { return log_blowup > 1 ? kMinLogShort : kMinLogHeight; }

/// Queries of a proof with this least height over those of one without masks, roughly: for 108 bits
/// at rate (n + 2 q)/(2^b n).
double queries_for(unsigned log_least, uint8_t log_blowup) {
  const double n = std::exp2(log_least), rate = std::exp2(-log_blowup);
  const auto needed = [](double r) { return -108 / std::log2((1 + r) / 2); };
  double queries = needed(rate);
  for (int i = 0; i < 8; ++i) queries = needed(rate * (1 + 2 * queries / n));
  return queries / needed(rate);
}

uint64_t average_height(std::span<const RowsToPlace> chips, uint8_t least) {
  uint64_t cells = 0, columns = 1;
  for (const RowsToPlace& chip : chips) {
    cells += std::max(chip.rows, uint64_t{1} << least) * chip.columns;
    columns += chip.columns;
  }
  return cells / columns;
}

uint64_t cost_of(Splitter& splitter, HeightSet heights, std::span<const RowsToPlace> chips) {
  uint64_t cost = 0;
  for (const RowsToPlace& chip : chips) cost += chip.columns * splitter.split(chip.rows, nullptr);
  for (unsigned log = 0; log <= kMaxLogHeight; ++log)
    if (heights >> log & 1) cost += kHeightColumns * splitter.column(log);
  return cost;
}

}  // namespace

uint32_t committed_columns(const ChipKey& chip) {
  return chip.main_width + chip.late_width +
         static_cast<uint32_t>(5 * chip.interactions.size() + 1) / 2;
}

std::vector<uint8_t> heights_for_jobs(std::span<const uint64_t> jobs, uint8_t least) {
  const auto rows = std::accumulate(jobs.begin(), jobs.end(), uint64_t{0});
  ZK_CHECK(rows > 0);
  const uint8_t whole = std::max(least, static_cast<uint8_t>(std::bit_width(rows - 1)));
  if (whole == least) return {whole};
  // Half as high, or as high as a table can be, and what is left over.
  const uint8_t log = std::min<uint8_t>(whole - 1, kMaxLogHeight);
  const uint64_t half = uint64_t{1} << log;
  uint64_t taken = 0;
  size_t count = 0;
  while (count < jobs.size() && taken + jobs[count] <= half) taken += jobs[count++];
  if (count == 0 || count == jobs.size()) return {whole};
  std::vector<uint8_t> rest = heights_for_jobs(jobs.subspan(count), least);
  uint64_t split = half;
  for (const uint8_t other : rest) split += (uint64_t{1} << other) + kTablePrice;
  if (whole <= kMaxLogHeight && split >= uint64_t{1} << whole) return {whole};
  rest.insert(rest.begin(), log);
  return rest;
}

std::vector<std::vector<uint8_t>> choose_heights(std::span<const RowsToPlace> chips,
                                                 std::span<const uint8_t> present,
                                                 uint8_t log_blowup) {
  const uint8_t least_log = least_for(log_blowup);
  HeightSet given = 0;
  for (const uint8_t log : present) given |= HeightSet{1} << log;
  const uint64_t average = average_height(chips, least_log);
  std::array<uint64_t, kMaxLogHeight + 1> prices{};  // by least height
  for (unsigned log = least_log; log <= kMaxLogHeight; ++log)
    prices[log] = static_cast<uint64_t>(kColumnPrice * static_cast<double>(average) *
                                        queries_for(log, log_blowup));
  const auto splitter_for = [&](HeightSet set) {
    return Splitter(set, prices[std::countr_zero(set | given)]);
  };
  HeightSet best = 0;
  uint64_t least = std::numeric_limits<uint64_t>::max();
  const HeightSet first = HeightSet{1} << least_log;
  uint64_t most_rows = first;
  for (const RowsToPlace& chip : chips) most_rows = std::max(most_rows, chip.rows);
  const auto top = static_cast<unsigned>(std::bit_width(most_rows - 1));
  const HeightSet end = HeightSet{2} << std::min<unsigned>(kMaxLogHeight, top);
  for (HeightSet set = first; set < end; set += first) {
    Splitter splitter = splitter_for(set);
    if (const uint64_t cost = cost_of(splitter, set | given, chips); cost < least)
      least = cost, best = set;
  }
  std::vector<std::vector<uint8_t>> heights(chips.size());
  for (size_t i = 0; i < chips.size(); ++i) splitter_for(best).split(chips[i].rows, &heights[i]);
  return heights;
}

}  // namespace zkvm::stark::machine
