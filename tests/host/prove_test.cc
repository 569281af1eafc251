// Proving: zkvm::prove, `zkvm prove`, what they leave behind when they are stopped, and the folder
// that lets them go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "host/zkvm.h"
#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;
using Bytes = std::vector<uint8_t>;

// Few queries: what is tested here doesn't depend on them.
constexpr double kQuick = 20;
const std::string kQuickText = "20";

Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }
Bytes guest() { return bytes(read_text(kGuest)); }

Json parsed(const Outcome& outcome) {
  const Json object = Json::parse(outcome.out, nullptr, false);
  EXPECT_TRUE(object.is_object()) << "stdout is not one JSON object: " << outcome.out;
  return object;
}

ImageId guest_id() {
  const Result<ImageId> id = image_id(guest());
  EXPECT_TRUE(id) << id.error().message;
  return id.value_or(ImageId{});
}

// `zkvm prove` of the guest on `input`, quickly, with a receipt in `folder`.
Outcome prove_command(const TemporaryFolder& folder, const std::string& input,
                      const std::vector<std::string>& options = {}, Environment environment = {}) {
  std::vector<std::string> arguments{"prove",      kGuest,     "--input",  "-",
                                     "--security", kQuickText, "--output", folder / "receipt"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  environment.input = input;
  return zkvm(arguments, environment);
}

Outcome verify_command(const TemporaryFolder& folder) {
  return zkvm({"verify", folder / "receipt", "--elf", kGuest, "--security", kQuickText, "--json"});
}

TEST(Prove, ReceiptProvesJournalAndExitCode) {
  const Result<Proved> proved = prove(guest(), bytes(words({0})), {.security_bits = kQuick});
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_EQ(proved->image_id, guest_id());
  EXPECT_EQ(proved->segments, 1u);
  EXPECT_GE(proved->security_bits, kQuick);
  EXPECT_GT(proved->peak_memory, proved->receipt.size());
  EXPECT_FALSE(proved->stages.empty());
  EXPECT_FALSE(proved->chips.empty());
  const Result<Verification> verified =
      verify(proved->receipt, guest_id(), {.security_bits = kQuick});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->exit_code, 0);
  EXPECT_THAT(verified->journal, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(verified->journal, proved->run.journal);
  EXPECT_EQ(verified->security_bits, proved->security_bits);
}

TEST(Prove, DefaultSecurityIs128Bits) {
  const Result<Proved> proved = prove(guest(), bytes(words({0})));
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_GE(proved->security_bits, 128);
  EXPECT_TRUE(verify(proved->receipt, guest_id()));
}

TEST(Prove, RatesShareAnImageIdAndQuarterIsShorter) {
  const auto receipt = [](Rate rate) {
    const Proved proved = prove(guest(), bytes(words({0})), {.rate = rate}).value();
    EXPECT_EQ(proved.image_id, guest_id());
    EXPECT_TRUE(verify(proved.receipt, guest_id()));
    return proved.receipt.size();
  };
  const size_t half = receipt(Rate::kHalf);
  EXPECT_LT(receipt(Rate::kQuarter), half * 3 / 4);
  EXPECT_LT(receipt(Rate::kAuto), half * 3 / 4);  // a short execution
}

TEST(Prove, ProofsOfOneExecutionDiffer) {
  const auto receipt = [] {
    return prove(guest(), bytes(words({0})), {.security_bits = kQuick}).value().receipt;
  };
  const auto first = receipt();
  release_memory();
  EXPECT_NE(receipt(), first);  // fresh randomness: zero-knowledge
}

TEST(Prove, OtherExitCodeIsProven) {
  const Result<Proved> proved = prove(guest(), bytes(words({1})), {.security_bits = kQuick});
  ASSERT_TRUE(proved) << proved.error().message;
  const Result<Verification> verified =
      verify(proved->receipt, guest_id(), {.security_bits = kQuick});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->exit_code, 7);
}

TEST(Prove, TrapHasNoReceipt) {
  const Result<Proved> proved = prove(guest(), bytes(words({2})), {.security_bits = kQuick});
  ASSERT_TRUE(proved) << proved.error().message;
  ASSERT_TRUE(proved->run.trap);
  EXPECT_EQ(proved->run.trap->kind, "store-read-only");
  EXPECT_TRUE(proved->receipt.empty());
}

TEST(Prove, OtherFilesAreErrors) {
  EXPECT_EQ(prove(bytes("#!/bin/sh\n"), {}).error().code, ErrorCode::kMalformedElf);
  std::string elf = read_text(kGuest);
  elf[18] = 3;  // e_machine
  EXPECT_EQ(prove(bytes(elf), {}).error().code, ErrorCode::kUnfitElf);
}

TEST(Prove, SecurityThatNoParametersGiveIsAnError) {
  const Result<Proved> proved = prove(guest(), bytes(words({0})), {.security_bits = 1000});
  ASSERT_FALSE(proved);
  EXPECT_EQ(proved.error().code, ErrorCode::kInsecure);
}

TEST(Prove, ProgressGrowsAndEndsTheProof) {
  std::vector<double> seen;
  ProveOptions options{.security_bits = kQuick, .segment_cycles = 1 << 14};
  options.progress = [&](const ProveProgress& progress) {
    if (progress.segments != 0) seen.push_back(progress.fraction);
    return true;
  };
  const Bytes input = bytes(words({4, 16}));
  const Result<Proved> proved = prove(guest(), input, options);
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_GT(proved->segments, 1u);
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_LE(seen.back(), 1.0);
  EXPECT_GT(seen.back(), 0.5);

  options.progress = [](const ProveProgress& progress) { return progress.fraction < 0.3; };
  const Result<Proved> cancelled = prove(guest(), input, options);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
}

TEST(Prove, SegmentsAreOneReceipt) {
  const Result<Proved> proved =
      prove(guest(), bytes(words({5, 5000})), {.security_bits = kQuick, .segment_cycles = 1 << 15});
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_GT(proved->segments, 2u);
  const Result<Verification> verified =
      verify(proved->receipt, guest_id(), {.security_bits = kQuick});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->segments, proved->segments);
  EXPECT_EQ(verified->journal.size(), 20000u);
}

// Segments share trees, whose masks raise the rate; each needs log2 of their number more bits.
TEST(Prove, HundredSegmentsReach128Bits) {
  ProveOptions options{.segment_cycles = 1 << 15};
  uint32_t segments = 0;
  options.progress = [&](const ProveProgress& progress) {
    segments = progress.segments;
    return segments == 0;  // the parameters are chosen: enough
  };
  const Result<Proved> proved = prove(guest(), bytes(words({4, 25})), options);
  ASSERT_FALSE(proved);
  EXPECT_EQ(proved.error().code, ErrorCode::kCancelled) << proved.error().message;
  EXPECT_GT(segments, 80u);
}

// A folder with all segments but the last ones, as a process that was killed leaves it.
TEST(Resume, GoesOnWithTheSegmentsOfTheFolder) {
  const TemporaryFolder folder;
  const Bytes input = bytes(words({4, 16}));
  ProveOptions options{
      .security_bits = kQuick, .segment_cycles = 1 << 14, .resume_folder = folder / "work"};
  options.progress = [](const ProveProgress& progress) {
    return progress.segments == 0 || progress.segment < 2;
  };
  ASSERT_FALSE(prove(guest(), input, options));
  options.progress = {};
  const Result<Proved> proved = prove(guest(), input, options);
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_EQ(proved->resumed, 2u);
  EXPECT_GT(proved->segments, 2u);
  EXPECT_TRUE(verify(proved->receipt, guest_id(), {.security_bits = kQuick}));

  // With all segments there is nothing left to do, and the receipt is the same.
  const Result<Proved> again = prove(guest(), input, options);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->resumed, proved->segments);
  EXPECT_EQ(again->receipt, proved->receipt);
}

TEST(Resume, SecretIsTheOwnersAlone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(prove(guest(), bytes(words({0})),
                    {.security_bits = kQuick, .resume_folder = folder / "work"}));
  struct stat info{};
  ASSERT_EQ(stat((folder / "work/secret").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  ASSERT_EQ(stat((folder / "work").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST(Resume, AnotherProofIsRefused) {
  const TemporaryFolder folder;
  ProveOptions options{.security_bits = kQuick, .resume_folder = folder / "work"};
  const Bytes input = bytes(words({0}));
  ASSERT_TRUE(prove(guest(), input, options));
  const auto expect_refused = [&](const Result<Proved>& proved, const std::string& found) {
    ASSERT_FALSE(proved);
    EXPECT_EQ(proved.error().code, ErrorCode::kOtherProof);
    EXPECT_THAT(proved.error().message, HasSubstr(found));
  };
  expect_refused(prove(guest(), bytes(words({0, 1})), options), "one of another input");
  ProveOptions other = options;
  other.security_bits = kQuick + 1;
  expect_refused(prove(guest(), input, other), "one with other options");
  const std::string secret = read_text(folder / "work/secret");
  std::string changed = secret;
  changed[20] ^= 1;  // in the image id
  write_text(folder / "work/secret", changed);
  expect_refused(prove(guest(), input, options), "another program's");
  write_text(folder / "work/secret", secret.substr(0, secret.size() - 1));
  expect_refused(prove(guest(), input, options), "a damaged file");
}

TEST(Resume, DamagedSegmentsAreProvenAgain) {
  const TemporaryFolder folder;
  const ProveOptions options{.security_bits = kQuick, .resume_folder = folder / "work"};
  const Bytes input = bytes(words({0}));
  ASSERT_TRUE(prove(guest(), input, options));
  const std::string segment = read_text(folder / "work/segment-0");
  write_text(folder / "work/segment-0", segment.substr(0, segment.size() / 2));
  const Result<Proved> proved = prove(guest(), input, options);
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_EQ(proved->resumed, 0u);
}

TEST(Resume, FolderThatCannotBeIsAnError) {
  const Result<Proved> nowhere =
      prove(guest(), bytes(words({0})), {.resume_folder = "/nowhere/work"});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kUnwritable);
  EXPECT_THAT(nowhere.error().message, HasSubstr("resume folder '/nowhere/work'"));
  EXPECT_FALSE(prove(guest(), bytes(words({0})), {.resume_folder = "/etc/passwd"}));
}

TEST(ProveCommand, WritesAReceiptThatVerifies) {
  const TemporaryFolder folder;
  const Outcome outcome = prove_command(folder, words({0}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "to standard output\n");
  EXPECT_THAT(outcome.err, HasSubstr("to standard error\n"));
  EXPECT_THAT(outcome.err, HasSubstr(": exit 0 after "));
  EXPECT_THAT(outcome.err, HasSubstr(", proven in "));
  EXPECT_THAT(outcome.err, HasSubstr("4 bytes  01020304\n"));
  EXPECT_THAT(outcome.err, HasSubstr("1 segment\n"));
  EXPECT_THAT(folder.files(), ElementsAre("receipt"));
  const Outcome verified = verify_command(folder);
  EXPECT_EQ(verified.status, 0) << verified.err;
  EXPECT_EQ(parsed(verified)["journal"], "01020304");
}

TEST(ProveCommand, JsonHasTheKeys) {
  const TemporaryFolder folder;
  const Outcome outcome = prove_command(folder, words({0}), {"--json", "--stats"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json object = parsed(outcome);
  EXPECT_EQ(object["exit_code"], 0);
  EXPECT_TRUE(object["trap"].is_null());
  EXPECT_GT(object["cycles"], 100);
  EXPECT_GT(object["seconds"], 0.0);
  EXPECT_NEAR(object["khz"].get<double>(),
              object["cycles"].get<double>() / object["seconds"].get<double>() / 1000, 1e-6);
  EXPECT_GT(object["peak_rss_bytes"], 1 << 20);
  EXPECT_EQ(object["receipt_bytes"], read_text(folder / "receipt").size());
  EXPECT_EQ(object["segments"], 1);
  EXPECT_GE(object["security_bits"], kQuick);
  EXPECT_EQ(object["journal"], "01020304");
  EXPECT_EQ(object["image_id"], parsed(zkvm({"id", kGuest, "--json"}))["image_id"]);
  EXPECT_FALSE(object["stages"].empty());
  std::vector<std::string> floors;  // all that stark/prover/stage_floors.h knows, by the prover's names
  for (const Json& stage : object["stages"]) {
    if (stage["floor_ns"].is_null()) continue;
    floors.push_back(stage["name"]);
    EXPECT_GT(stage["floor_ns"], 0.01);
    EXPECT_LT(stage["floor_ns"], 1000);
  }
  EXPECT_THAT(floors, UnorderedElementsAre("extend main", "extend aux", "hash rows"));
  uint64_t rows = 0;
  for (const Json& chip : object["chips"]) {
    EXPECT_LE(chip["rows"], chip["padded"]);
    rows += chip["rows"].get<uint64_t>();
  }
  EXPECT_GE(rows, object["cycles"].get<uint64_t>());
  EXPECT_EQ(outcome.err, "to standard output\nto standard error\n");
}

TEST(ProveCommand, StatsAreTables) {
  const TemporaryFolder folder;
  const Outcome outcome = prove_command(folder, words({0}), {"--stats"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("ns per unit  floor"));
  EXPECT_THAT(outcome.err, HasSubstr("lost %"));
}

TEST(ProveCommand, OtherExitCodeIsNoWithAReceipt) {
  const TemporaryFolder folder;
  const Outcome outcome = prove_command(folder, words({1}));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr(": exit 7 after "));
  EXPECT_EQ(parsed(verify_command(folder))["exit_code"], 7);
}

TEST(ProveCommand, TrapIsNoWithoutAReceipt) {
  const TemporaryFolder folder;
  const Outcome outcome = prove_command(folder, words({2}));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("zkvm prove: trap: store of 4 bytes to read-only"));
  EXPECT_THAT(outcome.err, HasSubstr("no receipt"));
  EXPECT_TRUE(folder.files().empty());
  const Json object = parsed(prove_command(folder, words({2}), {"--json"}));
  EXPECT_EQ(object["trap"]["kind"], "store-read-only");
  EXPECT_TRUE(object["receipt"].is_null());
}

TEST(ProveCommand, ReceiptOfAnotherProgramIsNotAccepted) {
  const TemporaryFolder folder;
  ASSERT_EQ(prove_command(folder, words({0})).status, 0);
  const Outcome outcome = zkvm(
      {"verify", folder / "receipt", "--image-id", std::string(64, '0'), "--security", kQuickText});
  EXPECT_EQ(outcome.status, 1);
}

TEST(ProveCommand, OldReceiptStaysWhereTheProofFails) {
  const TemporaryFolder folder;
  write_text(folder / "receipt", "old");
  EXPECT_EQ(prove_command(folder, words({2})).status, 1);
  EXPECT_EQ(read_text(folder / "receipt"), "old");
}

// Enough work for a signal to meet it: about 2 million cycles.
const std::string kLongWork = words({4, 25});

TEST(ProveCommand, InterruptLeavesNothingAndEndsAsCtrlCDoes) {
  const TemporaryFolder folder;
  const Outcome outcome =
      prove_command(folder, kLongWork, {}, {.interrupt_after = std::chrono::milliseconds(1500)});
  EXPECT_EQ(outcome.status, 128 + 2) << outcome.err;
  EXPECT_TRUE(folder.files().empty());
}

TEST(ProveCommand, InterruptSaysWhatIsKept) {
  const TemporaryFolder folder;
  const Outcome outcome = prove_command(
      folder, kLongWork, {"--resume", folder / "work", "--segment-cycles", "32768"},
      {.interrupt_when = [&] { return std::filesystem::exists(folder / "work/segment-0"); },
       .signal = SIGTERM});
  EXPECT_EQ(outcome.status, 128 + 15) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("interrupted; finished segments are in"));
  EXPECT_THAT(folder.files(), ElementsAre("work"));
}

TEST(ProveCommand, KilledProofIsResumed) {
  const TemporaryFolder folder;
  const std::string input = words({4, 19});
  const std::vector<std::string> options{"--resume", folder / "work", "--segment-cycles", "32768",
                                         "--json"};
  const Outcome killed = prove_command(
      folder, input, options,
      {.interrupt_when = [&] { return std::filesystem::exists(folder / "work/segment-1"); },
       .signal = SIGKILL});
  ASSERT_EQ(killed.status, 128 + 9) << killed.err;
  EXPECT_THAT(folder.files(), ElementsAre("work"));
  const Outcome other = prove_command(folder, words({4, 18}), options);
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("found one of another input"));

  const Outcome outcome = prove_command(folder, input, options);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_GE(parsed(outcome)["resumed_segments"], 2);
  EXPECT_GT(parsed(outcome)["segments"], 2);
  EXPECT_EQ(verify_command(folder).status, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "work"))
      << "the secret does not outlive the proof";
}

}  // namespace
}  // namespace zkvm::test
