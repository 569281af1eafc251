#include <algorithm>
#include <cmath>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

Dims to_dims(const std::vector<int64_t>& dims) {
  Dims result;
  for (const int64_t dim : dims) result.push_back(static_cast<uint32_t>(dim));
  return result;
}

Dims broadcast(const NodeView& node, const Dims& a, const Dims& b) {
  Dims result(std::max(a.size(), b.size()), 1);
  for (const Dims* dims : {&a, &b})
    for (size_t i = 0; i < dims->size(); ++i) {
      uint32_t& to = result[result.size() - dims->size() + i];
      const uint32_t from = (*dims)[i];
      if (to != 1 && from != 1 && from != to)
        node.malformed("shapes {} and {}: expected equal dimensions, or 1", text_of(a), text_of(b));
      if (to == 1) to = from;
    }
  return result;
}

TensorPointer float_tensor(const Dims& dims, const std::vector<float>& values) {
  Tensor tensor{.type = ElementType::kFloat32,
                .dims = {dims.begin(), dims.end()},
                .bytes = {},
                .strings = {}};
  tensor.bytes.resize(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return std::make_shared<const Tensor>(std::move(tensor));
}

TensorPointer integer_tensor(const Dims& dims, const std::vector<int64_t>& values) {
  return typed_integers(ElementType::kInt64, dims, values);
}

ExprPointer constant_expr(const std::string& name, TensorPointer tensor) {
  Expr expr{.kind = Expr::Kind::kConstant, .name = name, .dims = to_dims(tensor->dims)};
  expr.constant = std::move(tensor);
  return std::make_shared<const Expr>(std::move(expr));
}

TensorPointer floats_of(const Expr& constant) {
  if (!constant.quantised) return constant.constant;
  const QuantisedTensor& q = *constant.quantised;
  const std::vector<int64_t> elements = q.tensor->integers();
  std::vector<float> values;
  values.reserve(elements.size());
  const Dims dims = to_dims(q.tensor->dims);
  const uint64_t inner = q.scales.size() == 1 ? 1 : strides_of(dims)[q.axis];
  for (size_t i = 0; i < elements.size(); ++i) {
    const size_t at = q.scales.size() == 1 ? 0 : i / inner % q.scales.size();
    // An int32 without zero point may be too large for its difference to be one.
    const float difference = static_cast<float>(elements[i] - q.zero_points[at]);
    values.push_back(difference * q.scales[at]);
  }
  return float_tensor(dims, values);
}

float round_half_even(float x) {
  const float floor = std::floor(x), rest = x - floor;
  if (rest < 0.5f) return floor;
  if (rest > 0.5f) return floor + 1;
  return std::fmod(floor, 2.0f) == 0 ? floor : floor + 1;
}

uint8_t quantise_float(float x, const Quantisation& q) {
  const int least = q.is_signed ? -128 : 0;
  const float low = static_cast<float>(least - q.zero_point),
              high = static_cast<float>(least + 255 - q.zero_point);
  float y = x / q.scale;
  if (!(y > low)) y = low;  // NaN too
  if (y > high) y = high;
  return static_cast<uint8_t>(static_cast<int>(round_half_even(y)) + q.zero_point);
}

float dequantise_byte(uint8_t byte, const Quantisation& q) {
  const int element = q.is_signed ? static_cast<int8_t>(byte) : byte;
  return static_cast<float>(element - q.zero_point) * q.scale;
}

}  // namespace zkvm::importer::lowering
