// Tables, banks, refresh and boundary, with the other side of their buses as public interactions:
// what they answer and what they carry; and that the checker catches whoever cheats with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "stark/chips/memory/bank.h"
#include "stark/chips/memory/boundary.h"
#include "stark/chips/memory/refresh.h"
#include "stark/chips/tables/byte_table.h"
#include "stark/chips/tables/program_table.h"
#include "stark/chips/tables/shift_table.h"
#include "stark/machine/circuit.h"
#include "stark/witness/checker.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;
using ::testing::Contains;
using ::testing::Not;
using ::testing::SizeIs;

template <class Chip>
using Row = typename Chip::template Cols<Fp>;
template <class Chip>
using Rows = std::vector<Row<Chip>>;

constexpr uint32_t kBankBase = kBankWords;

Circuit circuit_with(const std::vector<BankUse>& uses) {
  const Image image{.runs = {{kBankBase, 1, BankKind::kWhole}, {kReadOnlyBase, 1, BankKind::kWhole}},
                    .volumes = {{}}};
  auto circuit = machine_circuit(image, uses);
  EXPECT_TRUE(circuit) << circuit.error().message;
  return *std::move(circuit);
}
const Circuit& circuit() {
  static const Circuit made = circuit_with({{0}, {1}, {2, true}});
  return made;
}

/// A bus's tuple that somebody else sends (+1) or takes (-1).
template <size_t Width>
PublicInteraction other(int8_t sign, const Bus<Width>& bus, const uint32_t (&tuple)[Width]) {
  Fp elements[Width];
  for (size_t i = 0; i < Width; ++i) elements[i] = fp(tuple[i]);
  return public_interaction(bus, sign, elements);
}

template <class Chip>
Table table(const std::string& name, Rows<Chip> rows) {
  const uint16_t chip = circuit().chip(name);
  const uint8_t fixed = circuit().key().chips[chip].log_height;
  return make_table<Chip>(chip, fixed == kFreeHeight ? kMinLogHeight : fixed, std::move(rows));
}

std::vector<std::string> failures(const Witness& witness, const Circuit& of = circuit()) {
  std::vector<std::string> labels;
  for (const CheckFailure& failure : check_witness(of, witness).failures)
    labels.push_back(failure.label);
  return labels;
}

/// What the answers of a table's rows are if each row answers once.
template <class Chip>
std::set<std::vector<uint32_t>> answers(const Rows<Chip>& rows, uint16_t bus) {
  std::set<std::vector<uint32_t>> out;
  RowChecker air;
  for (const Row<Chip>& row : rows) {
    std::vector<RowValue> values;
    const Fp* cells = reinterpret_cast<const Fp*>(&row);
    for (size_t i = 0; i < kWidth<Chip>; ++i) values.emplace_back(cells[i]);
    air.clear();
    check_row<Chip>(air, values.data(), values.data());
    EXPECT_TRUE(air.broken.empty());
    for (const auto& entry : air.entries) {
      if (entry.bus != bus) continue;
      std::vector<uint32_t> tuple;
      for (const Fp x : entry.tuple) tuple.push_back(x.value());
      out.insert(tuple);
    }
  }
  return out;
}

// ---------------------------------------------------------------------------------- byte table

Rows<ByteTable> byte_rows(const std::function<ByteTable::Counts(uint32_t)>& counts) {
  Rows<ByteTable> rows(1u << ByteTable::kLogHeight);
  for (uint32_t i = 0; i < rows.size(); ++i) ByteTable::fill(rows[i], i, counts);
  return rows;
}

TEST(ByteTable, AnswersWhatItShouldAndNothingElse) {
  const auto rows =
      byte_rows([](uint32_t i) { return ByteTable::Counts{1, i < 1u << 14 ? 1u : 0u, 1, 1}; });
  std::set<std::vector<uint32_t>> range16, range14, bytes, and8;
  for (uint32_t i = 0; i < 1u << 16; ++i) range16.insert({i});
  for (uint32_t i = 0; i < 1u << 14; ++i) range14.insert({i});
  for (uint32_t a = 0; a < 256; ++a)
    for (uint32_t b = 0; b < 256; ++b) bytes.insert({a, b}), and8.insert({a, b, a & b});
  EXPECT_EQ(answers<ByteTable>(rows, kRange16.id), range16);
  EXPECT_EQ(answers<ByteTable>(rows, kRange14.id), range14);
  EXPECT_EQ(answers<ByteTable>(rows, kBytes.id), bytes);
  EXPECT_EQ(answers<ByteTable>(rows, kAnd8.id), and8);
}

TEST(ByteTable, BalancesLookUps) {
  Witness witness;
  witness.publics = {other(1, kRange16, {0xffff}), other(1, kRange16, {0xffff}),
                     other(1, kRange14, {0x3fff}), other(1, kBytes, {255, 255}),
                     other(1, kAnd8, {0x3f, 0xff, 0x3f})};
  const auto rows = byte_rows([](uint32_t i) {
    ByteTable::Counts counts{};
    if (i == 0xffff) counts.range16 = 2, counts.bytes = 1;
    if (i == 0x3fff) counts.range14 = 1, counts.and8 = 1;
    return counts;
  });
  witness.tables = {table<ByteTable>("bytes", rows)};
  EXPECT_THAT(failures(witness), SizeIs(0));
  witness.publics.push_back(other(1, kRange16, {0x10000}));
  EXPECT_THAT(failures(witness), Contains("range16"));
}

TEST(ByteTable, Range14StopsAt2To14) {
  Witness witness;
  witness.publics = {other(1, kRange14, {1u << 14})};
  witness.tables = {table<ByteTable>("bytes", byte_rows([](uint32_t i) {
                                       ByteTable::Counts counts{};
                                       counts.range14 = i == 1u << 14 ? 1 : 0;
                                       return counts;
                                     }))};
  EXPECT_THAT(failures(witness), Contains("range14"));
}

// --------------------------------------------------------------------------------- shift table

TEST(ShiftTable, PowersShiftBytes) {
  Rows<ShiftTable> rows(1u << ShiftTable::kLogHeight);
  for (uint32_t i = 0; i < rows.size(); ++i) ShiftTable::fill(rows[i], i, 1);
  const auto found = answers<ShiftTable>(rows, kShift.id);
  EXPECT_EQ(found.size(), 512);
  for (const auto& tuple : found) {
    const uint32_t key = tuple[0], power = tuple[1], bytes = tuple[2];
    ASSERT_LT(key, 512);
    const uint32_t amount = key % 256 % 32;
    EXPECT_EQ(bytes, amount / 8);
    for (const uint64_t b : {1, 0x80, 0xff, 0xa5})
      if (key < 256)
        EXPECT_EQ(b * power << 8 * bytes, b << amount) << key;
      else
        EXPECT_EQ(b * power / 256, b >> (amount % 8)) << key;
  }
}

// ------------------------------------------------------------------------------- program table

TEST(ProgramTable, AnswersItsRowsOnly) {
  const ProgramRow insn{.pc = 0x1000,
                        .operation = number(Operation::kAddImm),
                        .rd = 3,
                        .rs1 = 4,
                        .rs2 = 0,
                        .imm = 0xfffffffb,
                        .target = 0};
  Rows<ProgramTable> rows(1);
  ProgramTable::fill(rows[0], insn, 2);
  Witness witness;
  witness.tables = {table<ProgramTable>("program", rows)};
  const auto executed = other(1, kProgram, {0x1000, 3, 3, 4, 0, 0xfffb, 0xffff, 0});
  witness.publics = {executed, executed};
  EXPECT_THAT(failures(witness), SizeIs(0));
  witness.publics[1] = other(1, kProgram, {0x1000, 3, 3, 5, 0, 0xfffb, 0xffff, 0});
  EXPECT_THAT(failures(witness), Contains("program"));
  witness.publics[1] = other(1, kProgram, {0x1002, 3, 3, 4, 0, 0xfffb, 0xffff, 0});
  EXPECT_THAT(failures(witness), Contains("program"));
}

// ------------------------------------------------------------------------------------- refresh

struct RefreshWord {
  uint32_t value, time;
};

/// x0's word, with value 7 since time 1000, refreshed at 4 * 256 + 3.
struct RefreshCase {
  Rows<Refresh> rows{size_t{1} << Refresh::kLogHeight};
  uint32_t age = 26;

  RefreshCase() {
    for (uint32_t i = 0; i < rows.size(); ++i) Refresh::fill_padding(rows[i], i);
    Refresh::fill(rows[0], 0, RefreshWord{0x50007, 1000});
  }
  [[nodiscard]] Witness witness() const {
    Witness out;
    out.tables = {table<Refresh>("refresh", rows),
                  table<ByteTable>("bytes", byte_rows([&](uint32_t i) {
                                     return ByteTable::Counts{i == age ? 1u : 0u, 0, 0, 0};
                                   }))};
    out.publics = {other(1, kMemory, {kMachineBase, 7, 5, 1000}),
                   other(-1, kMemory, {kMachineBase, 7, 5, 1027})};
    return out;
  }
};

TEST(Refresh, KeepsTheWord) {
  RefreshCase good;
  EXPECT_THAT(failures(good.witness()), SizeIs(0));
  EXPECT_EQ(good.rows[34].place, good.rows[0].place);  // 34 words in turn
  EXPECT_EQ(good.rows[35].time.value(), 4 * 256 * 36 + 3);

  RefreshCase journal;  // a word of one element
  Refresh::fill(journal.rows[33], 33, RefreshWord{0x50007, 1000});
  EXPECT_EQ(journal.rows[33].found.value.lo.value(), 0x50007);
}

TEST(Refresh, CheatsAreCaught) {
  RefreshCase other_value;
  other_value.rows[0].found.value.lo += Fp::one();
  EXPECT_THAT(failures(other_value.witness()), Contains("memory"));

  RefreshCase twice;
  twice.rows[0].real = fp(2);
  EXPECT_THAT(failures(twice.witness()), Contains("real"));

  RefreshCase missing;
  missing.rows[0].real = Fp::zero();
  EXPECT_THAT(failures(missing.witness()), Contains("memory"));

  // A row that receives its own tuple would bring any value into the world.
  RefreshCase from_nothing;
  from_nothing.rows[0].found.time = from_nothing.rows[0].time;
  Witness witness = from_nothing.witness();
  witness.publics.clear();
  EXPECT_THAT(failures(witness), Contains("range16"));
  EXPECT_THAT(failures(witness), Not(Contains("memory")));
}

// ------------------------------------------------------------------------------------ boundary

/// A segment of one tick from pc 0x1000 to `end_pc`; the machine bank has the pc's word.
struct BoundaryCase {
  Rows<Boundary> rows;
  Rows<RamBank<true, false>> bank;
  uint32_t end_pc = 0x1004;

  BoundaryCase() : rows(1), bank(kMachineWords) {
    Boundary::fill(rows[0], 0x1000, 2, end_pc);
    for (uint32_t r = 0; r < kMachineWords; ++r)
      RamBank<true, false>::fill(bank[r], kMachineBase + r, {r, 0, r, 0});
    RamBank<true, false>::fill(bank[kPcWord], kMachineBase + kPcWord,
                               {0x1000, 0, end_pc, Boundary::kEndTime});
  }
  [[nodiscard]] Witness witness() const {
    Witness out;
    out.tables = {table<Boundary>("boundary", rows), table<RamBank<true, false>>("bank 0", bank)};
    out.publics = {other(-1, kState, {1, 0x1000}), other(1, kState, {2, end_pc})};
    return out;
  }
};

TEST(Boundary, CarriesThePc) {
  EXPECT_THAT(failures(BoundaryCase().witness()), SizeIs(0));

  BoundaryCase idle;  // a segment in which nothing happens
  idle.rows.clear();
  RamBank<true, false>::fill(idle.bank[kPcWord], kMachineBase + kPcWord, {0x1000, 0, 0x1000, 0});
  Witness witness = idle.witness();
  witness.publics.clear();
  EXPECT_THAT(failures(witness), SizeIs(0));
}

TEST(Boundary, HasOneLiveRow) {
  // A second chain of instructions, from 0x2000 on: its pc comes from nowhere.
  BoundaryCase two;
  two.rows.resize(2);
  Boundary::fill(two.rows[1], 0x2000, 5, 0x2010);
  Witness witness = two.witness();
  witness.publics.push_back(other(-1, kState, {1, 0x2000}));
  witness.publics.push_back(other(1, kState, {5, 0x2010}));
  EXPECT_THAT(failures(witness), Contains("memory"));

  // ... or from the pc's word like the first's.
  two.rows[1].pc = fp(0x1000);
  witness = two.witness();
  witness.publics.push_back(other(-1, kState, {1, 0x1000}));
  witness.publics.push_back(other(1, kState, {5, 0x2010}));
  EXPECT_THAT(failures(witness), Contains("memory"));

  // ... or from what the first puts back.
  Boundary::fill(two.rows[1], two.end_pc, 5, 0x2010);
  RamBank<true, false>::fill(two.bank[kPcWord], kMachineBase + kPcWord,
                             {0x1000, 0, 0x2010, Boundary::kEndTime});
  witness = two.witness();
  witness.publics.push_back(other(-1, kState, {1, two.end_pc}));
  witness.publics.push_back(other(1, kState, {5, 0x2010}));
  EXPECT_THAT(failures(witness), Contains("memory"));
}

TEST(Boundary, CheatsAreCaught) {
  BoundaryCase start;
  start.rows[0].pc = fp(0x2000);
  EXPECT_THAT(failures(start.witness()), Contains("memory"));
  BoundaryCase end;
  end.rows[0].end_pc = fp(0x2000);
  EXPECT_THAT(failures(end.witness()), Contains("state"));
  BoundaryCase kept;
  kept.bank[kPcWord].final.lo = fp(0x2000);
  EXPECT_THAT(failures(kept.witness()), Contains("memory"));
  BoundaryCase twice;
  twice.rows[0].real = fp(2);
  EXPECT_THAT(failures(twice.witness()), Contains("real"));
}

// --------------------------------------------------------------------------------------- banks

/// Words base .. base + 3, all but the last declared; word 1 was written at time 9.
template <class Bank>
struct BankCase {
  Rows<Bank> rows{4};
  std::vector<PublicInteraction> publics;

  BankCase() {
    for (uint32_t i = 0; i < 3; ++i) {
      const uint32_t image = 0x10000 * i + 5, initial = from_image() ? image : 100 + i;
      Bank::fill(rows[i], i, {image, initial, initial, 0});
      if (i != 1) continue;
      Bank::fill(rows[i], i, {image, initial, 0x70008, 9});
      publics = {other(-1, kMemory, {kBankBase + i, initial & 0xffff, initial >> 16, 0}),
                 other(1, kMemory, {kBankBase + i, 8, 7, 9})};
    }
  }
  static bool from_image() {
    return !requires { Row<Bank>{}.initial; };
  }
  static bool kept() { return std::string(Bank::kName).find("kept") != std::string::npos; }
  [[nodiscard]] std::vector<std::string> caught() const {
    BankUse use{1};
    if (!from_image()) use.before = 3;
    if (kept()) use.after = 5;
    const Circuit of = circuit_with({{0}, use});
    Witness witness;
    witness.tables = {make_table<Bank>(of.chip("bank 1"), kLogBank, rows)};
    witness.publics = publics;
    return failures(witness, of);
  }
};

template <class Bank>
class RamBanks : public testing::Test {};
using Variants = testing::Types<RamBank<true, false>, RamBank<true, true>, RamBank<false, false>,
                                RamBank<false, true>>;
TYPED_TEST_SUITE(RamBanks, Variants);

TYPED_TEST(RamBanks, WordsGoInAndOut) { EXPECT_THAT(BankCase<TypeParam>().caught(), SizeIs(0)); }

TYPED_TEST(RamBanks, CheatsAreCaught) {
  using Case = BankCase<TypeParam>;
  const auto caught = [](const std::function<void(Case&)>& cheat) {
    Case with;
    cheat(with);
    return with.caught();
  };
  const auto memory = Contains("memory");
  // Final values: of a word that was not touched, of one that was, one with a time of its own.
  EXPECT_THAT(caught([](Case& c) { c.rows[0].final.lo += Fp::one(); }), memory);
  EXPECT_THAT(caught([](Case& c) { c.rows[1].final.hi += Fp::one(); }), memory);
  EXPECT_THAT(caught([](Case& c) { c.rows[0].time = fp(3); }), memory);
  // The write is forgotten.
  EXPECT_THAT(caught([](Case& c) { c.rows[1].final = c.rows[1].first(), c.rows[1].time = {}; }),
              memory);
  // A word that is not declared is used: there is no row for it, whatever the row says.
  EXPECT_THAT(caught([](Case& c) {
                TypeParam::fill(c.rows[3], 3, {0, 0, 1, 9});
                c.rows[3].declared = Fp::zero();
                c.publics.push_back(other(-1, kMemory, {kBankBase + 3, 0, 0, 0}));
                c.publics.push_back(other(1, kMemory, {kBankBase + 3, 1, 0, 9}));
              }),
              memory);
  // A word is declared twice over.
  EXPECT_THAT(caught([](Case& c) { c.rows[0].declared = fp(2); }), Contains("declared"));
  // What stands in undeclared rows reaches nobody.
  EXPECT_THAT(caught([](Case& c) {
                TypeParam::fill(c.rows[3], 3, {1, 2, 3, 9});
                c.rows[3].declared = Fp::zero();
              }),
              SizeIs(0));
}

TEST(RamBanks, StartFromTheImageOrTheSharedTree) {
  BankCase<RamBank<true, false>> first;
  first.rows[0].image.lo += Fp::one();
  EXPECT_THAT(first.caught(), Contains("memory"));
  BankCase<RamBank<false, false>> later;
  later.rows[0].image.lo += Fp::one();  // no longer matters
  EXPECT_THAT(later.caught(), SizeIs(0));
  later.rows[0].initial.lo += Fp::one();
  EXPECT_THAT(later.caught(), Contains("memory"));
}

TEST(ConstantBank, CanBeReadOnly) {
  const uint32_t place = kReadOnlyBase;  // of row 0, by the base
  Rows<ConstantBank> rows(2);
  ConstantBank::fill(rows[0], 0, 0x10002, 9);
  ConstantBank::fill(rows[1], 1, 3, 0);
  const auto caught = [&](std::vector<PublicInteraction> publics) {
    Witness witness;
    witness.tables = {table<ConstantBank>("bank 2", rows)};
    witness.publics = std::move(publics);
    return failures(witness);
  };
  const auto found = other(-1, kMemory, {place, 2, 1, 0});
  EXPECT_THAT(caught({found, other(1, kMemory, {place, 2, 1, 9})}), SizeIs(0));
  EXPECT_THAT(caught({found, other(1, kMemory, {place, 3, 1, 9})}), Contains("memory"));
  EXPECT_THAT(caught({other(-1, kMemory, {0, 2, 1, 0}), other(1, kMemory, {0, 2, 1, 9})}),
              Contains("memory"));
  rows[1].declared = fp(2);
  EXPECT_THAT(caught({found, other(1, kMemory, {place, 2, 1, 9})}), Contains("declared"));
}

}  // namespace
}  // namespace zkvm::stark::machine
