#include "stark/pcs/open/ood.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>

#include "stark/field/factor.h"
#include "stark/pcs/open/ood_kernels.h"

namespace zkvm::stark {
namespace {

size_t block_rows(int log_rows) { return std::min(size_t{1} << log_rows, kBlockRows); }

// sum over rows of (cell - centre()) * weight, for the 16 columns of a tile: words [k][column].
struct TileSums {
  alignas(64) uint32_t words[5 * kTileWidth] = {};
};

Fp5 sum_of_column(const TileSums& sums, int column) {
  Fp5 sum;
  for (int k = 0; k < 5; ++k) sum.c[k] = Fp::from_wire(sums.words[k * kTileWidth + column]);
  return sum;
}

}  // namespace

OutOfDomainPoint::OutOfDomainPoint(int log_rows, const Fp5& zeta)
    : log_rows_(log_rows), zeta_(zeta) {
  ZK_CHECK(1 <= log_rows && log_rows <= Fp::kTwoAdicity);
  const MinimalPolynomial point = minimal_polynomial(zeta);
  const Fp root = Fp::root_of_unity(log_rows);
  const Fp shift = lde_shift(static_cast<unsigned>(log_rows));
  const size_t rows = block_rows(log_rows), blocks = (size_t{1} << log_rows) / rows;
  uint32_t powers[17];
  Fp power = Fp::one();
  for (uint32_t& word : powers) word = power.wire, power *= root;
  weights_ = AlignedWords(blocks * 5 * kBlockRows);
  tbb::parallel_for(size_t{0}, blocks, [&](size_t block) {
    // Below 16 rows the points go round again; nobody reads those weights.
    ood_kernels().weights(point, shift * pow(root, block * rows), powers,
                          std::max<size_t>(rows, 16), weights_.data() + block * 5 * kBlockRows);
  });
}

std::vector<Fp5> OutOfDomainPoint::evaluate(const TileMatrix& coset0,
                                            const ColumnMasks& masks) const {
  std::vector<int> all(static_cast<size_t>(coset0.columns()));
  for (size_t c = 0; c < all.size(); ++c) all[c] = static_cast<int>(c);
  return evaluate(coset0, masks, all);
}

std::vector<Fp5> OutOfDomainPoint::evaluate(const TileMatrix& coset0, const ColumnMasks& masks,
                                            std::span<const int> columns) const {
  ZK_CHECK(coset0.log_rows() == log_rows_);
  ZK_CHECK(masks.coefficients.size() == masks.count * static_cast<size_t>(coset0.columns()));
  const size_t tiles = static_cast<size_t>(coset0.tiles());
  std::vector<bool> wanted(tiles);
  for (int column : columns) {
    ZK_CHECK(0 <= column && column < coset0.columns());
    wanted[static_cast<size_t>(column / kTileWidth)] = true;
  }

  tbb::enumerable_thread_specific<std::vector<TileSums>> partial(
      [&] { return std::vector<TileSums>(tiles); });
  const size_t rows = block_rows(log_rows_), blocks = (size_t{1} << log_rows_) / rows;
  tbb::parallel_for(tbb::blocked_range<size_t>(0, blocks), [&](const auto& range) {
    std::vector<TileSums>& sums = partial.local();
    for (size_t block = range.begin(); block < range.end(); ++block) {
      for (size_t tile = 0; tile < tiles; ++tile) {
        if (!wanted[tile]) continue;
        ood_kernels().accumulate(coset0.row(static_cast<int>(tile), block * rows),
                                 weights_.data() + block * 5 * kBlockRows, rows, sums[tile].words);
      }
    }
  });

  const Fp n = Fp::from(coset0.rows()),
           s_n = pow(lde_shift(static_cast<unsigned>(log_rows_)), coset0.rows());
  const Fp5 vanishing = pow(zeta_, coset0.rows()) - s_n;  // of coset 0, at zeta
  const Fp5 scale = vanishing * inverse(n * s_n);
  std::vector<Fp5> zeta_powers(masks.count);
  Fp5 power = Fp5::one();
  for (Fp5& p : zeta_powers) p = power, power *= zeta_;

  std::vector<Fp5> values;
  for (int column : columns) {
    Fp5 sum;
    for (const auto& sums : partial) {
      sum += sum_of_column(sums[static_cast<size_t>(column / kTileWidth)], column % kTileWidth);
    }
    Fp5 rho;
    for (size_t i = 0; i < masks.count; ++i) {
      rho += zeta_powers[i] * masks.coefficients[static_cast<size_t>(column) * masks.count + i];
    }
    // The cells were taken minus a constant; a constant is its own value.
    values.push_back(scale * sum + centre() + vanishing * rho);
  }
  return values;
}

}  // namespace zkvm::stark
