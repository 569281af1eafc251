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

DeepBatch::Known& DeepBatch::Group::known_at(uint8_t height) {
  const auto found = std::ranges::find(known, height, &Known::log_height);
  return found != known.end() ? *found : known.emplace_back(Known{height, {}, {}});
}

void DeepBatch::add(Group& group, uint32_t tree, uint32_t word, const Fp5& coefficient) {
  auto& tiles = group.tiles;
  if (tiles.empty() || tiles.back().tree != tree || tiles.back().words == kTileColumns)
    tiles.push_back({tree, word, 0, {}, {}});
  Tile& tile = tiles.back();
  put_centred(coefficient, &tile.coefficients[kExtensionDegree * size_t{tile.words++}]);
  group.at_zeta += coefficient * centre();
}

void DeepBatch::add_next(Group& group, uint32_t tree, uint32_t word, const Fp5& coefficient) {
  const uint32_t first = group.first_tile[tree];
  const uint32_t at = word - group.tiles[first].first;
  OpenedNext next{at % kTileColumns, {}};
  put_centred(coefficient, next.coefficients);
  group.tiles[first + at / kTileColumns].next.push_back(next);
  group.at_next += coefficient * centre();
}

DeepBatch::DeepBatch(const Shape& shape, const Fp5& zeta, std::span<const Fp5> opened,
                     std::span<const Fp5> coefficients)
    : shape_(shape), zeta_(zeta) {
  const Fp5* value = opened.data();
  const Fp5* next_challenge = coefficients.data();
  Fp5 challenge;  // of the stack that was begun last
  const auto know = [&](std::vector<Fp5>& known, uint32_t place) {
    if (known.size() <= place) known.resize(place + 1);
    known[place] -= challenge * *value++;
  };
  for (const GroupShape& group : shape.groups) {
    Group& out = groups_.emplace_back();
    out.log_height = group.log_height;
    out.next_zeta = zeta * Fp::root_of_unity(group.log_height);
    for (uint32_t tree = 0; tree < shape.trees.size(); ++tree) {
      out.first_tile.push_back(static_cast<uint32_t>(out.tiles.size()));
      for (uint32_t column = 0; column < shape.opened_width(group, tree); ++column) {
        const auto [word, place] = shape.place(group, {tree, column});
        if (place == 0) add(out, tree, word, challenge = *next_challenge++);
        know(out.known_at(shape.trees[tree].log_height).at_zeta, place);
      }
    }
    for (const ColumnRef column : group.next) {  // whole stacks
      const auto [word, place] = shape.place(group, column);
      if (place == 0) add_next(out, column.tree, word, challenge = *next_challenge++);
      know(out.known_at(shape.trees[column.tree].log_height).at_next, place);
    }
  }
}

namespace {

Fp5 evaluate(std::span<const Fp5> polynomial, Fp x) {
  Fp5 value;
  for (size_t i = polynomial.size(); i-- > 0;) value = value * x + polynomial[i];
  return value;
}

}  // namespace

void DeepBatch::add_sums(const Group& group, size_t first, size_t last,
                         std::span<const uint32_t* const> rows, size_t count,
                         std::vector<Fp5>& at_zeta, std::vector<Fp5>& at_next) const {
  std::vector<OpenedTile> tiles;
  for (const Tile& tile : std::span(group.tiles).subspan(first, last - first)) {
    const size_t row_words = shape_.trees[tile.tree].row_words;
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
  for (size_t q = 0; q < count; ++q) {
    at_zeta[q] += element_at(&sums[2 * kExtensionDegree * q]);
    at_next[q] += element_at(&sums[2 * kExtensionDegree * q + kExtensionDegree]);
  }
}

std::vector<Fp5> DeepBatch::at(std::span<const uint32_t> indices,
                               std::span<const uint32_t* const> rows) const {
  const size_t count = indices.size();
  // points[k]: of height H - k, by index.
  const unsigned lowest = groups_.back().log_height;
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

  std::vector<Fp5> denominators(2 * count), inverses(2 * count), values(count);
  std::vector<Fp5> at_zeta, at_next, of_tree, of_tree_next;
  for (const Group& group : groups_) {
    const std::vector<Fp>& x = points_at(group.log_height);
    for (size_t q = 0; q < count; ++q) {
      denominators[2 * q] = x[q] - zeta_;
      denominators[2 * q + 1] = x[q] - group.next_zeta;
    }
    batch_inverse(denominators.data(), inverses.data(), 2 * count);

    at_zeta.assign(count, group.at_zeta);
    at_next.assign(count, group.at_next);
    for (size_t first = 0; first < group.tiles.size();) {
      const uint32_t tree = group.tiles[first].tree;
      size_t last = first + 1;
      while (last < group.tiles.size() &&
             (group.tiles[last].tree == tree ||
              (ranks[tree].empty() && ranks[group.tiles[last].tree].empty())))
        ++last;
      if (ranks[tree].empty()) {
        add_sums(group, first, last, rows, count, at_zeta, at_next);
      } else {
        of_tree.assign(row_counts[tree], {});
        of_tree_next.assign(row_counts[tree], {});
        add_sums(group, first, last, rows, row_counts[tree], of_tree, of_tree_next);
        for (size_t q = 0; q < count; ++q) {
          at_zeta[q] += of_tree[ranks[tree][q]];
          at_next[q] += of_tree_next[ranks[tree][q]];
        }
      }
      first = last;
    }

    for (size_t q = 0; q < count; ++q) {
      for (const Known& known : group.known) {
        const Fp point = points_at(known.log_height)[q];
        at_zeta[q] += evaluate(known.at_zeta, point);
        at_next[q] += evaluate(known.at_next, point);
      }
      values[q] += at_zeta[q] * inverses[2 * q] + at_next[q] * inverses[2 * q + 1];
    }
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
