// What an interaction does with its tuple, in a chip's text and in a key's bytes.
#pragma once

#include <cstdint>

namespace zkvm::stark {

enum class InteractionKind : uint8_t { kSend = 0, kReceive = 1, kAnswer = 2 };

}  // namespace zkvm::stark
