// libFuzzer: cmake --preset fuzz, then build/fuzz/bin/receipt_fuzzer CORPUS (seed it with
// receipts).
#include <zk/check.h>

#include <algorithm>

#include "host/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zkvm;
  const std::span<const uint8_t> bytes(data, size);
  ZK_CHECK(!verify(bytes, {}));  // the id of no program
  const auto receipt = parse_receipt(bytes);
  if (!receipt) return 0;
  ZK_CHECK(std::ranges::equal(serialise(*receipt), bytes));
  // What a verifier of the program that the receipt itself names does with it.
  const auto image = parse_image(*receipt);
  if (image) (void)verify(bytes, to_api(image->id()), {.security_bits = 1});
  return 0;
}
