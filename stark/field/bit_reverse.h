// The order in which transforms leave coefficients.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace zkvm::stark {

// The `bits` low bits of `index`, reversed. REQUIRES: 0 <= bits <= 32, index < 2^bits.
constexpr size_t bit_reverse(size_t index, int bits) {
  auto x = static_cast<uint32_t>(index);
  x = (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
  x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
  x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
  x = (x & 0x00ff00ff) << 8 | (x >> 8 & 0x00ff00ff);
  return static_cast<size_t>((uint64_t{x << 16 | x >> 16} << bits) >> 32);
}

}  // namespace zkvm::stark
