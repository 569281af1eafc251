// Convolutions and products: sums of bytes times weights, and what becomes of the sums.
#include <algorithm>
#include <cmath>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

namespace {

// A factor of a product: weights, or bytes that are computed.
struct Factor {
  std::optional<QuantisedTensor> constant = {};
  ValueId value = 0;
  Dims dims = {};
};

Quantisation quantisation_of(const QuantisedTensor& tensor) {
  return {.is_signed = tensor.tensor->type == ElementType::kInt8,
          .scale = tensor.scales[0],
          .zero_point = tensor.zero_points[0]};
}

// What stands where DequantizeLinear of bytes is needed.
std::string found_instead(const ExprPointer& expr) {
  switch (expr->kind) {
    case Expr::Kind::kInput:
      return "the model's input in float32; quantise the model first, with quantize_static";
    case Expr::Kind::kConstant:
      return "float32 constants; quantise the model's weights too, with quantize_static";
    case Expr::Kind::kWords:
      return "int32 sums";
    default:
      return fmt::format("{}, in float32; quantise behind it",
                         expr->node ? expr->node->op_type : "an operator");
  }
}

Factor expr_factor(NodeView& node, size_t input) {
  const ExprPointer expr = node.expr(input);
  Factor factor;
  factor.dims = expr->dims;
  if (const auto value = node.lowering().exact_bytes(expr, node)) {
    factor.value = *value;
  } else if (expr->quantised && expr->quantised->tensor->type != ElementType::kInt32) {
    factor.constant = expr->quantised;
  } else {
    node.refuse("input {}: expected bytes through DequantizeLinear, found {}",
                node.input_name(input), found_instead(expr));
  }
  return factor;
}

// Weights of operator form: bytes, scales (one, or one of each output), zero points likewise or none.
QuantisedTensor operator_weights(const NodeView& node, size_t input, std::optional<size_t> scale,
                                 size_t zero_point, size_t axis) {
  QuantisedTensor result;
  result.tensor = node.constant(input);
  result.axis = axis;
  const ElementType type = result.tensor->type;
  if (type != ElementType::kInt8 && type != ElementType::kUint8)
    node.refuse("weights {}: expected int8 or uint8, found {}", node.input_name(input),
                onnx_file::name_of(type));
  if (axis >= result.tensor->dims.size())
    node.refuse("weights {}: expected at least {} dimensions", node.input_name(input), axis + 1);
  const auto outputs = static_cast<size_t>(result.tensor->dims[axis]);
  if (scale) {
    const TensorPointer scales = node.constant(*scale);
    if (scales->type != ElementType::kFloat32)
      node.malformed("scale {}: expected float32", node.input_name(*scale));
    result.scales = scales->values<float>();
    if (result.scales.size() != 1 && result.scales.size() != outputs)
      node.refuse("scale {}: expected 1 or {}, found {}", node.input_name(*scale), outputs,
                  result.scales.size());
    for (const float s : result.scales)
      if (!std::isnormal(s) || s < 0)
        node.refuse("scale {}: expected positive normal float32, found {}", node.input_name(*scale),
                    s);
  } else {
    result.scales = {1.0f};
  }
  result.zero_points.assign(result.scales.size(), 0);
  if (node.has(zero_point)) {
    const TensorPointer zeros = node.constant(zero_point);
    if (zeros->type != type)
      node.malformed("zero point {}: expected {}, found {}", node.input_name(zero_point),
                     onnx_file::name_of(type), onnx_file::name_of(zeros->type));
    const std::vector<int64_t> values = zeros->integers();
    if (values.size() != 1 && values.size() != outputs)
      node.refuse("zero point {}: expected 1 or {}, found {}", node.input_name(zero_point), outputs,
                  values.size());
    if (values.size() > result.scales.size()) result.scales.assign(values.size(), result.scales[0]);
    result.zero_points.assign(result.scales.size(), 0);
    for (size_t i = 0; i < result.zero_points.size(); ++i)
      result.zero_points[i] = static_cast<int32_t>(values[values.size() == 1 ? 0 : i]);
  }
  return result;
}

// Without their zero points, in the tensor's order.
std::vector<int16_t> differences(const QuantisedTensor& w) {
  const std::vector<int64_t> elements = w.tensor->integers();
  std::vector<int16_t> result(elements.size());
  const uint64_t inner =
      w.zero_points.size() == 1 ? 1 : strides_of(to_dims(w.tensor->dims))[w.axis];
  for (size_t i = 0; i < elements.size(); ++i) {
    const int32_t zero =
        w.zero_points[w.zero_points.size() == 1 ? 0 : i / inner % w.zero_points.size()];
    result[i] = static_cast<int16_t>(elements[i] - zero);
  }
  return result;
}

Linear::ModelWeights model_weights(const QuantisedTensor& w) {
  if (w.zero_points.empty() ||
      std::ranges::any_of(w.zero_points, [&](int32_t zero) { return zero != w.zero_points[0]; }))
    return {{}, w.scales};
  const int offset = w.tensor->type == ElementType::kInt8 ? 128 : 0;
  return {static_cast<uint8_t>(w.zero_points[0] + offset), w.scales};
}

// A linear operator whose output is not chosen yet.
struct Draft {
  std::string kind;   // "conv", "dense"
  std::string label;  // "QLinearConv"
  std::string name;   // ONNX's, of the output
  ValueId x = 0;
  bool rows = false;
  layers::Linear layer = {};
  std::vector<float> scales = {};  // Linear::scales; then `sum_scales` too
  std::optional<Linear::ModelWeights> from_model = {};
  Dims dims = {};                  // of y as the operator has them, then as ONNX has them
  Dims onnx_dims = {};
  bool warns = false;  // u8 x s8 on sums that saturate
};

void warn_of_saturation(Lowering& lowering, const onnx_file::Node& node, const Draft& draft) {
  if (!draft.warns || draft.layer.outputs == 0) return;
  const size_t taps = draft.layer.weights.size() / draft.layer.outputs;
  if (taps < 2) return;
  int most = 0;
  for (size_t o = 0; o < draft.layer.outputs; ++o) {
    int first = 0, second = 0;
    for (size_t i = 0; i < taps; ++i) {
      const int w = std::abs(int{draft.layer.weights[o * taps + i]});
      if (w > first)
        second = std::exchange(first, w);
      else
        second = std::max(second, w);
    }
    most = std::max(most, first + second);
  }
  if (255 * most > 32767)
    lowering.warn(
        fmt::format("{}: uint8 times int8 weights with |w1| + |w2| = {}: on x86 without VNNI ONNX "
                    "Runtime's own sums saturate where "
                    "255 (|w1| + |w2|) > 32767 for neighbours; these are exact. "
                    "quantize_static(reduce_range=True) avoids it",
                    onnx_file::printable(node.name), most));
}

ValueId emit(Lowering& lowering, const onnx_file::Node& node, Draft draft,
             const std::optional<Quantisation>& q, const std::string& label) {
  warn_of_saturation(lowering, node, draft);
  draft.layer.input = lowering.value(draft.x).q;
  draft.layer.sums = !q;
  ValueId y;
  if (q) {
    draft.layer.output = *q;
    y = lowering.add_bytes(draft.name, draft.dims, *q);
  } else {
    y = lowering.add_words(draft.name, draft.dims);
    draft.layer.weight_scales.clear();
    draft.scales.clear();
  }
  lowering.add(draft.kind, &node, draft.label + label,
               Linear{.x = draft.x,
                      .y = y,
                      .rows = draft.rows,
                      .layer = std::move(draft.layer),
                      .scales = std::move(draft.scales),
                      .from_model = draft.from_model});
  return y;
}

void check_scales(const NodeView& node, const Draft& draft, const Quantisation& q) {
  for (const float w : draft.layer.weight_scales) {
    const float scale = node.lowering().value(draft.x).q.scale * w / q.scale;
    if (!std::isnormal(scale))
      node.refuse("scales: expected a normal float32 of {} * {} / {}, found {}",
                  node.lowering().value(draft.x).q.scale, w, q.scale, scale);
  }
}

// y's bytes, in ONNX's shape.
ValueId finish_bytes(NodeView& node, const Draft& draft, const Quantisation& q,
                     const std::string& label) {
  check_scales(node, draft, q);
  const ValueId y = emit(node.lowering(), node.node(), draft, q, label);
  if (draft.dims == draft.onnx_dims) return y;
  return moved_bytes(node, "reshape", y, identity_order(draft.dims, draft.onnx_dims), draft.name);
}

// The float32 expression that the sums are: for QuantizeLinear behind it, or the model's end.
ExprPointer biased(NodeView& add, const ExprPointer& self, const ExprPointer& bias, size_t axis,
                   const std::shared_ptr<const Draft>& draft);

void define_float(NodeView& node, Draft draft, size_t axis, std::vector<ExprPointer> inputs,
                  bool has_integer_rule) {
  Lowering* lowering = &node.lowering();
  const onnx_file::Node* of = &node.node();
  Expr expr{.kind = Expr::Kind::kNode, .name = draft.name, .dims = draft.onnx_dims, .node = of};
  expr.inputs = std::move(inputs);
  const auto shared = std::make_shared<const Draft>(std::move(draft));
  if (has_integer_rule) {
    expr.quantise = [lowering, of, shared](const Quantisation& q, const std::string& label) {
      NodeView view(lowering, *of);
      return finish_bytes(view, *shared, q, label);
    };
    expr.with_bias = [shared, axis](NodeView& add, const ExprPointer& self,
                                    const ExprPointer& bias) {
      return biased(add, self, bias, axis, shared);
    };
  }
  expr.sums = [lowering, of, shared, axis] {
    Expr::Sums sums{.value = 0, .scales = {}, .axis = axis};
    const float x = lowering->value(shared->x).q.scale;
    const auto& scales = shared->layer.weight_scales;
    for (const float w : scales) sums.scales.push_back(x * w);
    sums.value = emit(*lowering, *of, *shared, std::nullopt, " (sums)");
    return sums;
  };
  node.define(lowering->made(std::move(expr), node));
}

// Convolution ------------------------------------------------------------------------------------

Draft conv(NodeView& node, ValueId x, const QuantisedTensor& w, const std::string& label) {
  const Dims dims = node.lowering().value(x).dims, of_w = to_dims(w.tensor->dims);
  if (dims.size() != 3 && dims.size() != 4)
    node.refuse("input of {}: expected 1 or 2 dimensions behind batch and channels", text_of(dims));
  if (of_w.size() != dims.size())
    node.malformed("weights of {}: expected {} dimensions", text_of(of_w), dims.size());
  if (w.axis != 0 && w.scales.size() > 1)
    node.refuse("weights: expected scales along axis 0, found axis {}", w.axis);
  const int64_t groups = node.integer("group", 1);
  if (groups < 1 || dims[1] % groups != 0 || of_w[0] % groups != 0 ||
      int64_t{of_w[1]} * groups != dims[1] || of_w[0] == 0)
    node.malformed("group: expected weights [outputs, {} / group, ..], found {} and {}", dims[1],
                   groups, text_of(of_w));
  std::vector<int64_t> kernel(of_w.begin() + 2, of_w.end());
  if (const auto given = node.integer_list("kernel_shape"); given && *given != kernel)
    node.malformed("kernel_shape: expected the weights' {}", text_of(of_w));
  const WindowAndDims window = read_window(node, dims, kernel, false, false);
  Draft draft{.kind = "conv", .label = label, .name = node.output_name(), .x = x};
  draft.layer.outputs = of_w[0];
  draft.layer.groups = static_cast<uint32_t>(groups);
  draft.layer.window = window.window;
  node.lowering().charge(w.tensor->size(), node);
  draft.layer.weights = differences(w);
  draft.from_model = model_weights(w);
  draft.layer.bias.assign(of_w[0], 0);
  draft.layer.weight_scales = w.scales;
  draft.dims = {1, of_w[0]};
  draft.dims.insert(draft.dims.end(), window.positions.begin(), window.positions.end());
  draft.onnx_dims = draft.dims;
  draft.warns = node.lowering().value(x).type == Type::kUint8 &&
                w.tensor->type == ElementType::kInt8 && of_w[1] > 1;
  node.check_size(draft.dims);
  return draft;
}

void set_bias(NodeView& node, Draft* draft, const TensorPointer& bias) {
  if (bias->type != ElementType::kInt32)
    node.refuse("bias: expected int32, found {}", onnx_file::name_of(bias->type));
  const std::vector<int32_t> values = bias->values<int32_t>();
  const uint32_t outputs = draft->layer.outputs;
  if (values.size() != outputs && values.size() != 1)
    node.refuse("bias: expected {} elements, found {}", outputs, values.size());
  for (uint32_t o = 0; o < outputs; ++o) draft->layer.bias[o] = values[values.size() == 1 ? 0 : o];
}

// A bias of float32, or quantised by another scale than the sums': rounded to the sums' own.
void set_float_bias(NodeView& node, Draft* draft, const ExprPointer& bias, float factor) {
  const uint32_t outputs = draft->layer.outputs;
  const uint64_t elements = elements_of(bias->dims);
  if (elements != 1 && elements != outputs)
    node.refuse("bias of {}: expected {} elements", text_of(bias->dims), outputs);
  const float x = node.lowering().value(draft->x).q.scale;
  const auto& of_w = draft->layer.weight_scales;
  const auto unit = [&](uint32_t o) { return x * of_w[of_w.size() == 1 ? 0 : o]; };
  if (const auto& q = bias->quantised;
      q && q->tensor->type == ElementType::kInt32 && factor == 1.0f) {
    bool is_exact = true;
    for (uint32_t o = 0; o < outputs; ++o) {
      const float scale = q->scales[q->scales.size() == 1 ? 0 : o];
      is_exact &= std::abs(double{scale} - unit(o)) <= 1e-5 * unit(o) &&
                  q->zero_points[q->scales.size() == 1 ? 0 : o] == 0;
    }
    if (is_exact) return set_bias(node, draft, q->tensor);
  }
  if (bias->kind != Expr::Kind::kConstant) node.refuse("bias {}: expected a constant", bias->name);
  const std::vector<float> values = floats_of(*bias)->values<float>();
  for (uint32_t o = 0; o < outputs; ++o) {
    const double exact = double{values[values.size() == 1 ? 0 : o]} * factor / unit(o);
    if (!(std::abs(exact) < 0x1p31))
      node.refuse("bias: expected less than 2^31 in units of {}, found {}", unit(o), exact);
    draft->layer.bias[o] = static_cast<int32_t>(std::nearbyint(exact));
  }
  node.lowering().warn(
      fmt::format("{}: the bias is no int32 of scale input * weights: rounded to that; ONNX "
                  "Runtime computes this layer in float32",
                  onnx_file::printable(node.node().name)));
}

// Constants added behind the operator, by a node of their own.
ExprPointer biased(NodeView& add, const ExprPointer& self, const ExprPointer& bias, size_t axis,
                   const std::shared_ptr<const Draft>& draft) {
  Dims of_outputs(self->dims.size(), 1);
  if (self->dims.empty() || bias->dims.size() > self->dims.size()) return nullptr;
  of_outputs[axis] = self->dims[axis];
  Dims padded(self->dims.size() - bias->dims.size(), 1);
  padded.insert(padded.end(), bias->dims.begin(), bias->dims.end());
  if (elements_of(bias->dims) != 1 && padded != of_outputs) return nullptr;
  Lowering* lowering = &add.lowering();
  const onnx_file::Node* of = &add.node();
  Expr expr{.kind = Expr::Kind::kNode,
            .name = add.output_name(),
            .dims = self->dims,
            .node = of,
            .inputs = {self, bias}};
  expr.quantise = [lowering, of, draft, bias](const Quantisation& q, const std::string& label) {
    NodeView view(lowering, *of);
    Draft sum = *draft;
    sum.name = view.output_name();
    const std::vector<int32_t> before = sum.layer.bias;
    set_float_bias(view, &sum, bias, 1);
    for (size_t o = 0; o < before.size(); ++o) {
      const int64_t both = int64_t{before[o]} + sum.layer.bias[o];
      if (both != static_cast<int32_t>(both))
        view.refuse("bias: expected less than 2^31, found {}", both);
      sum.layer.bias[o] = static_cast<int32_t>(both);
    }
    return finish_bytes(view, sum, q, " + " + of->op_type + label);
  };
  return lowering->made(std::move(expr), add);
}

void qlinear_conv(NodeView& node) {
  const Quantisation q = node.quantisation(1, 2, node.is_signed(0));
  const ValueId x = node.bytes(0, q);
  const QuantisedTensor w = operator_weights(node, 3, 4, 5, 0);
  Draft draft = conv(node, x, w, "QLinearConv");
  if (node.has(8)) set_bias(node, &draft, node.constant(8));
  node.define(finish_bytes(node, draft, node.output_quantisation(6, 7), ""));
}

void qdq_conv(NodeView& node) {
  const Factor x = expr_factor(node, 0), w = expr_factor(node, 1);
  if (x.constant || !w.constant) node.refuse("weights {}: expected a constant", node.input_name(1));
  Draft draft = conv(node, x.value, *w.constant, "Conv");
  std::vector<ExprPointer> inputs = {node.expr(0), node.expr(1)};
  if (node.has(2)) {
    set_float_bias(node, &draft, node.expr(2), 1);
    inputs.push_back(node.expr(2));
  }
  define_float(node, std::move(draft), 1, std::move(inputs), true);
}

void conv_integer(NodeView& node) {
  Quantisation q{.is_signed = node.is_signed(0), .scale = 1, .zero_point = 0};
  if (node.has(2)) q.zero_point = node.zero_point(2, q.is_signed);
  const ValueId x = node.bytes(0, q);
  Draft draft = conv(node, x, operator_weights(node, 1, std::nullopt, 3, 0), "ConvInteger");
  draft.warns = false;
  const Dims dims = draft.dims;
  node.define(Words{emit(node.lowering(), node.node(), std::move(draft), std::nullopt, ""), dims});
}

// Products ---------------------------------------------------------------------------------------

// x times weights [K, N], or [N, K] where `transposed`: a dense layer.
Draft dense(NodeView& node, ValueId x, const QuantisedTensor& w, bool transposed,
            const std::string& label) {
  const Dims dims = node.lowering().value(x).dims;
  Dims of_w = to_dims(w.tensor->dims);
  // [1, .., K, N] has leading axes that say nothing but how many the result has.
  const size_t leading = of_w.size() > 2 ? of_w.size() - 2 : 0;
  of_w.erase(of_w.begin(), of_w.begin() + static_cast<ptrdiff_t>(leading));
  const bool is_vector = of_w.size() == 1;
  if (is_vector) of_w.push_back(1);
  const uint32_t inputs = of_w[transposed ? 1 : 0], outputs = of_w[transposed ? 0 : 1];
  if (dims.empty() || inputs == 0 || outputs == 0 || dims.back() != inputs)
    node.malformed("input of {}: expected a last dimension of {}", text_of(dims), inputs);
  if (w.scales.size() > 1 && w.axis != leading + (transposed ? 0 : 1))
    node.refuse("weights: expected scales along the outputs' axis, found axis {}", w.axis);
  Draft draft{.kind = "dense", .label = label, .name = node.output_name(), .x = x, .rows = true};
  draft.layer.outputs = outputs;
  node.lowering().charge(w.tensor->size(), node);
  const std::vector<int16_t> weights = differences(w);
  if (transposed) {
    draft.layer.weights = weights;
  } else {
    draft.layer.weights.resize(weights.size());
    for (uint32_t i = 0; i < inputs; ++i)
      for (uint32_t o = 0; o < outputs; ++o)
        draft.layer.weights[size_t{o} * inputs + i] = weights[size_t{i} * outputs + o];
  }
  draft.from_model = model_weights(w);
  draft.layer.bias.assign(outputs, 0);
  draft.layer.weight_scales = w.scales;
  draft.dims = dims;
  draft.dims.back() = outputs;
  draft.onnx_dims = draft.dims;
  if (is_vector) draft.onnx_dims.pop_back();
  if (dims.size() < leading + 2 && !is_vector)
    draft.onnx_dims.insert(draft.onnx_dims.begin(), leading + 2 - std::max<size_t>(dims.size(), 2),
                           1);
  draft.warns =
      node.lowering().value(x).type == Type::kUint8 && w.tensor->type == ElementType::kInt8;
  node.check_size(draft.dims);
  return draft;
}

bool is_matrix(const QuantisedTensor& w) {
  const auto& dims = w.tensor->dims;
  if (dims.empty()) return false;
  for (size_t i = 0; i + 2 < dims.size(); ++i)
    if (dims[i] != 1) return false;
  return true;
}

ValueId factor_value(NodeView& node, const Factor& factor, const std::string& name) {
  if (!factor.constant) return factor.value;
  if (factor.constant->scales.size() > 1)
    node.refuse("{}: expected one scale, found {}", name, factor.constant->scales.size());
  node.check_size(factor.dims);
  const ValueId value =
      node.lowering().add_bytes(name, factor.dims, quantisation_of(*factor.constant));
  node.lowering().add("constant", &node.node(), "Constant",
                      Constant{value, factor.constant->tensor->bytes});
  return value;
}

// Both factors are tensors at run time. `alpha` is what the product of scales begins with.
ValueId computed_product(NodeView& node, const Factor& of_a, const Factor& of_b,
                         const Quantisation& q, float alpha, const std::string& label) {
  Lowering& lowering = node.lowering();
  ValueId a = factor_value(node, of_a, node.output_name() + "_a"),
          b = factor_value(node, of_b, node.output_name() + "_b");
  Dims dims_a = lowering.value(a).dims, dims_b = lowering.value(b).dims;
  if (dims_a.empty() || dims_b.empty()) node.malformed("inputs: expected dimensions, found none");
  const bool row = dims_a.size() == 1, column = dims_b.size() == 1;
  if (row) dims_a.insert(dims_a.begin(), 1);
  if (column) dims_b.push_back(1);
  const uint32_t m = dims_a[dims_a.size() - 2], k = dims_a.back(), n = dims_b.back();
  if (dims_b[dims_b.size() - 2] != k)
    node.malformed("inputs of {} and {}: expected inner dimensions that agree", text_of(dims_a),
                   text_of(dims_b));
  const Dims lead =
      broadcast(node, {dims_a.begin(), dims_a.end() - 2}, {dims_b.begin(), dims_b.end() - 2});
  const auto bring = [&](ValueId value, const Dims& dims, uint32_t rows, uint32_t columns) {
    Dims wanted = lead;
    wanted.insert(wanted.end(), {rows, columns});
    if (lowering.value(value).dims == wanted) return value;
    node.check_size(wanted);
    return moved_bytes(node, "expand", value, {wanted, broadcast_order(dims, wanted)},
                       lowering.value(value).name);
  };
  a = bring(a, dims_a, m, k);
  b = bring(b, dims_b, k, n);
  const float sa = lowering.value(a).q.scale, sb = lowering.value(b).q.scale;
  const float first = alpha * sa, product = first * sb, scale = product / q.scale;
  if (!std::isnormal(scale))
    node.refuse("scales: expected a normal float32 of {} * {} / {}", sa, sb, q.scale);
  Dims dims = lead;
  dims.insert(dims.end(), {m, n});
  node.check_size(dims);
  const ValueId y = lowering.add_bytes(node.output_name(), dims, q);
  lowering.add("mat_mul", &node.node(), label, MatMul{a, b, y, scale});
  if (!row && !column) return y;
  Dims wanted = lead;
  if (!row) wanted.push_back(m);
  if (!column) wanted.push_back(n);
  return moved_bytes(node, "reshape", y, identity_order(dims, wanted), node.output_name());
}

void qlinear_mat_mul(NodeView& node) {
  Factor a, b;
  a.dims = node.dims(0);
  b.dims = node.dims(3);
  const Quantisation q = node.output_quantisation(6, 7);
  const auto factor = [&](size_t input, Factor* to) {
    const Quantisation of_input = node.quantisation(input + 1, input + 2, node.is_signed(input));
    if (!node.is_constant(input))
      to->value = node.bytes(input, of_input);
    else
      to->constant =
          QuantisedTensor{node.constant(input), {of_input.scale}, {of_input.zero_point}, 0};
  };
  factor(0, &a);
  if (node.is_constant(3)) {
    if (b.dims.empty()) node.malformed("weights: expected dimensions, found none");
    b.constant = operator_weights(node, 3, 4, 5, b.dims.size() - 1);
    if (b.dims.size() == 1 && b.constant->scales.size() > 1)
      node.refuse("weights: expected one scale of a vector");
  } else {
    factor(3, &b);
  }
  if (!a.constant && b.constant && is_matrix(*b.constant)) {
    const Draft draft = dense(node, a.value, *b.constant, false, "QLinearMatMul");
    return node.define(finish_bytes(node, draft, q, ""));
  }
  node.define(computed_product(node, a, b, q, 1, "QLinearMatMul"));
}

void qdq_mat_mul(NodeView& node) {
  const Factor a = expr_factor(node, 0), b = expr_factor(node, 1);
  std::vector<ExprPointer> inputs = {node.expr(0), node.expr(1)};
  if (!a.constant && b.constant && is_matrix(*b.constant)) {
    Draft draft = dense(node, a.value, *b.constant, false, "MatMul");
    const size_t axis = draft.onnx_dims.empty() ? 0 : draft.onnx_dims.size() - 1;
    return define_float(node, std::move(draft), axis, std::move(inputs), true);
  }
  Lowering* lowering = &node.lowering();
  const onnx_file::Node* of = &node.node();
  Dims dims_a = a.dims, dims_b = b.dims;
  if (dims_a.empty() || dims_b.empty()) node.malformed("inputs: expected dimensions, found none");
  const bool row = dims_a.size() == 1, column = dims_b.size() == 1;
  if (row) dims_a.insert(dims_a.begin(), 1);
  if (column) dims_b.push_back(1);
  Dims dims =
      broadcast(node, {dims_a.begin(), dims_a.end() - 2}, {dims_b.begin(), dims_b.end() - 2});
  if (!row) dims.push_back(dims_a[dims_a.size() - 2]);
  if (!column) dims.push_back(dims_b.back());
  Expr expr{.kind = Expr::Kind::kNode, .name = node.output_name(), .dims = dims, .node = of};
  expr.inputs = std::move(inputs);
  expr.quantise = [lowering, of, a, b](const Quantisation& q, const std::string& label) {
    NodeView view(lowering, *of);
    return computed_product(view, a, b, q, 1, "MatMul" + label);
  };
  node.define(lowering->made(std::move(expr), node));
}

void mat_mul_integer(NodeView& node) {
  Quantisation q{.is_signed = node.is_signed(0), .scale = 1, .zero_point = 0};
  if (node.has(2)) q.zero_point = node.zero_point(2, q.is_signed);
  const ValueId x = node.bytes(0, q);
  const Dims dims = node.dims(1);
  if (dims.empty()) node.malformed("weights: expected dimensions, found none");
  const QuantisedTensor w = operator_weights(node, 1, std::nullopt, 3, dims.size() - 1);
  if (!is_matrix(w)) node.refuse("weights of {}: expected one matrix", text_of(dims));
  Draft draft = dense(node, x, w, false, "MatMulInteger");
  const Dims result = draft.onnx_dims;
  node.define(
      Words{emit(node.lowering(), node.node(), std::move(draft), std::nullopt, ""), result});
}

// Rows of a Gemm's A, which may be given as columns.
ValueId gemm_rows(NodeView& node, ValueId a) {
  const Dims dims = node.lowering().value(a).dims;
  if (dims.size() != 2) node.malformed("input of {}: expected 2 dimensions", text_of(dims));
  if (node.integer("transA", 0) == 0) return a;
  return moved_bytes(node, "transpose", a, transposed(dims, {1, 0}), node.lowering().value(a).name);
}

float gemm_alpha(const NodeView& node) {
  const float alpha = node.real("alpha", 1);
  if (!std::isnormal(alpha) || alpha < 0)
    node.refuse("alpha: expected a positive normal float32, found {}", alpha);
  return alpha;
}

void qgemm(NodeView& node) {
  const float alpha = gemm_alpha(node);
  const bool transposed_b = node.integer("transB", 0) != 0;
  const ValueId a = gemm_rows(node, node.bytes(0, node.quantisation(1, 2, node.is_signed(0))));
  if (!node.is_constant(3)) {
    if (node.has(6)) node.refuse("bias {}: expected none where B is computed", node.input_name(6));
    if (!node.has(7)) node.refuse("output in float32: expected y_scale where B is computed");
    ValueId value = node.bytes(3, node.quantisation(4, 5, node.is_signed(3)));
    if (transposed_b)
      value = moved_bytes(node, "transpose", value,
                          transposed(node.lowering().value(value).dims, {1, 0}),
                          node.lowering().value(value).name);
    Factor of_a, of_b;
    of_a.value = a;
    of_b.value = value;
    return node.define(
        computed_product(node, of_a, of_b, node.output_quantisation(7, 8), alpha, "QGemm"));
  }
  const QuantisedTensor w = operator_weights(node, 3, 4, 5, transposed_b ? 0 : 1);
  if (w.tensor->dims.size() != 2)
    node.malformed("weights: expected 2 dimensions, found {}", w.tensor->dims.size());
  Draft draft = dense(node, a, w, transposed_b, "QGemm");
  if (node.has(6)) {
    const TensorPointer bias = node.constant(6);
    const auto& dims = bias->dims;
    if (bias->size() > 1 && dims.back() != draft.layer.outputs)
      node.refuse("bias: expected {} elements, found another shape", draft.layer.outputs);
    set_bias(node, &draft, bias);
  }
  if (node.has(7)) {
    const Quantisation q = node.output_quantisation(7, 8);
    if (alpha != 1.0f)
      for (const float s : w.scales) {
        const float x = alpha * node.lowering().value(a).q.scale;
        const float scale = x * s / q.scale;
        if (!std::isnormal(scale))
          node.refuse("scales: expected a normal float32 of alpha * {} * {}", x, s);
        draft.scales.push_back(scale);
      }
    return node.define(finish_bytes(node, draft, q, ""));
  }
  if (alpha != 1.0f)
    for (float& s : draft.layer.weight_scales) s *= alpha;
  const size_t axis = draft.onnx_dims.size() - 1;
  define_float(node, std::move(draft), axis, {}, false);
}

void qdq_gemm(NodeView& node) {
  const float alpha = gemm_alpha(node), beta = node.real("beta", 1);
  const bool transposed_b = node.integer("transB", 0) != 0;
  const Factor a = expr_factor(node, 0), b = expr_factor(node, 1);
  if (a.constant || !b.constant)
    node.refuse("weights {}: expected a constant, and an input that is computed",
                node.input_name(1));
  if (b.dims.size() != 2) node.malformed("weights: expected 2 dimensions, found {}", b.dims.size());
  Draft draft = dense(node, gemm_rows(node, a.value), *b.constant, transposed_b, "Gemm");
  if (alpha != 1.0f)
    for (float& s : draft.layer.weight_scales) s *= alpha;
  std::vector<ExprPointer> inputs = {node.expr(0), node.expr(1)};
  if (node.has(2)) {
    set_float_bias(node, &draft, node.expr(2), beta);
    inputs.push_back(node.expr(2));
  }
  if (alpha != 1.0f)
    node.lowering().warn(fmt::format(
        "{}: alpha {} goes into the weights' scales; ONNX Runtime computes this layer in "
        "float32",
        onnx_file::printable(node.node().name), alpha));
  define_float(node, std::move(draft), 1, std::move(inputs), true);
}

}  // namespace

WindowAndDims read_window(NodeView& node, const Dims& dims, const std::vector<int64_t>& kernel,
                          bool is_pool, bool ceil_mode) {
  const size_t axes = dims.size() - 2;
  if (dims[0] != 1)
    node.refuse(
        "batch of {}: expected 1; export the model with a batch of 1, or a first dimension without "
        "a number",
        dims[0]);
  constexpr int64_t kMost = 1 << 24;
  const auto read = [&](const char* name, int64_t otherwise, size_t count, int64_t least) {
    const auto given = node.integer_list(name);
    std::vector<int64_t> values = given ? *given : std::vector<int64_t>(count, otherwise);
    if (values.size() != count)
      node.malformed("{}: expected {} numbers, found {}", name, count, values.size());
    for (const int64_t value : values)
      if (value < least || value > kMost)
        node.malformed("{}: expected {} to {}, found {}", name, least, kMost, value);
    return values;
  };
  if (kernel.size() != axes)
    node.malformed("kernel: expected {} numbers, found {}", axes, kernel.size());
  for (const int64_t k : kernel)
    if (k < 1 || k > kMost) node.malformed("kernel: expected 1 to {}, found {}", kMost, k);
  const auto strides = read("strides", 1, axes, 1), dilations = read("dilations", 1, axes, 1);
  auto pads = read("pads", 0, 2 * axes, 0);
  const std::string auto_pad = node.text("auto_pad", "NOTSET");
  WindowAndDims result;
  for (size_t i = 0; i < axes; ++i) {
    const int64_t size = dims[2 + i], reach = (kernel[i] - 1) * dilations[i] + 1;
    if (auto_pad == "VALID") {
      pads[i] = pads[axes + i] = 0;
    } else if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      const int64_t count = (size + strides[i] - 1) / strides[i];
      const int64_t wanted = (count - 1) * strides[i] + reach - size;
      // The runtime crops what no window reads; of a convolution the first two elements of that are left.
      if (wanted < (is_pool ? 0 : -2))
        node.refuse(
            "auto_pad {}: expected a window of {} or more to cover {} by steps of {}, found {}; "
            "ONNX Runtime crops there: give pads",
            auto_pad, reach - wanted - (is_pool ? 0 : 2), size, strides[i], reach);
      const int64_t total = std::max<int64_t>(0, wanted);
      pads[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      pads[axes + i] = total - pads[i];
    } else if (auto_pad != "NOTSET") {
      node.malformed("auto_pad: expected NOTSET, SAME_UPPER, SAME_LOWER or VALID, found {}",
                     auto_pad);
    }
    const int64_t padded = size + pads[i] + pads[axes + i];
    if (reach > padded)
      node.malformed("window of {}: expected at most the padded input's {}", reach, padded);
    int64_t count = (padded - reach) / strides[i] + 1;
    int64_t end = pads[axes + i];
    if (ceil_mode && !auto_pad.starts_with("SAME")) {
      count = (padded - reach + strides[i] - 1) / strides[i] + 1;
      // A window that begins in the padding behind the input is none.
      if ((count - 1) * strides[i] >= size + pads[i]) --count;
      end = std::max(end, (count - 1) * strides[i] + reach - size - pads[i]);
    }
    const size_t axis = axes == 1 ? 1 : i;
    result.window.kernel[axis] = static_cast<uint32_t>(kernel[i]);
    result.window.strides[axis] = static_cast<uint32_t>(strides[i]);
    result.window.dilations[axis] = static_cast<uint32_t>(dilations[i]);
    result.window.pads[axis] = static_cast<uint32_t>(pads[i]);
    result.window.pads[axis + 2] = static_cast<uint32_t>(end);
    result.positions.push_back(static_cast<uint32_t>(count));
  }
  return result;
}

Handlers linear_handlers() {
  return {{"QLinearConv", qlinear_conv},  {"Conv", qdq_conv},
          {"ConvInteger", conv_integer},  {"QLinearMatMul", qlinear_mat_mul},
          {"MatMul", qdq_mat_mul},        {"MatMulInteger", mat_mul_integer},
          {"com.microsoft:QGemm", qgemm}, {"Gemm", qdq_gemm}};
}

}  // namespace zkvm::importer::lowering
