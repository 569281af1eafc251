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

std::vector<uint64_t> strides_of(const Dims& dims) {
  std::vector<uint64_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

std::vector<uint32_t> broadcast_order(const Dims& from, const Dims& to) {
  const std::vector<uint64_t> strides = strides_of(from);
  std::vector<uint64_t> steps(to.size(), 0);
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1) steps[to.size() - from.size() + i] = strides[i];
  std::vector<uint32_t> order(elements_of(to));
  Dims at(to.size(), 0);
  uint64_t source = 0;
  for (uint32_t& element : order) {
    element = static_cast<uint32_t>(source);
    for (size_t i = to.size(); i-- > 0;) {
      source += steps[i];
      if (++at[i] < to[i]) break;
      source -= steps[i] * to[i];
      at[i] = 0;
    }
  }
  return order;
}

bool is_identity(std::span<const uint32_t> order, uint64_t elements) {
  if (order.size() != elements) return false;
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] != i) return false;
  return true;
}

}  // namespace zkvm::importer
