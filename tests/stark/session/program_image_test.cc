// From a program to its image: rows of the program table, where words stand, what the id names.
#include "stark/session/image/program_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "stark/chips/buses.h"
#include "stark/session/image/program_rows.h"
#include "tests/vm/guest_builder.h"

namespace zkvm::stark::machine {

static std::ostream& operator<<(std::ostream& out, const RowRun& run) {
  return out << run.row << " + " << run.count;
}
static bool operator==(const RowRun& a, const RowRun& b) {
  return a.row == b.row && a.count == b.count;
}

namespace {

using namespace vm::test;
using chips::Operation, chips::ProgramRow;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

vm::Program program_of(const ElfFile& file) {
  auto program = vm::load_elf(file.bytes());
  EXPECT_TRUE(program) << program.error().message;
  return *std::move(program);
}

ElfFile small_file() { return ElfFile::of(Assembler().exit(0).words(), {1, 2, 3, 4, 5}); }

ProgramImage image_of(const ElfFile& file, uint8_t log_blowup = 1) {
  auto image = ProgramImage::of(program_of(file), nullptr, log_blowup);
  EXPECT_TRUE(image) << image.error().message;
  return *std::move(image);
}

TEST(ProgramRow, HoldsWhatTheWordSays) {
  const vm::Region text{
      .base = 0x1000, .size = 0x2000, .write = false, .execute = true, .bytes = {}};
  const uint32_t pc = 0x1100, dummy = chips::kDummyWord;
  const auto imm_form = [](Operation op) { return number(op) + chips::kImmediate; };
  const auto minus = [](int32_t x) { return static_cast<uint32_t>(-x); };
  struct Case {
    uint32_t word;
    uint32_t operation, rd, rs1, rs2, imm, target;
  };
  const std::vector<Case> cases = {
      {add(a0, a1, a2), number(Operation::kAdd), a0, a1, a2, 0, 0},
      {add(zero, a1, a2), number(Operation::kAdd), dummy, a1, a2, 0, 0},
      {r_type(0x20, 0, a0, a1, a2), number(Operation::kSub), a0, a1, a2, 0, 0},
      {r_type(1, 7, a0, a1, a2), number(Operation::kRemu), a0, a1, a2, 0, 0},
      {addi(a0, a1, -5), number(Operation::kAddImm), a0, a1, 0, minus(5), 0},
      {lui(a0, 0x12345), number(Operation::kAddImm), a0, 0, 0, 0x12345000, 0},
      {auipc(a0, 0x12345), number(Operation::kAddImm), a0, 0, 0, 0x12346100, 0},
      {auipc(a0, 0xfffff), number(Operation::kAddImm), a0, 0, 0, 0x100, 0},
      {0x0ff0000f, number(Operation::kAddImm), dummy, 0, 0, 0, 0},             // fence
      {0x8330000f | 7u << 15, number(Operation::kAddImm), dummy, 0, 0, 0, 0},  // fence.tso, rs1
      {i_type(0x13, 7, a0, a1, -1), imm_form(Operation::kAnd), a0, a1, 0, minus(1), 0},
      {r_type(0, 7, a0, a1, a2), number(Operation::kAnd), a0, a1, a2, 0, 0},
      {i_type(0x13, 1, a0, a1, 31), imm_form(Operation::kSll), a0, a1, 0, 31, 0},
      {i_type(0x13, 5, a0, a1, 0x407), imm_form(Operation::kSra), a0, a1, 0, 7, 0},
      {i_type(0x13, 3, a0, a1, -1), imm_form(Operation::kSltu), a0, a1, 0, minus(1), 0},
      // add and mul with rd = rs2 swap their operands.
      {add(a0, a0, a2), number(Operation::kAdd), a0, a0, a2, 0, 0},
      {add(a0, a2, a0), number(Operation::kAdd), a0, a0, a2, 0, 0},
      {r_type(1, 0, a0, a2, a0), number(Operation::kMul), a0, a0, a2, 0, 0},
      {r_type(0x20, 0, a0, a2, a0), number(Operation::kSub), a0, a2, a0, 0, 0},
      {lw(a0, -4, sp), number(Operation::kLw), a0, sp, 0, minus(4), 0},
      {lw(zero, -4, sp), number(Operation::kLw), dummy, sp, 0, minus(4), 0},
      {sw(a0, -4, sp), number(Operation::kSw), 0, sp, a0, minus(4), 0},
      {s_type(0, a0, sp, 1), number(Operation::kSb), 0, sp, a0, 1, 0},
      {b_type(0, a0, a1, -8), number(Operation::kBeq), 0, a0, a1, 0, pc - 8},
      {b_type(7, a0, a1, 8), number(Operation::kBgeu), 0, a0, a1, 0, pc + 8},
      {b_type(0, a0, a1, 6), number(Operation::kBeq), 0, a0, a1, 0, kNoTarget},       // misaligned
      {b_type(0, a0, a1, -0x104), number(Operation::kBeq), 0, a0, a1, 0, kNoTarget},  // not text
      {jal(ra, 0x100), number(Operation::kJalr), ra, 0, 0, pc + 0x100, pc >> 16},
      {jal(zero, 0x2000), number(Operation::kJalr), dummy, 0, 0, kNoTarget, pc >> 16},
      {jal(ra, -0x2000), number(Operation::kJalr), ra, 0, 0, kNoTarget, pc >> 16},  // below 0
      {jalr(ra, -4, a0), number(Operation::kJalr), ra, a0, 0, minus(4), pc >> 16},
      {kEcall, number(Operation::kEcall), 0, 0, 0, 0, 0},
      {kEbreak, 0, 0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0, 0, 0},
      {0xffffffff, 0, 0, 0, 0, 0, 0},
  };
  for (const Case& c : cases) {
    const ProgramRow row = program_row(text, pc, c.word);
    const auto tuple = [](uint32_t op, uint32_t rd, uint32_t rs1, uint32_t rs2, uint32_t imm,
                          uint32_t target) { return std::vector{op, rd, rs1, rs2, imm, target}; };
    EXPECT_EQ(row.pc, pc);
    EXPECT_EQ(tuple(row.operation, row.rd, row.rs1, row.rs2, row.imm, row.target),
              tuple(c.operation, c.rd, c.rs1, c.rs2, c.imm, c.target))
        << std::hex << c.word;
  }
}

TEST(ProgramImage, LaysOutTheSmallProgram) {
  const ProgramImage image = image_of(small_file());
  EXPECT_EQ(image.image().entry, kTextBase);
  const size_t words = Assembler().exit(0).size();
  ASSERT_EQ(image.program().size(), words);
  EXPECT_EQ(image.program()[words - 1].pc, kTextBase + 4 * (words - 1));
  EXPECT_EQ(image.program()[words - 1].operation, number(Operation::kEcall));

  const auto row_of = [](uint32_t address) { return address / 4 % kBankWords; };
  const auto constants = [&](uint32_t address) -> const BankLayout& {
    return image.bank(image.banks().find(chips::kReadOnlyBase + address / 4));
  };
  EXPECT_THAT(constants(kTextBase).declared,
              testing::Contains(RowRun{row_of(kTextBase), static_cast<uint32_t>(words)}));
  EXPECT_THAT(constants(kConstBase).declared,
              testing::Contains(RowRun{row_of(kConstBase), kConstSize / 4}));
  EXPECT_EQ(constants(kTextBase).initial_word(row_of(kTextBase)), Assembler().exit(0).words()[0]);
  EXPECT_EQ(constants(kConstBase).initial_word(row_of(kConstBase)), 0x83828180);
  EXPECT_EQ(constants(kConstBase).initial_word(kBankWords - 1), 0);

  ASSERT_EQ(image.banks().find(kDataBase / 4), 1);
  EXPECT_EQ(image.banks()[1].base, kDataBase / 4);  // a multiple of 2^14
  EXPECT_EQ(image.banks()[1].kind, BankKind::kPartial);
  EXPECT_THAT(image.bank(1).declared, ElementsAre(RowRun{0, kDataSize / 4}));
  EXPECT_EQ(image.bank(1).initial_word(0), 0x04030201);
  EXPECT_EQ(image.bank(1).initial_word(1), 5);
  EXPECT_EQ(image.banks().find(kDataBase / 4 - 1), 0);
  EXPECT_EQ(image.banks().find((1u << 28) - 1), 0);

  EXPECT_THAT(image.bank(0).declared, ElementsAre(RowRun{0, chips::kMachineWords}));
  EXPECT_EQ(ProgramImage::place_of(0, 3), chips::kMachineBase + 3);
  EXPECT_EQ(ProgramImage::place_of(1, 3), 3u);
  for (uint32_t i = 0; i < chips::kMachineWords; ++i)
    EXPECT_EQ(image.bank(0).initial_word(i), i == chips::kPcWord ? kTextBase : 0);
}

TEST(ProgramImage, CutsMemoryIntoBanks) {
  ElfFile file = small_file();
  // Two regions in one bank, one over two edges, one far away; 2^14 words are 2^16 bytes.
  file.segments.push_back({0x48000, PF_R | PF_W, {9}, 0x100});
  file.segments.push_back({0x4fffc, PF_R | PF_W, {1, 2, 3, 4, 5, 6, 7, 8}, 0x20008});
  file.segments.push_back({0x3efffff0, PF_R | PF_W, {}, 0x10});
  const ProgramImage image = image_of(file);
  const auto expect = [&](uint16_t number, uint32_t base, BankKind kind,
                          const std::vector<RowRun>& declared) {
    SCOPED_TRACE(number);
    EXPECT_EQ(image.banks()[number].base, base);
    EXPECT_EQ(image.banks()[number].kind, kind);
    EXPECT_FALSE(image.banks()[number].constant);
    EXPECT_EQ(image.bank(number).declared, declared);
  };
  expect(1, 0x8000, BankKind::kPartial, {{0, kDataSize / 4}});
  expect(2, 0x10000, BankKind::kPartial, {{0x2000, 0x40}, {0x3fff, 1}});
  expect(3, 0x14000, BankKind::kWhole, {{0, kBankWords}});
  expect(4, 0x18000, BankKind::kBlank, {{0, kBankWords}});
  expect(5, 0x1c000, BankKind::kPartial, {{0, 1}});
  expect(6, vm::kAddressEnd / 4 - kBankWords, BankKind::kPartial, {{kBankWords - 4, 4}});
  EXPECT_TRUE(image.banks()[7].constant);
  EXPECT_EQ(image.bank(2).initial_word(0x3fff), 0x04030201);
  EXPECT_EQ(image.bank(3).initial_word(0), 0x08070605);
  EXPECT_EQ(image.banks().find(0x14000), 3);
}

// What is declared decides, not how the file cuts it into segments.
TEST(ProgramImage, DoesNotDependOnHowMemoryIsCut) {
  ElfFile one = small_file(), two = small_file();
  one.segments.push_back({0x40000, PF_R | PF_W, {1, 0, 0, 0, 2, 0, 0, 0}, 0x30000});
  two.segments.push_back({0x40000, PF_R | PF_W, {1, 0, 0, 0}, 4});
  two.segments.push_back({0x40004, PF_R | PF_W, {2, 0, 0, 0, 0, 0, 0, 0}, 0x18000 - 4});
  two.segments.push_back({0x58000, PF_R | PF_W, {}, 0x18000});
  EXPECT_EQ(image_of(one).image(), image_of(two).image());
}

TEST(ProgramImage, WithoutRootsHasTheSameBanks) {
  ElfFile file = small_file();
  const std::vector<uint8_t> zeros(0x10000);
  file.segments.push_back({0x100000, PF_R | PF_W, zeros, 0x10000});  // blank, though in the file
  file.segments.push_back({0x200000, PF_R | PF_W, {1}, 0x300000});
  const ProgramImage image = image_of(file);
  const Image outline = image_without_roots(program_of(file), {});
  EXPECT_EQ(outline.runs, image.image().runs);
  EXPECT_EQ(outline.log_program, image.image().log_program);
  EXPECT_EQ(outline.volumes.size(), image.image().volumes.size());
}

// However much is declared, blank banks take one line of the image: their columns are there without
// them, too.
TEST(ProgramImage, BlankMemoryCostsNothing) {
  const auto with = [](uint32_t bytes) {
    ElfFile file = small_file();
    file.segments.push_back({0x100000, PF_R | PF_W, {}, bytes});
    return image_of(file).image();
  };
  const Image none = image_of(small_file()).image();
  const Image small = with(0x10000), large = with(0x3ee00000);
  EXPECT_EQ(none.runs.size() + 1, small.runs.size());
  EXPECT_EQ(small.serialise().size(), large.serialise().size());
  EXPECT_EQ(none.root, small.root);
  EXPECT_EQ(small.root, large.root);
  EXPECT_THAT(large.volumes, IsEmpty());
  EXPECT_NE(none.id(), small.id());
  EXPECT_NE(small.id(), large.id());
}

TEST(ProgramImage, TakesAnImageThatIsKnown) {
  const ProgramImage made = image_of(small_file());
  auto again = ProgramImage::of(program_of(small_file()), &made.image(), 1);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->image(), made.image());
  const std::vector<BankUse> uses = {{0}, {1}};
  const auto circuit = machine_circuit(again->image(), uses);
  for (const auto& [slot, tree] : again->fixed_trees(*circuit, uses))
    EXPECT_EQ(tree->root(), circuit->key().slots[slot].root);
}

// The image of a program that is the same but for what it says of its model is not this one's.
TEST(ProgramImage, TakesNoImageOfAnotherModel) {
  ElfFile file = small_file();
  file.sections = {{".zkvm.model", {'1'}}};
  const ProgramImage said = image_of(file), silent = image_of(small_file());
  EXPECT_EQ(said.image().model, blake3_hash(std::vector<uint8_t>{'1'}));
  EXPECT_EQ(said.image().root, silent.image().root);
  for (const auto& [of, known] :
       {std::pair{&file, &silent}, {static_cast<ElfFile*>(nullptr), &said}}) {
    const vm::Program program = program_of(of != nullptr ? *of : small_file());
    const auto image = ProgramImage::of(program, &known->image(), 1);
    ASSERT_TRUE(image);
    EXPECT_EQ(image->image(), (of != nullptr ? said : silent).image());
  }
}

TEST(ProgramImage, IdNamesEveryWordAndPermission) {
  const auto id_of = [](const std::function<void(ElfFile&)>& change) {
    ElfFile file = small_file();
    change(file);
    return image_of(file).image().id();
  };
  const auto segment = [](ElfFile& f, size_t i) -> ElfSegment& { return f.segments[i]; };
  const Digest honest = id_of([](ElfFile&) {});
  EXPECT_EQ(id_of([](ElfFile& f) { f.symbols = {{"main", kTextBase, 8}}; }), honest);
  std::vector<Digest> ids = {
      honest,
      id_of([&](ElfFile& f) { f.header.e_entry += 4; }),
      id_of([&](ElfFile& f) { segment(f, 0).bytes[7] ^= 0x10; }),
      id_of([&](ElfFile& f) { segment(f, 1).bytes[4] ^= 1; }),
      id_of([&](ElfFile& f) { segment(f, 2).bytes[255] ^= 1; }),
      id_of([&](ElfFile& f) { segment(f, 1).memory_size += 4; }),
      id_of([&](ElfFile& f) { segment(f, 1).memory_size -= 4; }),
      id_of([&](ElfFile& f) { segment(f, 2).memory_size += 4; }),
      id_of([&](ElfFile& f) { segment(f, 1).address += 4; }),
      id_of([&](ElfFile& f) { segment(f, 2).address += 4; }),
      id_of([&](ElfFile& f) { segment(f, 1).flags = PF_R; }),
      id_of([&](ElfFile& f) { segment(f, 2).flags = PF_R | PF_W; }),
      id_of([&](ElfFile& f) { f.segments.pop_back(); }),
      id_of([&](ElfFile& f) { f.sections = {{".zkvm.model", {'1'}}}; }),
      id_of([&](ElfFile& f) { f.sections = {{".zkvm.model", {'1', ' '}}}; }),
      id_of([&](ElfFile& f) { f.sections = {{".zkvm.model", {'2'}}}; }),
  };
  EXPECT_EQ(id_of([](ElfFile& f) { f.sections = {{".comment", {'1'}}}; }), honest);
  ids.push_back(image_of(small_file(), 2).image().id());
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST(ProgramImage, RefusesTextTooLongForTheRate) {
  ElfFile file = small_file();
  file.segments[0].address = 0x100000;
  file.header.e_entry = 0x100000;
  file.segments[0].bytes.resize(((1u << 20) + 1) * 4);
  file.segments[0].memory_size = static_cast<uint32_t>(file.segments[0].bytes.size());
  const auto image = ProgramImage::of(program_of(file), nullptr, 4);
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().message,
              HasSubstr("expected at most 1048576 instructions (4 MiB), found 1048577"));
}

// Beside the small program's banks, one of RAM and two of constants: `whole` banks whose words are
// their numbers, two blank ones, one in part.
ElfFile file_with(uint32_t whole) {
  constexpr uint32_t kBank = 4 * kBankWords;
  ElfFile file = small_file();
  std::vector<uint8_t> words(whole * kBank);
  for (size_t i = 0; i < words.size(); i += 4) words[i] = static_cast<uint8_t>(1 + i / kBank);
  file.segments.push_back({0x100000, PF_R | PF_W, words, whole * kBank});
  file.segments.push_back({0x400000, PF_R | PF_W, {}, 2 * kBank});
  file.segments.push_back({0x500000, PF_R | PF_W, {0xab}, 4});
  return file;
}

TEST(ProgramImage, TreesHaveTheRootsOfTheKey) {
  ProgramImage image = image_of(file_with(11));
  // Four columns for blank banks, 4 + 22 of the first ones, two passed over: `image` is full.
  EXPECT_EQ(image.banks().image_width(), 32);
  EXPECT_THAT(image.banks().volume_widths(), ElementsAre(12));
  ASSERT_EQ(image.banks()[2].kind, BankKind::kWhole);
  ASSERT_EQ(image.banks()[12].kind, BankKind::kWhole);
  ASSERT_EQ(image.banks()[13].kind, BankKind::kBlank);
  ASSERT_EQ(image.banks()[15].kind, BankKind::kPartial);
  const uint16_t text = image.banks().find(chips::kReadOnlyBase + kTextBase / 4);
  const OptionalSegment none, some = 1;
  for (const auto before : {none, some})
    for (const auto after : {none, some})
      for (const uint16_t bank : std::initializer_list<uint16_t>{1, 2, 12, 13, 15, text}) {
        std::vector<BankUse> uses = {{0, false, before, after}, {bank, bank == text}};
        if (bank != text) uses[1].before = after;
        const auto circuit = machine_circuit(image.image(), uses);
        ASSERT_TRUE(circuit) << circuit.error().message;
        const SlotTrees trees = image.fixed_trees(*circuit, uses);
        EXPECT_EQ(trees.size(), bank < 15 ? 1 : 2) << bank;
        for (const auto& [slot, tree] : trees)
          EXPECT_EQ(tree->root(), circuit->key().slots[slot].root);
      }
}

// The ELF alone decides, so that a program has one id: 2^20 cells of the program's table and of banks.
TEST(ProgramImage, SmallProgramsHaveTreesOfALowerRate) {
  const auto lowest_rate_with = [](uint32_t whole) {
    const auto image = ProgramImage::of(program_of(file_with(whole)));
    EXPECT_TRUE(image);
    const uint32_t columns = 4 + 4 + 2 * whole + whole % 2 * 2 + 4 + 8;
    EXPECT_EQ(image->banks().image_width() + image->banks().volume_widths().at(0), columns);
    EXPECT_EQ(image->image().log_blowup, 2);
    return image->image().lowest_rate();
  };
  EXPECT_EQ(lowest_rate_with(34), 3);  // 88 columns, and 8 of the program
  EXPECT_EQ(lowest_rate_with(35), 2);
}

// Trees of both rates are those that an image of one rate has; and a known image is taken with both.
TEST(ProgramImage, TreesOfBothRatesHaveTheRootsOfTheKey) {
  const vm::Program program = program_of(file_with(11));
  auto image = ProgramImage::of(program);
  ASSERT_TRUE(image);
  const auto quarter = ProgramImage::of(program, nullptr, 2);
  const auto eighth = ProgramImage::of(program, nullptr, 3);
  EXPECT_EQ(image->image().root, quarter->image().root);
  EXPECT_EQ(image->image().volumes, quarter->image().volumes);
  ASSERT_TRUE(image->image().lower);
  EXPECT_EQ(image->image().lower->root, eighth->image().root);
  EXPECT_EQ(image->image().lower->volumes, eighth->image().volumes);

  auto known = ProgramImage::of(program, &image->image());
  ASSERT_TRUE(known);
  EXPECT_EQ(known->image(), image->image());
  const std::vector<BankUse> uses = {{0}, {1}, {15}};
  for (ProgramImage* of : {&*image, &*known})
    for (const uint8_t log_blowup : std::vector<uint8_t>{1, 2, 3}) {
      const auto circuit = machine_circuit(of->image(), uses, nullptr, log_blowup);
      const SlotTrees trees = of->fixed_trees(*circuit, uses, log_blowup);
      EXPECT_EQ(trees.size(), 2);
      for (const auto& [slot, tree] : trees) {
        EXPECT_EQ(tree->root(), circuit->key().slots[slot].root);
        EXPECT_EQ(tree->params().log_blowup, log_blowup == 3 ? 3 : 2);
      }
    }
}

// Every column of banks, in the tree that a segment opens, is the one that format.md says.
TEST(ProgramImage, ColumnsStandWhereTheMapSays) {
  ProgramImage image = image_of(file_with(12));
  const BankMap& banks = image.banks();
  EXPECT_EQ(banks.image_width(), 32);
  EXPECT_THAT(banks.volume_widths(), ElementsAre(12));
  std::vector<BankUse> uses = {{0}};
  for (uint16_t bank = 1; bank <= banks.count(); ++bank)
    uses.push_back({bank, banks[bank].constant});
  const auto circuit = machine_circuit(image.image(), uses);
  ASSERT_TRUE(circuit) << circuit.error().message;
  const SlotTrees trees = image.fixed_trees(*circuit, uses);
  ASSERT_EQ(trees.size(), 2);
  const auto expect = [&](std::optional<uint32_t> volume, uint32_t column, auto word) {
    const CommittedTree& tree =
        *trees.at(circuit->slot(volume ? volume_slot(*volume) : kImageSlot));
    const TileMatrix& cells = tree.group(kLogBank)->on_trace_domain;
    for (uint32_t row = 0; row < kBankWords; ++row)
      ASSERT_EQ(cells.at(row, static_cast<int>(column)).value(), word(row)) << column << " " << row;
  };
  const auto constant = [](uint32_t value) { return [value](uint32_t) { return value; }; };
  // Those of blank banks.
  expect({}, 0, [](uint32_t row) { return row; });
  expect({}, 1, constant(1));
  expect({}, 2, constant(0));
  expect({}, 3, constant(0));
  // RAM of the small program, in part.
  const uint32_t declared = kDataSize / 4;
  expect({}, 4, [&](uint32_t row) { return row < declared ? row : 0; });
  expect({}, 5, [&](uint32_t row) { return row < declared ? 1 : 0; });
  expect({}, 6, [&](uint32_t row) { return row == 0 ? 0x0201u : row == 1 ? 5u : 0u; });
  expect({}, 7, [&](uint32_t row) { return row == 0 ? 0x0403u : 0u; });
  // Twelve whole banks fill `image`.
  for (uint32_t bank = 0; bank < 12; ++bank) {
    expect({}, 8 + 2 * bank, constant(bank + 1));
    expect({}, 8 + 2 * bank + 1, constant(0));
  }
  // The last bank of RAM begins the volume; those of constants follow.
  expect(0, 0, constant(0));
  expect(0, 1, [](uint32_t row) { return row == 0 ? 1 : 0; });
  expect(0, 2, [](uint32_t row) { return row == 0 ? 0xab : 0; });
  expect(0, 3, constant(0));
  const uint32_t first = kTextBase / 4 % kBankWords;
  const size_t words = image.program().size();
  expect(0, 5, [&](uint32_t row) { return row - first < words ? 1 : 0; });
}

// Columns that are passed over are zero: one program, one id.
TEST(ProgramImage, ColumnsPassedOverAreZero) {
  ProgramImage image = image_of(file_with(9));
  const uint16_t last = image.banks().find(0x500000 / 4);
  ASSERT_EQ(image.banks()[last - 3].column, 24);
  ASSERT_EQ(image.banks()[last].column, 28);
  const std::vector<BankUse> uses = {{0}};
  const auto circuit = machine_circuit(image.image(), uses);
  const SlotTrees trees = image.fixed_trees(*circuit, uses);
  const TileMatrix& cells = trees.at(circuit->slot(kImageSlot))->group(kLogBank)->on_trace_domain;
  for (uint32_t row = 0; row < kBankWords; ++row) {
    ASSERT_EQ(cells.at(row, 24).value(), 9);
    ASSERT_EQ(cells.at(row, 26).value() + cells.at(row, 27).value(), 0) << row;
  }
}

// A bank's words are part of the one tree that it stands in.
TEST(ProgramImage, AWordChangesTheTreeOfItsBank) {
  const auto with = [](uint32_t address) {
    ElfFile file = file_with(13);
    file.segments[3].bytes[address - 0x100000] ^= 0x80;
    return image_of(file).image();
  };
  const Image honest = image_of(file_with(13)).image();
  ASSERT_EQ(honest.volumes.size(), 1);
  const Image first = with(0x100000), last = with(0x100000 + 12 * 4 * kBankWords);
  EXPECT_NE(first.root, honest.root);
  EXPECT_EQ(first.volumes, honest.volumes);
  EXPECT_EQ(last.root, honest.root);
  EXPECT_NE(last.volumes, honest.volumes);
}

}  // namespace
}  // namespace zkvm::stark::machine
