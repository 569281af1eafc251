// libFuzzer: cmake --preset fuzz, then build/fuzz/bin/elf_fuzzer CORPUS (seed it with guests).
#include "tests/fuzz/elf_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  zkvm::vm::test::run_hostile_elf({data, size});
  return 0;
}
