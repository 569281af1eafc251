// Every trap, at its exact pc, cycle and address, by every executor.
#include <gtest/gtest.h>

#include <set>

#include "tests/vm/every_executor.h"
#include "tests/vm/guest_builder.h"

namespace zkvm::vm::test {
namespace {

constexpr uint32_t kDataEnd = kDataBase + kDataSize;

// a1 and a2 are set by four instructions; then `word` at cycle 4, pc kTextBase + 16.
RunResult run_one(uint32_t word, uint32_t x = 0, uint32_t y = 0) {
  Assembler text;
  text.li(a1, x).li(a2, y)(word).exit(0);
  const auto program = load_elf(ElfFile::of(text.words()).bytes());
  EXPECT_TRUE(program) << program.error().message;
  return run_everywhere(*program);
}

// As Linux's registers: a7, a0, a1, a2; ecall is at cycle 8.
RunResult run_call(uint32_t number, uint32_t x, uint32_t y, uint32_t z,
                   const RunLimits& limits = {}, std::vector<uint8_t> input = {}) {
  Assembler text;
  text.call(number, x, y, z)(addi(a7, zero, 93))(kEcall);
  const auto program = load_elf(ElfFile::of(text.words(), {1, 2, 3, 4}).bytes());
  EXPECT_TRUE(program) << program.error().message;
  return run_everywhere(*program, {.input = input, .console = {}}, limits);
}

void expect_trap(const RunResult& result, TrapKind kind, uint32_t address, uint32_t detail,
                 uint32_t pc = kTextBase + 16, uint64_t cycle = 4) {
  ASSERT_TRUE(result.trap) << name_of(kind);
  EXPECT_EQ(name_of(result.trap->kind), name_of(kind));
  EXPECT_EQ(result.trap->address, address) << name_of(kind);
  EXPECT_EQ(result.trap->detail, detail) << name_of(kind);
  EXPECT_EQ(result.trap->pc, pc) << name_of(kind);
  EXPECT_EQ(result.trap->cycle, cycle) << name_of(kind);
  EXPECT_EQ(result.cycles, cycle) << name_of(kind);
}

void expect_call_trap(const RunResult& result, TrapKind kind, uint32_t address, uint32_t detail) {
  expect_trap(result, kind, address, detail, kTextBase + 32, 8);
  EXPECT_TRUE(result.journal.empty());
}

TEST(Trap, IllegalInstructionAndBreakpoint) {
  expect_trap(run_one(0), TrapKind::kIllegalInstruction, 0, 0);
  expect_trap(run_one(0xc0001073), TrapKind::kIllegalInstruction, 0, 0xc0001073);
  expect_trap(run_one(kEbreak), TrapKind::kBreakpoint, 0, 0);
}

TEST(Trap, MisalignedJumps) {
  const uint32_t pc = kTextBase + 16;
  expect_trap(run_one(jal(ra, 6)), TrapKind::kMisalignedJump, pc + 6, 0);
  expect_trap(run_one(b_type(0, zero, zero, -6)), TrapKind::kMisalignedJump, pc - 6, 0);
  expect_trap(run_one(jalr(ra, 2, a1), kTextBase), TrapKind::kMisalignedJump, kTextBase + 2, 0);
  EXPECT_FALSE(run_one(b_type(1, zero, zero, -6)).trap) << "not taken: no trap";
}

TEST(Trap, FetchOutsideTheText) {
  const auto undeclared = TrapKind::kFetchUndeclared;
  expect_trap(run_one(jalr(ra, 0, a1), 0), undeclared, 0, 0, 0, 5);
  expect_trap(run_one(jalr(ra, 0, a1), 0xfffffffc), undeclared, 0, 0, 0xfffffffc, 5);
  expect_trap(run_one(jal(ra, 0x1000)), undeclared, 0, 0, kTextBase + 0x1010, 5);
  expect_trap(run_one(b_type(0, zero, zero, -32)), undeclared, 0, 0, kTextBase - 16, 5);
  expect_trap(run_one(jalr(ra, 0, a1), kDataBase), TrapKind::kFetchNotExecutable, 0, 0, kDataBase,
              5);
  EXPECT_FALSE(run_one(b_type(1, zero, zero, -32)).trap) << "not taken: no trap";
  // Off the end of the text.
  const auto program = load_elf(ElfFile::of({kNop, kNop}).bytes());
  expect_trap(run_everywhere(*program), undeclared, 0, 0, kTextBase + 8, 2);
}

TEST(Trap, Loads) {
  const auto load = [](uint32_t funct3, uint32_t address) {
    return run_one(i_type(3, funct3, a0, a1, 0), address);
  };
  expect_trap(load(1, kDataBase + 1), TrapKind::kMisalignedLoad, kDataBase + 1, 2);
  expect_trap(load(5, kDataBase + 3), TrapKind::kMisalignedLoad, kDataBase + 3, 2);
  expect_trap(load(2, kDataBase + 2), TrapKind::kMisalignedLoad, kDataBase + 2, 4);
  expect_trap(load(2, 0x5), TrapKind::kMisalignedLoad, 5, 4);  // misaligned comes first
  for (const uint32_t address :
       {0u, kDataBase - 4, kDataEnd, kConstBase + kConstSize, 0xfffffffcu}) {
    expect_trap(load(2, address), TrapKind::kLoadUndeclared, address, 4);
    expect_trap(load(4, address), TrapKind::kLoadUndeclared, address, 1);
  }
  EXPECT_FALSE(load(2, kDataEnd - 4).trap);
  EXPECT_FALSE(load(0, kDataEnd - 1).trap);
}

TEST(Trap, Stores) {
  const auto store = [](uint32_t funct3, uint32_t address) {
    return run_one(s_type(funct3, a2, a1, 0), address, 0);
  };
  expect_trap(store(1, kDataBase + 1), TrapKind::kMisalignedStore, kDataBase + 1, 2);
  expect_trap(store(2, kDataBase + 1), TrapKind::kMisalignedStore, kDataBase + 1, 4);
  expect_trap(store(2, 0), TrapKind::kStoreUndeclared, 0, 4);
  expect_trap(store(0, kDataEnd), TrapKind::kStoreUndeclared, kDataEnd, 1);
  expect_trap(store(2, kConstBase), TrapKind::kStoreReadOnly, kConstBase, 4);
  expect_trap(store(0, kTextBase), TrapKind::kStoreReadOnly, kTextBase, 1);
  // A load that opens the page must not make it writable.
  Assembler text;
  text.li(a1, kConstBase)(lw(a0, 0, a1))(lw(a0, 0, a1))(sw(a0, 0, a1));
  const auto program = load_elf(ElfFile::of(text.words()).bytes());
  expect_trap(run_everywhere(*program), TrapKind::kStoreReadOnly, kConstBase, 4, kTextBase + 16, 4);
}

TEST(Trap, SystemCalls) {
  expect_call_trap(run_call(1, 0, 0, 0), TrapKind::kUnknownSystemCall, 0, 1);
  expect_call_trap(run_call(94, 0, 0, 0), TrapKind::kUnknownSystemCall, 0, 94);
  expect_call_trap(run_call(63, 3, kDataBase, 4), TrapKind::kBadFileDescriptor, 0, 3);
  expect_call_trap(run_call(64, 0, kDataBase, 4), TrapKind::kBadFileDescriptor, 0, 0);
  expect_call_trap(run_call(64, 4, kDataBase, 4), TrapKind::kBadFileDescriptor, 0, 4);
}

TEST(Trap, Buffers) {
  const auto bad = TrapKind::kBadBuffer;
  expect_call_trap(run_call(63, 0, kDataBase + 2, 4), bad, kDataBase + 2, 4);
  expect_call_trap(run_call(63, 0, kConstBase, 4), bad, kConstBase, 4);  // read-only
  expect_call_trap(run_call(63, 0, kDataEnd - 4, 8), bad, kDataEnd - 4,
                   8);  // though no input is left
  expect_call_trap(run_call(63, 0, 0, 4), bad, 0, 4);
  expect_call_trap(run_call(63, 0, kAddressEnd, 0), bad, kAddressEnd, 0);
  expect_call_trap(run_call(64, 3, kDataBase + 1, 4), bad, kDataBase + 1, 4);
  expect_call_trap(run_call(64, 3, kDataEnd, 4), bad, kDataEnd, 4);
  expect_call_trap(run_call(64, 1, kDataEnd - 1, 2), bad, kDataEnd - 1, 2);
  expect_call_trap(run_call(64, 2, 0xfffffff0, 0x20), bad, 0xfffffff0, 0x20);  // wraps around
}

TEST(Trap, Lengths) {
  const auto bad = TrapKind::kBadLength;
  expect_call_trap(run_call(63, 0, kDataBase, 6), bad, kDataBase, 6);
  expect_call_trap(run_call(63, 0, kDataBase, kAddressEnd), bad, kDataBase, kAddressEnd);
  expect_call_trap(run_call(64, 3, kDataBase, 3), bad, kDataBase, 3);
  expect_call_trap(run_call(64, 3, kDataBase, kMaxJournalBytes + 4), bad, kDataBase,
                   kMaxJournalBytes + 4);
}

TEST(Trap, Limits) {
  expect_call_trap(run_call(64, 3, kDataBase, 8, {.journal_bytes = 4}), TrapKind::kJournalLimit,
                   kDataBase, 8);
  expect_call_trap(run_call(64, 1, kDataBase, 8, {.console_bytes = 7}), TrapKind::kConsoleLimit,
                   kDataBase, 8);
  Assembler endless;
  endless(jal(zero, 0));
  const auto program = load_elf(ElfFile::of(endless.words()).bytes());
  for (const uint64_t cycles : {0, 1, 2, 3, 1000}) {
    expect_trap(run_everywhere(*program, {}, {.cycles = cycles}), TrapKind::kCycleLimit, 0, 0,
                kTextBase, cycles);
  }
  // The limit is exact: exit is the ninth cycle here, reached with nine and not with eight.
  Assembler text;
  text.exit(3)(kNop);
  const auto exits = load_elf(ElfFile::of(text.words()).bytes());
  EXPECT_FALSE(run_everywhere(*exits, {}, {.cycles = 5}).trap);
  expect_trap(run_everywhere(*exits, {}, {.cycles = 4}), TrapKind::kCycleLimit, 0, 0,
              kTextBase + 16, 4);
}

TEST(Trap, IsDescribedWithItsSymbol) {
  ElfFile file = ElfFile::of({kNop, kEbreak});
  file.symbols = {{"broken", kTextBase, 8}};
  const auto program = load_elf(file.bytes());
  const RunResult result = *run(*program, {});
  EXPECT_EQ(describe(*result.trap, *program),
            "breakpoint (abort or failed check) at pc 0x10004 <broken+0x4>, cycle 1");
  std::set<std::string_view> names;
  for (int kind = 0; kind < kTrapKindCount; ++kind) {
    names.insert(name_of(static_cast<TrapKind>(kind)));
    describe({static_cast<TrapKind>(kind), 0, 1, 2, 3}, *program);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kTrapKindCount));
}

TEST(Trap, BelowTheStackIsSaidToBeAStackOverflow) {
  const std::string said = "stack overflow; set STACK in zkvm_add_guest (";
  const auto message = [](uint32_t stack_pointer, uint32_t access, uint32_t word) {
    Assembler text;
    text.li(sp, stack_pointer).li(a1, access)(word);
    const auto program = load_elf(ElfFile::of(text.words()).bytes());
    return describe(*run_everywhere(*program).trap, *program);
  };
  const uint32_t store = sw(a0, 0, a1), load = lw(a0, 0, a1);
  EXPECT_EQ(message(kDataBase - 16, kDataBase - 4, store),
            said + "store of 4 bytes to undeclared address 0x1fffc) at pc 0x10010, cycle 4");
  EXPECT_TRUE(message(kDataBase - 16, kDataBase - 16, load).starts_with(said));
  // A large frame goes past the page that nobody declares, or below 0.
  EXPECT_TRUE(message(kTextBase - 64, kTextBase + 4, store).starts_with(said));
  EXPECT_TRUE(message(0u - 0x10000000, 0u - 0x1000, store).starts_with(said));
  // Other bad accesses of a guest whose stack pointer is, or is not, in its stack.
  EXPECT_FALSE(message(kDataBase, kDataBase - 4, store).starts_with(said));
  EXPECT_FALSE(message(kDataBase + 64, 0, load).starts_with(said));
  EXPECT_FALSE(message(kDataBase - 16, kDataBase - 20, store).starts_with(said));
  EXPECT_FALSE(message(kDataBase - 16, kDataEnd, store).starts_with(said));
  EXPECT_FALSE(message(0, kDataBase - 4, store).starts_with(said)) << "no stack yet";
}

// Regions that adjoin are one: a buffer may lie in both, whatever segments the file cuts it into.
TEST(SystemCall, BuffersMaySpanAdjoiningRegions) {
  Assembler text;
  text.call(63, 0, kDataBase + 0xf8, 16)
      .call(64, 3, kDataBase + 0xf8, 16)
      .call(64, 1, kDataBase, 0x2fe);
  text.li(t0, kDataBase + 0xfc)(lw(a0, 0, t0))(lw(a1, 4, t0))(add(a0, a0, a1)).li(a7, 93)(kEcall);
  const std::vector<uint8_t> input = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0};
  std::vector<RunResult> results;
  for (const bool split : {false, true}) {
    ElfFile file = ElfFile::of(text.words(), std::vector<uint8_t>(0x300, 7));
    if (split) {
      std::erase_if(file.segments, [](const ElfSegment& s) { return s.address == kDataBase; });
      file.segments.push_back({kDataBase, PF_R | PF_W, std::vector<uint8_t>(0xfc, 7), 0xfc});
      file.segments.push_back({kDataBase + 0xfc, PF_R | PF_W, std::vector<uint8_t>(4, 7), 4});
      file.segments.push_back(
          {kDataBase + 0x100, PF_R | PF_W, std::vector<uint8_t>(0x200, 7), 0xf00});
    }
    const auto program = load_elf(file.bytes());
    ASSERT_TRUE(program) << program.error().message;
    results.push_back(run_everywhere(*program, {.input = input, .console = {}}));
    ASSERT_FALSE(results.back().trap) << describe(*results.back().trap, *program);
    EXPECT_EQ(results.back().journal, input);
    EXPECT_EQ(results.back().exit_code, 5u);
  }
  expect_same(results[0], results[1], "whole and split");
}

// What is read, an array in constants that runs on in the data, only has to be declared; what is
// written to, all of it, has to be writable.
TEST(SystemCall, BuffersMaySpanPermissionsThatAllowTheAccess) {
  const auto call = [](uint32_t number, uint32_t fd) {
    Assembler text;
    text.call(number, fd, kConstBase + kConstSize - 4, 8)(addi(a7, zero, 93))(kEcall);
    ElfFile file = ElfFile::of(text.words());
    file.segments.push_back({kConstBase + kConstSize, PF_R | PF_W, {9, 8, 7, 6}, 16});
    return run_everywhere(*load_elf(file.bytes()));
  };
  EXPECT_EQ(call(64, 3).journal, (std::vector<uint8_t>{0x7c, 0x7d, 0x7e, 0x7f, 9, 8, 7, 6}));
  expect_call_trap(call(63, 0), TrapKind::kBadBuffer, kConstBase + kConstSize - 4, 8);
}

TEST(SystemCall, ReadGivesTheInputPaddedAndThenZero) {
  // read 8, read 8, commit a0 of both, and all.
  Assembler text;
  text.call(63, 0, kDataBase, 8).li(t0, kDataBase + 256)(sw(a0, 0, t0));
  text.call(63, 0, kDataBase + 8, 8).li(t0, kDataBase + 256)(sw(a0, 4, t0));
  text.call(63, 0, kDataBase + 16, 8).li(t0, kDataBase + 256)(sw(a0, 8, t0));
  text.call(64, 3, kDataBase, 24).call(64, 3, kDataBase + 256, 12).exit(0);
  const auto program = load_elf(ElfFile::of(text.words(), std::vector<uint8_t>(24, 0xee)).bytes());
  const std::vector<uint8_t> input = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const RunResult result = run_everywhere(*program, {.input = input, .console = {}});
  EXPECT_EQ(
      result.journal,
      (std::vector<uint8_t>{1,    2,    3,    4,    5,    6,    7,    8,    9,    0,    0,    0,
                            0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                            8,    0,    0,    0,    4,    0,    0,    0,    0,    0,    0,    0}));
}

// However much it is asked for and there is.
TEST(SystemCall, ReadGivesLessThan64KiB) {
  constexpr uint32_t kBase = 0x100000, kSize = 0x20000;
  Assembler text;
  for (uint32_t i = 0; i < 3; ++i)
    text.call(63, 0, kBase, kSize).li(t0, kDataBase)(sw(a0, 4 * static_cast<int32_t>(i), t0));
  ElfFile elf = ElfFile::of(text.call(64, 3, kDataBase, 12).exit(0).words());
  elf.segments.push_back({kBase, PF_R | PF_W, {}, kSize});
  const auto program = load_elf(elf.bytes());
  const std::vector<uint8_t> input(0x10003);
  const RunResult result = run_everywhere(*program, {.input = input, .console = {}});
  EXPECT_EQ(result.journal, (std::vector<uint8_t>{0xfc, 0xff, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(SystemCall, ConsoleWritesAnyLengthAndReturnsIt) {
  Assembler text;
  text.call(64, 2, kDataBase + 1, 3).li(t0, kDataBase)(sw(a0, 0, t0)).call(64, 1, 0, 0);
  text.call(64, 3, kDataBase, 4).exit(0);
  const auto program = load_elf(ElfFile::of(text.words(), {'x', 'a', 'b', 'c'}).bytes());
  std::string seen;
  const Io io{.input = {}, .console = [&](uint32_t fd, std::span<const uint8_t> bytes) {
                seen += std::to_string(fd) + std::string(bytes.begin(), bytes.end());
              }};
  const RunResult result = *run(*program, io);
  EXPECT_EQ(seen, "2abc");
  EXPECT_EQ(result.journal, (std::vector<uint8_t>{3, 0, 0, 0}));
}

TEST(SystemCall, ExitKeepsAllBits) {
  Assembler text;
  text.exit(0x12345678);
  EXPECT_EQ(run_everywhere(*load_elf(ElfFile::of(text.words()).bytes())).exit_code, 0x12345678u);
}

}  // namespace
}  // namespace zkvm::vm::test
