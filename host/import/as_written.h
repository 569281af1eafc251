// What a QDQ file says as it stands: DequantizeLinear, float operators, QuantizeLinear, one node after the other. ONNX
// Runtime computes that without graph optimisation, but for the order in which its float32 sums are made, which depends
// on the CPU: here they are exact to float64 and rounded to float32 once.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/error.h"
#include "host/import/check.h"
#include "host/import/network.h"
#include "host/model_info.h"
#include "host/npy.h"

namespace zkvm::importer {

// Tensors `names` of the model for these inputs, by ONNX's names: float32, int8, uint8, int32 or int64, with the model's
// own dimensions. A name that nothing in the model has is left out. Errors: kUnsupported with the node, where an operator
// is none of those that as_written.cc has, or is not as ONNX defines it.
[[nodiscard]] Result<std::map<std::string, Array>> evaluate_as_written(
    const onnx_file::Model& model, const std::map<std::string, Array>& inputs,
    const std::set<std::string>& names);

// How far the network's outputs are from these, on arrays of examples as check() has them, of the inputs; outputs whose
// tensor the file has not itself have no elements in the report. Errors: kUnfitTensors.
[[nodiscard]] zkvm::Result<CheckReport> distance_to_as_written(
    const onnx_file::Model& model, const Network& network, const ModelInfo& info,
    const std::map<std::string, Array>& arrays);

// Arrays of examples for the network's inputs: uniform over their bytes, the same ones each time. Errors: kUnfitTensors where
// an input is no bytes.
[[nodiscard]] zkvm::Result<std::map<std::string, Array>> random_inputs(const ModelInfo& info,
                                                                       uint64_t examples);

}  // namespace zkvm::importer
