// What a program says of its model: names, shapes, types, scales and labels of inputs and outputs. It stands as JSON
// in the section vm::kModelSection of the guest's ELF file, which is not loaded and which the image id covers.
//
//   {
//     "format": 1,
//     "name": "mnist",
//     "batch": 1,
//     "onnx": {"producer": "onnx.quantize 0.1.0", "opset": 21, "blake3": "64 hex digits, of the file"},
//     "inputs": [
//       {"name": "image", "shape": [1, 1, 28, 28], "type": "int8", "model_type": "float32", "scale": 0.003921569,
//        "zero_point": -128, "at": 0, "bytes": 784}
//     ],
//     "outputs": [
//       {"name": "logits", "shape": [1, 10], "type": "int8", "model_type": "float32", "scale": 0.1484375,
//        "zero_point": 0, "labels": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "at": 0, "bytes": 10}
//     ]
//   }
//
// The guest's input holds the inputs in this order, its journal the outputs: elements in ONNX's order (the last axis
// fastest), little-endian, each tensor padded with zeros to whole 32-bit words. An int8 is x + 128 in the input
// (zk::nn::read_tensor), and two's complement in the journal. A run takes `batch` examples one after the other: all
// inputs of the first, all of the second, and likewise the outputs.
//
// With "private_weights": {"bytes": N} the weights are no part of the program. Then the input begins with a salt of 32
// bytes and N bytes of weights, and the journal with their commitment (zk/commitment.h, of a file): the model id.
// Beside "bytes" may stand what the program tells of the weights all the same, the scale of each layer's or of each of
// its outputs': "scales": [{"layer": "conv1", "scales": [0.0078125]}].
//
// With "public_input": true the journal ends with 32 bytes more, the BLAKE3 of all inputs of the run as the guest reads
// them.
//
// "at" and "bytes" say where a tensor of the first example stands, without its padding; they follow from the rest, may
// be left out, and are checked where they are there. "batch" (1), "private_weights" and its "scales", "public_input",
// "onnx", "model_type" ("type"), "scale", "zero_point", "labels" and "index" may be left out too; no other key is
// known, and none may be there twice.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/error.h"

namespace zkvm {

/// An element as the guest has it.
enum class TensorType : uint8_t { kInt8, kUint8, kInt32, kFloat32 };
[[nodiscard]] const char* name_of(TensorType type);  // as numpy has it: "int8"
[[nodiscard]] uint32_t bytes_of(TensorType type);    // 1 or 4

/// real = scale * (x - zero_point), in float32.
struct TensorScale {
  float scale = 1;     // finite, above 0
  int zero_point = 0;  // one that the type has; of an int32 it is 0
  bool operator==(const TensorScale&) const = default;
};

/// An input or output of the model.
struct TensorInfo {
  std::string name;             // the model's; not empty, at most kMaxNameBytes
  std::vector<uint32_t> shape;  // none is 0; empty: one element
  TensorType type = TensorType::kInt8;
  std::string model_type;  // what the model itself has there, as numpy names it: "float32", "int64"
  std::optional<TensorScale> scale = {};  // of integers
  std::vector<std::string> labels =
      {};              // of classes: as many as the last axis has, or, with `index`, any number
  bool index = false;  // elements are numbers of labels (an ArgMax's, a TopK's); of an int32

  [[nodiscard]] uint64_t elements() const;
  [[nodiscard]] uint64_t bytes() const { return elements() * bytes_of(type); }
  [[nodiscard]] uint64_t padded_bytes() const { return (bytes() + 3) & ~uint64_t{3}; }
  bool operator==(const TensorInfo&) const = default;
};

/// The ONNX file that a program was made from.
struct OnnxInfo {
  std::string producer;
  int64_t opset = 0;   // of ONNX's own domain; 0: not said
  std::string blake3;  // of the file: 64 hex digits in lower case, or empty
  bool operator==(const OnnxInfo&) const = default;
};

/// Scales of a layer's weights, real = scale * integer.
struct WeightScales {
  std::string layer;          // not empty, at most kMaxNameBytes
  std::vector<float> scales;  // finite, above 0; one, or one of each output
  bool operator==(const WeightScales&) const = default;
};

inline constexpr uint64_t kSaltBytes = 32, kModelIdBytes = 32, kInputDigestBytes = 32;

struct ModelInfo {
  std::string name;
  uint32_t batch = 1;  // examples of a run; not 0
  std::vector<TensorInfo> inputs,
      outputs;  // in the order of the input and of the journal; names differ
  std::optional<OnnxInfo> onnx = {};
  // Bytes of weights that are private, a multiple of 4; 0: they are constants of the program, or there are none.
  uint64_t private_weights = 0;
  // Of private weights, what the program tells of them all the same; none where there are none.
  std::vector<WeightScales> weight_scales = {};
  bool public_input = false;

  /// Where the first example begins, in the input and in the journal.
  [[nodiscard]] uint64_t input_begin() const {
    return private_weights == 0 ? 0 : kSaltBytes + private_weights;
  }
  [[nodiscard]] uint64_t journal_begin() const { return private_weights == 0 ? 0 : kModelIdBytes; }
  /// Of one example and of a run: bytes, padding included.
  [[nodiscard]] uint64_t input_bytes() const;
  [[nodiscard]] uint64_t output_bytes() const;
  [[nodiscard]] uint64_t run_input_bytes() const { return input_begin() + batch * input_bytes(); }
  [[nodiscard]] uint64_t run_output_bytes() const {
    return journal_begin() + batch * output_bytes() + (public_input ? kInputDigestBytes : 0);
  }
  /// As if the weights were constants: of the inputs alone.
  void forget_private_weights() {
    private_weights = 0;
    weight_scales.clear();
  }
  bool operator==(const ModelInfo&) const = default;
};

inline constexpr size_t kMaxNameBytes = 1024;  // of names and labels
inline constexpr size_t kMaxTensors = 256;     // inputs, and as many outputs
inline constexpr size_t kMaxAxes = 16;
inline constexpr uint64_t kMaxTensorBytes =
    uint64_t{1} << 30;  // of all inputs of a run, of all outputs likewise, and of private weights

/// What is wrong with it (one line: where, expected, found), or nothing.
[[nodiscard]] std::optional<std::string> complaint_of(const ModelInfo& info);

/// Reads the section's bytes, which are hostile: memory is bounded by some 100 times their number, which is at most
/// vm::kMaxModelBytes in a program. The result has no complaint. Errors: kMalformedModel.
[[nodiscard]] Result<ModelInfo> read_model_info(std::span<const uint8_t> json);

/// The same text for the same information, with a newline at its end: read_model_info gives it back. What is no UTF-8
/// is replaced. REQUIRES: it has no complaint.
[[nodiscard]] std::string write_model_info(const ModelInfo& info);

}  // namespace zkvm
