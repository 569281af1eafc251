#include "host/layers/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "vm/layer/section.h"

namespace zkvm::layers {
namespace {

using Failure = std::optional<LayerError>;

const std::string& name_of(const Operator& op) {
  return std::visit([](const auto& what) -> const std::string& { return what.name; }, op.what);
}
// REQUIRES: it has one input.
const Window& window_of(const Operator& op) {
  if (const auto* pool = std::get_if<MaxPool>(&op.what)) return pool->window;
  return std::get<Linear>(op.what).window;
}
bool is_pairwise(const Operator& op) { return std::holds_alternative<Pairwise>(op.what); }
bool is_product(const Operator& op) { return std::holds_alternative<MatMul>(op.what); }
bool has_second(const Operator& op) { return is_pairwise(op) || is_product(op); }

uint32_t round_up(uint64_t x, uint32_t multiple) {
  return static_cast<uint32_t>((x + multiple - 1) / multiple * multiple);
}

class Planner {
 public:
  Planner(const Network& network, uint64_t most_rows) : network_(network), most_rows_(most_rows) {}

  Result<Plan> plan() {
    if (Failure failure = infer_shapes()) return tl::unexpected(*failure);
    for (size_t tensor = 0; tensor < shapes_.size(); ++tensor)
      if (Failure failure = lay_out(tensor)) return tl::unexpected(*failure);
    join_layouts();
    uint64_t weights = 0, tabled = 0;
    for (size_t i = 0; i < network_.operators.size(); ++i) {
      Result<vm::Layer> layer = lowered(i);
      if (!layer) return tl::unexpected(layer.error());
      auto parts = split(*std::move(layer), most_rows_);
      if (!parts) return tl::unexpected(parts.error());
      std::vector<Call>& calls = plan_.calls.emplace_back();
      for (Part& part : *parts) {
        calls.push_back({plan_.layers.size(), part.in, part.b, part.out});
        weights += part.layer.weights.size();
        tabled += static_cast<uint64_t>(std::ranges::count_if(
            part.layer.functions, [](const vm::LayerFunction& f) { return !f.table.empty(); }));
        plan_.layers.push_back(std::move(part.layer));
      }
      // What a program may have (vm/layer/section.h); parts have copies of all but positions.
      for (const auto& [what, most, found] :
           {std::tuple("calls", uint64_t{vm::kMaxLayers}, uint64_t{plan_.layers.size()}),
            std::tuple("weights", vm::kMaxSectionWeights, weights),
            std::tuple("functions with tables", uint64_t{vm::kMaxTabledFunctions}, tabled)})
        if (found > most)
          return tl::unexpected(LayerError{
              LayerErrorCode::kUnfit,
              fmt::format("{}: layers of the program: expected at most {} {}, found {} up to here",
                          name_of(network_.operators[i]), most, what, found)});
    }
    return std::move(plan_);
  }

 private:
  Failure infer_shapes() {
    shapes_ = network_.inputs;
    for (const Operator& op : network_.operators) {
      const auto failed = [&](const char* text) {
        return LayerError{LayerErrorCode::kDescription, fmt::format("{}: {}", name_of(op), text)};
      };
      if (op.input >= shapes_.size()) return failed("expected an input that stands before it");
      const Shape input = shapes_[op.input];
      if (has_second(op)) {
        if (op.second >= shapes_.size())
          return failed("expected a second input that stands before it");
        shapes_.push_back(is_pairwise(op) ? input : shape_of(std::get<MatMul>(op.what), op));
        continue;
      }
      const auto positions = window_of(op).positions(input);
      if (!positions) return failed("window: expected one within the padded input");
      const auto* linear = std::get_if<Linear>(&op.what);
      shapes_.push_back(
          {linear ? linear->outputs : input.channels, (*positions)[0], (*positions)[1]});
    }
    return std::nullopt;
  }

  // Of a product; lower() checks that its inputs agree.
  Shape shape_of(const MatMul& product, const Operator& op) const {
    const Shape &a = shapes_[op.input], &b = shapes_[op.second];
    return {product.transposed ? b.width / std::max(product.batch, 1u) : b.channels, 1, a.width};
  }

  template <class Visit>
  void for_each_reader(size_t tensor, Visit&& visit) const {
    for (size_t i = 0; i < network_.operators.size(); ++i)
      if (const Operator& op = network_.operators[i];
          op.input == tensor || (has_second(op) && op.second == tensor))
        visit(op, output_of(i));
  }
  size_t output_of(size_t op) const { return network_.inputs.size() + op; }
  bool is_read(size_t tensor) const {
    bool any = false;
    for_each_reader(tensor, [&](const auto&, size_t) { any = true; });
    return any;
  }
  bool reads_words(const Operator& op) const {  // whatever their order is
    const auto* linear = std::get_if<Linear>(&op.what);
    return linear && is_dense(*linear, shapes_[op.input]);
  }

  // Columns and rows beyond the tensor that a reader's windows cover, in blocks.
  struct Beyond {
    Window::Beyond columns, rows;
    bool any() const { return columns.before + columns.behind + rows.before + rows.behind > 0; }
  };
  Beyond beyond(const Operator& op, size_t output, uint32_t block = 1) const {
    if (reads_words(op) || has_second(op)) return {};
    const Window& window = window_of(op);
    const Shape &in = shapes_[op.input], &out = shapes_[output];
    return {window.beyond(1, in.width, out.width, block),
            window.beyond(0, in.height, out.height, block)};
  }
  uint32_t rows_of_b(const MatMul& product, const Operator& op) const {
    return shapes_[op.second].width / std::max(product.batch, 1u);
  }
  bool gaps_are_read(size_t tensor) const {
    bool any = false;
    for_each_reader(tensor,
                    [&](const Operator& op, size_t output) { any |= beyond(op, output).any(); });
    return any;
  }

  bool is_planar(size_t tensor) const {
    if (tensor >= network_.inputs.size()) return false;
    bool all_words = true, all_can = shapes_[tensor].channels < 4;
    for_each_reader(tensor, [&](const Operator& op, size_t output) {
      if (reads_words(op)) return;
      all_words = false;
      const auto* linear = std::get_if<Linear>(&op.what);
      const uint32_t phases = linear && linear->groups == 1 ? planar_phases(*linear) : 0;
      all_can &= phases > 0 && (shapes_[output].width % phases == 0 || !gaps_are_read(output));
    });
    return is_read(tensor) && (all_words || all_can);
  }

  // What writes a tensor whole words of a planar input at a time, or nothing.
  const Linear* planar_writer(size_t tensor) const {
    if (tensor < network_.inputs.size()) return nullptr;
    const Operator& op = network_.operators[tensor - network_.inputs.size()];
    if (!plan_.tensors[op.input].layout.planar || reads_words(op)) return nullptr;
    return std::get_if<Linear>(&op.what);
  }

  // Whether blocks serve all readers, and save cells of the proof: a row of the writing chip for each position that
  // is not computed, for weights that are 0, since groups are given up and kernels become whole blocks.
  bool is_in_blocks(size_t tensor) const {
    constexpr uint64_t kWriteCells = 112, kWeightCells = 41, kProductCells = 78;  // of a row, about
    constexpr uint64_t kMostProducts = uint64_t{1} << 32;  // the VM multiplies by 0, too
    const Shape& in = shapes_[tensor];
    const uint64_t quads = (in.channels + 3) / 4, positions = uint64_t{in.height} * in.width;
    if (in.height % kBlock != 0 || in.width % kBlock != 0) return false;
    bool all_can = is_read(tensor) && planar_writer(tensor) == nullptr;
    uint64_t saved = 0, more = 0;
    for_each_reader(tensor, [&](const Operator& op, size_t output) {
      const auto* linear = std::get_if<Linear>(&op.what);
      all_can &= linear && !reads_words(op) && linear->window.strides[0] % kBlock == 0 &&
                 linear->window.strides[1] % kBlock == 0;
      if (!all_can) return;
      const auto taps = [&](int axis) {  // blocks that the kernel covers
        const Window& w = linear->window;
        const uint64_t first = (kBlock - w.pads[axis] % kBlock) % kBlock;  // pixel of its block
        return (first + uint64_t{w.kernel[axis] - 1} * w.dilations[axis]) / kBlock + 1;
      };
      const uint64_t words = (shapes_[output].channels + 3) / 4;
      const uint64_t products = quads * kBlock * kBlock * taps(0) * taps(1);
      saved += positions * (kBlock * kBlock - 1) / (kBlock * kBlock) * words * kWriteCells;
      more += products * ((words + 3) / 4 * kWeightCells + kProductCells);
      all_can &= positions * products * 16 * words / (kBlock * kBlock) < kMostProducts;
    });
    return all_can && more < saved;
  }
  static constexpr uint32_t kBlock = 2;

  Failure lay_out(size_t tensor) {
    Layout layout{.shape = shapes_[tensor], .planar = is_planar(tensor), .gap = {}};
    if (!layout.planar && is_in_blocks(tensor)) layout.block = kBlock;
    const Shape& shape = layout.shape;
    const uint32_t columns = shape.width / layout.block;
    uint64_t row = columns, above = 0, below = 0;  // the latter for pools
    uint32_t left = 0, right = 0;
    bool only_words = true;
    std::optional<LayerError> conflict;
    for_each_reader(tensor, [&](const Operator& op, size_t output) {
      if (reads_words(op)) return;
      only_words = false;
      if (const auto* product = std::get_if<MatMul>(&op.what)) {
        if (op.second == tensor) right = std::max(right, (4 - rows_of_b(*product, op) % 4) % 4);
        if (op.input != tensor || shape.channels % 4 == 0) return;
        const uint8_t padding = product->a.stored_zero();
        if (layout.padding && *layout.padding != padding)
          conflict = LayerError{
              LayerErrorCode::kLayout,
              fmt::format("{}: channels beyond the last: expected {} as another product that "
                          "reads the same tensor, found {}",
                          product->name, *layout.padding, padding)};
        layout.padding = padding;
      }
      if (has_second(op)) return;
      const Beyond b = beyond(op, output, layout.block);
      const Window& window = window_of(op);
      const auto* linear = std::get_if<Linear>(&op.what);
      row = std::max<uint64_t>(row, columns + std::max(b.columns.before, b.columns.behind));
      // One row of windows ends before the next begins.
      const uint64_t down = window.strides[0] / layout.block,
                     across = window.strides[1] / layout.block;
      const uint64_t windows = uint64_t{shapes_[output].width - 1} * across + 1;
      row = std::max(row, (windows + down - 1) / down);
      if (layout.planar)  // in words
        row = std::max<uint64_t>(
            row,
            uint64_t{round_up(shapes_[output].width, planar_phases(*linear))} * window.strides[1]);
      if (!b.any()) return;
      if (!linear) {
        left = std::max(left, b.columns.before), right = std::max(right, b.columns.behind);
        above = std::max<uint64_t>(above, b.rows.before);
        below = std::max<uint64_t>(below, b.rows.behind);
      }
      const uint8_t gap = linear ? linear->input.stored_zero() : 0;
      if (layout.gap && *layout.gap != gap)
        conflict =
            LayerError{LayerErrorCode::kLayout,
                       fmt::format("{}: padding: expected {} as another layer that reads the "
                                   "same tensor, found {}",
                                   name_of(op), *layout.gap, gap)};
      layout.gap = gap;
    });
    if (conflict) return conflict;
    // Its writer may emit whole words of a planar input.
    uint32_t written = shape.width;
    if (const Linear* writer = planar_writer(tensor)) {
      written = round_up(shape.width, planar_phases(*writer));
      row = std::max<uint64_t>(row, written);
    }
    if (layout.planar && !only_words) row = round_up(row, 4);
    layout.row = static_cast<uint32_t>(row);
    margins_.push_back({above, below, left, right, written - shape.width});
    const bool is_result =
        tensor >= network_.inputs.size() && !is_read(tensor) && shape.height == 1 &&
        shape.width == 1 &&
        std::holds_alternative<Linear>(network_.operators[tensor - network_.inputs.size()].what);
    plan_.tensors.push_back({layout, is_result});
    return std::nullopt;
  }

  // Both inputs of a pair have one row and one lead. All that these must be is not too small.
  void join_layouts() {
    join(&Layout::row);
    for (size_t tensor = 0; tensor < shapes_.size(); ++tensor) {
      Layout& layout = plan_.tensors[tensor].layout;
      const Margins& m = margins_[tensor];
      layout.lead = static_cast<uint32_t>(m.above * layout.row + m.left);
      layout.tail = std::max(static_cast<uint32_t>(m.below * layout.row + m.right), m.written);
    }
    join(&Layout::lead);
  }
  void join(uint32_t Layout::* member) {
    for (bool changed = true; changed;) {
      changed = false;
      for (const Operator& op : network_.operators) {
        if (!is_pairwise(op) || shapes_[op.input] != shapes_[op.second]) continue;
        uint32_t& a = plan_.tensors[op.input].layout.*member;
        uint32_t& b = plan_.tensors[op.second].layout.*member;
        changed |= a != b;
        a = b = std::max(a, b);
      }
    }
  }

  Result<vm::Layer> lowered(size_t i) const {
    const Operator& op = network_.operators[i];
    const PlannedTensor& in = plan_.tensors[op.input];
    const PlannedTensor& out = plan_.tensors[output_of(i)];
    if (const auto* pool = std::get_if<MaxPool>(&op.what))
      return lower(*pool, in.layout, out.layout);
    if (const auto* product = std::get_if<MatMul>(&op.what))
      return lower(*product, in.layout, plan_.tensors[op.second].layout, out.layout);
    if (const auto* pair = std::get_if<Pairwise>(&op.what))
      return lower(*pair, in.layout, plan_.tensors[op.second].layout, out.layout);
    Linear linear = std::get<Linear>(op.what);
    if (out.is_result && linear.output.is_signed && !linear.sums) {
      if (linear.table.empty())
        for (int byte = 0; byte < 256; ++byte) linear.table.push_back(static_cast<uint8_t>(byte));
      for (uint8_t& byte : linear.table) byte ^= 0x80;  // x + 128 -> x
    }
    return lower(linear, in.layout, out.layout);
  }

  const Network& network_;
  const uint64_t most_rows_;
  // Rows and pixels before and behind a tensor that pools read, and pixels behind it that its writer writes.
  struct Margins {
    uint64_t above, below;
    uint32_t left, right, written;
  };
  std::vector<Shape> shapes_;
  std::vector<Margins> margins_;  // of each tensor
  Plan plan_;
};

}  // namespace

Result<Plan> plan(const Network& network, uint64_t most_rows) {
  return Planner(network, most_rows).plan();
}

}  // namespace zkvm::layers
