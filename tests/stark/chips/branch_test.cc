#include "stark/chips/branch.h"

#include "tests/stark/chips/rows.h"

namespace zkvm::stark::chips::test {
namespace {

constexpr Operation kEqualOperations[] = {Operation::kBeq, Operation::kBne};
constexpr Operation kLessOperations[] = {Operation::kBlt, Operation::kBge, Operation::kBltu,
                                         Operation::kBgeu};

template <class Chip>
std::vector<typename Chip::template Cols<Fp>> rows_of(uint32_t a, uint32_t b, RowMaker& make) {
  std::vector<typename Chip::template Cols<Fp>> rows;
  if constexpr (std::is_same_v<Chip, BranchEqual>)
    for (const Operation op : kEqualOperations) rows.push_back(make.with_target<Chip>(op, a, b));
  else
    for (const Operation op : kLessOperations) rows.push_back(make.with_target<Chip>(op, a, b));
  return rows;
}

template <class Chip>
class Branch : public testing::Test {};
using Chips = testing::Types<BranchEqual, BranchLess>;
TYPED_TEST_SUITE(Branch, Chips);

TYPED_TEST(Branch, IsRecorded) {
  expect_recordable<TypeParam>(std::is_same_v<TypeParam, BranchEqual> ? 9 : 12);
}

TYPED_TEST(Branch, HonestRowsAreCorrect) {
  RowMaker make(1);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const auto& row : rows_of<TypeParam>(a, b, make)) expect_correct<TypeParam>(row);
  for (int n = 0; n < 1000; ++n) {
    const uint32_t a = make.any();
    for (const auto& row : rows_of<TypeParam>(a, make.any(), make)) expect_correct<TypeParam>(row);
    for (const auto& row : rows_of<TypeParam>(a, a, make)) expect_correct<TypeParam>(row);
  }
}

TYPED_TEST(Branch, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : {a, a ^ 1, a ^ (1u << 31), make.any()})
      for (const auto& row : rows_of<TypeParam>(a, b, make))
        attack<TypeParam>(row, make.random, 100);
}

TYPED_TEST(Branch, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<TypeParam>(random);
}

// Every choice of flags with the next_pc that it asks for.
TEST(BranchEqual, HasOneAnswer) {
  RowMaker make(4);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const auto& honest : rows_of<BranchEqual>(a, b, make))
        for (int bits = 0; bits < 8; ++bits) {
          auto row = honest;
          row.equal = fp(static_cast<uint32_t>(bits & 1));
          row.is_ne = fp(static_cast<uint32_t>(bits >> 1 & 1));
          row.next_pc = (bits & 1) != (bits >> 1 & 1) ? row.target : row.pc + fp(4);
          if (bits & 4) row.inverse = fp(make.any() % Fp::kModulus);
          const Verdict verdict = judge<BranchEqual>(row);
          EXPECT_NE(verdict.judgement, Judgement::kWrong) << a << " " << b << ": " << verdict.why;
        }
}

// As single elements 0 and 0x7f000001 are equal, and so are x and x + 0x7f000001.
TEST(BranchEqual, ComparesLimbs) {
  RowMaker make(5);
  for (const uint32_t a : {0u, 1u, 0x1234567u})
    for (auto row : rows_of<BranchEqual>(a, a + Fp::kModulus, make)) {
      expect_correct<BranchEqual>(row);
      row.equal = Fp::one();
      row.inverse = Fp::zero();
      row.next_pc = row.is_ne == Fp::one() ? row.pc + fp(4) : row.target;
      EXPECT_EQ(judge<BranchEqual>(row).judgement, Judgement::kRejected);
    }
}

TEST(BranchLess, HasOneAnswer) {
  RowMaker make(6);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const auto& honest : rows_of<BranchLess>(a, b, make))
        for (const bool as_signed : {false, true})
          for (const bool swapped : {false, true}) {
            auto row = honest;
            row.is_signed = fp(as_signed);
            row.order = swapped ? order_of(b, a, as_signed) : order_of(a, b, as_signed);
            const bool taken = row.order.less != row.is_ge;
            row.next_pc = taken ? row.target : row.pc + fp(4);
            const Verdict verdict = judge<BranchLess>(row);
            EXPECT_NE(verdict.judgement, Judgement::kWrong) << a << " " << b << ": " << verdict.why;
          }
}

}  // namespace
}  // namespace zkvm::stark::chips::test
