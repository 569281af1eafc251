#include "stark/session/image/layer_image.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "stark/chips/layer/bias.h"
#include "stark/chips/layer/layer_tables.h"
#include "stark/machine/circuit.h"
#include "vm/layer/section.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;

constexpr int64_t kMostSums = 1 << 16;  // of a step that is not wide
constexpr uint64_t kMostSteps =
    1 << 25;  // of a program, whose file may ask for more than there is memory for
constexpr uint64_t kMostListed = 1 << 24;  // likewise, of rows of all lists that are expanded
constexpr uint64_t kFewSteps = 1 << 16;    // which need no table of many
// SOUNDNESS: what write_bytes.h shows of a wide step, from + 2^14 rest, is below 2^30 + 2^16; so a sum
// that is on the other side of its edge by less than this is no such number modulo p.
constexpr int64_t kMostWide = (int64_t{1} << 30) - (int64_t{1} << 25);
static_assert(kMostWide + (int64_t{1} << 30) + (int64_t{1} << 16) < Fp::kModulus);

Fp signed_fp(int64_t x) { return Fp::from_signed(x); }

uint32_t kind_of(const vm::Layer& layer) {
  if (layer.kind == vm::Layer::Kind::kMaxPool) return number(LayerKind::kMaxPool);
  if (layer.kind == vm::Layer::Kind::kPair) return number(LayerKind::kPair);
  if (layer.memory_weights)
    return number(layer.sums ? LayerKind::kWordsOfTwo : LayerKind::kBytesOfTwo);
  return number(layer.sums ? LayerKind::kWords : LayerKind::kBytes);
}

/// Words from a quad's last position to the next quad's first.
Fp jump_of(uint32_t positions, uint32_t step, uint32_t quad_step) {
  return signed_fp((int64_t{quad_step} - int64_t{positions - 1} * step) / 4);
}

/// What a row of weights costs a proof, in cells: the committed ones, and about half of the fixed ones.
template <class Chip>
constexpr uint64_t kWeightsCells =
    kWidth<Chip> - Chip::kSlots[0].width + Chip::kSlots[0].width / 2 + 2;

/// Rows of a table with so many that are used.
uint64_t padded(uint64_t rows) {
  return rows == 0 ? 0 : std::bit_ceil(std::max(rows, uint64_t{1} << kMinLogLayers));
}

bool is_cheaper_in_weights64(const vm::Layer& layer) {
  return weight_rows(layer, Weights64Table::kOutputs) * kWeightsCells<Weights64Table> <
         weight_rows(layer, WeightsTable::kOutputs) * kWeightsCells<WeightsTable>;
}

/// Whether all that the lists have of two layers is the same, but for positions of linear ones: so it is of the
/// parts of a layer that is cut, but for pools and pairs at its edges.
bool have_lists_in_common(const vm::Layer& a, const vm::Layer& b) {
  if (a.kind != b.kind || a.quads != b.quads || a.taps.size() != b.taps.size()) return false;
  for (size_t t = 0; t < a.taps.size(); ++t)
    if (a.back - a.taps[t] != b.back - b.taps[t]) return false;
  if (a.kind != vm::Layer::Kind::kLinear)
    return a.positions == b.positions && a.positions_b == b.positions_b && a.back == b.back &&
           a.emits == b.emits && a.pair_table == b.pair_table;
  return a.zero == b.zero && a.outputs == b.outputs && a.groups == b.groups && a.sums == b.sums &&
         a.bias == b.bias && a.function_of == b.function_of && a.functions == b.functions &&
         a.memory_weights == b.memory_weights && a.weights == b.weights;
}

}  // namespace

uint64_t weight_rows(const vm::Layer& layer, uint32_t outputs) {
  if (layer.memory_weights) return 0;
  return layer.products_summed() * ((layer.group_outputs() + outputs - 1) / outputs);
}

void RowsOfWeights::add(const vm::Layer& layer) {
  const uint64_t narrow = weight_rows(layer, WeightsTable::kOutputs);
  all += narrow;
  if (is_cheaper_in_weights64(layer))
    wide += weight_rows(layer, Weights64Table::kOutputs);
  else
    rest += narrow;
}

bool RowsOfWeights::pays_wide() const {
  return padded(rest) * kWeightsCells<WeightsTable> + padded(wide) * kWeightsCells<Weights64Table> <
         padded(all) * kWeightsCells<WeightsTable>;
}

bool pays_weights64(std::span<const vm::Layer> layers) {
  RowsOfWeights rows;
  for (const vm::Layer& layer : layers) rows.add(layer);
  return rows.pays_wide();
}

// SOUNDNESS: p is more than twice what a sum can be, in the proof's own words.
static_assert(2 * vm::kMaxLayerSum < Fp::kModulus);
static_assert(vm::kMaxLayerSum == (int64_t{1} << 30) - (int64_t{1} << 24));  // write_words.h
// pair.h: keys, which are numbered through all groups. A layer has one table at most.
static_assert((vm::kMaxLayers + 1) * PairBytesTable::kTable < Fp::kModulus);
static_assert(vm::kMaxLayerExtent <= 1u << 29);  // call.h
static_assert(vm::kMemoryBiasEnd == LayerBias::kHighEnd << 16);
static_assert(vm::kMaxMemoryWeightsSpan <= kMostWide);

/// Lists are expanded one layer after the other, and checked in between: a small file can ask for more
/// than there is memory for.
Result<LayerImage> LayerImage::of(std::span<const vm::Layer> layers, uint8_t log_blowup,
                                  uint64_t group_cells) {
  LayerImage out;
  out.layers_ = layers;
  out.lists_ = std::set<size_t, ByList>(ByList{layers});
  const unsigned highest = std::min<unsigned>(kMaxLogHeight, Fp::kTwoAdicity - log_blowup);
  const auto check = [&](const Group& group) -> Result<void> {
    for (size_t t = 0; t < kLayerTables; ++t)
      if (const uint64_t rows = group.rows(static_cast<LayerTable>(t));
          rows >> highest > 0 && rows != uint64_t{1} << highest)
        return fail(
            ErrorCode::kFormat,
            fmt::format("layers: table {}: expected at most {} rows, found {} or more",
                        layer_chip(static_cast<LayerTable>(t)), uint32_t{1} << highest, rows));
    return {};
  };
  for (size_t i = 0; i < layers.size(); ++i) {
    if (i == 0) out.begin_group(0);
    const Sizes before = out.sizes();
    auto added = out.add(i);
    out.end_group();
    const bool fits = added && out.cells(out.groups() - 1) <= group_cells;
    if (!fits && i > out.groups_.back().first_layer && out.groups() < kMaxLayerGroups) {
      out.shrink_to(before);
      out.begin_group(i);
      added = out.add(i);
      out.end_group();
    }
    if (!added) return propagate(added);
    if (auto ok = check(out.groups_.back()); !ok) return propagate(ok);
    if (const uint64_t listed = out.positions_.size() + out.channels_.size() + out.windows_.size() +
                                out.pairs_.size() + out.memory_products_.size();
        listed > kMostListed)
      return fail(ErrorCode::kFormat,
                  fmt::format("layers: lists of positions, channels, windows, pairs and products: "
                              "expected at most {} rows, found {} up to layer {}",
                              kMostListed, listed, layers[i].name));
  }
  out.place_weights();
  return out;
}

LayerImage::Sizes LayerImage::sizes() const {
  return {entries_.size(),  steps_.size(),           first_step_.size(), positions_.size(),
          channels_.size(), windows_.size(),         pairs_.size(),      pair_tables_.size(),
          operands_.size(), memory_products_.size(), products_,          group_powers_,
          group_weights_};
}

/// What the last group has in common, it has no more: a new one begins.
void LayerImage::shrink_to(const Sizes& sizes) {
  entries_.resize(sizes.entries);
  steps_.resize(sizes.steps);
  first_step_.resize(sizes.functions);
  positions_.resize(sizes.positions);
  channels_.resize(sizes.channels);
  windows_.resize(sizes.windows);
  pairs_.resize(sizes.pairs);
  pair_tables_.resize(sizes.pair_tables);
  operands_.resize(sizes.operands);
  memory_products_.resize(sizes.memory_products);
  products_ = sizes.products;
  group_powers_ = sizes.group_powers;
  group_weights_ = sizes.group_weights;
}

void LayerImage::begin_group(size_t layer) {
  if (!groups_.empty()) {
    end_group();
    powers_rows_ = static_cast<uint32_t>(rows(LayerTable::kPowers));
    group_powers_ = 0;
    group_weights_ = {};
  }
  lists_.clear();
  pair_table_numbers_.clear();
  Group& group = groups_.emplace_back();
  group.first_layer = layer;
  group.begin = rows();
  group.first_step = steps_.size();
  end_group();
}

void LayerImage::end_group() {
  groups_.back().end = rows();
  groups_.back().end_step = steps_.size();
  groups_.back().weights = group_weights_;
}

/// In which table of its group a layer's weights are depends on all of the group's layers.
void LayerImage::place_weights() {
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    group.begin[static_cast<size_t>(LayerTable::kWeights)] = weights_[0].rows;
    group.begin[static_cast<size_t>(LayerTable::kWeights64)] = weights_[1].rows;
    const bool wide = group.weights.pays_wide();
    const size_t end = g + 1 < groups_.size() ? groups_[g + 1].first_layer : entries_.size();
    for (size_t i = group.first_layer; i < end; ++i) {
      const vm::Layer& layer = layers_[i];
      Entry& entry = entries_[i];
      if (entry.as_before) {
        const Entry& before = entries_[i - 1];
        entry.weights64 = before.weights64;
        entry.weights_row = before.weights_row;
        entry.weights_each = before.weights_each;
        continue;
      }
      entry.weights64 = wide && is_cheaper_in_weights64(layer);
      const auto rows = static_cast<uint32_t>(
          weight_rows(layer, entry.weights64 ? Weights64Table::kOutputs : WeightsTable::kOutputs));
      if (rows == 0) continue;
      Weights& weights = weights_[entry.weights64 ? 1 : 0];
      entry.weights_row = weights.rows;
      entry.weights_each = rows / static_cast<uint32_t>(layer.products_summed());
      weights.rows += rows;
      weights.layers.push_back(static_cast<uint32_t>(i));
    }
  }
}

uint64_t LayerImage::Group::rows(LayerTable table) const {
  const auto rows_for = [](uint64_t steps, uint32_t parts) { return (steps + parts - 1) / parts; };
  if (table == LayerTable::kSteps)
    return rows_for(end_step - first_step - many_steps(), StepsTable::kParts);
  if (table == LayerTable::kManySteps) return rows_for(many_steps(), ManyStepsTable::kParts);
  if (table == LayerTable::kWeights) return weights.pays_wide() ? weights.rest : weights.all;
  if (table == LayerTable::kWeights64) return weights.pays_wide() ? weights.wide : 0;
  return end[static_cast<size_t>(table)] - begin[static_cast<size_t>(table)];
}

/// The most that fill a table, as all tables have a power of two of rows; but all of them if the others
/// were more than half as many, for then a table of twice as many rows costs less than one of those.
uint64_t LayerImage::Group::many_steps() const {
  const uint64_t steps = end_step - first_step;
  if (steps <= kFewSteps) return 0;
  const uint64_t full = ManyStepsTable::kParts * std::bit_floor(steps / ManyStepsTable::kParts);
  return steps - full > full / 2 ? steps : full;
}

/// A network of several groups is proven in segments of millions of cells, perhaps in many: their
/// queries, which tables of 2^12 rows with next columns would double, weigh more than longer tables.
LayerHeights LayerImage::Group::heights(bool several) const {
  LayerHeights out{};
  for (size_t t = 0; t < kLayerTables; ++t) {
    const auto table = static_cast<LayerTable>(t);
    const uint64_t count = rows(table);
    if (count == 0) continue;
    const bool next = table == LayerTable::kWeights || table == LayerTable::kWeights64 ||
                      table == LayerTable::kPowers;
    const uint8_t least = several && next ? kMinLogLayers + 1 : kMinLogLayers;
    out[t] = std::max(least, static_cast<uint8_t>(std::bit_width(count - 1)));
  }
  return out;
}

size_t LayerImage::group_of(size_t layer) const {
  const auto after = std::ranges::upper_bound(groups_, layer, {}, &Group::first_layer);
  return static_cast<size_t>(after - groups_.begin()) - 1;
}

std::vector<LayerHeights> LayerImage::heights() const {
  std::vector<LayerHeights> out;
  for (const Group& group : groups_) out.push_back(group.heights(groups_.size() > 1));
  return out;
}

bool LayerImage::ByList::operator()(size_t a, size_t b) const {
  const vm::Layer &x = layers[a], &y = layers[b];
  if (x.rows() != y.rows()) return x.rows() < y.rows();
  return std::ranges::lexicographical_compare(
      x.emits, y.emits, [](const vm::Layer::Emit& p, const vm::Layer::Emit& q) {
        return std::pair(p.position, p.offset) < std::pair(q.position, q.offset);
      });
}

Result<void> LayerImage::add(size_t index) {
  const vm::Layer& layer = layers_[index];
  Entry entry;
  if (index > groups_.back().first_layer && have_lists_in_common(layers_[index - 1], layer)) {
    entry = entries_.back();
    entry.as_before = true;
  } else {
    entry.function = static_cast<uint32_t>(first_step_.size());
    entry.powers_row = powers_rows_;
  }
  uint32_t key = 0, products = 0, rows = layer.rows(), words = layer.output_words(), end = 0,
           channels_end = 0;
  if (layer.kind == vm::Layer::Kind::kLinear) {
    products = static_cast<uint32_t>(layer.products_summed());
    if (entry.as_before) {
      key = entry.tuple[8].value();
    } else if (layer.memory_weights) {
      add_operand(entry, layer);
      key = entry.products_row + 1;
    } else {
      key = products_ + 1;
      products_ += products;
      group_weights_.add(layer);
    }
    const uint32_t of_groups = layer.groups > 1 ? layer.group_outputs() : 0;
    const uint32_t of_biases = layer.bias_words() != 0 ? rows : 0;
    group_powers_ = std::max({group_powers_, layer.back + 1, of_groups + 1, of_biases + 1});
    if (!entry.as_before) {
      if (auto ok = add_steps(layer); !ok) return ok;
      add_channels(entry, layer);
    }
    add_positions(entry, layer, index);
    end = entry.positions_row + 1 + rows;
    channels_end = entry.channels_row + 1 + words;
  } else if (layer.kind == vm::Layer::Kind::kPair) {
    if (!entry.as_before) add_pairs(entry, layer);
  } else {
    if (!entry.as_before) add_windows(entry, layer);
    rows = static_cast<uint32_t>(layer.windows());
    words = 0;
    end = entry.windows_row + 1 + rows;
  }
  const Fp jump = jump_of(layer.positions, layer.step, layer.quad_step);
  const Fp tuple[] = {fp(layer.id & 0xffff),
                      fp(layer.id >> 16),
                      fp(kind_of(layer)),
                      fp(layer.positions),
                      fp(layer.step / 4),
                      jump,
                      fp(layer.quads),
                      fp(layer.zero),
                      fp(key),
                      fp(products),
                      fp(rows),
                      fp(words),
                      fp(end),
                      fp(channels_end),
                      fp(static_cast<uint32_t>(layer.in_extent())),
                      fp(static_cast<uint32_t>(layer.out_extent()))};
  std::ranges::copy(tuple, entry.tuple);
  if (layer.kind == vm::Layer::Kind::kPair) {
    entry.tuple[7] = fp(static_cast<uint32_t>(layer.b_extent()));
    entry.tuple[8] = fp(layer.step_b / 4);
    entry.tuple[9] = jump_of(layer.positions_b, layer.step_b, layer.quad_step_b);
    entry.tuple[10] = fp(static_cast<uint32_t>(layer.words_written()));
    entry.tuple[11] = fp(layer.positions_b);
    entry.tuple[12] = fp(entry.pairs_row + static_cast<uint32_t>(layer.words_written()) + 1);
    entry.tuple[13] = fp((entry.pair_table + 1) * PairBytesTable::kTable);
  }
  entries_.push_back(entry);
  return {};
}

std::array<uint64_t, 2> LayerImage::weights_rows(size_t layer) const {
  const Entry& of = entries_[layer];
  if (of.as_before) return {};
  const uint64_t rows = layers_[layer].products_summed() * of.weights_each;
  return of.weights64 ? std::array<uint64_t, 2>{0, rows} : std::array<uint64_t, 2>{rows, 0};
}

uint32_t LayerImage::lambda_power(const vm::Layer& layer, uint32_t quad, uint32_t tap) {
  const uint32_t group_quads = layer.quads / layer.groups;
  const bool ends_group = (quad + 1) % group_quads == 0 && tap + 1 == layer.taps.size();
  return ends_group && quad + 1 != layer.quads ? layer.group_outputs() : 0;
}

/// Each function on all sums that an output of it can have.
Result<void> LayerImage::add_steps(const vm::Layer& layer) {
  const std::vector<vm::Layer::Range> ranges = layer.ranges();
  std::vector<vm::Layer::Range> of_function(layer.functions.size(),
                                            {vm::kMaxLayerSum, -vm::kMaxLayerSum});
  for (size_t o = 0; o < layer.function_of.size(); ++o) {
    vm::Layer::Range& range = of_function[layer.function_of[o]];
    range = {std::min(range.low, ranges[o].low), std::max(range.high, ranges[o].high)};
  }
  for (size_t f = 0; f < layer.functions.size(); ++f) {
    const auto number = static_cast<uint32_t>(first_step_.size());
    first_step_.push_back(static_cast<uint32_t>(steps_.size()));
    const auto [low, high] = of_function[f];
    if (low > high) continue;  // no output has it
    // SOUNDNESS: disjoint, and within [-kMaxLayerSum, kMaxLayerSum].
    ZK_CHECK(low >= -vm::kMaxLayerSum && high <= vm::kMaxLayerSum);
    const auto steps =
        layer.functions[f].steps_on(static_cast<int32_t>(low), static_cast<int32_t>(high));
    const auto add = [&](int64_t first, int64_t end, uint8_t value, int8_t wide) {
      steps_.push_back(
          {number, static_cast<int32_t>(first), static_cast<int32_t>(end - 1), value, wide});
    };
    for (size_t i = 0; i < steps.size(); ++i) {
      const bool is_last = i + 1 == steps.size();
      const int64_t from = steps[i].from, end = is_last ? high + 1 : steps[i + 1].from;
      const bool may_be_wide = end - from > kMostSums && high - low <= kMostWide;
      if (may_be_wide && (is_last || i == 0)) {
        add(from, end, steps[i].value, is_last ? 1 : -1);
        continue;
      }
      for (int64_t first = from; first < end; first += kMostSums)
        add(first, std::min(first + kMostSums, end), steps[i].value, 0);
    }
    if (steps_.size() > kMostSteps)
      return fail(ErrorCode::kFormat,
                  fmt::format("layers: steps: expected at most {}, found {} up to layer {}",
                              kMostSteps, steps_.size(), layer.name));
  }
  return {};
}

/// A list that another layer has, too, is there once.
void LayerImage::add_positions(Entry& entry, const vm::Layer& layer, size_t index) {
  if (const auto [same, is_new] = lists_.insert(index); !is_new) {
    entry.positions_row = entries_[*same].positions_row;
    return;
  }
  entry.positions_row = static_cast<uint32_t>(positions_.size());
  positions_.resize(positions_.size() + layer.rows());
  for (const vm::Layer::Emit& emit : layer.emits)
    positions_[entry.positions_row + emit.position] = {true, emit.offset / 4};
}

void LayerImage::add_channels(Entry& entry, const vm::Layer& layer) {
  entry.channels_row = static_cast<uint32_t>(channels_.size());
  for (uint32_t word = 0; word < layer.output_words(); ++word) {
    Channel& channel = channels_.emplace_back();
    for (uint32_t i = 0; i < (layer.sums ? 1 : 4); ++i) {
      const uint32_t o = layer.sums ? word : 4 * word + i;
      channel.functions[i] = layer.sums ? 0 : entry.function + layer.function_of[o];
      channel.biases[i] =
          layer.memory_weights ? 0 : layer.bias[o];  // the sums have those in memory
    }
  }
}

void LayerImage::add_windows(Entry& entry, const vm::Layer& layer) {
  entry.windows_row = static_cast<uint32_t>(windows_.size());
  for (uint32_t quad = 0; quad < layer.quads; ++quad)
    for (const vm::Layer::Emit& emit : layer.emits)
      for (size_t t = 0; t < layer.taps.size(); ++t) {
        const bool last = t + 1 == layer.taps.size();
        const uint32_t p = emit.position - layer.back + layer.taps[t];
        windows_.push_back(
            {layer.quads - quad, layer.positions - p, last, last ? emit.offset / 4 + quad : 0});
      }
}

bool LayerImage::ByBytes::operator()(std::span<const uint8_t> a, std::span<const uint8_t> b) const {
  return std::ranges::lexicographical_compare(a, b);
}

/// A table that another layer has, too, is there once.
void LayerImage::add_pairs(Entry& entry, const vm::Layer& layer) {
  const std::span<const uint8_t> table = layer.pair_table.bytes();
  const auto [known, is_new] =
      pair_table_numbers_.try_emplace(table, static_cast<uint32_t>(pair_tables_.size()));
  if (is_new) pair_tables_.push_back(table);
  entry.pair_table = known->second;
  entry.pairs_row = static_cast<uint32_t>(pairs_.size());
  for (uint32_t quad = 0; quad < layer.quads; ++quad)
    for (const vm::Layer::Emit& emit : layer.emits)
      pairs_.push_back({layer.quads - quad, layer.positions - emit.position,
                        layer.positions_b - layer.position_of_b(emit.position),
                        emit.offset / 4 + quad});
}

void LayerImage::add_operand(Entry& entry, const vm::Layer& layer) {
  const vm::Layer::MemoryWeights& w = *layer.memory_weights;
  const uint32_t rows = layer.group_outputs() / 4;  // of a product
  entry.operands_row = static_cast<uint32_t>(operands_.size());
  entry.products_row = static_cast<uint32_t>(memory_products_.size());
  const Fp tuple[] = {fp(entry.products_row + 1),
                      fp(w.zero),
                      fp(w.lane_step / 4),
                      fp(w.row_step / 4),
                      jump_of(rows, w.row_step, w.product_step),
                      fp(rows),
                      fp(w.by_outputs),
                      fp(w.bias.has_value()),
                      fp(w.bias.value_or(0) / 4),
                      fp(static_cast<uint32_t>(layer.bias_words())),
                      fp(static_cast<uint32_t>(layer.w_extent()))};
  std::ranges::copy(tuple, entry.operand);
  operands_.push_back(entries_.size());
  for (uint32_t quad = 0; quad < layer.quads; ++quad)
    for (uint32_t tap = 0; tap < layer.taps.size(); ++tap)
      memory_products_.push_back(
          {layer.quads - quad, layer.back - layer.taps[tap], lambda_power(layer, quad, tap)});
}

uint32_t LayerImage::step_of(uint32_t function, int32_t sum) const {
  const auto first = steps_.begin() + first_step_[function];
  const auto end =
      function + 1 < first_step_.size() ? steps_.begin() + first_step_[function + 1] : steps_.end();
  const auto after =
      std::upper_bound(first, end, sum, [](int32_t x, const Step& step) { return x < step.first; });
  ZK_CHECK(after != first);
  return static_cast<uint32_t>(std::prev(after) - steps_.begin());
}

uint64_t LayerImage::rows(LayerTable table) const {
  switch (table) {
    case LayerTable::kLayers:
      return entries_.size();
    case LayerTable::kWeights:
      return weights_[0].rows;
    case LayerTable::kWeights64:
      return weights_[1].rows;
    case LayerTable::kPowers:
      return uint64_t{powers_rows_} + group_powers_;
    case LayerTable::kPositions:
      return positions_.size();
    case LayerTable::kChannels:
      return channels_.size();
    case LayerTable::kSteps:
    case LayerTable::kManySteps:
      return 0;  // Group::rows
    case LayerTable::kWindows:
      return windows_.size();
    case LayerTable::kPairs:
      return pairs_.size();
    case LayerTable::kPairBytes:
      return pair_tables_.size() * (PairBytesTable::kTable / PairBytesTable::kParts);
    case LayerTable::kOperands:
      return operands_.size();
    case LayerTable::kProducts:
      return memory_products_.size();
  }
  return 0;
}

LayerImage::Rows LayerImage::rows() const {
  Rows out;
  for (size_t t = 0; t < kLayerTables; ++t) out[t] = rows(static_cast<LayerTable>(t));
  return out;
}

uint64_t LayerImage::cells() const {
  uint64_t cells = 0;
  for (size_t group = 0; group < groups(); ++group) cells += this->cells(group);
  return cells;
}

std::vector<Slot::Row> LayerImage::slot_rows(size_t group) const {
  constexpr uint16_t kColumns[kLayerTables] = {
      LayersTable::kSlots[0].width,    WeightsTable::kSlots[0].width,
      PowersTable::kSlots[0].width,    PositionsTable::kSlots[0].width,
      ChannelsTable::kSlots[0].width,  StepsTable::kSlots[0].width,
      WindowsTable::kSlots[0].width,   PairsTable::kSlots[0].width,
      PairBytesTable::kSlots[0].width, OperandsTable::kSlots[0].width,
      ProductsTable::kSlots[0].width,  ManyStepsTable::kSlots[0].width,
      Weights64Table::kSlots[0].width};
  const LayerHeights heights = groups_[group].heights(groups_.size() > 1);
  std::map<uint8_t, uint16_t, std::greater<>> width;
  for (size_t t = 0; t < kLayerTables; ++t)
    if (heights[t] != 0) width[heights[t]] = static_cast<uint16_t>(width[heights[t]] + kColumns[t]);
  std::vector<Slot::Row> rows;
  for (const auto& [log_height, columns] : width) rows.push_back({log_height, columns});
  return rows;
}

uint64_t LayerImage::cells(size_t group) const {
  uint64_t cells = 0;
  for (const Slot::Row& row : slot_rows(group)) cells += uint64_t{row.width} << row.log_height;
  return cells;
}

uint64_t LayerImage::memory() const {
  uint64_t counts = steps_.size() + pair_tables_.size() * PairBytesTable::kTable;
  for (const uint64_t of_list : rows()) counts += of_list;
  return counts * sizeof(uint32_t) + steps_.size() * sizeof(Step) +
         positions_.size() * sizeof(Position) + channels_.size() * sizeof(Channel) +
         windows_.size() * sizeof(Window) + pairs_.size() * sizeof(Pair) +
         memory_products_.size() * sizeof(Product);
}

LayerCounts LayerImage::no_counts() const {
  const auto zeros = [&](LayerTable table) { return std::vector<uint32_t>(rows(table)); };
  return {.layers = zeros(LayerTable::kLayers),
          .weights = zeros(LayerTable::kWeights),
          .weights64 = zeros(LayerTable::kWeights64),
          .lambdas = zeros(LayerTable::kPowers),
          .mus = zeros(LayerTable::kPowers),
          .positions = zeros(LayerTable::kPositions),
          .channels = zeros(LayerTable::kChannels),
          .steps = std::vector<uint32_t>(steps_.size()),
          .windows = zeros(LayerTable::kWindows),
          .pairs = zeros(LayerTable::kPairs),
          .pair_bytes = std::vector<uint32_t>(pair_tables_.size() * PairBytesTable::kTable),
          .operands = zeros(LayerTable::kOperands),
          .products = zeros(LayerTable::kProducts)};
}

LayerImage::WeightsRow LayerImage::weights_row(const Weights& weights, uint32_t row) const {
  const auto after = std::ranges::upper_bound(
      weights.layers, row, {}, [&](uint32_t layer) { return entries_[layer].weights_row; });
  const uint32_t index = *std::prev(after);
  const Entry& entry = entries_[index];
  const auto taps = static_cast<uint32_t>(layers_[index].taps.size());
  const uint32_t product = (row - entry.weights_row) / entry.weights_each;
  return {index, product / taps, product % taps, (row - entry.weights_row) % entry.weights_each};
}

namespace {

/// A table whose rows fill(row, i) fills for i < rows; the others are `padding`.
template <ChipDefinition Chip, class Fill>
Table fixed_table(uint16_t chip, uint8_t log_height, uint64_t rows, const Fill& fill,
                  const typename Chip::template Cols<Fp>& padding = {}) {
  using Row = typename Chip::template Cols<Fp>;
  constexpr size_t kKept = kWidth<Chip> - kLateWidth<Chip>;
  const auto produce = [fill, rows, padding](uint64_t first, uint64_t count, Fp* out) {
    for (uint64_t i = first; i < first + count; ++i, out += kKept) {
      Row row = padding;
      if (i < rows) fill(row, static_cast<uint32_t>(i));
      std::copy_n(reinterpret_cast<const Fp*>(&row), kKept, out);
    }
  };
  return {chip, log_height, static_cast<uint32_t>(kKept), {}, produce};
}

/// Of a weight: there are millions, and reducing each takes longer than all else that is done to it here.
Fp weight_fp(int16_t weight) {
  constexpr int kMost = 255;
  static const auto elements = [] {
    std::array<Fp, 2 * kMost + 1> out;
    for (int w = -kMost; w <= kMost; ++w) out[static_cast<size_t>(w + kMost)] = signed_fp(w);
    return out;
  }();
  return elements[static_cast<size_t>(weight + kMost)];
}

void put(Fp* rows, const Fp5& x) { std::copy_n(x.c, 5, rows); }

/// sum over o of lambda^o w_o, for what stands in a row of weights.
template <uint32_t kOutputs>
Fp5 weighed(const Fp* weights, const LatePowers& late) {
  // SOUNDNESS is not at stake, only that no sum overflows: 64 2^31 2^20 is below 2^63.
  constexpr int32_t kMost = 1 << 20;
  int64_t sums[5] = {};
  for (uint32_t o = 0; o < kOutputs; ++o) {
    const uint32_t value = weights[o].value();
    const auto weight =
        static_cast<int32_t>(value > Fp::kModulus / 2 ? value - Fp::kModulus : value);
    ZK_CHECK(-kMost <= weight && weight <= kMost);
    const Fp5& power = late(kLambda, o);
    for (int c = 0; c < 5; ++c) sums[c] += int64_t{weight} * power.c[c].wire;
  }
  Fp5 out;
  for (int c = 0; c < 5; ++c) {
    const int64_t rest = sums[c] % int64_t{Fp::kModulus};
    out.c[c] = Fp::from_wire(static_cast<uint32_t>(rest < 0 ? rest + Fp::kModulus : rest));
  }
  return out;
}

/// Of a table of weights, from its own fixed columns. Sums begin in the rows that say so, so parts of the
/// table are made side by side, each from the next such row behind it.
template <uint32_t kOutputs>
void late_weights(const Witness&, const Table& table, const LatePowers& late, Fp* rows) {
  constexpr uint64_t kBlock = 256, kParts = 16;
  const uint64_t height = table.height(), each = std::max(height / kParts, kBlock);
  const auto make = [&](uint64_t first, uint64_t end) {
    std::vector<Fp> cells(kBlock * table.width);
    uint64_t stop = end;
    for (bool found = false; stop < height && !found;) {
      const uint64_t count = std::min(kBlock, height - stop);
      table.read(stop, count, cells.data());
      uint64_t r = 0;
      while (r < count && cells[r * table.width] != Fp::one()) ++r;
      found = r < count;
      stop += r;
    }
    Fp5 v[4];
    bool begins = true;  // the row behind does: then nothing is added
    while (stop > first) {
      const uint64_t count = std::min(kBlock, stop - first);
      table.read(stop - count, count, cells.data());
      for (uint64_t r = count; r-- > 0;) {
        const Fp* row = &cells[r * table.width];
        const uint64_t number = stop - count + r;
        for (uint32_t k = 0; k < 4; ++k) {
          const Fp5 own = weighed<kOutputs>(row + 5 + k * kOutputs, late);
          v[k] = begins ? own : v[k] * late(kLambda, kOutputs) + own;
          if (number < end) put(rows + number * 20 + 5 * k, v[k]);
        }
        begins = row[0] == Fp::one();
      }
      stop -= count;
    }
  };
  tbb::parallel_for(uint64_t{0}, height / each,
                    [&](uint64_t i) { make(i * each, (i + 1) * each); });
}

void late_powers(const Witness&, const Table& table, const LatePowers& late, Fp* rows) {
  Fp5 lambda = Fp5::one(), mu = Fp5::one();
  for (uint64_t r = 0; r < table.height(); ++r, rows += 10) {
    put(rows, lambda);
    put(rows + 5, mu);
    lambda = lambda * late(kLambda, 1);
    mu = mu * late(kMu, 1);
  }
}

}  // namespace

std::vector<Table> LayerImage::tables(const Circuit& circuit, size_t group,
                                      std::shared_ptr<const LayerCounts> shared) const {
  const Group& own = groups_[group];
  const LayerHeights heights = own.heights(groups_.size() > 1);
  std::vector<Table> out;
  // fill(row, its number in the list of all groups)
  const auto add = [&]<ChipDefinition Chip>(LayerTable table, auto fill,
                                            const typename Chip::template Cols<Fp>& padding = {}) {
    const uint8_t log_height = heights[static_cast<size_t>(table)];
    if (log_height == 0) return false;
    const auto begin = static_cast<uint32_t>(own.begin[static_cast<size_t>(table)]);
    out.push_back(fixed_table<Chip>(
        circuit.chip(layer_chip(table, group)), log_height, own.rows(table),
        [fill, begin](auto& row, uint32_t i) { fill(row, begin + i); }, padding));
    return true;
  };
  LayersTable::Cols<Fp> no_layer{};
  no_layer.tuple[1] = fp(kLimb);
  add.operator()<LayersTable>(
      LayerTable::kLayers,
      [this, shared](auto& row, uint32_t i) {
        std::ranges::copy(entries_[i].tuple, row.tuple);
        row.count = fp(shared->layers[i]);
      },
      no_layer);
  const auto add_weights = [&]<class Chip>(LayerTable table, const Weights& weights,
                                           const std::vector<uint32_t>& asked) {
    typename Chip::template Cols<Fp> no_weights{};
    no_weights.start = Fp::one();
    const bool added = add.template operator()<Chip>(
        table,
        [this, shared, &weights, &asked](auto& row, uint32_t i) {
          const auto [index, quad, tap, part] = weights_row(weights, i);
          const vm::Layer& layer = layers_[index];
          const auto taps = static_cast<uint32_t>(layer.taps.size());
          row = {};
          row.start = fp(part == 0);
          row.key = entries_[index].tuple[8] + fp(quad * taps + tap);
          row.quad = fp(layer.quads - quad);
          row.mu_power = fp(layer.back - layer.taps[tap]);
          row.lambda_power = fp(lambda_power(layer, quad, tap));
          const uint32_t each = layer.group_outputs(), begin = part * Chip::kOutputs;
          const uint32_t outputs = std::min(Chip::kOutputs, each - begin);
          for (uint32_t k = 0; k < 4; ++k) {
            const int16_t* of_channel =
                &layer.weights[((size_t{quad} * taps + tap) * 4 + k) * each + begin];
            for (uint32_t o = 0; o < outputs; ++o) row.w[k][o] = weight_fp(of_channel[o]);
          }
          row.count = fp(asked[i]);
        },
        no_weights);
    if (added) out.back().make_late = late_weights<Chip::kOutputs>;
  };
  add_weights.operator()<WeightsTable>(LayerTable::kWeights, weights_[0], shared->weights);
  add_weights.operator()<Weights64Table>(LayerTable::kWeights64, weights_[1], shared->weights64);
  // All rows are true powers, also those that nobody needs.
  constexpr auto kPowers = static_cast<size_t>(LayerTable::kPowers);
  if (const uint8_t log = heights[kPowers]; log != 0) {
    const uint64_t begin = own.begin[kPowers], end = own.end[kPowers];
    out.push_back(fixed_table<PowersTable>(circuit.chip(layer_chip(LayerTable::kPowers, group)),
                                           log, uint64_t{1} << log,
                                           [shared, begin, end](auto& row, uint32_t i) {
                                             row = {};
                                             row.first = fp(i == 0);
                                             row.exponent = fp(i);
                                             if (begin + i >= end) return;
                                             row.lambdas = fp(shared->lambdas[begin + i]);
                                             row.mus = fp(shared->mus[begin + i]);
                                           }));
    out.back().make_late = late_powers;
  }
  add.operator()<PositionsTable>(LayerTable::kPositions, [this, shared](auto& row, uint32_t i) {
    row = {fp(i + 1), fp(positions_[i].emit), fp(positions_[i].offset), fp(shared->positions[i])};
  });
  add.operator()<ChannelsTable>(LayerTable::kChannels, [this, shared](auto& row, uint32_t i) {
    row.tuple[0] = fp(i + 1);
    for (uint32_t k = 0; k < 4; ++k) {
      row.tuple[1 + k] = fp(channels_[i].functions[k]);
      row.tuple[5 + k] = signed_fp(channels_[i].biases[k]);
    }
    row.count = fp(shared->channels[i]);
  });
  const auto add_steps = [&]<class Steps>(LayerTable table, uint64_t first, uint64_t end) {
    add.operator()<Steps>(table, [this, shared, first, end](auto& row, uint32_t i) {
      for (uint32_t k = 0; k < Steps::kParts; ++k) {
        const uint64_t number = first + uint64_t{Steps::kParts} * i + k;
        if (number >= end) break;
        const Step& step = steps_[number];
        const Fp tuple[] = {fp(step.function), fp(step.value), signed_fp(step.edge()),
                            fp(step.reach()), signed_fp(step.wide)};
        std::ranges::copy(tuple, row.step[k]);
        row.count[k] = fp(shared->steps[number]);
      }
    });
  };
  const uint64_t few = own.first_step + own.many_steps();
  add_steps.operator()<StepsTable>(LayerTable::kSteps, few, own.end_step);
  add.operator()<WindowsTable>(LayerTable::kWindows, [this, shared](auto& row, uint32_t i) {
    const Window& window = windows_[i];
    row = {{fp(i + 1), fp(window.quad), fp(window.position), fp(window.last), fp(window.offset)},
           fp(shared->windows[i])};
  });
  add.operator()<PairsTable>(LayerTable::kPairs, [this, shared](auto& row, uint32_t i) {
    const Pair& pair = pairs_[i];
    row = {{fp(i + 1), fp(pair.quad), fp(pair.a), fp(pair.b), fp(pair.offset)},
           fp(shared->pairs[i])};
  });
  add.operator()<PairBytesTable>(LayerTable::kPairBytes, [this, shared](auto& row, uint32_t i) {
    const uint32_t first = PairBytesTable::kParts * i;
    row.key = fp(PairBytesTable::kTable + first);
    for (uint32_t k = 0; k < PairBytesTable::kParts; ++k) {
      row.value[k] =
          fp(pair_tables_[first / PairBytesTable::kTable][first % PairBytesTable::kTable + k]);
      row.count[k] = fp(shared->pair_bytes[first + k]);
    }
  });
  add.operator()<OperandsTable>(LayerTable::kOperands, [this, shared](auto& row, uint32_t i) {
    std::ranges::copy(entries_[operands_[i]].operand, row.tuple);
    row.count = fp(shared->operands[i]);
  });
  add.operator()<ProductsTable>(LayerTable::kProducts, [this, shared](auto& row, uint32_t i) {
    const Product& product = memory_products_[i];
    row = {{fp(i + 1), fp(product.quad), fp(product.mu_power), fp(product.lambda_power)},
           fp(shared->products[i])};
  });
  add_steps.operator()<ManyStepsTable>(LayerTable::kManySteps, own.first_step, few);
  return out;
}

}  // namespace zkvm::stark::machine
