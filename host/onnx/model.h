// An ONNX file as `zkvm import` sees it: what the protobuf says, in types of our own, checked. Nothing here knows
// what an operator means.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

namespace zkvm::onnx_file {

enum class ErrorCode {
  kMalformed,    // no ONNX model, or one that contradicts itself: shapes, names, cycles, missing tensors
  kTooLarge,     // more bytes, elements or nodes than allowed
  kUnsupported,  // well-formed, and nothing that `zkvm import` has: operator, attribute, type, version, form
};
struct Error {
  ErrorCode code;
  std::string message;  // one line: node, operator, what was found, what would work
};
template <class T>
using Result = tl::expected<T, Error>;

// The order and numbers are ours, not ONNX's.
enum class ElementType : uint8_t {
  kFloat32, kUint8, kInt8, kInt32, kInt64, kBool, kFloat16, kFloat64, kInt16, kUint16, kUint32, kUint64, kString
};
const char* name_of(ElementType type);  // as numpy has it: "float32"
size_t bytes_of(ElementType type);      // of an element; 0 of strings

// A file's text as a message may show it: at most 200 bytes, and what is not printable ASCII as "\xe2".
std::string printable(std::string_view text);

// A constant: row-major, little-endian; a bool is a byte, 0 or 1. Without dimensions it is one element.
struct Tensor {
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> dims;
  std::vector<uint8_t> bytes;
  std::vector<std::string> strings;  // of kString: instead of bytes

  [[nodiscard]] size_t size() const;  // elements
  // REQUIRES: T is the type's.
  template <class T>
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> result(bytes.size() / sizeof(T));
    if (!result.empty()) std::memcpy(result.data(), bytes.data(), result.size() * sizeof(T));
    return result;
  }
  // Integers of any type as int64; REQUIRES: no float, no string.
  [[nodiscard]] std::vector<int64_t> integers() const;
};
using TensorPointer = std::shared_ptr<const Tensor>;  // shared, never changed

using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, TensorPointer>;

struct Node {
  std::string name;     // never empty: ONNX allows that, then it is "#7", its place in the file
  std::string op_type;  // "Conv"
  std::string domain;   // "" (ONNX's own), "com.microsoft", "ai.onnx.ml"
  std::vector<std::string> inputs;  // "": left out
  std::vector<std::string> outputs;
  std::map<std::string, Attribute> attributes;
};

// A dimension without a number is -1.
struct ValueInfo {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> dims;
  std::vector<std::string> dim_names;  // of each dimension, "" where there is none
  // Only outputs lack these: the file need not say them, and what a ZipMap writes is no tensor.
  bool has_type = true, has_shape = true;
};

struct Model {
  int64_t ir_version = 0;
  std::map<std::string, int64_t> opsets;  // by domain; "" is there always, 10 to 27, or 9 for Cast alone
  std::string producer;                   // "onnx.quantize 0.1.0", ""
  std::map<std::string, std::string> metadata;
  std::string graph_name;
  std::vector<ValueInfo> inputs, outputs;  // inputs without those that are constants
  // Initialisers and the outputs of Constant nodes, which are not among `nodes`.
  std::map<std::string, TensorPointer> constants;
  std::vector<Node> nodes;  // each behind those whose outputs it reads; names are unique
};

struct Limits {
  uint64_t file_bytes = (uint64_t{1} << 31) - 1;  // protobuf's
  uint64_t elements = uint64_t{1} << 28;  // of all constants
  size_t nodes = 100'000;
  // What nodes, names and integers that are listed one by one take beside their bytes, which may be two.
  uint64_t parts_bytes = uint64_t{512} << 20;
};

// The file is hostile: it takes at most 6 times its size and limits.parts_bytes of memory. Every name that a node reads
// is an input, a constant or an output of a node before it; every output is written once; no node has a subgraph.
[[nodiscard]] Result<Model> read_model(std::span<const uint8_t> file, const Limits& limits = {});

}  // namespace zkvm::onnx_file
