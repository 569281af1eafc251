// `zkvm commit`: against the vectors of the format, and against a guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const std::string kSecret = "is secret, and has to be kept";

// Of commitment.json: byte i of the salt is 3 i + 1, byte i of the data i mod 251.
std::string salt_bytes() {
  std::string salt;
  for (int i = 0; i < 32; ++i) salt += static_cast<char>(3 * i + 1);
  return salt;
}

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[(c >> 4) & 15];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string pattern(size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(i % 251);
  return out;
}

std::string npy(const std::string& type, const Json& shape, const std::string& data) {
  std::string tuple = "(";
  for (const auto& axis : shape) tuple += axis.dump() + ", ";
  const std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + tuple + "), }\n";
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file += static_cast<char>(header.size());
  file += '\0';
  return file + header + data;
}

// Of a type's number in the format.
const char* const kTypes[] = {"",    "|i1", "|u1", "<i2", "<u2", "<i4", "<u4",
                              "<i8", "<u8", "<f2", "<f4", "<f8", "|b1"};

Json commit(const std::string& data, std::vector<std::string> options) {
  std::vector<std::string> arguments{"commit", "-", "--json"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const Outcome outcome = zkvm(arguments, {.input = data});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return Json::parse(outcome.out, nullptr, false);
}

TEST(Commit, HasTheVectorsOfTheFormat) {
  std::ifstream file(ZKVM_COMMITMENT_VECTORS);
  for (const auto& item : Json::parse(file)["cases"]) {
    const uint32_t type = item["type"];
    std::string data = pattern(item["bytes"]);
    if (type != 0) data = npy(kTypes[type], item["shape"], data);
    const Json found = commit(data, {"--salt", "0x" + hex(salt_bytes())});
    EXPECT_EQ(found["commitment"], item["commitment"]) << item;
    EXPECT_EQ(found["kind"], type == 0 ? "file" : "tensor");
    EXPECT_EQ(found["bytes"], item["bytes"]);
    EXPECT_EQ(found["shape"], type == 0 ? Json() : item["shape"]);
  }
}

TEST(Commit, RawTakesTheBytesOfAnArraysFile) {
  const std::string file = npy("|i1", {2, 3}, pattern(6));
  const Json raw = commit(file, {"--raw", "--salt", hex(salt_bytes())});
  EXPECT_EQ(raw["kind"], "file");
  EXPECT_EQ(raw["bytes"], file.size());
  EXPECT_NE(raw["commitment"], commit(file, {"--salt", hex(salt_bytes())})["commitment"]);
}

TEST(Commit, RandomSaltsDifferAndAreShownAsSecrets) {
  std::set<std::string> salts, commitments;
  for (int i = 0; i < 3; ++i) {
    const Json found = commit("data", {});
    salts.insert(found["secret_salt"].get<std::string>());
    commitments.insert(found["commitment"].get<std::string>());
    // The salt that it shows gives the commitment again.
    EXPECT_EQ(commit("data", {"--salt", *salts.find(found["secret_salt"])})["commitment"],
              found["commitment"]);
  }
  EXPECT_EQ(salts.size(), 3u);
  EXPECT_EQ(commitments.size(), 3u);
  const Outcome text = zkvm({"commit", "-"}, {.input = "data"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("  salt "), HasSubstr(kSecret)));
}

TEST(Commit, WritesTheSaltForItsOwnerAloneAndDoesNotShowIt) {
  const TemporaryFolder folder;
  const std::string salt = folder / "salt";
  const Outcome text = zkvm({"commit", "-", "--salt-out", salt}, {.input = "data"});
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(read_text(salt).size(), 32u);
  struct stat info{};
  ASSERT_EQ(stat(salt.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_THAT(text.out, AllOf(HasSubstr(kSecret), Not(HasSubstr(hex(read_text(salt))))));

  const Json again = commit("data", {"--salt", salt});
  EXPECT_THAT(text.out, HasSubstr(again["commitment"].get<std::string>()));
  EXPECT_EQ(again["secret_salt"], nullptr);
  const std::string before = read_text(salt);
  EXPECT_EQ(zkvm({"commit", "-", "--salt-out", salt}, {.input = "data"}).status, 2);
  EXPECT_EQ(read_text(salt), before);
}

TEST(Commit, InputIsWhatAGuestReads) {
  const TemporaryFolder folder;
  const std::string input = folder / "input";
  for (const bool tensor : {true, false}) {
    const std::string data = tensor ? npy("|i1", {2, 3}, pattern(6)) : pattern(6);
    const Json found = commit(data, {"-o", input});
    EXPECT_EQ(found["secret_salt"], nullptr);
    // The guest's first word chooses what it reads: 0 an int8 tensor of 2 x 3, 3 a file of 6 bytes.
    const Json run = Json::parse(zkvm({"run", ZKVM_COMMITTED_GUEST, "--input", "-", "--json"},
                                      {.input = words({tensor ? 0u : 3u}) + read_text(input)})
                                     .out);
    EXPECT_EQ(run["exit_code"], 0);
    EXPECT_EQ(run["input_read"], 44);
    EXPECT_EQ(run["journal"].get<std::string>().substr(0, 64),
              found["commitment"].get<std::string>());
  }
  struct stat info{};
  ASSERT_EQ(stat(input.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  // On standard output it is alone.
  const Outcome piped =
      zkvm({"commit", "-", "-o", "-", "--salt", hex(salt_bytes())}, {.input = "12345"});
  EXPECT_EQ(piped.out, salt_bytes() + "12345" + std::string(3, '\0'));
  EXPECT_THAT(piped.err, HasSubstr("commitment"));
}

TEST(Commit, IsInAReceipt) {
  const TemporaryFolder folder;
  const std::string input = folder / "input", receipt = folder / "receipt";
  const std::string commitment = commit(pattern(6), {"-o", input})["commitment"];
  write_text(input, words({3}) + read_text(input));
  const Outcome proved =
      zkvm({"prove", ZKVM_COMMITTED_GUEST, "--input", input, "-o", receipt, "--progress", "0"});
  ASSERT_EQ(proved.status, 0) << proved.err;
  const auto verify = [&](const std::string& journal) {
    return zkvm({"verify", receipt, "--elf", ZKVM_COMMITTED_GUEST, "--exit-code", "0",
                 "--journal-is", journal})
        .status;
  };
  // The guest commits the last byte of the file, too.
  EXPECT_EQ(verify(commitment + "05000000"), 0);
  const std::string other = commit(pattern(6), {})["commitment"];
  EXPECT_EQ(verify(other + "05000000"), 1);
}

TEST(Commit, RefusesArraysThatNoTensorOfTheFormatIs) {
  const auto refused = [](const std::string& data, const std::string& message) {
    const Outcome outcome = zkvm({"commit", "-"}, {.input = data});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(message));
  };
  refused(npy("|i1", {1, 1, 1, 1, 1, 1, 1, 1, 1}, "a"),
          "expected at most 8 axes below 2^32, found shape 1x1x1x1x1x1x1x1x1; --raw");
  refused(npy("|i1", {0, 4294967296}, ""), "expected at most 8 axes below 2^32");
  refused(npy("|i1", {2}, "a"), ".npy: ");
  refused("\x93NUMPY", ".npy: ");
  refused(npy(">i4", {1}, "abcd"), "little-endian");
}

}  // namespace
}  // namespace zkvm::test
