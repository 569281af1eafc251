// `zkvm inspect` and `zkvm verify` on receipts whose proofs prove nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/host/command.h"
#include "tests/host/hollow_receipt.h"

namespace zkvm::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string hex_of(const ImageId& id) {
  std::string text;
  for (const uint8_t byte : id) {
    for (const int digit : {byte >> 4, byte & 15}) text += "0123456789abcdef"[digit];
  }
  return text;
}

HollowReceipt sample() {
  HollowReceipt receipt;
  receipt.image.runs = {{0, 1, stark::machine::BankKind::kPartial},
                        {stark::machine::kBankWords, 1, stark::machine::BankKind::kWhole}};
  receipt.journal = {1, 0, 0, 0, 2, 0, 0, 0};
  stark::Params params;
  params.queries = 30;
  receipt.segments = {{{1, 2}, params, {{0, 14}, {0, 12}}}, {{2}, params, {{0, 10}}}};
  return receipt;
}

TEST(InspectReceipt, ShowsWhatIsInIt) {
  const TemporaryFolder folder;
  const HollowReceipt receipt = sample();
  write_text(folder / "r", text_of(receipt.bytes()));
  const Outcome text = zkvm({"inspect", folder / "r"});
  EXPECT_EQ(text.status, 0) << text.err;
  for (const char* part :
       {"a receipt; `zkvm verify` says if it is valid", "8 bytes  01000000 02000000",
        "Segments (2)", "Tables of segment", "2^14 + 2^12", "Bytes", "queried rows and paths",
        "Soundness of segment", "logup", "fri/layer 0", "less log2 of 2 segments",
        "What an observer learns", "the program with all constants in it, weights too",
        "each segment opens up to 30 values of every fixed column"})
    EXPECT_THAT(text.out, HasSubstr(part));
  EXPECT_THAT(text.out, HasSubstr(hex_of(receipt.id())));

  const Json object = Json::parse(zkvm({"inspect", folder / "r", "--json"}).out);
  EXPECT_EQ(object["image_id"], hex_of(receipt.id()));
  EXPECT_EQ(object["exit_code"], 0);
  EXPECT_EQ(object["journal"], "0100000002000000");
  EXPECT_EQ(object["zero_knowledge"], true);
  EXPECT_EQ(object["parameters"]["queries"], 30);
  size_t bytes = 0;
  for (const Json& part : object["bytes"]) bytes += part.get<size_t>();
  EXPECT_EQ(object["receipt_bytes"], bytes);
  EXPECT_EQ(bytes, receipt.bytes().size());
  EXPECT_EQ(object["bytes"]["proof_queries"], 0);
  ASSERT_EQ(object["segments"].size(), 2u);
  EXPECT_EQ(object["segments"][0]["journal_end"], 8);
  EXPECT_EQ(object["segments"][0]["tables"][0]["rows"], (1 << 14) + (1 << 12));
  EXPECT_EQ(object["segments"][1]["banks"][0]["address"], 4 * stark::machine::kBankWords);
  EXPECT_EQ(object["segments"][1]["banks"][0]["from_image"], false);
  EXPECT_LT(object["security_bits"], object["segments"][0]["security_bits"]);
}

TEST(InspectReceipt, TopLimitsTheSegmentsShown) {
  const TemporaryFolder folder;
  write_text(folder / "r", text_of(sample().bytes()));
  EXPECT_THAT(zkvm({"inspect", folder / "r", "--top", "1"}).out, HasSubstr("the first 1 of 2"));
}

TEST(InspectReceipt, BrokenReceiptsAreErrorsInOneLine) {
  const TemporaryFolder folder;
  const std::string good = text_of(sample().bytes());
  for (size_t part = 1; part < 24; ++part) {
    SCOPED_TRACE(part);
    write_text(folder / "r", good.substr(0, std::max<size_t>(4, good.size() * part / 24)));
    const Outcome outcome = zkvm({"inspect", folder / "r"});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("receipt: "));
  }
}

TEST(VerifyReceipt, SaysNoWithTheReason) {
  const TemporaryFolder folder;
  const HollowReceipt receipt = sample();
  write_text(folder / "r", text_of(receipt.bytes()));
  const auto expect_no = [&](const std::string& id, const char* reason, const char* message) {
    const std::vector<std::string> command = {"verify", folder / "r", "--image-id",
                                              id,       "--journal",  folder / "journal"};
    const Outcome text = zkvm(command);
    EXPECT_EQ(text.status, 1);
    EXPECT_THAT(text.out, HasSubstr(": not valid\n  receipt: "));
    EXPECT_THAT(text.out, HasSubstr(message));
    auto with_json = command;
    with_json.push_back("--json");
    const Json object = Json::parse(zkvm(with_json).out);
    EXPECT_EQ(object["valid"], false);
    EXPECT_EQ(object["reason"], reason);
    EXPECT_FALSE(std::filesystem::exists(folder / "journal"));
  };
  expect_no(hex_of(receipt.id()), "insecure", "expected 129.00 bits");
  expect_no(std::string(64, '0'), "wrong-program", "program: expected 0000");
}

TEST(VerifyReceipt, TheProgramMayBeGivenAsItsElf) {
  const TemporaryFolder folder;
  write_text(folder / "r", text_of(sample().bytes()));
  const std::string id = zkvm({"id", kGuest}).out;
  const Outcome outcome = zkvm({"verify", folder / "r", "--elf", kGuest});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.out, HasSubstr("program: expected " + id.substr(0, 64)));
}

TEST(VerifyReceipt, TruncatedReceiptsAreMalformed) {
  const TemporaryFolder folder;
  const std::string good = text_of(sample().bytes());
  write_text(folder / "r", good.substr(0, good.size() / 2));
  const Outcome outcome = zkvm({"verify", folder / "r", "--image-id", hex_of(sample().id())});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr(": proof: the bytes end at"));
}

}  // namespace
}  // namespace zkvm::test
