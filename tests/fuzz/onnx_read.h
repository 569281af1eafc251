// What both fuzzers of ONNX files do with one: read it and, if that works, check all that host/onnx/model.h promises.
#pragma once

#include <zk/check.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <variant>

#include "host/onnx/model.h"

namespace zkvm::onnx_file::test {

inline constexpr Limits kHostileLimits = {.elements = 1 << 16, .parts_bytes = 1 << 20};

inline void check_tensor(const Tensor& tensor) {
  uint64_t elements = 1;
  for (const int64_t dim : tensor.dims) {
    ZK_CHECK(dim >= 0);
    elements *= static_cast<uint64_t>(dim);
  }
  ZK_CHECK(tensor.size() == elements && elements <= kHostileLimits.elements);
  ZK_CHECK(tensor.bytes.size() == elements * bytes_of(tensor.type));
  ZK_CHECK(tensor.type == ElementType::kString || tensor.strings.empty());
  ZK_CHECK(tensor.type != ElementType::kBool ||
           std::ranges::all_of(tensor.bytes, [](uint8_t byte) { return byte <= 1; }));
}

inline void check_model(const Model& model) {
  ZK_CHECK(model.ir_version >= 3 && model.ir_version <= 13);
  ZK_CHECK(model.opsets.at("") >= 9 && model.opsets.at("") <= 27);
  std::set<std::string> written, names;
  for (const auto& [name, tensor] : model.constants) {
    check_tensor(*tensor);
    written.insert(name);
  }
  for (const ValueInfo& input : model.inputs) {
    ZK_CHECK(input.has_type && input.has_shape && written.insert(input.name).second);
    ZK_CHECK(input.dims.size() == input.dim_names.size());
    ZK_CHECK(std::ranges::all_of(input.dims, [](int64_t dim) { return dim >= -1; }));
  }
  for (const Node& node : model.nodes) {
    ZK_CHECK(!node.name.empty() && names.insert(node.name).second);
    ZK_CHECK(!node.op_type.empty() && node.domain != "ai.onnx");
    ZK_CHECK(!node.domain.empty() || node.op_type != "Constant");
    for (const std::string& input : node.inputs) ZK_CHECK(input.empty() || written.contains(input));
    for (const std::string& output : node.outputs)
      ZK_CHECK(output.empty() || written.insert(output).second);
    for (const auto& [name, value] : node.attributes)
      if (const auto* tensor = std::get_if<TensorPointer>(&value)) check_tensor(**tensor);
  }
  ZK_CHECK(!model.outputs.empty());
  for (const ValueInfo& output : model.outputs) ZK_CHECK(written.contains(output.name));
}

// True if it was read.
inline bool read_hostile_model(std::span<const uint8_t> file) {
  const auto model = read_model(file, kHostileLimits);
  if (model) {
    check_model(*model);
    return true;
  }
  const std::string& message = model.error().message;
  ZK_CHECK(!message.empty() && message.size() < 2000);
  ZK_CHECK(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }));
  return false;
}

}  // namespace zkvm::onnx_file::test
