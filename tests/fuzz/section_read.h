// What both fuzzers of sections of layers do with one: read it and, if that works, check that it is
// the one byte string of its layers.
#pragma once

#include <zk/check.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "vm/layer/section.h"

namespace zkvm::vm::test {

// True if it was read.
inline bool read_hostile_section(std::span<const uint8_t> section) {
  const auto layers = read_layers(section);
  if (!layers) {
    ZK_CHECK(layers.error().code == ErrorCode::kBadLayers && !layers.error().message.empty());
    return false;
  }
  std::vector<uint8_t> written;
  for (size_t i = 0; written.size() < section.size();) {
    uint32_t bytes;
    std::memcpy(&bytes, section.data() + written.size() + 8, 4);
    const size_t first = i, end = written.size() + bytes;
    while (i < layers->size() && (*layers)[i].id < end) ++i;
    const auto blob = write_layers(std::span(*layers).subspan(first, i - first));
    written.insert(written.end(), blob.begin(), blob.end());
  }
  ZK_CHECK(std::ranges::equal(written, section));
  return true;
}

}  // namespace zkvm::vm::test
