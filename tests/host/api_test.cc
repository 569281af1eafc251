// The C++ API of host/zkvm.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "host/source_map.h"
#include "host/zkvm.h"
#include "tests/host/command.h"

namespace zkvm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::vector<uint8_t> guest() { return bytes(test::read_text(test::kGuest)); }

TEST(Api, RunGivesExitCodeJournalAndCost) {
  const Result<zkvm::Run> run = zkvm::run(guest(), bytes(test::words({0})));
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_FALSE(run->trap);
  EXPECT_EQ(run->exit_code, 0);
  EXPECT_THAT(run->journal, ElementsAre(1, 2, 3, 4));
  uint64_t sum = 0;
  for (const ClassCount& c : run->classes) sum += c.count;
  EXPECT_EQ(sum, run->cycles);
  EXPECT_GE(run->classes.front().count, run->classes.back().count);
  EXPECT_GE(run->memory_declared, run->memory_touched);
  EXPECT_GT(run->memory_touched, 0u);
}

TEST(Api, ConsoleArrivesInOrder) {
  std::string text;
  const RunOptions options{.console = [&](uint32_t fd, std::span<const uint8_t> data) {
    text += std::to_string(fd) + ":" + std::string(data.begin(), data.end());
  }};
  ASSERT_TRUE(zkvm::run(guest(), bytes(test::words({0})), options));
  EXPECT_THAT(text, HasSubstr("1:to standard output"));
  EXPECT_THAT(text, HasSubstr("2:to standard error"));
}

TEST(Api, ProgressOfALongRunIsReported) {
  std::vector<uint64_t> seen;
  const RunOptions options{.progress = [&](uint64_t cycles) {
    seen.push_back(cycles);
    return true;
  }};
  const Result<zkvm::Run> run = zkvm::run(guest(), bytes(test::words({4, 33})), options);
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->trap);
  EXPECT_GT(run->cycles, uint64_t{1} << 26);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  uint64_t before = 0;
  for (uint64_t cycles : seen) {
    EXPECT_LT(cycles - before, uint64_t{1} << 27);
    before = cycles;
  }
  EXPECT_GT(before, uint64_t{1} << 26);
}

TEST(Api, ARunIsCancelled) {
  const RunOptions options{.progress = [&](uint64_t cycles) { return cycles == 0; }};
  const Result<zkvm::Run> run = zkvm::run(guest(), bytes(test::words({4, 33})), options);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ErrorCode::kCancelled);
}

TEST(Api, TrapHasABacktrace) {
  const Result<zkvm::Run> run = zkvm::run(guest(), bytes(test::words({2})));
  ASSERT_TRUE(run);
  ASSERT_TRUE(run->trap);
  EXPECT_EQ(run->trap->kind, "store-read-only");
  ASSERT_GE(run->trap->where.size(), 2u);
  EXPECT_EQ(run->trap->where[0].function, "write_to");
  EXPECT_EQ(run->trap->where[1].function, "main");
  EXPECT_THAT(run->trap->where[1].file, HasSubstr("guest.cc"));
  EXPECT_GT(run->trap->where[1].line, 0u);
}

TEST(Api, OtherFilesAreErrors) {
  const auto code_of = [](const std::string& file) {
    return zkvm::run(bytes(file), {}).error().code;
  };
  EXPECT_EQ(code_of(""), ErrorCode::kMalformedElf);
  EXPECT_EQ(code_of("#!/bin/sh\n"), ErrorCode::kMalformedElf);
  std::string elf = test::read_text(test::kGuest);
  elf[18] = 3;  // e_machine
  EXPECT_EQ(code_of(elf), ErrorCode::kUnfitElf);
}

TEST(Demangled, NamesOfCxxAndRustAndNoOthers) {
  const std::pair<const char*, const char*> names[] = {
      {"_Z3fooi", "foo"},
      {"_ZN1AC2Ev", "A::A"},
      {"_ZN1AcviEv", "A::operator int"},
      {"_ZThn16_N1A1fEv", "non-virtual thunk to A::f()"},
      {"_ZZ4mainENKUliE_clEi", "main::'lambda'(int)::operator()"},
      {"_ZN12_GLOBAL__N_13ryuL15decimalLength17Ey.part.0", "ryu::decimalLength17"},
      {"_Z3fooi.isra.0.constprop.1", "foo"},
      {"_Z3fooi.cold", "foo"},
      {"_RNvNtCs1234_7mycrate3bar3foo", "mycrate::bar::foo"},
      {"_RNvXs_Cs1_1cNtB4_1SNtB4_1T1f", "<c::S as c::T>::f"},
      {"_RINvCs1234_7mycrate3foohE", "mycrate::foo::<u8>"},
      {"_RNvCs1_1c3foo.llvm.1234", "c::foo"},
  };
  for (const auto& [symbol, name] : names) EXPECT_EQ(demangled(symbol), name);
  for (const char* name :
       {"f", "v", "Dn", "St", "PKc", "main", "_Rust", "_Z", "__Z3foov", "f.part.0"}) {
    EXPECT_EQ(demangled(name), name);
  }
}

}  // namespace
}  // namespace zkvm
