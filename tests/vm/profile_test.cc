#include "vm/profile.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/vm/guest_builder.h"

namespace zkvm::vm::test {
namespace {

// A context as the path of its functions' entries.
std::string path(const Profile& profile, const Program& program, uint32_t node) {
  const Symbol* symbol = program.symbol_at(profile.nodes[node].entry);
  const std::string name = symbol != nullptr ? symbol->name : "?";
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
                                             {"start/leaf", 8},  // the tail call's included
                                             {"start/tail", 2}}));
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
  EXPECT_EQ(cycles_by_path(profile, program)["start/after"], 1u);
  EXPECT_EQ(cycles_by_path(profile, program)["start"], 8u);
}

}  // namespace
}  // namespace zkvm::vm::test
