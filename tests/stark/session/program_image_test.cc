// From a program to its image: rows of the program table, where words stand, what the id names.
#include "stark/session/image/program_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/vm/guest_builder.h"

namespace zkvm::stark::machine {

std::ostream& operator<<(std::ostream& out, const WordRun& run) {
  return out << run.row << ": " << run.place << " + " << run.count;
}
bool operator==(const WordRun& a, const WordRun& b) {
  return a.row == b.row && a.place == b.place && a.count == b.count;
}

namespace {

using namespace vm::test;
using chips::Operation, chips::ProgramRow;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

vm::Program program_of(const ElfFile& file) {
  auto program = vm::load_elf(file.bytes());
  EXPECT_TRUE(program) << program.error().message;
  return *std::move(program);
}

ElfFile small_file() { return ElfFile::of(Assembler().exit(0).words(), {1, 2, 3, 4, 5}); }

ProgramImage image_of(const ElfFile& file, uint8_t log_blowup = 1) {
  auto image = ProgramImage::of(program_of(file), log_blowup);
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

  ASSERT_EQ(image.constants().size(), 1);
  const BankLayout& constants = image.constants()[0];
  const auto text_words = static_cast<uint32_t>(words);
  EXPECT_THAT(
      constants.runs,
      ElementsAre(WordRun{0, chips::kReadOnlyBase + kTextBase / 4, text_words},
                  WordRun{text_words, chips::kReadOnlyBase + kConstBase / 4, kConstSize / 4}));
  EXPECT_EQ(constants.initial_word(0), Assembler().exit(0).words()[0]);
  EXPECT_EQ(constants.initial_word(text_words), 0x83828180);
  EXPECT_EQ(constants.initial_word(4000), 0);

  ASSERT_EQ(image.image().banks.size(), 1);
  EXPECT_EQ(image.image().log_bank, kMinLogBank);
  EXPECT_EQ(image.image().banks[0].base, kDataBase / 4);  // a multiple of 2^14
  EXPECT_THAT(image.bank(1).runs, ElementsAre(WordRun{0, kDataBase / 4, kDataSize / 4}));
  EXPECT_EQ(image.bank(1).initial_word(0), 0x04030201);
  EXPECT_EQ(image.bank(1).initial_word(1), 5);
  EXPECT_EQ(image.bank_of(kDataBase / 4), 1);
  EXPECT_EQ(image.bank_of(kDataBase / 4 - 1), 0);
  EXPECT_EQ(image.bank_of((1u << 28) - 1), 0);

  EXPECT_THAT(image.bank(0).runs,
              ElementsAre(WordRun{0, chips::kMachineBase, chips::kMachineWords}));
  for (uint32_t i = 0; i < chips::kMachineWords; ++i)
    EXPECT_EQ(image.bank(0).initial_word(i), i == chips::kPcWord ? kTextBase : 0);
}

TEST(ProgramImage, CutsMemoryIntoBanks) {
  ElfFile file = small_file();
  // Two regions in one bank, one over an edge, one far away; 2^14 words are 2^16 bytes.
  file.segments.push_back({0x48000, PF_R | PF_W, {9}, 0x100});
  file.segments.push_back({0x4fffc, PF_R | PF_W, {1, 2, 3, 4, 5, 6, 7, 8}, 0x10008});
  file.segments.push_back({0x3efffff0, PF_R | PF_W, {}, 0x10});
  const ProgramImage image = image_of(file);
  std::vector<uint32_t> bases;
  for (const Image::Bank& bank : image.image().banks) bases.push_back(bank.base);
  EXPECT_THAT(bases, ElementsAre(0x8000, 0x10000, 0x14000, 0x18000, vm::kAddressEnd / 4 - 0x4000));
  EXPECT_THAT(image.bank(2).runs,
              ElementsAre(WordRun{0x2000, 0x12000, 0x40}, WordRun{0x3fff, 0x13fff, 1}));
  EXPECT_THAT(image.bank(3).runs, ElementsAre(WordRun{0, 0x14000, 0x4000}));
  EXPECT_THAT(image.bank(4).runs, ElementsAre(WordRun{0, 0x18000, 1}));
  EXPECT_EQ(image.bank(2).initial_word(0x3fff), 0x04030201);
  EXPECT_EQ(image.bank(3).initial_word(0), 0x08070605);
  EXPECT_EQ(image.bank_of(0x14000), 3);
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
  };
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
  const auto image = ProgramImage::of(program_of(file), 4);
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().message, HasSubstr("expected at most 2^20 words, found 1048577"));
}

TEST(ProgramImage, TreesHaveTheRootsOfTheKey) {
  ProgramImage image = image_of(small_file());
  for (const bool from_image : {true, false})
    for (const bool kept : {true, false}) {
      const std::vector<BankUse> uses = {{0, from_image, kept}, {1, kept, from_image}};
      const auto circuit = machine_circuit(image.image(), uses);
      ASSERT_TRUE(circuit) << circuit.error().message;
      const SlotTrees trees = image.fixed_trees(*circuit, uses);
      EXPECT_EQ(trees.size(), 2);
      for (const auto& [slot, tree] : trees)
        EXPECT_EQ(tree->root(), circuit->key().slots[slot].root);
    }
}

}  // namespace
}  // namespace zkvm::stark::machine
