// write_tails CASES FOLDER: tail_K_outputs.h and tail_K_outputs.py of each case, as `zkvm import` writes them,
// tail_K.journal, what guests commit of all its samples, tails.inc, a function for each case, and guests that prove the
// tails of two of them: NAME_guest.cc and what it includes.
#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "host/import/evaluate.h"
#include "host/import/lower.h"
#include "host/import/plan.h"
#include "host/import/tail.h"
#include "host/import/write.h"
#include "tests/import/cases.h"

namespace {

using namespace zkvm;

void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) {
    fmt::print(stderr, "write_tails: {}: cannot write\n", path);
    exit(2);
  }
}

// A case that is not written is left out of tails.inc, and its test fails.
bool write_case(const import_test::Case& c, const std::string& folder, const std::string& name,
                std::string& functions) {
  const auto failed = [&](const onnx_file::Error& error) {
    fmt::print(stderr, "write_tails: {}: {}\n", c.name, error.message);
    return false;
  };
  const auto model = onnx_file::read_model(c.model);
  if (!model) return failed(model.error());
  const auto network = importer::lower(*model, {});
  if (!network) return failed(network.error());
  const auto tail = importer::write_tail(*network, name);
  if (!tail) return failed(tail.error());
  write(folder + "/" + name + "_outputs.h", tail->cpp);
  write(folder + "/" + name + "_outputs.py", tail->python);
  std::string journal;
  for (const import_test::Sample& sample : c.samples) {
    const auto ports = importer::evaluate(*network, sample.inputs);
    if (!ports) return failed(ports.error());
    for (const std::vector<uint8_t>& port : *ports) {
      journal.append(port.begin(), port.end());
      journal.append((4 - port.size() % 4) % 4, '\0');
    }
  }
  write(folder + "/" + name + ".journal", journal);

  std::string arguments, results;
  for (size_t i = 0; i < network->outputs.size(); ++i) {
    const char* types[] = {"int8_t", "uint8_t", "int32_t", "float"};
    const auto type = static_cast<size_t>(network->values[network->outputs[i].value].type);
    arguments += fmt::format("{}reinterpret_cast<const {}*>(ports[{}].data())", i == 0 ? "" : ", ",
                             types[type], i);
  }
  for (const importer::TailOutput& output : tail->outputs)
    results += fmt::format("{{y.{0}.begin(), y.{0}.end()}}, ", output.member);
  functions += fmt::format(
      "#include \"{0}_outputs.h\"\nstd::vector<std::vector<double>> run_{0}(const "
      "std::vector<std::vector<uint8_t>>& ports) {{\n  const auto y = {0}::outputs({1});\n  return "
      "{{{2}}};\n}}\n",
      name, arguments, results);
  return true;
}

bool write_guest(const import_test::Case& c, const std::string& folder) {
  const auto model = onnx_file::read_model(c.model);
  auto network = importer::lower(*model, {});
  if (!network) return false;
  const auto plan = importer::plan(*std::move(network));
  if (!plan) return false;
  importer::WriteOptions options;
  options.name = c.name;
  options.model_file = c.name;
  options.float_tail = true;
  const auto files = importer::write_guest(*plan, options);
  if (!files) return false;
  for (const importer::ProjectFile& file : *files)
    if (file.name.starts_with(c.name)) write(folder + "/" + file.name, file.bytes);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: write_tails CASES FOLDER\n");
    return 2;
  }
  const std::string folder = argv[2];
  std::string functions, rows;
  const auto cases = import_test::read_cases(argv[1]);
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string name = fmt::format("tail_{}", i);
    if (write_case(cases[i], folder, name, functions))
      rows += fmt::format("    {{\"{}\", run_{}}},\n", cases[i].name, name);
  }
  for (const import_test::Case& c : cases)
    if ((c.name == "tail_behind_gemm" || c.name == "tail_and_others") && !write_guest(c, folder)) {
      fmt::print(stderr, "write_tails: {}: no guest\n", c.name);
      return 1;
    }
  write(folder + "/tails.inc",
        functions + "const std::map<std::string, Run> kRuns = {\n" + rows + "};\n");
}
