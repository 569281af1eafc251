// Every RV32IM instruction against a table: operands and result, written out by hand from the
// manual. Each row is executed by every executor.
//
// A row's instruction reads a1 and a2 (loads and stores: a1 is the address) and writes a0; the rest
// of the program sets these up and exits with what the instruction left.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/vm/every_executor.h"
#include "tests/vm/guest_builder.h"
#include "vm/disassembler.h"

namespace zkvm::vm::test {
namespace {

constexpr uint32_t kMin = 0x80000000, kMax = 0x7fffffff, kOnes = 0xffffffff;

struct Row {
  const char* name;
  uint32_t word;
  uint32_t a1, a2;
  uint32_t expected;
};

#define R(name, f7, f3) name, r_type(f7, f3, a0, Reg::a1, Reg::a2)
#define I(name, f3, imm) name, i_type(0x13, f3, a0, Reg::a1, imm)

const Row kRegisterRows[] = {
    {R("add", 0, 0), 1, 2, 3},
    {R("add", 0, 0), kOnes, 1, 0},
    {R("add", 0, 0), kMax, 1, kMin},
    {R("sub", 0x20, 0), 1, 2, kOnes},
    {R("sub", 0x20, 0), kMin, 1, kMax},
    {R("sub", 0x20, 0), 0, kMin, kMin},
    {R("sll", 0, 1), 1, 31, kMin},
    {R("sll", 0, 1), 0x12345678, 32, 0x12345678},  // five bits of the amount count
    {R("sll", 0, 1), kOnes, 0xffffffe4, 0xfffffff0},
    {R("slt", 0, 2), kMin, kMax, 1},
    {R("slt", 0, 2), kMax, kMin, 0},
    {R("slt", 0, 2), kOnes, 0, 1},
    {R("slt", 0, 2), 5, 5, 0},
    {R("sltu", 0, 3), kMin, kMax, 0},
    {R("sltu", 0, 3), 0, kOnes, 1},
    {R("sltu", 0, 3), kOnes, kOnes, 0},
    {R("xor", 0, 4), 0xff00ff00, 0x0ff00ff0, 0xf0f0f0f0},
    {R("srl", 0, 5), kMin, 31, 1},
    {R("srl", 0, 5), kOnes, 33, kMax},
    {R("srl", 0, 5), 0x12345678, 0, 0x12345678},
    {R("sra", 0x20, 5), kMin, 31, kOnes},
    {R("sra", 0x20, 5), kMax, 31, 0},
    {R("sra", 0x20, 5), 0x87654321, 36, 0xf8765432},
    {R("or", 0, 6), 0xff00ff00, 0x0ff00ff0, 0xfff0fff0},
    {R("and", 0, 7), 0xff00ff00, 0x0ff00ff0, 0x0f000f00},
    {R("mul", 1, 0), 0x12345678, 0x9abcdef0, 0x242d2080},
    {R("mul", 1, 0), kOnes, kOnes, 1},
    {R("mul", 1, 0), kMin, kMin, 0},
    {R("mulh", 1, 1), kOnes, kOnes, 0},
    {R("mulh", 1, 1), kMin, kMin, 0x40000000},
    {R("mulh", 1, 1), kMin, kMax, 0xc0000000},
    {R("mulh", 1, 1), kMax, kMax, 0x3fffffff},
    {R("mulhsu", 1, 2), kOnes, kOnes, kOnes},
    {R("mulhsu", 1, 2), kMin, kOnes, kMin},
    {R("mulhsu", 1, 2), kMax, kOnes, 0x7ffffffe},
    {R("mulhu", 1, 3), kOnes, kOnes, 0xfffffffe},
    {R("mulhu", 1, 3), kMin, kMin, 0x40000000},
    {R("mulhu", 1, 3), 0xffff, 0xffff, 0},
    {R("div", 1, 4), 20, 6, 3},
    {R("div", 1, 4), 0xffffffec, 6, 0xfffffffd},  // rounds toward zero
    {R("div", 1, 4), 20, 0xfffffffa, 0xfffffffd},
    {R("div", 1, 4), kMin, kOnes, kMin},  // overflow
    {R("div", 1, 4), kMin, 1, kMin},
    {R("div", 1, 4), 7, kOnes, 0xfffffff9},
    {R("div", 1, 4), 42, 0, kOnes},
    {R("div", 1, 4), 0, 0, kOnes},
    {R("divu", 1, 5), kMin, kOnes, 0},
    {R("divu", 1, 5), kOnes, kOnes, 1},
    {R("divu", 1, 5), 0xffffffec, 6, 0x2aaaaaa7},
    {R("divu", 1, 5), 42, 0, kOnes},
    {R("rem", 1, 6), 20, 6, 2},
    {R("rem", 1, 6), 0xffffffec, 6, 0xfffffffe},  // sign of the dividend
    {R("rem", 1, 6), 20, 0xfffffffa, 2},
    {R("rem", 1, 6), kMin, kOnes, 0},
    {R("rem", 1, 6), kMin, 3, 0xfffffffe},
    {R("rem", 1, 6), 42, 0, 42},
    {R("rem", 1, 6), kMin, 0, kMin},
    {R("remu", 1, 7), kMin, kOnes, kMin},
    {R("remu", 1, 7), 0xffffffec, 6, 2},
    {R("remu", 1, 7), 42, 0, 42},
    {I("addi", 0, -1), 0, 0, kOnes},
    {I("addi", 0, 2047), kMax, 0, 0x800007fe},
    {I("addi", 0, -2048), 0, 0, 0xfffff800},
    {I("slli", 1, 0), 0xdeadbeef, 0, 0xdeadbeef},
    {I("slli", 1, 31), 3, 0, kMin},
    {I("slti", 2, -1), kMin, 0, 1},
    {I("slti", 2, -1), kOnes, 0, 0},
    {I("slti", 2, 2047), 2046, 0, 1},
    {I("sltiu", 3, -1), 0xfffffffe, 0, 1},  // the immediate is extended by sign, then unsigned
    {I("sltiu", 3, 1), 0, 0, 1},
    {I("sltiu", 3, 1), kOnes, 0, 0},
    {I("xori", 4, -1), 0x0f0f0f0f, 0, 0xf0f0f0f0},
    {I("srli", 5, 31), kMin, 0, 1},
    {I("srli", 5, 4), 0x87654321, 0, 0x08765432},
    {I("srai", 5, 0x400 | 31), kMin, 0, kOnes},
    {I("srai", 5, 0x400 | 4), 0x87654321, 0, 0xf8765432},
    {I("ori", 6, -2048), 0x7ff, 0, kOnes},
    {I("andi", 7, -1), 0xdeadbeef, 0, 0xdeadbeef},
    {I("andi", 7, 0x7f0), 0xdeadbeef, 0, 0x6e0},
    {"lui", lui(a0, 0xfffff), 0, 0, 0xfffff000},
    {"lui", lui(a0, 0), 0, 0, 0},
    {"auipc", auipc(a0, 0x12345), 0, 0, 0x12345000 + kTextBase + 16},
    {"auipc", auipc(a0, 0xfffff), 0, 0, kTextBase + 16 - 0x1000},
    {"fence", 0x0ff0000f, 0, 0, 0},
    {"fence", 0x8330000f, 0, 0, 0},             // fence.tso
    {"fence", 0xffffffff & ~0x7070u, 0, 0, 0},  // reserved fields are ignored, rd too
    // The data begins with the bytes 80 81 fe 7f 00 ff 01 80.
    {"lb", i_type(3, 0, a0, Reg::a1, 0), kDataBase, 0, 0xffffff80},
    {"lb", i_type(3, 0, a0, Reg::a1, 3), kDataBase, 0, 0x7f},
    {"lbu", i_type(3, 4, a0, Reg::a1, 0), kDataBase, 0, 0x80},
    {"lbu", i_type(3, 4, a0, Reg::a1, -1), kDataBase + 6, 0, 0xff},
    {"lh", i_type(3, 1, a0, Reg::a1, 0), kDataBase, 0, 0xffff8180},
    {"lh", i_type(3, 1, a0, Reg::a1, 2), kDataBase, 0, 0x7ffe},
    {"lhu", i_type(3, 5, a0, Reg::a1, 0), kDataBase, 0, 0x8180},
    {"lhu", i_type(3, 5, a0, Reg::a1, -2), kDataBase + 8, 0, 0x8001},
    {"lw", i_type(3, 2, a0, Reg::a1, 0), kDataBase, 0, 0x7ffe8180},
    {"lw", i_type(3, 2, a0, Reg::a1, -2048), kDataBase + 2052, 0, 0x8001ff00},
    {"lw", i_type(3, 2, a0, Reg::a1, 0), kDataBase + kDataSize - 4, 0, 0},
    {"lw", i_type(3, 2, a0, Reg::a1, 0), kConstBase + 4, 0, 0x87868584},
    {"lw", i_type(3, 2, a0, Reg::a1, 0), kTextBase, 0, lui(Reg::a1, (kTextBase + 0x800) >> 12)},
};

struct StoreCase {
  const char* name;
  uint32_t word, a1, a2;
  uint32_t first, second;  // the two words at the data's start afterwards
};

const StoreCase kStoreRows[] = {
    {"sb", s_type(0, Reg::a2, Reg::a1, 0), kDataBase, 0x12345678, 0x7ffe8178, 0x8001ff00},
    {"sb", s_type(0, Reg::a2, Reg::a1, 3), kDataBase, 0xffffffff, 0xfffe8180, 0x8001ff00},
    {"sb", s_type(0, Reg::a2, Reg::a1, -1), kDataBase + 8, 0x55, 0x7ffe8180, 0x5501ff00},
    {"sh", s_type(1, Reg::a2, Reg::a1, 0), kDataBase, 0x12345678, 0x7ffe5678, 0x8001ff00},
    {"sh", s_type(1, Reg::a2, Reg::a1, 6), kDataBase, 0xffffabcd, 0x7ffe8180, 0xabcdff00},
    {"sw", s_type(2, Reg::a2, Reg::a1, 4), kDataBase, 0x12345678, 0x7ffe8180, 0x12345678},
    {"sw", s_type(2, Reg::a2, Reg::a1, -2048), kDataBase + 2048, 1, 1, 0x8001ff00},
};

struct BranchCase {
  const char* name;
  uint32_t funct3, a1, a2;
  bool taken;
};

const BranchCase kBranchRows[] = {
    {"beq", 0, 5, 5, true},    {"beq", 0, 5, 6, false},        {"bne", 1, 5, 5, false},
    {"bne", 1, kMin, 0, true}, {"blt", 4, kMin, kMax, true},   {"blt", 4, kMax, kMin, false},
    {"blt", 4, 3, 3, false},   {"bge", 5, kMin, kMax, false},  {"bge", 5, kMax, kMin, true},
    {"bge", 5, 3, 3, true},    {"bltu", 6, kMin, kMax, false}, {"bltu", 6, kMax, kMin, true},
    {"bltu", 6, 3, 3, false},  {"bgeu", 7, kMin, kMax, true},  {"bgeu", 7, 0, kOnes, false},
    {"bgeu", 7, 3, 3, true},
};

const std::vector<uint8_t> kData = {0x80, 0x81, 0xfe, 0x7f, 0x00, 0xff, 0x01, 0x80};

RunResult run_words(const Assembler& text) {
  const auto program = load_elf(ElfFile::of(text.words(), kData).bytes());
  EXPECT_TRUE(program) << program.error().message;
  return run_everywhere(*program);
}

std::string name_in(uint32_t word) { return std::string(info(decode(word).op).name); }

TEST(Instructions, GiveTheTablesResults) {
  for (const Row& row : kRegisterRows) {
    ASSERT_EQ(name_in(row.word), row.name);
    Assembler text;
    text.li(a1, row.a1).li(a2, row.a2)(row.word)(addi(a7, zero, 93))(kEcall);
    const RunResult result = run_words(text);
    ASSERT_FALSE(result.trap) << row.name;
    EXPECT_EQ(result.exit_code, row.expected)
        << disassemble(row.word, 0) << " of " << std::hex << row.a1 << ", " << row.a2;
  }
}

TEST(Instructions, StoreWhatTheTableSays) {
  for (const StoreCase& row : kStoreRows) {
    ASSERT_EQ(name_in(row.word), row.name);
    Assembler text;
    text.li(a1, row.a1).li(a2, row.a2)(row.word).call(64, 3, kDataBase, 8).exit(0);
    const RunResult result = run_words(text);
    ASSERT_EQ(result.journal.size(), 8u) << row.name;
    uint32_t words[2];
    std::memcpy(words, result.journal.data(), 8);
    EXPECT_EQ(words[0], row.first) << disassemble(row.word, 0);
    EXPECT_EQ(words[1], row.second) << disassemble(row.word, 0);
  }
}

TEST(Instructions, BranchForwardsAndBackwards) {
  for (const BranchCase& row : kBranchRows) {
    ASSERT_EQ(name_in(b_type(row.funct3, a1, a2, 8)), row.name);
    // Forwards over an instruction that would set bit 0 of a0.
    Assembler text;
    text.li(a1, row.a1).li(a2, row.a2)(b_type(row.funct3, a1, a2, 8))(addi(a0, a0, 1));
    text(addi(a7, zero, 93))(kEcall);
    EXPECT_EQ(run_words(text).exit_code, row.taken ? 0u : 1u) << row.name;
    // Backwards: into an exit with 7, or fall through to one with 0.
    Assembler back;
    back.li(a1, row.a1)
        .li(a2, row.a2)(jal(zero, 16))(addi(a0, zero, 7))(addi(a7, zero, 93))(kEcall);
    back(b_type(row.funct3, a1, a2, -12))(addi(a7, zero, 93))(kEcall);
    EXPECT_EQ(run_words(back).exit_code, row.taken ? 7u : 0u) << row.name;
  }
}

TEST(Instructions, JumpAndLink) {
  Assembler text;  // jal links, jalr clears bit 0 and may write the register that it reads
  text(jal(a0, 8))(kEbreak)(addi(a0, a0, 17))(jalr(a0, 4, a0))(kEbreak)(kEbreak);
  text(addi(a7, zero, 93))(kEcall);
  EXPECT_EQ(run_words(text).exit_code, kTextBase + 16);
}

TEST(Instructions, DiscardWritesToX0) {
  Assembler text;
  text(addi(zero, zero, 5))(lui(zero, 9)).li(a1, kDataBase)(lw(zero, 0, a1))(jal(zero, 4));
  text(add(a0, zero, zero))(addi(a7, zero, 93))(kEcall);
  EXPECT_EQ(run_words(text).exit_code, 0u);
}

TEST(Instructions, StartWithZeroRegisters) {
  Assembler text;
  for (uint32_t r = 1; r < 32; ++r) text(add(a0, a0, r));
  text(addi(a7, zero, 93))(kEcall);
  EXPECT_EQ(run_words(text).exit_code, 0u);
}

TEST(Instructions, AllAreInTheTables) {
  std::set<std::string> covered = {"jal", "jalr", "ecall", "ebreak"};
  for (const auto& row : kRegisterRows) covered.insert(row.name);
  for (const auto& row : kStoreRows) covered.insert(row.name);
  for (const auto& row : kBranchRows) covered.insert(row.name);
  for (const Instruction& instruction : kInstructions) {
    EXPECT_TRUE(covered.contains(std::string(instruction.name))) << instruction.name;
  }
}

TEST(Decoder, RejectsWhatIsNotRv32im) {
  const uint32_t words[] = {
      0,          kOnes,      0x00000001,  // zeros, ones, compressed
      0x0000100f,                          // fence.i
      0x00200073, 0x10500073, 0x30200073,  // uret, wfi, mret
      0x00001073, 0xc0002573,              // csrrw, rdcycle
      0x000000f3,                          // ecall with rd
      0x00003003, 0x00006003, 0x00003023,  // ld, lwu, sd
      0x02001013, 0x80005013,              // slli and srli by 32 and with other high bits
      0x40001033, 0x40007033, 0x04000033,  // no such funct7
      0x0000001b, 0x0000003b,              // addiw, addw
      0x00002063, 0x00003063,              // no such branch
      0x00001067,                          // no such jalr
      0x1000202f, 0x00000053, 0x00002007,  // lr.w, fadd.s, flw
  };
  for (const uint32_t word : words) {
    EXPECT_EQ(decode(word).op, Op::kIllegal) << std::hex << word;
  }
}

// Every word decodes to the first line of the table that it matches, if any.
TEST(Decoder, AgreesWithTheTable) {
  uint32_t word = 1;
  std::map<Op, int> seen;
  for (int i = 0; i < 2'000'000; ++i) {
    word = word * 1664525 + 1013904223;
    const uint32_t mixed = word ^ word >> 15;
    Op expected = Op::kIllegal;
    for (const Instruction& instruction : kInstructions) {
      if ((mixed & instruction.mask) == instruction.match) expected = instruction.op;
    }
    ASSERT_EQ(decode(mixed).op, expected) << std::hex << mixed;
    ++seen[expected];
  }
  EXPECT_GT(seen.size(), 40u);
}

}  // namespace
}  // namespace zkvm::vm::test
