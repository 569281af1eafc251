// The format of receipts, without a proof in them: host/doc/receipt.md.
#include "host/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/host/receipt_mutator.h"
#include "tests/peak_memory.h"

namespace zkvm {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<uint8_t>;

stark::Digest root(uint32_t n) { return {n, n, n, n, n, n, n, n}; }

// Segments 0, 1, 2 with banks {0, 1, 3}, {0, 1}, {0, 3}; segment 1 with constants in bank 7.
struct Sample {
  Bytes image = {1, 2, 3};
  Bytes journal = Bytes(20, 7);
  std::vector<Bytes> proofs = {Bytes(5, 0xa0), Bytes(), Bytes(2, 0xa2)};

  [[nodiscard]] Receipt receipt() const {
    Receipt out{.image = image, .exit_code = 9, .journal = journal, .segments = {}};
    out.segments.resize(3);
    const std::vector<uint16_t> banks[] = {{0, 1, 3}, {0, 1}, {0, 3}};
    const uint32_t ends[] = {2, 2, 5};
    for (size_t i = 0; i < 3; ++i) {
      out.segments[i].journal_end = ends[i];
      out.segments[i].proof = proofs[i];
      for (const uint16_t bank : banks[i]) out.segments[i].uses.push_back({bank});
    }
    out.segments[1].uses.push_back({7, true});
    link_banks(out.segments);
    out.segments[0].roots.after.at(1) = root(1);
    out.segments[0].roots.after.at(2) = root(2);
    out.segments[1].roots.after.at(2) = root(3);
    return out;
  }
};

Bytes sample_bytes() { return serialise(Sample().receipt()); }

void expect_refused(const Bytes& bytes, const char* message) {
  const auto result = parse_receipt(bytes);
  ASSERT_FALSE(result) << message;
  EXPECT_EQ(result.error().code, ErrorCode::kMalformedReceipt);
  EXPECT_THAT(result.error().message, HasSubstr(message));
}

// The same, byte for byte, as host/doc/receipt.md says.
TEST(Receipt, BytesAreAsDocumented) {
  Bytes expected;
  const auto put = [&](uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) expected.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  for (const char c : {'Z', 'K', 'V', 'R'}) put(static_cast<uint8_t>(c), 1);
  put(4, 4);  // version
  put(3, 4), put(0x030201, 3);
  put(9, 4);  // exit code
  put(5, 4);  // journal
  for (int i = 0; i < 20; ++i) put(7, 1);
  put(3, 4);  // segments
  put(2, 4), put(2, 2), put(1, 2), put(3, 2), put(0, 2);
  put(2, 4), put(1, 2), put(1, 2), put(1, 2), put(7, 2);
  put(5, 4), put(1, 2), put(3, 2), put(0, 2);
  for (const uint32_t n : {1, 2, 3})  // roots
    for (int i = 0; i < 8; ++i) put(n, 4);
  put(5, 4), put(0xa0a0a0a0a0, 5);
  put(0, 4);
  put(2, 4), put(0xa2a2, 2);
  EXPECT_EQ(sample_bytes(), expected);
}

TEST(Receipt, ParsesToWhatWasWritten) {
  const Bytes bytes = sample_bytes();
  EXPECT_TRUE(is_receipt(bytes));
  const auto parsed = parse_receipt(bytes);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->exit_code, 9u);
  EXPECT_TRUE(std::ranges::equal(parsed->journal, Sample().journal));
  EXPECT_TRUE(std::ranges::equal(parsed->image, Sample().image));
  ASSERT_EQ(parsed->segments.size(), 3u);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(std::ranges::equal(parsed->segments[i].proof, Sample().proofs[i]));
  EXPECT_EQ(serialise(*parsed), bytes);
}

TEST(Receipt, BanksAreLinkedThroughTheSegments) {
  const Bytes bytes = sample_bytes();
  const auto parsed = parse_receipt(bytes);
  ASSERT_TRUE(parsed);
  const auto& segments = parsed->segments;
  using stark::machine::OptionalSegment;
  constexpr OptionalSegment kNone;
  const auto expect = [&](size_t segment, size_t i, OptionalSegment before, OptionalSegment after) {
    SCOPED_TRACE(testing::Message() << "segment " << segment << ", bank " << i);
    EXPECT_EQ(segments[segment].uses[i].before, before);
    EXPECT_EQ(segments[segment].uses[i].after, after);
  };
  expect(0, 0, kNone, 1);
  expect(0, 1, kNone, 1);
  expect(0, 2, kNone, 2);  // over segment 1, which does not use it
  expect(1, 0, 0, 2);
  expect(1, 1, 0, kNone);
  expect(1, 2, kNone, kNone);  // constants
  expect(2, 0, 1, kNone);
  expect(2, 1, 0, kNone);
  EXPECT_TRUE(segments[1].uses[2].constant);
  using Roots = std::map<uint32_t, stark::Digest>;
  EXPECT_EQ(segments[0].roots.after, (Roots{{1, root(1)}, {2, root(2)}}));
  EXPECT_EQ(segments[1].roots.before, (Roots{{0, root(1)}}));
  EXPECT_EQ(segments[1].roots.after, (Roots{{2, root(3)}}));
  EXPECT_EQ(segments[2].roots.before, (Roots{{0, root(2)}, {1, root(3)}}));
}

TEST(Receipt, EveryTruncationIsRefused) {
  const Bytes bytes = sample_bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    expect_refused(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)), "receipt: ");
  }
}

TEST(Receipt, TrailingBytesAreRefused) {
  Bytes bytes = sample_bytes();
  bytes.push_back(0);
  expect_refused(bytes, "1 bytes left over");
}

// Each field by itself: offset, new value, and what is wrong then.
TEST(Receipt, DefectsAreNamed) {
  const Bytes good = sample_bytes();
  const auto changed = [&](size_t at, uint8_t value) {
    Bytes bytes = good;
    EXPECT_NE(bytes[at], value);
    bytes[at] = value;
    return bytes;
  };
  const size_t segments = 4 + 4 + 4 + 3 + 4 + 4 + 20;
  expect_refused(changed(0, 'Y'), "magic: expected ZKVR");
  expect_refused(changed(4, 1), "version: expected 4, found 1: made by an older zkvm");
  expect_refused(changed(10, 1), "image: the bytes end");
  expect_refused(changed(22, 0x02), "journal: expected at most 16777216 words");
  expect_refused(changed(19, 4), "");
  expect_refused(changed(segments, 0), "expected at least one, found none");
  expect_refused(changed(segments + 3, 0xff), "segments: the bytes end");
  expect_refused(changed(segments + 4, 3), "segment 1: journal position: expected 3..5, found 2");
  expect_refused(changed(segments + 4, 6), "segment 0: journal position: expected 0..5, found 6");
  expect_refused(changed(segments + 4 + 24, 4), "commit 4 words, found 5");
  expect_refused(changed(segments + 4 + 6, 0), "segment 0: bank 0 after bank 0: not in order");
  expect_refused(changed(segments + 4 + 6, 3), "segment 0: bank 3 after bank 3: not in order");
  expect_refused(changed(segments + 4 + 6, 4), "segment 0: bank 3 after bank 4: not in order");
}

TEST(Receipt, OtherFilesAreNoReceipts) {
  EXPECT_FALSE(is_receipt(Bytes()));
  EXPECT_FALSE(is_receipt(Bytes{'Z', 'K', 'V'}));
  EXPECT_FALSE(is_receipt(Bytes{'Z', 'K', 'P', 'F'}));
}

// What parses is the one byte string of what it says: so no byte is free.
TEST(Receipt, MutationsAreRefusedOrCanonical) {
  const uint64_t count = test::from_environment("ZKVM_MUTATIONS", 4000);
  const uint64_t seed = test::from_environment("ZKVM_MUTATION_SEED", 1);
  test::ReceiptMutator mutator(sample_bytes(), seed);
  uint64_t parsed = 0;
  for (uint64_t i = 0; i < count; ++i) {
    std::string what;
    const Bytes bytes = mutator.next(what);
    SCOPED_TRACE(testing::Message() << what << ", mutation " << i << ", seed " << seed);
    const size_t peak = test::peak_memory_of([&] {
      const auto receipt = parse_receipt(bytes);
      if (!receipt) return;
      ++parsed;
      ASSERT_EQ(serialise(*receipt), bytes);
    });
    ASSERT_LE(peak, size_t{1} << 20);
  }
  // Both sides are met, or the test would show nothing.
  EXPECT_GT(parsed, count / 20);
  EXPECT_LT(parsed, count - count / 20);
}

// Lists of banks cost two bytes each: they must not make the parser take many times the memory.
TEST(Receipt, LongListsOfBanksTakeLittleMemory) {
  constexpr size_t kSegments = 400, kBanks = 60000;
  Bytes bytes = {'Z', 'K', 'V', 'R', 4, 0, 0, 0};
  const auto put = [&](uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  for (int i = 0; i < 3; ++i) put(0, 4);  // image, exit code, journal
  put(kSegments, 4);
  const size_t first = bytes.size();
  put(0, 4), put(kBanks, 2);
  for (size_t bank = 1; bank <= kBanks; ++bank) put(bank, 2);
  put(0, 2);
  const Bytes segment(bytes.begin() + static_cast<ptrdiff_t>(first), bytes.end());
  bytes.reserve(first + kSegments * segment.size());
  for (size_t i = 1; i < kSegments; ++i) bytes.insert(bytes.end(), segment.begin(), segment.end());
  const size_t peak = test::peak_memory_of([&] { expect_refused(bytes, "banks: the bytes end"); });
  EXPECT_LE(peak, 3 * bytes.size());
}

// One segment that leaves banks for as many others: a root each, which must be there.
TEST(Receipt, RootsThatAreNotThereTakeLittleMemory) {
  constexpr uint16_t kBanks = 20000;
  Bytes bytes = {'Z', 'K', 'V', 'R', 4, 0, 0, 0};
  const auto put = [&](uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  for (int i = 0; i < 3; ++i) put(0, 4);  // image, exit code, journal
  put(kBanks + 1, 4);
  put(0, 4), put(kBanks, 2);
  for (uint16_t bank = 1; bank <= kBanks; ++bank) put(bank, 2);
  put(0, 2);
  for (uint16_t bank = 1; bank <= kBanks; ++bank) put(0, 4), put(1, 2), put(bank, 2), put(0, 2);
  // Enough for each segment's own root and proof, not for those of the first.
  for (size_t i = 0; i < size_t{kBanks} * 44; ++i) put(0, 1);
  const size_t peak = test::peak_memory_of([&] { expect_refused(bytes, "roots: the bytes end"); });
  EXPECT_LE(peak, 6 * bytes.size());
}

}  // namespace
}  // namespace zkvm
