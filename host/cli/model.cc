#include "host/cli/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/table.h"
#include "host/model_tensors.h"
#include "host/number_text.h"
#include "host/source_map.h"

namespace zkvm::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownValues = 12;
constexpr size_t kShownLabels = 4;
constexpr size_t kShownExamples = 16;
constexpr size_t kShownScales = 6;  // all are in the JSON

// As a number of as few digits as tell it from all other floats.
Json float_json(float value) {
  if (!std::isfinite(value)) return nullptr;
  std::array<char, 32> text{};
  std::to_chars(text.data(), text.data() + text.size() - 1, value);
  return std::strtod(text.data(), nullptr);
}

Json scale_json(const std::optional<TensorScale>& scale) {
  return scale ? float_json(scale->scale) : Json(nullptr);
}

Json private_json(const ModelInfo& model) {
  Json layers = Json::array();
  for (const WeightScales& of : model.weight_scales) {
    Json scales = Json::array();
    for (const float scale : of.scales) scales.push_back(float_json(scale));
    layers.push_back({{"layer", of.layer}, {"scales", scales}});
  }
  return {{"bytes", model.private_weights}, {"scales", layers}};
}

Json zero_point_json(const std::optional<TensorScale>& scale) {
  return scale ? Json(scale->zero_point) : Json(nullptr);
}

std::string shape_of(const TensorInfo& tensor) {
  return shape_text(std::vector<uint64_t>(tensor.shape.begin(), tensor.shape.end()));
}

// The first few of `all`, with what `text` makes of each; '' where that is nothing, so that each has its place.
template <class Values, class Text>
std::string list_of(const Values& all, size_t begin, size_t end, size_t most, Text text) {
  std::string out;
  for (size_t i = begin; i < std::min(end, begin + most); ++i) {
    const std::string one = text(all[i]);
    out += (i == begin ? "" : " ") + (one.empty() ? "''" : one);
  }
  return end - begin > most ? out + " .." : out;
}

Json outputs_json(const ModelInfo& model, std::span<const OutputValues> outputs) {
  Json object = Json::object();
  for (const OutputValues& output : outputs) {
    const TensorInfo& tensor = *output.tensor;
    Json& to = object[tensor.name];
    to["shape"] = tensor.shape;
    if (model.batch != 1) to["shape"].insert(to["shape"].begin(), model.batch);
    to["type"] = name_of(tensor.type);
    to["scale"] = scale_json(tensor.scale);
    to["zero_point"] = zero_point_json(tensor.scale);
    Json reals = Json::array();
    for (const float value : output.reals) reals.push_back(float_json(value));
    const bool is_float = tensor.type == TensorType::kFloat32;
    to["values"] = is_float ? reals : Json(output.integers);
    if (tensor.scale) to["dequantised"] = std::move(reals);
    if (tensor.labels.empty()) continue;
    to["labels"] = Json::array();
    for (const std::string* label : output.labels)
      to["labels"].push_back(label == nullptr ? std::string() : *label);
  }
  return object;
}

// `at`: where the first one stands.
void print_tensors(const char* title, std::span<const TensorInfo> tensors, uint64_t at,
                   std::FILE* out) {
  if (tensors.empty()) return;
  constexpr auto kRight = Table::Align::kRight;
  print_to(out, "\n{}\n", bold(title, out));
  Table table({{"name"},
               {"shape"},
               {"type"},
               {"the model's"},
               {"scale", kRight},
               {"zero point", kRight},
               {"at byte", kRight},
               {"bytes", kRight},
               {"labels"}});
  for (const TensorInfo& tensor : tensors) {
    const std::string labels = list_of(tensor.labels, 0, tensor.labels.size(), kShownLabels,
                                       [](const std::string& label) { return printable(label); });
    table.row({printable(tensor.name), shape_of(tensor), name_of(tensor.type), tensor.model_type,
               tensor.scale ? fmt::format("{}", tensor.scale->scale) : "",
               tensor.scale ? fmt::format("{}", tensor.scale->zero_point) : "", grouped(at),
               grouped(tensor.bytes()),
               tensor.labels.empty()
                   ? ""
                   : fmt::format("{}: {}", grouped(tensor.labels.size()), labels)});
    at += tensor.padded_bytes();
  }
  table.print(out);
}

Json tensors_json(std::span<const TensorInfo> tensors, uint64_t at) {
  Json array = Json::array();
  for (const TensorInfo& tensor : tensors) {
    array.push_back({{"name", tensor.name},
                     {"shape", tensor.shape},
                     {"type", name_of(tensor.type)},
                     {"model_type", tensor.model_type},
                     {"scale", scale_json(tensor.scale)},
                     {"zero_point", zero_point_json(tensor.scale)},
                     {"labels", tensor.labels},
                     {"index", tensor.index},
                     {"at", at},
                     {"bytes", tensor.bytes()}});
    at += tensor.padded_bytes();
  }
  return array;
}

}  // namespace

Result<std::optional<ModelInfo>> read_model_section(const Result<std::vector<uint8_t>>& section) {
  if (!section) return tl::unexpected(section.error());
  if (section->empty()) return std::nullopt;
  Result<ModelInfo> info = read_model_info(*section);
  if (!info) return tl::unexpected(std::move(info.error()));
  return std::optional(std::move(*info));
}

void print_outputs(const Result<std::optional<ModelInfo>>& model, std::span<const uint8_t> journal,
                   std::FILE* out) {
  if (model && !*model) return;
  const auto outputs = model ? decode_outputs(**model, journal) : tl::unexpected(model.error());
  if (!outputs) {
    print_to(out, "  outputs  unknown: {}\n", printable(outputs.error().message));
    return;
  }
  const uint32_t batch = (*model)->batch;
  if (const auto id = model_id_in(**model, journal); !id.empty())
    print_to(out, "  model id {}\n", hex(id));
  if (const auto digest = input_digest_in(**model, journal); !digest.empty())
    print_to(out, "  inputs   BLAKE3 {}\n", hex(digest));
  Table table({{"output"}, {"shape"}, {"label"}, {"values"}});
  for (const OutputValues& output : *outputs) {
    const TensorInfo& tensor = *output.tensor;
    const size_t count = tensor.elements(), labels = output.labels.size() / batch;
    for (size_t example = 0; example < std::min<size_t>(batch, kShownExamples); ++example) {
      const size_t begin = example * count, first = example * labels;
      const std::string values =
          output.reals.empty() ? list_of(output.integers, begin, begin + count, kShownValues,
                                         [](int32_t value) { return fmt::format("{}", value); })
                               : list_of(output.reals, begin, begin + count, kShownValues,
                                         [](float value) { return fmt::format("{:.6g}", value); });
      table.row({printable(tensor.name) + (batch == 1 ? "" : fmt::format("[{}]", example)),
                 shape_of(tensor),
                 list_of(output.labels, first, first + labels, kShownLabels,
                         [](const std::string* label) {
                           return label == nullptr ? "" : printable(*label);
                         }),
                 values});
    }
  }
  table.print(out);
  if (batch > kShownExamples)
    print_to(out, "  {} more examples\n", grouped(batch - kShownExamples));
}

void put_outputs(Json& object, const Result<std::optional<ModelInfo>>& model,
                 std::span<const uint8_t> journal) {
  object["outputs"] = nullptr;
  object["model_id"] = object["input_digest"] = nullptr;
  if (model && !*model) return;
  const auto outputs = model ? decode_outputs(**model, journal) : tl::unexpected(model.error());
  if (!outputs) {
    object["outputs_error"] = outputs.error().message;
    return;
  }
  object["outputs"] = outputs_json(**model, *outputs);
  if (const auto id = model_id_in(**model, journal); !id.empty()) object["model_id"] = hex(id);
  if (const auto digest = input_digest_in(**model, journal); !digest.empty())
    object["input_digest"] = hex(digest);
}

void print_outputs(std::span<const uint8_t> elf, const Run& run, std::FILE* out) {
  if (!run.trap && run.exit_code == 0) print_outputs(model_of(elf), run.journal, out);
}

void put_outputs(Json& object, std::span<const uint8_t> elf, const Run& run) {
  const bool whole = !run.trap && run.exit_code == 0;
  put_outputs(object, whole ? model_of(elf) : std::optional<ModelInfo>(), run.journal);
}

void print_model(const ModelInfo& model, std::FILE* out) {
  if (model.private_weights != 0) {
    print_to(
        out,
        "\n{}\n  {} bytes of weights and biases stand in the guest's input, behind a salt; the "
        "journal begins with their\n  commitment, the model id. Public, as the program is: "
        "operators, shapes, zero points, tables of functions, and\n  scales: the image id "
        "names these. A scale tells how large the greatest weight of its layer or output is.\n",
        bold("Private weights", out), grouped(model.private_weights));
    Table table({{"layer"}, {"scales", Table::Align::kRight}, {"public, of its weights"}});
    for (const WeightScales& of : model.weight_scales)
      table.row({printable(of.layer), grouped(of.scales.size()),
                 list_of(of.scales, 0, of.scales.size(), kShownScales,
                         [](float scale) { return fmt::format("{:.6g}", scale); })});
    if (!model.weight_scales.empty()) table.print(out);
  }
  print_tensors(model.public_input
                    ? "Inputs, in the order of the guest's input; public: the journal ends with "
                      "their BLAKE3"
                    : "Inputs, in the order of the guest's input",
                model.inputs, model.input_begin(), out);
  print_tensors("Outputs, in the order of the journal", model.outputs, model.journal_begin(), out);
}

Json model_json(const ModelInfo& model, std::span<const uint8_t> section) {
  Json object = {
      {"name", model.name}, {"digest", hex(model_digest(section))}, {"batch", model.batch}};
  object["onnx"] = nullptr;
  if (model.onnx) {
    object["onnx"] = {{"producer", model.onnx->producer}, {"opset", nullptr}, {"blake3", nullptr}};
    if (model.onnx->opset != 0) object["onnx"]["opset"] = model.onnx->opset;
    if (!model.onnx->blake3.empty()) object["onnx"]["blake3"] = model.onnx->blake3;
  }
  object["public_input"] = model.public_input;
  object["private_weights"] = nullptr;
  if (model.private_weights != 0) object["private_weights"] = private_json(model);
  object["inputs"] = tensors_json(model.inputs, model.input_begin());
  object["outputs"] = tensors_json(model.outputs, model.journal_begin());
  return object;
}

}  // namespace zkvm::cli
