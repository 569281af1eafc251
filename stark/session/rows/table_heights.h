// Into which tables the rows of a segment's chips go: heights are powers of two, so a chip's rows
// are spread over several tables of a few heights, and little is lost to padding.
//
// What works against many small tables: every height in use costs columns of its own (running sum,
// quotient); every column of every table is opened once at zeta, and has its share of a word that each
// query opens; and masks lengthen the polynomials of short tables, and with them the rate and the number
// of queries of the whole proof. So heights between those that may have short masks (protocol.md section 9)
// and those where long ones weigh little are not used. The search minimises committed cells and bytes,
// which are weighed as in Weights (execution_params.h).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "stark/air/chip.h"
#include "stark/machine/image.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"
#include "stark/protocol/soundness.h"

namespace zkvm::stark::machine {

/// What heights are chosen for: they and the number of queries depend on each other.
struct ProofTarget {
  uint8_t log_blowup = 1;
  Regime regime = Regime::kJohnson;
  double bits = kDefaultSecurityBits;  // of one proof
  double cells_per_byte = 320;         // that weigh as much, at rate 1/2
};

struct RowsToPlace {
  uint64_t rows;
  uint32_t columns;  // committed per row: main, and the aux columns of its interactions
};

/// Heights as a set: bit h for 2^h.
using HeightSet = uint32_t;

/// All from one on.
[[nodiscard]] constexpr HeightSet heights_from(uint8_t least) {
  return (HeightSet{2} << kMaxLogHeight) - (HeightSet{1} << least);
}

/// Committed columns of a table of this chip: its main columns and half a pair column, five
/// elements, for each interaction.
[[nodiscard]] constexpr uint32_t committed_columns(size_t columns, size_t interactions) {
  return static_cast<uint32_t>(columns + (5 * interactions + 1) / 2);
}
[[nodiscard]] uint32_t committed_columns(const ChipKey& chip);
/// The same, without its key.
template <ChipDefinition Chip>
[[nodiscard]] uint32_t committed_columns() {
  static const uint32_t kColumns =
      committed_columns(kWidth<Chip> - kSlotWidth<Chip>, count_interactions<Chip>());
  return kColumns;
}
/// Of all chips of a list, by name.
template <ChipDefinition... Chips>
[[nodiscard]] std::map<std::string, uint32_t> committed_columns(ChipList<Chips...>) {
  return {{Chips::kName, committed_columns<Chips>()}...};
}

/// Committed columns of each height in use: blind column, its half pair, running sum, quotient.
inline constexpr uint32_t kHeightColumns = 19;

/// Of tables of jobs, if they have short masks.
inline constexpr uint8_t kMinLogJobs = 9;
static_assert(kBlindRows * (1 + kMaxLogHeight - kMinLogShort + 1) < 1u << kMinLogJobs);
static_assert(kMinLogJobs + kShortLift <= kMinLogFixed);

/// What another table of jobs takes beside its cells, in rows.
inline constexpr uint64_t kTablePrice = 1u << 11;

/// The least height that may have short masks below a tallest one of 2^log_tallest rows, and be worth it;
/// 0 if there is none.
[[nodiscard]] uint8_t short_height(unsigned log_tallest, const ProofTarget& target);

/// Heights (log2) of tables for these jobs, each of which must be in one: table by table, each takes as
/// many in turn as it has room for. `allowed`: heights, 2^kMaxLogHeight among them. REQUIRES: at most
/// 2^kMaxLogHeight rows each, and some.
[[nodiscard]] std::vector<uint8_t> heights_for_jobs(
    std::span<const uint64_t> jobs, HeightSet allowed = heights_from(kMinLogHeight));

/// The search for heights, for one target. It keeps what depends on that alone: for many segments of an execution
/// one is quicker than one each. Safe to use from several threads.
class HeightSearch {
 public:
  explicit HeightSearch(const ProofTarget& target = {});
  ~HeightSearch();

  [[nodiscard]] const ProofTarget& target() const { return target_; }
  /// For each chip the heights (log2) of its tables, tallest first; none for a chip without rows.
  /// `present`: heights that the proof has anyway. REQUIRES: the chips look at no next row.
  [[nodiscard]] std::vector<std::vector<uint8_t>> choose(std::span<const RowsToPlace> chips,
                                                         std::span<const uint8_t> present);

 private:
  struct Candidate;
  const std::vector<Candidate>& candidates(HeightSet given, unsigned top);

  ProofTarget target_;
  std::mutex mutex_;
  std::map<std::pair<HeightSet, unsigned>, std::vector<Candidate>>
      candidates_;  // by given and top; only added to
};

}  // namespace zkvm::stark::machine
