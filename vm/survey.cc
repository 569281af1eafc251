#include "vm/survey.h"

#include <algorithm>

namespace zkvm::vm {
namespace {

template <class Row>
void count(const RowBuffer& rows, std::vector<uint32_t>& counts) {
  for (const Row& row : rows.rows<Row>()) ++counts[row.index];
}

}  // namespace

std::vector<uint32_t> instruction_counts(const Program& program, const Segment& segment) {
  std::vector<uint32_t> counts(program.text().size / 4);
  for (size_t i = 0; i < kClassCount; ++i)
    with_row_type(static_cast<Class>(i),
                  [&]<class Row>() { count<Row>(segment.instructions[i], counts); });
  count<LayerRow>(segment.layer_calls, counts);
  for (const HashRecord& hash : segment.hashes) count<HashRow>(hash.calls, counts);
  return counts;
}

Survey survey_of(const Program& program, const Segment& segment) {
  Survey out{.end = segment.end,
             .cycles = segment.cycles,
             .cost = segment.cost,
             .journal_end = segment.final.words[kJournalPosition],
             .counts = instruction_counts(program, segment),
             .layer_calls = {},
             .transfers = segment.transfers.size(),
             .writable = {},
             .constant = {},
             .pages = segment.pages.size()};
  for (const LayerRow& row : segment.layer_calls.rows<LayerRow>())
    out.layer_calls.push_back(row.layer);
  for (size_t hash = 0; hash < kHashes; ++hash)
    out.hashes[hash] = {segment.hashes[hash].calls.size(), segment.hashes[hash].blocks};
  for (const Page& page : segment.pages) {
    bool writable = false, constant = false;
    for (uint32_t i = 0; i < kGranuleWords; ++i) {
      if (page.time[i] == 0) continue;
      const Region* region = program.region_at((page.first_word + i) * 4);
      (region->write ? writable : constant) = true;
    }
    const uint32_t granule = page.first_word / kGranuleWords;
    if (writable) out.writable.push_back(granule);
    if (constant) out.constant.push_back(granule);
  }
  std::ranges::sort(out.writable);
  std::ranges::sort(out.constant);
  return out;
}

}  // namespace zkvm::vm
