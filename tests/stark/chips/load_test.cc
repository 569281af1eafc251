#include "stark/chips/load.h"

#include "tests/stark/chips/row_oracle.h"
#include "tests/stark/chips/solve.h"

namespace zkvm::stark::chips::test {
namespace {

// As vm::LoadRow.
struct Load {
  uint32_t clk;
  RecordAccess rs1, memory, rd;
};

constexpr Operation kSubOperations[] = {Operation::kLb, Operation::kLbu, Operation::kLh,
                                        Operation::kLhu};

template <class Chip>
typename Chip::template Cols<Fp> row_of(Operation operation, uint32_t base, uint32_t imm,
                                        uint32_t word, bool read_only, std::mt19937_64& random) {
  const auto clk = static_cast<uint32_t>(1 + random() % ((1 << 22) - 1));
  const Load record{clk, register_access(base, 4 * clk, random),
                    ram_access(word, 4 * clk + 1, random),
                    register_access(static_cast<uint32_t>(random()), 4 * clk + 2, random)};
  const ProgramRow insn{.pc = static_cast<uint32_t>(random() % (1u << 28)) * 4,
                        .operation = number(operation),
                        .rd = static_cast<uint32_t>(1 + random() % 32),
                        .rs1 = static_cast<uint32_t>(random() % 32),
                        .rs2 = 0,
                        .imm = imm,
                        .target = 0};
  typename Chip::template Cols<Fp> row;
  Chip::fill(row, insn, record, read_only);
  return row;
}

// A row that reads at an address that may be declared, with some offset.
template <class Chip>
typename Chip::template Cols<Fp> live_row(Operation operation, uint32_t address, uint32_t word,
                                          std::mt19937_64& random) {
  const auto imm = static_cast<uint32_t>(random() % 4096) - 2048;
  return row_of<Chip>(operation, address - imm, imm, word, random() % 2 == 0, random);
}

constexpr uint32_t kWords[] = {0,          0xffffffff, 0x80808080, 0x7f7f7f7f,
                               0x0180ff7f, 0x7fff8000, 0x80007fff, 0x12345678};

TEST(LoadWord, HonestRowsAreCorrect) {
  std::mt19937_64 random(1);
  for (const uint32_t word : kEdges)
    for (const uint32_t address : kAddresses)
      expect_correct<LoadWord>(live_row<LoadWord>(Operation::kLw, address, word, random));
}

TEST(LoadSub, HonestRowsAreCorrect) {
  std::mt19937_64 random(2);
  for (const Operation operation : kSubOperations)
    for (const uint32_t word : kWords)
      for (const uint32_t address : kAddresses)
        for (uint32_t offset = 0; offset < 4; ++offset) {
          const bool half = operation == Operation::kLh || operation == Operation::kLhu;
          if (half && offset % 2 == 1) continue;
          expect_correct<LoadSub>(live_row<LoadSub>(operation, address + offset, word, random));
        }
}

TEST(LoadWord, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(3);
  for (const uint32_t address : kAddresses)
    for (const uint32_t word : kWords)
      attack<LoadWord>(live_row<LoadWord>(Operation::kLw, address, word, random), random);
}

TEST(LoadSub, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(4);
  for (const Operation operation : kSubOperations)
    for (const uint32_t word : kWords)
      for (uint32_t offset = 0; offset < 4; offset += 2)
        attack<LoadSub>(live_row<LoadSub>(operation, kAddressBegin + offset, word, random), random,
                        1000);
}

TEST(LoadChips, PaddingIsIdle) {
  std::mt19937_64 random(5);
  attack_padding<LoadWord>(random);
  attack_padding<LoadSub>(random);
}

// Exactly the addresses that the VM accepts have a row, whatever the flag claims.
TEST(LoadChips, OnlyAlignedDeclarableAddresses) {
  std::mt19937_64 random(6);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    for (const bool read_only : {false, true}) {
      expect_as_vm<LoadWord>(row_of<LoadWord>(Operation::kLw, base, imm, 1, read_only, random),
                             base + imm, 4);
      for (const Operation operation : kSubOperations)
        expect_as_vm<LoadSub>(row_of<LoadSub>(operation, base, imm, 0x80ff7f01, read_only, random),
                              base + imm,
                              operation == Operation::kLh || operation == Operation::kLhu ? 2 : 1);
    }
  });
}

// Every claim about offset, bytes and result, for a word in which all choices differ: one row
// passes for each operation that may have this address.
TEST(LoadSub, OneResult) {
  std::mt19937_64 random(7);
  const uint32_t word = 0x91a2b3c4;
  for (uint32_t offset = 0; offset < 4; ++offset) {
    auto row = row_of<LoadSub>(Operation::kLb, kAddressBegin, offset, word, false, random);
    int correct = 0;
    for (uint32_t bits = 0; bits < 32; ++bits)
      for (uint32_t first = 0; first < 4; ++first)
        for (uint32_t second = 0; second < 4; ++second) {
          row.o0 = fp(bits & 1);
          row.o1 = fp(bits >> 1 & 1);
          row.half = fp(bits >> 2 & 1);
          row.is_signed = fp(bits >> 3 & 1);
          row.negative = fp(bits >> 4);
          const uint32_t low = word >> (first * 8) & 0xff, high = word >> (second * 8) & 0xff;
          row.low = fp(low);
          row.high = fp(high);
          for (const uint32_t c_lo : {high, high + 0xff00, low + 256 * high, high + 256 * low}) {
            row.c_lo = fp(c_lo);
            const Judgement judgement = judge<LoadSub>(row).judgement;
            EXPECT_NE(judgement, Judgement::kWrong);
            correct += judgement == Judgement::kCorrect;
          }
        }
    EXPECT_EQ(correct, offset % 2 == 0 ? 4 : 2);
  }
}

// Other values for the limb's bytes, with the result that follows.
TEST(LoadSub, LimbsHaveOneSplit) {
  std::mt19937_64 random(8);
  for (const Operation operation : kSubOperations)
    for (const uint32_t word : kWords)
      for (uint32_t offset = 0; offset < 4; offset += 2)
        for (int n = 0; n < 200; ++n) {
          auto row = live_row<LoadSub>(operation, kAddressBegin + offset, word, random);
          const bool is_low = random() % 2 == 0;
          Fp &lie = is_low ? row.low : row.high, &other = is_low ? row.high : row.low;
          lie = wrong_cell(lie, random);
          EXPECT_TRUE(solve<LoadSub>(row, {&other, &row.c_lo}));
          expect_not_wrong<LoadSub>(row);
        }
}

// Halves at odd offsets, with whatever bytes satisfy the asserts.
TEST(LoadSub, HalvesAreAligned) {
  std::mt19937_64 random(9);
  for (const Operation operation : {Operation::kLh, Operation::kLhu})
    for (const uint32_t word : kWords)
      for (uint32_t offset = 1; offset < 4; offset += 2) {
        const auto honest = live_row<LoadSub>(operation, kAddressBegin + offset, word, random);
        for (uint32_t high = 0; high < 256; ++high) {
          auto row = honest;
          row.high = fp(high);
          solve<LoadSub>(row, {&row.low, &row.c_lo});
          EXPECT_EQ(judge<LoadSub>(row).judgement, Judgement::kRejected);
        }
      }
}

}  // namespace
}  // namespace zkvm::stark::chips::test
