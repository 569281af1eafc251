// Guests of both compilers under qemu-riscv32: the C and C++ libraries, the SDK, and how runs end.
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "tests/guest/guests/standard_library.h"
#include "tests/guest/qemu.h"

namespace zkvm::test {
namespace {

std::vector<uint8_t> bytes_of(const std::vector<uint32_t>& words) {
  std::vector<uint8_t> bytes(4 * words.size());
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

std::vector<uint32_t> words_of(const std::vector<uint8_t>& bytes) {
  std::vector<uint32_t> words(bytes.size() / 4);
  std::memcpy(words.data(), bytes.data(), 4 * words.size());
  return words;
}

class GuestTest : public ::testing::TestWithParam<const char*> {
 protected:
  QemuRun run(const std::string& name, std::span<const uint8_t> input = {}) {
    return run_qemu(guest_path("test_" + name + "_" + GetParam()), input);
  }
  QemuRun run(const std::string& name, const std::vector<uint32_t>& input) {
    return run(name, bytes_of(input));
  }
};

INSTANTIATE_TEST_SUITE_P(Compilers, GuestTest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(GuestTest, StandardLibraryGivesTheHostsResults) {
  const QemuRun run = this->run("standard_library");
  EXPECT_EQ(run.status, 0) << run.err;
  const std::vector<uint32_t> expected = standard_library::results();
  ASSERT_GT(expected.size(), 60u);
  EXPECT_EQ(words_of(run.journal), expected);
  EXPECT_EQ(run.out,
            std::to_string(expected.size()) +
                " results, 3.141593 text    42|42   |beef -5000000000\ndestroyed after main\n");
}

// qemu has no such call: the guest is told, and nothing is done. (The machine's: machine_blake3_test, _sha256_test.)
TEST_P(GuestTest, HashesAreNotLinuxs) {
  std::vector<uint32_t> input(1 + 3 * 16, 7);
  input[0] = 3;
  for (const char* guest : {"blake3_call", "sha256_call"}) {
    const QemuRun run = this->run(guest, input);
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(words_of(run.journal), (std::vector<uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  }
}

TEST_P(GuestTest, InputAndJournalKeepEveryValueInWholeWords) {
  std::vector<uint8_t> input, journal;
  const auto put = [](std::vector<uint8_t>& to, const void* data, size_t size) {
    const auto* const bytes = static_cast<const uint8_t*>(data);
    to.insert(to.end(), bytes, bytes + size);
    to.resize((to.size() + 3) / 4 * 4);
  };
  const auto both = [&](const void* data, size_t size) {
    put(input, data, size);
    put(journal, data, size);
  };
  const uint8_t u8 = 0xfe;
  const uint16_t u16 = 0xfedc;
  const uint64_t u64 = 0x0123456789abcdef;
  const double pi = 3.25;
  both(&u8, 1);
  both(&u16, 2);
  both(&u64, 8);
  both(&pi, 8);
  both("abc", 3);
  both("7 bytes", 7);
  const uint32_t padded[2] = {0x77777701, 0x12345678};  // the padding holds bytes that stay private
  put(input, padded, 8);
  const uint32_t members[2] = {0x01, 0x12345678};
  put(journal, members, 8);
  const uint16_t packed[5] = {1, 2, 3, 4, 5};
  both(packed, sizeof(packed));
  std::vector<uint8_t> many(1001);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<uint8_t>(i * 7);
  both(many.data(), many.size());
  put(journal, "text!", 5);
  std::ifstream table(ZKVM_TEST_TABLE, std::ios::binary);
  const std::string embedded(std::istreambuf_iterator<char>(table), {});
  ASSERT_EQ(embedded.size() % 2, 0u);
  put(journal, embedded.data(), embedded.size());
  const uint32_t nothing[3] = {7, 1, 0};  // an empty embedded file: sum, empty(), size()
  put(journal, nothing, 12);
  const std::vector<uint8_t> rest(200, 9);
  put(input, rest.data(), rest.size());
  const uint32_t ends[2] = {200, 0};
  put(journal, ends, 8);

  const QemuRun run = this->run("streams", input);
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.journal, journal);
}

TEST_P(GuestTest, HeapSurvivesAStorm) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    const QemuRun run = this->run("heap", std::vector<uint32_t>{seed});
    EXPECT_EQ(run.status, 0) << "seed " << seed << ": " << run.err;
    EXPECT_EQ(run.journal.size(), 4u);
  }
}

TEST_P(GuestTest, CHeaderReadsCommitsAndEnds) {
  const auto run = [&](uint32_t choice) {
    return this->run("c_header",
                     std::vector<uint32_t>{0xfe, 0xfedc, 0x12345678, 1, 2, 0x80, 0x8000, 0x80000000,
                                           3, 0xffffffff, choice, 0x00020001, 3, 9, 8});
  };
  const QemuRun returned = run(0);
  EXPECT_EQ(returned.status, 3) << returned.err;
  EXPECT_EQ(words_of(returned.journal),
            (std::vector<uint32_t>{0xfe, 0xfedc, 0x12345678, 1, 2, 0x80, 0x8000, 0x80000000, 3,
                                   0xffffffff, 0x00020001, 3, 8}));
  EXPECT_EQ(returned.err, "a line\n");
  EXPECT_EQ(run(1).status, 7);
  EXPECT_EQ(run(2).signal, SIGTRAP);
  EXPECT_EQ(run(2).err, "a line\nfailed in C\n");
  EXPECT_NE(run(3).err.find("c_header.c:22: ZK_CHECK failed: choice == 0"), std::string::npos);
}

TEST_P(GuestTest, ExceptionsWorkWhereTheyAreAskedFor) {
  const QemuRun caught = this->run("exceptions", std::vector<uint32_t>{0});
  EXPECT_EQ(caught.status, 0) << caught.err;
  std::vector<uint8_t> journal = bytes_of({11, 13});
  const std::string what = "vector::_M_range_check: __n (which is 3) >= this->size() (which is 3)";
  journal.insert(journal.end(), what.begin(), what.end());
  journal.resize((journal.size() + 3) / 4 * 4);
  for (const uint8_t byte : bytes_of({5, 7 + 3 + 4 + 66 * 100 + 12, 10151, 300, 11 + 10 * 465}))
    journal.push_back(byte);
  EXPECT_EQ(caught.journal, journal);
  const QemuRun terminated = this->run("exceptions", std::vector<uint32_t>{3});
  EXPECT_EQ(terminated.signal, SIGTRAP);
  EXPECT_NE(terminated.err.find("uncaught exception: at the bottom"), std::string::npos) << terminated.err;
  const QemuRun uncaught = this->run("exceptions", std::vector<uint32_t>{1});
  EXPECT_EQ(uncaught.signal, SIGTRAP);
  EXPECT_NE(uncaught.err.find("uncaught exception: nobody catches this"), std::string::npos)
      << uncaught.err;
  const QemuRun number = this->run("exceptions", std::vector<uint32_t>{2});
  EXPECT_EQ(number.signal, SIGTRAP);
  EXPECT_NE(number.err.find("uncaught exception of type i"), std::string::npos) << number.err;
}

// Each way to end: exit status, or signal and the words of the message.
struct End {
  uint32_t choice;
  int status;
  int signal;
  const char* message;
};

TEST_P(GuestTest, EveryEndIsVisible) {
  const End ends[] = {
      {0, 0, 0, ""},
      {1, 7, 0, ""},
      {2, 3, 0, ""},
      {3, 5, 0, ""},
      {4, -1, SIGTRAP, ""},
      {5, -1, SIGTRAP, "tests/guest/guests/ends.cc:84: assertion failed: g_zero == 1"},
      {6, -1, SIGTRAP, "tests/guest/guests/ends.cc:87: ZK_CHECK failed: g_zero == 1"},
      {7, -1, SIGTRAP, "failed on purpose"},
      {8, -1, SIGTRAP, "the input ended"},
      {9, -1, SIGTRAP,
       "std::out_of_range: vector::_M_range_check: __n (which is 3) >= this->size() (which is 3)"},
      {10, -1, SIGTRAP, "out of memory: 600000 bytes asked for"},
      {11, -1, SIGTRAP, "freed twice"},
      {12, -1, SIGSEGV, ""},  // stack overflow: into the page that nobody declares
      {13, -1, SIGSEGV, ""},  // write to a constant
      {14, -1, SIGSEGV, ""},  // null pointer
      {15, -1, SIGTRAP, "std::terminate"},
      {16, -1, SIGTRAP, "pure virtual function called"},
      {17, -1, SIGTRAP, "std::out_of_range: basic_string::substr: __pos (which is 2)"},
      {18, -1, SIGTRAP, "no stdin"},
      {19, 99, 0, ""},
      {20, -1, SIGTRAP, "std::atomic::wait waits for ever: guests have one thread"},
      {21, 12, 0, ""},  // atomic operations of every width, all right
  };
  for (const End& end : ends) {
    const QemuRun run = this->run("ends", std::vector<uint32_t>{end.choice});
    EXPECT_EQ(run.status, end.status) << "choice " << end.choice << ": " << run.err;
    EXPECT_EQ(run.signal, end.signal) << "choice " << end.choice << ": " << run.err;
    EXPECT_NE(run.err.find(end.message), std::string::npos)
        << "choice " << end.choice << ": " << run.err;
    EXPECT_EQ(words_of(run.journal), std::vector<uint32_t>{0xaaaaaaaa}) << "choice " << end.choice;
    if (run.signal != SIGSEGV) {
      EXPECT_EQ(run.out, "no newline at the end") << "choice " << end.choice;
    }
  }
}

}  // namespace
}  // namespace zkvm::test
