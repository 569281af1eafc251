// The blocks that a segment's calls of a hash compress, each with the chaining value that it starts from.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "stark/machine/image.h"
#include "vm/elf.h"
#include "vm/record.h"

namespace zkvm::stark::machine {

/// What a row of a block is made from (chips/hash/blake3_block.h, sha256_block.h).
struct HashedBlock {
  uint32_t clk, place, left;
  uint32_t now, middle, last_flags, last_length;  // BLAKE3's, as are the next three
  uint32_t flags, length;
  uint32_t counter[2];
  bool read_only;
  uint32_t cv[8], cv_after[8];
  std::span<const vm::Access> words;
};

struct HashedCall {
  const vm::HashRow* record;
  std::span<const vm::Access> cv;  // as the call finds it
  uint32_t after[8];
};

struct HashedBlocks {
  std::vector<HashedCall> calls;
  std::vector<HashedBlock> blocks;
};
/// Program and segment must outlive the result.
[[nodiscard]] HashedBlocks hashed_blocks(const vm::Program& program, const vm::Segment& segment,
                                         vm::Hash hash);

/// How many of so many blocks of BLAKE3, the first ones, have a row with all their rounds: those that fill
/// tables of such rows, nearly, because these are as wide as they are few.
[[nodiscard]] constexpr uint64_t whole_blocks(uint64_t blocks) {
  constexpr uint64_t kTable = uint64_t{1} << kMinLogHeight;
  const uint64_t rest = blocks % kTable;
  return 4 * rest >= 3 * kTable ? blocks : blocks - rest;
}

}  // namespace zkvm::stark::machine
