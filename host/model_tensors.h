// Between numbers of the model and bytes of a guest, by what the program says of its model: a guest's input from
// arrays, named outputs from a journal.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/model_info.h"
#include "host/npy.h"
#include "host/zkvm_verify.h"

namespace zkvm {

/// An array for an input: by its name, or without one by its place.
struct InputArray {
  std::string name;  // of the input, or empty
  Array array;
};

/// ONNX's QuantizeLinear in float32: clamp(x / scale), rounded to even, + zero point. NaN gives the least value.
/// REQUIRES: `type` has bytes.
[[nodiscard]] int quantised(float x, const TensorScale& scale, TensorType type);

/// The input of a guest for these arrays, of info.run_input_bytes() bytes. For every input and `batch` examples there
/// is one array with `batch` as its first axis, or there are `batch` of them; unnamed ones are taken by all inputs in
/// turn, example by example. Leading axes of 1 may be missing or more. An element is a float32 or float64 (rounded to
/// float32 first), which is quantised by the input's scale; or of the input's own type, which is taken as it is; an
/// int32 may be any integer that fits. `weights`: of a model with private ones, salt and weights as
/// `zkvm import --private-weights` wrote them. Errors: kUnfitTensors.
[[nodiscard]] Result<std::vector<uint8_t>> encode_input(const ModelInfo& info,
                                                        std::span<const InputArray> arrays,
                                                        std::span<const uint8_t> weights = {});

/// The model of a program that a receipt is of, by `json` of anybody: what the program says, if its BLAKE3 is that under
/// the image id. Errors: kWrongModel, kMalformedModel.
[[nodiscard]] Result<ModelInfo> proven_model(const Verification& proven,
                                             std::span<const uint8_t> json);

/// An output as a run wrote it: elements of all examples, one behind the other.
struct OutputValues {
  const TensorInfo* tensor;
  std::vector<int32_t> integers;  // as they stand; of a float32 none
  std::vector<float> reals;       // of a float32; else by its scale, none without one
  // The tensor's own, as many as the rows of the last axis: of each the first greatest element's label (NaN is the
  // least); with `index`, of each element its own, nullptr where there is none of that number. None if there are none.
  std::vector<const std::string*> labels = {};
};

/// The model id in a journal: the bytes that stand before the outputs, none of a model whose weights are public.
/// REQUIRES: decode_outputs() has no error.
[[nodiscard]] inline std::span<const uint8_t> model_id_in(const ModelInfo& info,
                                                          std::span<const uint8_t> journal) {
  return journal.first(info.journal_begin());
}

/// The BLAKE3 of the inputs in a journal, likewise; none where they are private.
[[nodiscard]] inline std::span<const uint8_t> input_digest_in(const ModelInfo& info,
                                                              std::span<const uint8_t> journal) {
  return journal.last(info.public_input ? kInputDigestBytes : 0);
}

/// All outputs in a journal, in order; `info` has no complaint and outlives them. Memory: 16 times the journal's.
/// Errors: kUnfitTensors, if it has another length, other padding than zeros, or labels of more than 2^28 bytes: who
/// writes them out would need as many.
[[nodiscard]] Result<std::vector<OutputValues>> decode_outputs(const ModelInfo& info,
                                                               std::span<const uint8_t> journal);

}  // namespace zkvm
