#include "host/layers/plain.h"

#include <zk/check.h>
#include <zk/nn/plain_layers.h>
#include <zk/nn/requantise.h>
#include <zk/nn/taps.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace zkvm::layers {
namespace {

using vm::Layer;
using vm::LayerFunction;
using zk::nn::PairedTaps;
using zk::nn::PlainBlock;
using zk::nn::PlainConstant;
using zk::nn::PlainEmit;
using zk::nn::PlainKind;
using zk::nn::PlainLinear;
using zk::nn::PlainOutput;
using zk::nn::PlainPair;
using zk::nn::PlainPairEmit;
using zk::nn::PlainPool;
using zk::nn::PlainWeights;

// The blob as it grows.
class Writer {
 public:
  [[nodiscard]] uint32_t size() const {
    ZK_CHECK(bytes_.size() < size_t{1} << 31);
    return static_cast<uint32_t>(bytes_.size());
  }
  void word(uint32_t x) {
    for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<uint8_t>(x >> shift));
  }
  // A struct of plain_layers.h: words alone.
  template <class T>
  void words(const T& value) {
    for (const uint32_t x : std::bit_cast<std::array<uint32_t, sizeof(T) / 4>>(value)) word(x);
  }
  // Up to a word.
  void bytes(std::span<const uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize((bytes_.size() + 3) / 4 * 4);
  }
  void set(size_t at, uint32_t x) {
    for (size_t i = 0; i < 4; ++i) bytes_[at + i] = static_cast<uint8_t>(x >> (8 * i));
  }
  [[nodiscard]] std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// Both weights of a lane word.
struct Weights {
  int first, second;
  [[nodiscard]] bool any() const { return first != 0 || second != 0; }
  // Pieces that fit a word each, and add up to it.
  [[nodiscard]] int pieces() const {
    if (!any()) return 0;
    for (int count = 1;; ++count) {
      bool fit = true;
      for (int i = 0; i < count; ++i) {
        const Weights p = piece(i, count);
        fit = fit && zk::nn::pair_fits(p.first, p.second);
      }
      if (fit) return count;
    }
  }
  [[nodiscard]] Weights piece(int i, int count) const {
    const auto part = [&](int w) { return w * (i + 1) / count - w * i / count; };
    return {part(first), part(second)};
  }
};

// Its offset, or 0: it is the rule alone.
uint32_t write_function(const LayerFunction& f, Writer* out) {
  if (f.steps.empty() && f.table.empty()) return 0;
  const uint32_t at = out->size();
  if (f.steps.empty()) {
    out->word(zk::nn::kPlainTable);
    out->bytes(f.table);
    return at;
  }
  out->word(static_cast<uint32_t>(f.steps.size()));
  std::vector<uint8_t> values;
  for (const LayerFunction::Step& step : f.steps) {
    out->word(static_cast<uint32_t>(step.from));
    values.push_back(step.value);
  }
  out->bytes(values);
  return at;
}
std::vector<uint32_t> write_functions(const Layer& layer, Writer* out) {
  std::vector<uint32_t> offsets;
  for (const LayerFunction& f : layer.functions) offsets.push_back(write_function(f, out));
  return offsets;
}

// All but what its sums start from. `functions`: as write_functions() says.
PlainOutput plain_output(const Layer& layer, uint32_t o, const Layer::Range& range,
                         std::span<const uint32_t> functions) {
  PlainOutput out{};
  out.out = layer.sums ? 4 * o : o;
  if (layer.sums) return out;
  const LayerFunction& f = layer.functions[layer.function_of[o]];
  out.function = functions[layer.function_of[o]];
  if (!f.steps.empty()) {
    out.addend = 1 << (zk::nn::kFractionBits - 1);  // no tie
    return out;
  }
  out.scale = f.scale;
  out.zero_point = static_cast<uint32_t>(f.zero_point + (f.is_signed ? 128 : 0));
  const float scale = std::bit_cast<float>(f.scale);
  const auto rescale = zk::nn::FastRescale::of(scale, std::max(-range.low, range.high));
  if (rescale.pre_shift < 0) return out;
  out.shift = static_cast<uint32_t>(rescale.pre_shift);
  out.factor = static_cast<uint32_t>(rescale.factor(scale));
  out.addend = (1u << (zk::nn::kFractionBits - 1)) + 1 + (out.zero_point << zk::nn::kFractionBits);
  return out;
}

// One linear layer with weights of its own.
class LinearWriter {
 public:
  explicit LinearWriter(const Layer& layer) : layer_(layer) {
    find_constants();
    find_lane_words();
    find_places();
  }

  [[nodiscard]] uint64_t heap() const {
    return uint64_t{4} * lane_words_.size() * (uint64_t{before_} + inside_ + behind_);
  }

  // Functions stand before the layer. Returns its offset.
  uint32_t write(Writer* out) {
    const std::vector<uint32_t> functions = write_functions(layer_, out);
    ZK_CHECK(heap() < uint64_t{1} << 30);
    const uint32_t at = out->size();
    const std::vector<Block> blocks = this->blocks();
    const std::vector<PlainConstant> constants = constant_words();
    std::vector<uint32_t> offsets;  // in the input
    for (const auto& [quad, half] : lane_words_)
      offsets.push_back(quad * layer_.quad_step + 2 * half);
    PlainLinear header{
        .kind = PlainKind::kLinear,
        .sums = layer_.sums,
        .tiles = in_tiles(),
        .zero = (layer_.zero + 1u) | uint32_t{layer_.zero} << 16,
        .lane_words = static_cast<uint32_t>(lane_words_.size()),
        .before = before_,
        .inside = inside_,
        .behind = behind_,
        .in = in_,
        .step = layer_.step,
        .emits = static_cast<uint32_t>(layer_.emits.size()),
        .constants = static_cast<uint32_t>(constants.size()),
        .blocks = static_cast<uint32_t>(blocks.size()),
    };
    if (before_ + behind_ == 0 && inside_ == 1 && are_evenly_spaced(offsets)) {
      // Places of one lane word are filled faster than lane words of one place, and are the same bytes.
      std::swap(header.lane_words, header.inside);
      header.step = offsets.size() > 1 ? offsets[1] - offsets[0] : 4;
      offsets.resize(1);
    }
    out->words(header);
    for (const uint32_t offset : offsets) out->word(offset);
    for (const Layer::Emit& emit : layer_.emits)
      out->words(PlainEmit{4 * (emit.position - layer_.emits.front().position), emit.offset});
    for (const PlainConstant& constant : constants) out->words(constant);
    for (const Block& block : blocks) write(block, functions, out);
    return at;
  }

 private:
  struct LaneWord {
    uint32_t quad, half;
  };
  struct Block {
    uint32_t first, count;  // of live_
  };
  // A word of a block: a lane word at a tap.
  struct Entry {
    uint32_t lane_word, tap;
  };

  [[nodiscard]] bool in_tiles() const { return layer_.emits.size() >= zk::nn::kTileEmits; }
  [[nodiscard]] uint32_t group_of(uint32_t output) const { return output / layer_.group_outputs(); }
  [[nodiscard]] Weights weights(const LaneWord& w, uint32_t tap, uint32_t output) const {
    const uint32_t o = output % layer_.group_outputs();
    return {layer_.weight(w.quad, tap, 2 * w.half, o),
            layer_.weight(w.quad, tap, 2 * w.half + 1, o)};
  }

  static bool are_evenly_spaced(std::span<const uint32_t> offsets) {
    for (size_t i = 2; i < offsets.size(); ++i)
      if (offsets[i] - offsets[i - 1] != offsets[1] - offsets[0]) return false;
    return true;
  }

  // The byte, or sum, that an output is whatever the input.
  [[nodiscard]] std::optional<uint32_t> constant(uint32_t output, const Layer::Range& range) const {
    const auto low = static_cast<int32_t>(range.low), high = static_cast<int32_t>(range.high);
    if (layer_.sums) {
      if (low != high) return std::nullopt;
      return static_cast<uint32_t>(low);
    }
    const LayerFunction& f = layer_.functions[layer_.function_of[output]];
    if (f.steps.empty()) {
      LayerFunction rule = f;  // which grows
      rule.table.clear();
      if (rule(low) != rule(high)) return std::nullopt;
    } else if (f.steps_on(low, high).size() > 1) {
      return std::nullopt;
    }
    return f(low);
  }

  void find_constants() {
    ranges_ = layer_.ranges();
    for (uint32_t o = 0; o < layer_.outputs; ++o) {
      constants_.push_back(constant(o, ranges_[o]));
      if (!constants_.back()) live_.push_back(o);
    }
  }

  // Of each word that has some, with zeros for the other bytes.
  [[nodiscard]] std::vector<PlainConstant> constant_words() const {
    std::vector<PlainConstant> words;
    for (uint32_t o = 0; o < layer_.outputs; ++o) {
      if (!constants_[o]) continue;
      const uint32_t out = layer_.sums ? 4 * o : o / 4 * 4;
      if (words.empty() || words.back().out != out) words.push_back({out, 0});
      words.back().word |= *constants_[o] << (layer_.sums ? 0 : 8 * (o % 4));
    }
    return words;
  }

  // Those that a live output has a weight of, and the taps between which they lie.
  void find_lane_words() {
    const auto taps = static_cast<uint32_t>(layer_.taps.size());
    const uint32_t group_quads = layer_.quads / layer_.groups;
    std::vector<std::vector<uint32_t>> live_of(layer_.groups);
    for (const uint32_t o : live_) live_of[group_of(o)].push_back(o);
    for (uint32_t quad = 0; quad < layer_.quads; ++quad)
      for (uint32_t half = 0; half < 2; ++half) {
        const LaneWord word{quad, half};
        bool any = false;
        for (uint32_t tap = 0; tap < taps; ++tap) {
          const bool used = std::ranges::any_of(
              live_of[quad / group_quads], [&](uint32_t o) { return weights(word, tap, o).any(); });
          if (!used) continue;
          any = true;
          least_tap_ = std::min(least_tap_, layer_.taps[tap]);
          most_tap_ = std::max(most_tap_, layer_.taps[tap]);
        }
        if (any) lane_words_.push_back(word);
      }
    if (lane_words_.empty()) least_tap_ = most_tap_ = 0;
  }

  void find_places() {
    if (lane_words_.empty()) return;
    const int64_t first = int64_t{layer_.emits.front().position} - layer_.back + least_tap_;
    const int64_t end = int64_t{layer_.emits.back().position} - layer_.back + most_tap_ + 1;
    const int64_t positions = layer_.positions;
    const int64_t begin_inside = std::clamp<int64_t>(0, first, end);
    const int64_t end_inside = std::clamp<int64_t>(positions, begin_inside, end);
    before_ = static_cast<uint32_t>(begin_inside - first);
    inside_ = static_cast<uint32_t>(end_inside - begin_inside);
    behind_ = static_cast<uint32_t>(end - end_inside);
    if (inside_ > 0) in_ = static_cast<uint32_t>(begin_inside) * layer_.step;
  }
  // Of an entry, from an emit's place.
  [[nodiscard]] uint32_t offset(const Entry& entry) const {
    return 4 *
           (entry.lane_word * (before_ + inside_ + behind_) + layer_.taps[entry.tap] - least_tap_);
  }

  [[nodiscard]] std::vector<Entry> entries_of_group(uint32_t group) const {
    const uint32_t group_quads = layer_.quads / layer_.groups;
    std::vector<Entry> entries;
    for (uint32_t tap = 0; tap < layer_.taps.size(); ++tap)
      for (uint32_t i = 0; i < lane_words_.size(); ++i)
        if (lane_words_[i].quad / group_quads == group) entries.push_back({i, tap});
    return entries;
  }
  // Of an output, of each entry.
  [[nodiscard]] std::vector<uint8_t> pieces(std::span<const Entry> entries, uint32_t output) const {
    std::vector<uint8_t> out;
    for (const auto& [lane_word, tap] : entries)
      out.push_back(static_cast<uint8_t>(weights(lane_words_[lane_word], tap, output).pieces()));
    return out;
  }

  // Live outputs, in order, cut where the instructions are fewest: neighbours may have other words.
  [[nodiscard]] std::vector<Block> blocks() {
    std::vector<Block> out;
    for (uint32_t begin = 0, end = 0; begin < live_.size(); begin = end) {
      const uint32_t group = group_of(live_[begin]);
      while (end < live_.size() && group_of(live_[end]) == group) ++end;
      const std::vector<Entry> entries = entries_of_group(group);
      for (uint32_t i = begin; i < end; ++i) pieces_.push_back(pieces(entries, live_[i]));
      // least[i]: of the outputs from i on, with a first block of count[i].
      const uint32_t total = end - begin;
      std::vector<uint64_t> least(total + 1, std::numeric_limits<uint64_t>::max());
      std::vector<uint32_t> count(total + 1);
      least[total] = 0;
      for (uint32_t i = total; i-- > 0;) {
        std::vector<uint8_t> most(entries.size());
        for (uint32_t n = 1; n <= max_block() && i + n <= total; ++n) {
          const std::vector<uint8_t>& more = pieces_[begin + i + n - 1];
          uint64_t words = 0;
          for (size_t entry = 0; entry < entries.size(); ++entry)
            words += most[entry] = std::max(most[entry], more[entry]);
          if (!is_block(n)) continue;
          const uint64_t cost = instructions(n, words) + least[i + n];
          if (cost < least[i]) least[i] = cost, count[i] = n;
        }
      }
      for (uint32_t i = 0; i < total; i += count[i]) out.push_back({begin + i, count[i]});
    }
    return out;
  }
  [[nodiscard]] uint32_t max_block() const {
    return in_tiles() ? zk::nn::kTileOutputs : std::ranges::max(zk::nn::kRowOutputs);
  }
  [[nodiscard]] bool is_block(uint32_t n) const {
    return in_tiles() || std::ranges::find(zk::nn::kRowOutputs, n) != std::end(zk::nn::kRowOutputs);
  }
  // Of a tile, or a place: soft_unit.h's loops.
  [[nodiscard]] uint64_t instructions(uint32_t n, uint64_t words) const {
    return in_tiles() ? 60 + 50 * n + words * (8 + 13 * n) : 40 + 20 * n + words * (5 + 8 * n) / 2;
  }

  void write(const Block& block, std::span<const uint32_t> functions, Writer* out) {
    const std::vector<Entry> entries = entries_of_group(group_of(live_[block.first]));
    std::vector<uint8_t> most(entries.size());
    for (uint32_t i = 0; i < block.count; ++i)
      std::ranges::transform(most, pieces_[block.first + i], most.begin(),
                             [](uint8_t a, uint8_t b) { return std::max(a, b); });
    std::vector<PlainOutput> outputs;
    std::vector<int64_t> starts;
    for (uint32_t i = 0; i < block.count; ++i) {
      const uint32_t o = live_[block.first + i];
      outputs.push_back(plain_output(layer_, o, ranges_[o], functions));
      starts.push_back(layer_.bias[live_[block.first + i]]);
    }
    // Of one entry, piece `k`: a weight for each output.
    Writer words;
    const auto write_weights = [&](size_t entry, int k) {
      const auto& [lane_word, tap] = entries[entry];
      for (uint32_t i = 0; i < block.count; ++i) {
        const int count = pieces_[block.first + i][entry];
        Weights w{0, 0};
        if (k < count)
          w = weights(lane_words_[lane_word], tap, live_[block.first + i]).piece(k, count);
        words.word(PairedTaps::weight(w.first, w.second));
        // The low lane is x + 1, and what falls off it below 0 counts as -1.
        starts[i] -= w.first - (w.second < 0 ? 1 : 0) + layer_.zero * (w.first + w.second);
      }
    };
    const int pieces = most.empty() ? 0 : std::ranges::max(most);
    for (int k = 0; k < pieces; ++k)
      for (size_t entry = 0; entry < entries.size(); ++entry) {
        if (k >= most[entry]) continue;
        words.word(offset(entries[entry]));
        if (in_tiles()) {
          write_weights(entry, k);
          continue;
        }
        size_t end = entry + 1;
        while (end < entries.size() && k < most[end] &&
               offset(entries[end]) == offset(entries[end - 1]) + 4)
          ++end;
        words.word(static_cast<uint32_t>(end - entry));
        for (; entry < end; ++entry) write_weights(entry, k);
        --entry;
      }
    for (uint32_t i = 0; i < block.count; ++i)
      outputs[i].start = static_cast<uint32_t>(starts[i]);  // modulo 2^32, as sums are
    out->words(PlainBlock{block.count, words.size()});
    for (const PlainOutput& output : outputs) out->words(output);
    out->bytes(words.take());
  }

  const Layer& layer_;
  std::vector<Layer::Range> ranges_;
  std::vector<std::optional<uint32_t>> constants_;  // of each output
  std::vector<uint32_t> live_;                      // outputs that depend on the input
  std::vector<LaneWord> lane_words_;
  std::vector<std::vector<uint8_t>> pieces_;  // of each live output, of each entry of its group
  uint32_t least_tap_ = std::numeric_limits<uint32_t>::max(), most_tap_ = 0;
  uint32_t before_ = 0, inside_ = 0, behind_ = 0, in_ = 0;
};

uint32_t write_pool(const Layer& layer, Writer* out) {
  const uint32_t at = out->size(), least = std::ranges::min(layer.taps);
  out->words(PlainPool{.kind = PlainKind::kMaxPool,
                       .quads = layer.quads,
                       .quad_step = layer.quad_step,
                       .taps = static_cast<uint32_t>(layer.taps.size()),
                       .emits = static_cast<uint32_t>(layer.emits.size())});
  for (const auto& [position, offset] : layer.emits)
    out->words(PlainEmit{(position - layer.back + least) * layer.step, offset});
  for (const uint32_t tap : layer.taps) out->word((tap - least) * layer.step);
  return at;
}

uint32_t write_weights_layer(const Layer& layer, Writer* out) {
  const std::vector<uint32_t> functions = write_functions(layer, out);
  const Layer::MemoryWeights& w = *layer.memory_weights;
  const uint32_t at = out->size();
  out->words(PlainWeights{.kind = PlainKind::kWeights,
                          .sums = layer.sums,
                          .positions = layer.positions,
                          .back = layer.back,
                          .step = layer.step,
                          .group_quads = layer.quads / layer.groups,
                          .quad_step = layer.quad_step,
                          .zero = layer.zero,
                          .groups = layer.groups,
                          .group_outputs = layer.group_outputs(),
                          .by_outputs = w.by_outputs,
                          .weight_zero = w.zero,
                          .lane_step = w.lane_step,
                          .row_step = w.row_step,
                          .product_step = w.product_step,
                          .bias = w.bias.value_or(0),
                          .taps = static_cast<uint32_t>(layer.taps.size()),
                          .emits = static_cast<uint32_t>(layer.emits.size())});
  for (const uint32_t tap : layer.taps) out->word(tap);
  for (const auto& [position, offset] : layer.emits) out->words(PlainEmit{position, offset});
  if (layer.sums) return at;
  const std::vector<Layer::Range> ranges = layer.ranges();
  for (uint32_t o = 0; o < layer.outputs; ++o)
    out->words(plain_output(layer, o, ranges[o], functions));
  return at;
}

uint32_t write_pair(const Layer& layer, uint32_t table, Writer* out) {
  const uint32_t at = out->size();
  out->words(PlainPair{.kind = PlainKind::kPair,
                       .quads = layer.quads,
                       .quad_step_a = layer.quad_step,
                       .quad_step_b = layer.quad_step_b,
                       .table = table,
                       .emits = static_cast<uint32_t>(layer.emits.size())});
  for (const auto& [position, offset] : layer.emits)
    out->words(
        PlainPairEmit{position * layer.step, layer.position_of_b(position) * layer.step_b, offset});
  return at;
}

}  // namespace

uint64_t plain_heap(const Layer& layer) {
  const bool has_lanes = layer.kind == Layer::Kind::kLinear && !layer.memory_weights;
  return has_lanes ? LinearWriter(layer).heap() : 0;
}

std::vector<uint8_t> write_plain(std::span<const Layer> layers) {
  Writer out;
  out.word(zk::nn::kPlainMagic);
  out.word(static_cast<uint32_t>(layers.size()));
  for (size_t i = 0; i < layers.size(); ++i) out.word(0);
  std::vector<std::pair<const vm::PairTable*, uint32_t>> tables;  // each once, with its offset
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    uint32_t at = 0;
    switch (layer.kind) {
      case Layer::Kind::kLinear:
        at = layer.memory_weights ? write_weights_layer(layer, &out)
                                  : LinearWriter(layer).write(&out);
        break;
      case Layer::Kind::kMaxPool:
        at = write_pool(layer, &out);
        break;
      case Layer::Kind::kPair: {
        const auto known = std::ranges::find_if(
            tables, [&](const auto& table) { return *table.first == layer.pair_table; });
        const uint32_t table = known == tables.end() ? out.size() : known->second;
        if (known == tables.end()) {
          out.bytes(layer.pair_table.bytes());
          tables.emplace_back(&layer.pair_table, table);
        }
        at = write_pair(layer, table, &out);
        break;
      }
    }
    out.set(8 + 4 * i, at);
  }
  return out.take();
}

}  // namespace zkvm::layers
