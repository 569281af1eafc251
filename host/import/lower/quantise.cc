// Where bytes become float32 and back.
#include <cmath>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

namespace {

bool is_byte(ElementType type) { return type == ElementType::kInt8 || type == ElementType::kUint8; }

void check_form(const NodeView& node) {
  node.integer("axis", 1);
  node.integer("saturate", 1);
  node.integer("precision", 0);
  if (node.integer("block_size", 0) != 0)
    node.refuse("block_size: expected scales per tensor or along an axis, found blocks");
}

// Scales and zero points of a constant: one, or as many as its axis has.
QuantisedTensor constant_parameters(const NodeView& node, const TensorPointer& tensor,
                                    ElementType type) {
  QuantisedTensor result;
  result.tensor = tensor;
  const TensorPointer scales = node.constant(1);
  if (scales->type != ElementType::kFloat32)
    node.refuse("scale {}: expected float32, found {}", node.input_name(1),
                onnx_file::name_of(scales->type));
  result.scales = scales->values<float>();
  for (const float s : result.scales)
    if (!std::isnormal(s) || s < 0)
      node.refuse("scale {}: expected positive normal float32, found {}", node.input_name(1), s);
  if (result.scales.size() != 1) {
    result.axis = node.axis(node.integer("axis", 1), tensor->dims.size());
    if (scales->dims.size() != 1 || scales->dims[0] != tensor->dims[result.axis])
      node.refuse("scale {}: expected 1 or {}, found {}", node.input_name(1),
                  tensor->dims[result.axis], result.scales.size());
  }
  result.zero_points.assign(result.scales.size(), 0);
  if (node.has(2)) {
    const TensorPointer zeros = node.constant(2);
    if (zeros->type != type)
      node.refuse("zero point {}: expected {}, found {}", node.input_name(2),
                  onnx_file::name_of(type), onnx_file::name_of(zeros->type));
    const std::vector<int64_t> values = zeros->integers();
    if (values.size() != result.scales.size())
      node.refuse("zero point {}: expected {}, found {}", node.input_name(2), result.scales.size(),
                  values.size());
    for (size_t i = 0; i < values.size(); ++i)
      result.zero_points[i] = static_cast<int32_t>(values[i]);
  }
  return result;
}

void dequantise(NodeView& node) {
  check_form(node);
  node.integer("output_dtype", 0);
  const Symbol& symbol = node.symbol(0);
  Lowering& lowering = node.lowering();
  const std::string& name = node.output_name();
  Expr expr{.kind = Expr::Kind::kLeaf, .name = name, .dims = node.dims(0)};
  if (const auto* tensor = std::get_if<TensorPointer>(&symbol)) {
    if (!is_byte((*tensor)->type) && (*tensor)->type != ElementType::kInt32)
      node.refuse("input {}: expected int8, uint8 or int32, found {}", node.input_name(0),
                  onnx_file::name_of((*tensor)->type));
    expr.kind = Expr::Kind::kConstant;
    expr.quantised = constant_parameters(node, *tensor, (*tensor)->type);
  } else if (const auto* words = std::get_if<Words>(&symbol)) {
    const Expr::Sums sums{words->value, {node.scale(1)}, 0};
    if (node.has(2) && node.constant(2)->integers() != std::vector<int64_t>{0})
      node.refuse("zero point {}: expected 0 of int32", node.input_name(2));
    expr.kind = Expr::Kind::kNode;
    expr.node = &node.node();
    expr.sums = [sums] { return sums; };
  } else {
    expr.value = node.bytes(0, node.quantisation(1, 2, node.is_signed(0)));
    expr.bytes = node.input_name(0);
  }
  node.define(lowering.made(std::move(expr), node));
}

// A constant that the file quantises itself.
TensorPointer quantised_constant(const NodeView& node, const Expr& constant, ElementType type) {
  const TensorPointer floats = floats_of(constant);
  const QuantisedTensor form = constant_parameters(node, floats, type);
  node.lowering().charge(floats->size(), node);
  const std::vector<float> values = floats->values<float>();
  const uint64_t inner = form.scales.size() == 1 ? 1 : strides_of(to_dims(floats->dims))[form.axis];
  Tensor result{.type = type, .dims = floats->dims, .bytes = {}, .strings = {}};
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t at = form.scales.size() == 1 ? 0 : i / inner % form.scales.size();
    result.bytes.push_back(quantise_float(values[i], {.is_signed = type == ElementType::kInt8,
                                                      .scale = form.scales[at],
                                                      .zero_point = form.zero_points[at]}));
  }
  return std::make_shared<const Tensor>(std::move(result));
}

void quantise(NodeView& node) {
  check_form(node);
  // ONNX's numbers of element types; 0: what the zero point is.
  constexpr int64_t kOnnxUint8 = 2, kOnnxInt8 = 3;
  const int64_t wanted = node.integer("output_dtype", 0);
  if (wanted != 0 && wanted != kOnnxUint8 && wanted != kOnnxInt8)
    node.refuse("output_dtype: expected int8 or uint8, found ONNX's type {}", wanted);
  const ExprPointer expr = node.expr(0);
  if (expr->kind == Expr::Kind::kConstant) {
    const ElementType type = node.has(2)           ? node.constant(2)->type
                             : wanted == kOnnxInt8 ? ElementType::kInt8
                                                   : ElementType::kUint8;
    if (!is_byte(type))
      node.refuse("zero point: expected int8 or uint8, found {}", onnx_file::name_of(type));
    return node.define(quantised_constant(node, *expr, type));
  }
  Quantisation q = node.output_quantisation(1, 2);
  if (!node.has(2) && wanted == kOnnxInt8) q.is_signed = true;
  if (expr->kind == Expr::Kind::kLeaf && !expr->bytes.empty()) {
    const Quantisation& before = node.lowering().value(expr->value).q;
    if (before.is_signed == q.is_signed &&
        (before.scale != q.scale || before.zero_point != q.zero_point))
      node.lowering().warn(
          fmt::format("{}: quantises again what was quantised by another scale: ONNX Runtime's "
                      "default session makes one "
                      "quantisation of both, unless session.disable_double_qdq_remover=1; these "
                      "bytes are the file's",
                      onnx_file::printable(node.node().name)));
  }
  const ValueId value = node.lowering().quantise(expr, q, node);
  node.lowering().rename(value, node.output_name());
  node.define(value);
}

void dynamically_quantised(NodeView& node) {
  node.refuse(
      "found dynamic quantisation, whose scales depend on the input; quantise with "
      "onnxruntime.quantization.quantize_static and calibration data instead");
}

}  // namespace

Handlers quantise_handlers() {
  return {{"DequantizeLinear", dequantise},
          {"com.microsoft:DequantizeLinear", dequantise},
          {"QuantizeLinear", quantise},
          {"com.microsoft:QuantizeLinear", quantise},
          {"DynamicQuantizeLinear", dynamically_quantised},
          {"com.microsoft:DynamicQuantizeMatMul", dynamically_quantised},
          {"com.microsoft:MatMulIntegerToFloat", dynamically_quantised},
          {"com.microsoft:DynamicQuantizeLSTM", dynamically_quantised},
          {"com.microsoft:MatMulNBits", dynamically_quantised}};
}

}  // namespace zkvm::importer::lowering
