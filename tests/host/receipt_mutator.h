// Changes to receipts: what a forger would try, and what a careless parser would let pass.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "host/receipt.h"

namespace zkvm::test {

class ReceiptMutator {
 public:
  // REQUIRES: `bytes` are a receipt.
  ReceiptMutator(std::vector<uint8_t> bytes, uint64_t seed);

  // Another byte string than the receipt's; `what` says what was done.
  [[nodiscard]] std::vector<uint8_t> next(std::string& what);

  [[nodiscard]] const std::vector<uint8_t>& good() const { return bytes_; }

 private:
  [[nodiscard]] std::vector<uint8_t> change_bytes(std::string& what);
  [[nodiscard]] std::vector<uint8_t> change_structure(std::string& what);
  [[nodiscard]] size_t below(size_t count) { return static_cast<size_t>(random_() % count); }

  std::vector<uint8_t> bytes_;
  Receipt receipt_;
  size_t head_bytes_;  // before the first proof
  std::mt19937_64 random_;
};

}  // namespace zkvm::test
