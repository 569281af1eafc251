// The compression function of BLAKE3 over whole blocks: the one place where the library computes it, by a call of the
// machine (zk/blake3_call.h) or, where that has none (qemu, the host), by instructions. Source: "BLAKE3: one function,
// fast everywhere" (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020), section 2.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace zk::detail {

inline constexpr uint32_t kBlake3BlockBytes = 64;
inline constexpr uint32_t kBlake3Iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// A run of `count` blocks, 1 .. abi::kMaxHashBlocks, 16 words each and one after the other, compressed in order into
// `cv`. Every block has the flags `middle_flags` and the same counter; the first one has `first_flags`, too, and the
// last one `last_flags` (a run of one block has all three); flags and lengths are below 2^8. Blocks have 64 bytes, the
// last one `last_length`, and zeros behind them. `cv` is no part of the blocks, which are memory of any type, all of it
// writable or all constants.
void blake3_compress_run(uint32_t cv[8], const uint32_t* blocks, size_t count, uint64_t counter,
                         uint32_t first_flags, uint32_t middle_flags, uint32_t last_flags,
                         uint32_t last_length);

// All 16 words of output of one block, for extended output. By instructions always: a call of the machine that gives
// the first 8 words, the new chaining value v[i] ^ v[i + 8], would have to give v[i + 8] ^ cv[i], too.
void blake3_compress_wide(const uint32_t cv[8], const uint32_t block[16], uint64_t counter,
                          uint32_t length, uint32_t flags, uint32_t out[16]);

}  // namespace zk::detail
