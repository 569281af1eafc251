// Proving: zkvm::prove, `zkvm prove`, what they leave behind when they are stopped, and the folder
// that lets them go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>
#include <thread>

#include "host/zkvm.h"
#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
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

// Of one segment; the same proof has fewer bits in unique decoding, and a verifier may ask for that.
TEST(Prove, TheJohnsonRegimeIsShorterAndRefusable) {
  const Proved johnson = prove(guest(), bytes(words({0}))).value();
  EXPECT_EQ(johnson.regime, Regime::kJohnson);
  const auto verified = verify(johnson.receipt, guest_id());
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->regime, Regime::kJohnson);
  const auto refused = verify(johnson.receipt, guest_id(), {.regime = Regime::kUnique});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInsecure);
  EXPECT_THAT(refused.error().message, HasSubstr("(unique decoding)"));
  // With less asked for, unique decoding is enough, and is what is reported.
  EXPECT_EQ(verify(johnson.receipt, guest_id(), {.security_bits = 80})->regime, Regime::kUnique);

  const Proved unique = prove(guest(), bytes(words({0})), {.regime = Regime::kUnique}).value();
  EXPECT_EQ(unique.regime, Regime::kUnique);
  EXPECT_EQ(unique.image_id, johnson.image_id);
  EXPECT_EQ(verify(unique.receipt, guest_id())->regime, Regime::kUnique);
  EXPECT_TRUE(verify(unique.receipt, guest_id(), {.regime = Regime::kUnique}));
  EXPECT_LT(johnson.receipt.size(), unique.receipt.size() * 4 / 5);
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
  EXPECT_EQ(verified->regime, Regime::kUnique);  // they share trees
  EXPECT_EQ(proved->regime, Regime::kUnique);
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
  ASSERT_EQ(stat((folder / "work/job").c_str(), &info), 0);
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
  Bytes another = guest();
  another.push_back(0);  // behind all that the file's headers name
  expect_refused(prove(another, input, options), "another program's");
  const std::string job = read_text(folder / "work/job");
  std::string changed = job;
  changed[job.size() / 2] ^= 1;
  write_text(folder / "work/job", changed);
  expect_refused(prove(guest(), input, options), "a damaged file");
  write_text(folder / "work/job", job.substr(0, job.size() - 1));
  expect_refused(prove(guest(), input, options), "not whole");
  write_text(folder / "work/job", "zkvm proof 2\n");
  expect_refused(prove(guest(), input, options), "no job that can be read");
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

// What run() says of a proof is what prove() then does.
void expect_as_estimated(const std::string& input, const ProveOptions& options, double tolerance) {
  const Result<Run> run = zkvm::run(guest(), bytes(input), {.estimate_proof = true});
  ASSERT_TRUE(run && run->proof);
  const Result<Proved> proved = prove(guest(), bytes(input), options);
  ASSERT_TRUE(proved) << proved.error().message;
  uint64_t cells = 0;
  for (const ChipCost& chip : proved->chips) cells += chip.cells;
  EXPECT_EQ(run->proof->segments, proved->segments);
  EXPECT_NEAR(static_cast<double>(run->proof->cells), static_cast<double>(cells),
              tolerance * static_cast<double>(cells));
  EXPECT_NEAR(static_cast<double>(run->proof->receipt_bytes),
              static_cast<double>(proved->receipt.size()),
              0.1 * static_cast<double>(proved->receipt.size()));
}

TEST(Estimate, IsWithinATenth) {
  expect_as_estimated(words({0}), {}, 0.1);
  expect_as_estimated(words({4, 20}), {}, 0.1);
  expect_as_estimated(words({5, 9000}), {}, 0.1);
}

TEST(Estimate, IsAbsentAfterATrap) {
  const Result<zkvm::Run> run = zkvm::run(guest(), bytes(words({2})), {.estimate_proof = true});
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->proof);
}

TEST(Estimate, GoesByTheLastProofMadeHere) {
  const TemporaryFolder folder;
  write_text(folder / "in", words({0}));
  const auto command = [&](const std::string& arguments) {
    const Outcome outcome =
        run_program({"bash", "-c", "XDG_CACHE_HOME=$PWD \"$0\" " + arguments, ZKVM_PROGRAM, kGuest},
                    {.folder = folder.path()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome;
  };
  EXPECT_THAT(command("run \"$1\" -i in").err,
              HasSubstr("1 segment (typical: no proof was made here yet)\n"));
  const Json typical = parsed(command("run \"$1\" -i in --json"))["proof"];
  EXPECT_EQ(typical["measured"], false);
  const Json proved = parsed(command("prove \"$1\" -i in -o r --json"));
  const Json measured = parsed(command("run \"$1\" -i in --json"))["proof"];
  EXPECT_EQ(measured["measured"], true);
  const double seconds = proved["seconds"];
  EXPECT_NEAR(measured["seconds"], seconds, 0.1 * seconds);
  EXPECT_EQ(measured["receipt_bytes"], typical["receipt_bytes"]);
  EXPECT_THAT(command("run \"$1\" -i in").err, HasSubstr("(by the last proof here)\n"));
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
  EXPECT_EQ(object["regime"], "unique decoding");  // enough for so few bits
  EXPECT_GT(object["nonces"]["expected_hashes"], 0);
  EXPECT_LT(object["nonces"]["expected_seconds"], 0.1);
  EXPECT_EQ(object["journal"], "01020304");
  EXPECT_EQ(object["image_id"], parsed(zkvm({"id", kGuest, "--json"}))["image_id"]);
  EXPECT_FALSE(object["stages"].empty());
  std::vector<std::string>
      floors;  // all that stark/prover/stage_floors.h knows, by the prover's names
  for (const Json& stage : object["stages"]) {
    if (stage["floor_ns"].is_null()) continue;
    floors.push_back(stage["name"]);
    EXPECT_GT(stage["floor_ns"], 0.01);
    EXPECT_LT(stage["floor_ns"], 1000);
  }
  EXPECT_THAT(floors,
              UnorderedElementsAre("extend main", "extend aux", "hash rows", "proof of work"));
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

// `zkvm verify` as scripts use it: the exit status is the whole answer.
class Expectations : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_.emplace();
    ASSERT_EQ(prove_command(*folder_, words({0})).status, 0);
    id_ = parsed(zkvm({"id", kGuest, "--json"}))["image_id"];
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static Outcome verified(std::vector<std::string> options, const std::string& input = "") {
    std::vector<std::string> arguments{"verify", *folder_ / "receipt", "--security", kQuickText};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return zkvm(arguments, {.input = input, .folder = folder_->path()});
  }
  static void expect_no(std::vector<std::string> options, const std::string& reason,
                        const std::string& message) {
    const Outcome text = verified(options);
    EXPECT_EQ(text.status, 1);
    EXPECT_THAT(text.out, HasSubstr(message));
    options.push_back("--json");
    const Outcome json = verified(options);
    EXPECT_EQ(json.status, 1);
    EXPECT_EQ(parsed(json)["valid"], false);
    EXPECT_EQ(parsed(json)["reason"], reason);
  }

  static inline std::optional<TemporaryFolder> folder_;
  static inline std::string id_;
};

TEST_F(Expectations, ProgramByElfAndIdBoth) {
  const Outcome both = verified({"--elf", kGuest, "--image-id", id_});
  EXPECT_EQ(both.status, 0);
  EXPECT_THAT(both.out, HasSubstr("ELF's image id  in "));  // what was spent on it
  const Outcome other = verified({"--elf", kGuest, "--image-id", std::string(64, '0')});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("--image-id: expected " + id_ + ", the image id of '"));
  expect_no({"--image-id", std::string(64, '0')}, "wrong-program", "program: expected 0000");
}

TEST_F(Expectations, ImageIdWith0xAndInCapitals) {
  std::string capitals = id_;
  for (char& c : capitals) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(verified({"--image-id", "0x" + id_}).status, 0);
  EXPECT_EQ(verified({"--image-id", "0X" + capitals}).status, 0);
}

TEST_F(Expectations, ExitCode) {
  EXPECT_EQ(verified({"--image-id", id_, "--exit-code", "0"}).status, 0);
  expect_no({"--image-id", id_, "--exit-code", "7"}, "wrong-exit-code",
            ": valid, but not as expected\n  exit code: expected 7, found 0\n");
  expect_no({"--image-id", id_, "--exit-code", "-1"}, "wrong-exit-code", "expected -1, found 0");
}

TEST_F(Expectations, JournalInHexOrAFile) {
  const auto is = [](const std::string& text, const std::string& input = "") {
    return verified({"--image-id", id_, "--journal-is", text}, input).status;
  };
  EXPECT_EQ(is("01020304"), 0);
  EXPECT_EQ(is("0x01020304"), 0);
  EXPECT_EQ(is("-", words({0x04030201})), 0);
  write_text(*folder_ / "journal", words({0x04030201}));
  EXPECT_EQ(is("journal"), 0);
  // A file does not change what digits mean.
  write_text(*folder_ / "cafe", words({0x04030201}));
  EXPECT_EQ(is("cafe"), 1);
  EXPECT_EQ(is("./cafe"), 0);
  EXPECT_EQ(is(""), 1);
  EXPECT_EQ(is("0x"), 1);
  EXPECT_EQ(is("missing"), 2);
  expect_no({"--image-id", id_, "--journal-is", "01020404"}, "wrong-journal",
            "journal: expected 4 bytes  01020404, found 4 bytes  01020304; the first difference is "
            "at byte 2\n");
  expect_no({"--image-id", id_, "--journal-is", "0102030400000000"}, "wrong-journal",
            "expected 8 bytes");
}

TEST_F(Expectations, JournalIsWrittenOnlyWhereTheAnswerIsYes) {
  EXPECT_EQ(verified({"--image-id", id_, "--exit-code", "3", "-j", "out"}).status, 1);
  EXPECT_FALSE(std::filesystem::exists(*folder_ / "out"));
  const Outcome yes = verified({"--image-id", id_, "--exit-code", "0", "-j", "-"});
  EXPECT_EQ(yes.status, 0);
  EXPECT_EQ(yes.out, words({0x04030201}));
  EXPECT_THAT(yes.err, HasSubstr(": valid\n"));
}

TEST(ProveCommand, ReceiptGoesToStandardOutput) {
  const TemporaryFolder folder;
  const Outcome outcome = zkvm({"prove", kGuest, "-i", "-", "--security", kQuickText, "-o", "-"},
                               {.input = words({0}), .folder = folder.path()});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("to standard output\n"));
  EXPECT_TRUE(folder.files().empty());
  const Outcome verified =
      zkvm({"verify", "-", "--elf", kGuest, "--security", kQuickText}, {.input = outcome.out});
  EXPECT_EQ(verified.status, 0) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("standard input: valid\n"));
}

// Hours of work are not lost to a full disk or a pipe that nobody reads.
TEST(ProveCommand, ReceiptThatCannotBeWrittenIsKeptElsewhere) {
  const TemporaryFolder folder;
  const auto kept_by = [&](const std::string& environment, const std::string& target,
                           const std::string& redirection) {
    const Outcome outcome = run_program({"bash", "-c",
                                         environment + " \"$0\" prove \"$1\" -i - --security " +
                                             kQuickText + " -o \"$2\"" + redirection,
                                         ZKVM_PROGRAM, kGuest, target},
                                        {.input = words({0})});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.err, HasSubstr("expected a file that can be written"));
    const std::string before = "; the receipt is kept as '";
    const size_t begin = outcome.err.find(before);
    EXPECT_NE(begin, outcome.err.npos) << outcome.err;
    if (begin == outcome.err.npos) return std::string();
    const size_t at = begin + before.size();
    std::string path = outcome.err.substr(at, outcome.err.find('\'', at) - at);
    EXPECT_EQ(zkvm({"verify", path, "--elf", kGuest, "--security", kQuickText}).status, 0);
    return path;
  };
  const std::string temporary = "TMPDIR=" + folder.path().string();
  const std::string caches = "XDG_CACHE_HOME=" + (folder / "caches");
  EXPECT_THAT(kept_by(temporary, "/dev/full", ""), ::testing::StartsWith(folder.path().string()));
  EXPECT_THAT(kept_by(temporary, "-", " >/dev/full"),
              ::testing::StartsWith(folder.path().string()));
  EXPECT_THAT(kept_by("TMPDIR=/nowhere " + caches, "/dev/full", ""),
              ::testing::StartsWith(folder / "caches/zkvm/"));
}

TEST(ProveCommand, ReceiptOfAFolderThatIsGoneIsKept) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "out");
  const Outcome outcome =
      run_program({"bash", "-c",
                   "(sleep 0.3; rmdir out) & TMPDIR=$PWD \"$0\" prove \"$1\" -i - --security " +
                       kQuickText + " -o out/receipt.zkr; status=$?; wait; exit $status",
                   ZKVM_PROGRAM, kGuest},
                  {.input = words({4, 22}), .folder = folder.path()});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("No such file or directory; the receipt is kept as '" +
                                     folder.path().string() + "/zkvm-receipt-"));
  EXPECT_THAT(outcome.err, HasSubstr("/receipt.zkr'\n"));
}

TEST(ProveCommand, LogHasALineOfProgressNowAndThen) {
  const TemporaryFolder folder;
  const std::string input = words({4, 24});  // over a second of one thread on any CPU
  const Outcome outcome = prove_command(folder, input, {"--progress", "1", "--threads", "1"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const std::regex line("zkvm prove: +[0-9]+ %  segment [0-9]+ of [0-9]+.*\n");
  EXPECT_TRUE(std::regex_search(outcome.err, line)) << outcome.err;
  EXPECT_EQ(outcome.err.find('\r'), outcome.err.npos);
  const Outcome silent = prove_command(folder, input, {"--progress", "0", "--threads", "1"});
  EXPECT_FALSE(std::regex_search(silent.err, line)) << silent.err;
}

TEST(ProveCommand, ThreadsAreLimited) {
  const TemporaryFolder folder;
  write_text(folder / "in", words({4, 18}));
  const auto threads_at_work = [&](const std::string& limit) {
    const Outcome outcome = run_program(
        {"bash", "-c",
         "\"$0\" prove \"$1\" -i in --security " + kQuickText + " -o r --threads " + limit +
             " & while n=$(ls /proc/$!/task 2>/dev/null | wc -l); [ \"$n\" -gt 0 ]; do echo $n; "
             "sleep 0.01; done; wait $!",
         ZKVM_PROGRAM, kGuest},
        {.folder = folder.path()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::istringstream lines(outcome.out);
    std::vector<int> counts{std::istream_iterator<int>(lines), {}};
    EXPECT_GT(counts.size(), 3u);
    std::ranges::sort(counts);
    return counts.empty() ? 0 : counts[counts.size() / 2];  // most of the time
  };
  EXPECT_EQ(threads_at_work("1"), 1);
  if (std::thread::hardware_concurrency() > 1) {
    EXPECT_EQ(threads_at_work("2"), 2);
  }
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
