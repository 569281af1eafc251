// What the verifier of receipts checks beyond the proofs: host/doc/receipt.md.
#include "host/verify.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "stark/chips/buses.h"
#include "tests/host/hollow_receipt.h"
#include "tests/host/receipt_mutator.h"
#include "tests/peak_memory.h"

namespace zkvm {
namespace {

using stark::machine::BankKind;
using stark::machine::kBankWords;
using ::testing::HasSubstr;
using Bytes = std::vector<uint8_t>;

test::HollowReceipt sample(size_t segments = 1) {
  test::HollowReceipt receipt;
  receipt.image.runs = {{0, 1, BankKind::kPartial}, {kBankWords, 1, BankKind::kBlank}};
  stark::Params params;
  params.queries = 20;
  params.grind_query = 0;
  receipt.segments.assign(segments, {{1, 2}, params, {{0, 14}}});
  return receipt;
}

void expect_refused(const test::HollowReceipt& receipt, ErrorCode code, const char* message) {
  const auto result = verify(receipt.bytes(), receipt.id());
  ASSERT_FALSE(result) << message;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(message));
}

TEST(Verify, AnotherProgramIsRefused) {
  const auto receipt = sample();
  for (size_t i = 0; i < 32; ++i) {
    ImageId id = receipt.id();
    id[i] ^= 1;
    const auto result = verify(receipt.bytes(), id);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kWrongProgram);
    EXPECT_THAT(result.error().message, HasSubstr("program: expected "));
  }
}

TEST(Verify, AnImageThatIsNoneIsRefused) {
  Receipt receipt;
  const Bytes image = {1, 2, 3};
  receipt.image = image;
  receipt.segments.resize(1);
  receipt.segments[0].uses.push_back({0});
  const auto result = verify(serialise(receipt), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kMalformedReceipt);
  EXPECT_THAT(result.error().message, HasSubstr("image: "));
}

// Each version has its own id for a program, so the image of another one is refused by its version.
TEST(Verify, AnImageOfAnotherVersionIsRefused) {
  const auto receipt = sample();
  Bytes bytes = receipt.bytes();
  const size_t at = 4 + 4 + 4 + 4;  // magic, version, length and magic of the image
  ASSERT_EQ(bytes[at], 8);
  bytes[at] = 3;
  const auto result = verify(bytes, receipt.id());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kMalformedReceipt);
  EXPECT_THAT(result.error().message, HasSubstr("image: version: expected 8, found 3"));
}

TEST(Verify, ABankThatTheImageDoesNotHaveIsRefused) {
  const auto receipt = sample();
  Bytes bytes = receipt.bytes();
  // The second bank: after magic, version, image, exit code, journal, segments, end, banks, bank.
  const size_t at = 4 + 4 + 4 + receipt.image.serialise().size() + 4 + 4 + 4 + 4 + 2 + 2;
  ASSERT_EQ(bytes[at], 2);
  bytes[at] = 3;
  const auto result = verify(bytes, receipt.id());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidReceipt);
  EXPECT_THAT(result.error().message, HasSubstr("expected a bank of 0..2, found 3"));
}

TEST(Verify, ProofsOfOtherParametersAreRefused) {
  const auto expect = [](auto change) {
    auto receipt = sample(3);
    receipt.image.log_blowup = 2;
    change(receipt.segments[1].params);
    expect_refused(receipt, ErrorCode::kInvalidReceipt, "the proofs differ in their parameters");
  };
  expect([](stark::Params& params) { params.zk = false; });
  expect([](stark::Params& params) { params.log_blowup = 2; });
  expect([](stark::Params& params) { params.queries = 21; });
  expect([](stark::Params& params) { params.grind_query = 1; });
  expect([](stark::Params& params) { params.grind_round = 1; });
  expect([](stark::Params& params) { params.log_final = 7; });
}

TEST(Verify, ARateBelowTheImagesIsRefused) {
  auto receipt = sample();
  receipt.segments[0].params.log_blowup = 2;
  expect_refused(receipt, ErrorCode::kInvalidReceipt,
                 "log_blowup: at most 1, that of slot 0, found 2");
}

TEST(Verify, MoreRowsThanClocksAreRefused) {
  auto receipt = sample(2);
  receipt.segments[1].tables.assign(15, {0, 22});
  const auto refused_for_rows = [&] {
    const auto result = verify(receipt.bytes(), receipt.id());
    EXPECT_FALSE(result);
    return result.error().message.find(
               "segment 1: rows of all tables: expected at most 67108864") != std::string::npos;
  };
  EXPECT_FALSE(refused_for_rows());
  receipt.segments[1].tables.push_back({0, 22});  // 2^26 rows, and those of the tables
  EXPECT_TRUE(refused_for_rows());
}

TEST(Verify, TooFewBitsAreRefused) {
  expect_refused(sample(), ErrorCode::kInsecure, "security: expected 128.00 bits, found ");
  // More segments, more bits for each.
  const auto receipt = sample(4);
  const auto result = verify(receipt.bytes(), receipt.id(), {.security_bits = 100});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("expected 102.00 bits"));
}

// Segments share trees, whose roots are one polynomial each in unique decoding only.
TEST(Verify, SeveralSegmentsAreJudgedInUniqueDecoding) {
  for (const size_t segments : {size_t{1}, size_t{2}}) {
    auto receipt = sample(segments);
    receipt.image.log_blowup = 2;
    for (auto& segment : receipt.segments) {
      segment.params = {.log_blowup = 2, .queries = 130, .grind_query = 20, .grind_round = 12};
      segment.tables = {{0, 14}};
    }
    const Bytes bytes = receipt.bytes();
    const auto parsed = parse_receipt(bytes).value();
    const Outline outlined = outline(receipt.image, parsed).value();
    EXPECT_EQ(check_security(receipt.image, parsed, outlined, 128).has_value(), segments == 1);
    EXPECT_FALSE(check_security(receipt.image, parsed, outlined, 128, stark::Regime::kUnique));
    EXPECT_TRUE(check_security(receipt.image, parsed, outlined, 100, stark::Regime::kUnique));
    // The one goes on to the proof, which is none; the others do not.
    EXPECT_EQ(verify(bytes, receipt.id()).error().code,
              segments == 1 ? ErrorCode::kInvalidReceipt : ErrorCode::kInsecure);
    EXPECT_EQ(verify(bytes, receipt.id(), {.regime = Regime::kUnique}).error().code,
              ErrorCode::kInsecure);
  }
}

TEST(Verify, NotANumberOfBitsIsRefused) {
  const auto receipt = sample();
  const auto result = verify(receipt.bytes(), receipt.id(), {.security_bits = std::nan("")});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInsecure);
}

// Proofs that share trees are computed with one rate, the greatest: that of the smallest table.
TEST(Verify, OneRateForAllSegments) {
  auto receipt = sample(2);
  receipt.segments[1].tables = {{0, 8}};
  const Bytes bytes = receipt.bytes();
  const auto parsed = parse_receipt(bytes).value();
  const auto outlined = outline(receipt.image, parsed);
  ASSERT_TRUE(outlined) << outlined.error().message;
  stark::Soundness alone[2];
  stark::Soundness together[2];
  for (size_t i = 0; i < 2; ++i) {
    const SegmentTask task = segment_task(receipt.image, parsed, i).value();
    const auto shape =
        make_shape(task.circuit.key(), receipt.segments[i].params, outlined->tables[i]);
    alone[i] = soundness(shape.value(), task.circuit.key().tuple_width, 0);
    together[i] = segment_soundness(*outlined, task.circuit.key(), parsed, i, 129);
    EXPECT_EQ(together[i].rho, outlined->rate);
  }
  EXPECT_LT(alone[0].rho, alone[1].rho);
  EXPECT_EQ(outlined->rate, alone[1].rho);

  EXPECT_GT(alone[0].bits, together[0].bits + 0.1);
  const auto result = verify(bytes, receipt.id());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("segment 0: security: expected 129.00 bits"));
  EXPECT_THAT(result.error().message, HasSubstr(fmt::format("found {:.2f}", together[0].bits)));
}

// The keys that all heads are read with are not the segments' own: names and roots differ.
TEST(Verify, AnOutlineIsThatOfTheSegmentsOwnKeys) {
  auto receipt = sample(6);
  receipt.image.runs = {{kBankWords, 1, BankKind::kWhole},
                        {2 * kBankWords, 1, BankKind::kBlank},
                        {3 * kBankWords, 1, BankKind::kPartial},
                        {stark::chips::kReadOnlyBase + kBankWords, 60, BankKind::kWhole}};
  receipt.image.volumes = {{1}, {2}};
  receipt.journal.resize(4 * 1000);  // all of it in the first segment
  receipt.segments[0].banks = {2};
  receipt.segments[1].banks = {2, 3};
  receipt.segments[2].banks = {1, 3};
  receipt.segments[3].banks = {1, 10, 40, 60};  // in `image` and in both volumes
  receipt.segments[4].banks = {3};
  for (uint8_t i = 0; i < 6; ++i)
    receipt.segments[i].tables = {{3, 16}, {i, static_cast<uint8_t>(13 - i % 3)}};
  const Bytes bytes = receipt.bytes();
  const auto parsed = parse_receipt(bytes).value();
  const Outline outlined = outline(receipt.image, parsed).value();
  double rate = 0;
  double least = 128;
  for (size_t i = 0; i < 6; ++i) {
    const SegmentTask task = segment_task(receipt.image, parsed, i).value();
    const auto& key = task.circuit.key();
    stark::ByteReader in(parsed.segments[i].proof);
    stark::Proof head;
    const auto shape = read_head(key, in, head);
    ASSERT_TRUE(shape) << shape.error().message;
    const size_t publics = task.statement.publics.size();
    rate = std::max(rate, soundness(*shape, key.tuple_width, publics).rho);
    const auto own = soundness(*shape, key.tuple_width, publics, outlined.rate);
    EXPECT_EQ(to_string(segment_soundness(outlined, key, parsed, i, 128)), to_string(own));
    least = std::min(least, own.bits);
  }
  EXPECT_EQ(outlined.rate, rate);
  EXPECT_TRUE(check_security(receipt.image, parsed, outlined, least));
  EXPECT_FALSE(check_security(receipt.image, parsed, outlined, std::nextafter(least, 128)));
}

// A receipt that proves nothing is refused before anything is made of it that is larger.
void many_hollow_segments(BankKind kind) {
  auto receipt = sample(0);
  receipt.image.runs = {{kBankWords, 40, kind}};
  receipt.image.volumes.resize(stark::machine::BankMap(receipt.image.runs).volume_widths().size());
  stark::Params params;
  params.queries = 1;
  params.log_final = 0;
  const auto add = [&](uint16_t low, uint16_t high) {
    receipt.segments.push_back({{low, high}, params, {{0, 14}}, /*fixed_tables=*/false});
  };
  for (uint16_t low = 1; low < 20; low += 2)
    for (uint16_t high = 20; high <= 40; ++high) add(low, high);
  const Bytes bytes = receipt.bytes();
  EXPECT_LT(bytes.size(), 2000 * receipt.segments.size());
  const auto refused = [&] {
    EXPECT_EQ(verify(bytes, receipt.id()).error().code, ErrorCode::kInsecure);
  };
  EXPECT_LE(test::peak_memory_of(refused), size_t{4} << 20);
  // 33 KB a segment as measured, of which a head's lists are most; a key for each takes ten times as
  // much, and banks that stand in different places of a volume need keys of their own.
  const size_t most = kind == BankKind::kBlank ? 50'000 : 400'000;
  EXPECT_LE(test::allocation_of(refused), most * receipt.segments.size());
}

TEST(Verify, ManyHollowSegmentsCostLittle) { many_hollow_segments(BankKind::kBlank); }
TEST(Verify, ManyHollowSegmentsOfManyKindsCostBoundedly) {
  many_hollow_segments(BankKind::kPartial);
}

// Segments without a proof are refused at the first one, whatever banks they list: one key is made.
TEST(Verify, ManySegmentsWithoutProofsCostOneKey) {
  auto receipt = sample(2000);
  receipt.image.runs = {{0, 40, BankKind::kPartial}};
  receipt.image.volumes.resize(3);
  const Bytes image = receipt.image.serialise();
  Receipt bare{.image = image, .exit_code = 0, .journal = {}, .segments = {}};
  for (size_t i = 0; i < 2000; ++i) {
    ReceiptSegment& segment = bare.segments.emplace_back();
    segment.uses = {{0}};
    for (uint16_t bank = 1; bank <= 11; ++bank)
      if (i >> (bank - 1) & 1) segment.uses.push_back({bank});
  }
  link_banks(bare.segments);
  const Bytes bytes = serialise(bare);
  const auto refused = [&] {
    EXPECT_EQ(verify(bytes, receipt.id()).error().code, ErrorCode::kMalformedReceipt);
  };
  EXPECT_LE(test::allocation_of(refused), 40 * bytes.size());
}

TEST(Verify, ALongJournalCostsNothingBeforeSecurityIsChecked) {
  auto receipt = sample();
  receipt.journal.resize(size_t{4} << 20);
  const Bytes bytes = receipt.bytes();
  const size_t peak = test::peak_memory_of(
      [&] { EXPECT_EQ(verify(bytes, receipt.id()).error().code, ErrorCode::kInsecure); });
  EXPECT_LE(peak, size_t{1} << 20);
}

TEST(Verify, EverySegmentHasItsPartOfTheJournalAndTheLastOneTheExitCode) {
  auto receipt = sample(2);
  receipt.journal = {1, 0, 0, 0, 2, 1, 0, 0};
  Bytes bytes = receipt.bytes();
  auto parsed = parse_receipt(bytes).value();
  parsed.exit_code = 9;
  parsed.segments[0].journal_end = 1;
  const auto first = segment_task(receipt.image, parsed, 0).value().claim;
  EXPECT_EQ(first.journal_begin, 0u);
  EXPECT_EQ(first.journal, std::vector<uint32_t>{1});
  EXPECT_FALSE(first.exit_code);
  const auto last = segment_task(receipt.image, parsed, 1).value().claim;
  EXPECT_EQ(last.journal_begin, 1u);
  EXPECT_EQ(last.journal, std::vector<uint32_t>{0x102});
  EXPECT_EQ(last.exit_code, 9u);
}

// Under sanitizers this meets all but the openings of the proofs; true receipts are in
// tampered_receipt_test.cc.
TEST(Verify, MutationsOfHollowReceiptsAreRefused) {
  const uint64_t count = test::from_environment("ZKVM_MUTATIONS", 125);
  const uint64_t seed = test::from_environment("ZKVM_MUTATION_SEED", 1);
  auto receipt = sample(3);
  receipt.journal = {1, 0, 0, 0, 2, 1, 0, 0};
  test::ReceiptMutator mutator(receipt.bytes(), seed);
  for (uint64_t i = 0; i < count; ++i) {
    std::string what;
    const Bytes bytes = mutator.next(what);
    SCOPED_TRACE(testing::Message() << what << ", mutation " << i << ", seed " << seed);
    const size_t peak = test::peak_memory_of([&] {
      ASSERT_FALSE(verify(bytes, receipt.id(), {.security_bits = 0}));
      const auto parsed = parse_receipt(bytes);
      if (!parsed) return;
      if (const auto image = parse_image(*parsed)) (void)outline(*image, *parsed);
    });
    ASSERT_LE(peak, size_t{16} << 20);
  }
}

TEST(Verify, SecurityOfManySegments) {
  EXPECT_EQ(receipt_security(130, 1), 130);
  EXPECT_EQ(receipt_security(130, 1024), 120);
}

}  // namespace
}  // namespace zkvm
