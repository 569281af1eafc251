// Witnesses of executions satisfy the machine's circuit, says the checker; nothing is proven here.
#include <gtest/gtest.h>

#include <set>

#include "stark/machine/chip_list.h"
#include "tests/isa/streams.h"
#include "tests/stark/session/proving.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;

TEST(Witness, OfAFewAdditions) {
  Guest guest = Guest::of(Assembler()
                              .li(a0, 5)
                              .li(a1, 0xfffffffe)(add(a2, a0, a1))(r_type(0x20, 0, a3, a0, a1))
                              .exit(7)
                              .words());
  EXPECT_EQ(check_execution(guest, {}, {}), "");
}

TEST(Witness, OfRandomInstructions) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Guest guest = Guest::of(StreamGenerator(seed).program(2, 60));
    EXPECT_EQ(check_execution(guest, {}, {}), "") << "seed " << seed;
  }
}

TEST(Witness, OfManySegments) {
  for (uint64_t seed = 100; seed < 105; ++seed) {
    Guest guest = Guest::of(StreamGenerator(seed).program(2, 60));
    EXPECT_EQ(check_execution(guest, {}, {.segment_cycles = 100}), "") << "seed " << seed;
  }
}

// Enough rows with rd = rs1 that each goes to the chip for them; the loop's other rows do not.
TEST(Witness, OfInstructionsInPlace) {
  const Assembler loop =
      Assembler()
          .li(t0, 20500)
          .li(a1, 0x12345677)(addi(t0, t0, -1))(add(a0, t0, a0))(r_type(1, 0, a1, a0, a1))(
              i_type(0x13, 5, a1, a1, 0x400 | 3))(add(a2, a1, a0))(add(a2, a2, a2))(
              r_type(1, 0, a3, a1, a0))(i_type(0x13, 1, a3, a1, 13))(b_type(1, t0, zero, -32))
          .exit(0);
  Guest guest = Guest::of(loop.words());
  auto session = Session::plan(guest.program, *guest.image, {}, {.params = quick_params()});
  ASSERT_TRUE(session) << session.error().message;
  std::set<std::string> used;
  const auto visited =
      session->visit_witnesses([&](size_t, const Circuit& circuit, const Witness& witness) {
        EXPECT_EQ(check_witness(circuit, witness).to_string(), "");
        for (const Table& table : witness.tables) used.insert(circuit.key().chips[table.chip].name);
      });
  ASSERT_TRUE(visited) << visited.error().message;
  for (const char* name :
       {chips::AddImmInPlace::kName, chips::AddInPlace::kName, chips::MulInPlace::kName,
        chips::ShiftImmInPlace::kName, chips::AddImm::kName, chips::Add::kName, chips::Mul::kName,
        chips::ShiftImm::kName})
    EXPECT_TRUE(used.contains(name)) << name;
}

#ifdef ZKVM_GUESTS
TEST(Witness, OfHello) {
  Guest guest = Guest::of(read_file(ZKVM_GUESTS "/hello.elf"));
  const std::vector<uint8_t> input(32, 3);
  EXPECT_EQ(check_execution(guest, {.input = input, .console = {}}, {}), "");
}
#endif

}  // namespace
}  // namespace zkvm::stark::machine
