// Files inside the guest: `zkvm_add_guest(... EMBED weights weights.bin)` makes the bytes of
// weights.bin part of the program's read-only memory (and so of its identity), and in the source
//
//   ZK_EMBED(int8_t, weights);        // at namespace scope, outside any namespace or inside one
//   ... weights() ...                 // std::span<const int8_t>, 16-byte aligned
//
// Not for secrets: constants of a program are public to whoever has enough of its receipts. What
// must stay private is read as input.
//
// The file's size must be a multiple of sizeof(type); a trailing part of an element is left out of
// the span.
#pragma once

#include <stdint.h>

#include <cstddef>
#include <span>

#define ZK_EMBED(type, symbol)                                                     \
  extern "C" const type zk_embed_##symbol[] __asm__("zk_embed_" #symbol);          \
  extern "C" const std::byte zk_embed_##symbol##_size[];                           \
  [[maybe_unused]] static inline std::span<const type> symbol() {                  \
    auto size = reinterpret_cast<uintptr_t>(zk_embed_##symbol##_size);             \
    __asm__("" : "+r"(size)); /* compilers know that no address is 0; a size is */ \
    return {zk_embed_##symbol, size / sizeof(type)};                               \
  }                                                                                \
  static_assert(alignof(type) <= 16)
