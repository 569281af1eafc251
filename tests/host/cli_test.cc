// `zkvm run`, `inspect`, `disasm` and what all commands share: exit status, messages, JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "tests/host/command.h"
#include "tests/vm/guest_builder.h"

namespace zkvm::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

Json parsed(const Outcome& outcome) {
  const Json object = Json::parse(outcome.out, nullptr, false);
  EXPECT_TRUE(object.is_object()) << "stdout is not one JSON object: " << outcome.out;
  return object;
}

void expect_one_line(const std::string& text) {
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  EXPECT_THAT(text, Not(IsEmpty()));
}

Outcome run_task(std::initializer_list<uint32_t> input, std::vector<std::string> options = {}) {
  std::vector<std::string> arguments{"run", kGuest, "--input", "-"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return zkvm(arguments, {.input = words(input)});
}

TEST(Run, ConsoleIsPassedThroughAndTheReportIsOnStderr) {
  const Outcome outcome = run_task({0});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "to standard output\n");
  EXPECT_THAT(outcome.err, HasSubstr("to standard error\n"));
  EXPECT_THAT(outcome.err, HasSubstr(": exit 0 after "));
  EXPECT_THAT(outcome.err, HasSubstr("4 bytes  01020304\n"));
  EXPECT_THAT(outcome.err, HasSubstr("load-word"));
  EXPECT_THAT(outcome.err, HasSubstr("touched of"));
}

TEST(Run, QuietLeavesOnlyTheGuestsOutput) {
  const Outcome outcome = run_task({0}, {"--quiet"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "to standard output\n");
  EXPECT_EQ(outcome.err, "to standard error\n");
}

TEST(Run, JsonHasTheKeysAndStdoutNothingElse) {
  const Outcome outcome = run_task({0}, {"--json"});
  EXPECT_EQ(outcome.status, 0);
  const Json object = parsed(outcome);
  EXPECT_EQ(object["exit_code"], 0);
  EXPECT_TRUE(object["trap"].is_null());
  EXPECT_EQ(object["journal"], "01020304");
  EXPECT_GT(object["seconds"], 0.0);
  uint64_t sum = 0;
  for (const auto& [name, count] : object["classes"].items()) sum += count.get<uint64_t>();
  EXPECT_GT(sum, 100u);
  EXPECT_EQ(object["cycles"], sum);
  EXPECT_GT(object["memory_declared"], object["memory_touched"]);
  EXPECT_EQ(outcome.err, "to standard output\nto standard error\n");
}

TEST(Run, GuestThatExitsWithAnotherCodeIsNo) {
  const Outcome outcome = run_task({1}, {"--json"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(parsed(outcome)["exit_code"], 7);
  EXPECT_THAT(run_task({1}).err, HasSubstr(": exit 7 after "));
}

TEST(Run, TrapNamesAddressSymbolFileAndLine) {
  const Outcome outcome = run_task({2}, {"--json"});
  EXPECT_EQ(outcome.status, 1);
  const Json object = parsed(outcome);
  EXPECT_TRUE(object["exit_code"].is_null());
  EXPECT_EQ(object["trap"]["kind"], "store-read-only");
  EXPECT_GE(object["trap"]["pc"], 0x10000);
  EXPECT_EQ(object["trap"]["where"][0]["function"], "write_to");
  EXPECT_THAT(object["trap"]["where"][0]["file"].get<std::string>(),
              HasSubstr("tests/host/guest.cc"));
  EXPECT_GT(object["trap"]["where"][0]["line"], 0);
  EXPECT_THAT(outcome.err, HasSubstr("zkvm run: trap: store of 4 bytes to read-only address 0x"));
  EXPECT_TRUE(std::regex_search(
      outcome.err,
      std::regex("at pc 0x[0-9a-f]+ <[^>]*write_to[^>]*>.*write_to \\(.*guest.cc:[0-9]+\\)")))
      << outcome.err;
}

TEST(Run, AbortNamesWhoCalledIt) {
  const Outcome outcome = run_task({99}, {"--quiet"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("unknown task"));
  EXPECT_TRUE(
      std::regex_search(outcome.err, std::regex("called from main \\(.*guest.cc:[0-9]+\\)")))
      << outcome.err;
}

TEST(Run, CycleLimitIsATrap) {
  const Outcome outcome = run_task({3}, {"--json", "--max-cycles", "100000"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(parsed(outcome)["trap"]["kind"], "cycle-limit");
  EXPECT_EQ(parsed(outcome)["cycles"], 100000);
}

TEST(Run, InputComesFromAFileToo) {
  const TemporaryFolder folder;
  write_text(folder / "in", words({1}));
  EXPECT_EQ(parsed(zkvm({"run", kGuest, "--json", "--input", folder / "in"}))["exit_code"], 7);
}

TEST(Run, InputIsPaddedToWords) {
  EXPECT_EQ(parsed(zkvm({"run", kGuest, "--json", "-i", "-"}, {.input = "\x01"}))["exit_code"], 7);
}

TEST(Run, JournalFileIsWholeAndNothingElseIsLeft) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_task({5, 1000}, {"--journal", folder / "journal"}).status, 0);
  const std::string journal = read_text(folder / "journal");
  ASSERT_EQ(journal.size(), 4000u);
  EXPECT_EQ(journal.substr(3996), words({999}));
  EXPECT_THAT(folder.files(), ElementsAre("journal"));
}

TEST(Run, JournalReplacesAFileThroughALinkAndKeepsItsMode) {
  const TemporaryFolder folder;
  namespace fs = std::filesystem;
  write_text(folder / "old", "something longer than the journal");
  fs::permissions(folder / "old", fs::perms(0640));
  fs::create_symlink("old", folder / "link");
  EXPECT_EQ(run_task({0}, {"--journal", folder / "link"}).status, 0);
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "old"), words({0x04030201}));
  EXPECT_EQ(fs::status(folder / "old").permissions(), fs::perms(0640));
}

TEST(Run, JournalMayBeADevice) {
  EXPECT_EQ(run_task({0}, {"--journal", "/dev/null"}).status, 0);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(Run, InterruptedRunLeavesTheOldJournal) {
  const TemporaryFolder folder;
  write_text(folder / "journal", "old");
  write_text(folder / "in", words({3}));
  const Outcome outcome =
      zkvm({"run", kGuest, "--input", folder / "in", "--journal", folder / "journal"},
           {.interrupt_after = std::chrono::milliseconds(300)});
  EXPECT_EQ(outcome.status, 128 + 2);
  EXPECT_EQ(read_text(folder / "journal"), "old");
  EXPECT_THAT(folder.files(), ElementsAre("in", "journal"));
}

// Every way to get status 2, and what the one line on stderr says.
struct Failure {
  const char* name;
  std::vector<std::string> arguments;
  const char* message;
};

class Fails : public ::testing::TestWithParam<Failure> {};

TEST_P(Fails, WithStatus2AndOneLine) {
  const Outcome outcome = zkvm(GetParam().arguments);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  expect_one_line(outcome.err);
  EXPECT_THAT(outcome.err, StartsWith("zkvm"));
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().message));
}

TEST_P(Fails, WithAnErrorObjectForJson) {
  std::vector<std::string> arguments = GetParam().arguments;
  arguments.push_back("--json");
  const Outcome outcome = zkvm(arguments);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(parsed(outcome)["error"].is_string());
  expect_one_line(outcome.err);
}

const std::string kSomeId(64, 'a');

// The beginning of a receipt, for as long as the tests run.
const TemporaryFolder kFolder;
const std::string kReceipt = [] {
  write_text(kFolder / "receipt", "ZKVR");
  return kFolder / "receipt";
}();

const std::vector<Failure> kFailures{
    {"NoCommand",
     {},
     "expected a command (run, prove, verify, id, encode, profile, disasm, inspect, new, import, "
     "cache, commit, key, sign, model-id, plan, prove-segment, assemble), found "},
    {"UnknownCommand", {"walk"}, "found 'walk'"},
    {"RunWithoutElf", {"run"}, "ELF is required"},
    {"RunUnknownOption", {"run", kGuest, "--fast"}, "--fast"},
    {"RunTwoElfs", {"run", kGuest, "another"}, "another"},
    {"RunCyclesZero",
     {"run", kGuest, "--max-cycles", "0"},
     "--max-cycles: expected a positive number below 2^64, found '0'"},
    {"RunCyclesText", {"run", kGuest, "--max-cycles", "many"}, "found 'many'"},
    {"RunCyclesNegative", {"run", kGuest, "--max-cycles", "-5"}, "--max-cycles"},
    {"RunCyclesHuge", {"run", kGuest, "--max-cycles", "99999999999999999999999"}, "--max-cycles"},
    {"RunMissingElf",
     {"run", "/nowhere/guest.elf"},
     "guest '/nowhere/guest.elf': expected a readable file, found: No such file"},
    {"RunFolder", {"run", "/tmp"}, "guest '/tmp': expected a readable file, found: Is a directory"},
    {"RunNotElf",
     {"run", "/etc/passwd"},
     "'/etc/passwd': expected a guest, found a text file: `zkvm new DIR` makes a project"},
    {"RunEmpty", {"run", "/dev/null"}, "'/dev/null': expected a guest, found an empty file"},
    {"RunHostProgram",
     {"run", ZKVM_PROGRAM},
     "expected a guest, found an x86-64 program: `zkvm new"},
    {"RunTwoStandardInputs",
     {"run", "-", "--input", "-"},
     "expected standard input for one file, found - for ELF and for --input"},
    {"RunProgressText", {"run", kGuest, "--progress", "often"}, "--progress: expected a number"},
    {"RunMissingInput",
     {"run", kGuest, "--input", "/nowhere/in"},
     "input '/nowhere/in': expected a readable file"},
    {"RunJournalNowhere",
     {"run", kGuest, "--journal", "/nowhere/out"},
     "journal '/nowhere/out': expected a file that can be written"},
    {"RunJournalFolder", {"run", kGuest, "--journal", "/tmp"}, "journal '/tmp'"},
    {"ProveWithoutOutput", {"prove", kGuest}, "--output is required"},
    {"ProveMissingElf",
     {"prove", "/nowhere/guest.elf", "-o", "/dev/null"},
     "zkvm prove: guest '/nowhere/guest.elf'"},
    {"ProveNotElf", {"prove", "/etc/passwd", "-o", "/dev/null"}, "found a text file"},
    {"ProveThreadsZero",
     {"prove", kGuest, "-o", "/dev/null", "--threads", "0"},
     "--threads: expected a number from 1 to 1024, found '0'"},
    {"ProveThreadsText",
     {"prove", kGuest, "-o", "/dev/null", "--threads", "all"},
     "--threads: expected a number from 1 to 1024, found 'all'"},
    {"ProveThreadsMany",
     {"prove", kGuest, "-o", "/dev/null", "--threads", "100000"},
     "--threads: expected a number from 1 to 1024"},
    {"ProveResumeStandard",
     {"prove", kGuest, "-o", "/dev/null", "--resume", "-"},
     "--resume: expected a folder's name, found '-'"},
    {"ProveMissingInput",
     {"prove", kGuest, "-o", "/dev/null", "--input", "/nowhere/in"},
     "input '/nowhere/in': expected a readable file"},
    {"ProveOutputNowhere",
     {"prove", kGuest, "-o", "/nowhere/receipt"},
     "receipt '/nowhere/receipt': expected a file that can be written"},
    {"ProveOutputFolder", {"prove", kGuest, "-o", "/tmp"}, "receipt '/tmp'"},
    {"ProveSecurityText",
     {"prove", kGuest, "-o", "/dev/null", "--security", "much"},
     "--security: expected a positive number"},
    {"ProveSegmentZero",
     {"prove", kGuest, "-o", "/dev/null", "--segment-cycles", "0"},
     "--segment-cycles: expected a positive number"},
    {"ProveRateText",
     {"prove", kGuest, "-o", "/dev/null", "--rate", "1/3"},
     "--rate: expected 1/2, 1/4 or 1/8, found '1/3'"},
    {"ProveMemoryText",
     {"prove", kGuest, "-o", "/dev/null", "--memory-limit", "6T"},
     "--memory-limit: expected a size like 512M or 6G, found '6T'"},
    {"ProveMemoryHuge",
     {"prove", kGuest, "-o", "/dev/null", "--memory-limit", "99999999999G"},
     "--memory-limit: expected a size"},
    {"KeyWithoutFile", {"key"}, "KEY is required"},
    {"KeyMissing", {"key", "/nowhere/key"}, "zkvm key: key '/nowhere/key': expected a readable file"},
    {"KeyOfAnotherLength", {"key", kReceipt}, "expected 32 bytes, which `zkvm key --new` writes, found 4"},
    {"KeyTooLong", {"key", "/etc/passwd"}, "zkvm key: key '/etc/passwd': expected at most 32 bytes"},
    {"KeyOverAFile", {"key", kReceipt, "--new"}, "expected a name without a file, found one"},
    {"KeyUnwritable", {"key", "/nowhere/key", "--new"}, "zkvm key: key '/nowhere/key': "},
    {"SignWithoutKey", {"sign", "/dev/null"}, "--key is required"},
    {"SignWithoutFile", {"sign", "--key", kReceipt}, "FILE is required"},
    {"SignTwiceStandardInput", {"sign", "-", "--key", "-"}, "standard input"},
    {"SignUnwritable",
     {"sign", "/dev/null", "--key", kReceipt, "-o", "/nowhere/signature"},
     "zkvm sign: signature '/nowhere/signature': "},
    {"CommitWithoutFile", {"commit"}, "FILE is required"},
    {"CommitMissingFile",
     {"commit", "/nowhere/data"},
     "zkvm commit: file '/nowhere/data': expected a readable file"},
    {"CommitSaltShort",
     {"commit", "/dev/null", "--salt", "abcd"},
     "--salt: expected 64 hex digits, a file of 32 bytes or random, found 4 digits"},
    {"CommitSaltEmpty", {"commit", "/dev/null", "--salt", ""}, "found 0 digits"},
    {"CommitSaltLong", {"commit", "/dev/null", "--salt", kSomeId + "00"}, "found 66 digits"},
    {"CommitSaltMissing",
     {"commit", "/dev/null", "--salt", "/nowhere/salt"},
     "salt '/nowhere/salt': expected a readable file"},
    {"CommitSaltFileShort",
     {"commit", "/dev/null", "--salt", kReceipt},
     "expected 32 bytes, found 4"},
    {"CommitSaltFileLong",
     {"commit", "/dev/null", "--salt", "/etc/passwd"},
     "salt '/etc/passwd': expected at most 32 bytes, found more"},
    {"CommitSaltOverAnotherFile",
     {"commit", "/dev/null", "--salt-out", kReceipt},
     "expected a name without a file, found one"},
    {"CommitSaltNowhere",
     {"commit", "/dev/null", "--salt-out", "/nowhere/salt"},
     "salt '/nowhere/salt': expected a file that can be written"},
    {"CommitInputNowhere",
     {"commit", "/dev/null", "-o", "/nowhere/input"},
     "input '/nowhere/input': expected a file that can be written"},
    {"CommitTwoStandardInputs",
     {"commit", "-", "--salt", "-"},
     "expected standard input for one file, found - for FILE and for --salt"},
    {"ProfileMissingElf",
     {"profile", "/nowhere/guest.elf"},
     "zkvm profile: guest '/nowhere/guest.elf'"},
    {"ProfileNotElf", {"profile", "/etc/passwd"}, "zkvm profile: '/etc/passwd': expected a guest"},
    {"ProfileFlamegraphNowhere",
     {"profile", kGuest, "--flamegraph", "/nowhere/p.svg"},
     "flame graph '/nowhere/p.svg'"},
    {"ProfilePprofNowhere",
     {"profile", kGuest, "--pprof", "/nowhere/p.pb.gz"},
     "pprof file '/nowhere/p.pb.gz'"},
    {"ProfileTopZero", {"profile", kGuest, "--top", "0"}, "--top: expected a positive number"},
    {"DisasmMissing", {"disasm", "/nowhere/guest.elf"}, "zkvm disasm: guest '/nowhere/guest.elf'"},
    {"DisasmNotElf", {"disasm", "/etc/passwd"}, "expected a guest, found a text file"},
    {"DisasmNoFunction",
     {"disasm", kGuest, "--function", "nonesuch"},
     "--function 'nonesuch': expected the name of a function"},
    {"InspectMissing",
     {"inspect", "/nowhere/guest.elf"},
     "zkvm inspect: file '/nowhere/guest.elf'"},
    {"InspectNotElf", {"inspect", "/etc/passwd"}, "expected a guest or a receipt, found a text"},
    {"IdMissing", {"id", "/nowhere/guest.elf"}, "zkvm id: guest '/nowhere/guest.elf'"},
    {"IdNotElf", {"id", "/etc/passwd"}, "zkvm id: '/etc/passwd': expected a guest"},
    {"VerifyWithoutReceipt", {"verify", "--elf", kGuest}, "RECEIPT is required"},
    {"VerifyWithoutProgram",
     {"verify", kReceipt},
     "expected --elf ELF or --image-id HEX: a receipt proves something about one program only"},
    {"VerifyTwoPrograms",
     {"verify", kReceipt, "--elf", kGuest, "--image-id", kSomeId},
     "--image-id: expected "},
    {"VerifyGuestAlone", {"verify", kGuest}, "expected a receipt, found a guest: `zkvm prove FILE"},
    {"VerifySwapped",
     {"verify", kGuest, "--elf", kReceipt},
     "expected a guest, found a receipt: `zkvm inspect` shows it"},
    {"VerifyTwoStandardInputs",
     {"verify", "-", "--elf", "-"},
     "expected standard input for one file, found - for RECEIPT and for --elf"},
    {"VerifyExitCodeText",
     {"verify", kReceipt, "--image-id", kSomeId, "--exit-code", "zero"},
     "--exit-code: expected a number from -2^31 to 2^31 - 1, found 'zero'"},
    {"VerifyExitCodeLarge",
     {"verify", kReceipt, "--image-id", kSomeId, "--exit-code", "2147483648"},
     "--exit-code: expected a number"},
    {"VerifyJournalIsOdd",
     {"verify", kReceipt, "--image-id", kSomeId, "--journal-is", "0xabc"},
     "--journal-is: expected an even number of hex digits, found 3"},
    {"VerifyJournalIsNowhere",
     {"verify", kReceipt, "--image-id", kSomeId, "--journal-is", "./cafe"},
     "journal './cafe': expected a readable file"},
    {"VerifyShortId", {"verify", "/etc/passwd", "--image-id", "12"}, "expected 64 hex digits"},
    {"VerifyIdNotHex",
     {"verify", "/etc/passwd", "--image-id", "0y" + kSomeId.substr(2)},
     "expected 64 hex digits"},
    {"VerifyRegime",
     {"verify", "/etc/passwd", "--image-id", kSomeId, "--regime", "list"},
     "--regime: expected unique or johnson, found 'list'"},
    {"ProveRegime",
     {"prove", kGuest, "-o", "/dev/null", "--regime", "capacity"},
     "--regime: expected unique or johnson, found 'capacity'"},
    {"VerifySecurityZero",
     {"verify", "/etc/passwd", "--image-id", kSomeId, "--security", "0"},
     "--security: expected a positive number"},
    {"VerifyMissing",
     {"verify", "/nowhere/r.zkr", "--image-id", kSomeId},
     "zkvm verify: receipt '/nowhere/r.zkr'"},
    {"VerifyMissingElf",
     {"verify", "/etc/passwd", "--elf", "/nowhere/guest.elf"},
     "guest '/nowhere/guest.elf'"},
    {"VerifyNotReceipt",
     {"verify", "/etc/passwd", "--image-id", kSomeId},
     "'/etc/passwd': expected a receipt, found a text file: `zkvm prove"},
    {"VerifyEmpty",
     {"verify", "/dev/null", "--image-id", kSomeId},
     "expected a receipt, found an empty file"},
    {"VerifyJournalNowhere",
     {"verify", "/etc/passwd", "--image-id", kSomeId, "--journal", "/nowhere/out"},
     "journal '/nowhere/out'"},
    {"NewWithoutName", {"new"}, "DIR is required"},
    {"NewEmptyName", {"new", ""}, "DIR"},
    {"NewStandard", {"new", "-"}, "DIR: expected a folder's name, found '-'"},
    {"NewOverFile",
     {"new", "/etc/passwd"},
     "'/etc/passwd': expected a folder that is new or empty, found: a file"},
    {"NewOverFolder", {"new", "/etc"}, "'/etc': expected a folder that is new or empty"},
};

INSTANTIATE_TEST_SUITE_P(All, Fails, ::testing::ValuesIn(kFailures),
                         [](const auto& failure) { return std::string(failure.param.name); });

TEST(Run, EndlessInputIsRefusedNotSwallowed) {
  const Outcome outcome = zkvm({"run", kGuest, "--input", "/dev/zero"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err,
              HasSubstr("input '/dev/zero': expected at most 1073741824 bytes, found more"));
}

// What somebody may give for a guest or a receipt, and what it is called.
TEST(OtherFiles, AreNamed) {
  const TemporaryFolder folder;
  const auto compiled = [&](const std::string& name, const std::string& options) {
    const Outcome outcome = run_program(
        {"bash", "-c", "printf 'int main() { return 0; }' | " + options + " -o " + name},
        {.folder = folder.path()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return read_text(folder / name);
  };
  const std::string riscv = "riscv64-unknown-elf-gcc -nostdlib -ffreestanding -Wl,-emain -x c - ";
  const std::string native = "clang-19 -x c - ";
  std::string arm = read_text(kGuest);
  arm.replace(18, 2, "\x28", 2);
  std::string big = read_text(kGuest);
  big[5] = 2;
  big.replace(16, 4, std::string("\0\2\0\xf3", 4));
  std::string odd = read_text(kGuest);
  odd[4] = 7;
  const std::vector<std::pair<std::string, std::string>> files{
      {"an x86-64 object file", compiled("object", native + "-c")},
      {"an x86-64 shared library", compiled("library", native + "-shared -nostdlib")},
      {"an x86-64 program", compiled("pie", native)},
      {"a 64-bit RISC-V program", compiled("rv64", riscv + "-march=rv64im -mabi=lp64")},
      {"a 32-bit RISC-V object file", compiled("rv32", riscv + "-march=rv32im -mabi=ilp32 -c")},
      {"an ARM program", arm},
      {"a big-endian 32-bit RISC-V program", big},
      {"a damaged ELF file", odd},
      {"the beginning of an ELF file", read_text(kGuest).substr(0, 51)},
      {"an archive of object files", "!<arch>\n"},
      {"gzip-compressed data", "\x1f\x8b\x08"},
      {"a script", "#!/bin/sh\n"},
      {"a text file", "Grüße\n"},
      {"data of no known kind", std::string("\xc3\0", 2)},
      {"data of no known kind", words({4, 16})},
      {"an empty file", ""},
      {"a receipt", "ZKVR"},
  };
  for (const auto& [name, contents] : files) {
    SCOPED_TRACE(name);
    write_text(folder / "file", contents);
    for (const char* command : {"run", "id", "disasm"}) {
      const Outcome outcome = zkvm({command, folder / "file"});
      EXPECT_EQ(outcome.status, 2);
      expect_one_line(outcome.err);
      EXPECT_THAT(outcome.err, HasSubstr(": expected a guest, found " + name + ": "));
    }
    if (name == "a receipt") continue;
    const Outcome verified = zkvm({"verify", folder / "file"});
    EXPECT_EQ(verified.status, 2);
    expect_one_line(verified.err);
    EXPECT_THAT(verified.err, HasSubstr(": expected a receipt, found " + name +
                                        ": `zkvm prove GUEST -o RECEIPT` makes one\n"));
    const Outcome inspected = zkvm({"inspect", folder / "file"});
    EXPECT_GE(inspected.status, 1);
    EXPECT_THAT(inspected.out + inspected.err, HasSubstr("found " + name));
  }
}

#ifdef NDEBUG  // sanitizers take memory of their own
TEST(Prove, TakesTheMemoryThatRunSays) {
  const TemporaryFolder folder;
  write_text(folder / "in", words({0}));
  const std::string input = folder / "in";
  const auto said = parsed(zkvm({"run", kGuest, "-i", input, "--json"}))["proof"];
  const auto proven = parsed(zkvm({"prove", kGuest, "-i", input, "-o", folder / "r", "--json"}));
  const double taken = proven["peak_rss_bytes"], expected = said["memory"];
  EXPECT_NEAR(taken / expected, 1, 0.2) << taken;
}
#endif

// Whatever a command prints: where it does not arrive, the command fails and says so.
TEST(StandardOutput, ThatIsFullOrClosedIsAnError) {
  const TemporaryFolder folder;
  write_text(folder / "in", words({0}));
  const std::string input = folder / "in";
  const std::vector<std::vector<std::string>> commands{
      {"--help"},
      {"--version"},
      {"run", "--help"},
      {"run", kGuest, "-q", "-i", input},
      {"run", kGuest, "-i", input, "--json"},
      {"prove", kGuest, "-i", input, "-o", folder / "r", "--security", "20", "--json"},
      {"verify", folder / "r", "--elf", kGuest, "--security", "20"},
      {"verify", folder / "r", "--elf", kGuest, "--security", "20", "--json"},
      {"verify", folder / "r", "--elf", kGuest, "--security", "20", "--journal", "-"},
      {"verify", folder / "r", "--image-id", kSomeId},
      {"id", kGuest},
      {"id", kGuest, "--json"},
      {"profile", kGuest, "-i", input, "--json"},
      {"profile", kGuest, "-i", input, "--flamegraph", "-"},
      {"inspect", kGuest},
      {"inspect", kGuest, "--json"},
      {"inspect", folder / "r"},
      {"disasm", kGuest},
      {"disasm", kGuest, "--json"},
      {"new", folder / "project"},
      {"id", "/nowhere", "--json"},
  };
  for (const char* where : {">/dev/full", ">&-"}) {
    for (const auto& command : commands) {
      std::vector<std::string> arguments{"bash", "-c", std::string("\"$0\" \"$@\" ") + where,
                                         ZKVM_PROGRAM};
      arguments.insert(arguments.end(), command.begin(), command.end());
      std::filesystem::remove_all(folder / "project");
      SCOPED_TRACE(testing::PrintToString(arguments));
      const Outcome outcome = run_program(arguments);
      EXPECT_EQ(outcome.status, 2);
      // The guest's own lines on stderr, where it has any, end before ours.
      const size_t ours = outcome.err.find("zkvm");
      ASSERT_NE(ours, outcome.err.npos) << outcome.err;
      const std::string line = outcome.err.substr(ours);
      if (std::ranges::find(command, "/nowhere") != command.end()) {
        EXPECT_THAT(line, HasSubstr("No such file"));
      } else {
        EXPECT_THAT(line, HasSubstr(where == std::string(">&-") ? "Bad file descriptor"
                                                                : "No space left on device"));
        EXPECT_THAT(line, HasSubstr("standard output"));
      }
      if (command[0] != "profile" && command[0] != "verify") expect_one_line(line);
    }
  }
}

TEST(StandardError, ThatIsFullOrClosedDoesNotStopACommand) {
  for (const char* where : {"2>/dev/full", "2>&-"}) {
    const Outcome outcome = run_program(
        {"bash", "-c", std::string("\"$0\" run \"$1\" -i - ") + where, ZKVM_PROGRAM, kGuest},
        {.input = words({0})});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.out, "to standard output\n");
  }
}

TEST(Dash, IsStandardOutputAndAllElseGoesToStderr) {
  const TemporaryFolder folder;
  write_text(folder / "in", words({0}));
  const auto run_here = [&](std::vector<std::string> arguments) {
    const Outcome outcome = zkvm(std::move(arguments), {.folder = folder.path()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(folder.files(), ElementsAre("in"));
    return outcome;
  };
  const Outcome run = run_here({"run", kGuest, "-i", "in", "--journal", "-"});
  EXPECT_EQ(run.out, words({0x04030201}));
  EXPECT_THAT(run.err, HasSubstr("to standard output\n"));
  EXPECT_THAT(run.err, HasSubstr("exit 0 after"));
  const Outcome svg = run_here({"profile", kGuest, "-i", "in", "--flamegraph", "-"});
  EXPECT_THAT(svg.out, MatchesRegex("<(\\?xml|svg)(.|\n)*</svg>\n"));
  EXPECT_THAT(svg.err, HasSubstr("Cycles by function"));
  const Outcome pprof = run_here({"profile", kGuest, "-i", "in", "--pprof", "-"});
  EXPECT_THAT(pprof.out, StartsWith("\x1f\x8b"));
}

TEST(Dash, IsRefusedWhereStdoutIsTaken) {
  const auto refused = [](const std::vector<std::string>& arguments, const char* message) {
    const TemporaryFolder folder;
    const Outcome outcome = zkvm(arguments, {.folder = folder.path()});
    EXPECT_EQ(outcome.status, 2);
    expect_one_line(outcome.err);
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_THAT(folder.files(), IsEmpty());
  };
  refused({"run", kGuest, "--journal", "-", "--json"}, "--journal -: expected a file, as --json");
  refused({"prove", kGuest, "-o", "-", "--json"}, "-o -: expected a file, as --json");
  refused({"verify", kReceipt, "--image-id", kSomeId, "--journal", "-", "--json"},
          "--journal -: expected a file, as --json");
  refused({"profile", kGuest, "--flamegraph", "-", "--json"}, "--flamegraph -: expected a file");
  refused({"profile", kGuest, "--flamegraph", "-", "--pprof", "-"},
          "expected standard output for one file, found --flamegraph - and --pprof -");
}

TEST(Dash, IsStandardInputForEveryFileThatIsRead) {
  const std::string elf = read_text(kGuest);
  for (const char* command : {"id", "disasm", "inspect"}) {
    EXPECT_EQ(zkvm({command, "-"}, {.input = elf}).status, 0) << command;
    const Outcome other = zkvm({command, "-"}, {.input = "hello"});
    EXPECT_THAT(other.err, HasSubstr(": standard input: expected a guest"));
  }
  const TemporaryFolder folder;
  write_text(folder / "in", words({0}));
  const Outcome run = zkvm({"run", "-", "-i", folder / "in"}, {.input = elf});
  EXPECT_EQ(run.status, 0);
  EXPECT_THAT(run.err, HasSubstr("standard input: exit 0 after"));
  EXPECT_THAT(zkvm({"verify", "-"}, {.input = elf}).err,
              HasSubstr("standard input: expected a receipt, found a guest"));
}

TEST(Run, SaysHowMuchOfTheInputWasRead) {
  const Outcome outcome = run_task({4, 1, 2, 3, 4});
  EXPECT_THAT(outcome.err, HasSubstr("8 bytes read of 20 bytes\n"));
  const Json object = parsed(run_task({4, 1, 2, 3, 4}, {"--json"}));
  EXPECT_EQ(object["input_bytes"], 20);
  EXPECT_EQ(object["input_read"], 8);
  // Padding is not counted.
  const Json padded = parsed(zkvm({"run", kGuest, "--json", "-i", "-"}, {.input = "\x01"}));
  EXPECT_EQ(padded["input_read"], 1);
  EXPECT_EQ(parsed(zkvm({"run", kGuest, "--json"}))["input_read"], 0);
}

TEST(Help, EveryCommandExplainsItselfWithAnExample) {
  const Outcome all = zkvm({"--help"});
  EXPECT_EQ(all.status, 0);
  for (const char* command :
       {"run", "prove", "verify", "id", "profile", "disasm", "inspect", "new", "cache",
        "commit", "key", "sign"}) {
    EXPECT_THAT(all.out, HasSubstr(std::string("  ") + command + " "));
    const Outcome one = zkvm({command, "--help"});
    EXPECT_EQ(one.status, 0);
    EXPECT_EQ(one.err, "");
    EXPECT_THAT(one.out, HasSubstr(std::string("Usage: zkvm ") + command + " "));
    EXPECT_THAT(one.out, HasSubstr(std::string("  zkvm ") + command + " "));
    EXPECT_THAT(one.out, HasSubstr("--json"));
  }
}

TEST(Version, IsPrinted) {
  const Outcome outcome = zkvm({"--version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, MatchesRegex("zkvm [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Id, NamesTheProgramNotTheFile) {
  const Outcome text = zkvm({"id", kGuest});
  EXPECT_EQ(text.status, 0);
  EXPECT_THAT(text.out, MatchesRegex("[0-9a-f]{64}\n"));
  EXPECT_EQ(parsed(zkvm({"id", kGuest, "--json"}))["image_id"].get<std::string>() + "\n", text.out);

  const TemporaryFolder folder;
  const auto id_of = [&](const std::string& elf) {
    write_text(folder / "elf", elf);
    return zkvm({"id", folder / "elf"}).out;
  };
  std::string elf = read_text(kGuest);
  const size_t name = elf.find("fibonacci");  // a symbol or debug information
  ASSERT_NE(name, elf.npos);
  elf[name] = 'F';
  EXPECT_EQ(id_of(elf), text.out);
  const size_t constant = elf.find("to standard output");  // the program's own
  ASSERT_NE(constant, elf.npos);
  elf[constant] = 'T';
  EXPECT_THAT(id_of(elf), MatchesRegex("[0-9a-f]{64}\n"));
  EXPECT_NE(id_of(elf), text.out);
}

// A program that outlives its reader ends by itself.
// One memory, one id: so runs, too, must not depend on how a file cuts it into segments.
TEST(Id, AndRunAreTheSameHoweverMemoryIsCutIntoSegments) {
  using namespace vm::test;
  const TemporaryFolder folder;
  Assembler text;
  text.call(63, 0, kDataBase + 0x1f8, 16).call(64, 3, kDataBase + 0x1f8, 16).exit(0);
  std::set<std::string> ids;
  for (const uint32_t cut : {0u, 0x200u, 0x1fcu}) {
    ElfFile file = ElfFile::of(text.words());
    if (cut != 0) {
      file.segments[1].memory_size = cut;
      file.segments.push_back({kDataBase + cut, PF_R | PF_W, {}, kDataSize - cut});
    }
    const std::vector<uint8_t> bytes = file.bytes();
    write_text(folder / "cut.elf", {bytes.begin(), bytes.end()});
    ids.insert(zkvm({"id", folder / "cut.elf"}).out);
    const Outcome run =
        zkvm({"run", folder / "cut.elf", "-i", "-", "--json"}, {.input = words({1, 2, 3, 4})});
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(parsed(run)["journal"], "01000000020000000300000004000000");
  }
  EXPECT_EQ(ids.size(), 1u);
}

TEST(Disasm, StopsWhenNobodyReads) {
  const Outcome outcome = run_program(
      {"bash", "-c", "timeout 20 \"$0\" disasm \"$1\" | head -1", ZKVM_PROGRAM, kGuest});
  EXPECT_THAT(outcome.out, MatchesRegex("[0-9a-f]+ <.*>:\n"));
}

TEST(Inspect, ShowsWhatTheFileDeclares) {
  const Outcome text = zkvm({"inspect", kGuest});
  EXPECT_EQ(text.status, 0);
  EXPECT_THAT(text.out, HasSubstr(": fit to run\n"));
  EXPECT_THAT(text.out, HasSubstr("r-x"));
  EXPECT_THAT(text.out, HasSubstr("DWARF"));
  EXPECT_THAT(text.out, ContainsRegex("public +the program with all constants in it, weights too: "
                                      "about [0-9]+ receipts show every word"));

  const Json object = parsed(zkvm({"inspect", kGuest, "--json"}));
  EXPECT_EQ(object["fit"], true);
  EXPECT_EQ(object["illegal_words"], 0);
  EXPECT_GT(object["receipts_that_show_it"], 1);
  EXPECT_EQ(object["debug_information"], true);
  uint64_t memory = 0;
  std::set<std::string> flags;
  for (const Json& segment : object["segments"]) {
    memory += segment["bytes"].get<uint64_t>();
    flags.insert(segment["flags"]);
  }
  EXPECT_EQ(object["memory"], memory);
  EXPECT_THAT(flags, ElementsAre("r--", "r-x", "rw-"));
  const auto is_main = [](const Json& s) { return s["name"] == "main" && s["function"] == true; };
  EXPECT_TRUE(std::ranges::any_of(object["symbols"], is_main));
}

TEST(Inspect, SaysThatTextIsTooLongToBeProven) {
  const TemporaryFolder folder;
  const auto write = [&](size_t words) {
    std::vector<uint32_t> text = vm::test::Assembler().exit(0).words();
    text.resize(words, vm::test::kNop);
    vm::test::ElfFile file;
    file.segments.push_back({vm::test::kTextBase, PF_R | PF_X, {}, 0});
    file.segments[0].bytes.resize(words * 4);
    std::memcpy(file.segments[0].bytes.data(), text.data(), words * 4);
    file.segments[0].memory_size = static_cast<uint32_t>(words * 4);
    const std::vector<uint8_t> bytes = file.bytes();
    write_text(folder / "large.elf", {bytes.begin(), bytes.end()});
  };
  const std::string why = "its text has 4,194,305 words, a proof has room for 4,194,304";
  write((size_t{1} << 22) + 1);
  EXPECT_THAT(zkvm({"run", folder / "large.elf"}).err, HasSubstr("not proven: " + why));
  EXPECT_THAT(zkvm({"inspect", folder / "large.elf"}).out, HasSubstr("none can be made: " + why));
  EXPECT_EQ(parsed(zkvm({"inspect", folder / "large.elf", "--json"}))["unprovable"], why);
  write(size_t{1} << 22);
  EXPECT_THAT(zkvm({"run", folder / "large.elf"}).err, Not(HasSubstr("not proven")));
  EXPECT_TRUE(parsed(zkvm({"inspect", folder / "large.elf", "--json"}))["unprovable"].is_null());
}

TEST(Inspect, SaysWhatMakesAnElfUnfit) {
  const TemporaryFolder folder;
  std::string elf = read_text(kGuest);
  elf[36] = 1;  // e_flags: compressed instructions
  write_text(folder / "rvc.elf", elf);
  const Outcome text = zkvm({"inspect", folder / "rvc.elf"});
  EXPECT_EQ(text.status, 1);
  EXPECT_THAT(text.out, HasSubstr(": not fit to run\n"));
  EXPECT_THAT(text.out, HasSubstr("flags: expected 0"));
  const Json object = parsed(zkvm({"inspect", folder / "rvc.elf", "--json"}));
  EXPECT_EQ(object["fit"], false);
  EXPECT_THAT(object["reason"].get<std::string>(), HasSubstr("flags"));
  EXPECT_EQ(zkvm({"run", folder / "rvc.elf"}).status, 2);
}

// "lw a0,8(sp)" from any way of writing it: spaces and what objdump adds in <> and # are dropped.
std::string normal(std::string text) {
  text = std::regex_replace(text, std::regex("[<#].*"), "");
  text = std::regex_replace(text, std::regex("^\\s+|\\s+$"), "");
  text = std::regex_replace(text, std::regex("\\s*,\\s*"), ",");
  return std::regex_replace(text, std::regex("\\s+"), " ");
}

TEST(Disasm, AgreesWithObjdump) {
  const Outcome theirs =
      run_program({"riscv64-unknown-elf-objdump", "-d", "-M", "no-aliases", kGuest});
  ASSERT_EQ(theirs.status, 0) << theirs.err;
  std::map<uint32_t, std::string> expected;
  const std::regex row("^\\s*([0-9a-f]+):\\s+([0-9a-f]{8})\\s+(.*)$");
  std::istringstream lines(theirs.out);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, row)) {
      expected[static_cast<uint32_t>(std::stoul(match[1], nullptr, 16))] = normal(match[3]);
    }
  }
  ASSERT_GT(expected.size(), 500u);

  std::map<uint32_t, std::string> ours;
  const Json object = parsed(zkvm({"disasm", kGuest, "--json"}));
  for (const Json& function : object["functions"]) {
    for (const Json& instruction : function["instructions"]) {
      ours[instruction["address"]] = normal(instruction["text"]);
    }
  }
  for (const auto& [address, text] : expected)
    EXPECT_EQ(ours[address], text) << std::hex << address;
}

TEST(Disasm, OneFunctionByNameWithLines) {
  const Outcome outcome = zkvm({"disasm", kGuest, "--function", "main", "--lines"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("<main>:\n"));
  EXPECT_THAT(outcome.out, HasSubstr("tests/host/guest.cc:"));
  EXPECT_THAT(outcome.out, HasSubstr("<write_to>"));  // a call's target
  EXPECT_EQ(outcome.out.find("<write_to>:"), std::string::npos);
  EXPECT_THAT(zkvm({"disasm", kGuest, "--function", "fibonac"}).out, HasSubstr("<fibonacci>:\n"));
}

}  // namespace
}  // namespace zkvm::test
