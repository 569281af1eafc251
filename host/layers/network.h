// Layouts for the tensors of a network, and its layers in them: each tensor lies as those that read it
// need it, so that no instruction moves a byte between layers.
#pragma once

#include <variant>

#include "host/layers/lower.h"

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

struct Plan {
  std::vector<PlannedTensor> tensors;  // as Operator counts them
  std::vector<vm::Layer> layers;       // of each operator
};

// Inputs of less than four channels, and those that only dense layers read, are planar, which is how ONNX
// has them; all else is position-major.
[[nodiscard]] Result<Plan> plan(const Network& network);

}  // namespace zkvm::layers
