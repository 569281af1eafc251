#include "host/layers/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "vm/layer/section.h"

namespace zkvm::layers {
namespace {

using vm::Layer;

// Where to cut a layer: parts of as many of its windows each, which are its `emits`.
class Splitter {
 public:
  explicit Splitter(const Layer& layer) : whole_(layer) {
    const auto [least, most] = std::ranges::minmax(layer.taps);
    least_tap_ = least, most_tap_ = most;
    // Windows may begin before the input, or behind it (as lower.cc has them).
    const int64_t raise =
        std::max<int64_t>(0, first(layer.emits.back()) + 1 - int64_t{layer.positions});
    const int64_t back = raise + std::max<int64_t>(most - least, -first(layer.emits.front()));
    products_of_window_ = layer.products() / layer.emits.size();
    shape_.kind = layer.kind;
    shape_.back = static_cast<uint32_t>(back);
    raise_ = static_cast<uint32_t>(raise);
    shape_.step = layer.step;
    shape_.quads = layer.quads;
    shape_.quad_step = layer.quad_step;
    shape_.zero = layer.zero;
    shape_.taps = layer.taps;
    for (uint32_t& tap : shape_.taps) tap = tap - least_tap_ + raise_;
    shape_.emits.clear();
    shape_.outputs = layer.outputs;
    shape_.groups = layer.groups;
    shape_.sums = layer.sums;
    shape_.memory_weights = layer.memory_weights;
    shape_.step_b = layer.step_b;
    shape_.quad_step_b = layer.quad_step_b;
  }

  // Windows of each part but the last, which may have less.
  size_t windows_of_part(uint64_t most_rows) const {
    const size_t count = whole_.emits.size();
    const uint64_t of_one = part(count / 2, count / 2 + 1).layer.table_rows();
    const uint64_t most = std::min<uint64_t>(std::max(most_rows, 2 * of_one), vm::kMaxLayerRows);
    // Whole rows of the output: then parts have one list of positions in common.
    size_t unit = windows_of_row(), units = most_that_fit(unit, most);
    // Else equal pieces of a row, so that no part has what lies between rows.
    for (size_t pieces = 2; units == 0 && pieces <= unit; ++pieces)
      if (unit % pieces == 0 && most_that_fit(unit / pieces, most) != 0) return unit / pieces;
    if (units == 0) units = unit = 1;
    const size_t parts = (count + units * unit - 1) / (units * unit);
    const size_t equal = (count + parts - 1) / parts;
    return (equal + unit - 1) / unit * unit;
  }

  // The windows from `begin` to `end`: all but what each part has of the whole layer.
  Part part(size_t begin, size_t end) const {
    const auto emits = std::span(whole_.emits).subspan(begin, end - begin);
    const int64_t positions = whole_.positions;
    const int64_t from = std::clamp<int64_t>(first(emits.front()), 0, positions - 1);
    const int64_t to = std::clamp<int64_t>(last(emits.back()), from, positions - 1);
    Part part{.layer = shape_, .in = static_cast<uint32_t>(from * whole_.step)};
    Layer& layer = part.layer;
    layer.positions = static_cast<uint32_t>(to - from + 1);
    layer.positions_b = std::min(layer.positions, whole_.positions_b);
    if (whole_.positions_b > 1) part.b = static_cast<uint32_t>(from * whole_.step_b);
    part.out = std::ranges::min(emits, {}, &Layer::Emit::offset).offset;
    for (const Layer::Emit& emit : emits)
      layer.emits.push_back({static_cast<uint32_t>(first(emit) - from + layer.back - raise_),
                             emit.offset - part.out});
    return part;
  }

 private:
  // Positions of a window's first and last element, whether or not they lie in the input.
  int64_t first(const Layer::Emit& emit) const {
    return int64_t{emit.position} - whole_.back + least_tap_;
  }
  int64_t last(const Layer::Emit& emit) const {
    return int64_t{emit.position} - whole_.back + most_tap_;
  }

  // The first ones that are equally far apart; 1 if all are.
  size_t windows_of_row() const {
    const std::vector<Layer::Emit>& emits = whole_.emits;
    const auto step = [&](size_t i) { return emits[i].position - emits[i - 1].position; };
    size_t end = 2;
    while (end < emits.size() && step(end) == step(1)) ++end;
    return end >= emits.size() ? 1 : end;
  }

  // How many times `unit` windows a part may have; 0 if one is too many.
  size_t most_that_fit(size_t unit, uint64_t most_rows) const {
    const size_t count = whole_.emits.size();
    const auto fits = [&](size_t units) {
      const size_t each = units * unit;
      if (std::min(each, count) * products_of_window_ > vm::kMaxLayerProducts) return false;
      for (size_t begin = 0; begin < count; begin += each)
        if (part(begin, std::min(begin + each, count)).layer.table_rows() > most_rows) return false;
      return true;
    };
    size_t fit = 0, too_many = (count + unit - 1) / unit + 1;
    while (too_many - fit > 1) {
      const size_t middle = fit + (too_many - fit) / 2;
      (fits(middle) ? fit : too_many) = middle;
    }
    return fit;
  }

  const Layer& whole_;
  Layer shape_;  // what light parts have in common
  uint32_t least_tap_ = 0, most_tap_ = 0;
  uint32_t raise_ = 0;  // of the parts' taps
  uint64_t products_of_window_ = 0;
};

}  // namespace

Result<std::vector<Part>> split(Layer layer, uint64_t most_rows) {
  const auto unfit = [&]<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
    return tl::unexpected(
        LayerError{LayerErrorCode::kUnfit,
                   layer.name + ": " + fmt::format(text, std::forward<Args>(args)...)});
  };
  const Splitter splitter(layer);
  const size_t count = layer.emits.size();
  const bool is_small =
      layer.table_rows() <= most_rows && layer.products() <= vm::kMaxLayerProducts;
  const size_t each = is_small ? count : splitter.windows_of_part(most_rows);
  const auto complaint = each >= count ? layer.complaint() : std::nullopt;
  if (is_small && complaint) return unfit("{}", *complaint);
  if (each >= count && !complaint) {
    std::vector<Part> whole(1);
    whole[0].layer = std::move(layer);
    return whole;
  }
  const size_t parts = (count + each - 1) / each;
  if (parts > vm::kMaxLayers || parts * layer.weights.size() > vm::kMaxSectionWeights)
    return unfit(
        "calls of at most {} rows of a table: expected at most {} of them and {} weights, found {} "
        "and {}",
        most_rows, vm::kMaxLayers, vm::kMaxSectionWeights, parts, parts * layer.weights.size());
  std::vector<Part> out;
  for (size_t begin = 0; begin < count; begin += each) {
    Part& part = out.emplace_back(splitter.part(begin, std::min(begin + each, count)));
    const std::string numbered = fmt::format("{} {}/{}", layer.name, out.size(), parts);
    part.layer.name = parts > 1 && numbered.size() <= vm::kMaxLayerName ? numbered : layer.name;
    part.layer.weights = layer.weights;
    part.layer.bias = layer.bias;
    part.layer.functions = layer.functions;
    part.layer.function_of = layer.function_of;
    part.layer.pair_table = layer.pair_table;
    if (const auto wrong = part.layer.complaint()) return unfit("{}", *wrong);
  }
  return out;
}

}  // namespace zkvm::layers
