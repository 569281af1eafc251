#include <algorithm>
#include <cmath>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

using onnx_file::Attribute;

int64_t NodeView::opset() const {
  const auto& opsets = lowering_.model().opsets;
  const auto found = opsets.find(node_.domain);
  return found == opsets.end() ? 1 : found->second;
}

void NodeView::refuse_with(onnx_file::ErrorCode code, const std::string& message) const {
  throw Refusal{{code, fmt::format("{} node {}: {}", node_.op_type, node_.name, message)}};
}

const std::string& NodeView::input_name(size_t input) const {
  if (!has(input)) malformed("expected an input {}, found {} inputs", input, node_.inputs.size());
  return node_.inputs[input];
}

const std::string& NodeView::output_name(size_t output) const {
  if (!has_output(output))
    malformed("expected an output {}, found {} outputs", output, node_.outputs.size());
  return node_.outputs[output];
}

const Symbol& NodeView::symbol(size_t input) const {
  const std::string& name = input_name(input);
  const auto found = lowering_.symbols_.find(name);
  if (found == lowering_.symbols_.end())
    malformed("input {}: expected the output of a node before, found none", name);
  return found->second;
}

bool NodeView::is_constant(size_t input) const {
  return std::holds_alternative<TensorPointer>(symbol(input));
}

TensorPointer NodeView::constant(size_t input) const {
  const auto* tensor = std::get_if<TensorPointer>(&symbol(input));
  if (tensor == nullptr)
    refuse("input {}: expected a constant, found a tensor that is computed", input_name(input));
  return *tensor;
}

std::vector<int64_t> NodeView::integers(size_t input) const {
  const TensorPointer tensor = constant(input);
  switch (tensor->type) {
    case ElementType::kInt64:
    case ElementType::kInt32:
    case ElementType::kInt8:
    case ElementType::kUint8:
      return tensor->integers();
    default:
      malformed("input {}: expected integers, found {}", input_name(input),
                onnx_file::name_of(tensor->type));
  }
}

float NodeView::scalar(size_t input) const {
  const TensorPointer tensor = constant(input);
  if (tensor->type != ElementType::kFloat32 || tensor->size() != 1)
    refuse("input {}: expected one float32, found {} elements of {}", input_name(input),
           tensor->size(), onnx_file::name_of(tensor->type));
  return tensor->values<float>()[0];
}

ExprPointer NodeView::expr(size_t input) const {
  const Symbol& found = symbol(input);
  if (const auto* expr = std::get_if<ExprPointer>(&found)) return *expr;
  if (const auto* tensor = std::get_if<TensorPointer>(&found)) {
    if ((*tensor)->type == ElementType::kFloat32) return constant_expr(input_name(input), *tensor);
    refuse("input {}: expected float32, found {}", input_name(input),
           onnx_file::name_of((*tensor)->type));
  }
  refuse("input {}: expected float32, as DequantizeLinear gives it, found integers",
         input_name(input));
}

bool NodeView::is_signed(size_t input) const {
  const Symbol& found = symbol(input);
  if (const auto* value = std::get_if<ValueId>(&found))
    return lowering_.value(*value).type == Type::kInt8;
  if (const auto* tensor = std::get_if<TensorPointer>(&found)) {
    if ((*tensor)->type == ElementType::kInt8 || (*tensor)->type == ElementType::kUint8)
      return (*tensor)->type == ElementType::kInt8;
    refuse("input {}: expected int8 or uint8, found {}", input_name(input),
           onnx_file::name_of((*tensor)->type));
  }
  refuse("input {}: expected int8 or uint8, found {}", input_name(input),
         std::holds_alternative<Words>(found)
             ? "int32"
             : "float32; quantise the model first, with quantize_static");
}

ValueId NodeView::bytes(size_t input, const Quantisation& q) const {
  if (is_signed(input) != q.is_signed)
    malformed("input {}: expected {}, as its zero point is, found {}", input_name(input),
              q.is_signed ? "int8" : "uint8", q.is_signed ? "uint8" : "int8");
  const Symbol& found = symbol(input);
  if (const auto* value = std::get_if<ValueId>(&found)) return lowering_.as(*value, q);
  const TensorPointer tensor = std::get<TensorPointer>(found);
  const Dims dims = to_dims(tensor->dims);
  check_size(dims);
  const ValueId value = lowering_.add_bytes(input_name(input), dims, q);
  lowering_.add("constant", &node_, "Constant", Constant{value, tensor->bytes});
  return value;
}

float NodeView::scale(size_t input) const {
  const TensorPointer tensor = constant(input);
  if (tensor->type != ElementType::kFloat32)
    refuse("scale {}: expected float32, found {}", input_name(input),
           onnx_file::name_of(tensor->type));
  if (tensor->size() != 1)
    refuse("scale {}: expected one for the whole tensor, found {}", input_name(input),
           tensor->size());
  const float scale = tensor->values<float>()[0];
  if (!std::isnormal(scale) || scale < 0)
    refuse("scale {}: expected a positive normal float32, found {}", input_name(input), scale);
  return scale;
}

int NodeView::zero_point(size_t input, bool is_signed) const {
  const TensorPointer tensor = constant(input);
  const ElementType expected = is_signed ? ElementType::kInt8 : ElementType::kUint8;
  if (tensor->type != expected)
    refuse("zero point {}: expected {}, found {}", input_name(input), onnx_file::name_of(expected),
           onnx_file::name_of(tensor->type));
  if (tensor->size() != 1)
    refuse("zero point {}: expected one for the whole tensor, found {}", input_name(input),
           tensor->size());
  return static_cast<int>(tensor->integers()[0]);
}

Quantisation NodeView::quantisation(size_t scale_input, size_t zero_point_input,
                                    bool is_signed) const {
  Quantisation q{.is_signed = is_signed, .scale = scale(scale_input), .zero_point = 0};
  if (has(zero_point_input)) q.zero_point = zero_point(zero_point_input, is_signed);
  return q;
}

Quantisation NodeView::output_quantisation(size_t scale_input, size_t zero_point_input) const {
  bool is_signed = false;
  if (has(zero_point_input)) {
    const ElementType type = constant(zero_point_input)->type;
    if (type != ElementType::kInt8 && type != ElementType::kUint8)
      refuse("zero point {}: expected int8 or uint8, found {}", input_name(zero_point_input),
             onnx_file::name_of(type));
    is_signed = type == ElementType::kInt8;
  }
  return quantisation(scale_input, zero_point_input, is_signed);
}

const Attribute* NodeView::attribute(const char* name) const {
  seen_.insert(name);
  const auto found = node_.attributes.find(name);
  return found == node_.attributes.end() ? nullptr : &found->second;
}

namespace {
template <class T>
const T* typed(const NodeView& node, const char* name) {
  const Attribute* found = node.attribute(name);
  if (found == nullptr) return nullptr;
  const T* value = std::get_if<T>(found);
  if (value == nullptr)
    node.malformed("attribute {}: found another type than the operator has", name);
  return value;
}
}  // namespace

int64_t NodeView::integer(const char* name, int64_t otherwise) const {
  const auto* found = typed<int64_t>(*this, name);
  return found ? *found : otherwise;
}
int64_t NodeView::required_integer(const char* name) const {
  const auto* found = typed<int64_t>(*this, name);
  if (found == nullptr) malformed("attribute {}: expected an integer, found none", name);
  return *found;
}
float NodeView::real(const char* name, float otherwise) const {
  const auto* found = typed<float>(*this, name);
  return found ? *found : otherwise;
}
std::string NodeView::text(const char* name, const std::string& otherwise) const {
  const auto* found = typed<std::string>(*this, name);
  return found ? *found : otherwise;
}
std::optional<std::vector<int64_t>> NodeView::integer_list(const char* name) const {
  const auto* found = typed<std::vector<int64_t>>(*this, name);
  return found ? std::optional(*found) : std::nullopt;
}
std::optional<std::vector<float>> NodeView::real_list(const char* name) const {
  const auto* found = typed<std::vector<float>>(*this, name);
  return found ? std::optional(*found) : std::nullopt;
}

void NodeView::check_attributes() const {
  for (const auto& [name, value] : node_.attributes)
    if (!seen_.contains(name))
      refuse("attribute {}: not one that zkvm import knows of this operator", name);
}

uint64_t NodeView::check_size(const Dims& dims) const {
  uint64_t elements = 1;
  for (const uint32_t dim : dims) {
    elements *= dim;
    if (elements > kMaxElements)
      refuse_with(
          onnx_file::ErrorCode::kTooLarge,
          fmt::format("tensor of {}: expected at most {} elements", text_of(dims), kMaxElements));
  }
  if (elements == 0) refuse("tensor of {}: expected elements, found none", text_of(dims));
  lowering_.charge(elements, *this);
  return elements;
}

size_t NodeView::axis(int64_t axis, size_t rank) const {
  const auto signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank)
    malformed("axis: expected {} to {}, found {}", -signed_rank, signed_rank - 1, axis);
  return static_cast<size_t>(axis < 0 ? axis + signed_rank : axis);
}

void NodeView::define(Symbol symbol, size_t output) const {
  const std::string& name = output_name(output);
  if (!lowering_.symbols_.emplace(name, std::move(symbol)).second)
    malformed("output {}: expected a new name, found one that stands for another tensor", name);
}

}  // namespace zkvm::importer::lowering
