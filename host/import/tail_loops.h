// Loops of C++ over tensors of fixed shapes, as text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace zkvm::importer {

// How an operand is read in a loop: the element at `offset` + the sum of each loop's index times its stride; `base`
// is the text of an index that loops around these add, or empty.
struct Operand {
  std::vector<int64_t> strides;
  int64_t offset = 0;
  std::string base = {};
};

// A nest of loops over `dims`, the last one innermost; axes that no operand tells apart become one. `body` makes a
// statement of the operands' indices. Variables are i, j, k, .. from number `first` on. Lines are indented
// by `indent` spaces and end with a newline.
// REQUIRES: an operand has as many strides as there are dims.
using Body =
    std::function<std::string(const std::vector<std::string>& indices, size_t next, size_t indent)>;
[[nodiscard]] std::string loops(const std::vector<int64_t>& dims,
                                const std::vector<Operand>& operands, size_t first, size_t indent,
                                const Body& body);

// Of a row-major tensor.
[[nodiscard]] std::vector<int64_t> row_major(const std::vector<int64_t>& dims);

// The shortest text that is this float32: "0.5f", and "0.5" for Python's numpy.float32(..).
[[nodiscard]] std::string cpp_float(float x);
[[nodiscard]] std::string python_float(float x);

// Of a string of unknown bytes.
[[nodiscard]] std::string python_string(const std::string& text);

}  // namespace zkvm::importer
