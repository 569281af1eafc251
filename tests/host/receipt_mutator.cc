#include "tests/host/receipt_mutator.h"

#include <zk/check.h>

#include <algorithm>

namespace zkvm::test {
namespace {

void drop_bank(ReceiptSegment& segment, size_t at) {
  if (segment.uses.size() == 1) return;
  segment.uses.erase(segment.uses.begin() + static_cast<ptrdiff_t>(at));
}

void add_bank(ReceiptSegment& segment, uint16_t bank, size_t at) {
  segment.uses.insert(segment.uses.begin() + static_cast<ptrdiff_t>(at),
                      {bank, segment.uses[at - 1].constant});
}

}  // namespace

ReceiptMutator::ReceiptMutator(std::vector<uint8_t> bytes, uint64_t seed)
    : bytes_(std::move(bytes)), random_(seed) {
  Result<Receipt> receipt = parse_receipt(bytes_);
  ZK_CHECK(receipt.has_value());
  receipt_ = std::move(*receipt);
  head_bytes_ = bytes_.size();
  for (const ReceiptSegment& segment : receipt_.segments) head_bytes_ -= 4 + segment.proof.size();
}

std::vector<uint8_t> ReceiptMutator::next(std::string& what) {
  for (;;) {
    auto out = below(2) == 0 ? change_structure(what) : change_bytes(what);
    if (out != bytes_) return out;
  }
}

std::vector<uint8_t> ReceiptMutator::change_bytes(std::string& what) {
  std::vector<uint8_t> out = bytes_;
  // Half of them where lengths, positions and roots are; proofs are much longer.
  const size_t at = below(below(2) == 0 ? head_bytes_ : out.size());
  switch (below(6)) {
    case 0:
      what = "a bit flipped";
      out[at] ^= static_cast<uint8_t>(1u << below(8));
      break;
    case 1:
      what = "a byte set to a constant";
      out[at] = std::initializer_list<uint8_t>{0x00, 0x01, 0x7f, 0xff}.begin()[below(4)];
      break;
    case 2:
      what = "a byte up or down by one";
      out[at] = static_cast<uint8_t>(out[at] + (below(2) == 0 ? 1 : 255));
      break;
    case 3:
      what = "cut short";
      out.resize(at);
      break;
    case 4:
      what = "bytes inserted";
      out.insert(out.begin() + static_cast<ptrdiff_t>(at), 1 + below(8),
                 static_cast<uint8_t>(below(256)));
      break;
    case 5: {
      what = "bytes removed";
      const size_t count = std::min(1 + below(40), out.size() - at);
      out.erase(out.begin() + static_cast<ptrdiff_t>(at),
                out.begin() + static_cast<ptrdiff_t>(at + count));
      break;
    }
  }
  what += " at byte " + std::to_string(at);
  return out;
}

std::vector<uint8_t> ReceiptMutator::change_structure(std::string& what) {
  Receipt receipt = receipt_;
  std::vector<uint8_t> journal(receipt.journal.begin(), receipt.journal.end());
  auto& segments = receipt.segments;
  const size_t a = below(segments.size()), b = below(segments.size());
  const auto place = segments.begin() + static_cast<ptrdiff_t>(a);
  switch (below(14)) {
    case 0:
      what = "another exit code";
      receipt.exit_code ^= 1u << below(32);
      break;
    case 1:
      what = "a journal word changed";
      if (!journal.empty()) journal[below(journal.size())] ^= static_cast<uint8_t>(1u << below(8));
      break;
    case 2:
      what = "a journal word dropped";
      if (!journal.empty()) journal.erase(journal.end() - 4, journal.end());
      for (auto& segment : segments)
        segment.journal_end =
            std::min(segment.journal_end, static_cast<uint32_t>(journal.size() / 4));
      break;
    case 3:
      what = "a journal word added";
      journal.resize(journal.size() + 4);
      segments.back().journal_end += 1;
      break;
    case 4:
      what = "a journal position moved";
      segments[a].journal_end += below(2) == 0 ? 1 : -1;
      break;
    case 5:
      what = "two segments swapped";
      std::swap(segments[a], segments[b]);
      break;
    case 6:
      what = "two segments swapped, positions kept";
      std::swap(segments[a], segments[b]);
      std::swap(segments[a].journal_end, segments[b].journal_end);
      break;
    case 7:
      what = "a segment repeated";
      segments.insert(place, ReceiptSegment(*place));
      break;
    case 8:
      what = "a segment dropped";
      segments.erase(place);
      break;
    case 9:
      what = "two proofs swapped";
      std::swap(segments[a].proof, segments[b].proof);
      break;
    case 10:
      what = "a bank dropped";
      drop_bank(segments[a], below(segments[a].uses.size()));
      break;
    case 11:
      what = "another bank";
      add_bank(
          segments[a],
          static_cast<uint16_t>(segments[a].uses[below(segments[a].uses.size())].bank + below(3)),
          1 + below(segments[a].uses.size()));
      break;
    case 12:
      what = "roots changed";
      for (auto& [after, root] : segments[a].roots.after) root[below(8)] ^= 1u << below(32);
      break;
    case 13:
      what = "roots of two segments swapped";
      if (!segments[a].roots.after.empty() && !segments[b].roots.after.empty())
        std::swap(segments[a].roots.after.begin()->second, segments[b].roots.after.begin()->second);
      break;
  }
  receipt.journal = journal;
  if (below(2) == 0) link_banks(segments);  // or leave the roots as they are
  return serialise(receipt);
}

}  // namespace zkvm::test
