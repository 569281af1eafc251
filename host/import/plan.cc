#include "host/import/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

namespace zkvm::importer {
namespace {

using layers::Shape;

// Whether the unit computes it.
bool is_on_unit(const Operator& op) {
  const auto* product = std::get_if<MatMul>(&op.what);
  return std::holds_alternative<Linear>(op.what) || std::holds_alternative<MaxPool>(op.what) ||
         std::holds_alternative<Pair>(op.what) || (product != nullptr && product->on_unit);
}

constexpr size_t kMaxOperators = 10'000;
constexpr uint64_t kMaxMove = uint64_t{1} << 24;   // bytes that a Move writes
constexpr uint64_t kMaxMoved = uint64_t{1} << 26;  // and all Moves together

// Why a network is refused. Thrown within plan() alone.
struct Refusal {
  Error error;
};

uint64_t product(const Dims& dims, size_t begin, size_t end) {
  uint64_t count = 1;
  for (size_t i = begin; i < end; ++i) count *= dims[i];
  return count;
}

bool is_padded(const layers::Window& window) {
  return std::ranges::any_of(window.pads, [](uint32_t pad) { return pad != 0; });
}

class Planner {
 public:
  Planner(Network network, const PlanOptions& options)
      : network_(std::move(network)), options_(options) {
    views_.resize(network_.values.size(), View::kNone);
    makers_.resize(network_.values.size(), Maker::kInput);
  }

  Result<Plan> plan() {
    check_size();
    if (options_.private_weights) check_private();
    find_products();
    find_makers();
    prefer_views();
    join_unit();
    join_instructions();
    drop_unused();
    return laid_out();
  }

 private:
  enum class Maker : uint8_t { kInput, kUnit, kMove, kInstructions };

  void check_size() {
    if (network_.operators.size() > kMaxOperators)
      throw Refusal{{ErrorCode::kTooLarge, fmt::format("model: expected at most {} lines of a "
                                                       "guest, found {}",
                                                       kMaxOperators, network_.operators.size())}};
    for (const Operator& op : network_.operators)
      if (const auto* move = std::get_if<Move>(&op.what)) charge(move->y, values()[move->y].dims);
  }
  // Of private weights, that none stands in the program.
  void check_private() {
    size_t layers = 0;
    for (const Operator& op : network_.operators) {
      const auto refuse = [&](const std::string& what) {
        throw Refusal{{ErrorCode::kUnsupported,
                       fmt::format("{} node {}: --private-weights: {}",
                                   onnx_file::printable(op.op_type), onnx_file::printable(op.node),
                                   what)}};
      };
      if (std::holds_alternative<Constant>(op.what) || std::holds_alternative<Gather>(op.what) ||
          std::holds_alternative<LayerNormalization>(op.what) ||
          std::holds_alternative<Trees>(op.what))
        refuse("its constants would be part of the program, which is public");
      // Several functions of one tensor: of constants, each element's own.
      if (const auto* move = std::get_if<Move>(&op.what)) {
        std::map<ValueId, size_t> table_of;
        for (size_t i = 0; i < move->tables.size(); ++i)
          if (const auto [first, is_new] = table_of.try_emplace(move->inputs[i], i);
              !is_new && move->tables[i] != move->tables[first->second])
            refuse("its constants would be part of the program, which is public");
      }
      const auto* linear = std::get_if<Linear>(&op.what);
      if (linear == nullptr || !linear->from_model) continue;
      if (!linear->from_model->stored_zero)
        refuse("expected weights with one zero point, found one for each output");
      ++layers;
    }
    if (layers == 0)
      throw Refusal{{ErrorCode::kUnsupported,
                     "--private-weights: expected a model with weights, found none"}};
    check_private_tail();
  }
  // Nor behind the program's end, in the functions that the project has for who reads the journal.
  void check_private_tail() {
    std::set<std::string> constants;  // of several elements
    for (const TailNode& node : network_.tail)
      if (const auto value = node.attributes.find("value");
          node.op_type == "Constant" && value != node.attributes.end())
        if (const auto* tensor = std::get_if<onnx_file::TensorPointer>(&value->second);
            tensor != nullptr && (*tensor)->type == onnx_file::ElementType::kFloat32 &&
            (*tensor)->size() > 1)
          constants.insert(node.outputs.at(0));
    for (const TailNode& node : network_.tail)
      for (const std::string& input : node.inputs)
        if (node.op_type != "DequantizeLinear" && constants.contains(input))
          throw Refusal{{ErrorCode::kUnsupported,
                         fmt::format("{} node {}: --private-weights: its constants, behind the last "
                                     "quantised tensors, would be public",
                                     onnx_file::printable(node.op_type),
                                     onnx_file::printable(node.node))}};
  }
  // A Move that writes a tensor like `v`, of these dimensions.
  void charge(ValueId v, const Dims& dims) {
    const Value& like = values()[v];
    const uint64_t bytes = elements_of(dims) * importer::bytes_of(like.type);
    moved_ += bytes;
    if (bytes > kMaxMove || moved_ > kMaxMoved)
      throw Refusal{
          {ErrorCode::kTooLarge,
           fmt::format("tensor {} of {}: expected at most {} bytes to be moved, and {} of all "
                       "tensors, found more",
                       onnx_file::printable(like.name), text_of(dims), kMaxMove, kMaxMoved)}};
  }

  // Those products of two tensors that the unit has: the sums of others are too many, or it has no say over what
  // stands beyond the last channel of the first one.
  void find_products() {
    std::set<ValueId> with_padding;  // that nobody chooses
    for (Operator& op : network_.operators) {
      if (std::holds_alternative<Pair>(op.what) || std::holds_alternative<MaxPool>(op.what))
        for_each_operand(op, [](ValueId) {}, [&](ValueId v) { with_padding.insert(v); });
      auto* product = std::get_if<MatMul>(&op.what);
      if (product == nullptr) continue;
      const auto layout = [&](ValueId v) {
        layers::Layout made{.shape = shape_of(values()[v].dims, View::kLast), .tail = 3, .gap = {}};
        made.row = made.shape.width;
        return made;
      };
      const layers::MatMul what = product_of(op);
      layers::Layout a = layout(product->a);
      if (with_padding.contains(product->a) && a.shape.channels % 4 != 0) continue;
      a.padding = what.a.stored_zero();
      auto layer = layers::lower(what, a, layout(product->b), layout(product->y));
      product->on_unit = layer && layers::split(*std::move(layer), options_.most_rows);
    }
  }
  layers::MatMul product_of(const Operator& op) {
    const auto& product = std::get<MatMul>(op.what);
    const Dims& dims = values()[product.a].dims;
    return {.name = op.name,
            .batch = static_cast<uint32_t>(importer::product(dims, 0, dims.size() - 2)),
            .a = values()[product.a].q,
            .b = values()[product.b].q,
            .output = values()[product.y].q,
            .scale = product.scale};
  }

  std::vector<Value>& values() { return network_.values; }
  Shape shape(ValueId v) { return shape_of(values()[v].dims, views_[v]); }

  // Whether both views give every element the same place.
  bool agree(ValueId v, View a, View b) {
    if (a == b) return true;
    const Shape x = shape_of(values()[v].dims, a), y = shape_of(values()[v].dims, b);
    return x == y && (x.channels == 1 || x.height * x.width == 1);
  }

  void find_makers() {
    for (const Operator& op : network_.operators) {
      const auto maker = is_on_unit(op)                          ? Maker::kUnit
                         : std::holds_alternative<Move>(op.what) ? Maker::kMove
                                                                 : Maker::kInstructions;
      for_each_operand(op, [](ValueId) {}, [&](ValueId v) { makers_[v] = maker; });
    }
  }

  // Whether who makes it can write it in this view: a guest reads its input channel by channel.
  bool can_have(ValueId v, View view) {
    switch (makers_[v]) {
      case Maker::kInput:
        return view != View::kLast || is_line(v);
      case Maker::kInstructions:
        return false;
      case Maker::kUnit:
      case Maker::kMove:
        return true;
    }
    return false;
  }
  bool is_line(ValueId v) {
    const Shape s = shape_of(values()[v].dims, View::kLast);
    return s.channels == 1 || s.height * s.width == 1;
  }

  // Views that convolutions, pools and products have to have.
  void prefer_views() {
    const auto prefer = [&](ValueId v, View view) {
      if (views_[v] == View::kNone && can_have(v, view)) views_[v] = view;
    };
    for (const Operator& op : network_.operators) {
      if (const auto* linear = std::get_if<Linear>(&op.what)) {
        const View view = linear->rows ? View::kLast : View::kFirst;
        prefer(linear->x, view), prefer(linear->y, view);
      } else if (const auto* pool = std::get_if<MaxPool>(&op.what)) {
        prefer(pool->x, View::kFirst), prefer(pool->y, View::kFirst);
      } else if (const auto* product = std::get_if<MatMul>(&op.what); product && product->on_unit) {
        for (const ValueId v : {product->a, product->b, product->y}) prefer(v, View::kLast);
      }
    }
  }

  ValueId new_value(const Value& like) {
    values().push_back(like);
    views_.push_back(View::kNone);
    makers_.push_back(Maker::kMove);
    return static_cast<ValueId>(values().size() - 1);
  }
  // A tensor of the same elements, by a Move that goes before the operator in hand.
  ValueId copy(ValueId x) {
    const Value like = values()[x];
    charge(x, like.dims);
    const ValueId y = new_value(like);
    add_move(x, y, iota(elements_of(like.dims)));
    return y;
  }
  void add_move(ValueId x, ValueId y, std::vector<uint32_t> from) {
    operators_.push_back(
        {fmt::format("copy{}", ++copies_), "", "Copy", Move{{x}, y, std::move(from)}});
  }
  static std::vector<uint32_t> iota(uint64_t count) {
    std::vector<uint32_t> from(count);
    std::iota(from.begin(), from.end(), 0u);
    return from;
  }

  // x, or a copy of it, in a layout of the unit with this view.
  ValueId wanted(ValueId x, View view) {
    if (can_have(x, view)) {
      if (views_[x] == View::kNone) views_[x] = view;
      if (agree(x, views_[x], view)) return x;
    }
    const auto [at, is_new] = viewed_.try_emplace({x, view}, ValueId{});
    if (is_new) {
      at->second = copy(x);
      views_[at->second] = view;
    }
    return at->second;
  }

  // The unit's operators get operands in its views; others pass.
  void join_unit() {
    std::vector<Operator> all = std::exchange(network_.operators, {});
    for (const Operator& op : all) {
      if (const auto* linear = std::get_if<Linear>(&op.what))
        if (!linear->rows && is_padded(linear->layer.window)) padded_.insert(linear->x);
      if (const auto* move = std::get_if<Move>(&op.what))
        if (move->inputs.size() == 1 && move->tables.empty() &&
            is_identity(move->from, elements_of(values()[move->inputs[0]].dims)))
          same_as_[move->y] = move->inputs[0];
    }
    for (Operator& op : all) {
      if (auto* linear = std::get_if<Linear>(&op.what)) {
        join(*linear);
      } else if (auto* pool = std::get_if<MaxPool>(&op.what)) {
        pool->x = wanted(pool->x, View::kFirst);
        if (is_padded(pool->window) && pads_otherwise(pool->x)) {
          const auto [at, is_new] = pooled_.try_emplace(pool->x, ValueId{});
          if (is_new) {
            at->second = copy(pool->x);
            views_[at->second] = View::kFirst;
          }
          pool->x = at->second;
        }
        views_[pool->y] = View::kFirst;
      } else if (auto* pair = std::get_if<Pair>(&op.what)) {
        join(*pair);
      } else if (auto* product = std::get_if<MatMul>(&op.what); product && product->on_unit) {
        product->a = wanted(product->a, View::kLast);
        product->b = wanted(product->b, View::kLast);
        views_[product->y] = View::kLast;
      }
      operators_.push_back(std::move(op));
    }
    network_.operators = std::exchange(operators_, {});
  }

  // Whether a convolution that reads it, too, takes another byte for padding than a pool, whose is the least.
  bool pads_otherwise(ValueId x) { return padded_.contains(x) && values()[x].q.stored_zero() != 0; }

  void join(Linear& linear) {
    const View view = linear.rows ? View::kLast : View::kFirst;
    const Dims& dims = values()[linear.x].dims;
    if (linear.rows && elements_of(dims) == dims.back()) {
      join_dense(linear);
    } else {
      linear.x = wanted(linear.x, view);
    }
    views_[linear.y] = view;
  }

  // One row: a kernel as large as the tensor, whatever its shape was before it was flattened.
  void join_dense(Linear& linear) {
    ValueId x = linear.x;
    for (auto source = same_as_.find(x); source != same_as_.end(); source = same_as_.find(x))
      x = source->second;
    if (makers_[x] == Maker::kInstructions ||
        (views_[x] == View::kNone && !can_have(x, View::kFlat)))
      x = linear.x;
    x = wanted(x, views_[x] == View::kNone ? View::kFlat : views_[x]);
    const Shape in = shape(x);
    linear.x = x;
    linear.layer.window = {.kernel = {in.height, in.width}};
    if (views_[x] != View::kLast || in.width == 1) return;
    // Elements are counted column by column, channels innermost; weights channel by channel.
    std::vector<int16_t>& weights = linear.layer.weights;
    std::vector<int16_t> row(size_t{in.channels} * in.width);
    for (size_t o = 0; o < linear.layer.outputs; ++o) {
      const auto begin = weights.begin() + static_cast<ptrdiff_t>(o * row.size());
      std::copy_n(begin, row.size(), row.begin());
      for (size_t e = 0; e < row.size(); ++e)
        begin[static_cast<ptrdiff_t>(e % in.channels * in.width + e / in.channels)] = row[e];
    }
  }

  // Whether x, in a tensor of dims y, is one pixel for all of it.
  static bool is_pixel(const Dims& x, const Dims& y, View view) {
    if (view == View::kFlat || elements_of(x) == elements_of(y)) return false;
    const size_t channel = view == View::kFirst ? 1 : y.size() - 1;
    for (size_t axis = 0; axis < y.size(); ++axis) {
      const size_t missing = y.size() - std::min(x.size(), y.size());
      const uint32_t size = axis < missing ? 1 : x[axis - missing];
      if (size != (axis == channel ? y[axis] : 1)) return false;
    }
    return true;
  }

  void join(Pair& pair) {
    const Dims y = values()[pair.y].dims;
    const auto is_whole = [&](ValueId v) {
      return elements_of(values()[v].dims) == elements_of(y);
    };
    if (!is_whole(pair.a) && is_whole(pair.b)) {  // the unit has the pixel as b
      std::swap(pair.a, pair.b);
      auto exchanged = std::make_shared<std::vector<uint8_t>>(pair.table->size());
      for (size_t i = 0; i < exchanged->size(); ++i)
        (*exchanged)[i] = (*pair.table)[(i & 255) << 8 | i >> 8];
      pair.table = exchanged;
    }
    View view = View::kNone;
    for (const ValueId v : {pair.a, pair.b, pair.y})
      if (view == View::kNone && is_whole(v) && values()[v].dims.size() == y.size())
        view = views_[v];
    if (view == View::kNone) view = natural(y, values()[pair.b].dims);
    const auto expanded = [&](ValueId v) {
      Value like = values()[v];
      charge(v, y);
      std::vector<uint32_t> from = broadcast_order(like.dims, y);
      like.dims = y;
      const ValueId whole = new_value(like);
      add_move(v, whole, std::move(from));
      views_[whole] = view;
      return whole;
    };
    pair.a = is_whole(pair.a) && values()[pair.a].dims.size() == y.size() ? wanted(pair.a, view)
                                                                          : expanded(pair.a);
    if (is_pixel(values()[pair.b].dims, y, view)) {
      // A vector, whose only view is its channels.
      pair.b = wanted(pair.b, View::kFlat);
    } else {
      pair.b = is_whole(pair.b) && values()[pair.b].dims.size() == y.size() ? wanted(pair.b, view)
                                                                            : expanded(pair.b);
    }
    views_[pair.y] = view;
  }
  static View natural(const Dims& y, const Dims& b) {
    for (const View view : {View::kFirst, View::kLast})
      if (y.size() >= 2 && (view == View::kLast || (y.size() <= 4 && y[0] == 1)) &&
          is_pixel(b, y, view))
        return view;
    return y.size() == 4 && y[0] == 1 ? View::kFirst : View::kFlat;
  }

  bool is_features(ValueId v) const { return on_unit_.contains(v); }

  // Instructions and the journal get Tensors.
  void join_instructions() {
    std::set<ValueId> read;
    std::map<ValueId, const Operator*> written;
    for (const Operator& op : network_.operators)
      if (is_on_unit(op))
        for_each_operand(
            op, [&](ValueId v) { read.insert(v); }, [&](ValueId v) { written[v] = &op; });
    on_unit_ = read;
    for (const auto& [v, op] : written) {
      const auto* linear = std::get_if<Linear>(&op->what);
      const Shape s = shape(v);
      if (!linear || linear->layer.sums || s.height * s.width != 1) on_unit_.insert(v);
    }
    std::map<ValueId, ValueId> tensors;
    const auto as_tensor = [&](ValueId v) {
      if (!is_features(v)) return v;
      const auto [at, is_new] = tensors.try_emplace(v, ValueId{});
      if (is_new) at->second = copy(v);
      return at->second;
    };
    std::vector<Operator> all = std::exchange(network_.operators, {});
    for (Operator& op : all) {
      if (!is_on_unit(op) && !std::holds_alternative<Move>(op.what))
        for_each_operand(op, [&](ValueId& v) { v = as_tensor(v); }, [](ValueId) {});
      operators_.push_back(std::move(op));
    }
    for (Port& port : network_.outputs) port.value = as_tensor(port.value);
    network_.operators = std::exchange(operators_, {});
  }

  void drop_unused() {
    std::set<ValueId> used;
    for (const Port& port : network_.outputs) used.insert(port.value);
    std::vector<Operator> kept;
    for (auto op = network_.operators.rbegin(); op != network_.operators.rend(); ++op) {
      bool any = false;
      for_each_operand(*op, [](ValueId) {}, [&](ValueId v) { any |= used.contains(v); });
      if (!any) continue;
      for_each_operand(*op, [&](ValueId v) { used.insert(v); }, [](ValueId) {});
      kept.push_back(std::move(*op));
    }
    std::ranges::reverse(kept);
    network_.operators = std::move(kept);
    std::erase_if(on_unit_, [&](ValueId v) { return !used.contains(v); });
  }

  Result<Plan> laid_out() {
    layers::Network unit;
    std::map<ValueId, size_t> numbers;
    std::set<ValueId> written;
    for (const Operator& op : network_.operators)
      if (is_on_unit(op))
        for_each_operand(op, [](ValueId) {}, [&](ValueId v) { written.insert(v); });
    for (const ValueId v : on_unit_)
      if (!written.contains(v)) {
        numbers[v] = unit.inputs.size();
        unit.inputs.push_back(shape(v));
      }
    Plan plan;
    for (Operator& op : network_.operators) {
      if (!is_on_unit(op)) continue;
      for_each_operand(
          op, [](ValueId) {},
          [&](ValueId v) { numbers[v] = unit.inputs.size() + unit.operators.size(); });
      unit.operators.push_back(on_unit(op, numbers));
    }
    auto made = layers::plan(unit, options_.most_rows);
    if (!made) {
      const std::string& what = made.error().message;
      for (const Operator& op : network_.operators)
        if (what.starts_with(op.name + ":"))
          return tl::unexpected(Error{
              ErrorCode::kUnsupported,
              fmt::format("{} node {}: the tensor unit has no such layer: {}",
                          onnx_file::printable(op.op_type), onnx_file::printable(op.node), what)});
      return tl::unexpected(
          Error{ErrorCode::kUnsupported, "the tensor unit has no such layer: " + what});
    }
    plan.layers = std::move(made->layers);
    auto calls = made->calls.begin();
    for (const Operator& op : network_.operators) {
      plan.calls_of.emplace_back();
      if (is_on_unit(op)) plan.calls_of.back() = std::move(*calls++);
    }
    plan.storage.resize(values().size());
    for (ValueId v = 0; v < values().size(); ++v) {
      const auto number = numbers.find(v);
      if (number == numbers.end()) continue;
      const layers::PlannedTensor& tensor = made->tensors[number->second];
      plan.storage[v].view = views_[v];
      const bool words = values()[v].type == Type::kInt32;
      if (!tensor.is_result || words) plan.storage[v].layout = tensor.layout;
      plan.storage[v].words = words;
    }
    if (options_.private_weights) {
      for (const Operator& op : network_.operators) {
        auto bytes = operand_of(op, numbers, made->tensors);
        if (!bytes) return tl::unexpected(bytes.error());
        plan.weights_of.push_back(*std::move(bytes));
      }
    }
    plan.network = std::move(network_);
    return plan;
  }

  // The bytes of an operator's private weights, as its calls read them; none if it has none.
  Result<std::vector<uint8_t>> operand_of(const Operator& op,
                                          const std::map<ValueId, size_t>& numbers,
                                          const std::vector<layers::PlannedTensor>& tensors) {
    const auto* linear = std::get_if<Linear>(&op.what);
    if (linear == nullptr || !linear->from_model) return std::vector<uint8_t>{};
    const auto operand =
        layers::weights_operand(with_operand(*linear), tensors[numbers.at(linear->x)].layout,
                                tensors[numbers.at(linear->y)].layout);
    const auto bytes = operand ? operand->lay_out(linear->layer.weights, linear->layer.bias)
                               : tl::unexpected(operand.error());
    if (bytes) return *bytes;
    return tl::unexpected(
        Error{ErrorCode::kUnsupported,
              fmt::format("{} node {}: --private-weights: {}", onnx_file::printable(op.op_type),
                          onnx_file::printable(op.node), bytes.error().message)});
  }
  // The layer without its weights.
  static layers::Linear with_operand(const Linear& linear) {
    layers::Linear layer = linear.layer;
    layer.operand = layers::Linear::Operand{.zero = *linear.from_model->stored_zero};
    layer.weights.clear();
    layer.bias.clear();
    return layer;
  }

  layers::Operator on_unit(Operator& op, const std::map<ValueId, size_t>& numbers) {
    if (auto* linear = std::get_if<Linear>(&op.what)) {
      linear->layer.name = op.name;
      linear->layer.scales = linear->scales;
      const bool is_private = options_.private_weights && linear->from_model;
      return {numbers.at(linear->x), is_private ? with_operand(*linear) : linear->layer};
    }
    if (auto* pool = std::get_if<MaxPool>(&op.what))
      return {numbers.at(pool->x), layers::MaxPool{op.name, pool->window}};
    if (const auto* product = std::get_if<MatMul>(&op.what))
      return {numbers.at(product->a), product_of(op), numbers.at(product->b)};
    const auto& pair = std::get<Pair>(op.what);
    const auto flip = [&](ValueId v) { return values()[v].type == Type::kInt8 ? 0x80u : 0u; };
    const size_t flips = flip(pair.a) << 8 | flip(pair.b);
    std::vector<uint8_t> stored(pair.table->size());
    for (size_t i = 0; i < stored.size(); ++i)
      stored[i] = static_cast<uint8_t>((*pair.table)[i ^ flips] ^ flip(pair.y));
    layers::Pairwise what{.name = op.name, .op = layers::Pairwise::Op::kTable};
    what.given = vm::PairTable(std::move(stored));
    return {numbers.at(pair.a), what, numbers.at(pair.b)};
  }

  Network network_;
  PlanOptions options_;
  std::vector<View> views_;
  std::vector<Maker> makers_;
  std::vector<Operator> operators_;  // those that are done
  std::map<std::pair<ValueId, View>, ValueId> viewed_;
  std::set<ValueId> padded_;            // by convolutions
  std::map<ValueId, ValueId> pooled_;   // copies of those, that pools pad
  std::map<ValueId, ValueId> same_as_;  // of identity Moves
  std::set<ValueId> on_unit_;           // values that lie as the unit has them
  int copies_ = 0;
  uint64_t moved_ = 0;  // bytes
};

}  // namespace

layers::Shape shape_of(const Dims& dims, View view) {
  const auto size = [](uint64_t count) { return static_cast<uint32_t>(count); };
  const size_t rank = dims.size();
  switch (view) {
    case View::kFirst:
      if (rank == 4) return {dims[1], dims[2], dims[3]};
      if (rank == 3) return {dims[1], 1, dims[2]};
      if (rank == 2) return {dims[1], 1, 1};
      break;
    case View::kLast:
      if (rank > 0) return {dims.back(), 1, size(product(dims, 0, rank - 1))};
      break;
    case View::kNone:
    case View::kFlat:
      break;
  }
  return {size(elements_of(dims)), 1, 1};
}

std::vector<uint32_t> Plan::positions_of(ValueId value) const {
  const Value& v = network.values[value];
  const Storage& s = storage[value];
  std::vector<uint32_t> positions(elements_of(v.dims));
  if (!s.layout) {
    const uint32_t bytes = importer::bytes_of(v.type);
    for (size_t e = 0; e < positions.size(); ++e) positions[e] = static_cast<uint32_t>(e) * bytes;
    return positions;
  }
  const auto [channels, height, width] = shape_of(v.dims, s.view);
  for (uint32_t e = 0; e < positions.size(); ++e) {
    const bool last = s.view == View::kLast;
    const uint32_t c = last ? e % channels : e / (height * width);
    const uint32_t i = last ? 0 : e / width % height, j = last ? e / channels : e % width;
    positions[e] = static_cast<uint32_t>(s.layout->byte_of(c, i, j) * (s.words ? 4 : 1));
  }
  return positions;
}

uint64_t Plan::bytes_of(ValueId value) const {
  const Storage& s = storage[value];
  if (s.layout) return s.layout->bytes() * (s.words ? 4 : 1);
  const Value& v = network.values[value];
  return (elements_of(v.dims) * importer::bytes_of(v.type) + 3) / 4 * 4;
}

uint64_t Plan::private_bytes() const {
  uint64_t bytes = 0;
  for (const std::vector<uint8_t>& of : weights_of) bytes += of.size();
  return bytes;
}

std::span<const float> Plan::public_scales(size_t op) const {
  const auto* linear = std::get_if<Linear>(&network.operators[op].what);
  if (linear == nullptr || !has_private_weights() || !linear->from_model) return {};
  return linear->from_model->scales;
}

Result<Plan> plan(Network network, const PlanOptions& options) {
  try {
    return Planner(std::move(network), options).plan();
  } catch (const Refusal& refusal) {
    return tl::unexpected(refusal.error);
  }
}

}  // namespace zkvm::importer
