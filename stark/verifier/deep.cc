#include "stark/verifier/deep.h"

#include <algorithm>

#include "stark/field/factor.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kTileColumns = 16;

void put_centred(const Fp5& element, uint32_t* words) {
  for (int k = 0; k < Fp5::kDegree; ++k) words[k] = centred_word(element.c[k]);
}

}  // namespace

DeepBatch::DeepBatch(const Shape& shape, const GroupShape& group, const Fp5& zeta,
                     std::span<const Fp5> opened, std::span<const Fp5> coefficients)
    : shape_(shape),
      group_(group),
      zeta_(zeta),
      next_zeta_(zeta * Fp::root_of_unity(group.log_height)) {
  std::vector<size_t> tree_tiles;  // per tree: its first tile
  size_t i = 0;
  for (uint32_t tree = 0; tree < shape.trees.size(); ++tree) {
    tree_tiles.push_back(tiles_.size());
    const uint32_t width = shape.opened_width(group, tree);
    for (uint32_t column = 0; column < width; ++column, ++i) {
      const uint32_t lane = column % kTileColumns;
      if (lane == 0)
        tiles_.push_back({tree, column, std::min(kTileColumns, width - column), {}, {}});
      put_centred(coefficients[i], &tiles_.back().coefficients[kExtensionDegree * lane]);
      at_zeta_ += coefficients[i] * (centre() - opened[i]);
    }
  }
  for (const ColumnRef column : group.next) {
    OpenedNext next{column.column % kTileColumns, {}};
    put_centred(coefficients[i], next.coefficients);
    tiles_[tree_tiles[column.tree] + column.column / kTileColumns].next.push_back(next);
    next_ += coefficients[i] * (centre() - opened[i]);
    ++i;
  }
}

std::vector<Fp5> DeepBatch::at(std::span<const uint32_t> indices,
                               std::span<const uint32_t* const> rows) const {
  const size_t count = indices.size();
  std::vector<Fp5> denominators(2 * count), inverses(2 * count), values(count);
  const auto log_domain = static_cast<int>(shape_.log_domain(group_));
  for (size_t q = 0; q < count; ++q) {
    const Fp x = kLdeShift * root_power(log_domain, indices[q]);
    denominators[2 * q] = x - zeta_;
    denominators[2 * q + 1] = x - next_zeta_;
  }
  batch_inverse(denominators.data(), inverses.data(), 2 * count);

  std::vector<OpenedTile> tiles;
  for (const Tile& tile : tiles_) {
    const size_t row_words = group_.row_words(tile.tree);
    tiles.push_back({.first = rows[tile.tree] + tile.first,
                     .row_words = row_words,
                     .words = tile.words,
                     .readable = count * row_words - tile.first,
                     .coefficients = tile.coefficients.data(),
                     .next = tile.next.data(),
                     .next_count = tile.next.size()});
  }
  std::vector<uint32_t> sums(2 * kExtensionDegree * count);
  verifier_deep_kernels().sums(tiles.data(), tiles.size(), count, sums.data());

  const uint32_t quotient = shape_.tree(Phase::kQuotient);
  const uint32_t blinding = shape_.opened_width(group_, quotient);
  for (size_t q = 0; q < count; ++q) {
    const uint32_t* sum = &sums[2 * kExtensionDegree * q];
    values[q] = (element_at(sum) + at_zeta_) * inverses[2 * q] +
                (element_at(sum + kExtensionDegree) + next_) * inverses[2 * q + 1];
    if (shape_.params.zk)
      values[q] += element_at(rows[quotient] + q * group_.row_words(quotient) + blinding);
  }
  return values;
}

}  // namespace zkvm::stark
