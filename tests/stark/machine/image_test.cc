// The image of a program: its bytes, its id, the circuits made from it.
#include "stark/machine/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stark/machine/circuit.h"
#include "stark/machine/image_builder.h"
#include "tests/vm/guest_builder.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;

vm::Program program_of(ElfFile file) {
  auto program = vm::load_elf(file.bytes());
  EXPECT_TRUE(program) << program.error().message;
  return *std::move(program);
}

vm::Program small_program() { return program_of(ElfFile::of(Assembler().exit(0).words(), {1, 2})); }

TEST(MachineCircuit, Smoke) {
  auto built = ProgramImage::of(small_program(), 1);
  ASSERT_TRUE(built) << built.error().message;
  const auto circuit =
      machine_circuit(built->image(), std::vector<BankUse>{{0, true, true}, {1, false, true}});
  ASSERT_TRUE(circuit) << circuit.error().message;
}

}  // namespace
}  // namespace zkvm::stark::machine
