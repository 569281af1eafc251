// Every toy circuit, for tests that run over all of them.
#pragma once

#include <vector>

#include "tests/stark/toys/accumulator.h"
#include "tests/stark/toys/fibonacci.h"
#include "tests/stark/toys/machine.h"
#include "tests/stark/toys/memory.h"
#include "tests/stark/toys/mixed.h"
#include "tests/stark/toys/permutation.h"
#include "tests/stark/toys/product.h"
#include "tests/stark/toys/sequence.h"
#include "tests/stark/toys/wide.h"

namespace zkvm::stark::toys {

/// Small instances; no table has fewer than 2^min_log_height rows (at most 8 is useful).
inline std::vector<Toy> all_toys(uint8_t min_log_height) {
  const uint8_t n = min_log_height;
  std::vector<Toy> toys;
  toys.push_back(fibonacci(n));
  toys.push_back(accumulator(n, std::max<uint8_t>(n, 8)));
  toys.push_back(permutation(n));
  toys.push_back(memory(n + 2, n));
  toys.push_back(memory(n + 1, n, /*shared=*/true));
  toys.push_back(two_banks(n + 1, n));
  toys.push_back(machine(9, n));
  toys.push_back(wide(n));
  toys.push_back(product(n));
  toys.push_back(sequence(static_cast<uint8_t>(n + 1)));
  const auto up = [&](int k) { return static_cast<uint8_t>(n + k); };
  toys.push_back(mixed({up(0), up(3), up(1), up(1), up(0), up(4)}));
  toys.push_back(mixed({up(0), up(5), up(1), up(0)}));  // the least have short masks
  return toys;
}

}  // namespace zkvm::stark::toys
