#include "stark/chips/store.h"

#include "tests/stark/chips/row_oracle.h"

namespace zkvm::stark::chips::test {
namespace {

// As vm::StoreRow.
struct Store {
  uint32_t clk;
  RecordAccess rs1, rs2, memory;
};

template <class Chip>
typename Chip::template Cols<Fp> row_of(Operation operation, uint32_t base, uint32_t imm,
                                        uint32_t value, uint32_t word, std::mt19937_64& random) {
  const auto clk = static_cast<uint32_t>(1 + random() % ((1 << 22) - 1));
  const Store record{clk, register_access(base, 4 * clk, random),
                     register_access(value, 4 * clk + 1, random),
                     ram_access(word, 4 * clk + 2, random)};
  const ProgramRow insn{.pc = static_cast<uint32_t>(random() % (1u << 28)) * 4,
                        .operation = number(operation),
                        .rd = 0,
                        .rs1 = static_cast<uint32_t>(random() % 32),
                        .rs2 = static_cast<uint32_t>(random() % 32),
                        .imm = imm,
                        .target = 0};
  typename Chip::template Cols<Fp> row;
  Chip::fill(row, insn, record);
  return row;
}

template <class Chip>
typename Chip::template Cols<Fp> live_row(Operation operation, uint32_t address, uint32_t value,
                                          uint32_t word, std::mt19937_64& random) {
  const auto imm = static_cast<uint32_t>(random() % 4096) - 2048;
  return row_of<Chip>(operation, address - imm, imm, value, word, random);
}

TEST(StoreWord, HonestRowsAreCorrect) {
  std::mt19937_64 random(1);
  for (const uint32_t value : kEdges)
    for (const uint32_t address : kAddresses)
      expect_correct<StoreWord>(
          live_row<StoreWord>(Operation::kSw, address, value, ~value, random));
}

TEST(StoreSub, HonestRowsAreCorrect) {
  std::mt19937_64 random(2);
  for (const uint32_t value : kEdges)
    for (const uint32_t word : {0u, ~0u, 0x12345678u, ~value, value})
      for (uint32_t offset = 0; offset < 4; ++offset) {
        const uint32_t address = kAddresses[random() % std::size(kAddresses)] + offset;
        expect_correct<StoreSub>(live_row<StoreSub>(Operation::kSb, address, value, word, random));
        if (offset % 2 == 0)
          expect_correct<StoreSub>(
              live_row<StoreSub>(Operation::kSh, address, value, word, random));
      }
}

TEST(StoreWord, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(3);
  for (const uint32_t address : kAddresses)
    for (const uint32_t value : {0u, 0xffffffffu, 0x12345678u})
      attack<StoreWord>(live_row<StoreWord>(Operation::kSw, address, value, 77, random), random);
}

TEST(StoreSub, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(4);
  for (const Operation operation : {Operation::kSb, Operation::kSh})
    for (const uint32_t value : {0u, 0xffffffffu, 0x12345678u, 0x8000ff00u})
      for (const uint32_t word : {0u, 0xffffffffu, 0x9abcdef0u, 0x00ff0100u})
        for (uint32_t offset = 0; offset < 4; offset += operation == Operation::kSh ? 2 : 1)
          attack<StoreSub>(
              live_row<StoreSub>(operation, kAddressBegin + offset, value, word, random), random,
              1000);
}

TEST(StoreChips, PaddingIsIdle) {
  std::mt19937_64 random(5);
  attack_padding<StoreWord>(random);
  attack_padding<StoreSub>(random);
}

// Exactly the addresses that the VM accepts have a row.
TEST(StoreChips, OnlyAlignedDeclarableAddresses) {
  std::mt19937_64 random(6);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    expect_as_vm<StoreWord>(row_of<StoreWord>(Operation::kSw, base, imm, 1, 2, random), base + imm,
                            4);
    expect_as_vm<StoreSub>(row_of<StoreSub>(Operation::kSb, base, imm, 1, 2, random), base + imm,
                           1);
    expect_as_vm<StoreSub>(row_of<StoreSub>(Operation::kSh, base, imm, 1, 2, random), base + imm,
                           2);
  });
}

// A store reaches writable words only: that a correct row touches address / 4 is the model's.
TEST(StoreChips, NoRowReachesConstants) {
  std::mt19937_64 random(7);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    std::string why;
    const auto e =
        effects<StoreWord>(row_of<StoreWord>(Operation::kSw, base, imm, 1, 2, random), why);
    if (!e) return;
    for (const RowAccess& access : e->accesses) EXPECT_LT(access.place, kReadOnlyBase);
  });
}

}  // namespace
}  // namespace zkvm::stark::chips::test
