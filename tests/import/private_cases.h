// Which of the cases become guests with private weights, and what those read and commit beside.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "host/import/plan.h"
#include "host/import/write.h"

namespace zkvm::import_test {

inline importer::WriteOptions private_options(size_t number) {
  importer::WriteOptions options;
  for (size_t i = 0; i < options.salt.size(); ++i)
    options.salt[i] = static_cast<uint8_t>(number + 7 * i);
  options.public_input = number % 5 == 2;
  return options;
}

// Every fourth case of each group, if it may have them.
inline std::optional<importer::Plan> private_plan(const importer::Network& network, size_t number,
                                                  size_t groups, uint64_t most_rows) {
  if (number / groups % 4 != 1) return std::nullopt;
  auto plan = importer::plan(network, {.most_rows = most_rows, .private_weights = true});
  if (!plan) return std::nullopt;
  return *std::move(plan);
}

// Layers of every third one are cut, though they are small.
inline uint64_t most_rows_of(size_t number, size_t groups) {
  return number / groups % 3 == 2 ? 40 : layers::kLargestCall;
}

}  // namespace zkvm::import_test
