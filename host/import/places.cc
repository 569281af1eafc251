#include "host/import/places.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace zkvm::importer {
namespace {

// The operators from the one that writes a tensor to the last that reads it; inputs are written before all of them,
// the network's outputs read behind.
struct Tensor {
  ValueId value;
  uint64_t bytes;
  size_t first, last;
};

std::vector<Tensor> tensors_of(const Plan& plan, uint64_t least) {
  const std::vector<Operator>& operators = plan.network.operators;
  std::map<ValueId, Tensor> tensors;
  for (const Port& port : plan.network.inputs)
    tensors[port.value] = {port.value, plan.bytes_of(port.value), 0, 0};
  for (size_t i = 0; i < operators.size(); ++i) {
    std::vector<ValueId> writes;
    for_each_operand(
        operators[i],
        [&](ValueId v) {
          if (const auto at = tensors.find(v); at != tensors.end()) at->second.last = i;
        },
        [&](ValueId v) { writes.push_back(v); });
    // Constants lie in the program, and two results of one call are one variable.
    if (writes.size() != 1 || std::holds_alternative<Constant>(operators[i].what)) continue;
    tensors[writes[0]] = {writes[0], plan.bytes_of(writes[0]), i, i};
  }
  for (const Port& port : plan.network.outputs)
    if (const auto at = tensors.find(port.value); at != tensors.end())
      at->second.last = operators.size();
  std::vector<Tensor> large;
  for (const auto& [v, tensor] : tensors)
    if (tensor.bytes >= least) large.push_back(tensor);
  return large;
}

}  // namespace

Places place_tensors(const Plan& plan, const PlaceLimits& limits) {
  std::vector<Tensor> tensors = tensors_of(plan, limits.tensor);
  uint64_t all = 0;
  for (const Tensor& tensor : tensors) all += tensor.bytes;
  if (all <= limits.together) return {};
  // The largest first, each in the smallest gap between those that are there at the same time.
  std::ranges::sort(tensors, {}, [](const Tensor& t) { return std::pair(~t.bytes, t.value); });
  struct Placed {
    uint64_t offset;
    const Tensor* tensor;
  };
  std::vector<Placed> placed;  // by offset
  Places places;
  for (const Tensor& tensor : tensors) {
    uint64_t end = 0, best = 0, least = std::numeric_limits<uint64_t>::max();
    for (const auto& [offset, other] : placed) {
      if (other->first > tensor.last || tensor.first > other->last) continue;
      if (offset >= end + tensor.bytes && offset - end < least) best = end, least = offset - end;
      end = std::max(end, offset + other->bytes);
    }
    if (least == std::numeric_limits<uint64_t>::max()) best = end;
    placed.insert(std::ranges::upper_bound(placed, best, {}, &Placed::offset), {best, &tensor});
    places.offsets[tensor.value] = best;
    places.bytes = std::max(places.bytes, best + tensor.bytes);
  }
  return places;
}

}  // namespace zkvm::importer
