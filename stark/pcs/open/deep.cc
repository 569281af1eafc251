#include "stark/pcs/open/deep.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <array>
#include <vector>

#include "stark/field/factor.h"
#include "stark/pcs/open/deep_kernels.h"
#include "stark/verifier/deep.h"

namespace zkvm::stark {
namespace {

constexpr size_t kRunRows = kMaxDeepPacks * kPackLanes;
static_assert(kRunRows == kBlockRows, "a run of rows must lie in one block of a tile");

/// A DeepRun without its rows: what all runs share.
class Batch {
 public:
  explicit Batch(const Fp5& z) { run_.z = minimal_polynomial(z); }

  /// c (f - y)/(X - z).
  void add(ColumnRef column, const Fp5& c, const Fp5& y) {
    Tile& tile = tile_of(column);
    const size_t lane = column.column % kTileWidth;
    tile.quads = std::max(tile.quads, lane / 4 + 1);
    for (size_t k = 0; k < 5; ++k) tile.coefficients[5 * lane + k] = centred_word(c.c[k]);
    run_.constant += c * (centre() - y);
  }

  /// d (f - y)/(X - w z); d_w is d / w.
  void add_next(ColumnRef column, const Fp5& d_w, const Fp5& y) {
    DeepNext next{column.column % kTileWidth, {}};
    for (size_t k = 0; k < 5; ++k) next.coefficients[k] = centred_word(d_w.c[k]);
    tile_of(column).next.push_back(next);
    run_.next_constant += d_w * (centre() - y);
  }

  /// For a run from row `row` of coset `coset`; `tiles` must outlive the result.
  [[nodiscard]] DeepRun at(std::span<const TreeLde> lde, size_t coset, size_t row,
                           std::vector<DeepTile>& tiles) const {
    tiles.clear();
    for (const Tile& tile : tiles_)
      tiles.push_back({.rows = lde[tile.tree][coset]->row(tile.index, row),
                       .coefficients = tile.coefficients.data(),
                       .quads = tile.quads,
                       .next = tile.next.data(),
                       .next_count = tile.next.size()});
    DeepRun run = run_;
    run.tiles = tiles.data();
    run.tile_count = tiles.size();
    return run;
  }

 private:
  struct Tile {
    uint32_t tree;
    int index;
    std::array<uint32_t, 5 * kTileWidth> coefficients{};
    size_t quads = 0;
    std::vector<DeepNext> next;
  };

  Tile& tile_of(ColumnRef column) {
    const int index = static_cast<int>(column.column) / kTileWidth;
    const auto is_it = [&](const Tile& t) { return t.tree == column.tree && t.index == index; };
    const auto at = std::ranges::find_if(tiles_, is_it);
    if (at != tiles_.end()) return *at;
    return tiles_.emplace_back(Tile{column.tree, index, {}, 0, {}});
  }

  std::vector<Tile> tiles_;
  DeepRun run_{};
};

/// Row r of coset c of `run` (in packs) becomes element 2^b r + c of the codeword's packs
/// from `out` on.
void interleave(std::span<const uint32_t* const> cosets, size_t packs, uint32_t* out) {
  const size_t count = cosets.size();
  for (size_t g = 0; g < packs * count; ++g) {    // of the codeword
    const size_t first = g * kPackLanes / count;  // row of lane 0
    const size_t in = first / kPackLanes * kCodewordPackWords + first % kPackLanes;
    for (size_t k = 0; k < 5; ++k) {
      uint32_t* to = out + g * kCodewordPackWords + k * kPackLanes;
      if (count == 2) {  // the usual rate, as two vectors that are zipped
        const uint32_t* even = cosets[0] + in + k * kPackLanes;
        const uint32_t* odd = cosets[1] + in + k * kPackLanes;
        for (size_t i = 0; i < kPackLanes / 2; ++i) {
          to[2 * i] = even[i];
          to[2 * i + 1] = odd[i];
        }
      } else {
        for (size_t i = 0; i < kPackLanes; ++i)
          to[i] = cosets[i % count][in + k * kPackLanes + i / count];
      }
    }
  }
}

/// Groups too small for whole vectors: by the verifier's formula.
Codeword short_batch(const Shape& shape, const GroupShape& group, std::span<const TreeLde> lde,
                     const Fp5& zeta, std::span<const Fp5> opened,
                     std::span<const Fp5> coefficients) {
  Codeword out(shape.log_domain(group));
  const uint32_t cosets = 1u << shape.params.log_blowup;
  std::vector<uint32_t> indices(out.size());
  std::vector<std::vector<uint32_t>> rows(shape.trees.size());
  for (uint32_t e = 0; e < out.size(); ++e) {
    indices[e] = e;
    for (uint32_t t = 0; t < shape.trees.size(); ++t)
      for (uint32_t column = 0; column < group.row_words(t); ++column)
        rows[t].push_back(column < group.width[t]
                              ? lde[t][e % cosets]->at(e / cosets, static_cast<int>(column)).wire
                              : 0);  // salt, which is not opened
  }
  std::vector<const uint32_t*> pointers;
  for (const auto& words : rows) pointers.push_back(words.data());
  const DeepBatch batch(shape, group, zeta, opened, coefficients);
  const auto values = batch.at(indices, pointers);
  for (size_t e = 0; e < out.size(); ++e) out.set(e, values[e]);
  return out;
}

}  // namespace

Codeword deep_batch(const Shape& shape, const GroupShape& group, std::span<const TreeLde> lde,
                    const Fp5& zeta, std::span<const Fp5> opened,
                    std::span<const Fp5> coefficients) {
  ZK_CHECK(lde.size() == shape.trees.size());
  ZK_CHECK(opened.size() == shape.openings(group) && coefficients.size() == opened.size());
  const size_t rows = group.height();
  if (rows < kPackLanes) return short_batch(shape, group, lde, zeta, opened, coefficients);

  Batch batch(zeta);
  size_t i = 0;
  for (uint32_t tree = 0; tree < shape.trees.size(); ++tree)
    for (uint32_t column = 0; column < shape.opened_width(group, tree); ++column, ++i)
      batch.add({tree, column}, coefficients[i], opened[i]);
  const Fp root = Fp::root_of_unity(group.log_height);
  const Fp root_inverse = inverse(root);
  for (const ColumnRef column : group.next) {
    batch.add_next(column, coefficients[i] * root_inverse, opened[i]);
    ++i;
  }
  const uint32_t blinding_first = shape.opened_width(group, shape.tree(Phase::kQuotient));
  ZK_CHECK(blinding_first % kTileWidth + 5 <= kTileWidth);  // R lies in one tile

  Codeword out(shape.log_domain(group));
  const size_t cosets = size_t{1} << shape.params.log_blowup;
  const Fp coset_root = Fp::root_of_unity(static_cast<int>(shape.log_domain(group)));
  const PointRun points = make_point_run(Fp::one(), root);
  const size_t run_rows = std::min(rows, kRunRows);
  const size_t run_packs = run_rows / kPackLanes;
  tbb::parallel_for(tbb::blocked_range<size_t>(0, rows / run_rows), [&](const auto& range) {
    AlignedWords buffer(cosets * run_packs * kCodewordPackWords);
    std::vector<DeepTile> tiles;
    std::vector<const uint32_t*> results;
    for (size_t c = 0; c < cosets; ++c)
      results.push_back(buffer.data() + c * run_packs * kCodewordPackWords);
    for (size_t run = range.begin(); run < range.end(); ++run) {
      const size_t row = run * run_rows;
      for (size_t c = 0; c < cosets; ++c) {
        PointRun here = points;  // from a pack before the run on
        here.first =
            kLdeShift * pow(coset_root, c) * pow(root, row) * pow(root_inverse, kPackLanes);
        DeepRun kernel = batch.at(lde, c, row, tiles);
        kernel.packs = run_packs;
        kernel.points = &here;
        if (shape.params.zk) {
          const TileMatrix& quotient = *lde[shape.tree(Phase::kQuotient)][c];
          kernel.blinding_tile = quotient.row(static_cast<int>(blinding_first) / kTileWidth, row);
          kernel.blinding_first = blinding_first % kTileWidth;
        }
        kernel.out = buffer.data() + c * run_packs * kCodewordPackWords;
        deep_kernels().batch(kernel);
      }
      interleave(results, run_packs, out.pack(row * cosets / kPackLanes));
    }
  });
  return out;
}

}  // namespace zkvm::stark
