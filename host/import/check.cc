#include "host/import/check.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <span>

#include "host/import/evaluate.h"
#include "host/model_tensors.h"

namespace zkvm::importer {
namespace {

using Bytes = std::vector<uint8_t>;

tl::unexpected<zkvm::Error> unfit(std::string message) {
  return tl::unexpected(zkvm::Error{zkvm::ErrorCode::kUnfitTensors, std::move(message)});
}

// Example i of n.
Array example(const Array& array, uint64_t i, uint64_t n) {
  Array one{array.type, {array.shape.begin() + 1, array.shape.end()}, {}};
  const size_t bytes = array.bytes.size() / n;
  const auto begin = array.bytes.begin() + static_cast<ptrdiff_t>(i * bytes);
  one.bytes.assign(begin, begin + static_cast<ptrdiff_t>(bytes));
  return one;
}

// From a guest's input, in which an int8 is x + 128 and tensors end on whole words.
std::vector<Bytes> tensors_of(const ModelInfo& info, std::span<const uint8_t> input) {
  std::vector<Bytes> tensors;
  for (const TensorInfo& tensor : info.inputs) {
    Bytes& bytes =
        tensors.emplace_back(input.begin(), input.begin() + static_cast<ptrdiff_t>(tensor.bytes()));
    if (tensor.type == TensorType::kInt8)
      for (uint8_t& byte : bytes) byte ^= 0x80;
    input = input.subspan(tensor.padded_bytes());
  }
  return tensors;
}

template <class T>
T load(const Bytes& bytes, uint64_t i) {
  T x;
  std::memcpy(&x, bytes.data() + i * sizeof(T), sizeof(T));
  return x;
}

double number(const Array& array, uint64_t i) {
  switch (array.type) {
    case ArrayType::kInt8:
      return load<int8_t>(array.bytes, i);
    case ArrayType::kBool:
    case ArrayType::kUint8:
      return array.bytes[i];
    case ArrayType::kInt32:
      return load<int32_t>(array.bytes, i);
    case ArrayType::kInt64:
      return static_cast<double>(load<int64_t>(array.bytes, i));
    case ArrayType::kFloat32:
      return load<float>(array.bytes, i);
    case ArrayType::kFloat64:
      return load<double>(array.bytes, i);
    default:
      return std::nan("");
  }
}

double number(const TensorInfo& tensor, const Bytes& bytes, uint64_t i, bool as_real) {
  double x = 0;
  switch (tensor.type) {
    case TensorType::kInt8:
      x = static_cast<int8_t>(bytes[i]);
      break;
    case TensorType::kUint8:
      x = bytes[i];
      break;
    case TensorType::kInt32:
      return load<int32_t>(bytes, i);
    case TensorType::kFloat32:
      return load<float>(bytes, i);
  }
  if (!as_real || !tensor.scale) return x;
  return tensor.scale->scale * static_cast<float>(x - tensor.scale->zero_point);
}

void compare(const TensorInfo& tensor, const Bytes& ours, const Array& theirs, CheckedOutput& out) {
  const bool real = theirs.type == ArrayType::kFloat32 || theirs.type == ArrayType::kFloat64;
  const double step = real && tensor.scale ? tensor.scale->scale : 1;
  for (uint64_t i = 0; i < tensor.elements(); ++i) {
    const double x = number(tensor, ours, i, real), y = number(theirs, i);
    ++out.elements;
    if (x == y || (std::isnan(x) && std::isnan(y))) {
      ++out.equal;
    } else {
      out.furthest = std::max(out.furthest, std::abs(x - y) / step);
    }
  }
}

}  // namespace

zkvm::Result<CheckReport> check(const Network& network, const ModelInfo& info,
                                const std::map<std::string, Array>& arrays) {
  CheckReport report;
  for (const TensorInfo& input : info.inputs) {
    const auto array = arrays.find(input.name);
    if (array == arrays.end())
      return unfit(
          fmt::format("input '{}': expected an array of its name, found none", input.name));
    const uint64_t examples = array->second.shape.empty() ? 0 : array->second.shape[0];
    if (examples == 0 || (report.examples != 0 && report.examples != examples))
      return unfit(
          fmt::format("input '{}': expected an axis of examples, as many for all, found {}",
                      input.name, shape_text(array->second.shape)));
    report.examples = examples;
  }
  std::vector<const Array*> expected;
  for (const TensorInfo& output : info.outputs) {
    const auto array = arrays.find(output.name);
    expected.push_back(array == arrays.end() ? nullptr : &array->second);
    report.outputs.push_back({.name = output.name});
    if (expected.back() && (expected.back()->elements() != report.examples * output.elements() ||
                            expected.back()->shape.empty()))
      return unfit(fmt::format("output '{}': expected {} examples of {} elements, found {}",
                               output.name, report.examples, output.elements(),
                               shape_text(expected.back()->shape)));
  }
  if (std::ranges::all_of(expected, [](const Array* array) { return array == nullptr; }))
    return unfit(fmt::format("expected an array of the runtime's for output '{}', found none",
                             info.outputs.at(0).name));
  for (uint64_t i = 0; i < report.examples; ++i) {
    std::vector<InputArray> inputs;
    for (const TensorInfo& input : info.inputs)
      inputs.push_back({input.name, example(arrays.at(input.name), i, report.examples)});
    const auto input = encode_input(info, inputs);
    if (!input) return tl::unexpected(input.error());
    const auto outputs = evaluate(network, tensors_of(info, *input));
    if (!outputs) return unfit(outputs.error().message);
    for (size_t o = 0; o < outputs->size(); ++o)
      if (expected[o])
        compare(info.outputs[o], (*outputs)[o], example(*expected[o], i, report.examples),
                report.outputs[o]);
  }
  return report;
}

}  // namespace zkvm::importer
