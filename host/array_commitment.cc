#include "host/array_commitment.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace zkvm {
namespace {

zk::ElementType element_type(ArrayType type) {
  switch (type) {
    case ArrayType::kBool:
      return zk::ElementType::kBool;
    case ArrayType::kInt8:
      return zk::ElementType::kInt8;
    case ArrayType::kUint8:
      return zk::ElementType::kUint8;
    case ArrayType::kInt16:
      return zk::ElementType::kInt16;
    case ArrayType::kUint16:
      return zk::ElementType::kUint16;
    case ArrayType::kInt32:
      return zk::ElementType::kInt32;
    case ArrayType::kUint32:
      return zk::ElementType::kUint32;
    case ArrayType::kInt64:
      return zk::ElementType::kInt64;
    case ArrayType::kUint64:
      return zk::ElementType::kUint64;
    case ArrayType::kFloat16:
      return zk::ElementType::kFloat16;
    case ArrayType::kFloat32:
      return zk::ElementType::kFloat32;
    case ArrayType::kFloat64:
      return zk::ElementType::kFloat64;
  }
  return {};
}

}  // namespace

Result<zk::Digest> commitment_of(const Array& array, const zk::Salt& salt) {
  const bool fits = array.shape.size() <= zk::Shape::kMaxAxes &&
                    std::ranges::all_of(array.shape, [](uint64_t axis) { return axis >> 32 == 0; });
  if (!fits)
    return tl::unexpected(Error{ErrorCode::kUnfitTensors,
                                fmt::format("expected at most {} axes below 2^32, found shape {}",
                                            zk::Shape::kMaxAxes, shape_text(array.shape))});
  const std::vector<uint32_t> shape(array.shape.begin(), array.shape.end());
  return zk::commitment(array.bytes, element_type(array.type), std::span(shape), salt);
}

}  // namespace zkvm
