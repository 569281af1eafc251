// Shapes and constants: what is computed before the program is written.
#include <algorithm>
#include <cmath>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

TensorPointer typed_integers(ElementType type, const Dims& dims,
                             const std::vector<int64_t>& values) {
  Tensor tensor{.type = type, .dims = {dims.begin(), dims.end()}, .bytes = {}, .strings = {}};
  const size_t width = onnx_file::bytes_of(type);
  tensor.bytes.resize(values.size() * width);
  // Little-endian two's complement: the low bytes are the number in a narrower type.
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(tensor.bytes.data() + i * width, &values[i], width);
  return std::make_shared<const Tensor>(std::move(tensor));
}

namespace {

void shape(NodeView& node) {
  const Dims dims = node.dims(0);
  const auto rank = static_cast<int64_t>(dims.size());
  const auto clamped = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t start = clamped(node.integer("start", 0)), end = clamped(node.integer("end", rank));
  std::vector<int64_t> values;
  for (int64_t i = start; i < end; ++i) values.push_back(dims[static_cast<size_t>(i)]);
  node.define(integer_tensor({static_cast<uint32_t>(values.size())}, values));
}

void size(NodeView& node) {
  node.define(integer_tensor({}, {static_cast<int64_t>(elements_of(node.dims(0)))}));
}

bool is_integer(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
    case ElementType::kInt8:
    case ElementType::kInt32:
    case ElementType::kInt64:
    case ElementType::kBool:
    case ElementType::kInt16:
    case ElementType::kUint16:
    case ElementType::kUint32:
      return true;
    default:
      return false;
  }
}

ElementType element_type(const NodeView& node, int64_t onnx) {
  switch (onnx) {
    case 1:
      return ElementType::kFloat32;
    case 2:
      return ElementType::kUint8;
    case 3:
      return ElementType::kInt8;
    case 6:
      return ElementType::kInt32;
    case 7:
      return ElementType::kInt64;
    case 9:
      return ElementType::kBool;
    default:
      node.refuse("to: expected float32, uint8, int8, int32, int64 or bool, found ONNX's type {}",
                  onnx);
  }
}

TensorPointer cast_constant(const NodeView& node, const TensorPointer& from, ElementType to) {
  if (from->type == to) return from;
  const Dims dims = to_dims(from->dims);
  if (from->type == ElementType::kFloat32) {
    std::vector<int64_t> values;
    for (const float x : from->values<float>()) {
      if (!(std::abs(x) < 0x1p63f)) node.refuse("constant {}: no integer", x);
      values.push_back(to == ElementType::kBool ? x != 0 : static_cast<int64_t>(x));
    }
    return typed_integers(to, dims, values);
  }
  if (!is_integer(from->type))
    node.refuse("constant: expected float32 or integers, found {}", onnx_file::name_of(from->type));
  std::vector<int64_t> values = from->integers();
  if (to == ElementType::kFloat32) {
    std::vector<float> floats;
    for (const int64_t x : values) floats.push_back(static_cast<float>(x));
    return float_tensor(dims, floats);
  }
  if (to == ElementType::kBool)
    for (int64_t& x : values) x = x != 0;
  return typed_integers(to, dims, values);
}

void cast_to(NodeView& node, ElementType to) {
  const Symbol& symbol = node.symbol(0);
  if (const auto* tensor = std::get_if<TensorPointer>(&symbol))
    return node.define(cast_constant(node, *tensor, to));
  if (const auto* words = std::get_if<Words>(&symbol)) {
    if (to == ElementType::kInt32 || to == ElementType::kInt64) return node.define(symbol);
    if (to != ElementType::kFloat32)
      node.refuse("to: expected int32, int64 or float32 of integers");
    Expr expr{.kind = Expr::Kind::kWords, .name = node.output_name(), .dims = words->dims};
    expr.value = words->value;
    return node.define(node.lowering().made(std::move(expr), node));
  }
  if (const auto* value = std::get_if<ValueId>(&symbol)) {
    const bool is_signed = node.is_signed(0);
    if (to == (is_signed ? ElementType::kInt8 : ElementType::kUint8)) return node.define(symbol);
    if (to != ElementType::kFloat32) node.refuse("to: expected float32 of bytes");
    Expr expr{.kind = Expr::Kind::kLeaf, .name = node.output_name(), .dims = node.dims(0)};
    expr.value = node.lowering().as(*value, {.is_signed = is_signed, .scale = 1, .zero_point = 0});
    return node.define(node.lowering().made(std::move(expr), node));
  }
  if (to != ElementType::kFloat32) node.refuse("to: expected float32 of float32");
  node.define(symbol);
}

void cast(NodeView& node) {
  node.integer("saturate", 1);
  node.text("round_mode", "up");
  cast_to(node, element_type(node, node.required_integer("to")));
}

void cast_like(NodeView& node) {
  node.integer("saturate", 1);
  const Symbol& like = node.symbol(1);
  if (const auto* tensor = std::get_if<TensorPointer>(&like)) return cast_to(node, (*tensor)->type);
  if (std::holds_alternative<ExprPointer>(like)) return cast_to(node, ElementType::kFloat32);
  if (std::holds_alternative<Words>(like)) return cast_to(node, ElementType::kInt32);
  cast_to(node, node.is_signed(1) ? ElementType::kInt8 : ElementType::kUint8);
}

void range(NodeView& node) {
  int64_t values[3];
  for (size_t i = 0; i < 3; ++i) {
    const std::vector<int64_t> given = node.integers(i);
    if (given.size() != 1) node.malformed("input {}: expected one number", node.input_name(i));
    values[i] = given[0];
  }
  const auto [start, limit, delta] = values;
  constexpr int64_t kMost = int64_t{1} << 40;
  for (const int64_t value : values)
    if (value > kMost || value < -kMost)
      node.malformed("expected numbers of at most {}, found {}", kMost, value);
  if (delta == 0) node.malformed("delta: expected no 0");
  std::vector<int64_t> result;
  const int64_t distance = delta > 0 ? limit - start : start - limit,
                step = delta > 0 ? delta : -delta;
  const int64_t count = distance <= 0 ? 0 : (distance - 1) / step + 1;
  if (count > 0) node.check_size({static_cast<uint32_t>(std::min<int64_t>(count, UINT32_MAX))});
  for (int64_t i = 0; i < count; ++i) result.push_back(start + i * delta);
  node.define(typed_integers(node.constant(0)->type, {static_cast<uint32_t>(count)}, result));
}

void constant_of_shape(NodeView& node) {
  Dims dims;
  for (const int64_t dim : node.integers(0)) {
    if (dim < 0 || dim > static_cast<int64_t>(kMaxElements))
      node.malformed("shape: found a dimension of {}", dim);
    dims.push_back(static_cast<uint32_t>(dim));
  }
  if (std::ranges::find(dims, 0u) == dims.end()) node.check_size(dims);
  TensorPointer value = float_tensor({1}, {0.0f});
  if (const auto* given = node.attribute("value")) {
    const auto* tensor = std::get_if<TensorPointer>(given);
    if (tensor == nullptr || (*tensor)->size() != 1) node.malformed("value: expected one element");
    value = *tensor;
  }
  Tensor result{
      .type = value->type, .dims = {dims.begin(), dims.end()}, .bytes = {}, .strings = {}};
  for (uint64_t i = 0; i < elements_of(dims); ++i)
    result.bytes.insert(result.bytes.end(), value->bytes.begin(), value->bytes.end());
  node.define(std::make_shared<const Tensor>(std::move(result)));
}

// Of constants: comparisons and choices, as shape arithmetic has them.
void equal(NodeView& node) {
  const Dims a = node.dims(0), b = node.dims(1), dims = broadcast(node, a, b);
  const std::vector<int64_t> x = node.integers(0), y = node.integers(1);
  const auto of_a = broadcast_order(a, dims), of_b = broadcast_order(b, dims);
  std::vector<int64_t> result;
  for (size_t i = 0; i < of_a.size(); ++i) result.push_back(x[of_a[i]] == y[of_b[i]]);
  node.define(typed_integers(ElementType::kBool, dims, result));
}

void where(NodeView& node) {
  const TensorPointer condition = node.constant(0), a = node.constant(1), b = node.constant(2);
  if (condition->type != ElementType::kBool || a->type != b->type ||
      onnx_file::bytes_of(a->type) == 0)
    node.malformed("inputs: expected a bool and two of one type");
  const Dims dims = broadcast(node, broadcast(node, node.dims(0), node.dims(1)), node.dims(2));
  const auto of_c = broadcast_order(node.dims(0), dims), of_a = broadcast_order(node.dims(1), dims),
             of_b = broadcast_order(node.dims(2), dims);
  const size_t width = onnx_file::bytes_of(a->type);
  Tensor result{.type = a->type, .dims = {dims.begin(), dims.end()}, .bytes = {}, .strings = {}};
  for (size_t i = 0; i < of_c.size(); ++i) {
    const uint8_t* from = condition->bytes[of_c[i]] != 0 ? a->bytes.data() + of_a[i] * width
                                                         : b->bytes.data() + of_b[i] * width;
    result.bytes.insert(result.bytes.end(), from, from + width);
  }
  node.define(std::make_shared<const Tensor>(std::move(result)));
}

}  // namespace

Handlers constant_handlers() {
  return {
      {"Shape", shape}, {"Size", size},   {"Cast", cast},   {"CastLike", cast_like},
      {"Range", range}, {"Equal", equal}, {"Where", where}, {"ConstantOfShape", constant_of_shape}};
}

}  // namespace zkvm::importer::lowering
