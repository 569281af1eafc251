#include "host/import/tail_loops.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace zkvm::importer {
namespace {

// i, j, k, l, m, n, i7, i8, ...
std::string variable(size_t number) {
  constexpr std::string_view kNames = "ijklmn";
  return number < kNames.size() ? std::string(1, kNames[number]) : fmt::format("i{}", number + 1);
}

std::string index_text(const Operand& operand, const std::vector<std::string>& variables) {
  std::string text = operand.base;
  if (operand.offset != 0)
    text += text.empty() ? fmt::format("{}", operand.offset) : fmt::format(" + {}", operand.offset);
  for (size_t i = 0; i < variables.size(); ++i) {
    const int64_t stride = operand.strides[i];
    if (stride == 0) continue;
    const std::string term = std::abs(stride) == 1
                                 ? variables[i]
                                 : fmt::format("{} * {}", std::abs(stride), variables[i]);
    if (text.empty() && stride > 0)
      text = term;
    else
      text += fmt::format(" {} {}", stride < 0 ? '-' : '+', term);
  }
  return text.empty() ? "0" : text;
}

}  // namespace

std::vector<int64_t> row_major(const std::vector<int64_t>& dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

std::string loops(const std::vector<int64_t>& dims, const std::vector<Operand>& operands,
                  size_t first, size_t indent, const Body& body) {
  std::vector<int64_t> sizes;
  std::vector<Operand> merged = operands;
  for (Operand& operand : merged) operand.strides.clear();
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] == 1) continue;
    bool joins = !sizes.empty();
    for (size_t o = 0; o < operands.size(); ++o)
      joins = joins && merged[o].strides.back() == operands[o].strides[axis] * dims[axis];
    if (joins)
      sizes.back() *= dims[axis];
    else
      sizes.push_back(dims[axis]);
    for (size_t o = 0; o < operands.size(); ++o) {
      if (joins) merged[o].strides.pop_back();
      merged[o].strides.push_back(operands[o].strides[axis]);
    }
  }
  std::string text;
  std::vector<std::string> variables, indices;
  for (size_t i = 0; i < sizes.size(); ++i) {
    variables.push_back(variable(first + i));
    text += fmt::format("{0}for (size_t {1} = 0; {1} < {2}; ++{1})\n",
                        std::string(indent + 2 * i, ' '), variables[i], sizes[i]);
  }
  for (const Operand& operand : merged) indices.push_back(index_text(operand, variables));
  return text + body(indices, first + sizes.size(), indent + 2 * sizes.size());
}

std::string cpp_float(float x) {
  if (std::isnan(x)) return "std::numeric_limits<float>::quiet_NaN()";
  if (std::isinf(x))
    return fmt::format("{}std::numeric_limits<float>::infinity()", x < 0 ? "-" : "");
  const std::string text = fmt::format("{}", x);
  const bool has_point = text.find_first_of(".e") != std::string::npos;
  return text + (has_point ? "f" : ".0f");
}

std::string python_float(float x) {
  if (std::isnan(x)) return "numpy.nan";
  if (std::isinf(x)) return x < 0 ? "-numpy.inf" : "numpy.inf";
  return fmt::format("{}", x);
}

std::string python_string(const std::string& text) {
  std::string quoted;
  bool is_ascii = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += fmt::format("\\{}", c);
    } else if (byte < 32 || byte >= 127) {
      quoted += fmt::format("\\x{:02x}", byte);
      is_ascii = false;
    } else {
      quoted += c;
    }
  }
  return is_ascii ? fmt::format("\"{}\"", quoted)
                  : fmt::format("b\"{}\".decode(errors=\"replace\")", quoted);
}

}  // namespace zkvm::importer
