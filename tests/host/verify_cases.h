// Receipts, true and changed, and what the C++ verifier says of each: one file that every other face of the verifier is put
// before (tests/host/verify_cases.c, tests/host/python).
//
// Numbers are little-endian. The file: "ZKVC"; a true receipt (u32 length, bytes); u32 number of cases; the cases. A case:
// image id (32 bytes); bits asked for (f64); regime asked for (u32: 0 unique decoding, 1 Johnson); which bytes: u32 `prefix`
// and u32 `suffix`, of the true receipt's begin and end, with (u32 length, bytes) between them; the verdict: u32 code of
// host/zkvm_verify_c.h, message (u32 length, bytes); if the code is 0: exit code (i32), bits (f64), regime (u32), segments
// (u32), journal (u32 length, bytes), model digest (u32 length 0 or 32, bytes).
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "host/zkvm_verify.h"

namespace zkvm::test {

class VerifyCases {
 public:
  explicit VerifyCases(std::vector<uint8_t> good) : good_(std::move(good)) {}

  // Asks the C++ verifier, and writes the case down.
  void add(const std::vector<uint8_t>& receipt, const ImageId& id, const VerifyOptions& options);

  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] std::vector<uint8_t> file() const;

 private:
  std::vector<uint8_t> good_, cases_;
  uint32_t count_ = 0;
};

}  // namespace zkvm::test
