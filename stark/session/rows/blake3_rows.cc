#include "stark/session/rows/blake3_rows.h"

#include <algorithm>

#include "vm/blake3_call.h"

namespace zkvm::stark::machine {

HashedBlocks hashed_blocks(const vm::Program& program, const vm::Segment& segment) {
  HashedBlocks out;
  if (segment.blake3_blocks == 0) return out;
  constexpr uint32_t kWords = vm::kBlake3BlockBytes / 4, kCvWords = vm::kBlake3CvBytes / 4;
  const auto words = segment.blake3_words.rows<vm::Access>();
  out.blocks.reserve(segment.blake3_blocks);
  for (const vm::Blake3Row& row : segment.blake3_calls.rows<vm::Blake3Row>()) {
    const vm::Blake3Call call{.cv = row.a0.value,
                              .blocks = row.a1.value,
                              .count = row.a2.value,
                              .counter = uint64_t{row.a4.value} << 32 | row.a3.value,
                              .modes = row.a5.value};
    HashedCall& of_call = out.calls.emplace_back(
        &row, words.subspan(row.word + size_t{call.count} * kWords, kCvWords));
    uint32_t cv[8], block[kWords];
    for (uint32_t i = 0; i < kCvWords; ++i) cv[i] = of_call.cv[i].value;
    const bool read_only = !program.region_at(call.blocks)->write;
    for (uint32_t i = 0; i < call.count; ++i) {
      HashedBlock& made = out.blocks.emplace_back(
          HashedBlock{.clk = row.clk,
                      .place = call.blocks / 4 + i * kWords,
                      .left = call.count - i,
                      .now = (i == 0 ? call.modes : call.modes >> 8) & 0xff,
                      .middle = call.modes >> 8 & 0xff,
                      .last_flags = call.modes >> 16 & 0xff,
                      .last_length = call.modes >> 24,
                      .flags = call.flags(i),
                      .length = call.length(i),
                      .read_only = read_only,
                      .counter = {row.a3.value, row.a4.value},
                      .cv = {},
                      .words = words.subspan(row.word + size_t{i} * kWords, kWords)});
      std::ranges::copy(cv, made.cv);
      for (uint32_t k = 0; k < kWords; ++k) block[k] = made.words[k].value;
      vm::blake3_compress(call, i, block, cv);
    }
    std::ranges::copy(cv, of_call.after);
  }
  return out;
}

}  // namespace zkvm::stark::machine
