// The fixed tables of the tensor unit for the layers of a program (chips/layer/layer_tables.h), and
// where they have what a layer needs.
//
// Layers fall into groups, in their order: a group takes as many as fit into kGroupCells, and one at
// least. All lists are numbered through, rows and keys alike; a group's tables are parts of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/field/field.h"
#include "stark/machine/image.h"
#include "stark/witness/witness.h"
#include "vm/layer/layer.h"

namespace zkvm::stark::machine {

/// Fixed cells of a group's tables, unless one layer has more. A group is one more tree that a proof opens,
/// which takes a tenth of a megabyte of receipt: so small networks are one.
inline constexpr uint64_t kGroupCells = uint64_t{1} << 24;

/// How often each fixed row is asked for, by its number in the list.
struct LayerCounts {
  std::vector<uint32_t> layers, weights, weights64, lambdas, mus, positions, channels, steps,
      windows, pairs, pair_bytes, operands, products;
};

/// Rows of a table of weights, of so many outputs each, for a layer; none if they are in memory.
[[nodiscard]] uint64_t weight_rows(const vm::Layer& layer, uint32_t outputs);
/// Rows of several layers' weights.
struct RowsOfWeights {
  uint64_t all = 0;             // if all have 16 outputs
  uint64_t rest = 0, wide = 0;  // of 16; and of 64, for layers for which that is cheaper

  void add(const vm::Layer& layer);
  /// Whether the second table pays.
  [[nodiscard]] bool pays_wide() const;
};
[[nodiscard]] bool pays_weights64(std::span<const vm::Layer> layers);

class LayerImage {
 public:
  /// REQUIRES: no layer has a complaint; they outlive this. `group_cells`: of the image, kGroupCells but in
  /// tests. Errors: kFormat, if a table would be too high for proofs of rate 2^-log_blowup.
  [[nodiscard]] static Result<LayerImage> of(std::span<const vm::Layer> layers, uint8_t log_blowup,
                                             uint64_t group_cells = kGroupCells);
  LayerImage() = default;

  [[nodiscard]] size_t groups() const { return groups_.size(); }
  [[nodiscard]] size_t group_of(size_t layer) const;
  /// Of each group.
  [[nodiscard]] std::vector<LayerHeights> heights() const;
  /// The rows of a group's slot.
  [[nodiscard]] std::vector<Slot::Row> slot_rows(size_t group) const;
  /// Fixed cells of a group's tables; of all groups'.
  [[nodiscard]] uint64_t cells(size_t group) const;
  [[nodiscard]] uint64_t cells() const;
  /// Bytes that this and the counts of one segment take.
  [[nodiscard]] uint64_t memory() const;

  /// What the tables have of a layer; numbers of rows, all groups' numbered through, and keys, which begin
  /// at 1.
  struct Entry {
    Fp tuple[16];                // the layer's fixed row
    Fp operand[11];              // with weights in memory: its row of the table `operands`
    bool as_before = false;      // the layer's before, but for `tuple` and positions
    bool weights64 = false;      // in which table
    uint32_t weights_row = 0;    // of its first weights
    uint32_t weights_each = 0;   // rows for each quad and tap
    uint32_t powers_row = 0;     // of the exponent 0
    uint32_t positions_row = 0;  // q = 0
    uint32_t channels_row = 0;
    uint32_t windows_row = 0;
    uint32_t pairs_row = 0;
    uint32_t pair_table = 0;  // its number, from 0
    uint32_t operands_row = 0;
    uint32_t products_row = 0;
    uint32_t function = 0;  // number of its first one
  };
  [[nodiscard]] const Entry& entry(size_t layer) const { return entries_[layer]; }
  [[nodiscard]] std::span<const vm::Layer> layers() const { return layers_; }
  [[nodiscard]] const vm::Layer& layer(size_t layer) const { return layers_[layer]; }
  /// Rows that a layer's weights take in each of their tables, one after the other; none where they are those
  /// of the layer before.
  [[nodiscard]] std::array<uint64_t, 2> weights_rows(size_t layer) const;
  /// Exponent of lambda that a product is scaled by: a group's outputs at its end, else 0.
  [[nodiscard]] static uint32_t lambda_power(const vm::Layer& layer, uint32_t quad, uint32_t tap);

  /// One of a function's steps, or a part of one: its sums, and what the table has.
  struct Step {
    uint32_t function;
    int32_t first, last;
    uint8_t value;
    int8_t wide;  // 1: there is nothing above, -1: below; else at most 2^16 sums

    [[nodiscard]] int32_t edge() const { return wide < 0 ? last : first; }
    [[nodiscard]] uint32_t reach() const {
      return wide != 0 ? 0 : static_cast<uint32_t>(last - first);
    }
  };
  /// The number of the step of a function that a sum lies in. REQUIRES: it can occur.
  [[nodiscard]] uint32_t step_of(uint32_t function, int32_t sum) const;
  [[nodiscard]] const Step& step(uint32_t number) const { return steps_[number]; }

  [[nodiscard]] LayerCounts no_counts() const;
  /// The tables that a group has, with these multiplicities. This must outlive them.
  [[nodiscard]] std::vector<Table> tables(const Circuit& circuit, size_t group,
                                          std::shared_ptr<const LayerCounts> counts) const;

 private:
  struct Position {
    bool emit;
    uint32_t offset;  // in words
  };
  struct Channel {
    uint32_t functions[4];
    int32_t biases[4];
  };
  struct Window {
    uint32_t quad, position;  // counted down
    bool last;
    uint32_t offset;  // in words
  };
  struct Pair {
    uint32_t quad, a, b;  // counted down
    uint32_t offset;      // in words
  };
  struct Product {
    uint32_t quad;  // counted down
    uint32_t mu_power, lambda_power;
  };
  struct WeightsRow {
    uint32_t layer, quad, tap, part;
  };
  /// What one of the tables of weights has.
  struct Weights {
    uint32_t rows = 0;
    std::vector<uint32_t> layers;  // in the order of their rows
  };

  /// Rows of each list.
  using Rows = std::array<uint64_t, kLayerTables>;
  struct Group {
    size_t first_layer = 0;
    Rows begin{}, end{};  // but of steps and weights, which are in two tables
    size_t first_step = 0, end_step = 0;
    RowsOfWeights weights;

    [[nodiscard]] uint64_t rows(LayerTable table) const;
    /// Steps that stand in the table of many, from the first one on; `steps` has the others.
    [[nodiscard]] uint64_t many_steps() const;
    /// `several`: there are other groups.
    [[nodiscard]] LayerHeights heights(bool several) const;
  };
  /// How long all lists are.
  struct Sizes {
    size_t entries, steps, functions, positions, channels, windows, pairs, pair_tables, operands,
        memory_products;
    uint32_t products, group_powers;
    RowsOfWeights group_weights;
  };
  [[nodiscard]] Sizes sizes() const;
  void shrink_to(const Sizes& sizes);
  void begin_group(size_t layer);
  void end_group();
  [[nodiscard]] Result<void> add(size_t index);
  [[nodiscard]] Result<void> add_steps(const vm::Layer& layer);
  void add_positions(Entry& entry, const vm::Layer& layer, size_t index);
  void add_channels(Entry& entry, const vm::Layer& layer);
  void add_windows(Entry& entry, const vm::Layer& layer);
  void add_pairs(Entry& entry, const vm::Layer& layer);
  void add_operand(Entry& entry, const vm::Layer& layer);
  [[nodiscard]] uint64_t rows(LayerTable table) const;
  [[nodiscard]] Rows rows() const;
  void place_weights();
  [[nodiscard]] WeightsRow weights_row(const Weights& weights, uint32_t row) const;

  std::span<const vm::Layer> layers_;
  std::vector<Entry> entries_;
  std::vector<Group> groups_;
  uint32_t products_ = 0;        // keys of weights
  RowsOfWeights group_weights_;  // of the last group
  Weights weights_[2];           // of 16 outputs a row, of 64
  uint32_t powers_rows_ = 0;     // of the groups before the last one
  uint32_t group_powers_ = 0;    // of the last one
  std::vector<Step> steps_;
  std::vector<uint32_t> first_step_ = {0};  // of each function; functions begin at 1
  /// Layers of the last group with a list of positions of their own, by that list.
  struct ByList {
    std::span<const vm::Layer> layers;
    bool operator()(size_t a, size_t b) const;
  };
  std::set<size_t, ByList> lists_;
  std::vector<Position> positions_;
  std::vector<Channel> channels_;
  std::vector<Window> windows_;
  std::vector<Pair> pairs_;
  std::vector<size_t> operands_;          // layers with weights in memory
  std::vector<Product> memory_products_;  // of these
  std::vector<std::span<const uint8_t>> pair_tables_;
  /// Numbers of pair_tables_ of the last group, by their bytes.
  struct ByBytes {
    bool operator()(std::span<const uint8_t> a, std::span<const uint8_t> b) const;
  };
  std::map<std::span<const uint8_t>, uint32_t, ByBytes> pair_table_numbers_;
};

}  // namespace zkvm::stark::machine
