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

/// Without a call of the library.
constexpr double two_to(unsigned log) { return static_cast<double>(uint64_t{1} << log); }

/// Tables for rows from a set of heights.
class Splitter {
 public:
  /// `prices`: of a column beside its cells, by height.
  using Prices = std::array<double, kMaxLogHeight + 1>;
  Splitter(HeightSet set, const Prices& prices) : set_(set) {
    for (unsigned log = 0; log <= kMaxLogHeight; ++log) columns_[log] = two_to(log) + prices[log];
  }

  /// What a column of the cheapest tables costs: as many of the tallest as are full, then either one
  /// more of it, or lower ones.
  [[nodiscard]] double cost(uint64_t rows) const { return cost(rows, set_); }
  [[nodiscard]] std::vector<uint8_t> split(uint64_t rows) const {
    std::vector<uint8_t> tables;
    for (HeightSet set = set_; rows != 0;) {
      const unsigned log = tallest(set);
      tables.insert(tables.end(), rows >> log, static_cast<uint8_t>(log));
      rows &= (uint64_t{1} << log) - 1;
      set ^= HeightSet{1} << log;
      if (rows == 0 || (set != 0 && cost(rows, set) < columns_[log])) continue;
      tables.push_back(static_cast<uint8_t>(log));
      break;
    }
    return tables;
  }
  /// Whether one of the tables is of the tallest height.
  [[nodiscard]] bool takes_tallest(uint64_t rows) const {
    const unsigned log = tallest(set_);
    const HeightSet lower = set_ ^ (HeightSet{1} << log);
    return rows >> log != 0 || (rows != 0 && (lower == 0 || cost(rows, lower) >= columns_[log]));
  }
  [[nodiscard]] HeightSet set() const { return set_; }
  [[nodiscard]] double column(unsigned log) const { return columns_[log]; }

 private:
  static unsigned tallest(HeightSet set) { return static_cast<unsigned>(std::bit_width(set)) - 1; }
  [[nodiscard]] double cost(uint64_t rows, HeightSet set) const {
    if (rows == 0) return 0;
    const unsigned log = tallest(set);
    const double full = static_cast<double>(rows >> log) * columns_[log];
    rows &= (uint64_t{1} << log) - 1;
    if (rows == 0) return full;
    set ^= HeightSet{1} << log;
    return full + (set == 0 ? columns_[log] : std::min(cost(rows, set), columns_[log]));
  }

  HeightSet set_;
  Prices columns_;
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
        if (all >> log & 1) longest = std::max(longest, masks(log, top) / two_to(log));
      queries_ = needed(longest);
    }
    for (unsigned log = least; log <= top && queries_ < kMaxQueries; ++log)
      if ((all >> log & 1) != 0 && !is_short(log, top) && 3 * (queries_ + 6) > two_to(log))
        queries_ = kImpossible;
    top_ = top;
  }

  [[nodiscard]] bool possible() const { return queries_ < kMaxQueries; }
  [[nodiscard]] double queries() const { return queries_; }
  /// Shape's condition, for a few queries more.
  [[nodiscard]] bool is_short(unsigned log, unsigned top) const {
    const double most = 1.06 * queries_;
    return log + kShortLift <= top && two_to(log) >= most + 6 &&
           two_to(log + target_.log_blowup) >= 4 * most;
  }
  /// Of a column: its opened value, and its part of a word.
  [[nodiscard]] double bytes(unsigned log) const {
    const unsigned places = is_short(log, top_) ? std::min(top_ - log, kMaxLogShortStack)
                                                : top_ + 1 - std::min(log, top_);
    return 4 * kExtensionDegree + 4 * queries_ / two_to(places);
  }

 private:
  /// Coefficients that the longest polynomials of a height have beyond its rows.
  [[nodiscard]] double masks(unsigned log, unsigned top) const {
    return is_short(log, top) ? queries_ / 8 + 11 : 2 * queries_ + 11;
  }
  [[nodiscard]] double needed(double longer) const {
    const double rho = (1 + longer) / two_to(target_.log_blowup);
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
        two_to(log) >= 10 * (proportions.queries() / 8 + 11))
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

struct HeightSearch::Candidate {
  double fixed;  // what it costs beside the chips' tables
  Splitter splitter;
};

HeightSearch::HeightSearch(const ProofTarget& target) : target_(target) {}
HeightSearch::~HeightSearch() = default;

/// Cheapest first.
const std::vector<HeightSearch::Candidate>& HeightSearch::candidates(HeightSet given,
                                                                     unsigned top) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = candidates_.try_emplace({given, top});
  std::vector<Candidate>& out = found->second;
  if (!is_new) return out;
  const unsigned tallest =
      std::max<unsigned>(top, static_cast<unsigned>(std::bit_width(given | 1)) - 1);
  const double cells_per_byte = target_.cells_per_byte / two_to(target_.log_blowup - 1u);
  for (const HeightSet set :
       sets_to_try(least_long(target_), top, short_height(tallest, target_))) {
    const HeightSet all = set | given;
    const Proportions proportions(all, target_);
    if (!proportions.possible()) continue;
    Splitter::Prices prices{};
    for (unsigned log = 0; log <= kMaxLogHeight; ++log)
      if (all >> log & 1) prices[log] = cells_per_byte * proportions.bytes(log);
    const Splitter splitter(set, prices);
    double fixed = cells_per_byte * kQueryBytes * proportions.queries();
    for (unsigned log = 0; log <= kMaxLogHeight; ++log)
      if (all >> log & 1) fixed += kHeightColumns * splitter.column(log);
    out.push_back({fixed, splitter});
  }
  std::ranges::sort(out, {},
                    [](const Candidate& c) { return std::pair(c.fixed, c.splitter.set()); });
  return out;
}

std::vector<std::vector<uint8_t>> HeightSearch::choose(std::span<const RowsToPlace> chips,
                                                       std::span<const uint8_t> present) {
  HeightSet given = 0;
  for (const uint8_t log : present) given |= HeightSet{1} << log;
  const uint8_t least = least_long(target_);
  uint64_t most_rows = uint64_t{1} << least;
  double filled = 0;  // cells that no choice saves
  for (const RowsToPlace& chip : chips) {
    most_rows = std::max(most_rows, chip.rows);
    filled += static_cast<double>(chip.columns) * static_cast<double>(chip.rows);
  }
  const unsigned top =
      std::min<unsigned>(kMaxLogHeight, static_cast<unsigned>(std::bit_width(most_rows - 1)));

  const Splitter* best = nullptr;
  double least_cost = kImpossible;
  for (const Candidate& candidate : candidates(given, top)) {
    double cost = candidate.fixed + filled;
    if (cost >= least_cost) break;
    for (auto chip = chips.begin(); chip != chips.end() && cost < least_cost; ++chip)
      cost +=
          chip->columns * (candidate.splitter.cost(chip->rows) - static_cast<double>(chip->rows));
    if (cost >= least_cost) continue;
    // Others are short or not by the tallest one, so it must be there.
    const bool is_there = std::bit_width(candidate.splitter.set()) <= std::bit_width(given) ||
                          std::ranges::any_of(chips, [&](const RowsToPlace& chip) {
                            return candidate.splitter.takes_tallest(chip.rows);
                          });
    if (!is_there) continue;
    least_cost = cost;
    best = &candidate.splitter;
  }
  // No proof has enough bits: whoever asks will be told.
  const Splitter any(heights_from(least), {});
  std::vector<std::vector<uint8_t>> heights;
  for (const RowsToPlace& chip : chips)
    heights.push_back((best != nullptr ? *best : any).split(chip.rows));
  return heights;
}

}  // namespace zkvm::stark::machine
