#include "stark/chips/rv32im/branch.h"

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
class BranchChips : public testing::Test {};
using Chips = testing::Types<BranchEqual, Branch>;
TYPED_TEST_SUITE(BranchChips, Chips);

TYPED_TEST(BranchChips, IsRecorded) {
  expect_recordable<TypeParam>(std::is_same_v<TypeParam, BranchEqual> ? 9 : 12);
}

TYPED_TEST(BranchChips, HonestRowsAreCorrect) {
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

TYPED_TEST(BranchChips, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : {a, a ^ 1, a ^ (1u << 31), make.any()})
      for (const auto& row : rows_of<TypeParam>(a, b, make))
        attack<TypeParam>(row, make.random, 100);
}

TYPED_TEST(BranchChips, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<TypeParam>(random);
}

Fp taken_pc(Fp taken, Fp pc, Fp target) { return pc + fp(4) + taken * (target - pc - fp(4)); }
Fp exclusive(Fp x, Fp y) { return x + y - fp(2) * x * y; }

// Choices of flags and witness, booleans that are none included, with the next_pc that they ask
// for.
TEST(BranchEqual, HasOneAnswer) {
  RowMaker make(4);
  const Fp choices[] = {Fp::zero(), Fp::one(), fp(2), -Fp::one(), inverse(fp(2))};
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const auto& honest : rows_of<BranchEqual>(a, b, make))
        for (const Fp equal : choices)
          for (const Fp is_ne : choices) {
            auto row = honest;
            row.equal = equal;
            row.is_ne = is_ne;
            row.next_pc = taken_pc(exclusive(equal, is_ne), row.pc, row.target);
            const Fp lo = row.a.value.lo - row.b.value.lo, hi = row.a.value.hi - row.b.value.hi;
            row.inverse = (Fp::one() - equal) * inverse(lo * lo - fp(3) * hi * hi);
            expect_not_wrong<BranchEqual>(row);
            row.inverse = fp(make.any() % Fp::kModulus);
            expect_not_wrong<BranchEqual>(row);
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

// beq and bne as rows of Branch.
std::vector<Branch::Cols<Fp>> equality_rows(uint32_t a, uint32_t b, RowMaker& make) {
  std::vector<Branch::Cols<Fp>> rows;
  for (const Operation op : kEqualOperations) rows.push_back(make.with_target<Branch>(op, a, b));
  return rows;
}

TEST(Branch, HonestEqualitiesAreCorrect) {
  RowMaker make(7);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const auto& row : equality_rows(a, b, make)) expect_correct<Branch>(row);
}

TEST(Branch, ChangedEqualitiesAreNotWrong) {
  RowMaker make(8);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : {a, a ^ 1, a ^ (1u << 31), a + Fp::kModulus, make.any()})
      for (const auto& row : equality_rows(a, b, make)) attack<Branch>(row, make.random, 100);
}

// Every setting of flags, with the order or equality, true or not, and the next_pc that follow.
TEST(Branch, EqualityHasOneAnswer) {
  RowMaker make(9);
  const Fp choices[] = {Fp::zero(), Fp::one(), fp(2), -Fp::one(), inverse(fp(2))};
  for (const uint32_t a : kEdges)
    for (const uint32_t b : {a, a ^ 1, a ^ (1u << 16), a + Fp::kModulus, make.any()})
      for (const auto& honest : equality_rows(a, b, make))
        for (const Fp less : choices)
          for (const Fp equality : choices)
            for (const Fp is_not : choices)
              for (const bool as_order : {false, true}) {
                auto row = honest;
                if (as_order) row.order = order_of(a, b, false);
                const Fp d = row.a.value.hi - row.b.value.hi;
                row.order.less = less;
                if (!as_order) row.order.distance = (Fp::one() - fp(2) * less) * d - Fp::one();
                row.is_equality = equality;
                row.is_not = is_not;
                row.next_pc = taken_pc(exclusive(less, is_not), row.pc, row.target);
                row.inverse = equality * (Fp::one() - less) *
                              inverse(norm_of_difference(row.a.value, row.b.value));
                expect_not_wrong<Branch>(row);
              }
}

TEST(Branch, HasOneAnswer) {
  RowMaker make(6);
  for (const uint32_t a : kEdges)
    for (const uint32_t b : kEdges)
      for (const auto& honest : rows_of<Branch>(a, b, make))
        for (const bool as_signed : {false, true})
          for (const bool swapped : {false, true})
            for (uint32_t is_signed = 0; is_signed < 3; ++is_signed)
              for (uint32_t is_not = 0; is_not < 5; ++is_not) {
                auto row = honest;
                row.order = swapped ? order_of(b, a, as_signed) : order_of(a, b, as_signed);
                row.is_signed = fp(is_signed);
                row.is_not = fp(is_not) - Fp::one();
                row.next_pc = taken_pc(exclusive(row.order.less, row.is_not), row.pc, row.target);
                expect_not_wrong<Branch>(row);
              }
}

}  // namespace
}  // namespace zkvm::stark::chips::test
