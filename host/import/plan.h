// Where a network's tensors lie in a guest, and what the tensor unit computes of it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "host/import/network.h"
#include "host/layers/network.h"

namespace zkvm::importer {

// How a value's dimensions become channels, rows and columns of the unit.
enum class View : uint8_t {
  kNone,   // the unit has nothing to do with it
  kFirst,  // [1, C, H, W], [1, C, L], [1, C]
  kLast,   // [.., K]: channels K, and a column for each index of the others
  kFlat,   // one channel for each element
};

struct Storage {
  View view = View::kNone;
  // zk::nn::Features in this layout; else a zk::nn::Tensor, in ONNX's order and its own type's bytes.
  std::optional<layers::Layout> layout = {};
  // With a layout: 32-bit sums, four bytes for each byte of the layout.
  bool words = false;
};

struct Plan {
  Network network;               // with Moves where a tensor must lie in two ways
  std::vector<Storage> storage;  // of each value
  // Of each operator: what calls of the unit compute it; none: instructions do.
  std::vector<std::vector<layers::Call>> calls_of;
  std::vector<vm::Layer> layers;
  // With private weights, of each operator: the bytes of its weights and biases, which its calls have as an operand;
  // empty: it has none.
  std::vector<std::vector<uint8_t>> weights_of = {};
  [[nodiscard]] bool has_private_weights() const { return !weights_of.empty(); }
  [[nodiscard]] uint64_t private_bytes() const;  // of all of them
  // What the program tells of an operator's private weights: their scale, or one of each output; else nothing.
  [[nodiscard]] std::span<const float> public_scales(size_t op) const;
  // Byte of the stored value, of each element in order.
  [[nodiscard]] std::vector<uint32_t> positions_of(ValueId value) const;
  [[nodiscard]] uint64_t bytes_of(ValueId value) const;  // of the object in the guest
};

struct PlanOptions {
  uint64_t most_rows = layers::kLargestCall;
  // Weights and biases of the model are operands in memory, not constants of the program: nothing of the plan but
  // `weights_of` depends on them.
  bool private_weights = false;
};

// Linear layers, max pools and pairs go to the unit, and products of two computed tensors whose sums it can hold, unless
// a pair or pool makes their first factor and its last axis is no multiple of 4; all else is instructions on Tensors.
// A call of the unit has at most `most_rows` Layer::table_rows(), where it can be cut (host/layers/split.h).
// Errors: kUnsupported, where the unit has no such layer, with its numbers, or where private weights would stand in the
// program; kTooLarge, beyond 10,000 operators, and
// where a Move writes more than 2^24 bytes or all together more than 2^26, copies of ours included.
[[nodiscard]] Result<Plan> plan(Network network, const PlanOptions& options = {});

[[nodiscard]] layers::Shape shape_of(const Dims& dims, View view);

}  // namespace zkvm::importer
