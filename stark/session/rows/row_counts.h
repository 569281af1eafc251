// How many rows of which chip a segment's instructions and calls become. That follows from how often each was
// executed, so a survey (vm/survey.h) does as well as a record.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "stark/chips/program_row.h"
#include "stark/session/image/layer_image.h"
#include "vm/survey.h"

namespace zkvm::stark::machine {

/// Rows by the chip's name, none of them 0.
using RowCounts = std::map<std::string, uint64_t>;

/// The chips of instructions, without calls of layers and hashes.
enum class Sort : uint8_t {
  kAddImm,
  kAddImmInPlace,
  kAdd,
  kAddInPlace,
  kBits,
  kShiftImm,
  kShiftImmInPlace,
  kShift,
  kCompare,
  kBranch,
  kBranchEqual,
  kJalr,
  kLoadWord,
  kStoreWord,
  kSubWord,
  kMul,
  kMulInPlace,
  kMulHigh,
  kDiv,
  kSystem,
  kNone,  // no instruction, or ebreak
};
inline constexpr size_t kSorts = static_cast<size_t>(Sort::kNone);

/// The narrowest chip that has the instruction.
[[nodiscard]] Sort narrowest(const chips::ProgramRow& insn);

/// How many rows of each.
class SortedRows {
 public:
  uint64_t& operator[](Sort sort) { return rows_[static_cast<size_t>(sort)]; }
  uint64_t operator[](Sort sort) const { return rows_[static_cast<size_t>(sort)]; }

  /// Rows of narrow chips join a wider one's table, where they are few.
  void join_few();
  /// Where instructions of this narrowest chip have their rows.
  [[nodiscard]] Sort joined(Sort narrow) const { return to_[static_cast<size_t>(narrow)]; }

 private:
  void join_if_few(Sort narrow, Sort wide);

  std::array<uint64_t, kSorts + 1> rows_ = {};  // one for kNone, of which nothing is told
  std::array<Sort, kSorts + 1> to_ = [] {
    std::array<Sort, kSorts + 1> out{};
    for (size_t i = 0; i <= kSorts; ++i) out[i] = static_cast<Sort>(i);
    return out;
  }();
};

/// Not joined. `counts`: executions of each row of the program table. `calls`: how many of them are of layers and
/// hashes, which have rows of their own alone.
template <class Count>
[[nodiscard]] SortedRows sorted_rows(std::span<const chips::ProgramRow> text,
                                     std::span<const Count> counts, uint64_t calls) {
  SortedRows out;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0) out[narrowest(text[i])] += counts[i];
  out[Sort::kSystem] -= std::min(out[Sort::kSystem], calls);
  return out;
}

/// By name; also those of words moved and of calls of hashes.
[[nodiscard]] RowCounts row_counts(const SortedRows& sorted, uint64_t transfers,
                                   const std::array<vm::HashUse, vm::kHashes>& hashes);
/// Of a segment, all that chip_rows() has.
[[nodiscard]] RowCounts row_counts(std::span<const chips::ProgramRow> text,
                                   const LayerImage& layers, const vm::Survey& survey);

}  // namespace zkvm::stark::machine
