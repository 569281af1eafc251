// A call of blake3 by a guest: blocks of a message are compressed, one after the other, into a chaining
// value in memory, in place. What a caller passes: guest/include/zk/blake3_call.h.
#pragma once

#include <cstdint>

#include "vm/memory.h"

namespace zkvm::vm {

inline constexpr uint32_t kBlake3BlockBytes = 64;
inline constexpr uint32_t kBlake3CvBytes = 32;

struct Blake3Call {
  uint32_t cv = 0;      // address of the chaining value
  uint32_t blocks = 0;  // address of the first block
  uint32_t count = 0;   // of blocks
  uint64_t counter = 0;
  uint32_t modes = 0;

  // Block i has the flags of the last block if it is the last, else of the first if it is the first, else
  // of those between.
  [[nodiscard]] uint32_t flags(uint32_t i) const {
    return (i + 1 == count ? modes >> 16 : i == 0 ? modes : modes >> 8) & 0xff;
  }
  [[nodiscard]] uint32_t length(uint32_t i) const {
    return i + 1 == count ? modes >> 24 : kBlake3BlockBytes;
  }
  // As of so many instructions: about as long as one takes for each byte.
  [[nodiscard]] uint64_t work() const { return uint64_t{count} * kBlake3BlockBytes; }
};

struct Blake3Use {
  uint64_t calls = 0, blocks = 0;
  bool operator==(const Blake3Use&) const = default;
};

// What block i of a call makes of a chaining value.
void blake3_compress(const Blake3Call& call, uint32_t i, const uint32_t (&block)[16],
                     uint32_t (&cv)[8]);

// Whether the chaining value is a multiple of 4 and writable; whether the blocks are, too, and readable:
// all writable or all constants, because a row of the proof reads one kind.
[[nodiscard]] bool may_write_cv(const Blake3Call& call, const Memory& memory);
[[nodiscard]] bool may_read_blocks(const Blake3Call& call, const Memory& memory);
// REQUIRE: both.
void touch_blake3(const Blake3Call& call, Memory& memory);
// Reads all blocks, then writes the chaining value: they may overlap.
void run_blake3(const Blake3Call& call, Memory& memory);

}  // namespace zkvm::vm
