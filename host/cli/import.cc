// `zkvm import`: an ONNX file becomes a guest.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/project.h"
#include "host/cli/salt.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/import/as_written.h"
#include "host/import/check.h"
#include "host/import/identifiers.h"
#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/project.h"
#include "host/import/report.h"
#include "host/import/tail.h"
#include "host/import/write.h"
#include "host/layers/split.h"
#include "host/npz.h"
#include "host/number_text.h"
#include "host/source_map.h"
#include "stark/hash/blake3.h"
#include "stark/session/image/layer_image.h"
#include "stark/session/image/program_image.h"
#include "stark/session/session.h"

namespace zkvm::cli {
namespace {

constexpr const char* kCommand = "zkvm import";
constexpr uint64_t kMaxModelFile = uint64_t{2} << 30;

struct Options {
  std::string model, folder, name, check, memory_limit;
  std::vector<std::string> output = {"all"}, dims;
  uint32_t batch = 1, distance = 0;
  bool has_salt = false;  // of model-id
  bool force = false, json = false, float_tail = false, private_weights = false,
       public_input = false;
  std::string salt = kRandomSalt;
};

Error as_error(const onnx_file::Error& error) {
  const bool large = error.code == onnx_file::ErrorCode::kTooLarge;
  return {large ? ErrorCode::kTooLarge : ErrorCode::kMalformedModel, error.message};
}

// Names that C++ or the project's CMakeLists.txt have.
bool is_taken(const std::string& name) {
  return importer::is_reserved_word(name) || name == "host" || name == "run";
}

// The file's name without its endings, as a C identifier.
std::string default_name(const std::string& model) {
  std::string name = std::filesystem::path(model).filename().string();
  name = name.substr(0, name.find('.'));
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) || is_taken(name))
    name = "model_" + name;
  return name;
}

bool is_identifier(const std::string& name) {
  return !name.empty() && name.size() <= 64 && !std::isdigit(static_cast<unsigned char>(name[0])) &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

Result<importer::WriteOptions> write_options(const Options& options) {
  const auto wrong = [](std::string message) {
    return tl::unexpected(Error{ErrorCode::kUnreadable, std::move(message)});
  };
  importer::WriteOptions write;
  write.name = options.name.empty() ? default_name(options.model) : options.name;
  if (!is_identifier(write.name) || is_taken(write.name))
    return wrong(fmt::format(
        "--name: expected letters, digits and _, 64 at most and no word of C++, found '{}'",
        printable(write.name)));
  write.model_file = printable(std::filesystem::path(options.model).filename().string());
  write.batch = options.batch;
  const std::string& kind = options.output[0];
  const bool top = kind == "topk";
  if ((kind != "all" && kind != "argmax" && !top) || options.output.size() != (top ? 2 : 1))
    return wrong(fmt::format("--output: expected all, argmax or topk K, found '{}'",
                             printable(fmt::format("{}", fmt::join(options.output, " ")))));
  write.output = top                ? importer::WriteOptions::Output::kTopK
                 : kind == "argmax" ? importer::WriteOptions::Output::kArgMax
                                    : importer::WriteOptions::Output::kAll;
  if (top) {
    const std::string& k = options.output[1];
    if (k.empty() || k.size() > 6 ||
        !std::ranges::all_of(k, [](char c) { return c >= '0' && c <= '9'; }) || std::stoul(k) == 0)
      return wrong(
          fmt::format("--output topk: expected a number from 1, found '{}'", printable(k)));
    write.top = static_cast<uint32_t>(std::stoul(k));
  }
  write.float_tail = options.float_tail;
  write.public_input = options.public_input;
  if (write.float_tail && kind != "all")
    return wrong(
        fmt::format("--float-tail: expected --output all, found {}, which takes its classes of "
                    "quantised tensors",
                    kind));
  return write;
}

Result<importer::LowerOptions> lower_options(const Options& options) {
  importer::LowerOptions lower;
  for (const std::string& text : options.dims) {
    const size_t equals = text.rfind('=');
    const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (number.empty() || number.size() > 8 ||
        !std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; }))
      return tl::unexpected(
          Error{ErrorCode::kUnreadable,
                fmt::format("--dim: expected NAME=SIZE, found '{}'", printable(text))});
    lower.dims[text.substr(0, equals)] = static_cast<uint32_t>(std::stoul(number));
  }
  return lower;
}

nlohmann::ordered_json report_json(const importer::Report& report,
                                   const importer::Network& network) {
  nlohmann::ordered_json object;
  object["lines"] = nlohmann::ordered_json::array();
  for (const importer::LineReport& line : report.lines)
    object["lines"].push_back({{"name", line.name},
                               {"node", printable(line.node)},
                               {"operators", printable(line.op_type)},
                               {"shape", line.shape},
                               {"weights", line.weights},
                               {"products", line.products},
                               {"runs_on", line.on_unit ? "unit" : "instructions"},
                               {"cells", line.cells},
                               {"public_scales", line.public_scales}});
  object["weights"] = report.weights;
  object["products"] = report.products;
  object["cells"] = report.cells;
  object["expected_prove_seconds"] = report.seconds;
  object["tail"] = nlohmann::ordered_json::array();
  for (const importer::TailNode& node : network.tail)
    object["tail"].push_back(
        {{"node", printable(node.node)}, {"operator", printable(node.op_type)}});
  object["warnings"] = network.warnings;
  return object;
}

// What becomes of the float arithmetic behind the last quantised tensors.
std::string tail_text(const importer::Network& network, const importer::WriteOptions& write) {
  const std::string list = importer::tail_operators(network);
  if (write.float_tail)
    return fmt::format("Proven in soft-float, behind the last quantised tensors: {}.", list);
  const std::string outside = fmt::format(
      "Not proven, since it is float arithmetic behind the last quantised tensors: {}.", list);
  if (write.output != importer::WriteOptions::Output::kAll) return outside;
  if (const auto tail = importer::write_tail(network, write.name); !tail)
    return fmt::format("{}\nIt is left to who reads the journal: {}.", outside,
                       printable(tail.error().message));
  return fmt::format(
      "{}\nIt is written as {}_outputs.h and {}_outputs.py; --float-tail proves it in soft-float.",
      outside, write.name, write.name);
}

void print_report(const importer::Report& report, const importer::Network& network,
                  const importer::WriteOptions& write) {
  Table table({{"line"},
               {"operators"},
               {"shape"},
               {"weights", Table::Align::kRight},
               {"products", Table::Align::kRight},
               {"runs on"},
               {"cells", Table::Align::kRight},
               {"node"}});
  for (const importer::LineReport& line : report.lines)
    table.row({line.name, printable(line.op_type), importer::text_of(line.shape),
               line.weights == 0 ? "" : grouped(line.weights),
               line.products == 0 ? "" : grouped(line.products),
               line.on_unit ? "unit" : "instructions", grouped(line.cells), printable(line.node)});
  table.print(stdout);
  fmt::print(
      "  {} weights, {} products; about {} cells, {:.2g} s to prove on a typical machine of 2 "
      "cores\n",
      grouped(report.weights), grouped(report.products), grouped(report.cells), report.seconds);
  if (!network.tail.empty()) fmt::print("\n{}\n", tail_text(network, write));
  for (const std::string& warning : network.warnings)
    fmt::print("warning: {}\n", printable(warning));
}

// What --check and --distance found.
struct Comparison {
  std::optional<importer::CheckReport> runtime;             // with the arrays of --check
  std::optional<Result<importer::CheckReport>> as_written;  // of a QDQ file
};

Result<Comparison> compared(const Options& options, const onnx_file::Model& model,
                            const importer::Network& network, const importer::Plan& plan,
                            importer::WriteOptions write) {
  Comparison comparison;
  write.output = importer::WriteOptions::Output::kAll;
  write.float_tail = false;
  write.batch = 1;
  ModelInfo info = importer::model_info(plan, write);
  // Nothing is read or committed here but inputs and outputs.
  info.forget_private_weights();
  info.public_input = false;
  std::map<std::string, Array> arrays;
  if (!options.check.empty()) {
    const auto file = read_file(options.check, "arrays");
    if (!file) return tl::unexpected(file.error());
    auto read = read_npz(*file);
    if (!read) return tl::unexpected(in_file(options.check, read.error()));
    arrays = *std::move(read);
    auto report = importer::check(network, info, arrays);
    if (!report) return tl::unexpected(in_file(options.check, report.error()));
    comparison.runtime = *std::move(report);
  } else if (options.distance != 0) {
    auto random = importer::random_inputs(info, options.distance);
    if (!random) return tl::unexpected(random.error());
    arrays = *std::move(random);
  }
  if (network.is_qdq && !arrays.empty())
    comparison.as_written = importer::distance_to_as_written(model, network, info, arrays);
  return comparison;
}

void print_comparison(const Comparison& comparison) {
  const auto print = [](const importer::CheckReport& report, const char* theirs) {
    for (const importer::CheckedOutput& output : report.outputs)
      if (output.elements != 0)
        fmt::print("{}: {} of {} elements are {}, of {} examples{}\n", printable(output.name),
                   grouped(output.equal), grouped(output.elements), theirs,
                   grouped(report.examples),
                   output.equal == output.elements
                       ? ""
                       : fmt::format("; the others differ by {:.4g} at most", output.furthest));
  };
  if (comparison.runtime) print(*comparison.runtime, "the runtime's");
  if (!comparison.as_written) return;
  if (*comparison.as_written)
    print(**comparison.as_written, "those of the file as written, in float32 without optimisation");
  else
    fmt::print("not compared with the file as written, in float32 without optimisation: {}\n",
               printable(comparison.as_written->error().message));
}

nlohmann::ordered_json check_json(const importer::CheckReport& check) {
  nlohmann::ordered_json object{{"examples", check.examples}};
  for (const importer::CheckedOutput& output : check.outputs)
    if (output.elements != 0)
      object["outputs"][printable(output.name)] = {
          {"elements", output.elements}, {"equal", output.equal}, {"furthest", output.furthest}};
  return object;
}

void add_json(nlohmann::ordered_json& json, const Comparison& comparison) {
  if (comparison.runtime) json["check"] = check_json(*comparison.runtime);
  if (!comparison.as_written) return;
  if (*comparison.as_written)
    json["as_written"] = check_json(**comparison.as_written);
  else
    json["as_written"]["not_compared"] = printable(comparison.as_written->error().message);
}

importer::PlanOptions plan_options(const Options& options) {
  importer::PlanOptions plan;
  if (const auto memory = parse_size(options.memory_limit))
    plan.most_rows = stark::machine::call_rows(*memory);
  plan.private_weights = options.private_weights;
  return plan;
}

// Salt and weights of an ONNX file, as they would be imported.
Result<std::vector<uint8_t>> imported_weights(const Options& options) {
  const auto in_model = [&](const onnx_file::Error& error) {
    return tl::unexpected(in_file(options.model, as_error(error)));
  };
  const auto lower = lower_options(options);
  if (!lower) return tl::unexpected(lower.error());
  const auto salt = read_salt(options.salt);
  if (!salt) return tl::unexpected(salt.error());
  const auto bytes = read_file(options.model, "model", kMaxModelFile);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto model = onnx_file::read_model(*bytes);
  if (!model) return in_model(model.error());
  auto network = importer::lower(*model, *lower);
  if (!network) return in_model(network.error());
  const auto plan = importer::plan(*std::move(network), plan_options(options));
  if (!plan) return in_model(plan.error());
  importer::WriteOptions write;
  write.salt = *salt;
  return importer::private_input(*plan, write);
}

int model_id_command(Options options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm model-id", error.message, options.json);
  };
  options.private_weights = true;
  if (options.has_salt && (options.salt.empty() || options.salt == kRandomSalt))
    return failed({ErrorCode::kUnfitSalt,
                   "--salt: expected the salt that the model was imported with, found another word"});
  auto weights = !options.has_salt
                     ? read_file(options.model, "weights", kSaltBytes + kMaxTensorBytes)
                     : imported_weights(options);
  if (!weights) return failed(weights.error());
  // A file of another kind has no salt: what would be its first bytes is known.
  const std::string_view begin(reinterpret_cast<const char*>(weights->data()), weights->size());
  const bool is_other = !options.has_salt && (begin.starts_with("\x7f" "ELF") ||
                                              onnx_file::read_model(*weights).has_value());
  if (is_other || weights->size() <= kSaltBytes || weights->size() % 4 != 0)
    return failed(in_file(options.model,
                          {ErrorCode::kUnfitTensors,
                           fmt::format("expected a file of `zkvm import --private-weights`, salt and "
                                       "weights in whole words, found {}; of an ONNX file say "
                                       "--salt",
                                       is_other ? "another one"
                                                : fmt::format("{} bytes", weights->size()))}));
  const std::string id = hex(importer::model_id(*weights));
  if (options.json)
    print_json({{"model_id", id}, {"weight_bytes", weights->size() - kSaltBytes}});
  else
    fmt::print("{}\n", id);
  return kSuccess;
}

int import_command(const Options& options) {
  const auto failed = [&](const std::string& message) {
    return fail(kCommand, message, options.json);
  };
  if (!options.private_weights && options.salt != kRandomSalt)
    return failed("--salt: expected --private-weights, too, found none: weights would be public");
  if (options.folder.empty() || is_standard(options.folder))
    return failed("-o DIR: expected a folder's name");
  const auto write = write_options(options);
  if (!write) return failed(write.error().message);
  const auto lower = lower_options(options);
  if (!lower) return failed(lower.error().message);
  const auto package = package_folder();
  if (!package) return failed(package.error().message);
  const auto bytes = read_file(options.model, "model", kMaxModelFile);
  if (!bytes) return failed(bytes.error().message);
  const auto in_model = [&](const onnx_file::Error& error) {
    return failed(in_file(options.model, as_error(error)).message);
  };
  const auto model = onnx_file::read_model(*bytes);
  if (!model) return in_model(model.error());
  auto network = importer::lower(*model, *lower);
  if (!network) return in_model(network.error());
  // The plan's network lies as the unit wants it; --check is of the model's own.
  const bool compares = !options.check.empty() || options.distance != 0;
  const importer::Network original = compares ? *network : importer::Network{};
  const auto plan = importer::plan(*std::move(network), plan_options(options));
  if (!plan) return in_model(plan.error());
  // Only of large layers are there so many parts that an image might not have them all.
  if (std::ranges::any_of(plan->calls_of, [](const auto& calls) { return calls.size() > 1; }))
    if (const auto image = stark::machine::LayerImage::of(plan->layers, stark::machine::kImageRate);
        !image)
      return failed(in_file(options.model, {ErrorCode::kUnfitElf, image.error().message}).message);
  importer::WriteOptions with_origin = *write;
  if (options.private_weights) {
    const auto salt = read_salt(options.salt);
    if (!salt) return failed(salt.error().message);
    with_origin.salt = *salt;
    // Another salt must not take the place of one that is needed.
    const std::string path = fmt::format("{}/{}.weights", options.folder, write->name);
    const auto old = read_file(path, "weights", kSaltBytes + kMaxTensorBytes);
    if (!old || old->size() < kSaltBytes ||
        !std::ranges::equal(std::span(*old).first(kSaltBytes), *salt))
      if (const auto ok = check_salt_is_new(path); !ok) return failed(ok.error().message);
  }
  const stark::Digest digest = stark::blake3_hash(*bytes);
  with_origin.onnx = {model->producer, model->opsets.at(""),
                      hex({reinterpret_cast<const uint8_t*>(digest.data()), sizeof(digest)})};
  const auto files = importer::write_guest(*plan, with_origin);
  if (!files) return in_model(files.error());

  const importer::Report report = importer::report(*plan, options.batch);
  nlohmann::ordered_json json = report_json(report, plan->network);
  std::vector<ProjectText> texts;
  for (const importer::ProjectFile& file : *files)
    texts.push_back({file.name, file.bytes, file.is_secret});
  nlohmann::ordered_json published = json;
  json["model_id"] = nullptr;
  if (options.private_weights) {
    published["warnings"].clear();  // which may tell of weights
    json["model_id"] = hex(importer::model_id(importer::private_input(*plan, with_origin)));
  }
  texts.push_back({"report.json", published.dump(2) + "\n"});
  texts.push_back({"report.svg", importer::svg(report, with_origin.model_file)});
  if (Result<void> ok = write_project(options.folder, texts, options.force); !ok)
    return failed(ok.error().message);

  Comparison comparison;
  if (compares) {
    auto result = compared(options, *model, original, *plan, with_origin);
    if (!result) return failed(result.error().message);
    comparison = *std::move(result);
  }

  const std::vector<std::string> commands = build_commands(options.folder, *package);
  if (options.json) {
    add_json(json, comparison);
    json["folder"] = options.folder;
    for (const ProjectText& text : texts) json["files"].push_back(text.name);
    json["commands"] = commands;
    print_json(json);
    return kSuccess;
  }
  print_report(report, plan->network, with_origin);
  print_comparison(comparison);
  if (options.private_weights)
    fmt::print(
        "\nPrivate: {} bytes of weights and biases, and the salt, in {}/{}.weights and "
        "example.input; reading and committing\nto them takes {} of these cells. Public: operators, "
        "shapes, zero points, tables of functions, and\n{} scales of "
        "weights (report.json: public_scales), each the greatest weight of its output or layer,\n"
        "as quantisers choose them.\nmodel id  {}\n",
        grouped(plan->private_bytes()), printable(options.folder), with_origin.name,
        grouped(report.commitment_cells),
        grouped(std::transform_reduce(
            report.lines.begin(), report.lines.end(), size_t{0}, std::plus<>(),
            [](const importer::LineReport& line) { return line.public_scales.size(); })),
        json["model_id"].get<std::string>());
  fmt::print("\nMade the guest {} in {}. Build and run it:\n\n", with_origin.name,
             printable(options.folder));
  for (const std::string& command : commands) fmt::print("  {}\n", command);
  fmt::print("\nThen read {}/README.md.\n", printable(options.folder));
  return kSuccess;
}

}  // namespace

void add_import(Command& sub, int& status) {
  sub.description(
      "Make a guest of an ONNX model.\n"
      "Reads a model that is quantised to 8 bits (QOperator or QDQ form) and writes a project "
      "into\n"
      "DIR: a guest that computes it bit for bit as ONNX Runtime does, its weights, a host "
      "program,\n"
      "CMakeLists.txt, README.md. Prints what each layer costs, and the two commands that build "
      "and\n"
      "run it. What cannot be imported is said in one line.");
  sub.footer(
      "Examples:\n"
      "  zkvm import mnist.int8.onnx -o mnist --output argmax\n"
      "  zkvm import scoring.onnx -o scoring --private-weights\n"
      "JSON (also DIR/report.json): lines (name, node, operators, shape, weights, products, "
      "runs_on, cells, public_scales of private weights), weights,\n"
      "products, cells, expected_prove_seconds, tail, warnings, model_id (or null), check, "
      "as_written,\n"
      "folder, files, commands.");
  auto options = std::make_shared<Options>();
  sub.add_option("MODEL", options->model, "The ONNX file")->required()->type_name("");
  sub.add_option("-o,--output-folder", options->folder, "The project's folder: new or empty")
      ->required()
      ->type_name("DIR");
  sub.add_option("--batch", options->batch, "Inferences in one run and proof")
      ->check(number_up_to(1, 1 << 20))
      ->type_name("N");
  sub.add_option("--name", options->name, "Of the guest; by default the file's")->type_name("NAME");
  sub.add_option("--output", options->output,
                 "What becomes public of each output: all, argmax, or topk K")
      ->expected(1, 2)
      ->type_name("WHAT");
  sub.add_option("--check", options->check,
                 "Compare with the runtime's outputs: arrays by the names of the model's inputs "
                 "and outputs, with an "
                 "axis of examples first. Of a QDQ file also with what it says as written: "
                 "float32, without "
                 "optimisation")
      ->type_name("FILE.npz");
  sub.add_option(
         "--distance", options->distance,
         "Without --check: compare a QDQ file with what it says as written, on N random inputs")
      ->check(number_up_to(1, 1 << 20))
      ->type_name("N");
  sub.add_option("--dim", options->dims, "Size of a dimension that the model names: NAME=SIZE")
      ->type_name("DIM");
  sub.add_option("--memory-limit", options->memory_limit,
                 "Cut layers into calls that `zkvm prove` has room for within this much memory: "
                 "512M, 6G (default: calls that take 1G or so)")
      ->type_name("SIZE")
      ->check(size_text());
  sub.add_flag("--float-tail", options->float_tail,
               "Prove float arithmetic behind the last quantised tensors, in soft-float");
  sub.add_flag("--private-weights", options->private_weights,
               "Weights and biases are private input of the guest, not constants of it. Its journal "
               "begins with their "
               "salted commitment, the model id. Operators, shapes and scales are public");
  sub.add_flag("--public-input", options->public_input,
               "The journal ends with the BLAKE3 of the inputs, which are public then: `zkvm verify "
               "--input-is` compares");
  sub.add_option("--salt", options->salt, fmt::format("Of --private-weights: {}", kSaltHelp))
      ->show_default()
      ->type_name("HEX|FILE");
  sub.add_flag("--force", options->force, "Write over the files of an earlier import");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = import_command(*options); });
}

void add_model_id(Command& sub, int& status) {
  sub.description(
      "Print the model id of private weights.\n"
      "The salted commitment to a model's weights and biases that a guest of `zkvm import "
      "--private-weights`\n"
      "writes to its journal first: of the file NAME.weights, or, with --salt, of the ONNX file "
      "that was\n"
      "imported with that salt and these options.");
  sub.footer(
      "Examples:\n"
      "  zkvm model-id scoring/scoring.weights\n"
      "  zkvm model-id scoring.onnx --salt scoring.salt\n"
      "JSON: model_id (hex), weight_bytes.");
  auto options = std::make_shared<Options>();
  sub.add_option("FILE", options->model, "NAME.weights; with --salt the ONNX file")
      ->required()
      ->type_name("");
  Option* salt =
      sub.add_option("--salt", options->salt,
                     "64 hex digits, with or without 0x, or the name of a file of 32 bytes")
          ->type_name("HEX|FILE");
  sub.add_option("--dim", options->dims, "As for `zkvm import`")->type_name("DIM");
  sub.add_option("--memory-limit", options->memory_limit, "As for `zkvm import`")
      ->type_name("SIZE")
      ->check(size_text());
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, salt, &status] {
    options->has_salt = salt->is_given();
    status = model_id_command(*options);
  });
}

}  // namespace zkvm::cli
