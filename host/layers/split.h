// A layer whose proof would take more than a segment has room for, in several calls: each is a layer of its own, for
// some of the positions that are written, and reads that part of the input which their windows cover. So rows next to
// a cut are read twice, and computed twice where a kernel has several rows; what stands at the true edges is padding
// as before. Any layout and kind will do, for all that is cut is a list of positions (vm/layer/layer.h).
//
// What cannot be cut are the weights of one position: a dense layer of one row is one call.
#pragma once

#include <cstdint>
#include <vector>

#include "host/layers/lower.h"
#include "vm/layer/layer.h"

namespace zkvm::layers {

// Layer::table_rows() of a call at most, where nobody says otherwise. A constant, for where layers are cut is part of a
// program.
inline constexpr uint64_t kLargestCall = uint64_t{1} << 19;

struct Part {
  vm::Layer layer;
  uint32_t in = 0, b = 0, out = 0;  // where its operands begin in those of the whole layer: bytes
};

// The layer itself if it has at most so many table_rows(), or twice as many as one position alone has; else parts for
// which that holds, in the order of their positions and of nearly equal size. They have one `back` and one list of
// taps, so that an image has their weights once. The whole layer may be larger than a call can be. Operands of a
// layer in several parts must not overlap: the first part writes before the last one reads. REQUIRES: nothing is
// wrong with it but its size. Errors: kUnfit: a part has a complaint(), or there are more parts or weights than a
// program may have.
[[nodiscard]] Result<std::vector<Part>> split(vm::Layer layer, uint64_t most_rows = kLargestCall);

}  // namespace zkvm::layers
