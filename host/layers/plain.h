// Layers prepared for programs that compute them by instructions: the blob of guest/include/zk/nn/plain_layers.h,
// which zkvm_add_guest embeds where TENSOR is off.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vm/layer/layer.h"

namespace zkvm::layers {

// Layer n of the span is layer n of the blob, which must begin on a word; ids and names are left out. Weights
// take two bytes each, and half a byte in layers of four emits or more; less those that no output of a block
// has; a pair of them that does not fit a word (zk/nn/taps.h) takes several.
// REQUIRES: no layer has a complaint(); the blob is below 2^31 bytes; plain_heap() of each layer below 2^30.
[[nodiscard]] std::vector<uint8_t> write_plain(std::span<const vm::Layer> layers);

// Bytes of the heap that a call of the layer takes, and gives back.
[[nodiscard]] uint64_t plain_heap(const vm::Layer& layer);

}  // namespace zkvm::layers
