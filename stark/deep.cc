#include "stark/deep.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <vector>

#include "stark/verifier_deep.h"

namespace zkvm::stark {
namespace {

constexpr size_t kRunRows = kMaxDeepGroups * kCodewordLanes;
static_assert(kRunRows == kBlockRows, "a run of rows must lie in one block of a tile");

constexpr uint32_t kHalfP = (Fp::kModulus - 1) / 2;
uint32_t centred_word(Fp a) { return a.word > kHalfP ? a.word - Fp::kModulus : a.word; }

/// One point's share of the batch, for whatever rows: DeepPoint without the rows.
class Numerator {
 public:
  explicit Numerator(const Fp5& z) {
    // m = (X - z) (X - z^p) .. (X - z^(p^4)), which has coefficients in F.
    std::vector<Fp5> product{Fp5::one()};
    Fp5 conjugate = z;
    for (int i = 0; i < 5; ++i, conjugate = kFrobenius(conjugate)) {
      product.insert(product.begin(), Fp5::zero());
      for (size_t j = 0; j + 1 < product.size(); ++j) product[j] -= conjugate * product[j + 1];
    }
    Fp5 quotient = Fp5::one();  // Horner's rule divides by X - z
    for (int i = 4; i >= 0; --i) {
      point_.minimal[i] = product[static_cast<size_t>(i)].c[0];
      if (i == 4) continue;
      quotient = product[static_cast<size_t>(i) + 1] + z * quotient;
      point_.cofactor[i] = quotient;
    }
  }

  void add(ColumnRef column, const Fp5& coefficient, const Fp5& opened) {
    const std::pair<uint32_t, int> tile(column.tree, column.column / kTileWidth);
    auto at = std::ranges::find(tiles_, tile);
    if (at == tiles_.end()) {
      tiles_.push_back(tile);
      coefficients_.resize(tiles_.size() * kDeepTileCoefficients);
      at = tiles_.end() - 1;
    }
    uint32_t* words =
        coefficients_.data() + static_cast<size_t>(at - tiles_.begin()) * kDeepTileCoefficients;
    const size_t lane = column.column % kTileWidth;
    for (size_t k = 0; k < 5; ++k) {
      words[32 * k + lane] = centred_word(coefficient.c[k]);
      if (lane % 2 == 1) words[32 * k + 16 + lane - 1] = centred_word(coefficient.c[k]);
    }
    sum_ += coefficient;
    constant_ -= coefficient * opened;
  }

  void finish() {
    point_.constant = constant_ + sum_ * Fp::from_word(kHalfP);
    aligned_ = AlignedWords(coefficients_.size());
    std::ranges::copy(coefficients_, aligned_.data());
    point_.coefficients = aligned_.data();
    point_.tile_count = tiles_.size();
  }

  [[nodiscard]] bool empty() const { return tiles_.empty(); }

  /// For a run from row `row` of coset `coset`; `rows` must outlive the result.
  [[nodiscard]] DeepPoint at(std::span<const TreeLde> lde, size_t coset, size_t row,
                             std::vector<const uint32_t*>& rows) const {
    rows.clear();
    for (const auto& [tree, tile] : tiles_) rows.push_back(lde[tree][coset].row(tile, row));
    DeepPoint point = point_;
    point.tiles = rows.data();
    return point;
  }

 private:
  std::vector<std::pair<uint32_t, int>> tiles_;  // tree, tile
  std::vector<uint32_t> coefficients_;
  AlignedWords aligned_;
  Fp5 sum_, constant_;
  DeepPoint point_{};
};

/// Row r of coset c of `run` (16-element groups) becomes element 2^b r + c of the codeword's groups
/// from `out` on.
void interleave(std::span<const uint32_t* const> cosets, size_t groups, uint32_t* out) {
  const size_t count = cosets.size();
  for (size_t g = 0; g < groups * count; ++g) {       // of the codeword
    const size_t first = g * kCodewordLanes / count;  // row of lane 0
    const size_t in = first / kCodewordLanes * kCodewordGroupWords + first % kCodewordLanes;
    for (size_t k = 0; k < 5; ++k) {
      uint32_t* to = out + g * kCodewordGroupWords + k * kCodewordLanes;
      if (count == 2) {  // the usual rate, as two vectors that are zipped
        const uint32_t* even = cosets[0] + in + k * kCodewordLanes;
        const uint32_t* odd = cosets[1] + in + k * kCodewordLanes;
        for (size_t i = 0; i < kCodewordLanes / 2; ++i) {
          to[2 * i] = even[i];
          to[2 * i + 1] = odd[i];
        }
      } else {
        for (size_t i = 0; i < kCodewordLanes; ++i)
          to[i] = cosets[i % count][in + k * kCodewordLanes + i / count];
      }
    }
  }
}

/// Groups too small for whole vectors: by the verifier's formula.
Codeword small_batch(const Shape& shape, const GroupShape& group, std::span<const TreeLde> lde,
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
                              ? lde[t][e % cosets].at(e / cosets, static_cast<int>(column)).word
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
  if (rows < kCodewordLanes) return small_batch(shape, group, lde, zeta, opened, coefficients);

  Numerator at_zeta(zeta), at_next(zeta * Fp::root_of_unity(group.log_height));
  size_t i = 0;
  for (uint32_t tree = 0; tree < shape.trees.size(); ++tree)
    for (uint32_t column = 0; column < shape.opened_width(group, tree); ++column, ++i)
      at_zeta.add({tree, column}, coefficients[i], opened[i]);
  for (const ColumnRef column : group.next) {
    at_next.add(column, coefficients[i], opened[i]);
    ++i;
  }
  at_zeta.finish();
  at_next.finish();
  const uint32_t random_first = shape.opened_width(group, shape.quotient_tree());
  ZK_CHECK(random_first % kTileWidth + 5 <= kTileWidth);  // R lies in one tile

  Codeword out(shape.log_domain(group));
  const size_t cosets = size_t{1} << shape.params.log_blowup;
  const Fp root = Fp::root_of_unity(group.log_height);
  const Fp coset_root = Fp::root_of_unity(static_cast<int>(shape.log_domain(group)));
  const PointRun points = make_point_run(Fp::one(), root);
  const size_t run_rows = std::min(rows, kRunRows);
  const size_t run_groups = run_rows / kCodewordLanes;
  tbb::parallel_for(tbb::blocked_range<size_t>(0, rows / run_rows), [&](const auto& range) {
    AlignedWords buffer(cosets * run_groups * kCodewordGroupWords);
    std::vector<const uint32_t*> zeta_rows, next_rows, results;
    for (size_t c = 0; c < cosets; ++c)
      results.push_back(buffer.data() + c * run_groups * kCodewordGroupWords);
    for (size_t run = range.begin(); run < range.end(); ++run) {
      const size_t row = run * run_rows;
      for (size_t c = 0; c < cosets; ++c) {
        PointRun here = points;
        here.first = Fp::from(Fp::kGenerator) * pow(coset_root, c) * pow(root, row);
        const DeepPoint at[2] = {at_zeta.at(lde, c, row, zeta_rows),
                                 at_next.at(lde, c, row, next_rows)};
        const TileMatrix& quotient = lde[shape.quotient_tree()][c];
        deep_kernels().batch(
            {.groups = run_groups,
             .points = &here,
             .at = at,
             .point_count = at_next.empty() ? size_t{1} : size_t{2},
             .random_tile = shape.params.zk
                                ? quotient.row(static_cast<int>(random_first) / kTileWidth, row)
                                : nullptr,
             .random_first = random_first % kTileWidth,
             .out = buffer.data() + c * run_groups * kCodewordGroupWords});
      }
      interleave(results, run_groups, out.group(row * cosets / kCodewordLanes));
    }
  });
  return out;
}

}  // namespace zkvm::stark
