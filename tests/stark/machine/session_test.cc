// Whole executions, proven and verified.
#include "stark/machine/session.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "tests/isa/streams.h"
#include "tests/stark/machine/proving.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;

std::vector<uint32_t> additions() {
  return Assembler()
      .li(a0, 5)
      .li(a1, 0xfffffffe)(add(a2, a0, a1))(r_type(0x20, 0, a3, a0, a1))
      .exit(7)
      .words();
}

TEST(Session, ProvesAFewAdditions) {
  Guest guest = Guest::of(additions());
  const Proven proven = prove_execution(guest, {}, {.params = quick_params()});
  EXPECT_EQ(proven.execution.exit_code, 7u);
}

}  // namespace
}  // namespace zkvm::stark::machine
