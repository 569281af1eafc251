// `zkvm new`: a project to start from.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/project.h"
#include "host/source_map.h"

namespace zkvm::cli {
namespace {

// toolchain/template, compiled in: {path below the project's folder, contents}.
constexpr auto kTemplate = std::to_array<std::pair<const char*, const char*>>({
#include "template.inc"
});

struct Options {
  std::string folder;
  bool json = false;
};

int new_command(const Options& options) {
  if (options.folder.empty())
    return fail("zkvm new", "DIR: expected a name, found an empty one", options.json);
  if (is_standard(options.folder))
    return fail("zkvm new", "DIR: expected a folder's name, found '-'", options.json);
  const Result<std::filesystem::path> package = package_folder();
  if (!package) return fail("zkvm new", package.error().message, options.json);
  std::vector<ProjectText> files;
  for (const auto& [name, text] : kTemplate) files.push_back({name, text});
  if (Result<void> ok = write_project(options.folder, files, false); !ok)
    return fail("zkvm new", ok.error().message, options.json);

  const std::vector<std::string> commands = build_commands(options.folder, *package);
  if (options.json) {
    nlohmann::ordered_json object;
    object["folder"] = options.folder;
    for (const auto& [name, text] : kTemplate) object["files"].push_back(name);
    object["commands"] = commands;
    print_json(object);
    return kSuccess;
  }
  fmt::print("Made a guest, a host and their CMakeLists.txt in {}. Build and run it:\n\n",
             printable(options.folder));
  for (const std::string& command : commands) fmt::print("  {}\n", command);
  fmt::print("\nThen read {}/README.md.\n", printable(options.folder));
  return kSuccess;
}

}  // namespace

void add_new(Command& sub, int& status) {
  sub.description(
      "Make a project to start from.\n"
      "Writes a project into DIR: a guest, a host program that runs it, CMakeLists.txt, "
      "README.md.\n"
      "Prints the two commands that build and run it. DIR must be new or empty.");
  sub.footer(
      "Example:\n"
      "  zkvm new hello\n"
      "JSON: folder, files, commands.");
  auto options = std::make_shared<Options>();
  sub.add_option("DIR", options->folder, "The project's folder")->required()->type_name("");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = new_command(*options); });
}

}  // namespace zkvm::cli
