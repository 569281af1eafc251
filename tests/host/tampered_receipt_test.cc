// True receipts verify; whatever is changed in them, they don't. 300 mutations by default;
// ZKVM_MUTATIONS=1000000 for the long run, ZKVM_MUTATION_SEED for another sequence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "host/verify.h"
#include "host/zkvm.h"
#include "tests/host/receipt_mutator.h"
#include "tests/host/true_receipt.h"
#include "tests/peak_memory.h"

namespace zkvm::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<uint8_t>;

const TrueReceipt& sample() {
  static const TrueReceipt receipt({41, 0, 0, 0});
  return receipt;
}

Result<Verification> verify_sample(std::span<const uint8_t> bytes) {
  return verify(bytes, sample().id, {.security_bits = kTrueBits});
}

// The receipt with a change, which must not verify. The error's code.
ErrorCode code_after(const std::function<void(Receipt&)>& change) {
  Receipt receipt = sample().receipt;
  change(receipt);
  link_banks(receipt.segments);
  const Bytes bytes = serialise(receipt);
  EXPECT_NE(bytes, sample().bytes);
  const auto result = verify_sample(bytes);
  EXPECT_FALSE(result) << "SOUNDNESS: accepted";
  return result ? ErrorCode::kUnreadable : result.error().code;
}

TEST(TrueReceipt, Verifies) {
  const auto result = verify_sample(sample().bytes);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->image_id, sample().id);
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_THAT(result->journal, ElementsAre(41, 0, 0, 0, 41, 0, 0, 0, 42, 0, 0, 0));
  EXPECT_EQ(result->segments, sample().receipt.segments.size());
  EXPECT_GE(result->segments, 3u);
  EXPECT_GE(result->security_bits, kTrueBits);
  EXPECT_EQ(image_id(true_program()).value(), sample().id);
}

// In whatever order segments are checked, none may be left out, and one that is false makes the receipt false.
TEST(TrueReceipt, IsCheckedInAnyOrder) {
  const size_t segments = sample().receipt.segments.size();
  const auto check = [&](const Bytes& bytes, const ForEachSegment& for_each) {
    return verify(bytes, sample().id, {.security_bits = kTrueBits}, for_each);
  };
  const auto backwards = [](size_t count, const auto& each) {
    for (size_t i = count; i-- > 0;) each(i);
  };
  const auto good = check(sample().bytes, backwards);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->security_bits, verify_sample(sample().bytes)->security_bits);
  for (size_t left_out = 0; left_out < segments; ++left_out) {
    const auto without = check(sample().bytes, [&](size_t count, const auto& each) {
      for (size_t i = 0; i < count; ++i)
        if (i != left_out) each(i);
    });
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, ErrorCode::kInvalidReceipt);
  }
  Bytes damaged = sample().bytes;
  damaged[damaged.size() - 100] ^= 1;  // of the last segment's proof
  const auto bad = check(damaged, backwards);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("segment " + std::to_string(segments - 1)));
}

TEST(TrueReceipt, HasTheSecurityThatItSays) {
  const double bits = verify_sample(sample().bytes)->security_bits;
  EXPECT_TRUE(verify(sample().bytes, sample().id, {.security_bits = bits}));
  const auto result = verify(sample().bytes, sample().id, {.security_bits = bits + 0.01});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInsecure);
}

// Programs that differ in what they say of their model alone are two: a receipt of one is none of the other, as long
// as it names the one. What it proves holds for both, which do the same.
TEST(TamperedReceipt, AnotherModel) {
  const ImageId said = image_id(true_program({'1'})).value();
  EXPECT_NE(said, sample().id);
  EXPECT_NE(said, image_id(true_program({'2'})).value());
  const auto result = verify(sample().bytes, said, {.security_bits = kTrueBits});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kWrongProgram);

  auto image = stark::machine::Image::parse(sample().image).value();
  image.model = stark::blake3_hash(Bytes{'1'});
  Receipt receipt = sample().receipt;
  const Bytes with = image.serialise();
  receipt.image = with;
  const Bytes bytes = serialise(receipt);
  EXPECT_EQ(verify_sample(bytes).error().code, ErrorCode::kWrongProgram);
  EXPECT_TRUE(verify(bytes, said, {.security_bits = kTrueBits}));
  // No byte of the digest can be another one.
  const auto digest = std::ranges::search(bytes, to_api(*image.model)).begin();
  ASSERT_NE(digest, bytes.end());
  for (ptrdiff_t i = 0; i < 32; ++i) {
    Bytes changed = bytes;
    changed[static_cast<size_t>(digest - bytes.begin() + i)] ^= 0x20;
    EXPECT_EQ(verify(changed, said, {.security_bits = kTrueBits}).error().code,
              ErrorCode::kWrongProgram);
  }
}

TEST(TamperedReceipt, JournalAndExitCode) {
  for (size_t at = 0; at < sample().receipt.journal.size(); ++at) {
    Bytes journal(sample().receipt.journal.begin(), sample().receipt.journal.end());
    journal[at] ^= 1;
    EXPECT_EQ(code_after([&](Receipt& r) { r.journal = journal; }), ErrorCode::kInvalidReceipt);
  }
  for (const uint32_t exit_code : {0u, 2u, 0x10003u, 0x80000003u})
    EXPECT_EQ(code_after([&](Receipt& r) { r.exit_code = exit_code; }), ErrorCode::kInvalidReceipt);
}

TEST(TamperedReceipt, AShorterOrLongerJournal) {
  const auto& good = sample().receipt.journal;
  EXPECT_EQ(code_after([&](Receipt& r) {
              r.journal = good.first(8);
              for (auto& segment : r.segments)
                segment.journal_end = std::min(segment.journal_end, 2u);
            }),
            ErrorCode::kInvalidReceipt);
  Bytes longer(good.begin(), good.end());
  longer.resize(16);
  EXPECT_EQ(code_after([&](Receipt& r) {
              r.journal = longer;
              r.segments.back().journal_end = 4;
            }),
            ErrorCode::kInvalidReceipt);
}

TEST(TamperedReceipt, PositionsInTheJournal) {
  for (size_t i = 0; i + 1 < sample().receipt.segments.size(); ++i)
    for (uint32_t end = 0; end <= 3; ++end) {
      if (end == sample().receipt.segments[i].journal_end) continue;
      SCOPED_TRACE(testing::Message() << "segment " << i << ", end " << end);
      const ErrorCode code = code_after([&](Receipt& r) { r.segments[i].journal_end = end; });
      EXPECT_TRUE(code == ErrorCode::kInvalidReceipt || code == ErrorCode::kMalformedReceipt);
    }
}

TEST(TamperedReceipt, SegmentsDroppedRepeatedOrReordered) {
  const size_t count = sample().receipt.segments.size();
  const auto at = [](Receipt& r, size_t i) {
    return r.segments.begin() + static_cast<ptrdiff_t>(i);
  };
  const auto set_ends = [](Receipt& r) {  // so that the format is good
    uint32_t end = 0;
    for (auto& segment : r.segments) end = segment.journal_end = std::max(end, segment.journal_end);
    r.segments.back().journal_end = 3;
  };
  for (size_t i = 0; i < count; ++i) {
    SCOPED_TRACE(i);
    code_after([&](Receipt& r) {
      r.segments.erase(at(r, i));
      set_ends(r);
    });
    code_after([&](Receipt& r) {
      r.segments.insert(at(r, i), ReceiptSegment(r.segments[i]));
      set_ends(r);
    });
    for (size_t j = 0; j < i; ++j)
      code_after([&](Receipt& r) {
        std::swap(r.segments[i], r.segments[j]);
        set_ends(r);
      });
  }
  code_after([&](Receipt& r) { r.segments.resize(1), set_ends(r); });  // the last has not exited
  EXPECT_EQ(code_after([&](Receipt& r) { r.segments.clear(); }), ErrorCode::kMalformedReceipt);
}

TEST(TamperedReceipt, RootsOfMemory) {
  for (size_t i = 0; i < sample().receipt.segments.size(); ++i)
    for (const auto& [after, root] : sample().receipt.segments[i].roots.after) {
      const uint32_t other = after;
      EXPECT_EQ(code_after([&](Receipt& r) { r.segments[i].roots.after[other][7] ^= 1u << 31; }),
                ErrorCode::kInvalidReceipt);
    }
}

TEST(TamperedReceipt, BanksLeftOutOrAdded) {
  for (size_t i = 0; i < sample().receipt.segments.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& uses = sample().receipt.segments[i].uses;
    code_after([&](Receipt& r) {
      if (uses.size() > 1) {
        r.segments[i].uses.pop_back();
      } else {
        r.segments[i].uses.push_back({1});
      }
    });
  }
}

// Segments of two executions of one program: only those of one execution fit together.
TEST(TamperedReceipt, SegmentsOfAnotherExecution) {
  const TrueReceipt other({7, 0, 0, 0});
  ASSERT_TRUE(verify_sample(other.bytes));
  const size_t count = sample().receipt.segments.size();
  ASSERT_EQ(other.receipt.segments.size(), count);
  for (size_t mask = 1; mask + 1 < size_t{1} << count; ++mask) {
    SCOPED_TRACE(mask);
    Receipt mixed = sample().receipt;
    Bytes journal;
    uint32_t begin = 0;
    for (size_t i = 0; i < count; ++i) {
      const Receipt& from = (mask >> i & 1) != 0 ? other.receipt : sample().receipt;
      mixed.segments[i] = from.segments[i];
      const uint32_t end = from.segments[i].journal_end;
      const auto words = from.journal.subspan(4 * size_t{begin}, 4 * size_t{end - begin});
      journal.insert(journal.end(), words.begin(), words.end());
      begin = end;
    }
    mixed.journal = journal;
    EXPECT_FALSE(verify_sample(serialise(mixed))) << "SOUNDNESS: accepted";
  }
}

// Every place in the bytes, in steps: a bit flipped, and everything behind it cut off.
TEST(TamperedReceipt, BytesAllOver) {
  const Bytes& good = sample().bytes;
  constexpr size_t kSteps = 150;
  for (size_t step = 0; step < kSteps; ++step) {
    const size_t at = good.size() * step / kSteps;
    SCOPED_TRACE(at);
    EXPECT_FALSE(verify_sample(std::span(good).first(at)));
    Bytes flipped = good;
    flipped[at] ^= static_cast<uint8_t>(1u << step % 8);
    EXPECT_FALSE(verify_sample(flipped)) << "SOUNDNESS: accepted";
  }
}

TEST(TamperedReceipt, Mutations) {
  const uint64_t count = from_environment("ZKVM_MUTATIONS", 300);
  const uint64_t seed = from_environment("ZKVM_MUTATION_SEED", 1);
  ReceiptMutator mutator(sample().bytes, seed);
  std::map<ErrorCode, uint64_t> reasons;
  size_t most = 0;
  for (uint64_t i = 0; i < count; ++i) {
    std::string what;
    const Bytes bytes = mutator.next(what);
    const size_t peak = peak_memory_of([&] {
      const auto result = verify_sample(bytes);
      ASSERT_FALSE(result) << "SOUNDNESS: accepted: " << what << ", mutation " << i << ", seed "
                           << seed;
      ++reasons[result.error().code];
    });
    most = std::max(most, peak);
  }
  printf("%lu mutations, seed %lu, most memory %zu bytes\n", count, seed, most);
  for (const auto& [code, times] : reasons)
    printf("  error %d: %lu times\n", static_cast<int>(code), times);
  EXPECT_LE(most, size_t{64} << 20);
  EXPECT_GE(reasons.size(), 3u);  // the mutations reach more than the parser
}

}  // namespace
}  // namespace zkvm::test
