// What of a graph stands behind its last quantised tensors, in float32: as functions that compute the model's own outputs
// from what a guest commits, for who reads the journal, or for the guest itself (--float-tail).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/import/network.h"

namespace zkvm::importer {

// One of the model's outputs.
struct TailOutput {
  std::string name;            // ONNX's
  std::string member;          // of struct ModelOutputs
  Type type = Type::kFloat32;  // indices are kInt32; bytes are those of a port, as they are
  Dims dims;
  Quantisation q = {};  // of bytes
};

struct Tail {
  // NAME_outputs.h: C++20 that needs the standard library alone, for the host and for guests: in namespace NAME,
  // struct ModelOutputs and outputs(), which takes the ports' elements in ONNX's order.
  std::string cpp;
  // NAME_outputs.py: numpy alone; outputs(journal, example=0) gives a dict of arrays by ONNX's names.
  std::string python;
  std::vector<TailOutput> outputs;
  uint64_t bytes = 0;  // of all tensors, as the C++ function allocates them
};

// "DequantizeLinear, Softmax": what the tail computes, as printable text.
[[nodiscard]] std::string tail_operators(const Network& network);

// Operators: DequantizeLinear, elementwise functions, Softmax, LogSoftmax, reductions, ArgMax, ArgMin, and what puts
// elements in another order. The function is ONNX's in float32; the last bits of Exp, Tanh, Erf and of long sums
// are those of the standard library and numpy.
// REQUIRES: `name` is a C identifier. Error: kUnsupported, with the first node that is none of these.
[[nodiscard]] Result<Tail> write_tail(const Network& network, const std::string& name);

}  // namespace zkvm::importer
