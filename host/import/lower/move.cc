// Elements in another order: reshapes, transposes, slices, concatenations, padding, repetition.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

namespace {

bool fills(const Order& order) {
  return std::ranges::find(order.from, Move::kFill) != order.from.end();
}

TensorPointer moved_constant(const NodeView& node, const std::vector<TensorPointer>& inputs,
                             const Order& order, const std::optional<TensorPointer>& fill) {
  const ElementType type = inputs[0]->type;
  for (const TensorPointer& input : inputs)
    if (input->type != type)
      node.malformed("inputs: expected one type, found {} and {}", onnx_file::name_of(type),
                     onnx_file::name_of(input->type));
  const size_t width = onnx_file::bytes_of(type);
  if (width == 0) node.refuse("constant of {}: expected numbers", onnx_file::name_of(type));
  std::vector<uint8_t> all;
  for (const TensorPointer& input : inputs)
    all.insert(all.end(), input->bytes.begin(), input->bytes.end());
  const std::vector<uint8_t> zero(width, 0);
  const uint8_t* filler =
      fill && (*fill)->bytes.size() == width ? (*fill)->bytes.data() : zero.data();
  Tensor result{
      .type = type, .dims = {order.dims.begin(), order.dims.end()}, .bytes = {}, .strings = {}};
  result.bytes.resize(order.from.size() * width);
  for (size_t i = 0; i < order.from.size(); ++i)
    std::memcpy(result.bytes.data() + i * width,
                order.from[i] == Move::kFill ? filler : all.data() + order.from[i] * width, width);
  return std::make_shared<const Tensor>(std::move(result));
}

ValueId moved_values(NodeView& node, const std::string& kind, const std::vector<ValueId>& inputs,
                     const Order& order, const std::string& name, uint8_t fill) {
  Lowering& lowering = node.lowering();
  const Value& first = lowering.value(inputs[0]);
  std::optional<Quantisation> q;
  for (const ValueId input : inputs) {
    if (lowering.value(input).type != first.type)
      node.malformed("inputs: expected one type, found int8 and uint8");
    if (!q && lowering.is_known(input)) q = lowering.value(input).q;
  }
  const bool is_signed = first.type == Type::kInt8;
  const ValueId y = q ? lowering.add_bytes(name, order.dims, *q)
                      : lowering.add_raw_bytes(name, order.dims, is_signed);
  lowering.add(kind, &node.node(), node.node().op_type,
               Move{.inputs = inputs, .y = y, .from = order.from, .fill = fill});
  return y;
}

ValueId moved_words(NodeView& node, const std::string& kind, const std::vector<Symbol>& inputs,
                    const Order& order, const std::string& name) {
  Move move{.inputs = {}, .y = node.lowering().add_words(name, order.dims), .from = order.from};
  for (const Symbol& input : inputs) move.inputs.push_back(std::get<Words>(input).value);
  const ValueId y = move.y;
  node.lowering().add(kind, &node.node(), node.node().op_type, std::move(move));
  return y;
}

// What a float means as a byte, where it means it exactly.
std::optional<uint8_t> exact_byte(float x, const Quantisation& q) {
  const uint8_t byte = quantise_float(x, q);
  return dequantise_byte(byte, q) == x ? std::optional(byte) : std::nullopt;
}

ExprPointer moved_expr(NodeView& node, const std::string& kind,
                       const std::vector<ExprPointer>& inputs, const Order& order,
                       const std::string& name, float fill) {
  Lowering& lowering = node.lowering();
  const bool has_fill = fills(order);
  const auto is_leaf = [&](const ExprPointer& expr) {
    if (expr->kind != Expr::Kind::kLeaf) return false;
    const Value &a = lowering.value(inputs[0]->value), &b = lowering.value(expr->value);
    return a.type == b.type && a.q.scale == b.q.scale && a.q.zero_point == b.q.zero_point;
  };
  Expr result{.kind = Expr::Kind::kMove, .name = name, .dims = order.dims, .node = &node.node()};
  // A constant bias or mask keeps its dequantised values.
  if (std::ranges::all_of(inputs,
                          [](const ExprPointer& e) { return e->kind == Expr::Kind::kConstant; })) {
    std::vector<TensorPointer> tensors;
    for (const ExprPointer& input : inputs) tensors.push_back(floats_of(*input));
    result.kind = Expr::Kind::kConstant;
    result.constant = moved_constant(node, tensors, order, float_tensor({}, {fill}));
    if (const auto& q = inputs[0]->quantised;
        inputs.size() == 1 && q && q->scales.size() == 1 && !has_fill) {
      QuantisedTensor quantised = *q;
      quantised.tensor = moved_constant(node, {q->tensor}, order, {});
      result.quantised = std::move(quantised);
      result.constant = nullptr;
    }
    return std::make_shared<const Expr>(std::move(result));
  }
  const bool leaves = inputs[0]->kind == Expr::Kind::kLeaf && std::ranges::all_of(inputs, is_leaf);
  const auto filler = leaves ? exact_byte(fill, lowering.value(inputs[0]->value).q) : std::nullopt;
  if (leaves && (!has_fill || filler)) {
    std::vector<ValueId> values;
    for (const ExprPointer& input : inputs) values.push_back(input->value);
    result.kind = Expr::Kind::kLeaf;
    result.node = nullptr;
    result.value = moved_values(node, kind, values, order, name, filler.value_or(0));
    return std::make_shared<const Expr>(std::move(result));
  }
  result.move_kind = kind;
  result.inputs = inputs;
  result.from = order.from;
  result.fill = fill;
  return lowering.made(std::move(result), node);
}

}  // namespace

Order identity_order(const Dims& dims, Dims as) {
  Order order{std::move(as), std::vector<uint32_t>(elements_of(dims))};
  std::iota(order.from.begin(), order.from.end(), 0u);
  return order;
}

Order transposed(const Dims& dims, const std::vector<size_t>& permutation) {
  const std::vector<uint64_t> strides = strides_of(dims);
  Order order;
  std::vector<uint64_t> steps;
  for (const size_t axis : permutation) {
    order.dims.push_back(dims[axis]);
    steps.push_back(strides[axis]);
  }
  order.from.resize(elements_of(dims));
  Dims at(dims.size(), 0);
  uint64_t source = 0;
  for (uint32_t& element : order.from) {
    element = static_cast<uint32_t>(source);
    for (size_t i = dims.size(); i-- > 0;) {
      source += steps[i];
      if (++at[i] < order.dims[i]) break;
      source -= steps[i] * order.dims[i];
      at[i] = 0;
    }
  }
  return order;
}

Symbol moved(NodeView& node, const std::string& kind, const std::vector<Symbol>& inputs,
             const Order& order, const std::string& name, std::optional<TensorPointer> fill) {
  const auto all = [&]<class T>(T) {
    return std::ranges::all_of(inputs,
                               [](const Symbol& s) { return std::holds_alternative<T>(s); });
  };
  if (all(TensorPointer{})) {
    std::vector<TensorPointer> tensors;
    for (const Symbol& input : inputs) tensors.push_back(std::get<TensorPointer>(input));
    node.lowering().charge(order.from.size(), node);
    return moved_constant(node, tensors, order, fill);
  }
  node.check_size(order.dims);
  if (all(Words{})) {
    const Words& first = std::get<Words>(inputs[0]);
    if (inputs.size() == 1 && is_identity(order.from, elements_of(first.dims)))
      return Words{first.value, order.dims};
    if (fills(order)) node.refuse("int32 at run time: expected no padding");
    return Words{moved_words(node, kind, inputs, order, name), order.dims};
  }
  if (std::ranges::any_of(inputs,
                          [](const Symbol& s) { return std::holds_alternative<ExprPointer>(s); })) {
    std::vector<ExprPointer> exprs;
    for (const Symbol& input : inputs) {
      if (const auto* expr = std::get_if<ExprPointer>(&input)) {
        exprs.push_back(*expr);
      } else if (const auto* tensor = std::get_if<TensorPointer>(&input);
                 tensor && (*tensor)->type == ElementType::kFloat32) {
        exprs.push_back(constant_expr(name, *tensor));
      } else {
        node.malformed("inputs: expected one type, found float32 and another");
      }
    }
    float filler = 0;
    if (fill) {
      if ((*fill)->type != ElementType::kFloat32) node.malformed("filler: expected float32");
      filler = (*fill)->values<float>()[0];
    }
    return moved_expr(node, kind, exprs, order, name, filler);
  }
  std::vector<ValueId> values;
  for (const Symbol& input : inputs) {
    if (const auto* value = std::get_if<ValueId>(&input)) {
      values.push_back(*value);
    } else if (const auto* tensor = std::get_if<TensorPointer>(&input);
               tensor && onnx_file::bytes_of((*tensor)->type) == 1 &&
               (*tensor)->type != ElementType::kBool) {
      const Dims dims = to_dims((*tensor)->dims);
      node.check_size(dims);
      const ValueId made = node.lowering().add_raw_bytes(name + "_constant", dims,
                                                         (*tensor)->type == ElementType::kInt8);
      node.lowering().add("constant", &node.node(), "Constant", Constant{made, (*tensor)->bytes});
      values.push_back(made);
    } else {
      node.malformed("inputs: expected one type, found bytes and another");
    }
  }
  return moved_values(node, kind, values, order, name,
                      fill && !(*fill)->bytes.empty() ? (*fill)->bytes[0] : 0);
}

ValueId moved_bytes(NodeView& node, const std::string& kind, ValueId x, const Order& order,
                    const std::string& name, uint8_t fill) {
  node.check_size(order.dims);
  return moved_values(node, kind, {x}, order, name, fill);
}

namespace {

// What is repeated, padded or cut must have elements.
Dims filled_dims(const NodeView& node) {
  const Dims dims = node.dims(0);
  if (elements_of(dims) == 0)
    node.refuse("input of {}: expected elements, found none", text_of(dims));
  return dims;
}

void define_moved(NodeView& node, const std::string& kind, const Order& order,
                  std::optional<TensorPointer> fill = {}) {
  node.define(moved(node, kind, {node.symbol(0)}, order, node.output_name(), std::move(fill)));
}

void reshaped(NodeView& node, Dims dims) {
  const Dims from = node.dims(0);
  if (elements_of(from) != elements_of(dims))
    node.malformed("shape: expected {} elements, found {}", elements_of(from), text_of(dims));
  if (!node.is_constant(0)) node.check_size(dims);
  const Symbol& symbol = node.symbol(0);
  // A transposed matrix of weights keeps its scales along an axis only where the shape stays.
  if (from == dims) return node.define(symbol);
  define_moved(node, "reshape", identity_order(from, std::move(dims)));
}

void reshape(NodeView& node) {
  std::vector<int64_t> wanted;
  if (node.opset() < 5) {
    wanted = node.integer_list("shape").value_or(std::vector<int64_t>{});
  } else {
    wanted = node.integers(1);
  }
  const bool allow_zero = node.integer("allowzero", 0) != 0;
  const Dims from = node.dims(0);
  Dims dims;
  std::optional<size_t> open;
  uint64_t known = 1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    int64_t dim = wanted[i];
    if (dim == 0 && !allow_zero) {
      if (i >= from.size())
        node.malformed("shape: 0 at {}: expected a dimension of the input there", i);
      dim = from[i];
    }
    if (dim == -1) {
      if (open) node.malformed("shape: expected one -1, found more");
      open = i;
      dim = 1;
    }
    if (dim < 0 || dim > static_cast<int64_t>(kMaxElements))
      node.malformed("shape: expected dimensions of at most {}, found {}", kMaxElements, dim);
    known *= static_cast<uint64_t>(dim);
    if (known > kMaxElements) node.malformed("shape: expected at most {} elements", kMaxElements);
    dims.push_back(static_cast<uint32_t>(dim));
  }
  const uint64_t elements = elements_of(from);
  if (open) {
    if (known == 0 || elements % known != 0)
      node.malformed("shape: expected a divisor of {} elements beside -1, found {}", elements,
                     known);
    dims[*open] = static_cast<uint32_t>(elements / known);
  }
  reshaped(node, std::move(dims));
}

void flatten(NodeView& node) {
  const Dims from = node.dims(0);
  const int64_t wanted = node.integer("axis", 1), rank = static_cast<int64_t>(from.size());
  if (wanted < -rank || wanted > rank)
    node.malformed("axis: expected {} to {}, found {}", -rank, rank, wanted);
  const auto axis = wanted < 0 ? wanted + rank : wanted;
  const Dims before(from.begin(), from.begin() + axis), behind(from.begin() + axis, from.end());
  reshaped(node, {static_cast<uint32_t>(elements_of(before)),
                  static_cast<uint32_t>(elements_of(behind))});
}

// Axes as an attribute before opset 13, as an input since.
std::optional<std::vector<int64_t>> axes_of(NodeView& node, int64_t since, size_t input) {
  if (node.opset() < since) return node.integer_list("axes");
  if (!node.has(input)) return std::nullopt;
  return node.integers(input);
}

void squeeze(NodeView& node) {
  const Dims from = node.dims(0);
  const auto axes = axes_of(node, 13, 1);
  std::vector<bool> drop(from.size());
  if (axes) {
    for (const int64_t a : *axes) {
      const size_t axis = node.axis(a, from.size());
      if (from[axis] != 1)
        node.malformed("axis {}: expected a dimension of 1, found {}", a, from[axis]);
      drop[axis] = true;
    }
  } else {
    for (size_t i = 0; i < from.size(); ++i) drop[i] = from[i] == 1;
  }
  Dims dims;
  for (size_t i = 0; i < from.size(); ++i)
    if (!drop[i]) dims.push_back(from[i]);
  reshaped(node, std::move(dims));
}

void unsqueeze(NodeView& node) {
  const Dims from = node.dims(0);
  const auto axes = axes_of(node, 13, 1);
  if (!axes) node.malformed("axes: expected some, found none");
  if (axes->size() > 64) node.malformed("axes: expected at most 64, found {}", axes->size());
  const size_t rank = from.size() + axes->size();
  std::vector<bool> is_new(rank);
  for (const int64_t a : *axes) {
    const size_t axis = node.axis(a, rank);
    if (is_new[axis]) node.malformed("axes: expected each once, found {} again", a);
    is_new[axis] = true;
  }
  Dims dims;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) dims.push_back(is_new[i] ? 1 : from[next++]);
  reshaped(node, std::move(dims));
}

void same(NodeView& node) { node.define(node.symbol(0)); }

void dropout(NodeView& node) {
  node.real("ratio", 0.5f);
  node.integer("seed", 0);
  if (node.has_output(1)) node.refuse("output {}: expected no mask", node.output_name(1));
  if (node.has(2)) {
    const TensorPointer training = node.constant(2);
    if (training->bytes != std::vector<uint8_t>{0}) node.refuse("training_mode: expected false");
  }
  same(node);
}

void transpose(NodeView& node) {
  const Dims dims = node.dims(0);
  std::vector<size_t> permutation;
  if (const auto given = node.integer_list("perm")) {
    std::vector<bool> seen(dims.size());
    for (const int64_t a : *given) {
      if (a < 0 || a >= static_cast<int64_t>(dims.size()) || seen[static_cast<size_t>(a)])
        node.malformed("perm: expected a permutation of {} axes", dims.size());
      seen[static_cast<size_t>(a)] = true;
      permutation.push_back(static_cast<size_t>(a));
    }
    if (permutation.size() != dims.size())
      node.malformed("perm: expected {} axes, found {}", dims.size(), permutation.size());
  } else {
    for (size_t i = dims.size(); i-- > 0;) permutation.push_back(i);
  }
  const Order order = transposed(dims, permutation);
  // Weights that are quantised along an axis: the axis goes with them.
  if (const auto* expr = std::get_if<ExprPointer>(&node.symbol(0)))
    if (const auto& q = (*expr)->quantised; q && q->scales.size() > 1) {
      Expr result{.kind = Expr::Kind::kConstant, .name = node.output_name(), .dims = order.dims};
      QuantisedTensor moved_weights = *q;
      node.lowering().charge(order.from.size(), node);
      moved_weights.tensor = moved_constant(node, {q->tensor}, order, {});
      moved_weights.axis =
          static_cast<size_t>(std::ranges::find(permutation, q->axis) - permutation.begin());
      result.quantised = std::move(moved_weights);
      return node.define(std::make_shared<const Expr>(std::move(result)));
    }
  define_moved(node, "transpose", order);
}

// Tensors of these dimensions behind one another along an axis.
Order concatenated(const NodeView& node, const std::vector<Dims>& inputs, size_t axis) {
  const Dims& first = inputs[0];
  std::vector<uint64_t> offsets,
      widths;  // widths: elements from one index before the axis to the next
  uint64_t offset = 0, total = 0;
  for (const Dims& of_this : inputs) {
    Dims other = of_this;
    if (other.size() != first.size())
      node.malformed("inputs: expected {} dimensions, found {}", first.size(), other.size());
    total += other[axis];
    other[axis] = first[axis];
    if (other != first)
      node.malformed("inputs: expected {} but for axis {}, found {}", text_of(first), axis,
                     text_of(of_this));
    offsets.push_back(offset);
    offset += elements_of(of_this);
    widths.push_back(of_this[axis] * strides_of(of_this)[axis]);
    if (total > kMaxElements || offset > kMaxElements)
      node.check_size({static_cast<uint32_t>(kMaxElements), 2});
  }
  Order order{first, {}};
  order.dims[axis] = static_cast<uint32_t>(total);
  order.from.reserve(offset);
  const uint64_t outer = elements_of({first.begin(), first.begin() + static_cast<ptrdiff_t>(axis)});
  for (uint64_t i = 0; i < outer; ++i)
    for (size_t input = 0; input < inputs.size(); ++input)
      for (uint64_t j = 0; j < widths[input]; ++j)
        order.from.push_back(static_cast<uint32_t>(offsets[input] + i * widths[input] + j));
  return order;
}

void concat(NodeView& node) {
  std::vector<Symbol> inputs;
  std::vector<Dims> dims;
  for (size_t i = 0; i < node.node().inputs.size(); ++i) {
    inputs.push_back(node.symbol(i));
    dims.push_back(node.dims(i));
  }
  if (inputs.empty()) node.malformed("expected inputs, found none");
  const int64_t axis = node.opset() < 4 ? node.integer("axis", 1) : node.required_integer("axis");
  const Order order = concatenated(node, dims, node.axis(axis, dims[0].size()));
  node.define(moved(node, "concat", inputs, order, node.output_name()));
}

// Inputs: scale and zero point of the result, then each tensor with its own.
void qlinear_concat(NodeView& node) {
  const Quantisation q = node.output_quantisation(0, 1);
  const size_t count = node.node().inputs.size();
  if (count < 5 || (count - 2) % 3 != 0)
    node.malformed("expected 2 inputs and 3 for each tensor, found {}", count);
  Move move{.inputs = {}, .y = 0, .from = {}};
  std::vector<Dims> dims;
  for (size_t i = 2; i < count; i += 3) {
    const Quantisation of_input = node.quantisation(i + 1, i + 2, node.is_signed(i));
    move.inputs.push_back(node.bytes(i, of_input));
    dims.push_back(node.dims(i));
    std::vector<uint8_t>& table = move.tables.emplace_back();
    if (of_input.is_signed == q.is_signed && of_input.scale == q.scale &&
        of_input.zero_point == q.zero_point)
      continue;
    for (int byte = 0; byte < 256; ++byte)
      table.push_back(quantise_float(dequantise_byte(static_cast<uint8_t>(byte), of_input), q));
  }
  const Order order =
      concatenated(node, dims, node.axis(node.required_integer("axis"), dims[0].size()));
  node.check_size(order.dims);
  move.from = order.from;
  if (std::ranges::all_of(move.tables, [](const auto& table) { return table.empty(); }))
    move.tables.clear();
  const ValueId y = move.y = node.lowering().add_bytes(node.output_name(), order.dims, q);
  node.lowering().add("concat", &node.node(), "QLinearConcat", std::move(move));
  node.define(y);
}

// The order of a box of the input: along each axis `count` elements from `start` by `step`.
struct Range {
  int64_t start = 0, step = 1;
  uint32_t count = 0;
};
Order box(const Dims& from, const std::vector<Range>& ranges) {
  const std::vector<uint64_t> strides = strides_of(from);
  Order order;
  for (const Range& range : ranges) order.dims.push_back(range.count);
  order.from.resize(elements_of(order.dims));
  Dims at(from.size(), 0);
  for (uint32_t& element : order.from) {
    uint64_t source = 0;
    for (size_t i = 0; i < from.size(); ++i)
      source +=
          static_cast<uint64_t>(ranges[i].start + int64_t{at[i]} * ranges[i].step) * strides[i];
    element = static_cast<uint32_t>(source);
    for (size_t i = from.size(); i-- > 0;) {
      if (++at[i] < order.dims[i]) break;
      at[i] = 0;
    }
  }
  return order;
}
std::vector<Range> whole(const Dims& dims) {
  std::vector<Range> ranges;
  for (const uint32_t dim : dims) ranges.push_back({0, 1, dim});
  return ranges;
}

void split(NodeView& node) {
  const Dims dims = node.dims(0);
  const size_t axis = node.axis(node.integer("axis", 0), dims.size());
  const size_t outputs = node.node().outputs.size();
  std::optional<std::vector<int64_t>> sizes;
  if (node.opset() < 13) {
    sizes = node.integer_list("split");
  } else if (node.has(1)) {
    sizes = node.integers(1);
  }
  const int64_t count = node.integer("num_outputs", static_cast<int64_t>(outputs));
  if (!sizes) {
    if (count < 1 || count != static_cast<int64_t>(outputs))
      node.malformed("num_outputs: expected {}, found {}", outputs, count);
    if (node.opset() < 18 && dims[axis] % outputs != 0)
      node.malformed("axis of {}: expected a multiple of {} outputs", dims[axis], outputs);
    sizes.emplace();
    const int64_t each = (dims[axis] + count - 1) / count;
    int64_t left = dims[axis];
    for (size_t i = 0; i < outputs; ++i, left -= each) sizes->push_back(std::min(each, left));
  }
  if (sizes->size() != outputs)
    node.malformed("split: expected {} sizes, found {}", outputs, sizes->size());
  int64_t start = 0;
  for (size_t i = 0; i < outputs; ++i) {
    const int64_t size = (*sizes)[i];
    if (size < 0 || size > int64_t{dims[axis]} - start)
      node.malformed("split: expected sizes that add up to {}, found {} at {}", dims[axis], size,
                     start);
    if (node.has_output(i)) {
      std::vector<Range> ranges = whole(dims);
      ranges[axis] = {start, 1, static_cast<uint32_t>(size)};
      const Symbol part =
          moved(node, "split", {node.symbol(0)}, box(dims, ranges), node.output_name(i));
      node.define(part, i);
    }
    start += size;
  }
  if (start != dims[axis])
    node.malformed("split: expected sizes that add up to {}, found {}", dims[axis], start);
}

void slice(NodeView& node) {
  const Dims dims = filled_dims(node);
  std::vector<int64_t> starts, ends, axes, steps;
  if (node.opset() < 10) {
    starts = node.integer_list("starts").value_or(std::vector<int64_t>{});
    ends = node.integer_list("ends").value_or(std::vector<int64_t>{});
    if (const auto given = node.integer_list("axes"))
      axes = *given;
    else
      for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    steps.assign(starts.size(), 1);
  } else {
    starts = node.integers(1);
    ends = node.integers(2);
    if (node.has(3))
      axes = node.integers(3);
    else
      for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    if (node.has(4))
      steps = node.integers(4);
    else
      steps.assign(starts.size(), 1);
  }
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    node.malformed("starts, ends, axes and steps: expected one length, found {}, {}, {} and {}",
                   starts.size(), ends.size(), axes.size(), steps.size());
  std::vector<Range> ranges = whole(dims);
  std::vector<bool> seen(dims.size());
  for (size_t i = 0; i < starts.size(); ++i) {
    const size_t axis = node.axis(axes[i], dims.size());
    if (seen[axis]) node.malformed("axes: expected each once, found {} again", axes[i]);
    seen[axis] = true;
    const int64_t size = dims[axis], step = steps[i];
    if (step == 0 || step == std::numeric_limits<int64_t>::min())
      node.malformed("steps: expected no 0");
    const auto clamped = [&](int64_t at, int64_t low, int64_t high) {
      if (at < 0) at = at < -size ? low : at + size;
      return std::clamp(at, low, high);
    };
    const int64_t start = step > 0 ? clamped(starts[i], 0, size) : clamped(starts[i], 0, size - 1);
    const int64_t end = step > 0 ? clamped(ends[i], 0, size) : clamped(ends[i], -1, size - 1);
    const int64_t distance = step > 0 ? end - start : start - end;
    const int64_t magnitude = step > 0 ? step : -step;
    const int64_t count = distance <= 0 || size == 0 ? 0 : (distance - 1) / magnitude + 1;
    ranges[axis] = {start, step, static_cast<uint32_t>(count)};
  }
  define_moved(node, "slice", box(dims, ranges));
}

void pad(NodeView& node) {
  const Dims dims = filled_dims(node);
  const std::string mode = node.text("mode", "constant");
  std::vector<int64_t> given;
  std::optional<TensorPointer> fill;
  if (node.opset() < 11) {
    given =
        node.integer_list(node.opset() < 2 ? "paddings" : "pads").value_or(std::vector<int64_t>{});
    fill = float_tensor({}, {node.real("value", 0)});
  } else {
    given = node.integers(1);
    if (node.has(2)) {
      fill = node.constant(2);
      if ((*fill)->size() != 1)
        node.malformed("constant_value: expected one element, found {}", (*fill)->size());
    }
  }
  std::vector<size_t> axes;
  if (node.has(3)) {
    for (const int64_t a : node.integers(3)) axes.push_back(node.axis(a, dims.size()));
  } else {
    for (size_t i = 0; i < dims.size(); ++i) axes.push_back(i);
  }
  if (given.size() != 2 * axes.size())
    node.malformed("pads: expected {}, found {}", 2 * axes.size(), given.size());
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    node.malformed("mode: expected constant, edge, reflect or wrap, found {}", mode);
  std::vector<std::array<int64_t, 2>> pads(dims.size());
  for (size_t i = 0; i < axes.size(); ++i) pads[axes[i]] = {given[i], given[axes.size() + i]};
  Order order;
  for (size_t i = 0; i < dims.size(); ++i) {
    for (const int64_t p : pads[i])
      if (p > static_cast<int64_t>(kMaxElements) || p < -static_cast<int64_t>(kMaxElements))
        node.malformed("pads: expected at most {}, found {}", kMaxElements, p);
    const int64_t size = int64_t{dims[i]} + pads[i][0] + pads[i][1];
    if (size <= 0) node.malformed("pads: expected something left of axis {}", i);
    if (mode == "reflect" && std::max(pads[i][0], pads[i][1]) >= dims[i])
      node.refuse("pads: expected less than {} to reflect axis {}, found {}", dims[i], i,
                  std::max(pads[i][0], pads[i][1]));
    if (mode == "wrap" &&
        (std::max(pads[i][0], pads[i][1]) > dims[i] || std::min(pads[i][0], pads[i][1]) < 0))
      node.refuse("pads: expected 0 to {} to wrap axis {}", dims[i], i);
    order.dims.push_back(static_cast<uint32_t>(std::min<int64_t>(size, UINT32_MAX)));
  }
  node.check_size(order.dims);
  const std::vector<uint64_t> strides = strides_of(dims);
  order.from.resize(elements_of(order.dims));
  Dims at(dims.size(), 0);
  for (uint32_t& element : order.from) {
    uint64_t source = 0;
    bool outside = false;
    for (size_t i = 0; i < dims.size(); ++i) {
      const int64_t size = dims[i];
      int64_t x = int64_t{at[i]} - pads[i][0];
      if (x < 0 || x >= size) {
        if (mode == "constant")
          outside = true;
        else if (mode == "edge")
          x = std::clamp<int64_t>(x, 0, size - 1);
        else if (mode == "reflect")
          x = x < 0 ? -x : 2 * (size - 1) - x;
        else
          x = x < 0 ? x + size : x - size;
      }
      if (!outside) source += static_cast<uint64_t>(x) * strides[i];
    }
    element = outside ? Move::kFill : static_cast<uint32_t>(source);
    for (size_t i = dims.size(); i-- > 0;) {
      if (++at[i] < order.dims[i]) break;
      at[i] = 0;
    }
  }
  if (mode == "constant" && !fill) {
    const Symbol& symbol = node.symbol(0);
    if (const auto* tensor = std::get_if<TensorPointer>(&symbol)) {
      Tensor zero{.type = (*tensor)->type,
                  .dims = {},
                  .bytes = std::vector<uint8_t>(onnx_file::bytes_of((*tensor)->type)),
                  .strings = {}};
      fill = std::make_shared<const Tensor>(std::move(zero));
    } else if (std::holds_alternative<ExprPointer>(symbol)) {
      fill = float_tensor({}, {0.0f});
    } else {
      fill = std::make_shared<const Tensor>(
          Tensor{.type = ElementType::kInt8, .dims = {}, .bytes = {0}, .strings = {}});
    }
  }
  define_moved(node, "pad", order, fill);
}

// Rows of a constant by a computed index.
void embedding(NodeView& node, const Words& index, size_t axis) {
  Lowering& lowering = node.lowering();
  const Symbol& data = node.symbol(0);
  TensorPointer tensor;
  std::optional<Quantisation> q;
  if (const auto* constant = std::get_if<TensorPointer>(&data)) {
    tensor = *constant;
  } else if (const auto* expr = std::get_if<ExprPointer>(&data);
             expr && (*expr)->quantised && (*expr)->quantised->scales.size() == 1) {
    tensor = (*expr)->quantised->tensor;
    q = Quantisation{.is_signed = tensor->type == ElementType::kInt8,
                     .scale = (*expr)->quantised->scales[0],
                     .zero_point = (*expr)->quantised->zero_points[0]};
  }
  if (!tensor || (tensor->type != ElementType::kInt8 && tensor->type != ElementType::kUint8))
    node.refuse(
        "index that is computed: expected a constant table of int8 or uint8, with one scale, found "
        "another");
  if (axis != 0) node.refuse("axis: expected 0 where the index is computed, found {}", axis);
  const Dims dims = to_dims(tensor->dims);
  Dims result = index.dims;
  result.insert(result.end(), dims.begin() + 1, dims.end());
  node.check_size(result);
  node.check_size(dims);
  const auto width = static_cast<uint32_t>(elements_of(dims) / dims[0]);
  const std::string& name = node.output_name();
  const ValueId y = q ? lowering.add_bytes(name, result, *q)
                      : lowering.add_raw_bytes(name, result, tensor->type == ElementType::kInt8);
  lowering.add("embedding", &node.node(), "Gather",
               Gather{index.value, y, std::make_shared<const std::vector<uint8_t>>(tensor->bytes),
                      dims[0], width});
  if (!q) return node.define(y);
  Expr leaf{.kind = Expr::Kind::kLeaf, .name = name, .dims = result};
  leaf.value = y;
  node.define(std::make_shared<const Expr>(std::move(leaf)));
}

void gather(NodeView& node) {
  const Dims dims = node.dims(0);
  if (dims.empty()) node.malformed("data: expected dimensions, found none");
  const size_t axis = node.axis(node.integer("axis", 0), dims.size());
  if (const auto* index = std::get_if<Words>(&node.symbol(1))) return embedding(node, *index, axis);
  const Dims of_index = node.dims(1);
  std::vector<uint64_t> indices;
  for (const int64_t i : node.integers(1)) {
    if (i < -int64_t{dims[axis]} || i >= int64_t{dims[axis]})
      node.malformed("index: expected -{} to {}, found {}", dims[axis], int64_t{dims[axis]} - 1, i);
    indices.push_back(static_cast<uint64_t>(i < 0 ? i + int64_t{dims[axis]} : i));
  }
  Order order;
  order.dims.assign(dims.begin(), dims.begin() + static_cast<ptrdiff_t>(axis));
  const uint64_t outer = elements_of(order.dims), inner = strides_of(dims)[axis];
  order.dims.insert(order.dims.end(), of_index.begin(), of_index.end());
  order.dims.insert(order.dims.end(), dims.begin() + static_cast<ptrdiff_t>(axis) + 1, dims.end());
  if (!node.is_constant(0)) node.check_size(order.dims);
  if (outer * inner * indices.size() > kMaxElements) node.check_size(order.dims);
  for (uint64_t i = 0; i < outer; ++i)
    for (const uint64_t index : indices)
      for (uint64_t j = 0; j < inner; ++j)
        order.from.push_back(static_cast<uint32_t>((i * dims[axis] + index) * inner + j));
  define_moved(node, "gather", order);
}

void expand(NodeView& node) {
  const Dims from = node.dims(0);
  Dims wanted;
  for (const int64_t dim : node.integers(1)) {
    if (dim < 0 || dim > static_cast<int64_t>(kMaxElements))
      node.malformed("shape: found a dimension of {}", dim);
    wanted.push_back(static_cast<uint32_t>(dim));
  }
  const Dims dims = broadcast(node, from, wanted);
  if (dims == from) return same(node);
  node.check_size(dims);
  define_moved(node, "expand", {dims, broadcast_order(from, dims)});
}

void tile(NodeView& node) {
  const Dims from = filled_dims(node);
  const std::vector<int64_t> repeats = node.integers(1);
  if (repeats.size() != from.size())
    node.malformed("repeats: expected {}, found {}", from.size(), repeats.size());
  Order order;
  for (size_t i = 0; i < from.size(); ++i) {
    if (repeats[i] < 1 || repeats[i] > static_cast<int64_t>(kMaxElements / from[i]))
      node.refuse("repeats: expected at least 1 and at most {} elements, found {}", kMaxElements,
                  repeats[i]);
    order.dims.push_back(from[i] * static_cast<uint32_t>(repeats[i]));
  }
  node.check_size(order.dims);
  const std::vector<uint64_t> strides = strides_of(from);
  order.from.resize(elements_of(order.dims));
  Dims at(from.size(), 0);
  for (uint32_t& element : order.from) {
    uint64_t source = 0;
    for (size_t i = 0; i < from.size(); ++i) source += at[i] % from[i] * strides[i];
    element = static_cast<uint32_t>(source);
    for (size_t i = from.size(); i-- > 0;) {
      if (++at[i] < order.dims[i]) break;
      at[i] = 0;
    }
  }
  define_moved(node, "tile", order);
}

// As a reshape, a transpose and a reshape.
void blocks(NodeView& node, const Dims& split, const std::vector<size_t>& permutation,
            const Dims& result) {
  Order order = transposed(split, permutation);
  order.dims = result;
  define_moved(node, "depth_to_space", order);
}

uint32_t block_size(const NodeView& node, const Dims& dims) {
  if (dims.size() != 4) node.malformed("input: expected 4 dimensions, found {}", dims.size());
  const int64_t block = node.required_integer("blocksize");
  if (block < 1 || block > 1 << 14)
    node.malformed("blocksize: expected 1 to {}, found {}", 1 << 14, block);
  return static_cast<uint32_t>(block);
}

void depth_to_space(NodeView& node) {
  const Dims dims = filled_dims(node);
  const uint32_t block = block_size(node, dims);
  const std::string mode = node.text("mode", "DCR");
  if (dims[1] % (block * block) != 0)
    node.malformed("channels: expected a multiple of {}, found {}", block * block, dims[1]);
  const uint32_t channels = dims[1] / (block * block);
  const Dims result{dims[0], channels, dims[2] * block, dims[3] * block};
  if (mode == "DCR") {
    blocks(node, {dims[0], block, block, channels, dims[2], dims[3]}, {0, 3, 4, 1, 5, 2}, result);
  } else if (mode == "CRD") {
    blocks(node, {dims[0], channels, block, block, dims[2], dims[3]}, {0, 1, 4, 2, 5, 3}, result);
  } else {
    node.malformed("mode: expected DCR or CRD, found {}", mode);
  }
}

void space_to_depth(NodeView& node) {
  const Dims dims = filled_dims(node);
  const uint32_t block = block_size(node, dims);
  if (dims[2] % block != 0 || dims[3] % block != 0)
    node.malformed("{}: expected rows and columns that are multiples of {}", text_of(dims), block);
  const uint32_t rows = dims[2] / block, columns = dims[3] / block;
  blocks(node, {dims[0], dims[1], rows, block, columns, block}, {0, 3, 5, 1, 2, 4},
         {dims[0], dims[1] * block * block, rows, columns});
}

// Resize, nearest: of each output coordinate the input's, by ONNX's formulas in float32, as the runtime has them.
std::vector<uint32_t> nearest(const NodeView& node, uint32_t in, uint32_t out, float scale,
                              const std::string& transform, const std::string& rounding) {
  std::vector<uint32_t> sources;
  for (uint32_t i = 0; i < out; ++i) {
    const auto x = static_cast<float>(i), length = static_cast<float>(in),
               result = static_cast<float>(out);
    float at = 0;
    if (scale == 1.0f && transform != "align_corners") {
      at = x;
    } else if (transform == "half_pixel") {
      at = (x + 0.5f) / scale - 0.5f;
    } else if (transform == "pytorch_half_pixel") {
      at = out > 1 ? (x + 0.5f) / scale - 0.5f : 0;
    } else if (transform == "asymmetric") {
      at = x / scale;
    } else if (transform == "align_corners") {
      at = out == 1 ? 0 : x * (length - 1) / (result - 1);
    } else if (transform == "half_pixel_symmetric") {
      const float adjustment = result / (scale * length), offset = length / 2 * (1 - adjustment);
      const float centred = offset + (x + 0.5f) / scale;
      at = centred - 0.5f;
    } else if (transform == "tf_half_pixel_for_nn") {
      at = (x + 0.5f) / scale;
    } else {
      node.refuse("coordinate_transformation_mode {}: not one that zkvm import has", transform);
    }
    // The runtime takes some of what is almost a half for one.
    const float from_half = std::abs(at - (std::floor(at) + 0.5f));
    if (rounding.starts_with("round") && from_half > 0 && from_half < 1e-4f)
      node.refuse(
          "nearest_mode {}: expected coordinates that are no almost-halves, found {}; give floor "
          "or ceil",
          rounding, at);
    float rounded = 0;
    if (rounding == "round_prefer_floor")
      rounded = at == std::floor(at) + 0.5f ? std::floor(at) : std::round(at);
    else if (rounding == "round_prefer_ceil")
      rounded = std::round(at);
    else if (rounding == "floor")
      rounded = std::floor(at);
    else if (rounding == "ceil")
      rounded = std::ceil(at);
    else if (rounding == "simple")
      rounded = scale < 1 ? std::ceil(at) : std::trunc(at);
    else
      node.refuse("nearest_mode {}: not one that zkvm import has", rounding);
    sources.push_back(static_cast<uint32_t>(
        std::clamp<int64_t>(static_cast<int64_t>(rounded), 0, int64_t{in} - 1)));
  }
  return sources;
}

void resize(NodeView& node) {
  const Dims dims = filled_dims(node);
  const bool is_upsample = node.node().op_type == "Upsample",
             is_old = is_upsample || node.opset() < 11;
  const std::string mode = node.text("mode", "nearest");
  if (mode != "nearest") node.refuse("mode: expected nearest, found {}", mode);
  std::string transform = "asymmetric", rounding = "simple";
  std::vector<float> scales(dims.size(), 1.0f);
  std::vector<size_t> axes;
  Dims result = dims;
  for (size_t i = 0; i < dims.size(); ++i) axes.push_back(i);
  const auto read_scales = [&](const std::vector<float>& given) {
    if (given.size() != axes.size())
      node.malformed("scales: expected {}, found {}", axes.size(), given.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      const float scale = given[i];
      const float size = std::floor(static_cast<float>(dims[axes[i]]) * scale);
      if (!(scale > 0) || !(size >= 1) || size > static_cast<float>(kMaxElements))
        node.malformed("scales: expected positive ones that leave something, found {}", scale);
      scales[axes[i]] = scale;
      result[axes[i]] = static_cast<uint32_t>(size);
    }
  };
  const auto float_input = [&](size_t input) {
    const TensorPointer tensor = node.constant(input);
    if (tensor->type != ElementType::kFloat32) node.malformed("scales: expected float32");
    return tensor->values<float>();
  };
  if (is_upsample && node.opset() < 9) {
    read_scales(node.real_list("scales").value_or(std::vector<float>{}));
  } else if (is_old) {
    read_scales(float_input(1));
  } else {
    transform = node.text("coordinate_transformation_mode", "half_pixel");
    rounding = node.text("nearest_mode", "round_prefer_floor");
    node.real("cubic_coeff_a", -0.75f);
    node.integer("exclude_outside", 0);
    node.real("extrapolation_value", 0);
    if (node.integer("antialias", 0) != 0) node.refuse("antialias: expected 0");
    const std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch")
      node.refuse("keep_aspect_ratio_policy: expected stretch, found {}", policy);
    if (const auto given = node.integer_list("axes")) {
      axes.clear();
      for (const int64_t a : *given) axes.push_back(node.axis(a, dims.size()));
    }
    if (node.has(3) && node.constant(3)->size() > 0) {
      const std::vector<int64_t> sizes = node.integers(3);
      if (sizes.size() != axes.size())
        node.malformed("sizes: expected {}, found {}", axes.size(), sizes.size());
      for (size_t i = 0; i < axes.size(); ++i) {
        if (sizes[i] < 1 || sizes[i] > static_cast<int64_t>(kMaxElements))
          node.malformed("sizes: found {}", sizes[i]);
        result[axes[i]] = static_cast<uint32_t>(sizes[i]);
        scales[axes[i]] = static_cast<float>(sizes[i]) / static_cast<float>(dims[axes[i]]);
      }
    } else if (node.has(2)) {
      read_scales(float_input(2));
    } else {
      node.malformed("expected scales or sizes, found neither");
    }
  }
  node.check_size(result);
  std::vector<std::vector<uint32_t>> sources;
  for (size_t i = 0; i < dims.size(); ++i)
    sources.push_back(nearest(node, dims[i], result[i], scales[i], transform, rounding));
  const std::vector<uint64_t> strides = strides_of(dims);
  Order order{result, std::vector<uint32_t>(elements_of(result))};
  Dims at(dims.size(), 0);
  for (uint32_t& element : order.from) {
    uint64_t source = 0;
    for (size_t i = 0; i < dims.size(); ++i) source += sources[i][at[i]] * strides[i];
    element = static_cast<uint32_t>(source);
    for (size_t i = dims.size(); i-- > 0;) {
      if (++at[i] < result[i]) break;
      at[i] = 0;
    }
  }
  define_moved(node, "resize", order);
}

}  // namespace

Handlers move_handlers() {
  return {{"Reshape", reshape},
          {"Flatten", flatten},
          {"Squeeze", squeeze},
          {"Unsqueeze", unsqueeze},
          {"Identity", same},
          {"Dropout", dropout},
          {"Transpose", transpose},
          {"Concat", concat},
          {"Split", split},
          {"Slice", slice},
          {"Pad", pad},
          {"Gather", gather},
          {"Expand", expand},
          {"Tile", tile},
          {"DepthToSpace", depth_to_space},
          {"Resize", resize},
          {"SpaceToDepth", space_to_depth},
          {"Upsample", resize},
          {"com.microsoft:QLinearConcat", qlinear_concat}};
}

}  // namespace zkvm::importer::lowering
