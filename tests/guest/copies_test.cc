// memcpy and memmove of the guests' runtime (guests/copies.cc): the bytes, on the VM and under qemu, and the
// instructions, on the VM.
#include <gtest/gtest.h>
#include <zk/check.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/guest/qemu.h"
#include "vm/elf.h"
#include "vm/run.h"

namespace zkvm::test {
namespace {

class GuestCopiesTest : public ::testing::TestWithParam<const char*> {
 protected:
  const std::string elf_ = guest_path(std::string("test_copies_") + GetParam());

  vm::RunResult run_vm(const std::vector<uint32_t>& input) const {
    std::vector<uint8_t> bytes(4 * input.size());
    std::memcpy(bytes.data(), input.data(), bytes.size());
    auto result = vm::run(program_, {.input = bytes, .console = {}});
    ZK_CHECK(result);
    if (result->trap) ADD_FAILURE() << describe(*result->trap, program_);
    return *std::move(result);
  }

  // Instructions of a call, and some 6 of the loop that makes it.
  double instructions(bool move, uint32_t to_place, uint32_t from_place, uint32_t size) const {
    const uint32_t distance = move ? 1 : 2000;  // in words: memmove goes backward
    const auto cycles = [&](uint32_t times) {
      return static_cast<double>(
          run_vm({1, times, move, to_place, from_place, size, distance}).cycles);
    };
    return (cycles(101) - cycles(1)) / 100;
  }

 private:
  const vm::Program program_ = [this] {
    std::ifstream file(elf_, std::ios::binary);
    auto program = vm::load_elf(std::vector<uint8_t>{std::istreambuf_iterator<char>(file), {}});
    ZK_CHECK(program);
    return *std::move(program);
  }();
};

INSTANTIATE_TEST_SUITE_P(Compilers, GuestCopiesTest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(GuestCopiesTest, CopiesAreThoseOfBytes) {
  const vm::RunResult run = run_vm({0});
  ASSERT_EQ(run.journal.size(), 4u);
  uint32_t copies;
  std::memcpy(&copies, run.journal.data(), 4);
  EXPECT_GT(copies, 10'000u);
  const QemuRun qemu = run_qemu(elf_, std::vector<uint8_t>(4));
  EXPECT_EQ(qemu.status, 0) << qemu.err;
  EXPECT_EQ(qemu.journal, run.journal);
}

TEST_P(GuestCopiesTest, AWordTakesFewInstructions) {
  for (const bool move : {false, true}) {
    for (uint32_t to = 0; to < 4; ++to) {
      for (uint32_t from = 0; from < 4; ++from) {
        const double of_4096 = instructions(move, to, from, 4096);
        const double of_2048 = instructions(move, to, from, 2048);
        EXPECT_LE((of_4096 - of_2048) / 512, to == from ? 2.25 : 5.5)
            << (move ? "memmove, " : "memcpy, ") << to << ", " << from;
        EXPECT_LE(instructions(move, to, from, 32), 110);
      }
    }
    EXPECT_LE(instructions(move, 0, 0, 4), 35);
    EXPECT_LE(instructions(move, 0, 0, 32), 60);
    EXPECT_LE(instructions(move, 1, 2, 3), 35);
  }
}

}  // namespace
}  // namespace zkvm::test
