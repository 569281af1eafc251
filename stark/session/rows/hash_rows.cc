#include "stark/session/rows/hash_rows.h"

#include <algorithm>

#include "vm/hash_call.h"

namespace zkvm::stark::machine {

HashedBlocks hashed_blocks(const vm::Program& program, const vm::Segment& segment,
                           vm::Hash hash) {
  HashedBlocks out;
  const vm::HashRecord& record = segment.hashes[static_cast<size_t>(hash)];
  if (record.blocks == 0) return out;
  constexpr uint32_t kWords = vm::kHashBlockWords, kCvWords = vm::kCvWords;
  const auto words = record.words.rows<vm::Access>();
  out.blocks.reserve(record.blocks);
  for (const vm::HashRow& row : record.calls.rows<vm::HashRow>()) {
    const vm::HashCall call{.cv = row.a0.value,
                              .blocks = row.a1.value,
                              .count = row.a2.value,
                              .counter = uint64_t{row.a4.value} << 32 | row.a3.value,
                              .modes = row.a5.value,
                            .hash = hash};
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
                      .counter = {row.a3.value, row.a4.value},
                      .read_only = read_only,
                      .cv = {},
                      .cv_after = {},
                      .words = words.subspan(row.word + size_t{i} * kWords, kWords)});
      std::ranges::copy(cv, made.cv);
      for (uint32_t k = 0; k < kWords; ++k) block[k] = made.words[k].value;
      vm::compress(call, i, block, cv);
      std::ranges::copy(cv, made.cv_after);
    }
    std::ranges::copy(cv, of_call.after);
  }
  return out;
}

}  // namespace zkvm::stark::machine
