// Witnesses of executions satisfy the machine's circuit, says the checker; nothing is proven here.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace zkvm::stark::machine
