// The fixed tables of the tensor unit for the layers of a program (chips/layer/layer_tables.h), and
// where they have what a layer needs.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/field/field.h"
#include "stark/machine/image.h"
#include "stark/witness/witness.h"
#include "vm/layer/layer.h"

namespace zkvm::stark::machine {

/// How often each fixed row is asked for, by its number in the table.
struct LayerCounts {
  std::vector<uint32_t> layers, weights, lambdas, mus, positions, channels, steps, windows, pairs,
      pair_bytes;
};

class LayerImage {
 public:
  /// REQUIRES: no layer has a complaint; they outlive this. Errors: kFormat, if a table would be too
  /// high for proofs of rate 2^-log_blowup.
  [[nodiscard]] static Result<LayerImage> of(std::span<const vm::Layer> layers, uint8_t log_blowup);
  LayerImage() = default;

  [[nodiscard]] const LayerHeights& heights() const { return heights_; }
  /// Fixed cells of all tables.
  [[nodiscard]] uint64_t cells() const;

  /// What the tables have of a layer; numbers of rows, and keys, which begin at 1.
  struct Entry {
    Fp tuple[16];                // the layer's fixed row
    uint32_t weights_row = 0;    // of its first weights
    uint32_t weights_each = 0;   // rows for each quad and tap
    uint32_t positions_row = 0;  // q = 0
    uint32_t channels_row = 0;
    uint32_t windows_row = 0;
    uint32_t pairs_row = 0;
    uint32_t pair_table = 0;  // its number, from 0
    uint32_t function = 0;    // number of its first one
  };
  [[nodiscard]] const Entry& entry(size_t layer) const { return entries_[layer]; }
  [[nodiscard]] const vm::Layer& layer(size_t layer) const { return layers_[layer]; }
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
  /// The tables that there are, with these multiplicities. This must outlive them.
  [[nodiscard]] std::vector<Table> tables(const Circuit& circuit, LayerCounts counts) const;

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
  struct WeightsRow {
    uint32_t layer, quad, tap, part;
  };

  [[nodiscard]] Result<void> add(size_t index);
  [[nodiscard]] Result<void> add_steps(const vm::Layer& layer);
  void add_positions(Entry& entry, const vm::Layer& layer, size_t index);
  void add_channels(Entry& entry, const vm::Layer& layer);
  void add_windows(Entry& entry, const vm::Layer& layer);
  void add_pairs(Entry& entry, const vm::Layer& layer);
  [[nodiscard]] uint64_t rows(LayerTable table) const;
  [[nodiscard]] WeightsRow weights_row(uint32_t row) const;

  std::span<const vm::Layer> layers_;
  std::vector<Entry> entries_;
  LayerHeights heights_{};
  uint32_t products_ = 0;  // keys of weights
  uint32_t weights_rows_ = 0;
  uint32_t greatest_power_ = 0;
  std::vector<Step> steps_;
  std::vector<uint32_t> first_step_ = {0};  // of each function; functions begin at 1
  /// Layers with a list of positions of their own, by that list.
  struct ByList {
    std::span<const vm::Layer> layers;
    bool operator()(size_t a, size_t b) const;
  };
  std::set<size_t, ByList> lists_;
  std::vector<Position> positions_;
  std::vector<Channel> channels_;
  std::vector<Window> windows_;
  std::vector<Pair> pairs_;
  std::vector<std::span<const uint8_t>> pair_tables_;
  /// Numbers of pair_tables_, by their bytes.
  struct ByBytes {
    bool operator()(std::span<const uint8_t> a, std::span<const uint8_t> b) const;
  };
  std::map<std::span<const uint8_t>, uint32_t, ByBytes> pair_table_numbers_;
};

}  // namespace zkvm::stark::machine
