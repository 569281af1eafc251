// Witnesses of executions satisfy the machine's circuit, says the checker; nothing is proven here.
#include <gtest/gtest.h>

#include "tests/isa/streams.h"
#include "tests/stark/machine/proving.h"

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

#ifdef ZKVM_GUESTS
TEST(Witness, OfHello) {
  Guest guest = Guest::of(read_file(ZKVM_GUESTS "/hello.elf"));
  const std::vector<uint8_t> input(32, 3);
  EXPECT_EQ(check_execution(guest, {.input = input, .console = {}}, {}), "");
}
#endif

}  // namespace
}  // namespace zkvm::stark::machine
