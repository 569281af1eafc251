#include "stark/verifier/deep.h"

#include <algorithm>

#include "stark/field/factor.h"
#include "stark/protocol/proof.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kTileColumns = 16;

void put_centred(const Fp5& element, uint32_t* words) {
  for (int k = 0; k < Fp5::kDegree; ++k) words[k] = centred_word(element.c[k]);
}

}  // namespace

DeepBatch::Known& DeepBatch::Quotient::known_at(uint8_t height) {
  const auto found = std::ranges::find(known, height, &Known::log_height);
  return found != known.end() ? *found : known.emplace_back(Known{height, {}});
}

void DeepBatch::Quotient::add(uint32_t tree, uint32_t word, const Fp5& coefficient) {
  if (tiles.empty() || tiles.back().tree != tree || tiles.back().words == kTileColumns ||
      tiles.back().first + tiles.back().words != word)
    tiles.push_back({tree, word, 0, {}});
  Tile& tile = tiles.back();
  put_centred(coefficient, &tile.coefficients[kExtensionDegree * size_t{tile.words++}]);
  offset += coefficient * centre();
}

DeepBatch::DeepBatch(const Shape& shape, const Fp5& zeta, std::span<const Fp5> opened,
                     std::span<const Fp5> coefficients)
    : shape_(shape) {
  const Fp5* value = opened.data();
  const Fp5* next_challenge = coefficients.data();
  Fp5 challenge;  // of the stack that was begun last
  const auto open = [&](const GroupShape& group, ColumnRef column, Quotient& out) {
    const auto [word, place, log_stack] = shape.place(group, column);
    if (place == 0) out.add(column.tree, word, challenge = *next_challenge++);
    auto& polynomial = out.known_at(static_cast<uint8_t>(group.log_height + log_stack)).polynomial;
    if (polynomial.size() <= place) polynomial.resize(place + 1);
    polynomial[place] -= challenge * *value++;
  };
  for (const GroupShape& group : shape.groups) {
    Quotient here{group.log_height, zeta, {}, {}, {}};
    for (uint32_t tree = 0; tree < shape.trees.size(); ++tree)
      for (uint32_t column = 0; column < shape.opened_width(group, tree); ++column)
        open(group, {tree, column}, here);
    quotients_.push_back(std::move(here));
    Quotient next{group.log_height, zeta * Fp::root_of_unity(group.log_height), {}, {}, {}};
    for (const ColumnRef column : group.next) open(group, column, next);  // whole stacks
    quotients_.push_back(std::move(next));
  }
}

namespace {

Fp5 evaluate(std::span<const Fp5> polynomial, Fp x) {
  Fp5 value;
  for (size_t i = polynomial.size(); i-- > 0;) value = value * x + polynomial[i];
  return value;
}

}  // namespace

void DeepBatch::add_sums(const Quotient& quotient, size_t first, size_t last,
                         std::span<const uint32_t* const> rows, size_t count,
                         std::vector<Fp5>& sums) const {
  std::vector<OpenedTile> tiles;
  for (const Tile& tile : std::span(quotient.tiles).subspan(first, last - first)) {
    const size_t row_words = shape_.trees[tile.tree].row_words;
    tiles.push_back({.first = rows[tile.tree] + tile.first,
                     .row_words = row_words,
                     .words = tile.words,
                     .readable = count * row_words - tile.first,
                     .coefficients = tile.coefficients.data()});
  }
  std::vector<uint32_t> words(kExtensionDegree * count);
  verifier_deep_kernels().sums(tiles.data(), tiles.size(), count, words.data());
  for (size_t q = 0; q < count; ++q) sums[q] += element_at(&words[kExtensionDegree * q]);
}

std::vector<Fp5> DeepBatch::at(std::span<const uint32_t> indices,
                               std::span<const uint32_t* const> rows) const {
  const size_t count = indices.size();
  // points[k]: of height H - k, by index.
  const unsigned lowest = quotients_.back().log_height;
  std::vector<std::vector<Fp>> points(shape_.log_height - lowest + 1u, std::vector<Fp>(count));
  for (size_t q = 0; q < count; ++q) {
    Fp x = lde_shift(shape_.log_height) *
           root_power(static_cast<int>(shape_.log_domain()), indices[q]);
    for (auto& of_height : points) {
      of_height[q] = x;
      x *= x;
    }
  }
  const auto points_at = [&](unsigned log_height) -> const std::vector<Fp>& {
    return points[shape_.log_height - log_height];
  };

  // Of a lower tree, which several indices share a row of: where each finds its own.
  std::vector<std::vector<uint32_t>> ranks(shape_.trees.size());
  std::vector<size_t> row_counts(shape_.trees.size(), count);
  for (size_t t = 0; t < ranks.size(); ++t) {
    const TreeShape& tree = shape_.trees[t];
    if (tree.log_height == shape_.log_height) continue;
    const unsigned log_domain = unsigned{tree.log_height} + shape_.params.log_blowup;
    const auto distinct = distinct_below(indices, log_domain);
    row_counts[t] = distinct.size();
    for (const uint32_t index : indices) {
      const auto at = std::ranges::lower_bound(distinct, index & ((1u << log_domain) - 1));
      ranks[t].push_back(static_cast<uint32_t>(at - distinct.begin()));
    }
  }

  std::vector<Fp5> denominators(count), inverses(count), values(count), sums, of_tree;
  for (const Quotient& quotient : quotients_) {
    const std::vector<Fp>& x = points_at(quotient.log_height);
    for (size_t q = 0; q < count; ++q) denominators[q] = x[q] - quotient.point;
    batch_inverse(denominators.data(), inverses.data(), count);

    sums.assign(count, quotient.offset);
    const std::span<const Tile> tiles = quotient.tiles;
    for (size_t first = 0; first < tiles.size();) {
      const uint32_t tree = tiles[first].tree;
      size_t last = first + 1;
      while (last < tiles.size() &&
             (tiles[last].tree == tree || (ranks[tree].empty() && ranks[tiles[last].tree].empty())))
        ++last;
      if (ranks[tree].empty()) {
        add_sums(quotient, first, last, rows, count, sums);
      } else {
        of_tree.assign(row_counts[tree], {});
        add_sums(quotient, first, last, rows, row_counts[tree], of_tree);
        for (size_t q = 0; q < count; ++q) sums[q] += of_tree[ranks[tree][q]];
      }
      first = last;
    }

    for (const Known& known : quotient.known) {
      const std::vector<Fp>& x_h = points_at(known.log_height);
      for (size_t q = 0; q < count; ++q) sums[q] += evaluate(known.polynomial, x_h[q]);
    }
    for (size_t q = 0; q < count; ++q) values[q] += sums[q] * inverses[q];
  }
  if (shape_.params.zk) {
    const uint32_t quotient = shape_.tree(Phase::kQuotient);
    const uint32_t* blinding = rows[quotient] + shape_.blinding_word();
    for (size_t q = 0; q < count; ++q)
      values[q] += element_at(blinding + q * shape_.trees[quotient].row_words);
  }
  return values;
}

}  // namespace zkvm::stark
