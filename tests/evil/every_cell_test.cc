// Every main column of every chip is changed: on live rows, with look-ups and banks put right where
// an attacker could, and on padding rows. No change may pass, but for the few that are listed here
// because they mean nothing. More rows of each table: ZKVM_CELL_ROWS=12.
#include <gtest/gtest.h>

#include <random>

#include "tests/evil/workbench.h"
#include "tests/isa/streams.h"

namespace zkvm::stark::machine::evil {
namespace {

using namespace vm::test;

/// All instructions with their corner cases, input and journal.
std::vector<uint32_t> everything(uint64_t seed) {
  Assembler text;
  text.call(63, 0, kDataBase, 64).call(64, 3, kConstBase, 16).call(64, 1, kDataBase, 3);
  for (const uint32_t word : StreamGenerator(seed).program(3, 400)) text(word);
  return text.words();
}

/// Instructions that all have rd = rs1, which then go to the chips of one access.
std::vector<uint32_t> in_place() {
  Assembler text;
  text(lui(a2, 0x12345))(lui(a3, 0x80001))(lui(a7, 0))(addi(a2, a2, 77))(addi(a7, a7, 93));
  for (int i = 0; i < 12; ++i)
    text(add(a2, a2, a3))(r_type(1, 0, a3, a3, a2))(i_type(0x13, 1, a2, a2, i + 1))(
        i_type(0x13, 5, a3, a3, 0x400 + i));
  return text(kEcall).words();
}

// Immediate shifts without register forms, beq and bne without other branches: those go to chips of
// their own.
std::vector<uint32_t> narrow_forms() {
  Assembler text;
  text(lui(a2, 0x12345))(lui(a4, 0xfedcb))(addi(a7, zero, 93));
  for (int i = 0; i < 4; ++i)
    text(i_type(0x13, 1, a3, a2, 9 * i))(i_type(0x13, 5, a5, a4, 7 * i))(
        i_type(0x13, 5, a3, a4, 0x400 + 8 * i))(b_type(i % 2, a2, i < 2 ? a2 : a3, 4));
  return text(kEcall).words();
}

// Columns whose value means nothing in this row, each with the reason.
bool is_free(const Forgery& forgery, Place at, uint32_t col) {
  const std::string& chip = forgery.name(at.table);
  const std::string& column = forgery.chip(at.table).columns[col];
  const auto is = [&](const char* name, uint32_t value) {
    return forgery.get(at, name) == Fp::from(value);
  };
  // The inverse of a difference that is 0: the asserts say nothing of it then.
  if (chip == "beq" && column == "inverse") return is("equal", 1);
  const bool is_same = chip == "branch" && forgery.get(at, "a[0]") == forgery.get(at, "b[0]") &&
                       forgery.get(at, "a[1]") == forgery.get(at, "b[1]");
  if (chip == "branch" && column == "inverse") return is_same;
  // An order that nobody asks for.
  if (chip == "branch" && is("equality", 1))
    return column.starts_with("negative") || column == "by_hi" || column == "distance";
  // The second register, where the second operand is an immediate.
  if (chip == "shift" && is("reg", 0))
    return column == "amount" || column == "rest" || column == "b_hi" || column == "tb";
  // By zero: there is no remainder < divisor to show, and the quotient is multiplied by 0. (div's
  // and divu's result is the quotient, and asserted to be -1.)
  if (chip == "div" && column == "borrow") return is("zero", 1);
  if (chip == "div" && column.starts_with("quotient"))
    return is("zero", 1) && (is("rem", 1) || is("remu", 1));
  // A refresh that is left out. It changes nothing; whoever needs it cannot do without it.
  if (chip == "refresh") return is("real", 0);
  return false;
}

std::vector<Fp> wrong_values(Fp x, std::mt19937_64& random) {
  return {x + Fp::one(),
          x - Fp::one(),
          x + Fp::from(1u << 16),
          x == Fp::zero() ? Fp::from(2) : Fp::zero(),
          x == Fp::one() ? Fp::from(3) : Fp::one(),
          Fp::from(random() % (1u << 16)),
          Fp::from(random())};
}

bool is_look_up_table(std::string_view chip) {
  return chip == chips::ByteTable::kName || chip == chips::ShiftTable::kName ||
         chip == chips::ProgramTable::kName;
}

/// Tries wrong values in every main cell of a row; returns how many were tried.
int attack_row(Forgery& forgery, Place at, bool live, std::mt19937_64& random) {
  int tried = 0;
  const uint32_t width = forgery.chip(at.table).key.columns();
  for (uint32_t col = forgery.first_main(at.table); col < width; ++col) {
    for (const Fp wrong : wrong_values(forgery.get(at, col), random)) {
      if (wrong == forgery.get(at, col)) continue;
      ++tried;
      forgery.set(at, col, wrong);
      if (!forgery.name(at.table).starts_with("bank ")) forgery.repair_banks();  // would undo it
      const bool passes = forgery.caught().empty();
      if (live)
        EXPECT_TRUE(!passes || is_free(forgery, at, col))
            << forgery.name(at.table) << " row " << at.row << ": "
            << forgery.chip(at.table).columns[col] << " = " << wrong.value();
      else if (passes)
        EXPECT_TRUE(forgery.is_silent(at))
            << forgery.name(at.table) << " padding: " << forgery.chip(at.table).columns[col];
      forgery.reset();
    }
  }
  return tried;
}

TEST(EveryCell, OfLiveRowsIsBound) {
  std::mt19937_64 random(1);
  const int rows = asked_rows().value_or(6);
  std::set<std::string> chips_seen;
  for (const std::vector<uint32_t>& text :
       {everything(1), everything(2), in_place(), narrow_forms()}) {
    Workbench bench(text, std::vector<uint8_t>(64, 0xa5));
    Forgery& forgery = *bench.forgery;
    for (size_t t = 0; t < forgery.witness().tables.size(); ++t) {
      // Multiplicities of look-up tables are the prover's to choose: they must fit, no more.
      if (is_look_up_table(forgery.name(t))) continue;
      int attacked = 0;
      const uint64_t height = forgery.witness().tables[t].height();
      for (uint64_t r = 0; r < height && attacked < rows; ++r) {
        if (forgery.is_silent({t, r})) continue;
        attack_row(forgery, {t, r}, true, random);
        ++attacked;
      }
      if (attacked > 0) chips_seen.insert(forgery.name(t));
    }
  }
  for (const char* chip : {"add in place", "mul in place", "shift_imm in place", "div", "mulh"})
    EXPECT_TRUE(chips_seen.contains(chip)) << chip;
  EXPECT_GE(chips_seen.size(), 25u);
}

// Reads that are asked for 2^16 bytes or more, of which fewer come.
TEST(EveryCell, OfLongReadsIsBound) {
  std::mt19937_64 random(4);
  constexpr uint32_t kBase = 0x100000, kSize = 0x20000;
  Assembler text;
  text.call(63, 0, kBase, kSize).call(63, 0, kBase, 0x10000).call(63, 0, kBase, kSize);
  ElfFile elf = ElfFile::of(text.exit(0).words());
  elf.segments.push_back({kBase, PF_R | PF_W, {}, kSize});
  Workbench bench(Guest::of(elf.bytes()), std::vector<uint8_t>(0x10010, 0xa5));
  Forgery& forgery = *bench.forgery;
  const size_t t = forgery.table("system");
  for (uint64_t r = 0; r < 3; ++r) {
    EXPECT_EQ(forgery.get({t, r}, "long"), Fp::one());
    attack_row(forgery, {t, r}, true, random);
  }
}

TEST(EveryCell, OfPaddingRowsIsSilent) {
  std::mt19937_64 random(2);
  Workbench bench(everything(3), std::vector<uint8_t>(64, 0xa5));
  Forgery& forgery = *bench.forgery;
  for (size_t t = 0; t < forgery.witness().tables.size(); ++t) {
    if (is_look_up_table(forgery.name(t))) continue;
    const Place last{t, forgery.witness().tables[t].height() - 1};
    if (forgery.is_silent(last)) attack_row(forgery, last, false, random);
  }
}

// Two cells at once, the second often such that a sum or a limb's carry still fits.
TEST(EveryCell, InPairsIsBound) {
  std::mt19937_64 random(3);
  Workbench bench(everything(4), std::vector<uint8_t>(64, 0xa5));
  Forgery& forgery = *bench.forgery;
  for (size_t t = 0; t < forgery.witness().tables.size(); ++t) {
    if (is_look_up_table(forgery.name(t))) continue;
    const uint32_t first = forgery.first_main(t), width = forgery.chip(t).key.columns();
    for (int n = 0; n < 300 && width - first > 1; ++n) {
      const Place at{t, random() % std::min<uint64_t>(forgery.witness().tables[t].height(), 40)};
      if (forgery.is_silent(at)) continue;
      const uint32_t i = first + static_cast<uint32_t>(random() % (width - first));
      const uint32_t j = first + static_cast<uint32_t>(random() % (width - first));
      if (i == j) continue;
      const Fp step = Fp::from(uint64_t{1} << (random() % 3 * 8));
      const Fp other = random() % 2 ? step : step * Fp::from(1u << 16);
      forgery.set(at, i, forgery.get(at, i) + step);
      forgery.set(at, j, random() % 2 ? forgery.get(at, j) - other : forgery.get(at, j) + other);
      if (!forgery.name(at.table).starts_with("bank ")) forgery.repair_banks();  // would undo it
      const bool free = is_free(forgery, at, i) && is_free(forgery, at, j);
      EXPECT_TRUE(!forgery.caught().empty() || free)
          << forgery.name(t) << " row " << at.row << ": " << forgery.chip(t).columns[i] << ", "
          << forgery.chip(t).columns[j];
      forgery.reset();
    }
  }
}

}  // namespace
}  // namespace zkvm::stark::machine::evil
