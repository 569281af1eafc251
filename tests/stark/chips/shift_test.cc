#include "stark/chips/rv32im/shift.h"

#include "tests/stark/chips/rows.h"
#include "tests/stark/chips/solve.h"

namespace zkvm::stark::chips::test {
namespace {

constexpr Operation kOperations[] = {Operation::kSll, Operation::kSrl, Operation::kSra};

template <class Chip>
using Row = typename Chip::template Cols<Fp>;

template <class Chip>
Row<Chip> row_of(RowMaker& make, Operation operation, uint32_t a, uint32_t b) {
  if constexpr (std::is_same_v<Chip, Shift>)
    return make.with_registers<Shift>(operation, a, b);
  else
    return make.with_immediate<Chip>(number(operation) + kImmediate, a, b % 32);
}

template <bool kIsInPlace>
auto& shift_of(ShiftColumns<Fp, kIsInPlace>& row) {
  return row;
}
auto& shift_of(Shift::Cols<Fp>& row) { return row.shift; }

template <class Chip>
class ShiftChips : public testing::Test {};
using Chips = testing::Types<ShiftImm, ShiftImmInPlace, Shift>;
TYPED_TEST_SUITE(ShiftChips, Chips);

TYPED_TEST(ShiftChips, IsRecorded) {
  expect_recordable<TypeParam>(std::is_same_v<TypeParam, Shift> ? 18
                               : kIsInPlace<TypeParam>          ? 10
                                                                : 13);
}

TYPED_TEST(ShiftChips, HonestRowsAreCorrect) {
  RowMaker make(1);
  for (const Operation operation : kOperations) {
    for (const uint32_t a : kEdges) {
      for (const uint32_t b : kEdges)
        expect_correct<TypeParam>(row_of<TypeParam>(make, operation, a, b));
      for (uint32_t b = 0; b < 32; ++b)
        expect_correct<TypeParam>(row_of<TypeParam>(make, operation, a, b));
    }
    for (int n = 0; n < 2000; ++n)
      expect_correct<TypeParam>(row_of<TypeParam>(make, operation, make.any(), make.any()));
  }
}

TYPED_TEST(ShiftChips, ChangedRowsAreNotWrong) {
  RowMaker make(2);
  for (const Operation operation : kOperations) {
    for (const uint32_t a : kEdges)
      attack<TypeParam>(row_of<TypeParam>(make, operation, a, make.any()), make.random);
    for (uint32_t b = 0; b < 32; ++b)
      attack<TypeParam>(row_of<TypeParam>(make, operation, make.any(), b), make.random);
  }
}

TYPED_TEST(ShiftChips, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<TypeParam>(random);
}

// The immediate forms as rows of Shift.
Row<Shift> immediate_row(RowMaker& make, Operation operation, uint32_t a, uint32_t amount) {
  return make.with_immediate<Shift>(number(operation) + kImmediate, a, amount);
}

TEST(Shift, HonestImmediatesAreCorrect) {
  RowMaker make(8);
  for (const Operation operation : kOperations)
    for (const uint32_t a : kEdges)
      for (uint32_t b = 0; b < 32; ++b) expect_correct<Shift>(immediate_row(make, operation, a, b));
}

TEST(Shift, ChangedImmediatesAreNotWrong) {
  RowMaker make(9);
  for (const Operation operation : kOperations)
    for (uint32_t b = 0; b < 32; ++b)
      attack<Shift>(immediate_row(make, operation, make.any(), b), make.random);
}

/// The products that the row's power implies.
template <class Columns>
void repair_products(Columns& shift) {
  for (int half = 0; half < 2; ++half) {
    const Fp limb = half == 0 ? shift.a.lo : shift.a.hi;
    const uint32_t product = (limb * shift.power).value();
    shift.x[2 * half] = fp(product & 0xff);
    shift.x[2 * half + 1] = fp(product >> 8 & 0xff);
    shift.y[half] = fp(product >> 16);
  }
}

/// Makes the row shift by this amount to the direction of `as`.
template <class Columns>
void set_amount(Columns& shift, Operation as, uint32_t amount) {
  shift.power = fp(as == Operation::kSll ? 1u << amount % 8 : 256u >> amount % 8);
  for (uint32_t k = 1; k < 4; ++k) shift.by[k - 1] = fp(amount / 8 == k);
  repair_products(shift);
}

/// The result that the row's other cells imply.
template <class Chip>
bool repair_result(Row<Chip>& row) {
  auto& shift = shift_of(row);
  shift.top = shift.sign * (fp(256) - shift.power);
  return solve<Chip>(row, {&shift.c.lo, &shift.c.hi});
}

/// f on `count` random rows.
template <class Chip, class F>
void for_rows(RowMaker& make, int count, const F& f) {
  for (int n = 0; n < count; ++n)
    f(row_of<Chip>(make, kOperations[make.any() % 3], make.any(), make.any()));
}

// Products split in other ways, with the result that follows.
TYPED_TEST(ShiftChips, ProductsHaveOneSplit) {
  RowMaker make(4);
  for_rows<TypeParam>(make, 5000, [&](const auto& honest) {
    auto row = honest;
    auto& shift = shift_of(row);
    for (const int half : {0, 1}) {
      Fp* const split[] = {&shift.x[2 * half], &shift.x[2 * half + 1], &shift.y[half]};
      const size_t lie = make.any() % 3;
      *split[lie] = wrong_cell(*split[lie], make.random);
      EXPECT_TRUE(solve<TypeParam>(row, {split[(lie + 1) % 3], &shift.c.lo, &shift.c.hi}));
      expect_not_wrong<TypeParam>(row);
    }
  });
}

// Another power, another number of bytes, another direction, another sign.
TYPED_TEST(ShiftChips, AmountAndSignAreBound) {
  RowMaker make(5);
  for_rows<TypeParam>(make, 5000, [&](const auto& honest) {
    auto row = honest;
    auto& shift = shift_of(row);
    const Operation as = kOperations[make.any() % 3];
    if (make.any() % 2 == 0) set_amount(shift, as, make.any() % 32);
    shift.sign = fp(make.any() % 2);
    if (make.any() % 4 == 0)  // what the look-up alone would allow
      shift.sign = (shift.a.hi * fp(2) - fp(make.any() % kLimb)) * inverse(fp(kLimb));
    if (make.any() % 2 == 0) {
      shift.sll = fp(as == Operation::kSll);
      shift.srl = fp(as == Operation::kSrl);
      shift.sra = fp(as == Operation::kSra);
    }
    repair_result<TypeParam>(row);
    expect_not_wrong<TypeParam>(row);
  });
}

// Every setting of flags and `by`, with the result that follows.
TYPED_TEST(ShiftChips, FlagsAndByAreOneHot) {
  RowMaker make(6);
  for_rows<TypeParam>(make, 20, [&](const auto& honest) {
    for (uint32_t setting = 0; setting < 1u << 12; ++setting) {
      auto row = honest;
      auto& shift = shift_of(row);
      Fp* const cells[] = {&shift.by[0], &shift.by[1], &shift.by[2],
                           &shift.sll,   &shift.srl,   &shift.sra};
      for (size_t i = 0; i < std::size(cells); ++i) *cells[i] = fp(setting >> 2 * i & 3) - fp(1);
      repair_result<TypeParam>(row);
      expect_not_wrong<TypeParam>(row);
    }
  });
}

// Nor has an immediate form the amount of rs2 or another one, or a register form an immediate.
TEST(Shift, FormIsBound) {
  RowMaker make(10);
  for (const Operation operation : kOperations)
    for (uint32_t amount = 0; amount < 32; ++amount) {
      const uint32_t a = make.any();
      for (const auto& honest : {immediate_row(make, operation, a, amount),
                                 make.with_registers<Shift>(operation, a, amount)}) {
        for (const Fp reg : {Fp::zero(), Fp::one(), fp(2), inverse(fp(2)), -Fp::one()}) {
          auto row = honest;
          row.reg = reg;
          if (reg != honest.reg) expect_rejected<Shift>(row);
          for (uint32_t other = 0; other < 32; ++other) {
            set_amount(row.shift, operation, other);
            EXPECT_TRUE(repair_result<Shift>(row) || other != amount || reg != honest.reg);
            if (other != amount) expect_rejected<Shift>(row);
            auto with_imm = row;  // what the immediate form asks for
            with_imm.imm = {row.shift.power, fp(other / 8)};
            repair_result<Shift>(with_imm);
            expect_not_wrong<Shift>(with_imm);
            with_imm.rs2 = Fp::zero();
            expect_not_wrong<Shift>(with_imm);
          }
        }
      }
    }
}

// The amount is the low byte: not another one with a `rest` that is no byte.
TEST(Shift, AmountIsTheLowByte) {
  RowMaker make(7);
  for (const Operation operation : kOperations)
    for (uint32_t amount = 0; amount < 512; ++amount) {
      const uint32_t b = make.any();
      auto row = make.with_registers<Shift>(operation, make.any(), b);
      row.amount = fp(amount);
      row.rest += (fp(b & 0xff) - fp(amount)) * inverse(fp(256));
      // From 256 on, the key of the other direction.
      const bool left = (operation == Operation::kSll) == (amount < 256);
      set_amount(row.shift, left ? Operation::kSll : Operation::kSrl, amount % 32);
      EXPECT_TRUE(repair_result<Shift>(row));
      if (amount == (b & 0xff))
        expect_correct<Shift>(row);
      else
        expect_rejected<Shift>(row);
    }
}

}  // namespace
}  // namespace zkvm::stark::chips::test
