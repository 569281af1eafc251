#include "vm/profile.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/vm/guest_builder.h"

namespace zkvm::vm::test {
namespace {

std::string function(const Profile& profile, const Program& program, uint32_t node) {
  const Symbol* symbol = program.symbol_at(profile.nodes[node].entry);
  return symbol != nullptr ? symbol->name : "?";
}
// A context as the path of its functions' entries.
std::string path(const Profile& profile, const Program& program, uint32_t node) {
  const std::string name = function(profile, program, node);
  return node == 0 ? name : path(profile, program, profile.nodes[node].parent) + "/" + name;
}

std::map<std::string, uint64_t> cycles_by_path(const Profile& profile, const Program& program) {
  std::map<std::string, uint64_t> cycles;
  for (const ProfileBlock& block : profile.blocks) {
    cycles[path(profile, program, block.node)] += block.cycles();
  }
  return cycles;
}

TEST(Profile, AttributesCyclesToCallingContexts) {
  // start calls twice() and leaf(); twice() calls leaf() two times, then tail() jumps to leaf().
  Assembler text;
  text(addi(sp, zero, 0));     // 0x00 start
  text(jal(ra, 0x20 - 0x04));  // 0x04 call twice
  text(jal(ra, 0x40 - 0x08));  // 0x08 call leaf
  text(jal(ra, 0x50 - 0x0c));  // 0x0c call tail
  text(addi(a0, zero, 0))(addi(a7, zero, 93))(kEcall)(kNop);
  text(addi(s0, ra, 0));       // 0x20 twice
  text(jal(ra, 0x40 - 0x24));  // 0x24
  text(jal(ra, 0x40 - 0x28));  // 0x28
  text(jalr(zero, 0, s0));     // 0x2c: not a return by convention
  for (int i = 0; i < 4; ++i) text(kNop);
  text(addi(t1, zero, 1))(kNop)(kNop)(jalr(zero, 0, ra));  // 0x40 leaf
  text(kNop)(jal(zero, 0x40 - 0x54));                      // 0x50 tail
  text.words();
  Assembler returning;  // the same with a return by ra in twice()
  for (const uint32_t word : text.words()) {
    returning(word == jalr(zero, 0, s0) ? addi(ra, s0, 0) : word);
  }
  std::vector<uint32_t> words = returning.words();
  words[0x30 / 4] = jalr(zero, 0, ra);
  ElfFile file = ElfFile::of(words);
  file.symbols = {{"start", kTextBase, 0x20},
                  {"twice", kTextBase + 0x20, 0x20},
                  {"leaf", kTextBase + 0x40, 0x10},
                  {"tail", kTextBase + 0x50, 8}};
  const Program program = *load_elf(file.bytes());
  const Profile profile = *vm::profile(program, {});
  ASSERT_FALSE(profile.run.trap);
  EXPECT_EQ(cycles_by_path(profile, program),
            (std::map<std::string, uint64_t>{{"start", 7},
                                             {"start/twice", 5},
                                             {"start/twice/leaf", 8},
                                             {"start/leaf", 4},
                                             {"start/tail", 2},
                                             {"start/tail/leaf", 4}}));
  EXPECT_EQ(profile.run.cycles, 30u);
  EXPECT_EQ(profile.unattributed, 0u);
}

TEST(Profile, SurvivesEndlessRecursion) {
  Assembler text;
  text(addi(t0, t0, 1))(jal(ra, -4));
  const Program program = *load_elf(ElfFile::of(text.words()).bytes());
  const Profile profile = *vm::profile(program, {}, {.cycles = 1'000'000});
  EXPECT_EQ(profile.run.trap->kind, TrapKind::kCycleLimit);
  EXPECT_LE(profile.nodes.size(), 5000u);
  uint64_t cycles = 0;
  for (const ProfileBlock& block : profile.blocks) cycles += block.cycles();
  EXPECT_EQ(cycles, 1'000'000u);
}

TEST(Profile, FindsItsWayBackFromDeepRecursion) {
  // f(n): n == 0 ? return : f(n - 1), 10,000 deep, with a stack; then after() is called by start.
  Assembler text;
  text.li(sp, kDataBase + 0x40000).li(a0, 10000);
  text(jal(ra, 0x20 - 0x10))(jal(ra, 0x44 - 0x14))(addi(a7, zero, 93))(kEcall);
  text(addi(sp, sp, -4));                        // 0x20 f
  text(sw(ra, 0, sp))(b_type(0, a0, zero, 12));  // 0x24
  text(addi(a0, a0, -1))(jal(ra, 0x20 - 0x30));  // 0x2c
  text(lw(ra, 0, sp))(addi(sp, sp, 4));          // 0x34
  text(jalr(zero, 0, ra))(kNop);                 // 0x3c
  text(jalr(zero, 0, ra));                       // 0x44 after
  ElfFile file = ElfFile::of(text.words());
  file.segments[1].memory_size = 0x40000;
  file.segments.pop_back();
  file.symbols = {
      {"start", kTextBase, 0x20}, {"f", kTextBase + 0x20, 0x20}, {"after", kTextBase + 0x44, 4}};
  const Program program = *load_elf(file.bytes());
  const Profile profile = *vm::profile(program, {});
  ASSERT_FALSE(profile.run.trap) << describe(*profile.run.trap, program);
  uint64_t in_start = 0, in_after = 0;
  for (const ProfileBlock& block : profile.blocks) {  // paths of 10,000 functions would be long
    if (block.node == 0) in_start += block.cycles();
    if (function(profile, program, block.node) != "after") continue;
    EXPECT_EQ(profile.nodes[block.node].parent, 0u);
    in_after += block.cycles();
  }
  EXPECT_EQ(in_after, 1u);
  EXPECT_EQ(in_start, 8u);
}

// start: sp = end of data; setjmp's part; n times: call f. f has a frame and calls g; g has one and
// calls leave, which is longjmp: it takes sp back and returns into start.
Program with_longjmp(uint32_t times, bool symbols) {
  Assembler text;
  text.li(sp, kDataBase + kDataSize).li(s1, times);  // 0x00
  text(jal(ra, 0x20 - 0x10));                        // 0x10 call f
  text.words();
  text(kEbreak)(kNop)(kNop);                                    // 0x14 f never returns
  text(addi(sp, sp, -16))(sw(ra, 0, sp));                       // 0x20 f
  text(jal(ra, 0x30 - 0x28))(kEbreak);                          // 0x28
  text(addi(sp, sp, -32))(sw(ra, 0, sp));                       // 0x30 g
  text(jal(ra, 0x40 - 0x38))(kEbreak);                          // 0x38
  text.li(sp, kDataBase + kDataSize).li(ra, kTextBase + 0x60);  // 0x40 leave
  text(jalr(zero, 0, ra))(kNop)(kNop)(kNop);                    // 0x50
  text(addi(s1, s1, -1))(b_type(1, s1, zero, 0x10 - 0x64));     // 0x60 start again
  text(jal(ra, 0x70 - 0x68))(kNop);                             // 0x68 call after
  text(kEbreak);                                                // 0x70 after: the run ends here
  ElfFile file = ElfFile::of(text.words());
  if (symbols) {
    file.symbols = {{"start", kTextBase, 0x20},
                    {"f", kTextBase + 0x20, 0x10},
                    {"g", kTextBase + 0x30, 0x10},
                    {"leave", kTextBase + 0x40, 0x20},
                    {"start.cold", kTextBase + 0x60, 0x10},
                    {"after", kTextBase + 0x70, 4}};
  }
  return *load_elf(file.bytes());
}

TEST(Profile, FramesThatLongjmpLeftAreGone) {
  for (const bool symbols : {true, false}) {
    const Program program = with_longjmp(100, symbols);
    const Profile profile = *vm::profile(program, {});
    ASSERT_TRUE(profile.run.trap);
    EXPECT_EQ(profile.run.trap->kind, TrapKind::kBreakpoint);
    EXPECT_EQ(profile.nodes.size(), 5u)
        << "start, f, g, leave, after: nothing within f's second call";
    EXPECT_EQ(profile.nodes[profile.last_node].parent, 0u);
    if (!symbols) continue;
    EXPECT_EQ(path(profile, program, profile.last_node), "start/after");
    EXPECT_EQ(cycles_by_path(profile, program),
              (std::map<std::string, uint64_t>{{"start", 4 + 100 + 200 + 1},
                                               {"start/f", 300},
                                               {"start/f/g", 300},
                                               {"start/f/g/leave", 500}}));
  }
}

// A callee without a stack of its own leaves, as a tail call of longjmp does: sp tells nothing.
TEST(Profile, FramesOfTheSameStackPointerAreLeftToo) {
  Assembler text;
  text.li(sp, kDataBase + kDataSize)(addi(s1, zero, 3))(kNop);  // 0x00
  text(jal(ra, 0x30 - 0x10))(kEbreak);                          // 0x10 call f
  text(addi(s1, s1, -1))(b_type(1, s1, zero, 0x10 - 0x1c));     // 0x18 start again
  text.exit(0);                                                 // 0x20
  text.words();
  std::vector<uint32_t> words = text.words();
  words.resize(0x40 / 4, kNop);
  words[0x34 / 4] = jal(zero, 0x40 - 0x34);  // f, at 0x34, jumps to leave
  words[0x10 / 4] = jal(ra, 0x34 - 0x10);
  words.insert(words.end(), {lui(ra, 0x10), addi(ra, ra, 0x18), jalr(zero, 0, ra)});
  ElfFile file = ElfFile::of(words);
  file.symbols = {
      {"start", kTextBase, 0x34}, {"f", kTextBase + 0x34, 8}, {"leave", kTextBase + 0x40, 12}};
  const Program program = *load_elf(file.bytes());
  const Profile profile = *vm::profile(program, {});
  ASSERT_FALSE(profile.run.trap) << describe(*profile.run.trap, program);
  const auto cycles = cycles_by_path(profile, program);
  EXPECT_EQ(cycles.size(), 3u);
  EXPECT_EQ(cycles.at("start/f"), 3u);
  EXPECT_EQ(cycles.at("start/f/leave"), 9u);
}

// even and odd jump to each other 1,000 times: a context of their own each, not of every jump.
TEST(Profile, CircleOfTailCallsIsNoEndlessContext) {
  Assembler text;
  text(addi(a0, zero, 1000))(jal(ra, 0x10 - 0x04)).exit(0);
  std::vector<uint32_t> words = {addi(a0, zero, 1000), jal(ra, 0x20 - 0x04)};
  words.insert(words.end(), text.words().begin() + 2, text.words().end());
  words.resize(0x20 / 4, kNop);
  const auto half = [](uint32_t other) {  // a0 == 0: return; else to the other
    return std::vector<uint32_t>{b_type(1, a0, zero, 8), jalr(zero, 0, ra), addi(a0, a0, -1),
                                 jal(zero, static_cast<int32_t>(other))};
  };
  for (const uint32_t word : half(0x30 - 0x2c)) words.push_back(word);
  for (const uint32_t word : half(0x20u - 0x3c)) words.push_back(word);
  ElfFile file = ElfFile::of(words);
  file.symbols = {
      {"start", kTextBase, 0x20}, {"even", kTextBase + 0x20, 16}, {"odd", kTextBase + 0x30, 16}};
  const Program program = *load_elf(file.bytes());
  const Profile profile = *vm::profile(program, {});
  ASSERT_FALSE(profile.run.trap) << describe(*profile.run.trap, program);
  const auto cycles = cycles_by_path(profile, program);
  EXPECT_EQ(cycles.size(), 3u);
  EXPECT_EQ(cycles.at("start/even"), 500 * 3 + 2u);
  EXPECT_EQ(cycles.at("start/even/odd"), 500 * 3u);
  EXPECT_EQ(cycles.at("start"), 7u);
}

}  // namespace
}  // namespace zkvm::vm::test
