// libFuzzer: cmake --preset fuzz, then build/fuzz/bin/section_fuzzer CORPUS (seed it with sections:
// objcopy --dump-section .zkvm.layers=FILE).
#include "tests/fuzz/section_read.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  zkvm::vm::test::read_hostile_section({data, size});
  return 0;
}
