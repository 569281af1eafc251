// `zkvm encode`: a guest's input from arrays, by what the guest says of its model.
#include <fmt/format.h>
#include <zk/blake3.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/cli/command.h"
#include "host/cli/model.h"
#include "host/cli/output.h"
#include "host/cli/salt.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/import/write.h"
#include "host/model_tensors.h"
#include "host/number_text.h"
#include "host/source_map.h"

namespace zkvm::cli {
namespace {

struct Options {
  std::string elf_path;
  std::vector<std::string> arrays;
  std::string input_path;
  std::string weights_path;
  bool inputs_alone = false, json = false;
};

// "NAME=FILE", where the model has an input of that name; else all of it is the file's path.
std::pair<std::string, std::string> split(const std::string& text, const ModelInfo& model) {
  for (size_t equals = text.find('='); equals != text.npos; equals = text.find('=', equals + 1))
    for (const TensorInfo& input : model.inputs)
      if (std::string_view(text).substr(0, equals) == input.name)
        return {input.name, text.substr(equals + 1)};
  return {"", text};
}

Result<std::vector<InputArray>> read_arrays(const Options& options, const ModelInfo& model) {
  std::vector<InputArray> out;
  for (const std::string& text : options.arrays) {
    const auto [name, path] = split(text, model);
    const auto file = read_file(path, "array");
    if (!file) return tl::unexpected(file.error());
    Result<Array> array = read_npy(*file);
    if (!array) return tl::unexpected(in_file(path, array.error()));
    out.push_back({name, std::move(*array)});
  }
  return out;
}

// What the guest says of its model; that it says nothing is an error here.
Result<ModelInfo> model_of_guest(const Options& options) {
  const Result<std::vector<uint8_t>> elf = read_file(options.elf_path, "guest");
  if (!elf) return tl::unexpected(elf.error());
  const Result<std::vector<uint8_t>> section = model_section(*elf);
  if (!section) return tl::unexpected(guest_error(options.elf_path, *elf, section.error()));
  auto model = read_model_section(section);
  if (!model) return tl::unexpected(in_file(options.elf_path, model.error()));
  if (!*model)
    return tl::unexpected(in_file(
        options.elf_path,
        {ErrorCode::kMalformedModel,
         "expected a guest that says what its inputs are, found none: `zkvm import` makes such "
         "guests, or zkvm_add_guest(... MODEL file.json)"}));
  return std::move(**model);
}

// Of the inputs alone: what the journal of a guest with public input ends with.
zk::Digest digest_of(const ModelInfo& model, std::span<const uint8_t> input) {
  return zk::blake3(input.subspan(model.input_begin()));
}

int encode_command(const Options& options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm encode", error.message, options.json);
  };
  const OutputFile output{.option = "-o", .path = options.input_path, .what = "input"};
  const auto standard = std::ranges::count_if(
      options.arrays, [](const std::string& a) { return is_standard(a) || a.ends_with("=-"); });
  if (standard + (is_standard(options.elf_path) ? 1 : 0) +
          (is_standard(options.weights_path) ? 1 : 0) >
      1)
    return failed(
        {ErrorCode::kUnreadable, "expected one file from standard input at most, found more"});
  if (Result<void> ok = check_outputs({output}, options.json); !ok) return failed(ok.error());
  Result<ModelInfo> model = model_of_guest(options);
  if (!model) return failed(model.error());
  const auto arrays = read_arrays(options, *model);
  if (!arrays) return failed(arrays.error());
  std::vector<uint8_t> weights;
  if (!options.weights_path.empty() && options.inputs_alone)
    return failed({ErrorCode::kUnfitTensors, "expected --weights or --inputs-alone, found both"});
  if (!options.weights_path.empty()) {
    auto file = read_file(options.weights_path, "weights", kSaltBytes + kMaxTensorBytes);
    if (!file) return failed(file.error());
    weights = std::move(*file);
  } else if (model->private_weights != 0 && !options.inputs_alone) {
    return failed({ErrorCode::kUnfitTensors,
                   "expected --weights FILE, since this guest's weights are private: the file that "
                   "`zkvm import --private-weights` wrote"});
  }
  if (options.inputs_alone) model->forget_private_weights();
  const auto input = encode_input(*model, *arrays, weights);
  if (!input) return failed(input.error());
  const uint32_t mode = weights.empty() ? 0666 : kSecretMode;
  if (Result<void> ok = write_file(options.input_path, "input", *input, mode); !ok)
    return failed(ok.error());
  if (options.json) {
    nlohmann::ordered_json object = {{"input_bytes", input->size()},
                                     {"batch", model->batch},
                                     {"input_digest", hex(digest_of(*model, *input))},
                                     {"model_id", nullptr}};
    if (!weights.empty()) object["model_id"] = hex(importer::model_id(weights));
    print_json(object);
  } else {
    print_to(stderr, "{}: {} for {} input{}{}\n",
             is_standard(options.input_path) ? "standard output" : printable(options.input_path),
             byte_text(input->size()), model->inputs.size(), model->inputs.size() == 1 ? "" : "s",
             model->batch == 1 ? "" : fmt::format(", {} examples", grouped(model->batch)));
  }
  return kSuccess;
}

}  // namespace

void add_encode(Command& sub, int& status) {
  sub.description(
      "Make a guest's input from numpy arrays, by what the guest says of its model.\n"
      "One .npy file for each input, in the order that `zkvm inspect` shows, or NAME=FILE. A "
      "float32\n"
      "or float64 array is quantised with the input's scale as ONNX's QuantizeLinear does it; one "
      "of\n"
      "the input's own type is taken as it is. A guest that takes N examples a run wants N files "
      "for\n"
      "each input (all inputs of the first example, then of the second), or one with N as its "
      "first\n"
      "axis. Axes of length 1 in front may be missing. Exit status 2: an array that does not fit.");
  sub.footer(
      "Examples:\n"
      "  zkvm encode model.elf picture.npy -o input.bin\n"
      "  zkvm encode model.elf ids=a.npy mask=b.npy -o - | zkvm run model.elf --input -\n"
      "  zkvm encode model.elf picture.npy --weights model.weights -o input.bin\n"
      "JSON: input_bytes, batch, input_digest (BLAKE3 of the inputs without weights), model_id "
      "(of the weights, or null).");
  auto options = std::make_shared<Options>();
  sub.add_option("ELF", options->elf_path, "The guest; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("ARRAY", options->arrays, "FILE.npy or NAME=FILE.npy; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("-o,--output", options->input_path,
                 "The guest's input is written to this file; - is standard output")
      ->required()
      ->type_name("FILE");
  sub.add_option("--weights", options->weights_path,
                 "Salt and private weights, of a guest that `zkvm import --private-weights` made: "
                 "its NAME.weights. The input holds them then (mode 0600)")
      ->type_name("FILE");
  sub.add_flag(
      "--inputs-alone", options->inputs_alone,
      "The inputs without private weights before them: what `zkvm verify --input-is` takes");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = encode_command(*options); });
}

}  // namespace zkvm::cli
