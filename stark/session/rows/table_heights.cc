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

/// A query's bytes beside the columns' words: paths, FRI.
constexpr double kQueryBytes = 2000;
constexpr double kImpossible = std::numeric_limits<double>::infinity();

/// Tables for `rows` rows from a set of heights. `prices`: of a column beside its cells, by height.
class Splitter {
 public:
  using Prices = std::array<double, kMaxLogHeight + 1>;
  Splitter(HeightSet set, const Prices& prices) : set_(set), prices_(&prices) {}

  /// The cheapest with heights below 2^end: as many of the tallest as are full, then either one
  /// more of it, or lower ones. Returns what a column of them costs.
  double split(uint64_t rows, std::vector<uint8_t>* tables, unsigned end = kMaxLogHeight + 1) {
    if (rows == 0) return 0;
    unsigned log = end - 1;
    while ((set_ >> log & 1) == 0) --log;
    const uint64_t full = rows >> log, rest = rows - (full << log);
    if (tables != nullptr) tables->insert(tables->end(), full, static_cast<uint8_t>(log));
    const double cost = static_cast<double>(full) * column(log);
    if (rest == 0) return cost;
    const bool has_lower = (set_ & ((HeightSet{1} << log) - 1)) != 0;
    if (has_lower && split(rest, nullptr, log) < column(log))
      return cost + split(rest, tables, log);
    if (tables != nullptr) tables->push_back(static_cast<uint8_t>(log));
    return cost + column(log);
  }
  [[nodiscard]] double column(unsigned log) const { return std::exp2(log) + (*prices_)[log]; }

 private:
  HeightSet set_;
  const Prices* prices_;
};

/// What the heights of a proof's tables do to its rate and queries, roughly.
class Proportions {
 public:
  Proportions(HeightSet all, const ProofTarget& target) : target_(target) {
    const auto top = static_cast<unsigned>(std::bit_width(all)) - 1;
    const auto least = static_cast<unsigned>(std::countr_zero(all));
    if (kBlindRows * static_cast<unsigned>(std::popcount(all)) >= 1u << least) return;
    queries_ = needed(0);
    for (int i = 0; i < 6; ++i) {
      double longest = 0;
      for (unsigned log = least; log <= top; ++log)
        if (all >> log & 1) longest = std::max(longest, masks(log, top) / std::exp2(log));
      queries_ = needed(longest);
    }
    for (unsigned log = least; log <= top && queries_ < kMaxQueries; ++log)
      if ((all >> log & 1) != 0 && !is_short(log, top) && 3 * (queries_ + 6) > std::exp2(log))
        queries_ = kImpossible;
    top_ = top;
  }

  [[nodiscard]] bool possible() const { return queries_ < kMaxQueries; }
  [[nodiscard]] double queries() const { return queries_; }
  /// Shape's condition, for a few queries more.
  [[nodiscard]] bool is_short(unsigned log, unsigned top) const {
    const double most = 1.06 * queries_;
    return log + kShortLift <= top && std::exp2(log) >= most + 6 &&
           std::exp2(log + target_.log_blowup) >= 4 * most;
  }
  /// Of a column: its opened value, and its part of a word.
  [[nodiscard]] double bytes(unsigned log) const {
    const unsigned places = is_short(log, top_) ? std::min(top_ - log, kMaxLogShortStack)
                                                : top_ + 1 - std::min(log, top_);
    return 4 * kExtensionDegree + 4 * queries_ / std::exp2(places);
  }

 private:
  /// Coefficients that the longest polynomials of a height have beyond its rows.
  [[nodiscard]] double masks(unsigned log, unsigned top) const {
    return is_short(log, top) ? queries_ / 8 + 11 : 2 * queries_ + 11;
  }
  [[nodiscard]] double needed(double longer) const {
    const double rho = (1 + longer) * std::exp2(-target_.log_blowup);
    const double agreement =
        target_.regime == Regime::kUnique ? (1 + rho) / 2 : 1.01 * std::sqrt(rho);
    return agreement < 1
               ? std::max(1.0, (Params{}.grind_query - target_.bits) / std::log2(agreement))
               : kImpossible;
  }

  ProofTarget target_;
  unsigned top_ = 0;
  double queries_ = kImpossible;
};

/// Sets of heights to try: of those from `least` to `top` all, and each with one that is short.
std::vector<HeightSet> sets_to_try(uint8_t least, unsigned top, uint8_t lowest) {
  std::vector<HeightSet> out;
  std::vector<HeightSet> lows = {0};
  for (uint8_t log = lowest; lowest != 0 && log < std::min<unsigned>(least, lowest + 2u); ++log)
    lows.push_back(HeightSet{1} << log);
  const HeightSet first = HeightSet{1} << least;
  for (const HeightSet low : lows)
    for (HeightSet set = 0; set < HeightSet{2} << top; set += first)
      if ((set | low) != 0) out.push_back(set | low);
  return out;
}

std::vector<std::vector<uint8_t>> split_all(std::span<const RowsToPlace> chips, Splitter splitter) {
  std::vector<std::vector<uint8_t>> heights(chips.size());
  for (size_t i = 0; i < chips.size(); ++i) splitter.split(chips[i].rows, &heights[i]);
  return heights;
}

unsigned tallest_of(const std::vector<std::vector<uint8_t>>& heights, HeightSet given) {
  HeightSet all = given;
  for (const auto& of_chip : heights)
    for (const uint8_t log : of_chip) all |= HeightSet{1} << log;
  return static_cast<unsigned>(std::bit_width(all)) - 1;
}

uint8_t least_long(const ProofTarget& target) {
  return target.log_blowup > 1 ? kMinLogShort : kMinLogHeight;
}

}  // namespace

uint32_t committed_columns(const ChipKey& chip) {
  return committed_columns(size_t{chip.main_width} + chip.late_width, chip.interactions.size());
}

uint8_t short_height(unsigned log_tallest, const ProofTarget& target) {
  // With the lowest of the others, of which the rate may be.
  const HeightSet others = HeightSet{1} << log_tallest | HeightSet{1} << least_long(target);
  const Proportions proportions(others, target);
  // Masks of some q/8 coefficients are to be a tenth.
  for (uint8_t log = 6; proportions.possible() && log + kShortLift <= log_tallest; ++log)
    if (proportions.is_short(log, log_tallest) &&
        std::exp2(log) >= 10 * (proportions.queries() / 8 + 11))
      return log;
  return 0;
}

std::vector<uint8_t> heights_for_jobs(std::span<const uint64_t> jobs, HeightSet allowed) {
  const auto rows = std::accumulate(jobs.begin(), jobs.end(), uint64_t{0});
  ZK_CHECK(rows > 0 && (allowed >> kMaxLogHeight & 1) != 0);
  unsigned whole = static_cast<unsigned>(std::bit_width(rows - 1));
  while (whole < kMaxLogHeight && (allowed >> whole & 1) == 0) ++whole;
  const HeightSet lower =
      allowed & ((HeightSet{1} << std::min<unsigned>(whole, kMaxLogHeight + 1)) - 1);
  if (lower == 0) return {static_cast<uint8_t>(whole)};
  // The next height, or as high as a table can be, and what is left over.
  const auto log = static_cast<uint8_t>(std::bit_width(lower) - 1);
  const uint64_t half = uint64_t{1} << log;
  uint64_t taken = 0;
  size_t count = 0;
  while (count < jobs.size() && taken + jobs[count] <= half) taken += jobs[count++];
  if (count == 0 || count == jobs.size()) return {static_cast<uint8_t>(whole)};
  std::vector<uint8_t> rest = heights_for_jobs(jobs.subspan(count), allowed);
  uint64_t split = half;
  for (const uint8_t other : rest) split += (uint64_t{1} << other) + kTablePrice;
  if (whole <= kMaxLogHeight && split >= uint64_t{1} << whole) return {static_cast<uint8_t>(whole)};
  rest.insert(rest.begin(), log);
  std::ranges::sort(rest, std::greater{});
  return rest;
}

std::vector<std::vector<uint8_t>> choose_heights(std::span<const RowsToPlace> chips,
                                                 std::span<const uint8_t> present,
                                                 const ProofTarget& target) {
  HeightSet given = 0;
  for (const uint8_t log : present) given |= HeightSet{1} << log;
  const uint8_t least = least_long(target);
  uint64_t most_rows = uint64_t{1} << least;
  for (const RowsToPlace& chip : chips) most_rows = std::max(most_rows, chip.rows);
  const unsigned top =
      std::min<unsigned>(kMaxLogHeight, static_cast<unsigned>(std::bit_width(most_rows - 1)));
  const unsigned tallest =
      std::max<unsigned>(top, static_cast<unsigned>(std::bit_width(given | 1)) - 1);
  const double cells_per_byte = target.cells_per_byte / std::exp2(target.log_blowup - 1);

  std::vector<std::vector<uint8_t>> best;
  Splitter::Prices prices{};
  double least_cost = kImpossible;
  for (const HeightSet set : sets_to_try(least, top, short_height(tallest, target))) {
    const Proportions proportions(set | given, target);
    if (!proportions.possible()) continue;
    for (unsigned log = 0; log <= kMaxLogHeight; ++log)
      if ((set | given) >> log & 1) prices[log] = cells_per_byte * proportions.bytes(log);
    Splitter splitter(set, prices);
    double cost = cells_per_byte * kQueryBytes * proportions.queries();
    for (const RowsToPlace& chip : chips) cost += chip.columns * splitter.split(chip.rows, nullptr);
    for (unsigned log = 0; log <= kMaxLogHeight; ++log)
      if ((set | given) >> log & 1) cost += kHeightColumns * splitter.column(log);
    if (cost >= least_cost) continue;
    auto heights = split_all(chips, splitter);
    // Others are short or not by the tallest one, so it must be there.
    if (tallest_of(heights, given) != static_cast<unsigned>(std::bit_width(set | given)) - 1)
      continue;
    least_cost = cost;
    best = std::move(heights);
  }
  // No proof has enough bits: whoever asks will be told.
  if (best.empty()) best = split_all(chips, Splitter(heights_from(least), prices));
  return best;
}

}  // namespace zkvm::stark::machine
