#include "host/model_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

namespace zkvm {
namespace {

constexpr uint64_t kMaxLabelBytes = uint64_t{1} << 28;  // of all outputs of a run

template <class... Args>
tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(
      Error{ErrorCode::kUnfitTensors, fmt::format(format, std::forward<Args>(args)...)});
}

// For messages: a name is as its author likes it.
std::string shown(std::string_view name) {
  std::string out = "'";
  for (const char c : name) out += static_cast<unsigned char>(c) < ' ' || c == 127 ? '?' : c;
  return out + "'";
}

std::span<const uint64_t> without_leading_ones(std::span<const uint64_t> shape) {
  while (!shape.empty() && shape.front() == 1) shape = shape.subspan(1);
  return shape;
}

// How many examples an array of this shape holds: 1, `batch`, or 0: it is no such array.
uint32_t examples_in(std::span<const uint64_t> shape, const TensorInfo& tensor, uint32_t batch) {
  const std::vector<uint64_t> wide(tensor.shape.begin(), tensor.shape.end());
  const auto wanted = without_leading_ones(wide);
  if (std::ranges::equal(without_leading_ones(shape), wanted)) return 1;
  if (batch > 1 && !shape.empty() && shape.front() == batch &&
      std::ranges::equal(without_leading_ones(shape.subspan(1)), wanted))
    return batch;
  return 0;
}

std::pair<int, int> range_of(TensorType type) {
  return type == TensorType::kInt8 ? std::pair(-128, 127) : std::pair(0, 255);
}

bool is_float(ArrayType type) { return type == ArrayType::kFloat32 || type == ArrayType::kFloat64; }

template <class T>
T element(const Array& array, uint64_t i) {
  T value;
  std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

// REQUIRES: is_float.
float float_at(const Array& array, uint64_t i) {
  return array.type == ArrayType::kFloat32 ? element<float>(array, i)
                                           : static_cast<float>(element<double>(array, i));
}

// Nothing if it is no int32.
std::optional<int32_t> int32_at(const Array& array, uint64_t i) {
  const auto within = [](auto value) -> std::optional<int32_t> {
    if (std::in_range<int32_t>(value)) return static_cast<int32_t>(value);
    return {};
  };
  switch (array.type) {
    case ArrayType::kBool:
    case ArrayType::kUint8:
      return element<uint8_t>(array, i);
    case ArrayType::kInt8:
      return element<int8_t>(array, i);
    case ArrayType::kInt16:
      return element<int16_t>(array, i);
    case ArrayType::kUint16:
      return element<uint16_t>(array, i);
    case ArrayType::kInt32:
      return element<int32_t>(array, i);
    case ArrayType::kUint32:
      return within(element<uint32_t>(array, i));
    case ArrayType::kInt64:
      return within(element<int64_t>(array, i));
    case ArrayType::kUint64:
      return within(element<uint64_t>(array, i));
    default:
      return {};
  }
}

bool is_integer(ArrayType type) { return !is_float(type) && type != ArrayType::kFloat16; }

// Why an array's elements cannot become the input's, or nothing.
std::optional<std::string> unfit_type(const TensorInfo& tensor, ArrayType type) {
  const auto unless = [&](bool fits, const char* expected) -> std::optional<std::string> {
    if (fits) return {};
    return fmt::format("expected {}, found {}", expected, name_of(type));
  };
  switch (tensor.type) {
    case TensorType::kInt8:
      return tensor.scale
                 ? unless(is_float(type) || type == ArrayType::kInt8, "float32, float64 or int8")
                 : unless(type == ArrayType::kInt8, "int8 (it has no scale)");
    case TensorType::kUint8:
      return tensor.scale
                 ? unless(is_float(type) || type == ArrayType::kUint8, "float32, float64 or uint8")
                 : unless(type == ArrayType::kUint8, "uint8 (it has no scale)");
    case TensorType::kInt32:
      return unless(is_integer(type), "integers");
    case TensorType::kFloat32:
      return unless(is_float(type), "float32 or float64");
  }
  return "expected another type";
}

// Example `index` of the array into its place. REQUIRES: type and shape fit.
Result<void> put_example(const TensorInfo& tensor, const Array& array, uint64_t index,
                         uint8_t* to) {
  const uint64_t count = tensor.elements(), first = index * count;
  for (uint64_t i = 0; i < count; ++i) {
    if (tensor.type == TensorType::kFloat32) {
      const float value = float_at(array, first + i);
      std::memcpy(to + 4 * i, &value, sizeof(value));
    } else if (tensor.type == TensorType::kInt32) {
      const auto value = int32_at(array, first + i);
      if (!value)
        return fail("input {}: element {}: expected an int32, found one beyond", shown(tensor.name),
                    first + i);
      std::memcpy(to + 4 * i, &*value, sizeof(*value));
    } else {
      const int value = is_float(array.type)
                            ? quantised(float_at(array, first + i), *tensor.scale, tensor.type)
                            : *int32_at(array, first + i);
      to[i] = static_cast<uint8_t>(tensor.type == TensorType::kInt8 ? value + 128 : value);
    }
  }
  return {};
}

// Of one input: which example of which array each example of the run is.
struct Source {
  const Array* array;
  uint64_t example;
};

Result<std::vector<Source>> sources_of(const TensorInfo& tensor, uint32_t batch,
                                       std::span<const Array* const> arrays) {
  std::vector<Source> out;
  for (const Array* array : arrays) {
    if (auto unfit = unfit_type(tensor, array->type))
      return fail("input {}: {}", shown(tensor.name), *unfit);
    const uint32_t examples = examples_in(array->shape, tensor, batch);
    if (examples == 0)
      return fail("input {}: expected shape {}{}, found {}", shown(tensor.name),
                  fmt::join(tensor.shape, "x"),
                  batch == 1 ? "" : fmt::format(", or {} of them in one array", batch),
                  shape_text(array->shape));
    for (uint32_t i = 0; i < examples && out.size() <= batch; ++i) out.push_back({array, i});
  }
  if (out.size() != batch)
    return fail("input {}: expected {} example{}, found {}", shown(tensor.name), batch,
                batch == 1 ? "" : "s", out.size() > batch ? "more" : fmt::format("{}", out.size()));
  return out;
}

// The arrays of each input, in order.
Result<std::vector<std::vector<const Array*>>> arrays_by_input(const ModelInfo& info,
                                                               std::span<const InputArray> arrays) {
  std::vector<std::vector<const Array*>> out(info.inputs.size());
  const auto unnamed = static_cast<size_t>(
      std::ranges::count_if(arrays, [](const InputArray& a) { return a.name.empty(); }));
  if (unnamed != 0 && unnamed != arrays.size())
    return fail("expected all arrays with names or none, found {} of {}", arrays.size() - unnamed,
                arrays.size());
  if (unnamed != 0 && (out.empty() || unnamed % out.size() != 0))
    return fail("expected {} array{}, one for each input, found {}", out.size(),
                out.size() == 1 ? "" : "s", unnamed);
  for (size_t i = 0; i < arrays.size(); ++i) {
    size_t input = unnamed == 0 ? 0 : i % out.size();
    if (unnamed == 0) {
      const auto found = std::ranges::find(info.inputs, arrays[i].name, &TensorInfo::name);
      if (found == info.inputs.end())
        return fail("input {}: expected one of the model's ({}), found none of that name",
                    shown(arrays[i].name), [&] {
                      std::string names;
                      for (const TensorInfo& tensor : info.inputs)
                        names += (names.empty() ? "" : ", ") + shown(tensor.name);
                      return names;
                    }());
      input = static_cast<size_t>(found - info.inputs.begin());
    }
    out[input].push_back(&arrays[i].array);
  }
  return out;
}

int32_t integer_in(TensorType type, const uint8_t* bytes) {
  if (type == TensorType::kInt8) return static_cast<int8_t>(*bytes);
  if (type == TensorType::kUint8) return *bytes;
  int32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// What all labels of an output of `elements` may have, at most: a hostile program has a long one for each byte that it
// writes.
uint64_t most_label_bytes(const TensorInfo& tensor, uint64_t elements) {
  size_t longest = 0;
  for (const std::string& label : tensor.labels) longest = std::max(longest, label.size());
  const uint64_t rows =
      tensor.index ? elements : elements / std::max<size_t>(1, tensor.labels.size());
  constexpr uint64_t kOfString = 32;  // the same for every compiler, as all must give one verdict
  return tensor.labels.empty() ? 0 : rows * (kOfString + longest);
}

std::vector<const std::string*> labels_of(const OutputValues& values) {
  const TensorInfo& tensor = *values.tensor;
  std::vector<const std::string*> out;
  if (tensor.labels.empty()) return out;
  const auto label = [&](uint64_t number) {
    return number < tensor.labels.size() ? &tensor.labels[number] : nullptr;
  };
  if (tensor.index) {
    out.reserve(values.integers.size());
    for (const int32_t value : values.integers)
      out.push_back(value < 0 ? nullptr : label(static_cast<uint64_t>(value)));
    return out;
  }
  const auto greatest = [&](const auto& elements) {
    const auto classes = static_cast<ptrdiff_t>(tensor.labels.size());
    out.reserve(elements.size() / tensor.labels.size());
    const auto less = [](auto a, auto b) {
      return a < b || (a != a && b == b);
    };  // a NaN is the least
    for (auto row = elements.begin(); row != elements.end(); row += classes)
      out.push_back(label(static_cast<uint64_t>(std::max_element(row, row + classes, less) - row)));
  };
  if (tensor.type == TensorType::kFloat32)
    greatest(values.reals);
  else
    greatest(values.integers);
  return out;
}

}  // namespace

int quantised(float x, const TensorScale& scale, TensorType type) {
  const auto [low, high] = range_of(type);
  const auto least = static_cast<float>(low - scale.zero_point);
  const auto greatest = static_cast<float>(high - scale.zero_point);
  float y = x / scale.scale;
  if (!(y > least)) y = least;  // NaN too
  if (y > greatest) y = greatest;
  return static_cast<int>(std::nearbyint(y)) +
         scale.zero_point;  // ties to even: nobody changes that mode
}

Result<std::vector<uint8_t>> encode_input(const ModelInfo& info,
                                          std::span<const InputArray> arrays,
                                          std::span<const uint8_t> weights) {
  if (info.private_weights == 0 && !weights.empty())
    return fail("weights: expected none, which are constants of the guest, found {} bytes",
                weights.size());
  if (weights.size() != info.input_begin())
    return fail("weights: expected {} bytes, the salt's {} and the model's, found {}",
                info.input_begin(), kSaltBytes, weights.size());
  const auto by_input = arrays_by_input(info, arrays);
  if (!by_input) return tl::unexpected(by_input.error());
  std::vector<std::vector<Source>> sources;
  for (size_t i = 0; i < info.inputs.size(); ++i) {
    auto of_input = sources_of(info.inputs[i], info.batch, (*by_input)[i]);
    if (!of_input) return tl::unexpected(std::move(of_input.error()));
    sources.push_back(std::move(*of_input));
  }
  std::vector<uint8_t> out(info.run_input_bytes());
  uint8_t* to = std::ranges::copy(weights, out.data()).out;
  for (uint32_t example = 0; example < info.batch; ++example)
    for (size_t i = 0; i < info.inputs.size(); ++i) {
      const auto [array, index] = sources[i][example];
      if (auto ok = put_example(info.inputs[i], *array, index, to); !ok)
        return tl::unexpected(ok.error());
      to += info.inputs[i].padded_bytes();
    }
  return out;
}

Result<ModelInfo> proven_model(const Verification& proven, std::span<const uint8_t> json) {
  const auto wrong = [](std::string message) {
    return tl::unexpected(Error{ErrorCode::kWrongModel, std::move(message)});
  };
  if (!proven.model)
    return wrong("model: expected a program that says something of its model, found none");
  if (const ModelDigest found = model_digest(json); *proven.model != found)
    return wrong(fmt::format("model: expected a description with BLAKE3 {:02x}, found {:02x}",
                             fmt::join(*proven.model, ""), fmt::join(found, "")));
  return read_model_info(json);
}

Result<std::vector<OutputValues>> decode_outputs(const ModelInfo& info,
                                                 std::span<const uint8_t> journal) {
  if (journal.size() != info.run_output_bytes())
    return fail("journal: expected {} bytes, {}the model's outputs{}, found {}",
                info.run_output_bytes(), info.private_weights == 0 ? "" : "model id, ",
                info.public_input ? ", a digest of the inputs" : "", journal.size());
  std::vector<OutputValues> out;
  uint64_t at = info.journal_begin(), label_bytes = 0;
  for (const TensorInfo& tensor : info.outputs) {
    const uint64_t elements = info.batch * tensor.elements();
    label_bytes += most_label_bytes(tensor, elements);
    if (label_bytes > kMaxLabelBytes)
      return fail("output {}: labels: expected at most {} bytes of them, found more",
                  shown(tensor.name), kMaxLabelBytes);
    OutputValues values{.tensor = &tensor, .integers = {}, .reals = {}};
    if (tensor.type != TensorType::kFloat32) values.integers.reserve(elements);
    if (tensor.type == TensorType::kFloat32 || tensor.scale) values.reals.reserve(elements);
    for (uint32_t example = 0; example < info.batch; ++example) {
      const uint8_t* bytes = journal.data() + example * info.output_bytes() + at;
      for (uint64_t i = 0; i < tensor.elements(); ++i, bytes += bytes_of(tensor.type)) {
        if (tensor.type == TensorType::kFloat32) {
          std::memcpy(&values.reals.emplace_back(), bytes, sizeof(float));
          continue;
        }
        const int32_t value = integer_in(tensor.type, bytes);
        values.integers.push_back(value);
        if (tensor.scale)
          values.reals.push_back(static_cast<float>(value - tensor.scale->zero_point) *
                                 tensor.scale->scale);
      }
      if (std::any_of(bytes, bytes + (tensor.padded_bytes() - tensor.bytes()),
                      [](uint8_t byte) { return byte != 0; }))
        return fail("output {}: expected zeros behind its {} bytes, found others",
                    shown(tensor.name), tensor.bytes());
    }
    values.labels = labels_of(values);
    out.push_back(std::move(values));
    at += tensor.padded_bytes();
  }
  return out;
}

}  // namespace zkvm
