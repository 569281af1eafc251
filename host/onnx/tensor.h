// What the reader's own files share; no part of its interface: this header needs protobuf.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>
#include <string>

#include "host/onnx/model.h"

namespace zkvm::onnx_file {

// "tensor(bfloat16)"; "number 99" where ONNX has no such type.
std::string type_name(int32_t onnx_type);

// Nothing where the type is none of ours.
std::optional<ElementType> element_type(int32_t onnx_type);

// The product of the dimensions where they are numbers, those that are 0 or -1 left out: nothing if it exceeds
// `limit`. So the product of any of them is no greater either.
std::optional<uint64_t> product_of(const std::vector<int64_t>& dims, uint64_t limit);

inline constexpr size_t kMaxRank = 32;

// A tensor's contents, which are moved out of `proto`. `where` begins the messages: "constant \"w\"". Its elements are
// taken off `elements_left`.
Result<Tensor> read_tensor(onnx::TensorProto& proto, const std::string& where,
                           uint64_t& elements_left);

}  // namespace zkvm::onnx_file
