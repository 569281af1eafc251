#include "vm/survey.h"

#include <algorithm>

namespace zkvm::vm {
namespace {

template <class Row>
void count(const RowBuffer& rows, std::vector<uint32_t>& counts) {
  for (const Row& row : rows.rows<Row>()) ++counts[row.index];
}

void count_rows(const Segment& segment, std::vector<uint32_t>& counts) {
  for (size_t i = 0; i < kClassCount; ++i) {
    const RowBuffer& rows = segment.instructions[i];
    switch (static_cast<Class>(i)) {
      case Class::kAdd:
      case Class::kBits:
      case Class::kShift:
      case Class::kCompare:
      case Class::kMul:
      case Class::kDiv:
        count<RegisterRow>(rows, counts);
        break;
      case Class::kAddImm:
      case Class::kBitsImm:
      case Class::kShiftImm:
      case Class::kCompareImm:
      case Class::kJump:
        count<ImmediateRow>(rows, counts);
        break;
      case Class::kBranch:
        count<BranchRow>(rows, counts);
        break;
      case Class::kLoadWord:
      case Class::kLoadSub:
        count<LoadRow>(rows, counts);
        break;
      case Class::kStoreWord:
      case Class::kStoreSub:
        count<StoreRow>(rows, counts);
        break;
      case Class::kSystem:
        count<SystemRow>(rows, counts);
        break;
      case Class::kTrap:
        break;
    }
  }
  count<LayerRow>(segment.layer_calls, counts);
  for (const HashRecord& hash : segment.hashes) count<HashRow>(hash.calls, counts);
}

}  // namespace

Survey survey_of(const Program& program, const Segment& segment) {
  Survey out{.end = segment.end,
             .cycles = segment.cycles,
             .cost = segment.cost,
             .journal_end = segment.final.words[kJournalPosition],
             .counts = std::vector<uint32_t>(program.text().size / 4),
             .layer_calls = {},
             .transfers = segment.transfers.size(),
             .writable = {},
             .constant = {},
             .pages = segment.pages.size()};
  count_rows(segment, out.counts);
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
