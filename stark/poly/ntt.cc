#include "stark/poly/ntt.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <utility>
#include <vector>

namespace zkvm::stark {
namespace {

// bases[l] = top^(2^(count - 1 - l)): the factor of each layer, from that of the top one.
void squares_down(Fp top, int count, ShoupFactor* bases) {
  for (int l = count - 1; l >= 0; --l, top *= top) bases[l] = ShoupFactor::from(top);
}

// How many rows `inverse` and `forward` passes across blocks have: one per block.
int log_blocks(int log_rows) { return log_rows - log_block_rows(log_rows); }

// Columns per task: long enough to hide its start, short enough that threads end together.
constexpr size_t kGrain = 8;

// For each j < 1024: `run`(pass) on row j of every block, for every tile. `root` is w_N or its
// inverse.
template <class Kernel>
void across_blocks(const TileMatrix& src, TileMatrix& dst, const NttTwiddles& bare, Fp shift,
                   Fp root, Kernel run) {
  struct Workspace {
    NttTwiddles twiddles[2];
    AlignedWords scratch;
  };
  const NttPlan& plan = bare.plan();
  tbb::enumerable_thread_specific<Workspace> workspaces([&] {
    return Workspace{{NttTwiddles(plan), NttTwiddles(plan)},
                     AlignedWords((size_t{1} << plan.log_rows) * kTileWidth)};
  });
  const size_t stride = TileMatrix::row_offset(kBlockRows);
  // In place, the lines to write are in the cache already (streaming costs a fifth there);
  // elsewhere, writing past the caches spares reading them first.
  const bool stream = &src != &dst;
  tbb::parallel_for(tbb::blocked_range<size_t>(0, kBlockRows, kGrain),
                    [&](const tbb::blocked_range<size_t>& range) {
                      Workspace& workspace = workspaces.local();
                      Fp base = shift * pow(root, range.begin());
                      // Two j at a time, so that both lines of a row are fetched together.
                      for (size_t j = range.begin(); j < range.end(); j += 2) {
                        for (NttTwiddles& twiddles : workspace.twiddles) {
                          ShoupFactor bases[NttPlan::kMaxLogRows];
                          squares_down(base, plan.log_rows, bases);
                          twiddles.scale_from(bare, bases);
                          base *= root;
                        }
                        for (int tile = src.first_tile(); tile < src.tiles(); ++tile) {
                          const uint32_t* next = tile + 1 < src.tiles() ? src.row(tile + 1, j)
                                                 : j + 2 < kBlockRows   ? src.row(0, j + 2)
                                                                        : nullptr;
                          for (size_t i = 0; i < 2; ++i)
                            run(NttPass{.plan = &plan,
                                        .twiddles = workspace.twiddles[i].view(),
                                        .src = src.row(tile, j + i),
                                        .src_stride = stride,
                                        .dst = dst.row(tile, j + i),
                                        .dst_stride = stride,
                                        .scratch = workspace.scratch.data(),
                                        .used_words = src.used_words(tile),
                                        .bare_first_step = false,
                                        .first_factors = nullptr,
                                        .stream = stream,
                                        .next = next == nullptr ? nullptr : next + i * stride});
                        }
                      }
                      ntt_kernels().stream_fence();
                    });
}

// `run`(tile, row, scratch) for the first row of every block of every tile.
template <class Kernel>
void within_blocks(const TileMatrix& matrix, Kernel run) {
  const size_t block_rows = size_t{1} << log_block_rows(matrix.log_rows());
  const size_t blocks = matrix.rows() / block_rows;
  const int first_tile = matrix.first_tile();
  const auto tiles = static_cast<size_t>(matrix.tiles() - first_tile);
  tbb::enumerable_thread_specific<AlignedWords> scratch(
      [&] { return AlignedWords(block_rows * kTileWidth); });
  tbb::parallel_for(tbb::blocked_range<size_t>(0, blocks * tiles),
                    [&](const tbb::blocked_range<size_t>& range) {
                      for (size_t i = range.begin(); i < range.end(); ++i) {
                        run(first_tile + static_cast<int>(i / blocks), i % blocks * block_rows,
                            scratch.local().data());
                      }
                    });
}

}  // namespace

NttTwiddles::NttTwiddles(const NttPlan& plan) : plan_(plan), words_(2 * plan.twiddle_words) {}

NttTwiddles NttTwiddles::bare(int log_rows, bool inverse) {
  ZK_CHECK(0 <= log_rows && log_rows <= NttPlan::kMaxLogRows);
  NttTwiddles twiddles(NttPlan::make(log_rows));
  uint32_t* const w = twiddles.words_.data();
  uint32_t* const w_mu = w + twiddles.plan_.twiddle_words;
  for (int s = 0; s < twiddles.plan_.steps; ++s) {
    const NttPlan::Step& step = twiddles.plan_.step[s];
    for (int m = 0; m < step.radix_log; ++m) {
      const int layer = step.log_stride + m;
      Fp root = Fp::root_of_unity(layer + 1);
      if (inverse) root = stark::inverse(root);
      Fp power = Fp::one();
      for (size_t index = 0; index < size_t{1} << layer; ++index, power *= root) {
        const size_t low = index >> step.log_stride;
        const size_t j = index & ((size_t{1} << step.log_stride) - 1);
        const size_t at = step.offset + (j << step.radix_log) + (size_t{1} << m) + low;
        const ShoupFactor twiddle = ShoupFactor::from(power);
        w[at] = twiddle.w;
        w_mu[at] = twiddle.w_mu;
      }
    }
    // Words that stand for no twiddle: q = 0, and what fills the step up to 16 words. They are
    // scaled with the rest.
    const size_t rows = size_t{1} << step.log_stride;
    for (size_t j = 0; j < rows; ++j) w[step.offset + (j << step.radix_log)] = 0;
    for (size_t i = rows << step.radix_log; i < 16; ++i) w[step.offset + i] = 0;
  }
  return twiddles;
}

void NttTwiddles::scale_from(const NttTwiddles& bare, const ShoupFactor* bases) {
  ntt_kernels().scale_twiddles(plan_, bare.words_.data(), bases, words_.data(),
                               words_.data() + plan_.twiddle_words);
}

BlockTransform BlockTransform::inverse(int log_rows, Fp shift) {
  const int log_block = log_block_rows(log_rows);
  NttTwiddles bare = NttTwiddles::bare(log_block, true);
  if (shift == Fp::one()) {
    BlockTransform transform(std::move(bare));
    transform.bare_first_step_ = true;
    return transform;
  }
  ShoupFactor bases[NttPlan::kMaxLogRows];
  squares_down(pow(stark::inverse(shift), uint64_t{1} << (log_rows - log_block)), log_block, bases);
  BlockTransform transform{NttTwiddles(bare.plan())};
  transform.twiddles_.scale_from(bare, bases);
  return transform;
}

BlockTransform BlockTransform::forward(int log_rows, Fp shift, Fp scale) {
  const int log_block = log_block_rows(log_rows);
  const NttTwiddles bare = NttTwiddles::bare(log_block, false);
  ShoupFactor bases[NttPlan::kMaxLogRows];
  squares_down(pow(shift, uint64_t{1} << (log_rows - log_block)), log_block, bases);
  // The shift's share of the layers of step 0 goes into factors of its rows, which take the scale
  // for nothing; then a third of the twiddles of these layers are 1.
  BlockTransform transform{NttTwiddles(bare.plan())};
  const int radix_log = bare.plan().step[0].radix_log;
  for (size_t k = 0; k < size_t{1} << radix_log; ++k) {
    Fp factor = scale;
    for (int m = 0; m < radix_log; ++m) {
      if (k >> m & 1) factor *= Fp::from_wire(bases[m].w);
    }
    transform.first_factors_[k] = ShoupFactor::from(factor);
  }
  for (int m = 0; m < radix_log; ++m) bases[m] = ShoupFactor::from(Fp::one());
  transform.twiddles_.scale_from(bare, bases);
  transform.bare_first_step_ = true;
  transform.has_first_factors_ = true;
  return transform;
}

NttPass BlockTransform::pass(const uint32_t* src, uint32_t* dst, uint32_t* scratch,
                             size_t used_words) const {
  return {.plan = &twiddles_.plan(),
          .twiddles = twiddles_.view(),
          .src = src,
          .src_stride = kTileWidth,
          .dst = dst,
          .dst_stride = kTileWidth,
          .scratch = scratch,
          .used_words = used_words,
          .bare_first_step = bare_first_step_,
          .first_factors = has_first_factors_ ? first_factors_ : nullptr,
          .stream = false,
          .next = nullptr};
}

void inverse_across_blocks(const TileMatrix& src, TileMatrix& dst, Fp shift) {
  if (src.rows() <= kBlockRows) return;
  const NttTwiddles bare = NttTwiddles::bare(log_blocks(src.log_rows()), true);
  across_blocks(src, dst, bare, inverse(shift), inverse(Fp::root_of_unity(src.log_rows())),
                ntt_kernels().inverse);
}

void forward_across_blocks(TileMatrix& matrix, Fp shift) {
  if (matrix.rows() <= kBlockRows) return;
  const NttTwiddles bare = NttTwiddles::bare(log_blocks(matrix.log_rows()), false);
  across_blocks(matrix, matrix, bare, shift, Fp::root_of_unity(matrix.log_rows()),
                ntt_kernels().forward);
}

void interpolate(TileMatrix& matrix, Fp shift) { interpolate(matrix, matrix, shift); }

void interpolate(const TileMatrix& values, TileMatrix& coefficients, Fp shift) {
  ZK_CHECK(values.log_rows() >= 1 && !(shift == Fp::zero()));
  ZK_CHECK(values.rows() == coefficients.rows() && values.tiles() == coefficients.tiles());
  inverse_across_blocks(values, coefficients, shift);
  const TileMatrix& source = values.rows() > kBlockRows ? coefficients : values;
  const BlockTransform transform = BlockTransform::inverse(values.log_rows(), shift);
  const ShoupFactor scale = ShoupFactor::from(inverse(Fp::from(values.rows())));
  const size_t block_rows = size_t{1} << log_block_rows(values.log_rows());
  within_blocks(values, [&](int tile, size_t row, uint32_t* scratch) {
    uint32_t* const block = coefficients.row(tile, row);
    ntt_kernels().inverse(
        transform.pass(source.row(tile, row), block, scratch, values.used_words(tile)));
    ntt_kernels().scale_rows(block, block_rows, scale);
  });
}

void evaluate(TileMatrix& matrix, Fp shift) {
  ZK_CHECK(matrix.log_rows() >= 1 && !(shift == Fp::zero()));
  const BlockTransform transform = BlockTransform::forward(matrix.log_rows(), shift, Fp::one());
  within_blocks(matrix, [&](int tile, size_t row, uint32_t* scratch) {
    uint32_t* const block = matrix.row(tile, row);
    ntt_kernels().forward(transform.pass(block, block, scratch, matrix.used_words(tile)));
  });
  forward_across_blocks(matrix, shift);
}

}  // namespace zkvm::stark
