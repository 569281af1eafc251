#include "host/import/network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace zkvm::importer {

uint64_t elements_of(const Dims& dims) {
  uint64_t count = 1;
  for (const uint32_t dim : dims) count *= dim;
  return count;
}

std::string text_of(const Dims& dims) {
  return dims.empty() ? "1" : fmt::format("{}", fmt::join(dims, "x"));
}

}  // namespace zkvm::importer
