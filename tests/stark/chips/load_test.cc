#include "stark/chips/rv32im/load.h"

#include "tests/stark/chips/memory_rows.h"

namespace zkvm::stark::chips::test {
namespace {

TEST(LoadWord, IsRecorded) { expect_recordable<LoadWord>(14); }

TEST(LoadWord, HonestRowsAreCorrect) {
  std::mt19937_64 random(1);
  for (const uint32_t word : kEdges)
    for (const uint32_t address : kAddresses)
      expect_correct<LoadWord>(load_at<LoadWord>(Operation::kLw, address, word, random));
}

TEST(LoadWord, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(3);
  for (const uint32_t address : kAddresses)
    for (const uint32_t word : kWords)
      attack<LoadWord>(load_at<LoadWord>(Operation::kLw, address, word, random), random);
}

TEST(LoadWord, PaddingIsIdle) {
  std::mt19937_64 random(5);
  attack_padding<LoadWord>(random);
}

// Exactly the addresses that the VM accepts have a row, whatever the flag claims.
TEST(LoadWord, OnlyAlignedDeclarableAddresses) {
  std::mt19937_64 random(6);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    for (const bool read_only : {false, true})
      expect_as_vm<LoadWord>(load_row<LoadWord>(Operation::kLw, base, imm, 1, read_only, random),
                             base + imm, 4);
  });
}

}  // namespace
}  // namespace zkvm::stark::chips::test
