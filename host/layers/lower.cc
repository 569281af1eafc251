#include "host/layers/lower.h"

#include <fmt/format.h>
#include <zk/nn/requantise.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace zkvm::layers {
namespace {

using vm::Layer;
using vm::LayerFunction;
using Failure = std::optional<LayerError>;

template <class... Args>
LayerError error(LayerErrorCode code, const std::string& name, fmt::format_string<Args...> text,
                 Args&&... args) {
  return {code, name + ": " + fmt::format(text, std::forward<Args>(args)...)};
}

// The last element of an axis that a window reads, from the padded input's begin.
uint64_t reach(const Window& window, int axis) {
  return uint64_t{window.kernel[axis] - 1} * window.dilations[axis];
}

Failure check_block(const std::string& name, const Layout& layout) {
  const auto& [block, shape] = std::tie(layout.block, layout.shape);
  if (block == 0 || shape.height % block != 0 || shape.width % block != 0 ||
      (layout.planar && block != 1))
    return error(LayerErrorCode::kLayout, name,
                 "layout: expected blocks that divide {} x {} pixels, found blocks of {} x {}{}",
                 shape.height, shape.width, block, block, layout.planar ? ", planar" : "");
  return std::nullopt;
}

int64_t floor_quotient(int64_t x, uint32_t by) {
  const int64_t quotient = x / by;
  return quotient * by > x ? quotient - 1 : quotient;
}

// What conv and pool share: sizes that make sense, and agree with the layouts.
Failure check(const std::string& name, const Window& window, const Layout& in, const Layout& out,
              uint32_t outputs) {
  constexpr uint32_t kMost = vm::kMaxLayerWords;
  for (const Shape& shape : {in.shape, out.shape})
    for (const uint32_t size : {shape.channels, shape.height, shape.width})
      if (size == 0 || size > kMost)
        return error(LayerErrorCode::kDescription, name, "size: expected 1..{}, found {}", kMost,
                     size);
  const auto positions = window.positions(in.shape);
  if (!positions)
    return error(LayerErrorCode::kDescription, name,
                 "window: expected 1..{} and within the padded input, found a kernel of {} x {}",
                 kMost, window.kernel[0], window.kernel[1]);
  const Shape expected{outputs, (*positions)[0], (*positions)[1]};
  if (out.shape != expected)
    return error(LayerErrorCode::kDescription, name,
                 "output: expected {} x {} x {}, found {} x {} x {}", expected.channels,
                 expected.height, expected.width, out.shape.channels, out.shape.height,
                 out.shape.width);
  for (const Layout& layout : {in, out}) {
    if (Failure failure = check_block(name, layout)) return failure;
    if (layout.row < layout.shape.width / layout.block || layout.bytes() > vm::kMaxLayerExtent)
      return error(
          LayerErrorCode::kLayout, name,
          "layout: expected rows of at least {} positions and at most {} bytes, found {} and {}",
          layout.shape.width / layout.block, vm::kMaxLayerExtent, layout.row, layout.bytes());
  }
  if (out.planar) return error(LayerErrorCode::kLayout, name, "output: expected no planar layout");
  const auto& kernel = window.kernel;
  const uint64_t windows = uint64_t{expected.height} * expected.width;
  const uint64_t furthest = reach(window, 0) * in.row + reach(window, 1);
  if (uint64_t{kernel[0]} * kernel[1] > vm::kMaxLayerTaps || windows > kMost ||
      furthest >= vm::kMaxLayerRows)
    return error(
        LayerErrorCode::kUnfit, name,
        "window: expected at most {} elements, {} positions and {} pixels from the first to "
        "the last element, found {}, {} and {}",
        vm::kMaxLayerTaps, kMost, vm::kMaxLayerRows, uint64_t{kernel[0]} * kernel[1], windows,
        furthest);
  return std::nullopt;
}

Failure check(const Linear& l, const Layout& in) {
  const auto wrong = [&](const char* what, size_t expected, size_t found) {
    return error(LayerErrorCode::kDescription, l.name, "{}: expected {}, found {}", what, expected,
                 found);
  };
  if (l.groups == 0 || in.shape.channels % l.groups != 0 || l.outputs % l.groups != 0)
    return error(LayerErrorCode::kDescription, l.name,
                 "groups: expected a divisor of {} channels and {} outputs, found {}",
                 in.shape.channels, l.outputs, l.groups);
  const size_t taps =
      size_t{in.shape.channels} / l.groups * l.window.kernel[0] * l.window.kernel[1];
  if (taps > vm::kMaxLayerWeights)
    return error(LayerErrorCode::kUnfit, l.name,
                 "weights of an output: expected at most {}, found {}", vm::kMaxLayerWeights, taps);
  const size_t weights = l.operand ? 0 : l.outputs * taps, biases = l.operand ? 0 : l.outputs;
  if (l.weights.size() != weights) return wrong("weights", weights, l.weights.size());
  if (l.bias.size() != biases) return wrong("biases", biases, l.bias.size());
  const auto has_zero_point = [](const Quantisation& q) {
    return q.is_signed ? zk::nn::is_zero_point<int8_t>(q.zero_point)
                       : zk::nn::is_zero_point<uint8_t>(q.zero_point);
  };
  if (!has_zero_point(l.input) || (!l.sums && !has_zero_point(l.output)))
    return error(LayerErrorCode::kDescription, l.name,
                 "zero points: expected values of the element types, found {} and {}",
                 l.input.zero_point, l.output.zero_point);
  if (l.sums) return std::nullopt;
  const std::vector<float>& scales = l.scales.empty() ? l.weight_scales : l.scales;
  if (scales.size() != 1 && scales.size() != l.outputs)
    return wrong("scales", l.outputs, scales.size());
  if (!l.table.empty() && l.table.size() != 256) return wrong("table", 256, l.table.size());
  for (const float scale : l.scales)
    if (!(scale >= std::numeric_limits<float>::min()) || !zk::nn::is_scale(scale))
      return error(LayerErrorCode::kDescription, l.name,
                   "scale: expected a positive normal float32, found {}", scale);
  if (!l.scales.empty()) return std::nullopt;
  for (const float scale : l.weight_scales)
    if (!zk::nn::is_scale(l.input.scale) || !zk::nn::is_scale(scale) ||
        !zk::nn::is_scale(l.output.scale) ||
        !zk::nn::is_output_scale(l.input.scale, scale, l.output.scale))
      return error(LayerErrorCode::kDescription, l.name,
                   "scale: expected a positive normal float32, found {} * {} / {}", l.input.scale,
                   scale, l.output.scale);
  return std::nullopt;
}

// Padding stands in the gaps: they must be wide enough, and hold the value that counts as `padding`.
Failure check_gaps(const std::string& name, const Window& window, const Layout& in,
                   const Layout& out, uint8_t padding) {
  const auto [left, right] = window.beyond(1, in.shape.width, out.shape.width, in.block);
  const auto [above, below] = window.beyond(0, in.shape.height, out.shape.height, in.block);
  const uint32_t gap = std::max(left, right), columns = in.shape.width / in.block;
  const bool several_rows = in.shape.height > in.block || window.kernel[0] > 1;
  if (columns + gap > in.row && several_rows)
    return error(LayerErrorCode::kLayout, name,
                 "gaps of the input: expected {} positions, found {}", gap, in.row - columns);
  const bool reads_rows = in.lead + in.tail > 0 && above + below > 0;
  if ((gap > 0 || reads_rows) && in.gap != padding)
    return error(LayerErrorCode::kLayout, name, "gaps of the input: expected {}, found {}", padding,
                 in.gap ? fmt::format("{}", *in.gap) : "anything");
  return std::nullopt;
}

// A window whose first tap lies at position w is q = w + back - raise, its taps' offsets are raised
// by `raise`: so that 0 <= q < positions + back where windows begin before the input or behind it.
struct Placement {
  int64_t back, raise;
};
Placement place(int64_t first, int64_t last, int64_t furthest_tap, int64_t positions) {
  const int64_t raise = std::max<int64_t>(0, last - positions + 1);
  return {std::max(furthest_tap + raise, raise - first), raise};
}

// The windows of a layer: row i, column j of `counts` begins at first + i row + j column and writes to
// byte out.byte_of(0, i, j * pixels) * unit.
struct Windows {
  std::array<uint32_t, 2> counts;
  int64_t first, row, column;
  uint32_t pixels = 1, unit = 1;
};

Failure place_windows(const Windows& windows, int64_t positions, const Layout& out, Layer* layer) {
  const auto at = [&](uint32_t i, uint32_t j) {
    return windows.first + i * windows.row + j * windows.column;
  };
  const int64_t last = at(windows.counts[0] - 1, windows.counts[1] - 1);
  const Placement placement = place(at(0, 0), last, std::ranges::max(layer->taps), positions);
  if (positions > vm::kMaxLayerWords || placement.back >= vm::kMaxLayerRows)
    return error(LayerErrorCode::kUnfit, layer->name,
                 "positions: expected at most {}, found {} and {}", vm::kMaxLayerWords, positions,
                 placement.back);
  if (windows.counts[0] > 1 && (windows.counts[1] - 1) * windows.column >= windows.row)
    return error(
        LayerErrorCode::kLayout, layer->name,
        "rows of the input: expected more than {} positions from one row of windows to the "
        "next, found {}",
        (windows.counts[1] - 1) * windows.column, windows.row);
  layer->positions = static_cast<uint32_t>(positions);
  layer->back = static_cast<uint32_t>(placement.back);
  for (uint32_t& tap : layer->taps) tap += static_cast<uint32_t>(placement.raise);
  layer->emits.clear();
  for (uint32_t i = 0; i < windows.counts[0]; ++i)
    for (uint32_t j = 0; j < windows.counts[1]; ++j)
      layer->emits.push_back(
          {static_cast<uint32_t>(at(i, j) + placement.back - placement.raise),
           static_cast<uint32_t>(out.byte_of(0, i, j * windows.pixels) * windows.unit)});
  return std::nullopt;
}

Failure allocate_weights(const Linear& l, Layer* layer) {
  const uint64_t count = uint64_t{layer->quads} * layer->taps.size() * 4 * layer->group_outputs();
  if (count > vm::kMaxLayerWeights)
    return error(LayerErrorCode::kUnfit, layer->name, "weights: expected at most {}, found {}",
                 vm::kMaxLayerWeights, count);
  if (!l.operand) layer->weights.assign(count, 0);
  return std::nullopt;
}

// Where the layer has a weight: product, channel of its quad, output of its group.
struct WeightPlace {
  size_t product, lane, output;
};
WeightPlace weight_place(const Layer& layer, size_t quad, size_t tap, size_t lane, size_t output) {
  return {quad * layer.taps.size() + tap, lane, output % layer.group_outputs()};
}

// Calls visit(output, channel, row, column, number); the channel is the input's.
template <class Visit>
void for_each_weight(const Linear& l, uint32_t channels, Visit&& visit) {
  const uint32_t in_group = channels / l.groups, out_group = l.outputs / l.groups;
  size_t number = 0;
  for (uint32_t o = 0; o < l.outputs; ++o)
    for (uint32_t c = 0; c < in_group; ++c)
      for (uint32_t i = 0; i < l.window.kernel[0]; ++i)
        for (uint32_t j = 0; j < l.window.kernel[1]; ++j)
          visit(o, o / out_group * in_group + c, i, j, number++);
}

// In all that follows put(number, place) hears where a weight is; some are nowhere, some in several places.

// One position: all words of the buffer are quads of it.
template <class Put>
Failure lower_dense(const Linear& l, const Layout& in, const Layout& out, Layer* layer, Put&& put) {
  layer->quads = static_cast<uint32_t>(in.bytes() / 4);
  layer->outputs = 4 * out.quads();
  layer->emits = {{0, static_cast<uint32_t>(out.byte_of(0, 0, 0) * (l.sums ? 4 : 1))}};
  if (Failure failure = allocate_weights(l, layer)) return failure;
  for_each_weight(l, in.shape.channels, [&](auto o, auto c, uint32_t i, uint32_t j, size_t w) {
    const int64_t y = int64_t{i} * l.window.dilations[0] - l.window.pads[0];
    const int64_t x = int64_t{j} * l.window.dilations[1] - l.window.pads[1];
    if (y < 0 || y >= in.shape.height || x < 0 || x >= in.shape.width) return;  // padding
    const uint64_t byte = in.byte_of(c, static_cast<uint32_t>(y), static_cast<uint32_t>(x));
    put(w, weight_place(*layer, byte / 4, 0, byte % 4, o));
  });
  return std::nullopt;
}

template <class T>
bool repeats(const std::vector<T>& all, size_t period) {
  return std::equal(all.begin() + static_cast<ptrdiff_t>(period), all.end(), all.begin());
}

// Whether one window covers the input and means the same for every channel, as a global average does.
bool is_global(const Linear& l, const Layout& in) {
  const auto positions = l.window.positions(in.shape);
  const uint32_t channels = in.shape.channels;
  return !l.operand && !in.planar && channels % 4 == 0 && l.groups == channels &&
         l.outputs == channels && *positions == std::array<uint32_t, 2>{1, 1} &&
         repeats(l.weights, l.weights.size() / channels) && repeats(l.bias, 1) &&
         (l.sums || repeats(l.scales.empty() ? l.weight_scales : l.scales, 1));
}

// Four channels are a position, all pixels of the buffer its quads: a row is written for each of four channels, where
// pixels as positions would have one for each of these and each pixel.
template <class Put>
Failure lower_global(const Linear& l, const Layout& in, const Layout& out, Layer* layer,
                     Put&& put) {
  layer->positions = in.quads();
  layer->step = 4;
  layer->quad_step = 4 * in.quads();
  layer->quads = static_cast<uint32_t>(in.bytes() / layer->quad_step);
  layer->outputs = 4;
  layer->emits.clear();
  for (uint32_t c = 0; c < l.outputs; c += 4)
    layer->emits.push_back({c / 4, static_cast<uint32_t>(out.byte_of(c, 0, 0) * (l.sums ? 4 : 1))});
  if (Failure failure = allocate_weights(l, layer)) return failure;
  for_each_weight(l, in.shape.channels, [&](auto o, auto c, uint32_t i, uint32_t j, size_t w) {
    if (c >= 4) return;
    const int64_t y = int64_t{i} * l.window.dilations[0] - l.window.pads[0];
    const int64_t x = int64_t{j} * l.window.dilations[1] - l.window.pads[1];
    if (y < 0 || y >= in.shape.height || x < 0 || x >= in.shape.width) return;  // padding
    const uint64_t byte = in.byte_of(c, static_cast<uint32_t>(y), static_cast<uint32_t>(x));
    put(w, weight_place(*layer, byte / layer->quad_step, 0, c, o));
  });
  return std::nullopt;
}

// Groups that the unit sees: as few neighbours become one, with blocks of zeros, as make their channels
// and outputs multiples of 4; 1 where the layouts' padding does not allow it.
uint32_t unit_groups(const Linear& l, const Layout& in, const Layout& out) {
  const uint32_t in_group = in.shape.channels / l.groups, out_group = l.outputs / l.groups;
  uint32_t merged = 1;
  while (merged * in_group % 4 != 0 || merged * out_group % 4 != 0) ++merged;
  const uint64_t padded = (uint64_t{l.groups} + merged - 1) / merged * merged;
  const bool fits = padded * in_group == 4 * in.quads() && padded * out_group == 4 * out.quads();
  return fits ? static_cast<uint32_t>(padded / merged) : 1;
}

// Where the kernel's rows (axis 0) or columns lie, from the position of the window at 0, whose first pixel is 0: in
// which position, and there in which row or column of a block.
struct KernelAxis {
  std::vector<int64_t> positions;  // each once
  std::vector<size_t> position;    // of each row: which of them
  std::vector<uint32_t> in_block;  // of each row
};
KernelAxis kernel_axis(const Window& window, int axis, uint32_t block) {
  KernelAxis result;
  for (uint32_t k = 0; k < window.kernel[axis]; ++k) {
    const int64_t pixel = int64_t{k} * window.dilations[axis] - window.pads[axis];
    const int64_t position = floor_quotient(pixel, block);
    if (result.positions.empty() || result.positions.back() != position)
      result.positions.push_back(position);
    result.position.push_back(result.positions.size() - 1);
    result.in_block.push_back(static_cast<uint32_t>(pixel - position * block));
  }
  return result;
}

template <class Put>
Failure lower_pixels(const Linear& l, const Layout& in, const Layout& out, Layer* layer,
                     Put&& put) {
  const Window& window = l.window;
  const uint32_t block = in.block;
  if (window.strides[0] % block != 0 || window.strides[1] % block != 0)
    return error(LayerErrorCode::kLayout, l.name,
                 "input: expected blocks that divide strides of {} x {}, found {} x {}",
                 window.strides[0], window.strides[1], block, block);
  if (Failure failure = check_gaps(l.name, window, in, out, l.input.stored_zero())) return failure;
  layer->quads = static_cast<uint32_t>(in.position_quads());
  layer->step = 4 * layer->quads;
  layer->outputs = 4 * out.quads();
  // The quads of a group are not together in a block.
  layer->groups = block == 1 ? unit_groups(l, in, out) : 1;
  const KernelAxis rows = kernel_axis(window, 0, block), columns = kernel_axis(window, 1, block);
  layer->taps.clear();
  for (const int64_t i : rows.positions)
    for (const int64_t j : columns.positions)
      layer->taps.push_back(
          static_cast<uint32_t>((i - rows.positions[0]) * in.row + j - columns.positions[0]));
  if (Failure failure = allocate_weights(l, layer)) return failure;
  for_each_weight(l, in.shape.channels, [&](auto o, auto c, auto i, auto j, size_t w) {
    const uint32_t pixel = rows.in_block[i] * block + columns.in_block[j];
    put(w,
        weight_place(*layer, pixel * in.quads() + c / 4,
                     rows.position[i] * columns.positions.size() + columns.position[j], c % 4, o));
  });
  const int64_t row = in.row;
  return place_windows({.counts = {out.shape.height, out.shape.width},
                        .first = in.lead + row * rows.positions[0] + columns.positions[0],
                        .row = row * (window.strides[0] / block),
                        .column = window.strides[1] / block,
                        .unit = l.sums ? 4u : 1u},
                       static_cast<int64_t>(in.positions()), out, layer);
}

// Quads of four neighbouring pixels: the layer's outputs are those of `phases` neighbouring pixels of
// the output, and its taps whole words around them.
template <class Put>
Failure lower_planar(const Linear& l, const Layout& in, const Layout& out, Layer* layer,
                     Put&& put) {
  const Window& window = l.window;
  const auto unfit = [&](const char* what, uint64_t expected, uint64_t found) {
    return error(LayerErrorCode::kLayout, l.name, "planar input: {}: expected {}, found {}", what,
                 expected, found);
  };
  const uint32_t phases = planar_phases(l);
  if (phases == 0) return unfit("stride: 1, 2 or 4", 4, window.strides[1]);
  if (l.groups != 1) return unfit("groups", 1, l.groups);
  if (in.row % 4 != 0) return unfit("row: a multiple of", 4, in.row);
  if (in.lead + in.tail > 0) return unfit("pixels before and behind", 0, in.lead + in.tail);
  if (out.block != 1) return unfit("block of the output", 1, out.block);
  if (Failure failure = check_gaps(l.name, window, in, out, l.input.stored_zero())) return failure;
  // Words of outputs may end in pixels beyond the row: these must be gaps that nobody reads.
  const uint32_t words = (out.shape.width + phases - 1) / phases, beyond = words * phases;
  if (beyond > out.shape.width && out.gap)
    return unfit("width of the output: a multiple of", phases, out.shape.width);
  if (out.shape.height > 1 && out.row < beyond) return unfit("row of the output", beyond, out.row);
  if (out.shape.width + out.tail < beyond)
    return unfit("pixels behind the output", beyond - out.shape.width, out.tail);

  // Column of the input, from that of the word, that a phase's kernel column reads.
  const auto column = [&](uint32_t phase, uint32_t j) {
    return int64_t{phase} * window.strides[1] + int64_t{j} * window.dilations[1] - window.pads[1];
  };
  const int64_t first_word = column(0, 0) >> 2;
  const auto last_word = column(phases - 1, window.kernel[1] - 1) >> 2;
  const auto word_taps = static_cast<uint32_t>(last_word - first_word + 1);
  const uint32_t row_words = in.row / 4, pixel_outputs = 4 * out.quads();
  layer->quads = in.shape.channels;
  layer->quad_step = static_cast<uint32_t>(in.plane());
  layer->outputs = phases * pixel_outputs;
  layer->taps.clear();
  for (uint32_t i = 0; i < window.kernel[0]; ++i)
    for (uint32_t word = 0; word < word_taps; ++word)
      layer->taps.push_back(i * window.dilations[0] * row_words + word);
  if (Failure failure = allocate_weights(l, layer)) return failure;
  for (uint32_t phase = 0; phase < phases; ++phase)
    for_each_weight(l, in.shape.channels, [&](auto o, auto c, auto i, auto j, size_t w) {
      const int64_t x = column(phase, j);
      put(w, weight_place(*layer, c, i * word_taps + static_cast<size_t>((x >> 2) - first_word),
                          static_cast<size_t>(x & 3), phase * pixel_outputs + o));
    });
  const int64_t row = row_words;
  return place_windows({.counts = {out.shape.height, words},
                        .first = first_word - row * window.pads[0],
                        .row = row * window.strides[0],
                        .column = 1,
                        .pixels = phases,
                        .unit = l.sums ? 4u : 1u},
                       int64_t{in.shape.height - 1} * row + (in.shape.width + 3) / 4, out, layer);
}

// In the order of the words in the record of a call, and nothing between.
void set_operand(const Linear& l, Layer* layer) {
  layer->memory_weights = {.zero = l.operand->zero,
                           .lane_step = 4,
                           .row_step = 16,
                           .product_step = 4 * layer->group_outputs()};
  if (l.operand->has_bias)
    layer->memory_weights->bias = static_cast<uint32_t>(layer->weights_extent());
}
uint64_t operand_byte(const Layer& layer, const WeightPlace& place) {
  return (place.product * layer.group_outputs() + place.output) * 4 + place.lane;
}

// All but functions.
template <class Put>
Failure lower_sums(const Linear& l, const Layout& in, const Layout& out, Layer* layer, Put&& put) {
  if (Failure failure = check(l.name, l.window, in, out, l.outputs)) return failure;
  if (Failure failure = check(l, in)) return failure;
  layer->name = l.name;
  layer->zero = l.input.stored_zero();
  const Failure failure = is_dense(l, in.shape) ? lower_dense(l, in, out, layer, put)
                          : is_global(l, in)    ? lower_global(l, in, out, layer, put)
                          : in.planar           ? lower_planar(l, in, out, layer, put)
                                                : lower_pixels(l, in, out, layer, put);
  if (failure) return failure;
  if (l.operand) {
    set_operand(l, layer);
    return std::nullopt;
  }
  layer->bias.assign(layer->outputs, 0);
  for (uint32_t o = 0; o < layer->outputs; ++o)
    if (o % (4 * out.quads()) < l.outputs) layer->bias[o] = l.bias[o % (4 * out.quads())];
  return std::nullopt;
}

// Functions of the layer's outputs, which repeat those of a pixel.
Failure set_functions(const Linear& l, const Layout& out, Layer* layer) {
  const uint32_t pixel_outputs = 4 * out.quads();
  if (l.sums) {
    layer->sums = true;
    return std::nullopt;
  }

  const auto rule_of = [&](uint32_t channel) {
    const auto of = [channel](const std::vector<float>& scales) {
      return scales[scales.size() == 1 ? 0 : channel];
    };
    LayerFunction rule;
    rule.scale = std::bit_cast<uint32_t>(
        l.scales.empty() ? zk::nn::output_scale(l.input.scale, of(l.weight_scales), l.output.scale)
                         : of(l.scales));
    rule.zero_point = static_cast<int16_t>(l.output.zero_point);
    rule.is_signed = l.output.is_signed;
    return rule;
  };
  const auto relabelled = [&](uint8_t byte) { return l.table.empty() ? byte : l.table[byte]; };
  std::map<uint32_t, uint16_t> rules;     // by scale
  std::map<uint8_t, uint16_t> constants;  // by value
  const auto number = [&](auto& known, auto key, auto&& function) {
    const auto [at, is_new] =
        known.try_emplace(key, static_cast<uint16_t>(layer->functions.size()));
    if (is_new) layer->functions.push_back(function());
    return at->second;
  };
  const auto constant = [&](uint8_t byte) {
    return number(constants, byte, [&] {
      LayerFunction function;
      function.steps = {{0, byte}};
      return function;
    });
  };

  constexpr int64_t kLeast = std::numeric_limits<int32_t>::min();
  constexpr int64_t kGreatest = std::numeric_limits<int32_t>::max();
  const std::vector<Layer::Range> ranges = layer->ranges();
  std::vector<bool> is_constant(layer->outputs);
  for (uint32_t o = 0; o < layer->outputs; ++o) {
    const uint32_t channel = o % pixel_outputs;
    if (layer->functions.size() > std::numeric_limits<uint16_t>::max())
      return error(LayerErrorCode::kUnfit, l.name, "functions: expected at most {}, found more",
                   std::numeric_limits<uint16_t>::max());
    if (channel >=
        l.outputs) {  // padding, which as an element of the tensor is 0 where nobody says more
      layer->function_of.push_back(
          constant(out.padding.value_or(relabelled(l.output.stored_zero()))));
      continue;
    }
    const LayerFunction rule = rule_of(channel);
    const auto [low, high] = ranges[o];
    if (low >= kLeast && high <= kGreatest) {
      const uint8_t least = rule(static_cast<int32_t>(low));
      if (least == rule(static_cast<int32_t>(high))) {  // the rule grows
        is_constant[o] = true;
        if (!l.operand) layer->bias[o] = 0;
        layer->function_of.push_back(constant(relabelled(least)));
        continue;
      }
    }
    layer->function_of.push_back(number(rules, rule.scale, [&] {
      LayerFunction function = rule;
      function.table = l.table;
      return function;
    }));
  }
  const uint32_t each = layer->group_outputs(), group_quads = layer->quads / layer->groups;
  const size_t quad_weights = layer->taps.size() * 4 * each;
  for (size_t i = 0; i < layer->weights.size(); ++i)
    if (is_constant[i / quad_weights / group_quads * each + i % each]) layer->weights[i] = 0;
  return std::nullopt;
}

// An element that is stored as this byte.
float element(const Quantisation& q, int stored) {
  return static_cast<float>(q.is_signed ? stored - 128 : stored);
}

// What ONNX Runtime rounds, for elements x and y (QLinearAdd, QLinearMul).
float exact(const Pairwise& pair, float x, float y) {
  const auto& [a, b, output] = std::tie(pair.a, pair.b, pair.output);
  const float za = static_cast<float>(a.zero_point), zb = static_cast<float>(b.zero_point);
  const float zero = static_cast<float>(output.zero_point);
  if (pair.op == Pairwise::Op::kAdd) {
    const float ra = a.scale / output.scale, rb = b.scale / output.scale;
    return std::fma(x, ra, std::fma(y, rb, zero - std::fma(ra, za, rb * zb)));
  }
  const float both = a.scale * b.scale, scale = both / output.scale;
  // No fma: CMakeLists.txt.
  const float scaled = (x - za) * (y - zb) * scale;
  return scaled + zero;
}

Failure check(const Pairwise& pair, const Layout& a, const Layout& b, const Layout& out) {
  const auto bad = [&]<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
    return error(LayerErrorCode::kDescription, pair.name, text, std::forward<Args>(args)...);
  };
  const bool is_given = pair.op == Pairwise::Op::kTable;
  if (is_given != pair.given.has_value())
    return bad("table: expected one with kTable, and only there");
  if (!is_given)
    if (const auto complaint = pair.complaint()) return bad("{}", *complaint);
  const auto text = [](const Shape& s) {
    return fmt::format("{} x {} x {}", s.channels, s.height, s.width);
  };
  for (const uint32_t size : {a.shape.channels, a.shape.height, a.shape.width})
    if (size == 0 || size > vm::kMaxLayerWords)
      return bad("size: expected 1..{}, found {}", vm::kMaxLayerWords, size);
  const Shape pixel{a.shape.channels, 1, 1};
  if (b.shape != a.shape && b.shape != pixel)
    return bad("b: expected {} or {}, found {}", text(a.shape), text(pixel), text(b.shape));
  if (out.shape != a.shape)
    return bad("output: expected {}, found {}", text(a.shape), text(out.shape));
  if (Failure failure = check_block(pair.name, out)) return failure;
  if (a.block != 1 || b.block != 1)
    return error(LayerErrorCode::kLayout, pair.name, "inputs: expected no blocks, found {} and {}",
                 a.block, b.block);
  for (const Layout& layout : {a, b, out})
    if (layout.planar || layout.row < layout.shape.width / layout.block ||
        layout.bytes() > vm::kMaxLayerExtent)
      return error(LayerErrorCode::kLayout, pair.name,
                   "layout: expected position-major rows of at least {} pixels and at most {} "
                   "bytes, found {}{} and {}",
                   layout.shape.width, vm::kMaxLayerExtent, layout.planar ? "planar " : "",
                   layout.row, layout.bytes());
  const bool one_pixel = b.shape == pixel && a.shape != pixel;
  if (one_pixel ? b.lead != 0 : a.lead != b.lead || (a.shape.height > 1 && a.row != b.row))
    return error(LayerErrorCode::kLayout, pair.name,
                 "layout of b: expected a row of {} and {} pixels before, found {} and {}", a.row,
                 one_pixel ? 0 : a.lead, b.row, b.lead);
  return std::nullopt;
}

// Whether channels beyond the last, for which the layer computes `made`, are what the output wants.
Failure check_padding(const std::string& name, std::optional<uint8_t> made, const Layout& out) {
  if (!out.padding || out.shape.channels % 4 == 0 || made == out.padding) return std::nullopt;
  return error(LayerErrorCode::kLayout, name, "channels beyond the last: expected {}, found {}",
               *out.padding, made ? fmt::format("{}", *made) : "anything");
}

// What is too large for one call is split()'s business.
Result<Layer> checked(Layer layer) {
  if (layer.table_rows() > vm::kMaxLayerRows || layer.products() > vm::kMaxLayerProducts)
    return layer;
  if (auto complaint = layer.complaint())
    return tl::unexpected(error(LayerErrorCode::kUnfit, layer.name, "{}", *complaint));
  return layer;
}

}  // namespace

Window::Beyond Window::beyond(int axis, uint32_t size, uint32_t count, uint32_t block) const {
  const int64_t last =
      int64_t{count - 1} * strides[axis] + static_cast<int64_t>(reach(*this, axis)) - pads[axis];
  const int64_t behind = floor_quotient(last, block) - (size / block - 1);
  return {(pads[axis] + block - 1) / block, static_cast<uint32_t>(std::max<int64_t>(0, behind))};
}

std::optional<std::array<uint32_t, 2>> Window::positions(const Shape& input) const {
  constexpr uint32_t kMost = vm::kMaxLayerWords;
  std::array<uint32_t, 2> counts;
  for (int axis = 0; axis < 2; ++axis) {
    for (const uint32_t size : {kernel[axis], strides[axis], dilations[axis]})
      if (size == 0 || size > kMost) return std::nullopt;
    if (pads[axis] > kMost || pads[axis + 2] > kMost) return std::nullopt;
    const uint64_t size = axis == 0 ? input.height : input.width;
    const uint64_t padded = size + pads[axis] + pads[axis + 2], last = reach(*this, axis);
    if (last >= padded) return std::nullopt;
    counts[axis] = static_cast<uint32_t>((padded - 1 - last) / strides[axis] + 1);
  }
  return counts;
}

bool is_dense(const Linear& linear, const Shape& input) {
  const auto positions = linear.window.positions(input);
  return linear.groups == 1 && positions && *positions == std::array<uint32_t, 2>{1, 1};
}

Result<Layer> lower(const Linear& linear, const Layout& in, const Layout& out) {
  Layer layer;
  const auto put = [&](size_t number, const WeightPlace& place) {
    if (linear.operand) return;
    layer.weights[(place.product * 4 + place.lane) * layer.group_outputs() + place.output] =
        linear.weights[number];
  };
  if (Failure failure = lower_sums(linear, in, out, &layer, put)) return tl::unexpected(*failure);
  if (Failure functions = set_functions(linear, out, &layer)) return tl::unexpected(*functions);
  return checked(std::move(layer));
}

Result<WeightsOperand> weights_operand(const Linear& linear, const Layout& in, const Layout& out) {
  if (!linear.operand)
    return tl::unexpected(error(LayerErrorCode::kDescription, linear.name,
                                "weights: expected an operand, found those of the layer"));
  Layer layer;
  WeightsOperand operand;
  const auto put = [&](size_t number, const WeightPlace& place) {
    operand.weights.push_back({number, operand_byte(layer, place)});
  };
  if (Failure failure = lower_sums(linear, in, out, &layer, put)) return tl::unexpected(*failure);
  operand.zero = linear.operand->zero;
  operand.weight_bytes = layer.weights_extent();
  operand.bytes = layer.w_extent();
  for (uint32_t o = 0; o < layer.bias_words(); ++o)
    if (const uint32_t channel = o % (4 * out.quads()); channel < linear.outputs)
      operand.biases.push_back({channel, vm::bias_offset(layer, o)});
  return operand;
}

Result<std::vector<uint8_t>> WeightsOperand::lay_out(std::span<const int16_t> values,
                                                     std::span<const int32_t> bias) const {
  const auto bad = [](const char* what, int64_t least, int64_t greatest, int64_t found) {
    return tl::unexpected(LayerError{
        LayerErrorCode::kDescription,
        fmt::format("{} of an operand: expected {}..{}, found {}", what, least, greatest, found)});
  };
  std::vector<uint8_t> operand(weight_bytes, zero);
  operand.resize(bytes);
  for (const auto& [number, byte] : weights) {
    if (number >= values.size())
      return bad("weights", int64_t(number) + 1, vm::kMaxLayerWeights, std::ssize(values));
    const int stored = values[number] + zero;
    if (stored < 0 || stored > 255) return bad("weight", -zero, 255 - zero, values[number]);
    operand[byte] = static_cast<uint8_t>(stored);
  }
  for (const auto& [output, byte] : biases) {
    if (output >= bias.size())
      return bad("biases", int64_t(output) + 1, vm::kMaxLayerWords, std::ssize(bias));
    const int32_t b = bias[output];
    if (b < -vm::kMemoryBiasEnd || b >= vm::kMemoryBiasEnd)
      return bad("bias", -vm::kMemoryBiasEnd, vm::kMemoryBiasEnd - 1, b);
    for (size_t i = 0; i < 4; ++i) operand[byte + i] = static_cast<uint8_t>(b >> (8 * i));
  }
  return operand;
}

Result<Layer> lower(const MatMul& product, const Layout& all_a, const Layout& all_b,
                    const Layout& all_out) {
  const uint32_t batch = product.batch, inner = all_a.shape.channels;
  const uint32_t columns = all_out.shape.channels,
                 rows = batch == 0 ? 0 : all_a.shape.width / batch;
  const Shape of_b =
      product.transposed ? Shape{inner, 1, batch * columns} : Shape{columns, 1, batch * inner};
  if (rows == 0 || all_a.shape != Shape{inner, 1, batch * rows} || all_b.shape != of_b ||
      all_out.shape != Shape{columns, 1, batch * rows})
    return tl::unexpected(error(LayerErrorCode::kDescription, product.name,
                                "expected {} of [rows][inner], [inner][columns] or transposed, and "
                                "[rows][columns], found {} of {}, {} "
                                "of {} and {} of {} channels",
                                batch, all_a.shape.width, inner, all_b.shape.width,
                                all_b.shape.channels, all_out.shape.width, columns));
  // The four words of a row of weights are there.
  const uint32_t of_rows = product.transposed ? columns : inner;
  const uint64_t needed = uint64_t{batch} * of_rows + (4 - of_rows % 4) % 4;
  if (all_a.planar || all_b.planar || all_out.planar || all_b.positions() < needed ||
      (batch > 1 && all_a.lead + all_out.lead != 0) || all_b.lead != 0)
    return tl::unexpected(error(LayerErrorCode::kLayout, product.name,
                                "expected position-major tensors without pixels before, and of b "
                                "{}, found {}, {}, {} before and {}",
                                needed, all_a.lead, all_b.lead, all_out.lead, all_b.positions()));
  if (Failure failure = check_block(product.name, all_b)) return tl::unexpected(*failure);
  // The first of the batch.
  Layout a = all_a, out = all_out;
  const Layout& b = all_b;
  a.shape.width = a.row = out.shape.width = out.row = rows;
  a.tail = out.tail = 0;
  // Products of what is no element of the inner axis are 0.
  const uint8_t zero_a = product.a.stored_zero(), zero_b = product.b.stored_zero();
  if (inner % 4 != 0 && a.padding != zero_a && (!product.transposed || b.padding != zero_b))
    return tl::unexpected(error(LayerErrorCode::kLayout, product.name,
                                "channels beyond the last of a: expected {}, found {}", zero_a,
                                a.padding ? fmt::format("{}", *a.padding) : "anything"));
  const Linear pixels{.name = product.name,
                      .outputs = columns,
                      .input = product.a,
                      .output = product.output,
                      .table = product.table,
                      .sums = product.sums,
                      .scales = {product.scale},
                      .operand = Linear::Operand{.zero = zero_b, .has_bias = false}};
  if (Failure failure = check(pixels.name, pixels.window, a, out, columns))
    return tl::unexpected(*failure);
  if (Failure failure = check(pixels, a)) return tl::unexpected(*failure);
  Layer layer;
  layer.name = pixels.name;
  layer.zero = zero_a;
  if (Failure failure = lower_pixels(pixels, a, out, &layer, [](size_t, const WeightPlace&) {}))
    return tl::unexpected(*failure);
  const uint32_t pixel = 4 * b.quads();
  layer.memory_weights = {.by_outputs = !product.transposed,
                          .zero = zero_b,
                          .lane_step = pixel,
                          .row_step = product.transposed ? 4 * pixel : 4,
                          .product_step = product.transposed ? 4 : 4 * pixel};
  if (Failure functions = set_functions(pixels, out, &layer)) return tl::unexpected(*functions);
  return checked(std::move(layer));
}

std::optional<std::string> Pairwise::complaint() const {
  const auto bad = []<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
    return std::optional(fmt::format(text, std::forward<Args>(args)...));
  };
  const Quantisation *of_a = &a, *of_b = &b, *of_out = &output;
  for (const Quantisation* q : {of_a, of_b, of_out}) {
    const bool in_range = q->is_signed ? zk::nn::is_zero_point<int8_t>(q->zero_point)
                                       : zk::nn::is_zero_point<uint8_t>(q->zero_point);
    if (!in_range) return bad("zero point: expected a value of its type, found {}", q->zero_point);
    if (!zk::nn::is_scale(q->scale))
      return bad("scale: expected a positive float32, found {}", q->scale);
    if (q->is_signed != of_a->is_signed) return bad("types: expected one, found int8 and uint8");
  }
  const bool add = op == Op::kAdd;
  for (const float ratio :
       {add ? of_a->scale / of_out->scale : of_a->scale * of_b->scale / of_out->scale,
        add ? of_b->scale / of_out->scale : 1})
    if (!zk::nn::is_scale(ratio))
      return bad("scales: expected a quotient that is a positive float32, found {}", ratio);
  // The runtime makes the *least* value of what is no int32.
  const float least = of_a->is_signed ? -128 : 0;
  for (const float x : {least, least + 255})
    for (const float y : {least, least + 255})
      if (const float result = exact(*this, x, y); !(std::abs(result) < 0x1p31f))
        return bad("scales: expected results of less than 2^31, found {}", result);
  return std::nullopt;
}

std::vector<uint8_t> Pairwise::table() const {
  const float least = output.is_signed ? -128 : 0, greatest = least + 255;
  std::vector<uint8_t> bytes;
  bytes.reserve(vm::PairTable::kBytes);
  for (int x = 0; x < 256; ++x)
    for (int y = 0; y < 256; ++y) {
      const float result = exact(*this, element(a, x), element(b, y));
      const float rounded = std::clamp(std::nearbyint(result), least, greatest);  // half to even
      bytes.push_back(static_cast<uint8_t>(static_cast<int>(rounded - least)));
    }
  return bytes;
}

Result<Layer> lower(const Pairwise& pair, const Layout& a, const Layout& b, const Layout& out) {
  if (Failure failure = check(pair, a, b, out)) return tl::unexpected(*failure);
  Layer layer;
  layer.name = pair.name;
  layer.kind = Layer::Kind::kPair;
  layer.quads = a.quads();
  layer.step = layer.step_b = 4 * a.quads();
  layer.quad_step = layer.quad_step_b = 4;
  const auto at = [&](uint32_t i, uint32_t j) {
    return uint64_t{a.lead} + uint64_t{i} * a.row + j;
  };
  const uint64_t positions = at(a.shape.height - 1, a.shape.width - 1) + 1;
  if (positions > vm::kMaxLayerWords)
    return tl::unexpected(error(LayerErrorCode::kUnfit, pair.name,
                                "positions: expected at most {}, found {}", vm::kMaxLayerWords,
                                positions));
  layer.positions = static_cast<uint32_t>(positions);
  layer.positions_b = b.shape == a.shape ? layer.positions : 1;
  layer.emits.clear();
  for (uint32_t i = 0; i < a.shape.height; ++i)
    for (uint32_t j = 0; j < a.shape.width; ++j)
      layer.emits.push_back(
          {static_cast<uint32_t>(at(i, j)), static_cast<uint32_t>(out.byte_of(0, i, j))});
  std::optional<uint8_t> padding;
  const vm::PairTable table =
      pair.op == Pairwise::Op::kTable ? pair.given : vm::PairTable(pair.table());
  if (a.padding && b.padding) padding = table.bytes()[size_t{*a.padding} * 256 + *b.padding];
  if (Failure failure = check_padding(pair.name, padding, out)) return tl::unexpected(*failure);
  layer.pair_table = table;
  return checked(std::move(layer));
}

Result<Layer> lower(const MaxPool& pool, const Layout& in, const Layout& out) {
  const Window& window = pool.window;
  if (Failure failure = check(pool.name, window, in, out, in.shape.channels))
    return tl::unexpected(*failure);
  if (in.planar || in.block != 1)
    return tl::unexpected(error(LayerErrorCode::kLayout, pool.name,
                                "input: expected no planar layout and no blocks"));
  if (Failure failure = check_padding(pool.name, in.padding, out)) return tl::unexpected(*failure);
  if (Failure failure = check_gaps(pool.name, window, in, out, 0)) return tl::unexpected(*failure);
  Layer layer;
  layer.name = pool.name;
  layer.kind = Layer::Kind::kMaxPool;
  layer.quads = in.quads();
  layer.step = 4 * in.quads();
  layer.taps.clear();
  for (uint32_t i = 0; i < window.kernel[0]; ++i)
    for (uint32_t j = 0; j < window.kernel[1]; ++j)
      layer.taps.push_back(i * window.dilations[0] * in.row + j * window.dilations[1]);
  const int64_t row = in.row;
  if (Failure failure = place_windows({.counts = {out.shape.height, out.shape.width},
                                       .first = in.lead - row * window.pads[0] - window.pads[1],
                                       .row = row * window.strides[0],
                                       .column = window.strides[1]},
                                      static_cast<int64_t>(in.positions()), out, &layer))
    return tl::unexpected(*failure);
  return checked(std::move(layer));
}

}  // namespace zkvm::layers
