#include "stark/prover/stages/constraints.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <array>
#include <vector>

#include "stark/prover/stages/constraint_kernels.h"
#include "stark/prover/stages/interactions.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kMaxChunkRows = 1024;

using Words5 = std::array<uint32_t, 5>;

const uint32_t* row_of(const TileMatrix* matrix, uint32_t tile, size_t row) {
  return matrix->row(static_cast<int>(tile), row);
}

void copy_words(const Fp5& from, uint32_t to[5]) {
  for (int k = 0; k < 5; ++k) to[k] = from.c[k].wire;
}

/// What the kernels read of one group's constraints on one coset.
class GroupConstraints {
 public:
  GroupConstraints(const Circuit& circuit, const Shape& shape, const GroupShape& group,
                   const ConstraintChallenges& challenges, Fp inverse_vanishing)
      : challenges_(challenges), power_(Fp5::from(inverse_vanishing)) {
    add_aux(shape, group);
    for (const TableShape& table : group.tables) add_chip(circuit, table);
    for (size_t i = 0; i < group.interactions.size(); i += 2)
      add_pair(group, i, circuit.key().tuple_width);
    add_running_sum(group);
  }
  GroupConstraints(const GroupConstraints&) = delete;
  GroupConstraints& operator=(const GroupConstraints&) = delete;

  [[nodiscard]] const ColumnLayout& layout() const { return layout_; }
  [[nodiscard]] const ColumnLayout& next_layout() const { return next_layout_; }

  [[nodiscard]] ConstraintPlan view() const {
    ConstraintPlan out{};
    out.interactions = InteractionView(interactions_);
    out.pairs = pairs_.data();
    out.pair_count = static_cast<uint32_t>(pairs_.size());
    out.chips = chips_.data();
    out.chip_count = static_cast<uint32_t>(chips_.size());
    out.late = challenges_.late.words();
    out.assert_powers = reinterpret_cast<const uint32_t(*)[5]>(assert_powers_.data());
    std::copy_n(&running_sum_matrix_[0][0], 25, &out.running_sum_matrix[0][0]);
    copy_words(constant_, out.constant);
    out.tiles = static_cast<uint32_t>(layout_.tiles().size());
    out.columns = layout_.columns();
    out.next_tiles = static_cast<uint32_t>(next_layout_.tiles().size());
    out.next_columns = next_layout_.columns();
    out.h = h_;
    out.acc = acc_;
    out.next_acc = next_acc_;
    for (const ChipPlan& chip : chips_) {
      out.gathered = std::max(out.gathered, chip.width);
      out.values = std::max(out.values, chip.asserts);
    }
    return out;
  }

 private:
  // First, so that all aux columns lie together, and so do the five of acc on the next row.
  void add_aux(const Shape& shape, const GroupShape& group) {
    const uint32_t tree = shape.tree(Phase::kAux);
    h_ = layout_.place({tree, 0});
    for (uint32_t i = 1; i < group.width[tree]; ++i) layout_.place({tree, i});
    acc_ = h_ + group.acc;
    next_acc_ = next_layout_.place({tree, group.acc});
    for (uint32_t k = 1; k < 5; ++k) next_layout_.place({tree, group.acc + k});
  }

  void add_chip(const Circuit& circuit, const TableShape& table) {
    const ChipKey& chip = circuit.key().chips[table.chip];
    if (chip.asserts.empty()) return;
    ChipPlan out{};
    out.kernel = circuit.assert_kernel(table.chip);
    out.asserts = static_cast<uint32_t>(chip.asserts.size());
    out.width = static_cast<uint32_t>(table.columns.size());
    auto& places = places_.emplace_back();
    for (const ColumnRef column : table.columns) places.push_back(layout_.place(column));
    out.first_column = places[0];
    for (uint32_t i = 1; i < places.size(); ++i)
      if (places[i] != places[0] + i) out.columns = places.data();
    auto& next = next_columns_.emplace_back();
    for (const uint16_t column : chip.next)
      next.push_back({column, next_layout_.place(table.columns[column])});
    out.next = next.data();
    out.next_count = static_cast<uint32_t>(next.size());
    chips_.push_back(out);
    for (uint32_t i = 0; i < out.asserts; ++i) {
      auto& words = assert_powers_.emplace_back();
      for (size_t k = 0; k < 5; ++k) {
        const uint32_t word = power_.c[k].wire;
        words[k] = word > kCentre ? word - Fp::kModulus : word;
      }
      constant_ += power_ * centre();
      power_ *= challenges_.alpha;
    }
  }

  void add_pair(const GroupShape& group, size_t i, uint32_t tuple_width) {
    ConstraintPair pair{};
    pair.single = i + 1 == group.interactions.size();
    const auto fingerprint = [&](const GroupInteraction& interaction, const Fp5& factor) {
      return interactions_.add_fingerprint(interaction, challenges_.logup.gamma,
                                           challenges_.logup.beta, tuple_width, factor, layout_);
    };
    const auto multiplicity = [&](const GroupInteraction& interaction) {
      return interactions_.add_base(interaction.multiplicity,
                                    interaction.positive ? Fp::one() : -Fp::one(), layout_);
    };
    pair.scaled_first = fingerprint(group.interactions[i], power_);
    pair.multiplicity[0] = multiplicity(group.interactions[i]);
    copy_words(-power_, pair.minus_alpha);
    if (!pair.single) {
      pair.second = fingerprint(group.interactions[i + 1], Fp5::one());
      pair.multiplicity[1] = multiplicity(group.interactions[i + 1]);
    }
    pairs_.push_back(pair);
    power_ *= challenges_.alpha;
  }

  void add_running_sum(const GroupShape& group) {
    Fp5 x_power = Fp5::one();
    const Fp5 x{{Fp{}, Fp::one(), Fp{}, Fp{}, Fp{}}};
    for (size_t i = 0; i < 5; ++i, x_power *= x) {
      const Fp5 image = power_ * x_power;
      for (size_t k = 0; k < 5; ++k) running_sum_matrix_[k][i] = image.c[k].wire;
    }
    constant_ += power_ * challenges_.sum * inverse(Fp::from(group.height()));
  }

  const ConstraintChallenges& challenges_;
  Fp5 power_;  // alpha^i / Z_H
  Fp5 constant_;
  PackedInteractions interactions_;
  ColumnLayout layout_, next_layout_;
  std::vector<ConstraintPair> pairs_;
  std::vector<ChipPlan> chips_;
  std::vector<std::vector<uint32_t>> places_;  // what ChipPlan::columns points to
  std::vector<std::vector<ChipPlan::NextColumn>> next_columns_;
  std::vector<Words5> assert_powers_;
  uint32_t running_sum_matrix_[5][5] = {};
  uint32_t h_ = 0, acc_ = 0, next_acc_ = 0;
};

}  // namespace

void evaluate_quotient(const Circuit& circuit, const Shape& shape, const GroupShape& group,
                       const ConstraintChallenges& challenges, Fp inverse_vanishing,
                       const CosetColumns& columns, TileMatrix& out, uint32_t first_column) {
  ZK_CHECK(first_column % kTileColumns <= kTileColumns - 5);
  const GroupConstraints constraints(circuit, shape, group, challenges, inverse_vanishing);
  const ConstraintPlan plan = constraints.view();
  const bool rotate = columns.next_trees.empty();
  const uint64_t height = columns.trees[shape.tree(Phase::kAux)]->rows();
  ZK_CHECK(out.rows() == height && (!rotate || height == group.height()));

  const ConstraintKernels& best = constraint_kernels();
  const ConstraintKernels& kernels = height < best.lanes ? scalar::constraint_kernels : best;
  const uint64_t rows = std::min<uint64_t>(height, kMaxChunkRows);
  tbb::enumerable_thread_specific<AlignedWords> scratch(
      [&] { return AlignedWords(kernels.scratch_words(plan)); });
  tbb::parallel_for(uint64_t{0}, height / rows, [&](uint64_t chunk) {
    const uint64_t first = chunk * rows;
    std::vector<const uint32_t*> tiles, next_tiles, next_tails;
    for (const auto& [tree, tile] : constraints.layout().tiles())
      tiles.push_back(row_of(columns.trees[tree], tile, first));
    for (const auto& [tree, tile] : constraints.next_layout().tiles()) {
      if (rotate) {
        next_tiles.push_back(row_of(columns.trees[tree], tile, first) + kTileColumns);
        next_tails.push_back(row_of(columns.trees[tree], tile, (first + rows) % height));
      } else {
        next_tiles.push_back(row_of(columns.next_trees[tree], tile, first));
        next_tails.push_back(row_of(columns.next_trees[tree], tile, first + rows - 1));
      }
    }
    uint32_t* const to =
        out.row(static_cast<int>(first_column / kTileColumns), first) + first_column % kTileColumns;
    kernels.evaluate_chunk(plan, {tiles.data(), next_tiles.data(), next_tails.data(),
                                  static_cast<uint32_t>(rows), to, scratch.local().data()});
  });
}

}  // namespace zkvm::stark
