// libFuzzer: cmake --preset fuzz, then build/fuzz/bin/onnx_fuzzer CORPUS (seed it with examples/mnist/data/*.onnx and
// tests/guest/nn/*.onnx).
#include "tests/fuzz/onnx_read.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  zkvm::onnx_file::test::read_hostile_model({data, size});
  return 0;
}
