// `zkvm new`: a project to start from.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/file.h"
#include "host/source_map.h"

namespace zkvm::cli {
namespace {

namespace fs = std::filesystem;

// toolchain/template, compiled in: {path below the project's folder, contents}.
constexpr auto kTemplate = std::to_array<std::pair<const char*, const char*>>({
#include "template.inc"
});

// Where find_package(zkvm) finds this very zkvm: its installation, or the tree it was built in.
std::optional<fs::path> package_folder() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return std::nullopt;
  const fs::path prefix = self.parent_path().parent_path();
  for (const fs::path& folder : {prefix / "lib/cmake/zkvm", prefix}) {
    if (fs::exists(folder / "zkvmConfig.cmake", error)) return folder;
  }
  return std::nullopt;
}

// `path` as a shell takes it.
std::string quoted(const std::string& path) {
  if (path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "_-+=./,:@%") == std::string::npos) {
    return path;
  }
  std::string text = "'";
  for (char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

Result<void> refuse(const std::string& folder, const std::string& found) {
  return tl::unexpected(
      Error{ErrorCode::kUnwritable,
            fmt::format("'{}': expected a folder that is new or empty, found: {}", folder, found)});
}

// Characters that CMake or its generators have no way to write in a path.
constexpr std::string_view kNotInPaths = "#<>:;\"\\|`\n\r";

// Makes the files; leaves nothing of its own behind where that fails.
Result<void> write_project(const std::string& folder) {
  std::error_code error;
  const std::string whole = fs::absolute(folder, error).string();
  if (const size_t at = whole.find_first_of(kNotInPaths); at != std::string::npos) {
    return tl::unexpected(
        Error{ErrorCode::kUnwritable,
              fmt::format("'{}': expected a folder that CMake can build in, found '{}' in its path",
                          whole, whole[at])});
  }
  const fs::file_status status = fs::status(folder, error);
  if (fs::exists(status)) {
    if (!fs::is_directory(status)) return refuse(folder, "a file");
    if (!fs::is_empty(folder, error)) {
      return refuse(folder, error ? error.message() : "a folder with files; nothing was written");
    }
  }
  fs::create_directories(folder, error);
  if (error) return refuse(folder, error.message());
  for (const auto& [name, text] : kTemplate) {
    const fs::path path = fs::path(folder) / name;
    fs::create_directories(path.parent_path(), error);
    const std::span bytes(reinterpret_cast<const uint8_t*>(text),
                          std::char_traits<char>::length(text));
    if (Result<void> ok = write_file(path.string(), "project file", bytes); !ok) return ok;
  }
  return {};
}

struct Options {
  std::string folder;
  bool json = false;
};

int new_command(const Options& options) {
  if (options.folder.empty())
    return fail("zkvm new", "DIR: expected a name, found an empty one", options.json);
  if (is_standard(options.folder))
    return fail("zkvm new", "DIR: expected a folder's name, found '-'", options.json);
  const std::optional<fs::path> package = package_folder();
  if (!package) {
    return fail(
        "zkvm new",
        "expected zkvmConfig.cmake beside this program (prefix/lib/cmake/zkvm), found none: "
        "install with `cmake --install build/release --prefix PREFIX` and run PREFIX/bin/zkvm",
        options.json);
  }
  if (Result<void> ok = write_project(options.folder); !ok) {
    return fail("zkvm new", ok.error().message, options.json);
  }

  const std::string source = quoted(options.folder);
  const std::string build = quoted((fs::path(options.folder) / "build").string());
  const std::string commands[] = {
      fmt::format("cmake -S {} -B {} -Dzkvm_DIR={}", source, build, quoted(package->string())),
      fmt::format("cmake --build {} --target run", build)};
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

void add_new(CLI::App* sub, int& status) {
  sub->description(
      "Make a project to start from.\n"
      "Writes a project into DIR: a guest, a host program that runs it, CMakeLists.txt, "
      "README.md.\n"
      "Prints the two commands that build and run it. DIR must be new or empty.");
  sub->footer(
      "Example:\n"
      "  zkvm new hello\n"
      "JSON: folder, files, commands.");
  auto options = std::make_shared<Options>();
  sub->add_option("DIR", options->folder, "The project's folder")->required()->type_name("");
  sub->add_flag("--json", options->json, "One JSON object on stdout");
  sub->callback([options, &status] { status = new_command(*options); });
}

}  // namespace zkvm::cli
