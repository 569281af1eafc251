// What reads a whole row at once: Softmax, means, LayerNormalization, the greatest elements.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

namespace {

// Of a tensor: these axes last and as one, all others before them as they are.
struct Rows {
  std::vector<size_t> permutation;
  bool is_transposed = false;  // the permutation is none that leaves all in order
  Dims transposed_dims;        // before the last axes become one
  Dims dims;
};
Rows rows_of(const Dims& dims, const std::vector<bool>& is_last) {
  Rows rows;
  for (const bool last : {false, true})
    for (size_t i = 0; i < dims.size(); ++i)
      if (is_last[i] == last) rows.permutation.push_back(i);
  rows.is_transposed = !std::ranges::is_sorted(rows.permutation);
  uint32_t width = 1;
  for (const size_t i : rows.permutation) {
    rows.transposed_dims.push_back(dims[i]);
    if (is_last[i])
      width *= dims[i];
    else
      rows.dims.push_back(dims[i]);
  }
  rows.dims.push_back(width);
  return rows;
}

ValueId bring_last(NodeView& node, ValueId x, const Rows& rows) {
  const Value of_x = node.lowering().value(x);
  if (!rows.is_transposed && of_x.dims == rows.dims) return x;
  Order order = transposed(of_x.dims, rows.permutation);
  order.dims = rows.dims;
  return moved_bytes(node, "transpose", x, order, of_x.name);
}

// From rows to the tensor's own order and dimensions.
Order back_order(const Rows& rows) {
  std::vector<size_t> inverse(rows.permutation.size());
  for (size_t i = 0; i < inverse.size(); ++i) inverse[rows.permutation[i]] = i;
  return transposed(rows.transposed_dims, inverse);
}

ValueId bring_back(NodeView& node, ValueId y, const Rows& rows, const Dims& dims) {
  if (!rows.is_transposed && rows.dims == dims) return y;
  return moved_bytes(node, "transpose", y, back_order(rows), node.lowering().value(y).name);
}

ValueId bytes_of(NodeView& node, const ExprPointer& x) {
  if (const auto value = node.lowering().exact_bytes(x, node)) return *value;
  node.refuse(
      "input {}: expected bytes through DequantizeLinear, found {} in float32; quantise behind it",
      x->name, x->node ? x->node->op_type : "a tensor");
}

// An operator that reads bytes where QuantizeLinear follows, and else is a part of the tail.
void define_float(
    NodeView& node, const ExprPointer& x, Dims dims,
    std::function<ValueId(NodeView&, ValueId, const Quantisation&, const std::string&)> make = {}) {
  Lowering* lowering = &node.lowering();
  const onnx_file::Node* of = &node.node();
  Expr expr{.kind = Expr::Kind::kNode,
            .name = node.output_name(),
            .dims = std::move(dims),
            .node = of,
            .inputs = {x}};
  if (make)
    expr.quantise = [lowering, of, x, make](const Quantisation& q, const std::string& label) {
      NodeView view(lowering, *of);
      return make(view, bytes_of(view, x), q, of->op_type + label);
    };
  node.define(lowering->made(std::move(expr), node));
}

// Softmax ----------------------------------------------------------------------------------------

std::vector<bool> softmax_axes(const NodeView& node, const Dims& dims, int64_t opset) {
  const size_t axis = node.axis(node.integer("axis", opset < 13 ? 1 : -1), dims.size());
  std::vector<bool> is_last(dims.size());
  // Before opset 13 all axes from there on are one.
  for (size_t i = axis; i < dims.size(); ++i) is_last[i] = opset < 13 || i == axis;
  return is_last;
}

ValueId emit_softmax(NodeView& node, ValueId x, const std::vector<bool>& is_last,
                     const Quantisation& q, const std::string& label) {
  Lowering& lowering = node.lowering();
  const Dims dims = lowering.value(x).dims;
  const Rows rows = rows_of(dims, is_last);
  const ValueId from = bring_last(node, x, rows);
  const ValueId y = lowering.add_bytes(node.output_name(), rows.dims, q);
  lowering.add("softmax", &node.node(), label, Softmax{from, y});
  return bring_back(node, y, rows, dims);
}

void softmax(NodeView& node) {
  const ExprPointer x = node.expr(0);
  const std::vector<bool> is_last = softmax_axes(node, x->dims, node.opset());
  define_float(
      node, x, x->dims,
      [is_last](NodeView& view, ValueId value, const Quantisation& q, const std::string& label) {
        return emit_softmax(view, value, is_last, q, label);
      });
}

void qlinear_softmax(NodeView& node) {
  const ValueId x = node.bytes(0, node.quantisation(1, 2, node.is_signed(0)));
  const int64_t opset = node.required_integer("opset");
  const std::vector<bool> is_last = softmax_axes(node, node.dims(0), opset);
  node.define(emit_softmax(node, x, is_last, node.output_quantisation(3, 4), node.node().op_type));
}

// Means ------------------------------------------------------------------------------------------

struct Reduction {
  std::vector<bool> is_last;
  Dims dims;  // of the result
};
Reduction read_reduction(NodeView& node, const Dims& dims, int64_t axes_as_input_since) {
  std::optional<std::vector<int64_t>> axes;
  if (node.opset() < axes_as_input_since)
    axes = node.integer_list("axes");
  else if (node.has(1))
    axes = node.integers(1);
  const bool keep = node.integer("keepdims", 1) != 0;
  const bool none_is_all = node.integer("noop_with_empty_axes", 0) == 0;
  Reduction reduction;
  reduction.is_last.assign(dims.size(), (!axes || axes->empty()) && none_is_all);
  if (axes)
    for (const int64_t a : *axes) reduction.is_last[node.axis(a, dims.size())] = true;
  for (size_t i = 0; i < dims.size(); ++i)
    if (!reduction.is_last[i])
      reduction.dims.push_back(dims[i]);
    else if (keep)
      reduction.dims.push_back(1);
  return reduction;
}

void reduce_mean(NodeView& node) {
  const ExprPointer x = node.expr(0);
  const Reduction reduction = read_reduction(node, x->dims, 18);
  define_float(
      node, x, reduction.dims,
      [reduction](NodeView& view, ValueId value, const Quantisation& q, const std::string& label) {
        Lowering& lowering = view.lowering();
        const Rows rows = rows_of(lowering.value(value).dims, reduction.is_last);
        const ValueId from = bring_last(view, value, rows);
        const Dims short_dims(rows.dims.begin(), rows.dims.end() - 1);
        const ValueId y = lowering.add_bytes(view.output_name(), short_dims, q);
        lowering.add("reduce_mean", &view.node(), label, ReduceMean{from, y});
        if (short_dims == reduction.dims) return y;
        return moved_bytes(view, "reshape", y, identity_order(short_dims, reduction.dims),
                           view.output_name());
      });
}

// In the tail only.
void reduce(NodeView& node) {
  const ExprPointer x = node.expr(0);
  define_float(node, x,
               read_reduction(node, x->dims, node.node().op_type == "ReduceSum" ? 13 : 18).dims);
}
void same_shape(NodeView& node) {
  const ExprPointer x = node.expr(0);
  node.integer("axis", -1);
  define_float(node, x, x->dims);
}

void layer_normalization(NodeView& node) {
  const ExprPointer x = node.expr(0);
  const Dims dims = x->dims;
  const size_t axis = node.axis(node.integer("axis", -1), dims.size());
  const float epsilon = node.real("epsilon", 1e-5f);
  node.integer("stash_type", 1);
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    node.refuse("epsilon: expected a positive float32, found {}", epsilon);
  for (size_t i = 1; i < node.node().outputs.size(); ++i)
    if (node.has_output(i))
      node.refuse("output {}: expected none but the first", node.output_name(i));
  std::vector<bool> is_last(dims.size());
  for (size_t i = axis; i < dims.size(); ++i) is_last[i] = true;
  const Rows rows = rows_of(dims, is_last);
  const uint32_t width = rows.dims.back();
  const auto parameters = [&](size_t input, float otherwise) {
    if (!node.has(input)) return std::vector<float>(width, otherwise);
    const ExprPointer expr = node.expr(input);
    if (expr->kind != Expr::Kind::kConstant || elements_of(expr->dims) != width)
      node.refuse("input {}: expected {} constants", node.input_name(input), width);
    std::vector<float> values = floats_of(*expr)->values<float>();
    for (const float value : values)
      if (!std::isfinite(value))
        node.refuse("input {}: expected finite numbers, found {}", node.input_name(input), value);
    return values;
  };
  LayerNormalization what{
      .x = 0, .y = 0, .scale = parameters(1, 1), .bias = parameters(2, 0), .epsilon = epsilon};
  define_float(node, x, dims,
               [what, rows, dims](NodeView& view, ValueId value, const Quantisation& q,
                                  const std::string& label) {
                 Lowering& lowering = view.lowering();
                 LayerNormalization made = what;
                 made.x = bring_last(view, value, rows);
                 made.y = lowering.add_bytes(view.output_name(), rows.dims, q);
                 const ValueId y = made.y;
                 lowering.add("layer_normalization", &view.node(), label, std::move(made));
                 return bring_back(view, y, rows, dims);
               });
}

bool is_operator(const ExprPointer& expr, std::string_view op_type) {
  return expr && expr->kind == Expr::Kind::kNode && expr->node->op_type == op_type;
}

// One input is what `is_wanted` says: that one and the other one.
template <class Is>
std::optional<std::pair<ExprPointer, ExprPointer>> either(const ExprPointer& expr,
                                                          std::string_view op_type,
                                                          Is&& is_wanted) {
  if (!is_operator(expr, op_type) || expr->inputs.size() != 2) return std::nullopt;
  for (const size_t i : {size_t{0}, size_t{1}})
    if (is_wanted(expr->inputs[i])) return std::pair(expr->inputs[i], expr->inputs[1 - i]);
  return std::nullopt;
}

bool is_constant(const ExprPointer& expr) { return expr && expr->kind == Expr::Kind::kConstant; }
bool is_one(const ExprPointer& expr) { return is_constant(expr) && elements_of(expr->dims) == 1; }

// The mean of x along its last axis, which stays as 1.
ExprPointer mean_of(const ExprPointer& expr) {
  if (!is_operator(expr, "ReduceMean")) return nullptr;
  Dims dims = expr->inputs[0]->dims;
  if (dims.empty()) return nullptr;
  dims.back() = 1;
  return expr->dims == dims ? expr->inputs[0] : nullptr;
}

// x where the expression is x minus its mean.
ExprPointer deviation_of(const ExprPointer& expr) {
  if (!is_operator(expr, "Sub") || mean_of(expr->inputs[1]) != expr->inputs[0]) return nullptr;
  return expr->inputs[0];
}

// d where the expression is d d.
ExprPointer square_of(const ExprPointer& expr) {
  if (is_operator(expr, "Mul") && expr->inputs[0] == expr->inputs[1]) return expr->inputs[0];
  if (is_operator(expr, "Pow") && is_one(expr->inputs[1]) &&
      floats_of(*expr->inputs[1])->values<float>()[0] == 2.0f)
    return expr->inputs[0];
  return nullptr;
}

// The greatest -----------------------------------------------------------------------------------

// Bytes, or a float32 tensor whose order is that of its bytes; nothing for the tail.
std::optional<ValueId> ordered_bytes(const NodeView& node) {
  const Symbol& symbol = node.symbol(0);
  if (const auto* value = std::get_if<ValueId>(&symbol)) return *value;
  if (const auto* expr = std::get_if<ExprPointer>(&symbol)) {
    if ((*expr)->kind == Expr::Kind::kLeaf) return (*expr)->value;
    return std::nullopt;
  }
  node.refuse("input {}: expected bytes or float32", node.input_name(0));
}

void arg_extreme(NodeView& node, bool least) {
  const Dims dims = node.dims(0);
  const size_t axis = node.axis(node.integer("axis", 0), dims.size());
  const bool keep = node.integer("keepdims", 1) != 0,
             last = node.integer("select_last_index", 0) != 0;
  std::vector<bool> is_last(dims.size());
  is_last[axis] = true;
  Dims result = dims;
  if (keep)
    result[axis] = 1;
  else
    result.erase(result.begin() + static_cast<ptrdiff_t>(axis));
  const auto x = ordered_bytes(node);
  if (!x) return define_float(node, node.expr(0), result);
  const Rows rows = rows_of(dims, is_last);
  const ValueId from = bring_last(node, *x, rows);
  node.check_size(result);
  const ValueId y =
      node.lowering().add_words(node.output_name(), Dims(rows.dims.begin(), rows.dims.end() - 1));
  node.lowering().add(least ? "arg_min" : "arg_max", &node.node(), node.node().op_type,
                      ArgMax{.x = from, .y = y, .least = least, .last = last});
  node.define(Words{y, result});
}
void arg_max(NodeView& node) { arg_extreme(node, false); }
void arg_min(NodeView& node) { arg_extreme(node, true); }

void top_k(NodeView& node) {
  const Dims dims = node.dims(0);
  const size_t axis = node.axis(node.integer("axis", -1), dims.size());
  const int64_t opset = node.opset();
  int64_t k = 0;
  if (opset < 10) {
    k = node.required_integer("k");
  } else {
    const std::vector<int64_t> values = node.integers(1);
    if (values.size() != 1) node.malformed("k: expected one number, found {}", values.size());
    k = values[0];
  }
  const bool least = node.integer("largest", 1) == 0;
  if (node.integer("sorted", 1) == 0)
    node.refuse("sorted: expected 1, found an order that ONNX leaves open");
  if (k < 1 || k > int64_t{dims[axis]})
    node.malformed("k: expected 1 to {}, found {}", dims[axis], k);
  const auto x = ordered_bytes(node);
  if (!x)
    node.refuse("input {}: expected bytes, or DequantizeLinear of them, found another float32",
                node.input_name(0));
  Lowering& lowering = node.lowering();
  std::vector<bool> is_last(dims.size());
  is_last[axis] = true;
  Rows rows = rows_of(dims, is_last);
  const ValueId from = bring_last(node, *x, rows);
  rows.dims.back() = rows.transposed_dims.back() = static_cast<uint32_t>(k);
  Dims result = dims;
  result[axis] = static_cast<uint32_t>(k);
  node.check_size(result);
  const Value of_x = lowering.value(*x);
  const std::string name = node.has_output(0) ? node.output_name(0) : node.node().name + "_values";
  const ValueId values = lowering.is_known(*x)
                             ? lowering.add_bytes(name, rows.dims, of_x.q)
                             : lowering.add_raw_bytes(name, rows.dims, of_x.type == Type::kInt8);
  const ValueId indices = lowering.add_words(
      node.has_output(1) ? node.output_name(1) : node.node().name + "_indices", rows.dims);
  lowering.add("top_k", &node.node(), "TopK",
               TopK{.x = from, .values = values, .indices = indices, .least = least});
  if (node.has_output(0)) {
    const ValueId back = bring_back(node, values, rows, result);
    if (std::holds_alternative<ExprPointer>(node.symbol(0))) {
      Expr leaf_of_values{.kind = Expr::Kind::kLeaf, .name = name, .dims = result};
      leaf_of_values.value = back;
      node.define(lowering.made(std::move(leaf_of_values), node), 0);
    } else {
      node.define(back, 0);
    }
  }
  if (!node.has_output(1)) return;
  const Order order = back_order(rows);
  node.define(moved(node, "transpose", {Words{indices, rows.dims}}, order, node.output_name(1)), 1);
}

}  // namespace

// (x - mean) / sqrt(mean of squares + epsilon), times a scale, plus a bias.
std::optional<ValueId> quantise_written_out(const ExprPointer& expr, const Quantisation& q,
                                            NodeView& who, const std::string& label) {
  ExprPointer at = expr, scale, bias;
  if (const auto sum = either(at, "Add", is_constant)) std::tie(bias, at) = *sum;
  if (const auto product = either(at, "Mul", is_constant)) std::tie(scale, at) = *product;
  if (!is_operator(at, "Div") || !is_operator(at->inputs[1], "Sqrt")) return std::nullopt;
  const auto raised = either(at->inputs[1]->inputs[0], "Add", is_one);
  if (!raised) return std::nullopt;
  const ExprPointer squares = mean_of(raised->second), x = deviation_of(at->inputs[0]);
  const ExprPointer deviation = squares ? square_of(squares) : nullptr;
  if (!x || !deviation || deviation_of(deviation) != x || x->kind != Expr::Kind::kLeaf ||
      x->dims != expr->dims)
    return std::nullopt;
  const uint32_t width = x->dims.back();
  const auto parameters = [&](const ExprPointer& constant, float otherwise) {
    std::vector<float> values(width, otherwise);
    if (!constant) return values;
    const std::vector<float> given = floats_of(*constant)->values<float>();
    if (given.size() != 1 && (given.size() != width || constant->dims.back() != width))
      who.refuse("{}: expected {} constants", constant->name, width);
    for (uint32_t i = 0; i < width; ++i) values[i] = given[given.size() == 1 ? 0 : i];
    return values;
  };
  LayerNormalization what{.x = x->value,
                          .y = 0,
                          .scale = parameters(scale, 1),
                          .bias = parameters(bias, 0),
                          .epsilon = floats_of(*raised->first)->values<float>()[0]};
  if (!(what.epsilon >= 0))
    who.refuse("epsilon: expected a positive float32, found {}", what.epsilon);
  Lowering& lowering = who.lowering();
  const ValueId y = what.y = lowering.add_bytes(expr->name, x->dims, q);
  lowering.add("layer_normalization", expr->node, "LayerNormalization" + label, std::move(what));
  return y;
}

Handlers row_handlers() {
  return {{"Softmax", softmax},
          {"com.microsoft:QLinearSoftmax", qlinear_softmax},
          {"ReduceMean", reduce_mean},
          {"LayerNormalization", layer_normalization},
          {"ArgMax", arg_max},
          {"ArgMin", arg_min},
          {"TopK", top_k},
          {"LogSoftmax", same_shape},
          {"ReduceSum", reduce},
          {"ReduceMax", reduce},
          {"ReduceMin", reduce},
          {"ReduceL2", reduce}};
}

}  // namespace zkvm::importer::lowering
