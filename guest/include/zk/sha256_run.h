// The compression function of SHA-256 over whole blocks: the one place where the library computes it, by a call of the
// machine (zk/sha256_call.h) or, where that has none (qemu, the host), by instructions.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace zk::detail {

// SHA-256 reads and writes numbers with the highest byte first.
constexpr uint32_t exchange_bytes(uint32_t x) {
  return x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | x << 24;
}

// `state` after `count` blocks of 64 bytes, one after the other. A word of a block is four bytes as they lie in
// memory, of any type, which SHA-256 reads with the highest one first: the run exchanges them itself. The blocks are all of them writable or all constants, and
// `state` is no part of them.
void sha256_compress_run(uint32_t state[8], const uint32_t* blocks, size_t count);

}  // namespace zk::detail
