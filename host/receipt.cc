#include "host/receipt.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "host/file_kind.h"
#include "stark/protocol/bytes.h"

namespace zkvm {
namespace {

using stark::ByteReader;
using stark::ByteWriter;
using stark::machine::BankUse;
using stark::machine::kMachineBank;

constexpr std::string_view kMagic = "ZKVR";
constexpr uint32_t kVersion = 4;
// The least that a segment takes: journal end, numbers of banks; length of the proof.
constexpr size_t kSegmentBytes = 4 + 2 + 2 + 4;
constexpr size_t kRootBytes = 32;
constexpr size_t kTableBytes = 3;  // of the proof: each bank that a segment uses should have one

tl::unexpected<Error> malformed(std::string message) {
  return tl::unexpected(Error{ErrorCode::kMalformedReceipt, "receipt: " + std::move(message)});
}

Result<void> read_ok(const ByteReader& in, std::string_view what) {
  if (in.failed()) return malformed(fmt::format("{}: the bytes end at {}", what, in.position()));
  return {};
}

Result<void> read_statement(std::span<const uint8_t> bytes, ByteReader& in, Receipt& receipt) {
  const std::string_view magic = in.get_text(kMagic.size());
  if (in.failed() || magic != kMagic) {
    return malformed(fmt::format("magic: expected {}, found {}", kMagic, file_kind(bytes).name));
  }
  const auto version = in.get<uint32_t>();
  if (auto ok = read_ok(in, "version"); !ok) return ok;
  if (version != kVersion) {
    return malformed(fmt::format("version: expected {}, found {}: made by {} zkvm", kVersion, version,
                                 version < kVersion ? "an older" : "a newer"));
  }
  receipt.image = in.get_bytes(in.get<uint32_t>());
  if (auto ok = read_ok(in, "image"); !ok) return ok;
  receipt.exit_code = in.get<uint32_t>();
  const auto words = in.get<uint32_t>();
  if (words > kMaxJournalWords) {
    return malformed(
        fmt::format("journal: expected at most {} words, found {}", kMaxJournalWords, words));
  }
  receipt.journal = in.get_bytes(4 * uint64_t{words});
  return read_ok(in, "exit code and journal");
}

Result<void> read_segment(ByteReader& in, size_t index, uint32_t journal_begin, size_t words,
                          ReceiptSegment& segment) {
  const auto where = [index] { return fmt::format("segment {}", index); };
  segment.journal_end = in.get<uint32_t>();
  segment.uses = {{kMachineBank}};
  for (const bool constant : {false, true}) {
    const auto banks = in.get<uint16_t>();
    if (!in.can_hold(banks, 2)) break;
    segment.uses.reserve(segment.uses.size() + banks);
    for (unsigned i = 0; i < banks; ++i) {
      const auto bank = in.get<uint16_t>();
      if (bank <= segment.uses.back().bank) {
        return malformed(fmt::format("{}: bank {} after bank {}: not in order", where(), bank,
                                     segment.uses.back().bank));
      }
      segment.uses.push_back({bank, constant});
    }
  }
  if (auto ok = read_ok(in, where() + ": banks"); !ok) return ok;
  if (segment.journal_end < journal_begin || segment.journal_end > words) {
    return malformed(fmt::format("{}: journal position: expected {}..{}, found {}", where(),
                                 journal_begin, words, segment.journal_end));
  }
  return {};
}

void link_uses(std::span<ReceiptSegment> segments) {
  std::vector<std::vector<BankUse>*> uses;
  for (ReceiptSegment& segment : segments) uses.push_back(&segment.uses);
  stark::machine::link_banks(uses);
}

void link_roots(std::span<ReceiptSegment> segments) {
  for (ReceiptSegment& segment : segments) {
    const stark::machine::SharedRoots old = std::exchange(segment.roots, {});
    const auto keep = [](const auto& from, auto& to, stark::machine::OptionalSegment other) {
      if (!other) return;
      const auto found = from.find(*other);
      to[*other] = found == from.end() ? stark::Digest{} : found->second;
    };
    for (const BankUse& use : segment.uses) {
      keep(old.before, segment.roots.before, use.before);
      keep(old.after, segment.roots.after, use.after);
    }
  }
}

Result<void> read_segments(ByteReader& in, Receipt& receipt) {
  const auto count = in.get<uint32_t>();
  if (auto ok = read_ok(in, "segments"); !ok) return ok;
  if (count == 0) return malformed("segments: expected at least one, found none");
  (void)in.can_hold(count - 1, kSegmentBytes + kRootBytes);  // all but the last keep kMachineBank
  if (auto ok = read_ok(in, "segments"); !ok) return ok;
  receipt.segments.resize(count);
  const size_t words = receipt.journal.size() / 4;
  uint32_t position = 0;
  uint64_t uses = 0;
  for (size_t i = 0; i < count; ++i) {
    if (auto ok = read_segment(in, i, position, words, receipt.segments[i]); !ok) return ok;
    position = receipt.segments[i].journal_end;
    // So memory stays within a small multiple of the bytes that are there.
    uses += receipt.segments[i].uses.size();
    (void)in.can_hold(uses, kTableBytes);
    if (auto ok = read_ok(in, "banks"); !ok) return ok;
  }
  if (position != words) {
    return malformed(
        fmt::format("journal: the segments commit {} words, found {}", position, words));
  }
  link_uses(receipt.segments);
  // A root for each pair of segments that hand banks on: they must be there before any is put down.
  uint64_t pairs = 0;
  std::vector<uint32_t> after;
  for (const ReceiptSegment& segment : receipt.segments) {
    after.clear();
    for (const BankUse& use : segment.uses) {
      if (use.after) after.push_back(*use.after);
    }
    std::ranges::sort(after);
    pairs += static_cast<uint64_t>(std::ranges::unique(after).begin() - after.begin());
  }
  (void)in.can_hold(pairs, kRootBytes);
  if (auto ok = read_ok(in, "roots"); !ok) return ok;
  link_roots(receipt.segments);
  return {};
}

// SOUNDNESS: a segment starts from the very root that the last one to use its banks ended with, and
// no receipt can say otherwise.
Result<void> read_roots(ByteReader& in, Receipt& receipt) {
  for (uint32_t i = 0; i < receipt.segments.size(); ++i) {
    for (auto& [j, root] : receipt.segments[i].roots.after) {
      root = receipt.segments[j].roots.before[i] = in.get_digest();
    }
    if (auto ok = read_ok(in, fmt::format("segment {}: roots", i)); !ok) return ok;
  }
  return {};
}

Result<void> read_proofs(ByteReader& in, Receipt& receipt) {
  for (size_t i = 0; i < receipt.segments.size(); ++i) {
    receipt.segments[i].proof = in.get_bytes(in.get<uint32_t>());
    if (auto ok = read_ok(in, fmt::format("segment {}: proof", i)); !ok) return ok;
  }
  return {};
}

}  // namespace

bool is_receipt(std::span<const uint8_t> bytes) {
  return ByteReader(bytes).get_text(kMagic.size()) == kMagic;
}

void link_banks(std::span<ReceiptSegment> segments) {
  link_uses(segments);
  link_roots(segments);
}

Result<Receipt> parse_receipt(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  Receipt receipt;
  if (auto ok = read_statement(bytes, in, receipt); !ok) return tl::unexpected(ok.error());
  if (auto ok = read_segments(in, receipt); !ok) return tl::unexpected(ok.error());
  if (auto ok = read_roots(in, receipt); !ok) return tl::unexpected(ok.error());
  if (auto ok = read_proofs(in, receipt); !ok) return tl::unexpected(ok.error());
  if (in.remaining() != 0) {
    return malformed(
        fmt::format("{} bytes left over after byte {}", in.remaining(), in.position()));
  }
  return receipt;
}

std::vector<uint8_t> serialise(const Receipt& receipt) {
  ByteWriter out;
  out.put_text(kMagic);
  out.put(kVersion);
  out.put(static_cast<uint32_t>(receipt.image.size()));
  out.put_bytes(receipt.image);
  out.put(receipt.exit_code);
  out.put(static_cast<uint32_t>(receipt.journal.size() / 4));
  out.put_bytes(receipt.journal);
  out.put(static_cast<uint32_t>(receipt.segments.size()));
  for (const ReceiptSegment& segment : receipt.segments) {
    out.put(segment.journal_end);
    for (const bool constant : {false, true}) {
      const auto listed = [&](const BankUse& use) {
        return use.bank != kMachineBank && use.constant == constant;
      };
      out.put(static_cast<uint16_t>(std::ranges::count_if(segment.uses, listed)));
      for (const BankUse& use : segment.uses) {
        if (listed(use)) out.put(use.bank);
      }
    }
  }
  for (const ReceiptSegment& segment : receipt.segments) {
    for (const auto& [after, root] : segment.roots.after) out.put(root);
  }
  for (const ReceiptSegment& segment : receipt.segments) {
    out.put(static_cast<uint32_t>(segment.proof.size()));
    out.put_bytes(segment.proof);
  }
  return std::move(out).take();
}

}  // namespace zkvm
