// Writes the header of tree_test and trees_guest: the trees of each case as zk::nn has them, as `zkvm import` writes them.
#include <fmt/format.h>
#include <fmt/os.h>

#include <cstdio>

#include "host/import/lower.h"
#include "host/import/tree.h"
#include "tests/import/cases.h"

int main(int argc, char** argv) {
  using namespace zkvm;
  if (argc != 3) return 2;
  std::string text = "#include <zk/nn/tree.h>\n\n", list = "#define ZKVM_TREE_CASES(X)";
  for (const import_test::Case& it : import_test::read_cases(argv[1])) {
    const auto network = onnx_file::read_model(it.model).and_then(
        [](const onnx_file::Model& model) { return importer::lower(model, {}); });
    if (!network) {
      fmt::print(stderr, "{}: {}\n", it.name, network.error().message);
      return 1;
    }
    const auto& trees = *std::get<importer::Trees>(network->operators.at(0).what).trees;
    text += importer::tree_definition(trees, "k_" + it.name) + "\n";
    list += fmt::format(" \\\n  X({})", it.name);
  }
  fmt::output_file(argv[2]).print("{}{}\n", text, list);
}
