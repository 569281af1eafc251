// What a program says of its model, and a journal by it: text for people, and JSON.
#pragma once

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "host/model_info.h"
#include "host/zkvm.h"

namespace zkvm::cli {

// What the bytes of a section say; nothing of none. Errors: those of model_section and read_model_info.
[[nodiscard]] Result<std::optional<ModelInfo>> read_model_section(
    const Result<std::vector<uint8_t>>& section);

// The same of the guest `elf`.
[[nodiscard]] inline Result<std::optional<ModelInfo>> model_of(std::span<const uint8_t> elf) {
  return read_model_section(model_section(elf));
}

// The outputs in the journal, a line each, with values in the model's own terms and labels of the greatest; or one line
// on what is wrong. Nothing of a guest that says nothing.
void print_outputs(const Result<std::optional<ModelInfo>>& model, std::span<const uint8_t> journal,
                   std::FILE* out);

// Puts "outputs" into the object: by name {shape, type, scale, zero_point, values, dequantised, labels}, null for what
// says nothing; where something is wrong, null and "outputs_error". And "model_id", null where weights are public, and
// "input_digest", null where inputs are private.
void put_outputs(nlohmann::ordered_json& object, const Result<std::optional<ModelInfo>>& model,
                 std::span<const uint8_t> journal);

// The same two of a run of the guest `elf`, if it ended by exit with 0: only then its journal is what the guest says.
void print_outputs(std::span<const uint8_t> elf, const Run& run, std::FILE* out);
void put_outputs(nlohmann::ordered_json& object, std::span<const uint8_t> elf, const Run& run);

// Inputs and outputs as tables.
void print_model(const ModelInfo& model, std::FILE* out);

// {name, digest, batch, onnx, inputs, outputs}. `section`: the bytes that `model` was read from.
[[nodiscard]] nlohmann::ordered_json model_json(const ModelInfo& model,
                                                std::span<const uint8_t> section);

}  // namespace zkvm::cli
