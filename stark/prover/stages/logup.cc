#include "stark/prover/stages/logup.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "stark/prover/stages/interactions.h"
#include "stark/prover/stages/logup_kernels.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kMaxChunkStrips = 64;
constexpr uint32_t kMinChunkStrips = 8;
constexpr size_t kChunkScratchBytes = 256 << 10;  // stays in the L2 cache

/// What the kernels read of one group's interactions.
struct GroupInteractions {
  PackedInteractions packed;
  ColumnLayout layout;
  std::vector<LogupPair> pairs;

  GroupInteractions(const GroupShape& group, uint32_t tuple_width,
                    const LogupChallenges& challenges) {
    for (size_t i = 0; i < group.interactions.size(); i += 2) {
      LogupPair pair{};
      pair.single = i + 1 == group.interactions.size();
      for (size_t j = 0; j < (pair.single ? 1 : 2); ++j) {
        const GroupInteraction& interaction = group.interactions[i + j];
        pair.fingerprint[j] = packed.add_fingerprint(interaction, challenges.gamma, challenges.beta,
                                                     tuple_width, Fp5::one(), layout);
        pair.multiplicity[j] = packed.add_base(
            interaction.multiplicity, interaction.positive ? Fp::one() : -Fp::one(), layout);
      }
      pairs.push_back(pair);
    }
  }

  [[nodiscard]] LogupPlan view(uint32_t aux_width, uint32_t acc) const {
    return {InteractionView(packed),
            pairs.data(),
            static_cast<uint32_t>(pairs.size()),
            static_cast<uint32_t>(layout.tiles().size()),
            layout.columns(),
            (aux_width + kTileColumns - 1) / kTileColumns,
            acc};
  }
};

uint32_t chunk_rows(const LogupKernels& kernels, const LogupPlan& plan, uint32_t height) {
  const size_t strip_bytes = kernels.scratch_words(plan, kernels.lanes) * sizeof(uint32_t);
  const auto fitting = std::bit_floor(static_cast<uint32_t>(kChunkScratchBytes / strip_bytes + 1));
  return std::min(height, kernels.lanes * std::clamp(fitting, kMinChunkStrips, kMaxChunkStrips));
}

/// acc of row r += before the chunk - r S / N: a line, the same on the tiles that hold acc.
void fix_running_sum(const LogupKernels& kernels, const GroupShape& group,
                     const std::vector<Fp5>& totals, uint32_t rows, const Fp5& step,
                     TileMatrix& aux) {
  const uint32_t first_column = group.acc;
  const uint32_t first_tile = first_column / kTileColumns;
  const uint32_t last_tile = (first_column + 4) / kTileColumns;
  std::vector<Fp5> starts(totals.size());
  Fp5 before;
  for (size_t c = 0; c < totals.size(); ++c) {
    starts[c] = before + step * Fp::from(c * rows);
    before += totals[c];
  }
  tbb::parallel_for(size_t{0}, totals.size(), [&](size_t c) {
    for (uint32_t tile = first_tile; tile <= last_tile; ++tile) {
      alignas(64) uint32_t start_words[kTileColumns] = {}, step_words[kTileColumns] = {};
      for (uint32_t k = 0; k < 5; ++k)
        if ((first_column + k) / kTileColumns == tile) {
          start_words[(first_column + k) % kTileColumns] = starts[c].c[k].wire;
          step_words[(first_column + k) % kTileColumns] = step.c[k].wire;
        }
      kernels.add_line(aux.row(static_cast<int>(tile), c * rows), rows, start_words, step_words);
    }
  });
}

}  // namespace

Fp5 fill_logup(const Shape& shape, const GroupShape& group, uint32_t tuple_width,
               const LogupChallenges& challenges, std::span<const TileMatrix* const> trees,
               TileMatrix& aux) {
  ZK_CHECK(aux.columns() == static_cast<int>(group.width[shape.tree(Phase::kAux)]) &&
           aux.rows() == group.height());
  const GroupInteractions interactions(group, tuple_width, challenges);
  const LogupPlan plan = interactions.view(group.width[shape.tree(Phase::kAux)], group.acc);
  const LogupKernels& best = logup_kernels();
  const LogupKernels& kernels = group.height() < best.lanes ? scalar::logup_kernels : best;

  const uint32_t rows = chunk_rows(kernels, plan, group.height());
  const size_t chunks = group.height() / rows;
  std::vector<Fp5> totals(chunks);
  tbb::enumerable_thread_specific<AlignedWords> scratch(
      [&] { return AlignedWords(kernels.scratch_words(plan, rows)); });
  tbb::parallel_for(size_t{0}, chunks, [&](size_t c) {
    std::vector<const uint32_t*> tiles;
    for (const ColumnLayout::Tile& tile : interactions.layout.tiles())
      tiles.push_back(trees[tile.tree]->row(static_cast<int>(tile.tile), c * rows));
    std::vector<uint32_t*> aux_tiles;
    for (uint32_t t = 0; t < plan.aux_tiles; ++t)
      aux_tiles.push_back(aux.row(static_cast<int>(t), c * rows));
    kernels.logup_chunk(plan,
                        {tiles.data(), aux_tiles.data(), rows, &totals[c], scratch.local().data()});
  });

  Fp5 sum;
  for (const Fp5& total : totals) sum += total;
  const Fp5 step = -(sum * inverse(Fp::from(group.height())));
  fix_running_sum(kernels, group, totals, rows, step, aux);
  return sum;
}

}  // namespace zkvm::stark
