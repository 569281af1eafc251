// Calls of hashes by a guest: blocks of a message are compressed, one after the other, into a chaining value in
// memory, in place. What a caller passes: guest/include/zk/blake3_call.h, zk/sha256_call.h.
#pragma once

#include <zk/abi.h>

#include <cstddef>
#include <cstdint>

#include "vm/memory.h"

namespace zkvm::vm {

enum class Hash : uint8_t { kBlake3, kSha256 };
inline constexpr size_t kHashes = 2;

// Of all hashes.
inline constexpr uint32_t kHashBlockBytes = 64, kHashBlockWords = kHashBlockBytes / 4;
inline constexpr uint32_t kCvBytes = 32, kCvWords = kCvBytes / 4;
inline constexpr uint32_t kMaxHashBlocks = zk::abi::kMaxHashBlocks;

struct HashCall {
  uint32_t cv = 0;       // address of the chaining value
  uint32_t blocks = 0;   // address of the first block
  uint32_t count = 0;    // of blocks
  uint64_t counter = 0;  // BLAKE3's, as are modes; else 0
  uint32_t modes = 0;
  Hash hash = Hash::kBlake3;

  // Block i has the flags of the last block if it is the last, else of the first if it is the first, else
  // of those between.
  [[nodiscard]] uint32_t flags(uint32_t i) const {
    return (i + 1 == count ? modes >> 16 : i == 0 ? modes : modes >> 8) & 0xff;
  }
  [[nodiscard]] uint32_t length(uint32_t i) const {
    return i + 1 == count ? modes >> 24 : kHashBlockBytes;
  }
  // As of so many instructions, which take about as long: measured, 1.5 ns each.
  [[nodiscard]] uint64_t work() const {
    return uint64_t{count} * (hash == Hash::kBlake3 ? 64 : 160);
  }
};

struct HashUse {
  uint64_t calls = 0, blocks = 0;
  bool operator==(const HashUse&) const = default;
};

// What block i of a call makes of a chaining value.
void compress(const HashCall& call, uint32_t i, const uint32_t (&block)[kHashBlockWords],
              uint32_t (&cv)[kCvWords]);

// Whether the chaining value is a multiple of 4 and writable; whether the blocks are, too, and readable:
// all writable or all constants, because a row of the proof reads one kind.
[[nodiscard]] bool may_write_cv(const HashCall& call, const Memory& memory);
[[nodiscard]] bool may_read_blocks(const HashCall& call, const Memory& memory);
// REQUIRE: both.
void touch_hashed(const HashCall& call, Memory& memory);
// Reads all blocks, then writes the chaining value: they may overlap.
void run_hash(const HashCall& call, Memory& memory);

}  // namespace zkvm::vm
