#include "host/onnx/model.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <array>
#include <bit>

namespace zkvm::onnx_file {
namespace {

static_assert(std::endian::native == std::endian::little);

struct TypeLine {
  const char* name;
  size_t bytes;
};
// In the order of ElementType.
constexpr std::array<TypeLine, 13> kTypes = {{{"float32", 4},
                                              {"uint8", 1},
                                              {"int8", 1},
                                              {"int32", 4},
                                              {"int64", 8},
                                              {"bool", 1},
                                              {"float16", 2},
                                              {"float64", 8},
                                              {"int16", 2},
                                              {"uint16", 2},
                                              {"uint32", 4},
                                              {"uint64", 8},
                                              {"string", 0}}};
static_assert(kTypes.size() == static_cast<size_t>(ElementType::kString) + 1);

template <class T>
std::vector<int64_t> widened(const Tensor& tensor) {
  const std::vector<T> values = tensor.values<T>();
  return {values.begin(), values.end()};
}

}  // namespace

const char* name_of(ElementType type) { return kTypes[static_cast<size_t>(type)].name; }
size_t bytes_of(ElementType type) { return kTypes[static_cast<size_t>(type)].bytes; }

std::string printable(std::string_view text) {
  constexpr size_t kMost = 200;
  std::string result;
  // Where "..." would go, if the text turns out too long.
  size_t cut = 0;
  for (const char c : text) {
    result += c >= ' ' && c <= '~' ? std::string(1, c)
                                   : fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    if (result.size() > kMost) return result.substr(0, cut) + "...";
    if (result.size() <= kMost - 3) cut = result.size();
  }
  return result;
}

size_t Tensor::size() const {
  return type == ElementType::kString ? strings.size() : bytes.size() / bytes_of(type);
}

std::vector<int64_t> Tensor::integers() const {
  switch (type) {
    case ElementType::kUint8:
    case ElementType::kBool:
      return widened<uint8_t>(*this);
    case ElementType::kInt8:
      return widened<int8_t>(*this);
    case ElementType::kInt16:
      return widened<int16_t>(*this);
    case ElementType::kUint16:
      return widened<uint16_t>(*this);
    case ElementType::kInt32:
      return widened<int32_t>(*this);
    case ElementType::kUint32:
      return widened<uint32_t>(*this);
    case ElementType::kInt64:
    case ElementType::kUint64:
      return values<int64_t>();
    case ElementType::kFloat32:
    case ElementType::kFloat16:
    case ElementType::kFloat64:
    case ElementType::kString:
      break;
  }
  ZK_CHECK(false && "integers() of a tensor that holds none");
  return {};
}

}  // namespace zkvm::onnx_file
