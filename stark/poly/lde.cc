#include "stark/poly/lde.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "stark/field/factor.h"
#include "stark/poly/ntt.h"

namespace zkvm::stark {
namespace {

struct BlockShape {
  int log_rows, log_block, log_blocks;

  explicit BlockShape(int log_n)
      : log_rows(log_n), log_block(log_block_rows(log_n)), log_blocks(log_n - log_block) {}
  size_t rows() const { return size_t{1} << log_rows; }
  size_t block_rows() const { return size_t{1} << log_block; }
  size_t blocks() const { return size_t{1} << log_blocks; }
};

// body(tile, block) for every block of every tile, by all threads. Streamed stores are done when it
// returns.
template <class Body>
void for_each_block(const BlockShape& shape, int tiles, const Body& body) {
  const size_t count = shape.blocks() * static_cast<size_t>(tiles);
  tbb::parallel_for(tbb::blocked_range<size_t>(0, count), [&](const auto& range) {
    for (size_t i = range.begin(); i < range.end(); ++i)
      body(static_cast<int>(i / shape.blocks()), i % shape.blocks());
    ntt_kernels().stream_fence();
  });
}

// x^N - 1 for x on shift * H_N.
Fp vanishing(Fp shift, size_t rows) { return pow(shift, rows) - Fp::one(); }

// Mask rows that fall into one block: coefficient i < count is row bit_reverse(i) of the column, so
// block b holds those with i = bit_reverse(b) mod blocks.
class BlockMasks {
 public:
  BlockMasks(const ColumnMasks& masks, const BlockShape& shape, int columns)
      : masks_(masks), shape_(shape), columns_(columns) {}

  // rows += factor * rho, for the block's coefficients of a tile.
  void add(uint32_t* rows, int tile, size_t block, Fp factor) const {
    const size_t first = bit_reverse(block, shape_.log_blocks);
    for (size_t i = first, m = 0; i < masks_.count; i += shape_.blocks(), ++m) {
      alignas(64) uint32_t addends[kTileWidth] = {};
      const int used = std::min(kTileWidth, columns_ - tile * kTileWidth);
      for (int c = 0; c < used; ++c) {
        const int column = tile * kTileWidth + c;
        addends[c] = (factor * masks_.coefficients[column * masks_.count + i]).wire;
      }
      const uint32_t at = static_cast<uint32_t>(bit_reverse(m, shape_.log_block));
      ntt_kernels().add_rows(rows, &at, addends, 1);
    }
  }

 private:
  const ColumnMasks& masks_;
  const BlockShape& shape_;
  int columns_;
};

// f mod (X^M - s^M), which has the same values as f on s H_M, gathered from blocks of f's
// coefficients.
//
// With G = max(blocks, M), a block first folds to its G / blocks coefficients of f mod (X^G - s^G):
// coefficient i = bit_reverse(row) * blocks + bit_reverse(block) is worth s^(G * (i / G)) at i mod
// G, and in bit-reversed order all i of one i mod G stand side by side. So does the second fold,
// from G to M.
class CosetFold {
 public:
  // `scale` times the blocks' rows are the coefficients.
  CosetFold(const ExtraCoset& coset, const BlockShape& shape, int tiles, Fp scale)
      : coset_(coset),
        shape_(shape),
        log_m_(coset.values->log_rows()),
        log_g_(std::max(shape.log_blocks, log_m_)),
        block_weights_(weights(log_g_, shape.log_rows - log_g_, scale)),
        folded_((static_cast<size_t>(tiles - coset.values->first_tile()) << log_g_) * kTileWidth) {}

  void add_block(const uint32_t* rows, int tile, size_t block) {
    if (tile < coset_.values->first_tile()) return;
    const size_t sums = size_t{1} << (log_g_ - shape_.log_blocks), terms = block_weights_.size();
    for (size_t i = 0; i < sums; ++i) {
      ntt_kernels().weighted_sum(rows + i * terms * kTileWidth, block_weights_.data(), terms,
                                 folded(tile, block * sums + i));
    }
  }

  // After all blocks: the second fold, the masks, the transform.
  void finish(const ColumnMasks& masks, int columns) {
    const std::vector<uint32_t> m_weights = weights(log_m_, log_g_ - log_m_, Fp::one());
    const BlockShape folded_shape(log_m_);
    const BlockMasks block_masks(masks, folded_shape, columns);
    for (int tile = coset_.values->first_tile(); tile < coset_.values->tiles(); ++tile) {
      tbb::parallel_for(size_t{0}, folded_shape.rows(), [&](size_t i) {
        ntt_kernels().weighted_sum(folded(tile, i * m_weights.size()), m_weights.data(),
                                   m_weights.size(), coset_.values->row(tile, i));
      });
      for (size_t block = 0; block < folded_shape.blocks(); ++block) {
        block_masks.add(coset_.values->row(tile, block * folded_shape.block_rows()), tile, block,
                        vanishing(coset_.shift, shape_.rows()));
      }
    }
    evaluate(*coset_.values, coset_.shift);
  }

 private:
  // scale * s^(2^log_modulus * bit_reverse(i)), centred words.
  std::vector<uint32_t> weights(int log_modulus, int log_count, Fp scale) const {
    const Fp step = pow(coset_.shift, uint64_t{1} << log_modulus);
    std::vector<uint32_t> result(size_t{1} << log_count);
    Fp power = scale;
    for (size_t q = 0; q < result.size(); ++q, power *= step) {
      result[bit_reverse(q, log_count)] = centred_word(power);
    }
    return result;
  }
  uint32_t* folded(int tile, size_t row) {
    return folded_.data() +
           ((static_cast<size_t>(tile - coset_.values->first_tile()) << log_g_) + row) * kTileWidth;
  }

  const ExtraCoset& coset_;
  const BlockShape& shape_;
  int log_m_, log_g_;
  std::vector<uint32_t> block_weights_;
  AlignedWords folded_;  // [tile][bit-reversed index below G] rows
};

/// log2 of a number of cosets; none counts as one.
int log_count(size_t cosets) { return cosets == 0 ? 0 : std::countr_zero(cosets); }

// From a block's coefficients to its rows on every coset, across blocks still to be transformed.
class ForwardBlocks {
 public:
  // What the masks rho of a column are multiplied by.
  enum class Masks { kVanishing, kTails };  // X^N - 1, X^N

  // `unit`: the coefficients are given times this.
  ForwardBlocks(const BlockShape& shape, Masks kind, const BlockMasks& masks, Fp unit,
                std::span<TileMatrix> cosets)
      : shape_(shape), masks_(masks), cosets_(cosets), steps_(cosets.size()) {
    for (size_t c = 0; c < cosets.size(); ++c)
      transforms_.push_back(BlockTransform::forward(shape.log_rows, shift(c), inverse(unit)));
    Fp before = kind == Masks::kVanishing ? Fp::zero() : -Fp::one();
    for (size_t c = cosets.size(); c-- > 0;) {
      const Fp value = vanishing(shift(c), shape.rows());
      steps_[c] = unit * (value - before);
      before = value;
    }
  }

  // Changes the coefficients, which may stand where the block of coset 0 does: that comes last.
  void run(uint32_t* coefficients, int tile, size_t block, uint32_t* scratch) const {
    for (size_t c = cosets_.size(); c-- > 0;) {
      masks_.add(coefficients, tile, block, steps_[c]);
      NttPass pass =
          transforms_[c].pass(coefficients, cosets_[c].row(tile, block * shape_.block_rows()),
                              scratch, cosets_[c].used_words(tile));
      pass.stream = c > 0;  // the lines of coset 0 were just read
      ntt_kernels().forward(pass);
    }
  }

  void across_blocks() const {
    for (size_t c = 0; c < cosets_.size(); ++c) forward_across_blocks(cosets_[c], shift(c));
  }

 private:
  Fp shift(size_t c) const { return coset_shift(shape_.log_rows, log_count(cosets_.size()), c); }

  const BlockShape& shape_;
  const BlockMasks& masks_;
  std::span<TileMatrix> cosets_;
  std::vector<BlockTransform> transforms_;
  std::vector<Fp> steps_;  // what the masks' factor grows by from the coset before, times unit
};

void check_sizes(const TileMatrix& trace, const ColumnMasks& masks, std::span<TileMatrix> cosets,
                 std::span<const ExtraCoset> extra) {
  ZK_CHECK(trace.log_rows() >= 1 && (cosets.empty() || std::has_single_bit(cosets.size())));
  ZK_CHECK(trace.log_rows() + log_count(cosets.size()) <= Fp::kTwoAdicity);
  ZK_CHECK(masks.count <= trace.rows());
  ZK_CHECK(masks.coefficients.size() == masks.count * static_cast<size_t>(trace.columns()));
  for (const TileMatrix& coset : cosets) {
    ZK_CHECK(coset.log_rows() == trace.log_rows() && coset.columns() == trace.columns());
  }
  for (const ExtraCoset& coset : extra) {
    ZK_CHECK(1 <= coset.values->log_rows() && coset.values->log_rows() <= trace.log_rows());
    ZK_CHECK(masks.count <= coset.values->rows() && coset.values->columns() == trace.columns());
  }
}

}  // namespace

void low_degree_extend(const TileMatrix& trace, const ColumnMasks& masks,
                       std::span<TileMatrix> cosets, std::span<const ExtraCoset> extra) {
  check_sizes(trace, masks, cosets, extra);
  const BlockShape shape(trace.log_rows());

  // Coset 0's memory holds the half-transformed trace until its own values replace it, block by
  // block.
  TileMatrix staging;
  if (cosets.empty() && shape.blocks() > 1) staging = TileMatrix(trace.log_rows(), trace.columns());
  TileMatrix& half = cosets.empty() ? staging : cosets[0];
  inverse_across_blocks(trace, half, Fp::one());
  const TileMatrix& source = shape.blocks() > 1 ? half : trace;

  const BlockTransform to_coefficients = BlockTransform::inverse(shape.log_rows, Fp::one());
  const Fp n = Fp::from(shape.rows());  // the inverse leaves coefficients times n
  const BlockMasks block_masks(masks, shape, trace.columns());
  const ForwardBlocks forward(shape, ForwardBlocks::Masks::kVanishing, block_masks, n, cosets);
  std::vector<CosetFold> folds;
  for (const ExtraCoset& coset : extra) folds.emplace_back(coset, shape, trace.tiles(), inverse(n));

  struct Workspace {
    AlignedWords coefficients, scratch;
  };
  tbb::enumerable_thread_specific<Workspace> workspaces([&] {
    const size_t words = shape.block_rows() * kTileWidth;
    return Workspace{AlignedWords(words), AlignedWords(words)};
  });
  for_each_block(shape, trace.tiles(), [&](int tile, size_t block) {
    Workspace& workspace = workspaces.local();
    uint32_t* const coefficients = workspace.coefficients.data();
    const size_t first_row = block * shape.block_rows();
    NttPass inverse_pass = to_coefficients.pass(source.row(tile, first_row), coefficients,
                                                workspace.scratch.data(), source.used_words(tile));
    if (block + 1 < shape.blocks())
      inverse_pass.next = source.row(tile, first_row + shape.block_rows());
    ntt_kernels().inverse(inverse_pass);
    for (CosetFold& fold : folds) fold.add_block(coefficients, tile, block);
    forward.run(coefficients, tile, block, workspace.scratch.data());
  });

  for (CosetFold& fold : folds) fold.finish(masks, trace.columns());
  forward.across_blocks();
}

void evaluate_on_cosets(const ColumnMasks& tails, std::span<TileMatrix> cosets) {
  const TileMatrix& coefficients = cosets[0];
  check_sizes(coefficients, tails, cosets, {});
  const BlockShape shape(coefficients.log_rows());
  const BlockMasks block_masks(tails, shape, coefficients.columns());
  const ForwardBlocks forward(shape, ForwardBlocks::Masks::kTails, block_masks, Fp::one(), cosets);
  tbb::enumerable_thread_specific<AlignedWords> scratch(
      [&] { return AlignedWords(shape.block_rows() * kTileWidth); });
  for_each_block(shape, coefficients.tiles(), [&](int tile, size_t block) {
    forward.run(cosets[0].row(tile, block * shape.block_rows()), tile, block,
                scratch.local().data());
  });
  forward.across_blocks();
}

void evaluate_on_extra_coset(const TileMatrix& coefficients, const ExtraCoset& coset) {
  check_sizes(coefficients, {}, {}, {&coset, 1});
  const BlockShape shape(coefficients.log_rows());
  CosetFold fold(coset, shape, coefficients.tiles(), Fp::one());
  for_each_block(shape, coefficients.tiles(), [&](int tile, size_t block) {
    fold.add_block(coefficients.row(tile, block * shape.block_rows()), tile, block);
  });
  fold.finish({}, coefficients.columns());
}

}  // namespace zkvm::stark
