#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "host/onnx/model.h"

namespace zkvm::onnx_file {

// Before the file is parsed: what its messages, texts and listed integers would take beside their bytes. Two bytes of
// a file can become a message of 256 in memory, and one byte an integer of eight. Errors: kTooLarge above `limit`
// bytes, or nested deeper than protobuf allows; kMalformed where the bytes are no protobuf message. What is raw or a
// float costs what it is long, and isn't counted.
std::optional<Error> scan(std::span<const uint8_t> file, uint64_t limit);

}  // namespace zkvm::onnx_file
