// For attacks by a prover who is not stupid: having changed some cells, he solves for others, so
// that the asserts hold again and only the look-ups can stop him.
#pragma once

#include <array>
#include <vector>

#include "stark/chips/words.h"
#include "tests/stark/chips/row_oracle.h"

namespace zkvm::stark::chips::test {

/// Makes the asserts hold by changing these cells of the row, and says whether that was possible.
/// They are taken to be affine in these cells together. Cells that the asserts leave free stay.
template <class Chip>
bool solve(typename Chip::template Cols<Fp>& row, const std::vector<Fp*>& cells) {
  constexpr size_t kAsserts = 64;
  const auto values = [&] {
    constexpr size_t kCells = kWidth<Chip>;
    std::array<RowValue, kCells> checked;
    const Fp* words = reinterpret_cast<const Fp*>(&row);
    for (size_t i = 0; i < kCells; ++i) checked[i] = RowValue(words[i]);
    RowChecker air;
    check_row<Chip>(air, checked.data(), checked.data());
    std::array<Fp, kAsserts> out{};
    for (const auto& broken : air.broken) out.at(broken.index) = broken.value;
    return out;
  };

  // Gauss-Jordan on the columns (change of all asserts when a cell changes by 1 | -values).
  const std::array<Fp, kAsserts> start = values();
  std::vector<std::array<Fp, kAsserts>> columns;
  for (Fp* const cell : cells) {
    *cell += Fp::one();
    columns.push_back(values());
    *cell -= Fp::one();
    for (size_t i = 0; i < kAsserts; ++i) columns.back()[i] = columns.back()[i] - start[i];
  }
  columns.push_back(start);
  for (Fp& x : columns.back()) x = -x;
  std::vector<size_t> pivots(cells.size(), kAsserts);
  std::array<bool, kAsserts> used{};
  for (size_t c = 0; c < cells.size(); ++c) {
    size_t pivot = 0;
    while (pivot < kAsserts && (used[pivot] || columns[c][pivot] == Fp{})) ++pivot;
    if (pivot == kAsserts) continue;
    used[pivot] = true;
    pivots[c] = pivot;
    const Fp scale = inverse(columns[c][pivot]);
    for (auto& column : columns) column[pivot] = column[pivot] * scale;
    for (size_t i = 0; i < kAsserts; ++i) {
      const Fp factor = columns[c][i];
      if (i == pivot || factor == Fp{}) continue;
      for (auto& column : columns) column[i] = column[i] - factor * column[pivot];
    }
  }
  for (size_t c = 0; c < cells.size(); ++c)
    if (pivots[c] != kAsserts) *cells[c] += columns.back()[pivots[c]];
  return values() == std::array<Fp, kAsserts>{};
}

/// Wrong for an honest cell: its neighbours, what a multiple of p / 2^16 makes of it, anything.
inline Fp wrong_cell(Fp honest, std::mt19937_64& random) {
  const uint32_t steps[] = {1, 2, 255, 256, 32512, 65024, 0x8000, kLimb - 1, kLimb};
  const Fp step = fp(steps[random() % std::size(steps)]);
  switch (random() % 4) {
    case 0:
      return honest + step;
    case 1:
      return honest - step;
    case 2:
      return fp(static_cast<uint32_t>(random() % 256));
    default:
      return fp(static_cast<uint32_t>(random() % kLimb));
  }
}

template <class Chip>
void expect_rejected(const typename Chip::template Cols<Fp>& row) {
  EXPECT_EQ(judge<Chip>(row).judgement, Judgement::kRejected) << Chip::kName;
}

}  // namespace zkvm::stark::chips::test
