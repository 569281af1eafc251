#include "stark/chips/rv32im/store.h"

#include "tests/stark/chips/memory_rows.h"

namespace zkvm::stark::chips::test {
namespace {

TEST(StoreWord, IsRecorded) { expect_recordable<StoreWord>(14); }

TEST(StoreWord, HonestRowsAreCorrect) {
  std::mt19937_64 random(1);
  for (const uint32_t value : kEdges)
    for (const uint32_t address : kAddresses)
      expect_correct<StoreWord>(
          store_at<StoreWord>(Operation::kSw, address, value, ~value, random));
}

TEST(StoreWord, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(3);
  for (const uint32_t address : kAddresses)
    for (const uint32_t value : {0u, 0xffffffffu, 0x12345678u})
      attack<StoreWord>(store_at<StoreWord>(Operation::kSw, address, value, 77, random), random);
}

TEST(StoreWord, PaddingIsIdle) {
  std::mt19937_64 random(5);
  attack_padding<StoreWord>(random);
}

// Exactly the addresses that the VM accepts have a row.
TEST(StoreWord, OnlyAlignedDeclarableAddresses) {
  std::mt19937_64 random(6);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    expect_as_vm<StoreWord>(store_row<StoreWord>(Operation::kSw, base, imm, 1, 2, random),
                            base + imm, 4);
  });
}

// A store reaches writable words only: that a correct row touches address / 4 is the model's.
TEST(StoreWord, NoRowReachesConstants) {
  std::mt19937_64 random(7);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    std::string why;
    const auto e =
        effects<StoreWord>(store_row<StoreWord>(Operation::kSw, base, imm, 1, 2, random), why);
    if (!e) return;
    for (const RowAccess& access : e->accesses) EXPECT_LT(access.place, kReadOnlyBase);
  });
}

}  // namespace
}  // namespace zkvm::stark::chips::test
