#include "host/onnx/tensor.h"

#include <fmt/format.h>

#include <limits>
#include <type_traits>
#include <utility>

namespace zkvm::onnx_file {
namespace {

using onnx::TensorProto;

tl::unexpected<Error> fail(ErrorCode code, const std::string& where, const std::string& what) {
  return tl::unexpected(Error{code, where + ": " + what});
}

// The numbers of `field` as elements of T; those of a narrow type come as int32, those of uint32 as uint64.
template <class T, class Field>
Result<std::vector<uint8_t>> listed(const Field& field, const std::string& where) {
  std::vector<uint8_t> bytes(static_cast<size_t>(field.size()) * sizeof(T));
  uint8_t* at = bytes.data();
  for (const auto value : field) {
    if constexpr (!std::is_same_v<T, std::remove_const_t<decltype(value)>>) {
      if (!std::in_range<T>(value))
        return fail(ErrorCode::kMalformed, where,
                    fmt::format("expected elements from {} to {}, found {}",
                                int64_t{std::numeric_limits<T>::min()},
                                int64_t{std::numeric_limits<T>::max()}, value));
    }
    const T element = static_cast<T>(value);
    std::memcpy(at, &element, sizeof(T));
    at += sizeof(T);
  }
  return bytes;
}

// The field that the format names for the type.
Result<std::vector<uint8_t>> listed_bytes(const TensorProto& proto, ElementType type,
                                          const std::string& where) {
  switch (type) {
    case ElementType::kFloat32:
      return listed<float>(proto.float_data(), where);
    case ElementType::kFloat64:
      return listed<double>(proto.double_data(), where);
    case ElementType::kInt32:
      return listed<int32_t>(proto.int32_data(), where);
    case ElementType::kInt64:
      return listed<int64_t>(proto.int64_data(), where);
    case ElementType::kUint64:
      return listed<uint64_t>(proto.uint64_data(), where);
    case ElementType::kUint32:
      return listed<uint32_t>(proto.uint64_data(), where);
    case ElementType::kInt8:
      return listed<int8_t>(proto.int32_data(), where);
    case ElementType::kUint8:
    case ElementType::kBool:
      return listed<uint8_t>(proto.int32_data(), where);
    case ElementType::kInt16:
      return listed<int16_t>(proto.int32_data(), where);
    case ElementType::kUint16:
    case ElementType::kFloat16:  // its bits
      return listed<uint16_t>(proto.int32_data(), where);
    case ElementType::kString:
      break;
  }
  return std::vector<uint8_t>();
}

int64_t listed_count(const TensorProto& proto) {
  return int64_t{proto.float_data_size()} + proto.int32_data_size() + proto.int64_data_size() +
         proto.double_data_size() + proto.uint64_data_size() + proto.string_data_size();
}

std::string shape_text(const std::vector<int64_t>& dims) {
  return printable(fmt::format("[{}]", fmt::join(dims, ", ")));
}

}  // namespace

std::string type_name(int32_t onnx_type) {
  // onnx.proto's enumeration as of IR 13; libonnx 1.12 ends at bfloat16.
  static constexpr const char* kNames[] = {
      "undefined",      "float",    "uint8",        "int8",           "uint16",
      "int16",          "int32",    "int64",        "string",         "bool",
      "float16",        "double",   "uint32",       "uint64",         "complex64",
      "complex128",     "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
      "float8e5m2fnuz", "uint4",    "int4",         "float4e2m1",     "float8e8m0",
      "uint2",          "int2"};
  if (onnx_type < 0 || std::cmp_greater_equal(onnx_type, std::size(kNames)))
    return fmt::format("number {}", onnx_type);
  return kNames[onnx_type];
}

std::optional<ElementType> element_type(int32_t onnx_type) {
  switch (onnx_type) {
    case TensorProto::FLOAT:
      return ElementType::kFloat32;
    case TensorProto::UINT8:
      return ElementType::kUint8;
    case TensorProto::INT8:
      return ElementType::kInt8;
    case TensorProto::INT32:
      return ElementType::kInt32;
    case TensorProto::INT64:
      return ElementType::kInt64;
    case TensorProto::BOOL:
      return ElementType::kBool;
    case TensorProto::FLOAT16:
      return ElementType::kFloat16;
    case TensorProto::DOUBLE:
      return ElementType::kFloat64;
    case TensorProto::INT16:
      return ElementType::kInt16;
    case TensorProto::UINT16:
      return ElementType::kUint16;
    case TensorProto::UINT32:
      return ElementType::kUint32;
    case TensorProto::UINT64:
      return ElementType::kUint64;
    case TensorProto::STRING:
      return ElementType::kString;
    default:
      return std::nullopt;
  }
}

std::optional<uint64_t> product_of(const std::vector<int64_t>& dims, uint64_t limit) {
  uint64_t product = 1;
  for (const int64_t dim : dims) {
    if (dim <= 0) continue;
    if (static_cast<uint64_t>(dim) > limit / product) return std::nullopt;
    product *= static_cast<uint64_t>(dim);
  }
  return product;
}

Result<Tensor> read_tensor(TensorProto& proto, const std::string& where, uint64_t& elements_left) {
  if (proto.data_location() == TensorProto::EXTERNAL || proto.external_data_size() > 0)
    return fail(ErrorCode::kUnsupported, where,
                "its elements lie in another file; save the model with its data inside: "
                "onnx.save(onnx.load(FILE), NEW, save_as_external_data=False)");
  if (proto.has_segment())
    return fail(ErrorCode::kUnsupported, where, "a tensor in segments is not supported");
  const std::optional<ElementType> type = element_type(proto.data_type());
  if (!type)
    return fail(ErrorCode::kUnsupported, where,
                fmt::format("elements of type {} are not supported", type_name(proto.data_type())));

  Tensor tensor;
  tensor.type = *type;
  tensor.dims.assign(proto.dims().begin(), proto.dims().end());
  if (tensor.dims.size() > kMaxRank)
    return fail(ErrorCode::kTooLarge, where,
                fmt::format("{} dimensions, at most {}", tensor.dims.size(), kMaxRank));
  uint64_t elements = 1;
  for (const int64_t dim : tensor.dims) {
    if (dim < 0)
      return fail(ErrorCode::kMalformed, where,
                  fmt::format("a negative dimension in {}", shape_text(tensor.dims)));
    if (dim == 0) elements = 0;
  }
  const std::optional<uint64_t> product = product_of(tensor.dims, elements_left);
  if (product) elements *= *product;
  if (!product || elements > elements_left)
    return fail(ErrorCode::kTooLarge, where,
                fmt::format("shape {} has more elements than the {} left for all constants",
                            shape_text(tensor.dims), elements_left));
  elements_left -= elements;

  const int64_t count = listed_count(proto);
  const auto expected = [&](const char* unit, uint64_t wanted, uint64_t found) {
    return fail(ErrorCode::kMalformed, where,
                fmt::format("expected {} {} of type {} for shape {}, found {}", wanted, unit,
                            name_of(*type), shape_text(tensor.dims), found));
  };
  if (*type == ElementType::kString) {
    if (proto.raw_data().size() != 0 || std::cmp_not_equal(proto.string_data_size(), elements))
      return expected("elements", elements, static_cast<uint64_t>(proto.string_data_size()));
    tensor.strings.reserve(elements);
    for (std::string& text : *proto.mutable_string_data())
      tensor.strings.push_back(std::move(text));
    return tensor;
  }
  if (proto.has_raw_data() && !proto.raw_data().empty()) {
    if (count != 0)
      return fail(ErrorCode::kMalformed, where, "its elements stand there twice, raw and listed");
    const std::string& raw = proto.raw_data();
    if (raw.size() != elements * bytes_of(*type))
      return expected("bytes", elements * bytes_of(*type), raw.size());
    tensor.bytes.assign(raw.begin(), raw.end());
    proto.clear_raw_data();
  } else {
    auto bytes = listed_bytes(proto, *type, where);
    if (!bytes) return tl::unexpected(bytes.error());
    tensor.bytes = std::move(*bytes);
    if (tensor.size() != elements || std::cmp_not_equal(count, elements))
      return expected("elements", elements, static_cast<uint64_t>(count));
  }
  if (*type == ElementType::kBool)
    for (const uint8_t value : tensor.bytes)
      if (value > 1)
        return fail(ErrorCode::kMalformed, where,
                    fmt::format("expected 0 or 1 as elements of type bool, found {}", value));
  return tensor;
}

}  // namespace zkvm::onnx_file
