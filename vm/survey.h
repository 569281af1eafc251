// What a segment's record would have, counted: enough to know which tables its proof will need. Counting takes
// a third of recording's time, and no memory that grows with the segment.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vm/hash_call.h"
#include "vm/record.h"

namespace zkvm::vm {

struct Survey {
  SegmentEnd end = SegmentEnd::kCut;
  uint64_t cycles = 0;       // instructions
  uint64_t cost = 0;         // of ticks and calls, in the unit of the limits
  uint32_t journal_end = 0;  // words in the journal when it ends

  std::vector<uint32_t> counts;              // executions of each word of the text
  std::vector<uint32_t> layer_calls;         // layers, in the order of the calls
  std::array<HashUse, kHashes> hashes = {};  // by Hash
  uint64_t transfers = 0;                    // words of input and journal

  // Granules (address / kGranuleBytes), ascending, with a word that was accessed: of writable memory, and of
  // memory that is not. Where both lie in one granule, it may be in both.
  std::vector<uint32_t> writable, constant;
  uint64_t pages = 0;  // granules in one or both

  bool operator==(const Survey&) const = default;
};

// Of a segment that was recorded: Survey::counts, and all of it.
[[nodiscard]] std::vector<uint32_t> instruction_counts(const Program& program,
                                                       const Segment& segment);
[[nodiscard]] Survey survey_of(const Program& program, const Segment& segment);

}  // namespace zkvm::vm
