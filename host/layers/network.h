// Layouts for the tensors of a network, and its layers in them: each tensor lies as those that read it
// need it, so that no instruction moves a byte between layers.
#pragma once

#include <variant>
#include <vector>

#include "host/layers/lower.h"
#include "host/layers/split.h"

namespace zkvm::layers {

struct Operator {
  size_t input;  // a tensor: those of the network, then the output of each operator in turn
  std::variant<Linear, MaxPool, Pairwise, MatMul> what;
  size_t second = 0;  // of a Pairwise or MatMul: b's tensor
};

struct Network {
  std::vector<Shape> inputs;
  std::vector<Operator> operators;  // each reads what stands before it
};

struct PlannedTensor {
  Layout layout;
  // A vector that no layer reads: in the encoding of its own type, for the guest.
  bool is_result = false;
};

// A call of a layer, and where its operands begin in the operator's: bytes.
struct Call {
  size_t layer;
  uint32_t in = 0, b = 0, out = 0;
};

struct Plan {
  std::vector<PlannedTensor> tensors;    // as Operator counts them
  std::vector<vm::Layer> layers;         // of each operator in turn, one or, in parts, several
  std::vector<std::vector<Call>> calls;  // of each operator, which make its result
};

// Inputs of less than four channels, and those that only dense layers read, are planar, which is how ONNX
// has them; all else is position-major. Layers are split() into calls of at most `most_rows`.
[[nodiscard]] Result<Plan> plan(const Network& network, uint64_t most_rows = kLargestCall);

}  // namespace zkvm::layers
