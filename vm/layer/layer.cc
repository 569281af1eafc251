#include "vm/layer/layer.h"

#include <fmt/format.h>
#include <zk/check.h>
#include <zk/nn/requantise.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace zkvm::vm {
namespace {

uint8_t by_rule(const LayerFunction& f, int32_t x) {
  const int32_t y = zk::nn::rescale(x, zk::nn::multiplier_of(std::bit_cast<float>(f.scale)));
  return f.is_signed ? static_cast<uint8_t>(zk::nn::saturate<int8_t>(y, f.zero_point) + 128)
                     : zk::nn::saturate<uint8_t>(y, f.zero_point);
}

std::optional<std::string> complaint_of(const LayerFunction& f) {
  if (!f.steps.empty()) {
    if (f.scale != 0 || f.zero_point != 0 || f.is_signed || !f.table.empty())
      return "has steps and a rule";
    for (size_t i = 1; i < f.steps.size(); ++i)
      if (f.steps[i].from <= f.steps[i - 1].from || f.steps[i].value == f.steps[i - 1].value)
        return "has steps that are not ascending or not longest";
    return std::nullopt;
  }
  const float scale = std::bit_cast<float>(f.scale);
  if (!(std::isnormal(scale) && scale > 0)) return "has a scale that is no positive normal float32";
  const bool in_range = f.is_signed ? zk::nn::is_zero_point<int8_t>(f.zero_point)
                                    : zk::nn::is_zero_point<uint8_t>(f.zero_point);
  if (!in_range)
    return fmt::format("has zero point {}, which is no value of its type", f.zero_point);
  if (!f.table.empty() && f.table.size() != 256) return "has a table that is not of 256 bytes";
  return std::nullopt;
}

uint8_t byte_of(uint32_t word, uint32_t lane) { return static_cast<uint8_t>(word >> (8 * lane)); }

// What weights in memory are as those of a layer, from its words.
std::vector<int16_t> weights_of(const Layer& layer, std::span<const uint32_t> words) {
  const Layer::MemoryWeights& w = *layer.memory_weights;
  const uint32_t each = layer.group_outputs();
  std::vector<int16_t> weights(words.size() * 4);
  for (size_t n = 0; n < layer.products_summed(); ++n)
    for (uint32_t o = 0; o < each; ++o) {  // word (n, o / 4, o % 4)
      const uint32_t word = words[n * each + o];
      for (uint32_t lane = 0; lane < 4; ++lane) {
        const uint32_t channel = w.by_outputs ? o % 4 : lane;
        const uint32_t output = w.by_outputs ? o / 4 * 4 + lane : o;
        weights[(n * 4 + channel) * each + output] =
            static_cast<int16_t>(byte_of(word, lane) - w.zero);
      }
    }
  return weights;
}

// acc[i] += x w[i]. The hot loop of a run.
#if defined(__x86_64__)
[[gnu::target_clones("avx512bw", "avx2", "default")]]
#endif
void accumulate(int32_t* acc, const int16_t* w, int32_t x, size_t count) {
  for (size_t i = 0; i < count; ++i) acc[i] += x * w[i];
}

std::vector<uint32_t> max_pool(const Layer& layer, std::span<const uint32_t> words) {
  std::vector<uint32_t> out;
  out.reserve(size_t{layer.quads} * layer.emits.size());
  for (uint32_t quad = 0; quad < layer.quads; ++quad)
    for (const auto& [q, offset] : layer.emits) {
      uint32_t word = 0;
      for (uint32_t lane = 0; lane < 4; ++lane) {
        uint8_t most = 0;
        for (const uint32_t tap : layer.taps)
          most = std::max(
              most, byte_of(words[size_t{quad} * layer.positions + q - layer.back + tap], lane));
        word |= uint32_t{most} << (8 * lane);
      }
      out.push_back(word);
    }
  return out;
}

std::vector<uint32_t> pair(const Layer& layer, std::span<const uint32_t> words) {
  const std::span<const uint8_t> table = layer.pair_table.bytes();
  const auto of_b = words.subspan(size_t{layer.quads} * layer.positions);
  std::vector<uint32_t> out;
  out.reserve(layer.words_written());
  for (uint32_t quad = 0; quad < layer.quads; ++quad)
    for (const auto& [p, offset] : layer.emits) {
      const uint32_t a = words[size_t{quad} * layer.positions + p];
      const uint32_t b = of_b[size_t{quad} * layer.positions_b + layer.position_of_b(p)];
      uint32_t word = 0;
      for (uint32_t lane = 0; lane < 4; ++lane)
        word |= uint32_t{table[256u * byte_of(a, lane) + byte_of(b, lane)]} << (8 * lane);
      out.push_back(word);
    }
  return out;
}

// Whether no two (i, j, ..), 0 <= i < count of the first axis and so on, have one word. Sufficient: one axis
// steps over all that those within it reach.
struct Axis {
  uint64_t count, step;
};
template <size_t kAxes>
bool are_apart(std::array<Axis, kAxes> axes) {
  std::ranges::sort(axes, {}, &Axis::step);
  uint64_t reach = 4;
  for (const auto& [count, step] : axes) {
    if (count == 1) continue;
    if (step < reach) return false;
    reach += (count - 1) * step;
  }
  return true;
}

}  // namespace

PairTable::PairTable(std::vector<uint8_t> bytes)
    : bytes_(std::make_shared<const std::vector<uint8_t>>(std::move(bytes))) {
  ZK_CHECK(bytes_->size() == kBytes);
}

std::span<const uint8_t> PairTable::bytes() const {
  return bytes_ ? std::span(*bytes_) : std::span<const uint8_t>();
}

bool PairTable::operator==(const PairTable& other) const {
  return bytes_ == other.bytes_ || std::ranges::equal(bytes(), other.bytes());
}

uint8_t LayerFunction::operator()(int32_t x) const {
  if (steps.empty()) {
    const uint8_t y = by_rule(*this, x);
    return table.empty() ? y : table[y];
  }
  const auto after = std::ranges::upper_bound(steps, x, {}, &Step::from);
  return after == steps.begin() ? steps.front().value : std::prev(after)->value;
}

std::vector<LayerFunction::Step> LayerFunction::steps_on(int32_t low, int32_t high) const {
  std::vector<Step> out;
  const auto add = [&](int32_t from, uint8_t value) {
    if (out.empty() || out.back().value != value) out.push_back({from, value});
  };
  if (!steps.empty()) {
    add(low, (*this)(low));
    for (const Step& step : steps)
      if (step.from > low && step.from <= high) add(step.from, step.value);
    return out;
  }
  // The rule grows: the next step is where it first exceeds what it is, most often as far off as the
  // last one was.
  int64_t length = 1;
  for (int64_t from = low; from <= high;) {
    const uint8_t y = by_rule(*this, static_cast<int32_t>(from));
    add(static_cast<int32_t>(from), table.empty() ? y : table[y]);
    int64_t same = from, more = int64_t{high} + 1;  // by_rule(same) is y; at `more` it is greater
    const auto is_same = [&](int64_t at) { return by_rule(*this, static_cast<int32_t>(at)) == y; };
    if (const int64_t guess = from + length - 1; guess > same && guess < more)
      (is_same(guess) ? same : more) = guess;
    if (more <= high) {  // it ends before the guess: shortly before, most often
      for (int64_t stride = 1; more - stride > same; stride *= 2) {
        if (is_same(more - stride)) {
          same = more - stride;
          break;
        }
        more -= stride;
      }
    }
    for (int64_t stride = 1; same + stride < more; stride *= 2) {
      if (is_same(same + stride)) {
        same += stride;
      } else {
        more = same + stride;
        break;
      }
    }
    while (more - same > 1) {
      const int64_t middle = same + (more - same) / 2;
      (is_same(middle) ? same : more) = middle;
    }
    length = more - from;
    from = more;
  }
  return out;
}

uint64_t Layer::out_extent() const {
  uint64_t last = 0;
  for (const Emit& emit : emits) last = std::max<uint64_t>(last, emit.offset);
  return last + uint64_t{4} * output_words();
}

uint64_t Layer::weights_extent() const {
  const MemoryWeights& w = *memory_weights;
  return (products_summed() - 1) * w.product_step + uint64_t{group_outputs() / 4 - 1} * w.row_step +
         uint64_t{3} * w.lane_step + 4;
}

uint64_t Layer::w_extent() const {
  const auto& bias_at = memory_weights->bias;
  return bias_at ? *bias_at + uint64_t{4} * outputs : weights_extent();
}

uint64_t Layer::products() const {
  return kind == Kind::kLinear ? emits.size() * weight_count() : 0;
}

Layer::Range Layer::range_of_any_weights() const {
  const int64_t count = int64_t{quads / groups} * 4 * static_cast<int64_t>(taps.size());
  const int64_t least = -int64_t{zero}, greatest = 255 + least;
  const int64_t least_weight = -int64_t{memory_weights->zero}, greatest_weight = 255 + least_weight;
  const int64_t end_of_bias = memory_weights->bias ? kMemoryBiasEnd : 0;
  Range range;
  range.low = count * std::min(least * greatest_weight, greatest * least_weight) - end_of_bias;
  range.high = count * std::max(least * least_weight, greatest * greatest_weight) +
               std::max<int64_t>(end_of_bias - 1, 0);
  return range;
}

std::vector<Layer::Range> Layer::ranges() const {
  std::vector<Range> out(outputs);
  const uint32_t each = group_outputs(), group_quads = quads / groups;
  const int64_t least = -int64_t{zero}, greatest = 255 - int64_t{zero};
  if (memory_weights) {
    out.assign(outputs, range_of_any_weights());
    return out;
  }
  for (uint32_t o = 0; o < outputs; ++o) out[o] = {bias[o], bias[o]};
  for (uint32_t quad = 0; quad < quads; ++quad)
    for (uint32_t row = 0; row < 4 * taps.size(); ++row) {
      const int16_t* w = &weights[(size_t{quad} * taps.size() * 4 + row) * each];
      Range* range = &out[size_t{quad} / group_quads * each];
      for (uint32_t o = 0; o < each; ++o) {
        range[o].low += w[o] * (w[o] < 0 ? greatest : least);
        range[o].high += w[o] * (w[o] < 0 ? least : greatest);
      }
    }
  return out;
}

std::optional<std::string> Layer::complaint_of_b() const {
  if (kind != Kind::kPair) {
    if (positions_b != 0 || step_b != 0 || quad_step_b != 0 || pair_table.has_value())
      return "second input: expected none, found one";
    return std::nullopt;
  }
  if (back != 0 || taps != std::vector<uint32_t>{0})
    return fmt::format("pair: expected the tap 0 alone, found {} and back {}", taps.size(), back);
  if (positions_b != 1 && positions_b != positions)
    return fmt::format("positions of b: expected 1 or {}, found {}", positions, positions_b);
  if (step_b % 4 != 0 || quad_step_b % 4 != 0) return "steps of b: expected multiples of 4";
  if (b_extent() > kMaxLayerExtent)
    return fmt::format("bytes spanned by b: expected 1..{}, found {}", kMaxLayerExtent, b_extent());
  // SOUNDNESS: as above. A word of a may be one of b, which is read one subtick later.
  if (!are_apart<2>({{{positions_b, step_b}, {quads, quad_step_b}}}))
    return "steps of b: some words would be read twice";
  if (!pair_table.has_value()) return "pair: expected a table, found none";
  return std::nullopt;
}

// REQUIRES: it is linear; outputs, groups, taps and quads are within their limits.
std::optional<std::string> Layer::complaint_of_w() const {
  const MemoryWeights& w = *memory_weights;
  if (!weights.empty() || !bias.empty())
    return fmt::format("weights in memory: expected none of its own, found {} and {} biases",
                       weights.size(), bias.size());
  if (weight_words() + bias_words() > kMaxLayerWords)
    return fmt::format("words of weights in memory: expected 1..{}, found {}", kMaxLayerWords,
                       weight_words() + bias_words());
  if (w.lane_step % 4 != 0 || w.row_step % 4 != 0 || w.product_step % 4 != 0 ||
      w.bias.value_or(0) % 4 != 0)
    return "steps of weights in memory: expected multiples of 4";
  if (w.bias && *w.bias < weights_extent())
    return fmt::format(
        "biases in memory: expected them behind {} bytes of weights, found them at {}",
        weights_extent(), *w.bias);
  if (w_extent() > kMaxLayerExtent)
    return fmt::format("bytes spanned by weights in memory: expected 1..{}, found {}",
                       kMaxLayerExtent, w_extent());
  // SOUNDNESS: as above.
  if (!are_apart<3>({{{products_summed(), w.product_step},
                      {group_outputs() / 4, w.row_step},
                      {4, w.lane_step}}}))
    return "steps of weights in memory: some words would be read twice";
  const Range range = range_of_any_weights();
  if (const int64_t most = std::max(-range.low, range.high); most > kMaxLayerSum)
    return fmt::format("weights in memory: expected sums of at most {}, found up to {}",
                       kMaxLayerSum, most);
  // Whatever the weights, a step may be as long as all sums.
  if (const int64_t span = range.high - range.low; !sums && span > kMaxMemoryWeightsSpan)
    return fmt::format("weights in memory: expected sums that span at most {}, found {}",
                       kMaxMemoryWeightsSpan, span);
  return std::nullopt;
}

std::optional<std::string> Layer::complaint() const {
  const auto at_most = [](const char* what, uint64_t found,
                          uint64_t most) -> std::optional<std::string> {
    if (found >= 1 && found <= most) return std::nullopt;
    return fmt::format("{}: expected 1..{}, found {}", what, most, found);
  };
  if (name.size() > kMaxLayerName ||
      !std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; }))
    return fmt::format("name: expected at most {} printable characters, found {}", kMaxLayerName,
                       name.size());
  const uint64_t in_words = uint64_t{positions} * quads;
  if (auto bad = at_most("positions", positions, kMaxLayerWords)) return bad;
  if (auto bad = at_most("quads", quads, kMaxLayerWords)) return bad;
  if (auto bad = at_most("words read", in_words, kMaxLayerWords)) return bad;
  if (auto bad = at_most("taps", taps.size(), kMaxLayerTaps)) return bad;
  if (auto bad = at_most("positions emitted", emits.size(), kMaxLayerWords)) return bad;
  if (back >= kMaxLayerRows) return at_most("back", back, kMaxLayerRows - 1);
  if (step % 4 != 0 || quad_step % 4 != 0) return "steps: expected multiples of 4";
  if (in_extent() > kMaxLayerExtent)
    return at_most("bytes spanned by the input", in_extent(), kMaxLayerExtent);
  // SOUNDNESS: a word that is read twice at one time has no proof.
  if (!are_apart<2>({{{positions, step}, {quads, quad_step}}}))
    return "steps: some words of the input would be read twice";
  if (auto bad = complaint_of_b()) return bad;
  for (const uint32_t tap : taps)
    if (tap > back) return fmt::format("tap: expected 0..{}, found {}", back, tap);
  if (kind == Kind::kLinear) {
    if (groups == 0 || quads % groups != 0)
      return fmt::format("groups: expected a divisor of {} quads, found {}", quads, groups);
    if (outputs == 0 || outputs % 4 != 0 || outputs % (uint64_t{4} * groups) != 0)
      return fmt::format("outputs: expected a multiple of 4 for each of {} groups, found {}",
                         groups, outputs);
  } else if (sums || groups != 1 || zero != 0 || memory_weights || !weights.empty() ||
             !bias.empty() || !functions.empty() || !function_of.empty()) {
    return kind == Kind::kMaxPool ? "max pool: expected no weights, found some"
                                  : "pair: expected no weights, found some";
  }
  if (auto bad = at_most("words of output at a position", output_words(), kMaxLayerWords))
    return bad;
  if (auto bad = at_most("words written", words_written(), kMaxLayerWords)) return bad;
  if (memory_weights)
    if (auto bad = complaint_of_w()) return bad;
  if (auto bad = at_most("rows of a table", table_rows(), kMaxLayerRows)) return bad;
  for (size_t i = 0; i < emits.size(); ++i) {
    const auto [q, offset] = emits[i];
    if (q >= rows() || offset % 4 != 0 || (i > 0 && q <= emits[i - 1].position))
      return fmt::format(
          "emit {}: expected ascending positions below {} and offsets that are multiples "
          "of 4, found {} and {}",
          i, rows(), q, offset);
  }
  if (out_extent() > kMaxLayerExtent)
    return at_most("bytes spanned by the output", out_extent(), kMaxLayerExtent);
  std::vector<uint32_t> offsets;
  for (const Emit& emit : emits) offsets.push_back(emit.offset);
  std::ranges::sort(offsets);
  for (size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] - offsets[i - 1] < uint64_t{4} * output_words())
      return "emits: some words of the output would be written twice";
  if (kind == Kind::kMaxPool) {
    // `emits` ascends.
    const auto [least, most] = std::ranges::minmax(taps);
    if (uint64_t{emits.front().position} + least < back ||
        uint64_t{emits.back().position} + most >= uint64_t{back} + positions)
      return "max pool: a tap lies outside the input";
    return std::nullopt;
  }
  if (kind == Kind::kPair) return std::nullopt;
  const uint64_t expected = in_words / positions * taps.size() * 4 * group_outputs();
  if (auto bad = at_most("weights", expected, kMaxLayerWeights)) return bad;
  if (auto bad = at_most("products", expected * positions, kMaxLayerProducts)) return bad;
  if (!memory_weights && weights.size() != expected)
    return fmt::format("weights: expected {}, found {}", expected, weights.size());
  for (const int16_t w : weights)
    if (w < -255 || w > 255) return fmt::format("weight: expected -255..255, found {}", w);
  if (!memory_weights && bias.size() != outputs)
    return fmt::format("biases: expected {}, found {}", outputs, bias.size());
  if (function_of.size() != (sums ? 0 : outputs))
    return fmt::format("functions of outputs: expected {}, found {}", sums ? 0 : outputs,
                       function_of.size());
  if (functions.size() > outputs) return "functions: more than outputs";
  for (const uint16_t f : function_of)
    if (f >= functions.size())
      return fmt::format("function: expected one of {}, found {}", functions.size(), f);
  for (size_t i = 0; i < functions.size(); ++i)
    if (auto bad = complaint_of(functions[i])) return fmt::format("function {} {}", i, *bad);
  if (memory_weights) return std::nullopt;
  const std::vector<Range> of_sums = ranges();
  for (uint32_t o = 0; o < outputs; ++o) {
    // The raw sum alone must be an integer, too.
    const int64_t most = std::max(std::max(-of_sums[o].low, of_sums[o].high),
                                  std::max(bias[o] - of_sums[o].low, of_sums[o].high - bias[o]));
    if (most > kMaxLayerSum)
      return fmt::format("output {}: expected sums of at most {}, found up to {}", o, kMaxLayerSum,
                         most);
  }
  return std::nullopt;
}

namespace {

// The outputs from the first to the last that a row of weights is not 0 for: a kernel in blocks of pixels is
// mostly zeros.
struct Reached {
  uint32_t first, count;
};
std::vector<Reached> reached_outputs(std::span<const int16_t> weights, uint32_t outputs) {
  std::vector<Reached> reached(weights.size() / outputs);
  for (size_t row = 0; row < reached.size(); ++row) {
    const std::span<const int16_t> of_row = weights.subspan(row * outputs, outputs);
    uint32_t first = 0, end = outputs;
    while (first < end && of_row[first] == 0) ++first;
    while (end > first && of_row[end - 1] == 0) --end;
    reached[row] = {first, end - first};
  }
  return reached;
}

}  // namespace

std::vector<int32_t> layer_sums(const Layer& layer, std::span<const uint32_t> words) {
  const uint32_t each = layer.group_outputs(), group_quads = layer.quads / layer.groups;
  std::vector<int16_t> of_memory;
  if (layer.memory_weights)
    of_memory = weights_of(
        layer, words.subspan(size_t{layer.quads} * layer.positions, layer.weight_words()));
  const std::vector<int16_t>& weights = layer.memory_weights ? of_memory : layer.weights;
  const std::vector<Reached> reached = reached_outputs(weights, each);
  std::vector<int32_t> sums(size_t{layer.rows()} * layer.outputs);
  for (uint32_t quad = 0; quad < layer.quads; ++quad)
    for (uint32_t p = 0; p < layer.positions; ++p) {
      const uint32_t word = words[size_t{quad} * layer.positions + p];
      for (uint32_t lane = 0; lane < 4; ++lane) {
        const int32_t x = int32_t{byte_of(word, lane)} - layer.zero;
        if (x == 0) continue;
        for (uint32_t t = 0; t < layer.taps.size(); ++t) {
          const size_t q = size_t{p} + layer.back - layer.taps[t];
          const size_t row = (size_t{quad} * layer.taps.size() + t) * 4 + lane;
          const auto [first, count] = reached[row];
          accumulate(&sums[q * layer.outputs + size_t{quad} / group_quads * each + first],
                     &weights[row * each + first], x, count);
        }
      }
    }
  return sums;
}

std::vector<uint32_t> layer_results(const Layer& layer, std::span<const uint32_t> words) {
  if (layer.kind == Layer::Kind::kMaxPool) return max_pool(layer, words);
  if (layer.kind == Layer::Kind::kPair) return pair(layer, words);
  const std::vector<int32_t> raw = layer_sums(layer, words);
  const std::span<const uint32_t> of_memory = words.last(layer.bias_words());
  const auto bias = [&](uint32_t o) {
    if (!layer.memory_weights) return layer.bias[o];
    return of_memory.empty() ? 0 : static_cast<int32_t>(of_memory[o]);
  };
  std::vector<uint32_t> out;
  out.reserve(size_t{layer.output_words()} * layer.emits.size());
  for (uint32_t word = 0; word < layer.output_words(); ++word)
    for (const auto& [q, offset] : layer.emits) {
      const auto sum = [&](uint32_t o) { return raw[size_t{q} * layer.outputs + o] + bias(o); };
      if (layer.sums) {
        out.push_back(static_cast<uint32_t>(sum(word)));
        continue;
      }
      uint32_t bytes = 0;
      for (uint32_t lane = 0; lane < 4; ++lane) {
        const uint32_t o = 4 * word + lane;
        bytes |= uint32_t{layer.functions[layer.function_of[o]](sum(o))} << (8 * lane);
      }
      out.push_back(bytes);
    }
  return out;
}

}  // namespace zkvm::vm
