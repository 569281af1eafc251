// write_guests FOLDER GROUPS: guests of the cases, as `zkvm import` writes them, many in one program: the input's first
// word says which. Makes group_K.cc, group_K.layers and group_K.layers.plain for K below GROUPS, and what they include.
#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/write.h"
#include "host/layers/plain.h"
#include "tests/import/cases.h"
#include "tests/import/private_cases.h"
#include "vm/layer/section.h"

namespace {

using namespace zkvm;
using import_test::Case;

void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) {
    fmt::print(stderr, "write_guests: {}: cannot write\n", path);
    exit(2);
  }
}

// The plan of a case. One that is not imported is left out, and its test fails.
std::optional<importer::Plan> plan_of(const Case& c, size_t number, size_t groups) {
  const auto failed = [&](const onnx_file::Error& error) {
    fmt::print(stderr, "write_guests: {}: {}\n", c.name, error.message);
    return std::nullopt;
  };
  const auto model = onnx_file::read_model(c.model);
  if (!model) return failed(model.error());
  auto network = importer::lower(*model, {});
  if (!network) return failed(network.error());
  const uint64_t most_rows = import_test::most_rows_of(number, groups);
  if (auto plan = import_test::private_plan(*network, number, groups, most_rows)) return plan;
  auto plan = importer::plan(*std::move(network), {.most_rows = most_rows});
  if (!plan) return failed(plan.error());
  return *std::move(plan);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: write_guests FOLDER GROUPS\n");
    return 2;
  }
  const std::string folder = argv[1];
  const auto groups = std::stoul(argv[2]);
  std::vector<const Case*> cases;
  for (const Case& c : import_test::all_cases())
    if (c.kind != Case::Kind::kRefused) cases.push_back(&c);
  for (size_t g = 0; g < groups; ++g) {
    const std::string group = fmt::format("group_{}", g);
    std::string includes, branches;
    std::vector<vm::Layer> layers;
    for (size_t i = g; i < cases.size(); i += groups) {
      const Case& c = *cases[i];
      const auto plan = plan_of(c, i, groups);
      if (!plan) continue;
      importer::WriteOptions options = import_test::private_options(i);
      options.name = fmt::format("case_{}", i);
      options.model_file = c.name;
      options.layers_symbol = group;
      options.first_layer = layers.size();
      // Tensors of every second one share bytes, though they are small.
      if (i / groups % 2 == 1) options.places = {.tensor = 1, .together = 0};
      const auto files = importer::write_guest(*plan, options);
      if (!files) continue;
      for (const importer::ProjectFile& file : *files)
        if (file.name.ends_with("_guest.cc") || file.name.ends_with(".h"))
          write(folder + "/" + file.name, file.bytes.substr(0, file.bytes.find("\nint main()")));
      layers.insert(layers.end(), plan->layers.begin(), plan->layers.end());
      includes += fmt::format("#include \"{}_guest.cc\"\n", options.name);
      const bool is_private = plan->has_private_weights(), is_public = options.public_input;
      branches += fmt::format("    case {}: {{\n", i);
      if (is_private)
        branches += fmt::format(
            "      static {}::ModelWeights weights;\n"
            "      zk::read_committed_file(std::as_writable_bytes(std::span(&weights, 1)));\n",
            options.name);
      if (is_public) branches += "      zk::Blake3 digest;\n";
      branches += fmt::format("      {}::run_example({}{}{});\n", options.name,
                              is_private ? "weights" : "", is_private && is_public ? ", " : "",
                              is_public ? "digest" : "");
      if (is_public) branches += "      zk::commit(digest.finish());\n";
      branches += "      return;\n    }\n";
    }
    write(folder + "/" + group + ".cc",
          fmt::format("{}\nvoid run_case(uint32_t number) {{\n  switch (number) {{\n{}  }}\n"
                      "  zk::fail(\"no such case\");\n}}\n\n#if defined(__riscv)\nint main() {{ "
                      "run_case(zk::read<uint32_t>()); }}\n#endif\n",
                      includes, branches));
    const std::vector<uint8_t> unit = vm::write_layers(layers), plain = layers::write_plain(layers);
    write(folder + "/" + group + ".layers", {unit.begin(), unit.end()});
    write(folder + "/" + group + ".layers.plain", {plain.begin(), plain.end()});
  }
}
