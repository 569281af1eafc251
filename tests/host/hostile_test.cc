// The commands on ELF files that somebody broke: an exit status and one line, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void expect_an_answer(const std::vector<std::string>& arguments) {
  const Outcome outcome = zkvm(arguments, {.input = words({2})});
  EXPECT_THAT(outcome.status, ::testing::AnyOf(0, 1, 2)) << arguments[0] << "\n" << outcome.err;
  EXPECT_THAT(outcome.err, Not(HasSubstr("ZK_CHECK")));
  if (outcome.status == 2) {
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
}

void expect_answers(const std::string& file) {
  expect_an_answer({"run", file, "--input", "-", "--max-cycles", "1000000"});
  expect_an_answer({"profile", file, "--input", "-", "--max-cycles", "1000000"});
  expect_an_answer({"inspect", file});
  expect_an_answer({"disasm", file, "--lines"});
}

TEST(Hostile, TruncatedFiles) {
  const TemporaryFolder folder;
  const std::string elf = read_text(kGuest);
  for (size_t part = 0; part < 24; ++part) {
    SCOPED_TRACE(part);
    write_text(folder / "elf", elf.substr(0, elf.size() * part / 24));
    expect_answers(folder / "elf");
  }
}

TEST(Hostile, FilesWithRandomBytesChanged) {
  const TemporaryFolder folder;
  const std::string elf = read_text(kGuest);
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const char* asked = std::getenv("ZKVM_CHANGED_FILES");  // more on demand
  const uint64_t rounds = asked == nullptr ? 30 : std::strtoull(asked, nullptr, 10);
  for (uint64_t round = 0; round < rounds; ++round) {
    std::string changed = elf;
    const size_t changes = 1 + random() % 200;
    // Half of the rounds in the headers, half anywhere: code, symbols, debug information.
    const size_t range = round % 2 == 0 ? 400 : changed.size();
    for (size_t i = 0; i < (range == 400 ? 1 + changes % 6 : changes); ++i) {
      changed[random() % range] = static_cast<char>(random());
    }
    write_text(folder / "elf", changed);
    expect_answers(folder / "elf");
    if (HasFailure()) {
      const std::string kept = testing::TempDir() + "zkvm-hostile.elf";
      write_text(kept, changed);
      FAIL() << "round " << round << ", file kept as " << kept;
    }
  }
}

// A symbol's name reaches the terminal and the flame graph.
TEST(Hostile, ControlCharactersInNamesAreNotPrinted) {
  const TemporaryFolder folder;
  std::string elf = read_text(kGuest);
  size_t found = 0;
  for (size_t at = 0; (at = elf.find("fibonacci", at)) != elf.npos; at += 9, ++found) {
    elf.replace(at, 9, "\033[31m<&\"\xff");
  }
  ASSERT_GT(found, 0u);
  write_text(folder / "elf", elf);
  const Outcome text =
      zkvm({"profile", folder / "elf", "-i", "-", "--flamegraph", folder / "p.svg", "--top", "100"},
           {.input = words({4, 12})});
  EXPECT_EQ(text.status, 0);
  EXPECT_EQ(text.out.find('\033'), std::string::npos);
  EXPECT_THAT(text.out, HasSubstr("?[31m<&\"?"));
  const std::string svg = read_text(folder / "p.svg");
  EXPECT_EQ(svg.find('\033'), std::string::npos);
  EXPECT_THAT(svg, HasSubstr("?[31m&lt;&amp;&quot;?"));
}

}  // namespace
}  // namespace zkvm::test
