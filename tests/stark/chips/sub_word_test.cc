#include "stark/chips/rv32im/sub_word.h"

#include "tests/stark/chips/memory_rows.h"
#include "tests/stark/chips/solve.h"

namespace zkvm::stark::chips::test {
namespace {

using Row = SubWord::Cols<Fp>;

constexpr Operation kLoads[] = {Operation::kLb, Operation::kLbu, Operation::kLh, Operation::kLhu};
constexpr Operation kStores[] = {Operation::kSb, Operation::kSh};

bool is_half(Operation operation) {
  return operation == Operation::kLh || operation == Operation::kLhu || operation == Operation::kSh;
}
uint32_t size_of(Operation operation) { return is_half(operation) ? 2 : 1; }

/// Visits rows of all operations at all offsets of some word, with these words and, of stores,
/// these values.
template <class Visit>
void for_each_row(std::span<const uint32_t> words, std::span<const uint32_t> values,
                  std::mt19937_64& random, Visit visit) {
  for (const uint32_t word : words)
    for (uint32_t offset = 0; offset < 4; ++offset) {
      const uint32_t address = kAddresses[random() % std::size(kAddresses)] + offset;
      for (const Operation operation : kLoads)
        if (offset % size_of(operation) == 0)
          visit(load_at<SubWord>(operation, address, word, random));
      for (const Operation operation : kStores)
        for (const uint32_t value : values)
          if (offset % size_of(operation) == 0)
            visit(store_at<SubWord>(operation, address, value, word, random));
    }
}

constexpr uint32_t kValues[] = {0, 0xffffffff, 0x12345678, 0x8000ff00};

TEST(SubWord, IsRecorded) { expect_recordable<SubWord>(16); }

TEST(SubWord, HonestRowsAreCorrect) {
  std::mt19937_64 random(1);
  for_each_row(kWords, kEdges, random, [](const Row& row) { expect_correct<SubWord>(row); });
  for_each_row(kEdges, kWords, random, [](const Row& row) { expect_correct<SubWord>(row); });
}

TEST(SubWord, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(2);
  for_each_row(kWords, kValues, random,
               [&](const Row& row) { attack<SubWord>(row, random, 1000); });
}

TEST(SubWord, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<SubWord>(random);
}

// Exactly the addresses that the VM accepts have a row, whatever a load's flag claims.
TEST(SubWord, OnlyAlignedDeclarableAddresses) {
  std::mt19937_64 random(4);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    for (const Operation operation : kLoads)
      for (const bool read_only : {false, true})
        expect_as_vm<SubWord>(
            load_row<SubWord>(operation, base, imm, 0x80ff7f01, read_only, random), base + imm,
            size_of(operation));
    for (const Operation operation : kStores)
      expect_as_vm<SubWord>(store_row<SubWord>(operation, base, imm, 1, 2, random), base + imm,
                            size_of(operation));
  });
}

// A store reaches writable words only, even if it claims the load's flag.
TEST(SubWord, NoStoreReachesConstants) {
  std::mt19937_64 random(5);
  for_each_address(random, [&](uint32_t base, uint32_t imm) {
    for (const Operation operation : kStores) {
      auto row = store_row<SubWord>(operation, base, imm, 1, 2, random);
      std::string why;
      if (const auto e = effects<SubWord>(row, why))
        for (const RowAccess& access : e->accesses) EXPECT_LT(access.place, kReadOnlyBase);
      row.read_only = Fp::one();
      expect_rejected<SubWord>(row);
    }
  });
}

// Every setting of the flags and every item of the word, with whatever c and delta satisfy the
// asserts then: of each operation that may have this address one row passes.
TEST(SubWord, OneResult) {
  std::mt19937_64 random(6);
  const uint32_t word = 0x91a2b3c4, value = 0xd5e6f708;
  for (uint32_t offset = 0; offset < 4; ++offset)
    for (const Operation operation : {Operation::kLb, Operation::kSb}) {
      const bool store = operation == Operation::kSb;
      auto row = store ? store_at<SubWord>(operation, 0x2000 + offset, value, word, random)
                       : load_at<SubWord>(operation, 0x2000 + offset, word, random);
      // The registers' fields of one program row, the times of one record.
      const Row honest = row;
      int correct = 0;
      for (uint32_t bits = 0; bits < 1u << 6; ++bits)
        for (uint32_t first = 0; first < 4; ++first)
          for (uint32_t second = 0; second < 4; ++second) {
            row = honest;
            row.store = fp(bits & 1);
            row.half = fp(bits >> 1 & 1);
            row.is_signed = fp(bits >> 2 & 1);
            row.negative = fp(bits >> 3 & 1);
            row.o0 = fp(bits >> 4 & 1);
            row.o1 = fp(bits >> 5);
            row.low = fp(word >> (first * 8) & 0xff);
            row.high = fp(word >> (second * 8) & 0xff);
            if (row.store == Fp::one()) row.read_only = Fp::zero();
            for (const uint32_t c0 : {value & 0xff, row.high.value(), row.low.value()}) {
              row.c0 = fp(c0);
              solve<SubWord>(row, {&row.c1, &row.c_hi});
              solve<SubWord>(row, {&row.delta});
              solve<SubWord>(row, {&row.delta_hi});
              const Verdict verdict = judge<SubWord>(row);
              EXPECT_NE(verdict.judgement, Judgement::kWrong) << verdict.why;
              correct += verdict.judgement == Judgement::kCorrect;
            }
          }
      const int operations = store ? 1 : 2;
      EXPECT_EQ(correct, offset % 2 == 0 ? 2 * operations : operations) << store << offset;
    }
}

// Other values for the bytes of the limb and of c, with the result that follows.
TEST(SubWord, LimbsHaveOneSplit) {
  std::mt19937_64 random(7);
  for_each_row(kWords, kValues, random, [&](const Row& honest) {
    for (int n = 0; n < 200; ++n) {
      Row row = honest;
      Fp* const cells[] = {&row.high, &row.low, &row.c0, &row.c1};
      const size_t lie = random() % 4;
      *cells[lie] = wrong_cell(*cells[lie], random);
      if (random() % 2 == 0 && row.store == Fp::zero()) row.negative = Fp::one() - row.negative;
      // The other three and what follows from them; delta multiplies them by flags only.
      std::vector<Fp*> solved = {&row.c_hi, &row.delta};
      for (size_t i = 0; i < 4; ++i)
        if (i != lie) solved.push_back(cells[i]);
      solve<SubWord>(row, solved);
      solve<SubWord>(row, {&row.delta_hi});
      expect_not_wrong<SubWord>(row);
    }
  });
}

// A halves' row at an odd offset, with whatever bytes satisfy the asserts.
TEST(SubWord, HalvesAreAligned) {
  std::mt19937_64 random(8);
  for (const Operation operation : {Operation::kLh, Operation::kLhu, Operation::kSh})
    for (const uint32_t word : kWords)
      for (uint32_t offset = 1; offset < 4; offset += 2) {
        const uint32_t address = kAddressBegin + offset;
        const Row honest = operation == Operation::kSh
                               ? store_at<SubWord>(operation, address, 0x1234, word, random)
                               : load_at<SubWord>(operation, address, word, random);
        for (uint32_t high = 0; high < 256; ++high) {
          Row row = honest;
          row.high = fp(high);
          solve<SubWord>(row, {&row.low, &row.c0, &row.c1, &row.c_hi, &row.delta});
          solve<SubWord>(row, {&row.delta_hi});
          expect_rejected<SubWord>(row);
        }
      }
}

// Of a load nothing is stored, of a store nothing is loaded: whatever the memory is left as.
TEST(SubWord, OnlyTheItemChanges) {
  std::mt19937_64 random(9);
  for_each_row(kWords, kValues, random, [&](const Row& honest) {
    for (int n = 0; n < 50; ++n) {
      Row row = honest;
      const Fp by = wrong_cell(Fp::zero(), random);
      switch (random() % 4) {
        case 0:
          row.delta += by;
          break;
        case 1:
          row.delta_hi += by;
          break;
        case 2:
          row.delta += by, row.delta_hi += by;
          break;
        default:
          row.c_hi += by;
      }
      if (by == Fp::zero()) continue;
      expect_rejected<SubWord>(row);
    }
  });
}

}  // namespace
}  // namespace zkvm::stark::chips::test
