// Arrays as numpy writes them: .npy files (versions 1 to 3 of the format, numpy.lib.format).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/error.h"

namespace zkvm {

enum class ArrayType : uint8_t {
  kBool,
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64
};
[[nodiscard]] const char* name_of(ArrayType type);  // as numpy has it: "float32"
[[nodiscard]] uint32_t bytes_of(ArrayType type);    // of an element

/// Elements with the last axis fastest, little-endian; a bool is a byte. An empty shape: one element.
struct Array {
  ArrayType type = ArrayType::kFloat32;
  std::vector<uint64_t> shape;
  std::vector<uint8_t> bytes;

  [[nodiscard]] uint64_t elements() const { return bytes.size() / bytes_of(type); }
  bool operator==(const Array&) const = default;
};

[[nodiscard]] std::string shape_text(std::span<const uint64_t> shape);  // "1x28x28", "scalar"

/// Reads an untrusted file in C or Fortran order. Memory: some twice the file's size. Errors: kMalformedArray; also of
/// what numpy has and this has not: big-endian numbers, complex ones, records, objects.
[[nodiscard]] Result<Array> read_npy(std::span<const uint8_t> file);

}  // namespace zkvm
